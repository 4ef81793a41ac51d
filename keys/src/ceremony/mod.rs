//! Phase 2: from a circuit and a phase 1 to a key that nobody can forge for, as long as one contributor forgot his secret.
//!
//! The ceremony is snarkjs's (MMORPG, Bowe, Gabizon, Miers, eprint 2017/1050), byte for byte: either tool verifies and continues
//! what the other made.
//!
//! ```text
//! circuit + phase 1 -> initialize -> contribute .. contribute -> beacon -> verify -> seal: manifest
//! ```
//!
//! | module | what it is for |
//! |---|---|
//! | [`initialize`](mod@initialize) | the initial key: no coins, anybody gets the same bytes |
//! | [`contribute`](mod@contribute) | delta times a secret, by a person or from a beacon |
//! | [`verify`](mod@verify) | the whole transcript, and whether one key extends another |
//! | [`manifest`] | what was verified, sealed: the grade `ceremony` |
//! | [`transcript`] | what a ceremony added: with circuit and phase 1 it makes the key again |
//! | [`bellman`] | challenges and responses in the format of phase2-bn254, for coordinators that speak it |
//! | [`inspect`] | what anybody's key says about itself, and what to beware of |
//! | [`secret`] | what must be forgotten |
//! | `contribution`, `encoding`, `circuit_hash` | proofs of knowledge, transcripts, bytes |
//! | `combine` | sparse combinations of points |
//!
//! Depends on: [`crate::ptau`], [`crate::r1cs`], [`crate::zkey`], the kernels. Where to go next: `docs/ceremony.md`, for people.

pub mod bellman;
mod circuit_hash;
pub(crate) mod combine;
pub mod contribute;
pub(crate) mod contribution;
pub(crate) mod encoding;
pub mod initialize;
pub mod inspect;
pub mod manifest;
pub mod secret;
pub mod transcript;
pub mod verify;

pub use bellman::{read_response, write_challenge};
pub use contribute::{Contributed, beacon, contribute};
pub use encoding::{Hash512, blake2b};
pub use initialize::initialize;
pub use inspect::{Inspection, Warning, inspect};
pub use manifest::{Grade, Manifest, ManifestError, SealPolicy, seal};
pub use secret::Secret;
pub use transcript::{rebuild, write_transcript};
pub use verify::{Transcribed, Verified, extends, verify};

use crate::error::ReadError;
use popw_kernels::{KernelError, ListsError};

/// Why a step of a ceremony was not made, or a key not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// The circuit or a point cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A kernel failed, or the caller cancelled.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The circuit has more rows than a key can have.
    #[error("the circuit has {rows} constraints and public inputs: no domain is large enough")]
    TooLarge {
        /// Constraints, public inputs, and the constant one.
        rows: u64,
    },
    /// The phase 1 is too small for the circuit.
    #[error("the circuit needs powers of tau for 2^{needed} rows, the .ptau has 2^{got}: take a larger one")]
    PowersTooFew {
        /// Logarithm of the domain.
        needed: u32,
        /// Power of the file.
        got: u32,
    },
    /// The phase 1 has no Lagrange bases.
    #[error("the .ptau is not prepared for phase 2: run `popw ptau prepare` first")]
    NotPrepared,
    /// A name that the format cannot hold.
    #[error(
        "a contributor's name has at most {} characters and 255 bytes, got {got} characters",
        contribute::NAME_CHARS_MAX
    )]
    Name {
        /// Characters given.
        got: usize,
    },
    /// A beacon that the format cannot hold.
    #[error("a beacon has 1 to {} bytes, got {got}", secret::BEACON_BYTES_MAX)]
    BeaconLength {
        /// Bytes given.
        got: usize,
    },
    /// Iterations that the format does not allow.
    #[error("a beacon is hashed 2^10 to 2^63 times, got 2^{got}")]
    BeaconIterations {
        /// The logarithm given.
        got: u8,
    },
    /// The key is of another circuit.
    #[error("the key is not of this circuit: it has {found} {what}, the circuit gives {made}")]
    OtherCircuit {
        /// What was counted.
        what: &'static str,
        /// In the key.
        found: u32,
        /// From the circuit.
        made: u32,
    },
    /// The key is of another phase 1.
    #[error("alpha or beta of the key are not those of this .ptau: it comes from another ceremony's phase 1")]
    OtherPhase1,
    /// gamma is not the generator.
    #[error("gamma of the key is not the generator, as every key of this kind has it")]
    Gamma,
    /// A section that no contribution touches is not what circuit and phase 1 give.
    #[error(
        "section {section} is not what circuit and phase 1 give: the circuit is another one, or a point was replaced"
    )]
    Section {
        /// Which section.
        section: &'static str,
    },
    /// C or H were not divided by delta.
    #[error("section {section} is not the initial one over delta: a point was replaced")]
    Ratio {
        /// Which section.
        section: &'static str,
    },
    /// The contributions are bound to another initial key.
    #[error(
        "the circuit hash is not the one of this circuit and phase 1: made by another tool or version, or changed"
    )]
    CircuitHash,
    /// A contribution is wrong.
    #[error("contribution {} ({name:?}): {fault}", .index + 1)]
    Contribution {
        /// Its place in the list, from 0.
        index: usize,
        /// The name it gives.
        name: String,
        /// What is wrong.
        fault: Fault,
    },
    /// The header's delta is not the last contribution's.
    #[error(
        "delta of the key is not what the last contribution left: contributions at the end were removed, or delta replaced"
    )]
    Delta,
    /// delta in the two groups differs.
    #[error("delta in the second group is not the one in the first")]
    DeltaG2,
    /// A key does not begin with the contributions of the one before.
    #[error("contribution {} of the key before is not in the new key: it does not extend it", .index + 1)]
    NotExtended {
        /// Its place in the list, from 0.
        index: usize,
    },
    /// A response changes what no contribution changes.
    #[error(
        "{what} of the response is not the key's: it answers another key's challenge, or somebody replaced it"
    )]
    OtherResponse {
        /// The point, or what else it is.
        what: String,
    },
    /// A key has no contribution more than the one before.
    #[error("the new key has no new contribution")]
    NothingNew,
}

impl From<ListsError> for CeremonyError {
    fn from(error: ListsError) -> Self {
        Self::Kernel(error.into())
    }
}

/// What is wrong with a contribution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Its proof of knowledge does not hold.
    #[error("its proof of knowledge does not hold: whoever made it does not know its secret")]
    Knowledge,
    /// Its transcript hash or its points were changed.
    #[error(
        "its transcript hash is not that of the contributions before it, and its own proof does not hold for it: it was changed"
    )]
    Changed,
    /// It follows the delta before it, but was made for another history.
    #[error("it was made after other contributions than those before it here: one of them was changed")]
    History,
    /// It belongs to another place.
    #[error("it was made after {}: contributions were reordered or removed", place(.after))]
    Reordered {
        /// The contribution that it follows, from 0; none if it was the first.
        after: Option<usize>,
    },
    /// The one before it is not in the list.
    #[error("the contribution that it was made after is not here: it was removed or replaced")]
    Missing,
    /// A beacon whose numbers are not those of its value.
    #[error("its points are not those of its beacon")]
    Beacon,
}

fn place(after: &Option<usize>) -> String {
    match after {
        Some(index) => format!("contribution {}", index + 1),
        None => "the initial key".to_owned(),
    }
}
