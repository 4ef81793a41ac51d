//! What is proven about a zone: the witness, the outcome it leads to, and the seven public inputs
//! (`docs/protocol.md` sections 4 and 5).
//!
//! A [`Witness`] is plain data that anybody may fill in; [`Witness::evaluate`] applies every rule of the
//! circuit to it, and only then is there an [`Outcome`]. Next: [`crate::settlement`], what the contract does
//! with the data.

use rayon::prelude::*;

use super::{ParameterError, Parameters, Shape, ShapeError, agreed_slots, longest_outage, score, up_slots};
use crate::attestation::Bitmap;
use crate::babyjubjub::Point;
use crate::committee::draw;
use crate::eddsa::{EddsaError, Signature};
use crate::field::{Fr, to_be_bytes};
use crate::opening::SeatOpening;
use crate::poseidon::sponge;
use crate::registry::{device_leaf, registry_root, watcher_root};
use crate::statement::{Committed, address, polynomial};
use crate::tree::{ARITY, Path, climb, root_of, width};

pub use crate::opening::{absent_seat_key, absent_seat_message, absent_seat_signature};
pub use crate::statement::{Statement, pack_scores};

/// One device of the zone. Absent: all zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceWitness {
    /// Whether the registry has a device here.
    pub present: bool,
    /// Its payee, an Ethereum address as an integer.
    pub payee: Fr,
    /// [`crate::registry::Device::inner`].
    pub inner: Fr,
}

impl DeviceWitness {
    /// A device that the registry does not have.
    #[must_use]
    pub fn absent() -> Self {
        let zero = Fr::from(0u64);
        Self {
            present: false,
            payee: zero,
            inner: zero,
        }
    }
}

/// One seat of the committee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatWitness {
    /// Whether there is an attestation that counts; an absent or void seat votes for nothing.
    pub present: bool,
    /// What the watcher saw; all 0 when absent.
    pub bitmap: Bitmap,
    /// Owner of the drawn watcher.
    pub owner: Fr,
    /// Key of the drawn watcher.
    pub key: Point,
    /// From the drawn leaf up to the root of the seat.
    pub path: Path,
    /// The attestation's signature; [`absent_seat_signature`] when absent.
    pub signature: Signature,
}

impl SeatWitness {
    /// The drawn watcher and its signature, without what it saw.
    #[must_use]
    pub fn opening(&self) -> SeatOpening {
        SeatOpening {
            present: self.present,
            owner: self.owner,
            key: self.key,
            path: self.path.clone(),
            signature: self.signature,
        }
    }
}

/// Everything that the circuit is given beside z. Plain and unvalidated: tests build dishonest ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The parameters.
    pub parameters: Parameters,
    /// The epoch tag.
    pub epoch_tag: Fr,
    /// The zone, in units of N devices.
    pub zone: u64,
    /// The zone's devices in registry order.
    pub devices: Vec<DeviceWitness>,
    /// From the root of the zone's subtree up to the device root.
    pub device_path: Path,
    /// The seats in order.
    pub seats: Vec<SeatWitness>,
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
    /// The zone is not in the device tree.
    #[error("zone {zone}: expected a zone below {zones}")]
    ZoneOutOfRange {
        /// The refused zone.
        zone: u64,
        /// Zones of the tree.
        zones: u64,
    },
    /// An absent seat has a bit set.
    #[error("seat {seat} is absent but its bitmap has {votes} bits set; expected none")]
    AbsentSeatVotes {
        /// The seat.
        seat: usize,
        /// Bits that are set.
        votes: usize,
    },
    /// The signature is not the drawn watcher's for this epoch, zone, seat and bitmap; for an absent seat,
    /// not the constant key's.
    #[error("seat {seat}: {error}")]
    Signature {
        /// The seat.
        seat: usize,
        /// What the check found.
        error: EddsaError,
    },
    /// One owner sits in two seats.
    #[error("seats {first} and {second} have the same owner")]
    RepeatedOwner {
        /// A seat.
        first: usize,
        /// The other.
        second: usize,
    },
    /// One key (its x coordinate) sits in two seats.
    #[error("seats {first} and {second} have the same key")]
    RepeatedKey {
        /// A seat.
        first: usize,
        /// The other.
        second: usize,
    },
    /// A payee cannot be written into the settlement data. Registration refuses such a device.
    #[error("device {index} of the zone: the payee is not below 2^160")]
    PayeeNotAnAddress {
        /// Position in the zone.
        index: usize,
    },
}

