//! [`Backend`]: what a prover asks of a machine, and which machine's kernels answer.

use crate::bases::{Bases, G1, G2, Lists, ListsError};
use crate::control::Control;
use crate::fast::Fast;
use crate::field::portable::Portable;
use crate::reference::Reference;
use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ff::BigInt;
use std::ops::Range;
use std::sync::Arc;
use zeroize::Zeroizing;

/// An integer below the group order, little-endian limbs; not in Montgomery form. What a `.wtns` holds.
pub type Scalar = BigInt<4>;

/// The environment variable that forces a backend.
pub const BACKEND_VARIABLE: &str = "POPW_BACKEND";

/// Why a kernel has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// There are fewer scalars than bases.
    #[error("the last base belongs to scalar {needed}, there are {got} scalars")]
    Scalars {
        /// Index of the last base's scalar.
        needed: usize,
        /// Scalars given.
        got: usize,
    },
    /// Not a size that the field has a transform for.
    #[error("a transform of {got} values: its length must be a power of two up to 2^28")]
    Domain {
        /// Values given.
        got: usize,
    },
    /// A list is none.
    #[error(transparent)]
    Lists(#[from] ListsError),
    /// More bases than an index can name.
    #[error("{got} bases; the limit is 2^30")]
    TooMany {
        /// Bases given.
        got: usize,
    },
}

/// The sums of one call of [`Backend::msm`], in the order of the bases given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// One for each set of bases in the first group.
    pub g1: Vec<G1Projective>,
    /// One for each set of bases in the second group.
    pub g2: Vec<G2Projective>,
}

/// A direction of the number-theoretic transform. Orders are natural on both sides; roots of unity are arkworks' and
/// snarkjs's: w of a domain of 2^k values is 5^((r-1)/2^k).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// Coefficients to values at w^i.
    Forward,
    /// Values at w^i to coefficients.
    Inverse,
    /// Coefficients to values at u w^i with u^2 = w: the odd coset, where snarkjs evaluates the quotient.
    OddCoset,
}

/// Evaluates rows of two sparse matrices times a witness: `rows(range, a, b)` fills `a` and `b` with the values of these
/// rows. Called from several threads, for disjoint ranges.
pub type Rows<'a> = dyn Fn(Range<usize>, &mut [Fr], &mut [Fr]) + Sync + 'a;

/// The compute of a prover. Threads are those of the rayon pool that the caller runs in.
pub trait Backend: Send + Sync {
    /// The name that [`by_name`] knows.
    fn name(&self) -> &'static str;

