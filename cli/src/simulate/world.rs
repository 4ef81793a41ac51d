//! A fleet that is made up: its registry, its epoch, its watchers, and what everyone really is.
//!
//! Depends on [`crate::synthetic`]. Next: [`super::zone`], where an epoch is played.

use super::roles::{DeviceRole, Role, Shares, WatcherRole};
use super::traffic;
use crate::contracts::TEST_CHAIN_ID;
use crate::failure::Failure;
use crate::synthetic::{Place, Seed, Station, WatcherKeys};
use alloy_primitives::address;
use popw_claims::delegation::SignedDelegation;
use popw_claims::eddsa::SecretKey;
use popw_claims::epoch::{Epoch, EpochContext};
use popw_claims::field::Fr;
use popw_claims::fleet::Fleet;
use popw_claims::registry::{DeviceRegistry, WatcherRegistry, registry_root, repeated_keys};
use popw_claims::tree::width;
use popw_claims::uptime::{self, Parameters, Preset, Shape, longest_outage, score, up_slots};
use rand::Rng;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;

/// The epoch that is played: 2024-10-04.
const EPOCH: u64 = 20_000;
/// The contract that the epoch tag binds: an address that nothing stands at.
pub const SETTLEMENT: [u8; 20] = address!("f6a1a26e7C36962C49bdafB210Cd584EE1D8Ef7a").0.0;
/// A day.
const EPOCH_SECONDS: u32 = 86_400;
/// Devices stand in a square of this half side around Strasbourg, in degrees x 1e-7.
const SPREAD_E7: i32 = 20_000_000;
const LATITUDE_E7: i32 = 485_734_000;
const LONGITUDE_E7: i32 = 77_521_000;
/// A seat has at least so many leaves for each of its watchers.
const LEAVES_PER_WATCHER: u64 = 256;
/// The clock of a watcher in the role of that name is fast by so many seconds.
const FAST_CLOCK_SECONDS: i64 = 3 * 3_600;

/// What a fleet is made from; with the same settings it is the same to the byte.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The seed.
    pub seed: u64,
    /// Number of devices, at the indices 0, 1, ...
    pub devices: usize,
    /// Devices of a zone.
    pub zone_devices: usize,
    /// Slots of the epoch.
    pub slots: usize,
    /// Seats.
    pub watchers: usize,
    /// Watchers of a seat.
    pub watchers_per_seat: usize,
    /// Watchers that must agree on a slot.
    pub quorum: u32,
    /// The rule.
    pub preset: Preset,
    /// Longest outage, if the shape has the rule.
    pub outage_limit: Option<u32>,
    /// Records that a watcher loses, in percent.
    pub loss_percent: u8,
    /// A watcher's clock is wrong by at most so many seconds.
    pub skew_seconds: u16,
    /// Whether honest devices have nights and outages.
    pub outages: bool,
    /// Roles of devices.
    pub device_shares: Shares<DeviceRole>,
    /// Roles of watchers.
    pub watcher_shares: Shares<WatcherRole>,
}

/// A device as the simulation knows it.
pub struct SimulatedDevice {
    /// What its owner does.
    pub role: DeviceRole,
    /// Signs its records.
    pub session: SecretKey,
    /// For the registry's file.
    pub delegation: SignedDelegation,
    /// Index of an honest device: the one that lends its key, or that somebody tries to register a second time.
    pub partner: Option<usize>,
}

/// The fleet.
pub struct World {
    /// What it was made from.
    pub settings: Settings,
    /// The seed of every draw.
    pub seed: Seed,
    /// Shape of the circuit.
    pub shape: Shape,
    /// Parameters of the rule.
    pub parameters: Parameters,
    /// The epoch.
    pub epoch: Epoch,
    /// What the tag binds.
    pub context: EpochContext,
    /// The epoch tag.
    pub epoch_tag: Fr,
    /// The tag of the epoch before.
    pub earlier_tag: Fr,
    /// R of the epoch before.
    pub previous_randomness: [u8; 32],
    /// The registry.
    pub registry: DeviceRegistry,
    /// The watchers.
    pub watchers: WatcherRegistry,
    /// Their keys.
    pub watcher_keys: WatcherKeys,
    /// What the devices are, by index.
    pub devices: Vec<SimulatedDevice>,
    /// What the watchers are, by number.
    pub watcher_roles: Vec<WatcherRole>,
}

impl World {
    /// Makes a fleet and deals the roles.
    ///
    /// # Errors
    /// `Input` if the settings break a limit.
    pub fn new(settings: Settings) -> Result<Self, Failure> {
        let seed = seed(&settings);
        let roles = settings
            .device_shares
            .deal(settings.devices, &mut seed.rng("device roles", 0));
        Self::with_roles(settings, &roles)
    }

