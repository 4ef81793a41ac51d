//! What the demo and the simulation make up: keys, devices and watchers, all drawn from a seed.
//!
//! The keys protect nothing: whoever has the seed has them.
//!
//! Depends on `popw_claims::registry` and `delegation`, whose rules every synthetic thing has to pass. Used by
//! [`crate::demo::network`] and [`crate::simulate`].

use crate::failure::Failure;
use ed25519_dalek::Signer as _;
use popw_claims::babyjubjub::Point;
use popw_claims::committee::draw;
use popw_claims::delegation::{Delegation, HardwareKey, SignedDelegation};
use popw_claims::eddsa::SecretKey;
use popw_claims::field::{Fr, keccak248, keccak256, reduce_be_bytes};
use popw_claims::registry::{Device, Position, Watcher, WatcherRegistry};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// The H3 cell of resolution 12 of the built-in log's station; nothing interprets it.
const H3_CELL: u64 = 0x8c1_f856_03c0_abff;
/// Epochs for which a hardware key delegates to a session key.
const DELEGATED_EPOCHS: u64 = 30;

/// The seed of everything synthetic. Draws of different seeds, worlds, names or numbers have nothing in common.
#[derive(Debug, Clone, Copy)]
pub struct Seed {
    /// Whose things are drawn, such as `popw demo`.
    pub world: &'static str,
    /// The number that people choose.
    pub number: u64,
}

impl Seed {
    /// 32 bytes that depend on the seed, a name and a number.
    pub fn bytes(&self, name: &str, number: usize) -> [u8; 32] {
        keccak256(format!("{}/{}/{name}/{number}", self.world, self.number).as_bytes())
    }

    /// A field element below 2^248.
    pub fn below_2_248(&self, name: &str, number: usize) -> Fr {
        keccak248(&self.bytes(name, number))
    }

    /// A generator of random numbers.
    pub fn rng(&self, name: &str, number: usize) -> StdRng {
        StdRng::from_seed(self.bytes(name, number))
    }
}

/// Where and as what a station is registered.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Registry index: decides device id, owner, payee and salt.
    pub index: usize,
    /// The station behind it: decides hardware and session key. Another index's for a station that is registered twice.
    pub body: usize,
    /// First epoch of the delegation.
    pub epoch: u64,
    /// Degrees x 1e-7.
    pub latitude_e7: i32,
    /// Degrees x 1e-7.
    pub longitude_e7: i32,
}

/// A registered station with its session key.
pub struct Station {
    /// Signs its records.
    pub session: SecretKey,
    /// Its entry.
    pub device: Device,
    /// By its hardware key, verified.
    pub delegation: SignedDelegation,
}

impl Station {
    /// Draws a station: even bodies have a P-256 hardware key, odd ones Ed25519. The hardware key delegates to the session key,
    /// and the delegation is verified.
    ///
    /// # Errors
    /// If a synthetic key cannot be made or a rule of registration is broken.
    pub fn draw(seed: &Seed, place: &Place) -> Result<Self, Failure> {
        let &Place { index, body, .. } = place;
        let session = SecretKey::from_bytes(&seed.bytes("session", body));
        let delegation = Delegation {
            device_id: seed.below_2_248("device", index),
            session_key: session.public_key(),
            first_epoch: place.epoch,
            epochs: DELEGATED_EPOCHS,
        };
        let delegation = sign_by_hardware(delegation, &seed.bytes("hardware", body), body.is_multiple_of(2))?;
        delegation.verify().map_err(Failure::internal)?;
        let mut payee = [0; 20];
        payee.copy_from_slice(&seed.bytes("payee", index)[..20]);
        let device = Device {
            payee,
            session_key: session.public_key(),
            device_id: delegation.delegation.device_id,
            owner_id: seed.below_2_248("owner", index),
            hardware_key_hash: delegation.key.hash(),
            hardware_class: delegation.key.class(),
            position: Position::from_degrees_e7(place.latitude_e7, place.longitude_e7)
                .map_err(Failure::internal)?,
            h3_cell: H3_CELL,
            gain_ddbi: 12,
            region: 868,
            scale_e4: 10_000,
            secret_commitment: reduce_be_bytes(&seed.bytes("commitment", index)),
            salt: reduce_be_bytes(&seed.bytes("salt", index)),
        };
        Ok(Self {
            session,
            device,
            delegation,
        })
    }
}

