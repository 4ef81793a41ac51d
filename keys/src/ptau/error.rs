//! Why a phase 1 that can be read is refused all the same.
//!
//! Depends on: [`crate::error`]. Where to go next: [`super::Ptau::verify`], which finds these.

use super::Part;
use crate::ceremony::secret::ITERATIONS_LOG2;
use crate::error::ReadError;
use popw_kernels::KernelError;
use std::fmt;

/// A phase 1 is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PtauError {
    /// A point is not canonical, not on its curve, or not in the subgroup.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A kernel failed, or the caller cancelled.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Nobody but beacons contributed, or nobody at all.
    #[error("no person contributed: tau, alpha and beta are known to everybody")]
    NoContributor,
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
    /// Powers do not begin with 1.
    #[error("{}: the first point is not the generator", .part.name())]
    Generator {
        /// The section.
        part: Part,
    },
    /// A section does not begin as the last contribution left it.
    #[error(
        "{}: point {index} is not what the last contribution left: it was replaced, or contributions at the end were removed",
        .part.name()
    )]
    Last {
        /// The section.
        part: Part,
        /// The point's place in it.
        index: usize,
    },
    /// The secrets of the last contribution's accumulator differ between the groups.
    #[error("{what} in the second group is not the one in the first")]
    Groups {
        /// `tau` or `beta`.
        what: &'static str,
    },
    /// A secret is 1: everybody who contributed took 1.
    #[error("{secret} is 1, known to everybody: no contribution changed it")]
    Trivial {
        /// Which one.
        secret: SecretName,
    },
    /// Points are not each tau times the one before.
    #[error("{}: some point is not tau times the one before it", .part.name())]
    Powers {
        /// The section.
        part: Part,
    },
    /// A Lagrange level does not belong to the powers.
    #[error("{}: level {level} is not the Lagrange basis of the powers", .part.name())]
    Lagrange {
        /// The section.
        part: Part,
        /// The level.
        level: u32,
    },
    /// The whole accumulator is not the one that the last contribution hashed.
    #[error("the points' hash is not the next challenge that the last contribution left")]
    NextChallenge,
}

/// What is wrong with a contribution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A point that must not be infinity is.
    #[error("{what} is infinity")]
    Infinity {
        /// Which point.
        what: &'static str,
    },
    /// A proof of knowledge does not hold.
    #[error(
        "its proof of knowledge for {secret} does not hold: it answers another challenge than the one before it here \
         (contributions were removed, reordered or changed), or its maker does not know the secret"
    )]
    Knowledge {
        /// Whose proof.
        secret: SecretName,
    },
    /// It was not made of what the contribution before it left.
    #[error("its {what} is not the one before it times its secret")]
    Follows {
        /// Which point.
        what: &'static str,
    },
    /// A beacon that does not say what it was made of.
    #[error("a beacon without its value or its iterations")]
    BeaconIncomplete,
    /// A beacon with iterations that nobody makes.
    #[error(
        "a beacon is hashed 2^{} to 2^{} times, got 2^{got}",
        ITERATIONS_LOG2.start(), ITERATIONS_LOG2.end()
    )]
    BeaconIterations {
        /// The logarithm found.
        got: u8,
    },
    /// A beacon whose numbers are not those of its value.
    #[error("its public key for {secret} is not that of its beacon")]
    Beacon {
        /// Whose key.
        secret: SecretName,
    },
}

/// One of the three secrets of a phase 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretName {
    /// The number whose powers are taken.
    Tau,
    /// The factor of the left side.
    Alpha,
    /// The factor of the right side.
    Beta,
}

impl SecretName {
    /// The three names, in the order of the file.
    pub const ALL: [Self; 3] = [Self::Tau, Self::Alpha, Self::Beta];
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tau => "tau",
            Self::Alpha => "alpha",
            Self::Beta => "beta",
        })
    }
}