    /// Makes a fleet whose devices have these roles.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_roles(settings: Settings, roles: &[DeviceRole]) -> Result<Self, Failure> {
        let seed = seed(&settings);
        let (shape, parameters) = rule(&settings)?;
        let slots = u32::try_from(settings.slots).map_err(Failure::input)?;
        let epoch = Epoch::new(EPOCH, EPOCH_SECONDS, slots).map_err(Failure::input)?;

        let previous_randomness = seed.bytes("beacon", 0);
        let (watchers, watcher_keys) = WatcherKeys::draw(
            &seed,
            (shape.watchers, shape.seat_levels),
            settings.watchers_per_seat,
            &previous_randomness,
        )?;
        let watcher_roles = settings
            .watcher_shares
            .deal(watcher_keys.count(), &mut seed.rng("watcher roles", 0));

        let stations: Vec<Station> = (0..roles.len())
            .into_par_iter()
            .map(|index| Station::draw(&seed, &place(&seed, roles, index)))
            .collect::<Result<_, _>>()?;
        let registry = register(&stations, roles, shape.device_levels)?;
        let devices = (stations.into_iter().enumerate())
            .map(|(index, station)| SimulatedDevice {
                role: roles[index],
                session: station.session,
                delegation: station.delegation,
                partner: partner(roles, index),
            })
            .collect();
        let context = EpochContext {
            chain_id: TEST_CHAIN_ID,
            settlement: SETTLEMENT,
            selector: [0; 4],
            epoch: epoch.number(),
            registry_root: registry_root(registry.root(), watchers.root()),
            parameters_hash: parameters.hash(&shape),
            randomness: seed.bytes("beacon", 1),
        };
        let earlier = EpochContext {
            epoch: epoch.number() - 1,
            randomness: previous_randomness,
            ..context
        };
        Ok(Self {
            seed,
            shape,
            parameters,
            epoch,
            epoch_tag: context.tag(),
            earlier_tag: earlier.tag(),
            context,
            previous_randomness,
            registry,
            watchers,
            watcher_keys,
            devices,
            watcher_roles,
            settings,
        })
    }

    /// The same fleet in an epoch that was opened on a chain, so that everything is signed under that epoch's tag.
    ///
    /// # Errors
    /// `Input` if the epoch was opened for another fleet.
    pub fn opened(mut self, fleet: &Fleet) -> Result<Self, Failure> {
        let context = EpochContext {
            chain_id: fleet.context().chain_id,
            settlement: fleet.context().settlement,
            selector: fleet.context().selector,
            randomness: fleet.context().randomness,
            ..self.context
        };
        let is_same = context == *fleet.context() && self.previous_randomness == fleet.previous_randomness();
        if !is_same {
            return Err(Failure::input(
                "--opened: that epoch is of another number, or of another registry, rule or randomness before it: expected a fleet \
                 that was simulated with the same options",
            ));
        }
        let earlier = EpochContext {
            epoch: context.epoch - 1,
            randomness: self.previous_randomness,
            ..context
        };
        self.epoch_tag = context.tag();
        self.earlier_tag = earlier.tag();
        self.context = context;
        Ok(self)
    }

    /// The epoch as the ordinary pipeline knows it.
    pub fn network(&self) -> uptime::Network<'_> {
        uptime::Network {
            shape: self.shape,
            parameters: self.parameters,
            epoch_tag: self.epoch_tag,
            devices: &self.registry,
            watchers: &self.watchers,
        }
    }

    /// How many zones have devices.
    pub fn zones(&self) -> u64 {
        self.devices.len().div_ceil(self.shape.devices) as u64
    }

    /// The indices of a zone's devices, in order.
    pub fn devices_of(&self, zone: u64) -> Range<usize> {
        let first = usize::try_from(zone)
            .unwrap_or(usize::MAX)
            .saturating_mul(self.shape.devices);
        let end = first.saturating_add(self.shape.devices);
        first.min(self.devices.len())..end.min(self.devices.len())
    }

    /// The slots in which a device is really on.
    pub fn on_slots(&self, index: usize) -> Vec<bool> {
        match self.devices[index].role {
            DeviceRole::Honest if self.settings.outages => {
                traffic::on_slots(self.shape.slots, &mut self.seed.rng("outages", index))
            }
            DeviceRole::Honest => vec![true; self.shape.slots],
            DeviceRole::RegisteredTwice => vec![false; self.shape.slots],
            DeviceRole::BackDatedLog => (0..self.shape.slots)
                .map(|slot| slot >= self.shape.slots * 3 / 4)
                .collect(),
            _ => (0..self.shape.slots)
                .map(|slot| slot < self.shape.slots / 4)
                .collect(),
        }
    }

    /// The score that a device deserves for the slots in which it was on.
    pub fn deserved(&self, on: &[bool]) -> u32 {
        score(&self.parameters, &self.shape, up_slots(on), longest_outage(on))
    }

    /// By how many seconds a watcher's clock is wrong.
    pub fn clock_error(&self, watcher: usize) -> i64 {
        let limit = i64::from(self.settings.skew_seconds);
        match self.watcher_roles[watcher] {
            WatcherRole::SkewedClock => FAST_CLOCK_SECONDS,
            _ => self.seed.rng("clock", watcher).gen_range(-limit..=limit),
        }
    }

    /// Whether a watcher votes for a device whatever it heard.
    pub fn favours(&self, watcher: usize, device: usize) -> bool {
        let role = self.devices[device].role;
        match self.watcher_roles[watcher] {
            WatcherRole::Colluder | WatcherRole::Outsider => role == DeviceRole::Colluder,
            WatcherRole::SelfServing => {
                role == DeviceRole::WatchersOwn && self.owner_of(device) == Some(watcher)
            }
            _ => false,
        }
    }

    /// The self-serving watcher that owns a device of its kind.
    pub fn owner_of(&self, device: usize) -> Option<usize> {
        let is_self_serving = |number: &usize| self.watcher_roles[*number] == WatcherRole::SelfServing;
        let owners: Vec<usize> = (0..self.watcher_roles.len()).filter(is_self_serving).collect();
        let at = device.checked_rem(owners.len())?;
        owners.get(at).copied()
    }
}

