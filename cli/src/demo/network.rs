//! The demo's network: a real log, and everything around it that is synthetic.
//!
//! Real: the rows of the log and their times. Synthetic, drawn from the seed: session and hardware keys, payees, positions,
//! the watchers, their packet loss, the beacon. Each day of the log plays one station on the same day of the epoch.

use crate::failure::Failure;
use crate::synthetic::{self, Place, Seed, WatcherKeys};
use popw_claims::attestation::{Observation, Refusals};
use popw_claims::delegation::SignedDelegation;
use popw_claims::epoch::Epoch;
use popw_claims::field::Fr;
use popw_claims::log::{RawLog, RawRow};
use popw_claims::record::{Record, SignedRecord, payload_of};
use popw_claims::registry::{Device, DeviceRegistry, WatcherRegistry};
use popw_claims::uptime::{Shape, Vote};
use rand::Rng;
use rayon::prelude::*;

const DAY_SECONDS: u64 = 86_400;
/// Watchers of a seat: the least that gives four owners.
const WATCHERS_PER_SEAT: usize = 4;
/// Strasbourg, degrees x 1e-7, where the log was taken; stations are set some hundred metres apart.
const LATITUDE_E7: i32 = 485_734_000;
const LONGITUDE_E7: i32 = 77_521_000;
const SPACING_E7: i32 = 40_000;

/// A day of the log, played as a station.
pub struct Station<'a> {
    /// The UTC day, counted from 1970-01-01.
    pub day: u64,
    /// Its rows.
    pub rows: &'a [RawRow],
    /// Slots of the day with at least one row.
    pub slots_logged: u32,
    registered: synthetic::Station,
}

/// The stations of the zone and the watchers.
pub struct Network<'a> {
    seed: Seed,
    /// The stations, in registry order.
    pub stations: Vec<Station<'a>>,
    /// The epoch that all of them play.
    pub epoch: Epoch,
    /// The device registry.
    pub devices: DeviceRegistry,
    /// The watchers.
    pub watchers: WatcherRegistry,
    watcher_keys: WatcherKeys,
    /// R of the epoch before, which orders the watchers of a seat.
    pub previous_randomness: [u8; 32],
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

impl<'a> Network<'a> {
    /// Chooses the days, evenly spaced over the log, and registers a station for each: its delegation is signed by its hardware
    /// key and verified.
    ///
    /// # Errors
    /// If a synthetic key cannot be made or a rule of registration is broken.
    pub fn new(log: &'a RawLog, shape: &Shape, seed: u64) -> Result<Self, Failure> {
        let seed = Seed {
            world: "popw demo",
            number: seed,
        };
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
            let place = Place {
                index,
                body: index,
                epoch: epoch.number(),
                latitude_e7: LATITUDE_E7,
                longitude_e7: LONGITUDE_E7 + i32::try_from(index).unwrap_or(0) * SPACING_E7,
            };
            let slots_logged = log.slots_logged(&epoch_of(day)?);
            stations.push(Station {
                day,
                rows: log.rows_of_day(day),
                slots_logged,
                registered: synthetic::Station::draw(&seed, &place)?,
            });
        }
        let registered = (0..).zip(stations.iter().map(|station| station.registered.device.clone()));
        let devices = DeviceRegistry::new(shape.device_levels, registered).map_err(Failure::internal)?;

        let previous_randomness = seed.bytes("beacon", 0);
        let (watchers, watcher_keys) = WatcherKeys::draw(
            &seed,
            (shape.watchers, shape.seat_levels),
            WATCHERS_PER_SEAT,
            &previous_randomness,
        )?;
        Ok(Self {
            seed,
            stations,
            epoch,
            devices,
            watchers,
            watcher_keys,
            previous_randomness,
        })
    }

    /// A station's device and delegation, for the registry's file.
    pub fn registration(&self, index: usize) -> (&Device, &SignedDelegation) {
        let station = &self.stations[index].registered;
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
                record.sign(epoch_tag, &station.registered.session)
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
        let committee = self.watcher_keys.committee(&self.watchers, epoch_tag, 0)?;
        (committee.into_par_iter().enumerate())
            .map(|(seat, watcher)| {
                let mut observation =
                    Observation::new(&self.devices, self.epoch, epoch_tag, 0, shape.devices, seat)
                        .map_err(Failure::internal)?;
                let mut losses = self.seed.rng("loss", seat);
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
                let (bitmap, attestation) = observation.attest(self.watcher_keys.secret(watcher));
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
