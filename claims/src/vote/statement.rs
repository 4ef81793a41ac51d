//! What is proven about a seat: the witness, the outcome it leads to, and the seven public inputs
//! (`docs/protocol.md` section 10).
//!
//! A [`Witness`] is plain data that anybody may fill in; [`Witness::evaluate`] applies every rule of the
//! circuit to it, and only then is there an [`Outcome`].

use super::Shape;
use super::data::{to_bytes, words};
use super::shape::HEAD_WORDS;
use crate::attestation::Bitmap;
use crate::babyjubjub::Point;
use crate::committee::draw;
use crate::eddsa::{EddsaError, Signature};
use crate::field::Fr;
use crate::opening::SeatOpening;
use crate::poseidon::sponge;
use crate::registry::{registry_root, watcher_root};
use crate::shape::ShapeError;
use crate::statement::{Committed, Statement};
use crate::tree::Path;
use crate::uptime::Parameters;

/// Everything that the circuit is given beside z. Plain and unvalidated: tests build dishonest ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The parameters of U1. The hash binds them; nothing else is asked of them.
    pub parameters: Parameters,
    /// The epoch tag.
    pub epoch_tag: Fr,
    /// The zone, in units of N devices.
    pub zone: u64,
    /// The seat.
    pub seat: usize,
    /// What the watcher saw.
    pub bitmap: Bitmap,
    /// Owner of the drawn watcher.
    pub owner: Fr,
    /// Key of the drawn watcher.
    pub key: Point,
    /// From the drawn leaf up to the root of the seat.
    pub path: Path,
    /// The attestation's signature.
    pub signature: Signature,
    /// Roots of all seats; the one of the seat is not read, what its watcher leads to takes its place.
    pub seat_roots: Vec<Fr>,
    /// Root of the device tree.
    pub device_root: Fr,
}

/// Which rule a witness breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The shape is outside its limits.
    #[error(transparent)]
    Shape(#[from] ShapeError),
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
    /// The seat does not exist.
    #[error("expected a seat below {seats}, got {seat}")]
    NoSuchSeat {
        /// The refused seat.
        seat: usize,
        /// Seats of the shape.
        seats: usize,
    },
    /// The signature is not the drawn watcher's for this epoch, zone, seat and bitmap.
    #[error("the drawn watcher's attestation: {0}")]
    Signature(#[from] EddsaError),
}

/// What a witness leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Everything that is fixed before z.
    pub committed: Committed,
    /// The words that are published.
    pub words: Vec<Fr>,
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
        let &Self {
            epoch_tag,
            zone,
            seat,
            ..
        } = self;
        if epoch_tag == Fr::from(0u64) {
            return Err(ClaimError::CanaryEpochTag);
        }
        let seats = shape.watchers;
        let drawn = draw(epoch_tag, zone, seats, shape.seat_levels);
        let no_such_seat = ClaimError::NoSuchSeat { seat, seats };
        let leaf = *drawn.get(seat).ok_or(no_such_seat)?;
        let opening = self.opening();
        let digest = opening.attested(epoch_tag, zone, seat, self.bitmap.digest())?;
        let mut roots = self.seat_roots.clone();
        roots[seat] = opening.root(seat, leaf);
        let words = words(seat, digest, &self.signature, &self.bitmap);
        Ok(Outcome {
            committed: Committed {
                epoch_tag,
                registry_root: registry_root(self.device_root, watcher_root(&roots)),
                parameters_hash: self.parameters.hash(&shape.uptime()),
                zone,
                out_commit: out_commit(&words),
            },
            words,
        })
    }

    /// The drawn watcher and its signature, without what it saw.
    #[must_use]
    pub fn opening(&self) -> SeatOpening {
        SeatOpening {
            present: true,
            owner: self.owner,
            key: self.key,
            path: self.path.clone(),
            signature: self.signature,
        }
    }

    /// Checks that every list has the length that the shape gives it.
    ///
    /// # Errors
    /// [`ClaimError::Size`].
    pub fn check_sizes(&self, shape: &Shape) -> Result<(), ClaimError> {
        for (what, expected, got) in [
            ("devices of the bitmap", shape.devices, self.bitmap.devices()),
            ("slots of the bitmap", shape.slots, self.bitmap.slots()),
            ("levels of the seat's path", shape.seat_levels, self.path.len()),
            ("roots of seats", shape.watchers, self.seat_roots.len()),
        ] {
            if expected != got {
                return Err(ClaimError::Size { what, expected, got });
            }
        }
        Ok(())
    }
}

impl Outcome {
    /// The bytes that go to the contract: the words, 32 bytes each, big-endian.
    #[must_use]
    pub fn settlement_data(&self) -> Vec<u8> {
        to_bytes(&self.words)
    }

    /// The statement for a verifier's selector: z is drawn from the data.
    #[must_use]
    pub fn statement(&self, selector: [u8; 4]) -> Statement {
        let data = self.settlement_data();
        self.statement_at(self.committed.fingerprint_point(selector, &data))
    }

    /// The statement at a given z, for tests and for circuits, which take z as it comes: `y = sum_i word_i z^i`.
    #[must_use]
    pub fn statement_at(&self, z: Fr) -> Statement {
        self.committed.statement(z, &self.words)
    }
}

/// `sponge("vote-out", seat, digest, R8x, R8y, S)`, the first of the words; the digest binds the others.
#[must_use]
pub fn out_commit(words: &[Fr]) -> Fr {
    sponge("vote-out", &words[..words.len().min(HEAD_WORDS)])
}

#[cfg(test)]
mod tests;