/// What a witness leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The epoch tag.
    pub epoch_tag: Fr,
    /// The zone.
    pub zone: u64,
    /// T of each device, also of absent ones.
    pub up_slots: Vec<u32>,
    /// Score of each device in parts per million; 0 when absent.
    pub scores: Vec<u32>,
    /// Payee of each device; 0 when absent.
    pub payees: Vec<Fr>,
    /// REG.
    pub registry_root: Fr,
    /// `params_hash`.
    pub parameters_hash: Fr,
    /// Digest of each seat; 0 when absent.
    pub digests: Vec<Fr>,
    /// Commitment to scores and digests.
    pub out_commit: Fr,
}

impl Witness {
    /// The native twin of the circuit: checks every rule that the circuit checks and computes what it
    /// computes.
    ///
    /// The roots of the registry are results, as in the circuit: compare [`Outcome::registry_root`] with the
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
        let zones = width(shape.device_levels - shape.zone_levels());
        if self.zone >= zones {
            return Err(ClaimError::ZoneOutOfRange {
                zone: self.zone,
                zones,
            });
        }

        let digests = self.check_seats()?;
        let registry_root = registry_root(self.device_root(), self.watcher_root(shape));
        let (up_slots, scores): (Vec<u32>, Vec<u32>) = (0..shape.devices)
            .into_par_iter()
            .map(|device| self.count(shape, device))
            .unzip();
        let masked = |device: &DeviceWitness| {
            if device.present {
                device.payee
            } else {
                Fr::from(0u64)
            }
        };
        Ok(Outcome {
            epoch_tag: self.epoch_tag,
            zone: self.zone,
            payees: self.devices.iter().map(masked).collect(),
            registry_root,
            parameters_hash: self.parameters.hash(shape),
            out_commit: out_commit(&scores, &digests),
            up_slots,
            scores,
            digests,
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
        check("devices", shape.devices, self.devices.len())?;
        check(
            "levels above the zone",
            shape.device_levels - shape.zone_levels(),
            self.device_path.len(),
        )?;
        check("seats", shape.watchers, self.seats.len())?;
        for seat in &self.seats {
            check("devices of a seat's bitmap", shape.devices, seat.bitmap.devices())?;
            check("slots of a seat's bitmap", shape.slots, seat.bitmap.slots())?;
            check("levels of a seat's path", shape.seat_levels, seat.path.len())?;
        }
        Ok(())
    }

    /// Signatures, absent seats, pairwise different owners and keys; returns the digests.
    fn check_seats(&self) -> Result<Vec<Fr>, ClaimError> {
        for (second, seat) in self.seats.iter().enumerate() {
            for (first, other) in self.seats[..second].iter().enumerate() {
                if seat.owner == other.owner {
                    return Err(ClaimError::RepeatedOwner { first, second });
                }
                if seat.key.x == other.key.x {
                    return Err(ClaimError::RepeatedKey { first, second });
                }
            }
        }
        let digests: Vec<Result<Fr, ClaimError>> = (self.seats.par_iter().enumerate())
            .map(|(number, seat)| self.check_seat(number, seat))
            .collect();
        // The first error in order, whichever thread was first.
        digests.into_iter().collect()
    }

    fn check_seat(&self, number: usize, seat: &SeatWitness) -> Result<Fr, ClaimError> {
        let votes = seat.bitmap.count();
        if !seat.present && votes != 0 {
            return Err(ClaimError::AbsentSeatVotes { seat: number, votes });
        }
        seat.opening()
            .attested(self.epoch_tag, self.zone, number, seat.bitmap.digest())
            .map_err(|error| ClaimError::Signature { seat: number, error })
    }

    fn device_root(&self) -> Fr {
        let leaf = |device: &DeviceWitness| {
            if device.present {
                device_leaf(device.payee, device.inner)
            } else {
                Fr::from(0u64)
            }
        };
        let leaves: Vec<Fr> = self.devices.par_iter().map(leaf).collect();
        climb(root_of(&leaves), self.zone, &self.device_path)
    }

    fn watcher_root(&self, shape: &Shape) -> Fr {
        let leaves = draw(self.epoch_tag, self.zone, shape.watchers, shape.seat_levels);
        let roots: Vec<Fr> = (self.seats.iter().zip(leaves).enumerate())
            .map(|(number, (seat, leaf))| seat.opening().root(number, leaf))
            .collect();
        watcher_root(&roots)
    }

    /// T and the score of a device of the zone.
    fn count(&self, shape: &Shape, device: usize) -> (u32, u32) {
        let bitmaps = self.seats.iter().map(|seat| &seat.bitmap);
        let agreed = agreed_slots(bitmaps, device, shape.slots, self.parameters.quorum);
        let up = up_slots(&agreed);
        let earned = score(&self.parameters, shape, up, longest_outage(&agreed));
        (up, if self.devices[device].present { earned } else { 0 })
    }
}

impl Outcome {
    /// The bytes that go to the contract: payee (20 bytes) and score (4 bytes) of each device, then the
    /// digests (32 bytes each), big-endian.
    ///
    /// # Errors
    /// [`ClaimError::PayeeNotAnAddress`].
    pub fn settlement_data(&self) -> Result<Vec<u8>, ClaimError> {
        let mut data = Vec::with_capacity(24 * self.scores.len() + 32 * self.digests.len());
        for (index, (payee, score)) in self.payees.iter().zip(&self.scores).enumerate() {
            let address = address(payee).ok_or(ClaimError::PayeeNotAnAddress { index })?;
            data.extend_from_slice(&address);
            data.extend_from_slice(&score.to_be_bytes());
        }
        data.extend(self.digests.iter().flat_map(to_be_bytes));
        Ok(data)
    }

