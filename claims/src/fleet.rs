//! The files of a fleet: `params.toml`, `epoch.toml`, `registry.jsonl`, `watchers.jsonl`, and `attestations.jsonl` or
//! `attestations.bin`.
//!
//! Reading is strict: unknown fields, second spellings of a number, values outside their limits and lines out
//! of order are refused, and every [`FleetError`] names file, line, field and reason. What the network itself
//! writes must be whole; what watchers send is judged vote by vote ([`Attestations`]). Nothing here opens a
//! file: callers pass a [`Source`], a reader with the name that errors use. The threads of the current rayon pool are used.
//!
//! Field elements are decimal strings, bytes are hexadecimal with `0x`, times are Unix seconds. What a field
//! means stands in `docs/protocol.md`; the line types in [`lines`](self) list the fields of each file.
//!
//! Depends on everything else in this crate. Next: the command line, which puts the files in a folder.

mod attestations;
mod binary;
mod error;
mod lines;
mod tables;
mod text;

use std::io::Read;

use crate::epoch::{Epoch, EpochContext};
use crate::field::Fr;
use crate::registry::{DeviceRegistry, WatcherRegistry, registry_root};
use crate::uptime::{AssemblyError, Network, Outcome, Parameters, Shape, Statement, Vote, Witness};
use crate::vote;

pub use attestations::{Attestations, Encoding, Flaw, Reason, Rejection, judge};
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

/// One epoch of a network, read and checked: everything but the attestations.
#[derive(Debug, Clone)]
pub struct Fleet {
    shape: Shape,
    parameters: Parameters,
    epoch: Epoch,
    context: EpochContext,
    epoch_tag: Fr,
    previous_randomness: [u8; 32],
    devices: DeviceRegistry,
    watchers: WatcherRegistry,
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
    /// Reads the four files of a fleet's network.
    ///
    /// # Errors
    /// [`FleetError`].
    pub fn read(
        parameters: Source<impl Read>,
        epoch: Source<impl Read>,
        registry: Source<impl Read>,
        watchers: Source<impl Read>,
    ) -> Result<Self, FleetError> {
        let ParametersTable {
            shape, parameters, ..
        } = tables::read_parameters(parameters)?;
        let (table, epoch) = tables::read_epoch(epoch, &shape, &parameters)?;
        let devices = lines::read_registry(registry, shape.device_levels, epoch.number())?;
        let watchers = lines::read_watchers(watchers, &shape, &table.previous_randomness)?;
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
            previous_randomness: table.previous_randomness,
            devices,
            watchers,
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

    /// R of the epoch before, which orders the watchers.
    #[must_use]
    pub fn previous_randomness(&self) -> [u8; 32] {
        self.previous_randomness
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

    /// What all zones share.
    #[must_use]
    pub fn network(&self) -> Network<'_> {
        Network {
            shape: self.shape,
            parameters: self.parameters,
            epoch_tag: self.epoch_tag,
            devices: &self.devices,
            watchers: &self.watchers,
        }
    }

    /// Verifies a zone's votes, one or none a seat, and evaluates its claim.
    ///
    /// # Errors
    /// [`FleetError::Zone`] if a vote does not verify or the zone is outside the registry.
    pub fn claim(&self, zone: u64, votes: &[Option<Vote>]) -> Result<Claim, FleetError> {
        let refused = |error| FleetError::Zone {
            zone,
            error: Box::new(error),
        };
        let claimed = |error| refused(AssemblyError::Claim(error));
        let witness = self.network().witness(zone, votes).map_err(refused)?;
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

    /// Verifies the vote of one seat of a zone and opens it: claim V1, for the selector of V1's verifier, which is
    /// not the epoch's. Votes are given as for [`Self::claim`].
    ///
    /// # Errors
    /// [`FleetError::Vote`] if the seat does not exist or is absent, if its vote does not verify, or if the zone is
    /// outside the registry.
    pub fn vote(
        &self,
        zone: u64,
        seat: usize,
        votes: &[Option<Vote>],
        selector: [u8; 4],
    ) -> Result<vote::Claim, FleetError> {
        vote::Claim::open(&self.network(), zone, seat, votes, selector).map_err(|error| FleetError::Vote {
            zone,
            seat,
            error: Box::new(error),
        })
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod opened;
#[cfg(test)]
mod tests;
