//! What is proven about a window: the witness, the outcome it leads to, and the seven public inputs
//! (`docs/protocol.md` sections 5 and 9).
//!
//! A [`Witness`] is plain data that anybody may fill in; [`Witness::evaluate`] applies every rule of the
//! circuit to it, and only then is there an [`Outcome`]. Rows are numbered as in the settlement data: row 0 is
//! the beaconer, row i the i-th receipt of the set.
//!
//! Next: [`super::assembly`](super::Network), which fills a witness in.

use super::radio::{Beacon, Report, ReportError, challenge};
use super::rule::{Arrivals, Link, Refusal, Site};
use super::selection::{Received, ReceivedReceipt, digest};
use super::{ParameterError, Parameters, Receipt, Shape};
use crate::eddsa::{EddsaError, verify};
use crate::field::{Fr, to_be_bytes};
use crate::location::reports::is_packable;
use crate::opening::{Ingestor, OpenedDevice, absent_seat_key, absent_seat_message, absent_seat_signature};
use crate::poseidon::sponge;
use crate::registry::{GAIN_DDBI_MAX, registry_root};
use crate::shape::ShapeError;
use crate::statement::{Committed, Statement, address, pack_scores};
use crate::tree::TreeError;

/// A row of the receipt set: a witness and its receipt, or a stand-in where there are fewer than M.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptWitness {
    /// Whether there is a receipt. An absent row earns nothing, and only its device's owner must differ.
    pub present: bool,
    /// The witness.
    pub device: OpenedDevice,
    /// The receipt; signed with [`absent_seat_signature`] when absent.
    pub received: Received<Receipt>,
}

impl ReceiptWitness {
    /// An absent row, with an owner that no other row has.
    #[must_use]
    pub fn absent(owner_id: Fr, device_levels: usize) -> Self {
        Self {
            present: false,
            device: OpenedDevice::stand_in(owner_id, device_levels),
            received: Received {
                report: Receipt {
                    frequency_hz: 0,
                    rssi_ddbm: 0,
                },
                signature: absent_seat_signature(),
                time_ms: 0,
            },
        }
    }

    /// The receipt that enters the digest, if there is one.
    #[must_use]
    pub fn receipt(&self) -> Option<ReceivedReceipt> {
        self.present.then_some(ReceivedReceipt {
            index: self.device.index,
            received: self.received,
        })
    }
}

/// Everything that the circuit is given beside z. Plain and unvalidated: tests build dishonest ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The parameters.
    pub parameters: Parameters,
    /// The epoch tag.
    pub epoch_tag: Fr,
    /// The beaconer; its registry index is the zone.
    pub beaconer: OpenedDevice,
    /// The nonce of the challenge.
    pub nonce: Fr,
    /// The beacon; signed with [`absent_seat_signature`] when the ingestor is absent.
    pub beacon: Received<Beacon>,
    /// The receipts, M rows; none is present when the ingestor is absent.
    pub receipts: Vec<ReceiptWitness>,
    /// The ingestor.
    pub ingestor: Ingestor,
}

/// Which rule a witness breaks. Rows: 0 is the beaconer, i the i-th receipt.
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
    /// A report or its time is outside its limits.
    #[error("row {row}: {error}")]
    Report {
        /// The row.
        row: usize,
        /// Which limit.
        error: ReportError,
    },
    /// The position or gain of a device is outside its limits. Registration refuses such a device.
    #[error("row {row}: the device's {field} is outside its limits")]
    Device {
        /// The row.
        row: usize,
        /// `position` or `gain_ddbi`.
        field: &'static str,
    },
    /// A device's path does not show it.
    #[error("row {row}: {error}")]
    Path {
        /// The row.
        row: usize,
        /// What does not fit.
        error: TreeError,
    },
    /// A device's path leads to another device root than the beaconer's.
    #[error("row {row}: the device belongs to another registry than the beaconer")]
    OtherRegistry {
        /// The row.
        row: usize,
    },
    /// A report is not signed by its device for this challenge and epoch; an absent one not by the constant
    /// key.
    #[error("row {row}: {error}")]
    Signature {
        /// The row.
        row: usize,
        /// What the check found.
        error: EddsaError,
    },
    /// The ingestor did not attest this set; an absent one is not signed by the constant key.
    #[error("the ingestor's attestation: {0}")]
    Attestation(EddsaError),
    /// Two rows have one owner.
    #[error("rows {first} and {second} have the same owner")]
    RepeatedOwner {
        /// A row.
        first: usize,
        /// The other.
        second: usize,
    },
    /// There is a receipt, but no ingestor that attests it.
    #[error("row {row} has a receipt, but the ingestor is absent")]
    ReceiptWithoutIngestor {
        /// The row.
        row: usize,
    },
    /// A payee cannot be written into the settlement data. Registration refuses such a device.
    #[error("row {row}: the payee is not below 2^160")]
    PayeeNotAnAddress {
        /// The row.
        row: usize,
    },
}

