//! The text forms of a fleet: `params.toml`, `epoch.toml`, `registry.jsonl`, `watchers.jsonl`,
//! `attestations.jsonl`.
//!
//! Reading is strict: unknown fields, second spellings of a number, values outside their limits and lines out
//! of order are refused, and every [`FleetError`] names file, line, field and reason. Nothing here opens a
//! file: callers pass a [`Source`], a reader with the name that errors use.
//!
//! Field elements are decimal strings, bytes are hexadecimal with `0x`, times are Unix seconds. What a field
//! means stands in `docs/protocol.md`; the line types in [`lines`](self) list the fields of each file.
//!
//! Depends on everything else in this crate. Next: the command line, which puts the files in a folder.

mod error;
mod lines;
mod tables;
mod text;

use std::collections::BTreeMap;
use std::io::Read;

use crate::epoch::{Epoch, EpochContext};
use crate::field::Fr;
use crate::registry::{DeviceRegistry, WatcherRegistry, registry_root};
use crate::uptime::{AssemblyError, Network, Outcome, Parameters, Shape, Statement, Vote, Witness};

pub use error::FleetError;
pub use lines::{write_device, write_vote, write_watcher};
pub use tables::{EpochTable, ParametersTable};

/// Longest line of a file, in bytes: the bitmap of 4,096 devices and 3,528 slots in hexadecimal, and some.
pub const LINE_BYTES_MAX: u64 = 4 << 20;

/// A reader and the name that errors use for it.
#[derive(Debug)]
pub struct Source<R> {
    /// Such as `registry.jsonl`, or the whole path.
    pub name: String,
    /// The content.
    pub reader: R,
}

/// Votes by zone and seat, with the line each stands on.
type Votes = BTreeMap<(u64, usize), (u64, Vote)>;

/// One epoch of a network, read and checked. Votes are checked when their zone is claimed.
#[derive(Debug, Clone)]
pub struct Fleet {
    shape: Shape,
    parameters: Parameters,
    epoch: Epoch,
    context: EpochContext,
    epoch_tag: Fr,
    devices: DeviceRegistry,
    watchers: WatcherRegistry,
    votes: Votes,
    votes_name: String,
}

/// A zone that is ready to be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What the circuit is given.
    pub witness: Witness,
    /// What it leads to.
    pub outcome: Outcome,
    /// What the verifier sees.
    pub statement: Statement,
    /// What the contract is given.
    pub settlement_data: Vec<u8>,
}

impl Fleet {
    /// Reads the five files of a fleet.
    ///
    /// # Errors
    /// [`FleetError`].
    pub fn read(
        parameters: Source<impl Read>,
        epoch: Source<impl Read>,
        registry: Source<impl Read>,
        watchers: Source<impl Read>,
        attestations: Source<impl Read>,
    ) -> Result<Self, FleetError> {
        let ParametersTable {
            shape, parameters, ..
        } = tables::read_parameters(parameters)?;
        let (table, epoch) = tables::read_epoch(epoch, &shape, &parameters)?;
        let devices = lines::read_registry(registry, shape.device_levels, epoch.number())?;
        let watchers = lines::read_watchers(watchers, &shape, &table.previous_randomness)?;
        let votes_name = attestations.name.clone();
        let votes = lines::read_votes(attestations, &shape)?;
        let context = EpochContext {
            chain_id: table.chain_id,
            settlement: table.settlement,
            selector: table.selector,
            epoch: table.number,
            registry_root: registry_root(devices.root(), watchers.root()),
            parameters_hash: parameters.hash(&shape),
            randomness: table.randomness,
        };
        let epoch_tag = context.tag();
        Ok(Self {
            shape,
            parameters,
            epoch,
            context,
            epoch_tag,
            devices,
            watchers,
            votes,
            votes_name,
        })
    }

    /// The shape of the circuit.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// What the epoch tag binds.
    #[must_use]
    pub fn context(&self) -> &EpochContext {
        &self.context
    }

    /// The epoch tag.
    #[must_use]
    pub fn epoch_tag(&self) -> Fr {
        self.epoch_tag
    }

    /// The devices.
    #[must_use]
    pub fn devices(&self) -> &DeviceRegistry {
        &self.devices
    }

    /// The watchers.
    #[must_use]
    pub fn watchers(&self) -> &WatcherRegistry {
        &self.watchers
    }

    /// The zones that have devices, ascending.
    #[must_use]
    pub fn zones(&self) -> Vec<u64> {
        let mut zones: Vec<u64> = self
            .devices
            .devices()
            .map(|(index, _)| index / self.shape.devices as u64)
            .collect();
        zones.dedup();
        zones
    }

    /// What each seat published for a zone, not verified.
    #[must_use]
    pub fn votes(&self, zone: u64) -> Vec<Option<&Vote>> {
        (0..self.shape.watchers)
            .map(|seat| self.votes.get(&(zone, seat)).map(|(_, vote)| vote))
            .collect()
    }

    /// Verifies a zone's votes and evaluates its claim. Seats without a line are absent.
    ///
    /// # Errors
    /// [`FleetError::Entry`] for a line of the attestations that does not verify, [`FleetError::Zone`] for a
    /// zone outside the registry.
    pub fn claim(&self, zone: u64) -> Result<Claim, FleetError> {
        let network = Network {
            shape: self.shape,
            parameters: self.parameters,
            epoch_tag: self.epoch_tag,
            devices: &self.devices,
            watchers: &self.watchers,
        };
        let votes: Vec<Option<Vote>> = self
            .votes(zone)
            .into_iter()
            .map(Option::<&Vote>::cloned)
            .collect();
        let witness = network
            .witness(zone, &votes)
            .map_err(|error| self.blame(zone, error))?;
        let claimed = |error| self.blame(zone, AssemblyError::Claim(error));
        let outcome = witness.evaluate(&self.shape).map_err(claimed)?;
        let settlement_data = outcome.settlement_data().map_err(claimed)?;
        let statement = outcome.statement(self.context.selector).map_err(claimed)?;
        Ok(Claim {
            witness,
            outcome,
            statement,
            settlement_data,
        })
    }

    /// Finds the line that is to blame, if it is a line of the attestations.
    fn blame(&self, zone: u64, error: AssemblyError) -> FleetError {
        let (seat, field) = match &error {
            AssemblyError::Digest { seat } => (*seat, "digest"),
            AssemblyError::Signature { seat, .. } => (*seat, "signature"),
            _ => {
                return FleetError::Zone {
                    zone,
                    error: Box::new(error),
                };
            }
        };
        let line = self.votes.get(&(zone, seat)).map_or(0, |(line, _)| *line);
        FleetError::entry(&self.votes_name, line, field, error.to_string())
    }
}

#[cfg(test)]
mod tests;
