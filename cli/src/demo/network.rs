//! The demo's network: a real log, and everything around it that is synthetic.
//!
//! Real: the rows of the log and their times. Synthetic, drawn from the seed: session and hardware keys, payees, positions,
//! the watchers, their packet loss, the beacon. Each day of the log plays one station on the same day of the epoch.

use crate::failure::Failure;
use ed25519_dalek::Signer as _;
use popw_claims::attestation::{Observation, Refusals};
use popw_claims::babyjubjub::Point;
use popw_claims::committee::draw;
use popw_claims::delegation::{Delegation, HardwareKey, SignedDelegation};
use popw_claims::eddsa::SecretKey;
use popw_claims::epoch::Epoch;
use popw_claims::field::{Fr, keccak248, keccak256, reduce_be_bytes};
use popw_claims::log::{RawLog, RawRow};
use popw_claims::record::{Record, SignedRecord, payload_of};
use popw_claims::registry::{Device, DeviceRegistry, Position, Watcher, WatcherRegistry};
use popw_claims::uptime::{Shape, Vote};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;

const DAY_SECONDS: u64 = 86_400;
/// Watchers of a seat: the least that gives four owners.
const WATCHERS_PER_SEAT: usize = 4;
/// Strasbourg, degrees x 1e-7, where the log was taken; stations are set some hundred metres apart.
const LATITUDE_E7: i32 = 485_734_000;
const LONGITUDE_E7: i32 = 77_521_000;
const SPACING_E7: i32 = 40_000;
/// The H3 cell of resolution 12 at that point.
const H3_CELL: u64 = 0x8c1_f856_03c0_abff;

/// A day of the log, played as a station.
pub struct Station<'a> {
    /// The UTC day, counted from 1970-01-01.
    pub day: u64,
    /// Its rows.
    pub rows: &'a [RawRow],
    /// Slots of the day with at least one row.
    pub slots_logged: u32,
    session: SecretKey,
    device: Device,
    delegation: SignedDelegation,
}

/// A watcher's key pair and what answers for it.
struct WatcherKey {
    secret: SecretKey,
    public: Point,
}

/// The stations of the zone and the watchers.
pub struct Network<'a> {
    seed: u64,
    /// The stations, in registry order.
    pub stations: Vec<Station<'a>>,
    /// The epoch that all of them play.
    pub epoch: Epoch,
    /// The device registry.
    pub devices: DeviceRegistry,
    /// The watchers.
    pub watchers: WatcherRegistry,
    watcher_keys: Vec<WatcherKey>,
    /// R of the epoch before, which orders the watchers of a seat.
    pub previous_randomness: [u8; 32],
    /// R of the epoch.
    pub randomness: [u8; 32],
}

/// What one seat received and signed.
pub struct SeatVote {
    /// The attestation with its bitmap.
    pub vote: Vote,
    /// Records that reached the watcher.
    pub received: usize,
    /// Records that were lost on the way.
    pub lost: usize,
    /// Records that it refused.
    pub refusals: Refusals,
}

/// 32 bytes that depend on the seed, a name and a number.
fn draw_bytes(seed: u64, name: &str, number: usize) -> [u8; 32] {
    keccak256(format!("popw demo/{seed}/{name}/{number}").as_bytes())
}

fn below_2_248(seed: u64, name: &str, number: usize) -> Fr {
    keccak248(&draw_bytes(seed, name, number))
}

impl<'a> Network<'a> {
    /// Chooses the days, evenly spaced over the log, and registers a station for each: its delegation is signed by its hardware
    /// key and verified.
    ///
    /// # Errors
    /// If a synthetic key cannot be made or a rule of registration is broken.
    pub fn new(log: &'a RawLog, shape: &Shape, seed: u64) -> Result<Self, Failure> {
        let days = log.days();
        let wanted = shape.devices.min(days.len());
        let chosen: Vec<u64> = (0..wanted).map(|i| days[i * days.len() / wanted]).collect();
        let Some(last) = chosen.last() else {
            return Err(Failure::input(format!("{}: has no day with rows", log.name())));
        };
        let slots = u32::try_from(shape.slots).map_err(Failure::internal)?;
        let epoch_of = |day| Epoch::new(day, 86_400, slots).map_err(Failure::internal);
        let epoch = epoch_of(*last)?;
        let mut stations = Vec::new();
        for (index, day) in chosen.into_iter().enumerate() {
            let (session, device, delegation) = register(seed, index, epoch.number())?;
            let slots_logged = log.slots_logged(&epoch_of(day)?);
            stations.push(Station {
                day,
                rows: log.rows_of_day(day),
                slots_logged,
                session,
                device,
                delegation,
            });
        }
        let registered = (0..).zip(stations.iter().map(|station| station.device.clone()));
        let devices = DeviceRegistry::new(shape.device_levels, registered).map_err(Failure::internal)?;

        let mut watcher_keys = Vec::new();
        let mut seats = Vec::new();
        for seat in 0..shape.watchers {
            let mut watchers = Vec::new();
            for number in 0..WATCHERS_PER_SEAT {
                let global = seat * WATCHERS_PER_SEAT + number;
                let secret = SecretKey::from_bytes(&draw_bytes(seed, "watcher", global));
                let public = secret.public_key();
                watchers.push(Watcher {
                    owner: below_2_248(seed, "watcher owner", global),
                    key: public,
                });
                watcher_keys.push(WatcherKey { secret, public });
            }
            seats.push(watchers);
        }
        let previous_randomness = draw_bytes(seed, "beacon", 0);
        let watchers = WatcherRegistry::new(shape.seat_levels, seats, &previous_randomness)
            .map_err(Failure::internal)?;
        let randomness = draw_bytes(seed, "beacon", 1);
        Ok(Self {
            seed,
            stations,
            epoch,
            devices,
            watchers,
            watcher_keys,
            previous_randomness,
            randomness,
        })
    }