/// What a row is paid. Of an absent row everything is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowOutcome {
    /// Registry index of the device.
    pub index: u64,
    /// Payee of the device.
    pub payee: Fr,
    /// Reward units x 1e4.
    pub score: u32,
}

/// What a witness leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Everything that is fixed before z; the zone is the beaconer's registry index.
    pub committed: Committed,
    /// The beaconer, then the M rows of receipts.
    pub rows: Vec<RowOutcome>,
    /// Verdict of each row of receipts; none where it is absent.
    pub verdicts: Vec<Option<Result<(), Refusal>>>,
    /// Digest of the receipt set; 0 when the ingestor is absent.
    pub digest: Fr,
}

impl Witness {
    /// The native twin of the circuit: checks every rule that the circuit checks and computes what it
    /// computes. A receipt that the rule refuses earns nothing and breaks nothing: see [`Outcome::verdicts`].
    ///
    /// The root of the registry is a result, as in the circuit: compare the committed one with the registry's.
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
        let device_root = self.check_devices()?;
        self.check_reports()?;

        let zone = self.beaconer.index;
        let receipts = self.receipts.iter().map(ReceiptWitness::receipt);
        let digest = digest(shape.witnesses, self.nonce, &self.beacon, receipts);
        let digest = self
            .ingestor
            .attested(self.epoch_tag, zone, digest)
            .map_err(ClaimError::Attestation)?;
        let watcher_root = self.ingestor.watcher_root(self.epoch_tag, zone);

        let verdicts = self.verdicts();
        let rows = self.rows(&verdicts);
        let scores: Vec<u32> = rows.iter().map(|row| row.score).collect();
        Ok(Outcome {
            committed: Committed {
                epoch_tag: self.epoch_tag,
                registry_root: registry_root(device_root, watcher_root),
                parameters_hash: self.parameters.hash(shape),
                zone,
                out_commit: out_commit(&scores, digest),
            },
            rows,
            verdicts,
            digest,
        })
    }

    /// Checks that every list has the length that the shape gives it.
    ///
    /// # Errors
    /// [`ClaimError::Size`].
    pub fn check_sizes(&self, shape: &Shape) -> Result<(), ClaimError> {
        let check = |what, expected, got| {
            if expected == got {
                Ok(())
            } else {
                Err(ClaimError::Size { what, expected, got })
            }
        };
        check("receipts", shape.witnesses, self.receipts.len())?;
        let Parameters {
            beaconer_units,
            witness_units,
            ..
        } = &self.parameters;
        check("units of the beaconer", shape.witnesses + 1, beaconer_units.len())?;
        check("units of a witness", shape.witnesses + 1, witness_units.len())?;
        for device in self.devices() {
            check(
                "levels of a device's path",
                shape.device_levels,
                device.path.len(),
            )?;
        }
        let levels = self.ingestor.seat.path.len();
        check("levels of the ingestor's path", shape.seat_levels, levels)
    }

    /// The devices of all rows.
    fn devices(&self) -> impl Iterator<Item = &OpenedDevice> {
        std::iter::once(&self.beaconer).chain(self.receipts.iter().map(|row| &row.device))
    }

    /// Limits, paths, owners; returns the device root.
    fn check_devices(&self) -> Result<Fr, ClaimError> {
        let mut owners = Vec::with_capacity(1 + self.receipts.len());
        let mut roots = Vec::with_capacity(1 + self.receipts.len());
        for (row, device) in self.devices().enumerate() {
            if !is_packable(&device.fields.position) {
                let field = "position";
                return Err(ClaimError::Device { row, field });
            }
            if device.fields.gain_ddbi.unsigned_abs() > GAIN_DDBI_MAX.unsigned_abs() {
                let field = "gain_ddbi";
                return Err(ClaimError::Device { row, field });
            }
            roots.push(device.root().map_err(|error| ClaimError::Path { row, error })?);
            let owner = device.fields.owner_id;
            if let Some(first) = owners.iter().position(|other| *other == owner) {
                return Err(ClaimError::RepeatedOwner { first, second: row });
            }
            owners.push(owner);
        }
        let device_root = roots[0];
        for (row, (root, receipt)) in (1..).zip(roots[1..].iter().zip(&self.receipts)) {
            if receipt.present && *root != device_root {
                return Err(ClaimError::OtherRegistry { row });
            }
        }
        Ok(device_root)
    }

    /// Limits and signatures of the beacon and the receipts.
    fn check_reports(&self) -> Result<(), ClaimError> {
        let challenge = challenge(self.epoch_tag, self.nonce, self.beaconer.index);
        let has_ingestor = self.ingestor.seat.present;
        self.check_report(0, has_ingestor, &self.beaconer, challenge, &self.beacon)?;
        for (row, receipt) in (1..).zip(&self.receipts) {
            let ReceiptWitness {
                present,
                device,
                received,
            } = receipt;
            if *present && !has_ingestor {
                return Err(ClaimError::ReceiptWithoutIngestor { row });
            }
            self.check_report(row, *present, device, challenge, received)?;
        }
        Ok(())
    }

    fn check_report<R: Report>(
        &self,
        row: usize,
        present: bool,
        device: &OpenedDevice,
        challenge: Fr,
        received: &Received<R>,
    ) -> Result<(), ClaimError> {
        received
            .validate()
            .map_err(|error| ClaimError::Report { row, error })?;
        let (key, message) = if present {
            let message = received.report.message(self.epoch_tag, challenge);
            (device.fields.session_key, message)
        } else {
            (absent_seat_key(), absent_seat_message())
        };
        verify(&key, message, &received.signature).map_err(|error| ClaimError::Signature { row, error })
    }

    /// The verdict of each receipt.
    fn verdicts(&self) -> Vec<Option<Result<(), Refusal>>> {
        let times = self.receipts.iter().filter_map(ReceiptWitness::receipt);
        let arrivals = Arrivals::new(self.beacon.time_ms, times.map(|receipt| receipt.received.time_ms));
        let verdict = |row: &ReceiptWitness| {
            arrivals.check_fresh(&self.parameters)?;
            arrivals.check_lag(&self.parameters, row.received.time_ms)?;
            let link = Link {
                beacon: self.beacon.report,
                beaconer: Site::from(&self.beaconer.fields),
                receipt: row.received.report,
                witness: Site::from(&row.device.fields),
            };
            link.check(&self.parameters)
        };
        self.receipts
            .iter()
            .map(|row| row.present.then(|| verdict(row)))
            .collect()
    }

    /// Index, payee and score of every row.
    fn rows(&self, verdicts: &[Option<Result<(), Refusal>>]) -> Vec<RowOutcome> {
        let is_accepted = |verdict: &Option<Result<(), Refusal>>| *verdict == Some(Ok(()));
        let accepted = verdicts.iter().filter(|verdict| is_accepted(verdict)).count();
        // The tables have an entry for every number of witnesses, and 0 for none.
        let unit = |units: &[u32]| units.get(accepted).copied().unwrap_or(0);
        let earned = unit(&self.parameters.witness_units);
        let beaconer = RowOutcome {
            index: self.beaconer.index,
            payee: self.beaconer.payee,
            score: unit(&self.parameters.beaconer_units),
        };
        let row = |(row, verdict): (&ReceiptWitness, _)| {
            if !row.present {
                return RowOutcome::default();
            }
            RowOutcome {
                index: row.device.index,
                payee: row.device.payee,
                score: if is_accepted(verdict) { earned } else { 0 },
            }
        };
        std::iter::once(beaconer)
            .chain(self.receipts.iter().zip(verdicts).map(row))
            .collect()
    }
}

