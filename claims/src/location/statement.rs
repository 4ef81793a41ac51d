//! What is proven about a device: the witness, the outcome it leads to, and the seven public inputs
//! (`docs/protocol.md` section 8).
//!
//! A [`Witness`] is plain data that anybody may fill in; [`Witness::evaluate`] applies every rule of the
//! circuit to it, and only then is there an [`Outcome`].

use super::reports::{digest, is_packable};
use super::{ParameterError, Parameters, Report, Shape, score};
use crate::eddsa::EddsaError;
use crate::field::{Fr, to_be_bytes};
use crate::opening::{Ingestor, OpenedDevice};
use crate::poseidon::sponge;
use crate::registry::registry_root;
use crate::shape::ShapeError;
use crate::statement::{Committed, Statement, address};
use crate::tree::TreeError;

/// Everything that the circuit is given beside z. Plain and unvalidated: tests build dishonest ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The parameters.
    pub parameters: Parameters,
    /// The epoch tag.
    pub epoch_tag: Fr,
    /// The device; its index is the zone.
    pub device: OpenedDevice,
    /// What it reported in each slot.
    pub reports: Vec<Report>,
    /// Who received the reports.
    pub ingestor: Ingestor,
}

/// Which rule a witness breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The shape is outside its limits.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The parameters are outside their limits.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// A list of the witness does not have the length that the shape gives it.
    #[error("{what}: expected {expected}, got {got}")]
    Size {
        /// Which list.
        what: &'static str,
        /// Length by the shape.
        expected: usize,
        /// Length in the witness.
        got: usize,
    },
    /// Epoch tag 0, the canary: a proof for it would show that the keys are forged.
    #[error("the epoch tag is 0, which satisfies no circuit")]
    CanaryEpochTag,
    /// The device's path does not show its leaf, or its index is not in the tree.
    #[error("the device's leaf: {0}")]
    Device(#[from] TreeError),
    /// The asserted position is too far from the earth. Registration refuses such a device.
    #[error("the device's position: expected decimetres from -2^27 to 2^27 - 1")]
    AssertedPosition,
    /// A reported position does not fit its element.
    #[error("the report of slot {slot}: expected decimetres from -2^27 to 2^27 - 1")]
    ReportedPosition {
        /// The slot.
        slot: usize,
    },
    /// The ingestor is absent, but there are reports.
    #[error("the ingestor is absent but there are {reports} reports; expected none")]
    AbsentIngestorReports {
        /// Reports that are present.
        reports: usize,
    },
    /// The signature is not the drawn ingestor's for this epoch, device and digest; for an absent one, not the
    /// constant key's.
    #[error("the ingestor's attestation: {0}")]
    Signature(#[from] EddsaError),
    /// The payee cannot be written into the settlement data. Registration refuses such a device.
    #[error("the device's payee is not below 2^160")]
    PayeeNotAnAddress,
}

/// What a witness leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Everything that is fixed before z.
    pub committed: Committed,
    /// The device's payee.
    pub payee: Fr,
    /// Its score in parts per million.
    pub score: u32,
    /// Digest of its reports; 0 when the ingestor is absent.
    pub digest: Fr,
}

impl Witness {
    /// The native twin of the circuit: checks every rule that the circuit checks and computes what it
    /// computes.
    ///
    /// The roots of the registry are results, as in the circuit: compare the registry root with the
    /// registry's.
    ///
    /// # Errors
    /// [`ClaimError`] naming the first rule that is broken.
    pub fn evaluate(&self, shape: &Shape) -> Result<Outcome, ClaimError> {
        shape.validate()?;
        self.check_sizes(shape)?;
        self.parameters.validate(shape)?;
        if self.epoch_tag == Fr::from(0u64) {
            return Err(ClaimError::CanaryEpochTag);
        }
        let device_root = self.device.root()?;
        let asserted = &self.device.fields.position;
        if !is_packable(asserted) {
            return Err(ClaimError::AssertedPosition);
        }
        for (slot, report) in self.reports.iter().enumerate() {
            if !report.as_ref().is_none_or(is_packable) {
                return Err(ClaimError::ReportedPosition { slot });
            }
        }
        let reports = self.reports.iter().flatten().count();
        if !self.ingestor.seat.present && reports != 0 {
            return Err(ClaimError::AbsentIngestorReports { reports });
        }
        let zone = self.device.index;
        let digest = self
            .ingestor
            .attested(self.epoch_tag, zone, digest(&self.reports))?;
        let watcher_root = self.ingestor.watcher_root(self.epoch_tag, zone);
        let score = score(&self.parameters, asserted, &self.reports);
        Ok(Outcome {
            committed: Committed {
                epoch_tag: self.epoch_tag,
                registry_root: registry_root(device_root, watcher_root),
                parameters_hash: self.parameters.hash(shape),
                zone,
                out_commit: out_commit(score, digest),
            },
            payee: self.device.payee,
            score,
            digest,
        })
    }

    /// Checks that every list has the length that the shape gives it.
    ///
    /// # Errors
    /// [`ClaimError::Size`].
    pub fn check_sizes(&self, shape: &Shape) -> Result<(), ClaimError> {
        for (what, expected, got) in [
            ("reports", shape.reports, self.reports.len()),
            (
                "levels of the device's path",
                shape.device_levels,
                self.device.path.len(),
            ),
            (
                "levels of the ingestor's path",
                shape.seat_levels,
                self.ingestor.seat.path.len(),
            ),
        ] {
            if expected != got {
                return Err(ClaimError::Size { what, expected, got });
            }
        }
        Ok(())
    }
}

impl Outcome {
    /// The bytes that go to the contract: payee (20 bytes), score (4 bytes), digest (32 bytes), big-endian.
    ///
    /// # Errors
    /// [`ClaimError::PayeeNotAnAddress`].
    pub fn settlement_data(&self) -> Result<Vec<u8>, ClaimError> {
        let address = address(&self.payee).ok_or(ClaimError::PayeeNotAnAddress)?;
        Ok([
            &address[..],
            &self.score.to_be_bytes(),
            &to_be_bytes(&self.digest),
        ]
        .concat())
    }

    /// The statement for a verifier's selector: z is drawn from the settlement data.
    ///
    /// # Errors
    /// [`ClaimError::PayeeNotAnAddress`].
    pub fn statement(&self, selector: [u8; 4]) -> Result<Statement, ClaimError> {
        let data = self.settlement_data()?;
        Ok(self.statement_at(self.committed.fingerprint_point(selector, &data)))
    }

    /// The statement at a given z, for tests and for circuits, which take z as it comes:
    /// `y = payee + score z + digest z^2`.
    #[must_use]
    pub fn statement_at(&self, z: Fr) -> Statement {
        let coefficients = [self.payee, Fr::from(self.score), self.digest];
        self.committed.statement(z, &coefficients)
    }
}

/// `sponge("location-out", score, digest)`.
#[must_use]
pub fn out_commit(score: u32, digest: Fr) -> Fr {
    sponge("location-out", &[Fr::from(score), digest])
}

#[cfg(test)]
pub(crate) mod tests;