    /// A station's device and delegation, for the registry's file.
    pub fn registration(&self, index: usize) -> (&Device, &SignedDelegation) {
        let station = &self.stations[index];
        (&station.device, &station.delegation)
    }

    /// Every row as a record signed by its station's session key, on the epoch's day.
    pub fn records(&self, epoch_tag: Fr) -> Vec<SignedRecord> {
        let start = self.epoch.start();
        let rows: Vec<(u64, &Station<'_>, &RawRow)> = (0..)
            .zip(&self.stations)
            .flat_map(|(index, station)| station.rows.iter().map(move |row| (index, station, row)))
            .collect();
        rows.into_par_iter()
            .map(|(device_index, station, row)| {
                let time = start + row.time % DAY_SECONDS;
                let record = Record {
                    device_index,
                    time,
                    payload: payload_of(&row.bytes),
                };
                record.sign(epoch_tag, &station.session)
            })
            .collect()
    }

    /// The drawn watchers of zone 0 receive the records, verify each, lose some, and attest.
    ///
    /// # Errors
    /// If a drawn watcher is not one of the network's.
    pub fn watch(
        &self,
        shape: &Shape,
        epoch_tag: Fr,
        records: &[SignedRecord],
        loss_percent: u8,
    ) -> Result<Vec<SeatVote>, Failure> {
        let leaves = draw(epoch_tag, 0, shape.watchers, shape.seat_levels);
        (leaves.into_par_iter().enumerate())
            .map(|(seat, leaf)| {
                let drawn = self.watchers.watcher(seat, leaf).map_err(Failure::internal)?;
                let key = self
                    .watcher_keys
                    .iter()
                    .find(|key| key.public == drawn.key)
                    .ok_or_else(|| Failure::internal("a drawn watcher has no key"))?;
                let mut observation =
                    Observation::new(&self.devices, self.epoch, epoch_tag, 0, shape.devices, seat)
                        .map_err(Failure::internal)?;
                let mut losses = StdRng::from_seed(draw_bytes(self.seed, "loss", seat));
                let (mut received, mut lost) = (0, 0);
                for record in records {
                    if losses.gen_range(0..100) < loss_percent {
                        lost += 1;
                        continue;
                    }
                    received += 1;
                    // Refusals are counted by the observation; delivery takes no time here.
                    let _ = observation.receive(record.record.time, record);
                }
                let refusals = observation.refusals();
                let (bitmap, attestation) = observation.attest(&key.secret);
                Ok(SeatVote {
                    vote: Vote { bitmap, attestation },
                    received,
                    lost,
                    refusals,
                })
            })
            .collect()
    }
}

/// A station's session key, device and delegation: even stations have a P-256 hardware key, odd ones Ed25519.
fn register(seed: u64, index: usize, epoch: u64) -> Result<(SecretKey, Device, SignedDelegation), Failure> {
    let session = SecretKey::from_bytes(&draw_bytes(seed, "session", index));
    let delegation = Delegation {
        device_id: below_2_248(seed, "device", index),
        session_key: session.public_key(),
        first_epoch: epoch,
        epochs: 30,
    };
    let secret = draw_bytes(seed, "hardware", index);
    let (key, signature) = if index.is_multiple_of(2) {
        let signer = p256::ecdsa::SigningKey::from_slice(&secret).map_err(Failure::internal)?;
        let signature: p256::ecdsa::Signature = signer.sign(&delegation.message());
        let signature = signature.normalize_s().unwrap_or(signature);
        let point = signer.verifying_key().to_encoded_point(true);
        let key = HardwareKey::P256(point.as_bytes().try_into().map_err(Failure::internal)?);
        (key, signature.to_bytes().into())
    } else {
        let signer = ed25519_dalek::SigningKey::from_bytes(&secret);
        (
            HardwareKey::Ed25519(signer.verifying_key().to_bytes()),
            signer.sign(&delegation.message()).to_bytes(),
        )
    };
    let step = i32::try_from(index).unwrap_or(0) * SPACING_E7;
    let mut payee = [0; 20];
    payee.copy_from_slice(&draw_bytes(seed, "payee", index)[..20]);
    let device = Device {
        payee,
        session_key: session.public_key(),
        device_id: delegation.device_id,
        owner_id: below_2_248(seed, "owner", index),
        hardware_key_hash: key.hash(),
        hardware_class: key.class(),
        position: Position::from_degrees_e7(LATITUDE_E7, LONGITUDE_E7 + step).map_err(Failure::internal)?,
        h3_cell: H3_CELL,
        gain_ddbi: 12,
        region: 868,
        scale_e4: 10_000,
        secret_commitment: reduce_be_bytes(&draw_bytes(seed, "commitment", index)),
        salt: reduce_be_bytes(&draw_bytes(seed, "salt", index)),
    };
    delegation.verify(&key, &signature).map_err(Failure::internal)?;
    Ok((
        session,
        device,
        SignedDelegation {
            delegation,
            key,
            signature,
        },
    ))
}