impl Outcome {
    /// The bytes that go to the contract: registry index (8 bytes), payee (20 bytes) and score (4 bytes) of
    /// each row, then the digest (32 bytes), big-endian.
    ///
    /// # Errors
    /// [`ClaimError::PayeeNotAnAddress`].
    pub fn settlement_data(&self) -> Result<Vec<u8>, ClaimError> {
        let mut data = Vec::with_capacity(32 * (self.rows.len() + 1));
        for (row, RowOutcome { index, payee, score }) in self.rows.iter().enumerate() {
            let payee = address(payee).ok_or(ClaimError::PayeeNotAnAddress { row })?;
            data.extend_from_slice(&index.to_be_bytes());
            data.extend_from_slice(&payee);
            data.extend_from_slice(&score.to_be_bytes());
        }
        data.extend_from_slice(&to_be_bytes(&self.digest));
        Ok(data)
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
    /// `y = sum_i (index_i z^(3i) + payee_i z^(3i+1) + score_i z^(3i+2)) + digest z^(3(M+1))`.
    #[must_use]
    pub fn statement_at(&self, z: Fr) -> Statement {
        let rows = self.rows.iter();
        let mut coefficients: Vec<Fr> = rows
            .flat_map(|row| [Fr::from(row.index), row.payee, Fr::from(row.score)])
            .collect();
        coefficients.push(self.digest);
        self.committed.statement(z, &coefficients)
    }
}

/// `sponge("coverage-out", packed scores, digest)`.
#[must_use]
pub fn out_commit(scores: &[u32], digest: Fr) -> Fr {
    let mut elements = pack_scores(scores);
    elements.push(digest);
    sponge("coverage-out", &elements)
}

#[cfg(test)]
pub(crate) mod tests;