    /// For each set of bases the sum of `scalars[first + i] * bases[i]`. All sets share the recoding and the sorting of
    /// the scalars.
    ///
    /// # Errors
    /// If there are fewer scalars than bases, or the caller cancels.
    fn msm(
        &self,
        scalars: &[Scalar],
        g1: &[Bases<'_, G1>],
        g2: &[Bases<'_, G2>],
        control: &Control<'_>,
    ) -> Result<Sums, KernelError>;

    /// A transform in place.
    ///
    /// # Errors
    /// If the length is no power of two up to 2^28, or the caller cancels.
    fn ntt(&self, values: &mut [Fr], transform: Transform, control: &Control<'_>) -> Result<(), KernelError>;

    /// The numerator of Groth16's quotient on the odd coset of a domain of `size` values: with a and b the polynomials of
    /// the given rows and c of their products, the canonical values of a b - c at u w^i. They are the scalars of the H
    /// query of a `.zkey`.
    ///
    /// # Errors
    /// If `size` is no power of two up to 2^27, or the caller cancels.
    fn quotient(
        &self,
        size: usize,
        rows: &Rows<'_>,
        control: &Control<'_>,
    ) -> Result<Vec<Scalar>, KernelError>;

    /// The sum of [`Self::quotient`]'s values times `bases`, the H query of a `.zkey`. A backend with memory of its own keeps the
    /// values there.
    ///
    /// # Errors
    /// As [`Self::quotient`] and [`Self::msm`].
    fn quotient_sum(
        &self,
        size: usize,
        rows: &Rows<'_>,
        bases: &Bases<'_, G1>,
        control: &Control<'_>,
    ) -> Result<G1Projective, KernelError> {
        let half = |part: f64| control.advance(part / 2.0);
        let halves = Control::new(control.cancel_token(), &half);
        let values = Zeroizing::new(self.quotient(size, rows, &halves)?);
        let sums = self.msm(&values, &[*bases], &[], &halves)?;
        Ok(sums.g1.first().copied().unwrap_or_default())
    }

    /// Another backend that does the same work where this one is in doubt.
    fn fallback(&self) -> Option<Arc<dyn Backend>> {
        None
    }

    /// Tells a backend with a [`Self::fallback`] that this one did what it itself did wrong: it uses only that from now on.
    fn distrust(&self) {}

    /// `base` times each scalar, as the bytes of a key ([`Bases`]).
    ///
    /// # Errors
    /// If the caller cancels.
    fn fixed_base_g1(
        &self,
        base: G1Affine,
        scalars: &[Scalar],
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError>;

    /// The same in the second group.
    ///
    /// # Errors
    /// If the caller cancels.
    fn fixed_base_g2(
        &self,
        base: G2Affine,
        scalars: &[Scalar],
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError>;

    /// Each point of a key's bytes times the scalar, as such bytes: a contribution to a ceremony, or, with a power of two, the
    /// next block of a table of multiples ([`Bases`]). Points are trusted to be of the group; bytes after the last whole point
    /// come back as they are.
    ///
    /// The scalar may be a secret: its digits are overwritten after use. But the time taken depends on it, and so does what is
    /// read when: who can measure this machine during the call learns about it.
    ///
    /// # Errors
    /// If the caller cancels.
    fn scale_g1(&self, points: &[u8], scalar: &Scalar, control: &Control<'_>)
    -> Result<Vec<u8>, KernelError>;

    /// The same in the second group.
    ///
    /// # Errors
    /// If the caller cancels.
    fn scale_g2(&self, points: &[u8], scalar: &Scalar, control: &Control<'_>)
    -> Result<Vec<u8>, KernelError>;

    /// The sum of each list, as the bytes of a key.
    ///
    /// # Errors
    /// If the caller cancels.
    fn sums_g1(&self, lists: Lists<'_, G1>, control: &Control<'_>) -> Result<Vec<u8>, KernelError>;

    /// The same in the second group.
    ///
    /// # Errors
    /// If the caller cancels.
    fn sums_g2(&self, lists: Lists<'_, G2>, control: &Control<'_>) -> Result<Vec<u8>, KernelError>;

    /// `left[i] *= right[i]`, for the shorter of the two.
    fn multiply(&self, left: &mut [Fr], right: &[Fr]);

    /// The canonical integers of field elements.
    fn canonical(&self, values: &[Fr]) -> Vec<Scalar>;
}

/// No backend of this name runs here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// Nobody knows it.
    #[error("no backend is called {name:?}; there are: {}", NAMES.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// This machine lacks what it needs.
    #[error("the backend {name} needs {needs}, which this machine does not have")]
    Unsupported {
        /// What was asked for.
        name: &'static str,
        /// What is missing.
        needs: &'static str,
    },
}

/// The names of all backends of this crate, slowest first.
pub const NAMES: [&str; 3] = ["reference", "portable", "avx512ifma"];

/// The backends that this machine can run, slowest first.
pub fn available() -> Vec<Arc<dyn Backend>> {
    NAMES.iter().filter_map(|name| by_name(name).ok()).collect()
}

/// The backend of this name.
///
/// # Errors
/// If there is none, or this machine cannot run it.
pub fn by_name(name: &str) -> Result<Arc<dyn Backend>, BackendError> {
    match name {
        "reference" => Ok(Arc::new(Reference)),
        "portable" => Ok(Arc::new(Fast(Portable::detect()))),
        "avx512ifma" => avx512ifma().ok_or(BackendError::Unsupported {
            name: "avx512ifma",
            needs: "AVX-512 with IFMA and VBMI2",
        }),
        _ => Err(BackendError::Unknown {
            name: name.to_owned(),
        }),
    }
}

#[cfg(target_arch = "x86_64")]
fn avx512ifma() -> Option<Arc<dyn Backend>> {
    Some(Arc::new(Fast(crate::field::ifma::Avx512Ifma::detect()?)))
}

#[cfg(not(target_arch = "x86_64"))]
fn avx512ifma() -> Option<Arc<dyn Backend>> {
    None
}

/// The fastest backend that this machine can run.
pub fn fastest() -> Arc<dyn Backend> {
    available().pop().unwrap_or_else(|| Arc::new(Reference))
}

/// The backend that [`BACKEND_VARIABLE`] names, else the fastest that this machine can run.
///
/// # Errors
/// If the variable names none that runs here.
pub fn detect() -> Result<Arc<dyn Backend>, BackendError> {
    match std::env::var(BACKEND_VARIABLE) {
        Ok(name) if !name.is_empty() => by_name(&name),
        _ => Ok(fastest()),
    }
}