    /// The statement for a verifier's selector: z is drawn from the settlement data.
    ///
    /// # Errors
    /// [`ClaimError::PayeeNotAnAddress`].
    pub fn statement(&self, selector: [u8; 4]) -> Result<Statement, ClaimError> {
        Ok(self.statement_at(fingerprint_point(selector, self, &self.settlement_data()?)))
    }

    /// The statement at a given z, for tests and for circuits, which take z as it comes.
    #[must_use]
    pub fn statement_at(&self, z: Fr) -> Statement {
        let coefficients = coefficients(&self.payees, &self.scores, &self.digests);
        self.committed().statement(z, &coefficients)
    }

    /// What is fixed before z.
    #[must_use]
    pub fn committed(&self) -> Committed {
        let &Self {
            epoch_tag,
            registry_root,
            parameters_hash,
            zone,
            out_commit,
            ..
        } = self;
        Committed {
            epoch_tag,
            registry_root,
            parameters_hash,
            zone,
            out_commit,
        }
    }
}

/// `sponge("out", packed scores, digests)`.
#[must_use]
pub fn out_commit(scores: &[u32], digests: &[Fr]) -> Fr {
    let mut elements = pack_scores(scores);
    elements.extend(digests);
    sponge("out", &elements)
}

/// The z of a verifier's selector: [`Committed::fingerprint_point`].
#[must_use]
pub fn fingerprint_point(selector: [u8; 4], outcome: &Outcome, data: &[u8]) -> Fr {
    outcome.committed().fingerprint_point(selector, data)
}

/// `y = sum_i (payee_i z^(2i) + score_i z^(2i+1)) + sum_m digest_m z^(2N+m)`.
#[must_use]
pub fn fingerprint(z: Fr, payees: &[Fr], scores: &[u32], digests: &[Fr]) -> Fr {
    polynomial(z, &coefficients(payees, scores, digests))
}

/// Payee and score of each device, then the digests.
fn coefficients(payees: &[Fr], scores: &[u32], digests: &[Fr]) -> Vec<Fr> {
    let devices = payees.iter().zip(scores);
    let devices = devices.flat_map(|(payee, score)| [*payee, Fr::from(*score)]);
    devices.chain(digests.iter().copied()).collect()
}

/// Siblings of an empty path: for witnesses whose values do not matter.
#[must_use]
pub fn blank_path(levels: usize) -> Path {
    vec![[Fr::from(0u64); ARITY]; levels]
}

#[cfg(test)]
pub(crate) mod tests;