fn seed(settings: &Settings) -> Seed {
    Seed {
        world: "popw simulate",
        number: settings.seed,
    }
}

/// Shape and parameters, with the usual depths of the trees or as many levels as the numbers need.
fn rule(settings: &Settings) -> Result<(Shape, Parameters), Failure> {
    let mut shape = Shape::new(settings.zone_devices, settings.watchers, settings.slots);
    while width(shape.device_levels) < settings.devices as u64 {
        shape.device_levels += 1;
    }
    while width(shape.seat_levels) < settings.watchers_per_seat as u64 * LEAVES_PER_WATCHER {
        shape.seat_levels += 1;
    }
    shape.outage_rule = settings.outage_limit.is_some();
    shape.validate().map_err(Failure::input)?;
    let mut parameters = settings.preset.parameters(&shape, EPOCH_SECONDS, settings.quorum);
    if let Some(limit) = settings.outage_limit {
        parameters = parameters.with_outage_limit(limit);
    }
    parameters.validate(&shape).map_err(Failure::input)?;
    parameters.check_majority(&shape).map_err(Failure::input)?;
    Ok((shape, parameters))
}

/// The network takes registrations one by one; an index that it refuses stays absent. Who registers a station a second time comes
/// after those who registered it first.
fn register(stations: &[Station], roles: &[DeviceRole], levels: usize) -> Result<DeviceRegistry, Failure> {
    let is_second = |at: &usize| roles[*at] == DeviceRole::RegisteredTwice;
    let (second, first): (Vec<_>, Vec<_>) = (0..stations.len()).partition(is_second);
    let applicants = first.into_iter().chain(second);
    let refused: BTreeSet<u64> = repeated_keys(applicants.map(|at| (at as u64, &stations[at].device)))
        .into_iter()
        .map(|repeated| repeated.index)
        .collect();
    let devices = (0..).zip(stations.iter().map(|station| station.device.clone()));
    DeviceRegistry::new(levels, devices.filter(|(index, _)| !refused.contains(index))).map_err(Failure::input)
}

/// The next honest device.
fn partner(roles: &[DeviceRole], index: usize) -> Option<usize> {
    if !matches!(
        roles[index],
        DeviceRole::RegisteredTwice | DeviceRole::BorrowedIdentity
    ) {
        return None;
    }
    let others = (index + 1..roles.len()).chain(0..index);
    others
        .into_iter()
        .find(|other| roles[*other] == DeviceRole::HONEST)
}

fn place(seed: &Seed, roles: &[DeviceRole], index: usize) -> Place {
    let body = match roles[index] {
        DeviceRole::RegisteredTwice => partner(roles, index).unwrap_or(index),
        _ => index,
    };
    let mut rng = seed.rng("position", body);
    let mut near = |centre: i32| centre + rng.gen_range(-SPREAD_E7..=SPREAD_E7);
    Place {
        index,
        body,
        epoch: EPOCH,
        latitude_e7: near(LATITUDE_E7),
        longitude_e7: near(LONGITUDE_E7),
    }
}
