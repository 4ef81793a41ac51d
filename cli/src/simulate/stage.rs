//! Where attacks on L1 and C1 are played: a registry of stations, an epoch, and watchers of whom one is drawn to ingest for each
//! device.
//!
//! Depends on [`crate::synthetic`]. Next: [`super::location`], [`super::coverage`].

use crate::contracts::TEST_CHAIN_ID;
use crate::failure::Failure;
use crate::synthetic::{Place, Seed, Station, WatcherKeys};
use popw_claims::eddsa::SecretKey;
use popw_claims::epoch::{Epoch, EpochContext};
use popw_claims::field::Fr;
use popw_claims::opening::INGESTOR_SEAT;
use popw_claims::registry::{DeviceRegistry, WatcherRegistry, registry_root};
use popw_claims::shape::{DEVICE_LEVELS, SEAT_LEVELS};

/// Seats of the watchers; the ingestor's is the first.
const SEATS: usize = 8;
/// Watchers of a seat.
const WATCHERS_PER_SEAT: usize = 4;
/// Where the stations are: Strasbourg, degrees x 1e-7.
const LATITUDE_E7: i32 = 485_734_000;
const LONGITUDE_E7: i32 = 77_521_000;
/// Degrees x 1e-7 of latitude to a metre, nearly.
const E7_PER_METRE: i32 = 90;

/// The seed of every stage.
const SEED: Seed = Seed {
    world: "popw simulate, table",
    number: 1,
};

/// A station that is registered so many metres north of the middle, with an owner of its own.
///
/// # Errors
/// As [`Station::draw`].
pub fn station(index: usize, epoch: u64, metres_north: i32) -> Result<Station, Failure> {
    let place = Place {
        index,
        body: index,
        epoch,
        latitude_e7: LATITUDE_E7 + metres_north * E7_PER_METRE,
        longitude_e7: LONGITUDE_E7,
    };
    Station::draw(&SEED, &place)
}

/// Registered stations and an epoch.
pub struct Stage {
    /// The epoch.
    pub epoch: Epoch,
    /// Its tag.
    pub epoch_tag: Fr,
    /// The tag of the epoch before.
    pub earlier_tag: Fr,
    /// The stations, at the indices 0, 1, ...
    pub devices: DeviceRegistry,
    /// The watchers.
    pub watchers: WatcherRegistry,
    sessions: Vec<SecretKey>,
    watcher_keys: WatcherKeys,
}

impl Stage {
    /// Registers the stations.
    ///
    /// # Errors
    /// If a rule of the registry is broken.
    pub fn new(epoch: Epoch, parameters_hash: Fr, stations: Vec<Station>) -> Result<Self, Failure> {
        let registered = (0..).zip(stations.iter().map(|station| station.device.clone()));
        let devices = DeviceRegistry::new(DEVICE_LEVELS, registered).map_err(Failure::internal)?;
        let previous_randomness = SEED.bytes("beacon", 0);
        let (watchers, watcher_keys) = WatcherKeys::draw(
            &SEED,
            (SEATS, SEAT_LEVELS),
            WATCHERS_PER_SEAT,
            &previous_randomness,
        )?;
        let context = EpochContext {
            chain_id: TEST_CHAIN_ID,
            settlement: super::world::SETTLEMENT,
            selector: [0; 4],
            epoch: epoch.number(),
            registry_root: registry_root(devices.root(), watchers.root()),
            parameters_hash,
            randomness: SEED.bytes("beacon", 1),
        };
        let earlier = EpochContext {
            epoch: epoch.number() - 1,
            randomness: previous_randomness,
            ..context
        };
        Ok(Self {
            epoch,
            epoch_tag: context.tag(),
            earlier_tag: earlier.tag(),
            devices,
            watchers,
            sessions: stations.into_iter().map(|station| station.session).collect(),
            watcher_keys,
        })
    }

    /// The session key of a station.
    ///
    /// # Errors
    /// If no station has the index.
    pub fn session(&self, index: u64) -> Result<&SecretKey, Failure> {
        let at = usize::try_from(index).map_err(Failure::internal)?;
        (self.sessions.get(at)).ok_or_else(|| Failure::internal(format!("no station has index {index}")))
    }

    /// The key of the watcher that is drawn to ingest for a device.
    ///
    /// # Errors
    /// If the drawn watcher is not one of the stage's.
    pub fn ingestor(&self, index: u64) -> Result<&SecretKey, Failure> {
        self.drawn(index).map(|number| self.watcher_keys.secret(number))
    }

    /// The key of another watcher of the ingestor's seat.
    ///
    /// # Errors
    /// As [`Self::ingestor`].
    pub fn undrawn(&self, index: u64) -> Result<&SecretKey, Failure> {
        let next = (self.drawn(index)? + 1) % WATCHERS_PER_SEAT;
        Ok(self.watcher_keys.secret(next))
    }

    /// Watchers of the ingestor's seat, the first, have the first numbers.
    fn drawn(&self, index: u64) -> Result<usize, Failure> {
        let committee = self
            .watcher_keys
            .committee(&self.watchers, self.epoch_tag, index)?;
        Ok(committee[INGESTOR_SEAT])
    }
}