fn sign_by_hardware(
    delegation: Delegation,
    secret: &[u8; 32],
    is_p256: bool,
) -> Result<SignedDelegation, Failure> {
    let message = delegation.message();
    let (key, signature) = if is_p256 {
        let signer = p256::ecdsa::SigningKey::from_slice(secret).map_err(Failure::internal)?;
        let signature: p256::ecdsa::Signature = signer.sign(&message);
        let signature = signature.normalize_s().unwrap_or(signature);
        let point = signer.verifying_key().to_encoded_point(true);
        let key = HardwareKey::P256(point.as_bytes().try_into().map_err(Failure::internal)?);
        (key, signature.to_bytes().into())
    } else {
        let signer = ed25519_dalek::SigningKey::from_bytes(secret);
        let key = HardwareKey::Ed25519(signer.verifying_key().to_bytes());
        (key, signer.sign(&message).to_bytes())
    };
    Ok(SignedDelegation {
        delegation,
        key,
        signature,
    })
}

/// The secret keys of all watchers. A watcher's number counts seat by seat, in the order of the draw.
pub struct WatcherKeys {
    secrets: Vec<SecretKey>,
    per_seat: usize,
}

impl WatcherKeys {
    /// Draws `per_seat` watchers for each of so many seats of so many levels, each with an owner of its own.
    ///
    /// # Errors
    /// `Input` if a rule of the seats is broken.
    pub fn draw(
        seed: &Seed,
        (seats, levels): (usize, usize),
        per_seat: usize,
        previous_randomness: &[u8; 32],
    ) -> Result<(WatcherRegistry, Self), Failure> {
        let secrets: Vec<SecretKey> = (0..seats * per_seat)
            .map(|number| SecretKey::from_bytes(&seed.bytes("watcher", number)))
            .collect();
        let watcher = |number: usize| Watcher {
            owner: seed.below_2_248("watcher owner", number),
            key: secrets[number].public_key(),
        };
        let seats = (0..seats)
            .map(|seat| (seat * per_seat..(seat + 1) * per_seat).map(watcher).collect())
            .collect();
        let registry = WatcherRegistry::new(levels, seats, previous_randomness).map_err(Failure::input)?;
        Ok((registry, Self { secrets, per_seat }))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.secrets.len()
    }

    /// The seat of a watcher.
    pub fn seat(&self, number: usize) -> usize {
        number / self.per_seat
    }

    /// The secret key of a watcher.
    pub fn secret(&self, number: usize) -> &SecretKey {
        &self.secrets[number]
    }

    /// The number of the watcher with a key in a seat.
    pub fn number(&self, seat: usize, key: &Point) -> Option<usize> {
        let mut numbers = seat * self.per_seat..((seat + 1) * self.per_seat).min(self.secrets.len());
        numbers.find(|number| self.secrets[*number].public_key() == *key)
    }

    /// The numbers of the watchers that are drawn for a zone, seat by seat.
    ///
    /// # Errors
    /// If a drawn watcher is not one of these.
    pub fn committee(
        &self,
        registry: &WatcherRegistry,
        epoch_tag: Fr,
        zone: u64,
    ) -> Result<Vec<usize>, Failure> {
        (draw(epoch_tag, zone, registry.seats(), registry.levels())
            .into_iter()
            .enumerate())
        .map(|(seat, leaf)| {
            let drawn = registry.watcher(seat, leaf).map_err(Failure::internal)?;
            self.number(seat, &drawn.key)
                .ok_or_else(|| Failure::internal("a drawn watcher has no key"))
        })
        .collect()
    }
}
