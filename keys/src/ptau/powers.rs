//! Powers: every section holds a first point times 1, tau, tau^2, ..., with one tau.
//!
//! A random c decides it: with R the sum of c^i P_i over all n points, P_(i+1) = tau P_i for all i if
//!
//! ```text
//! R - P_0 = tau c (R - c^(n-1) P_(n-1))
//! ```
//!
//! which a pairing tells: both sides are polynomials in c of degree below n, so that a wrong section passes with a chance below
//! n / r, less than 2^-224. c comes from the file's hash: who made the file could not choose points by it. The sums over the
//! first 2^l points are kept, for the same c serves the Lagrange levels (`levels`).
//!
//! Points must be in the subgroup, which `points` has asked.
//!
//! Depends on: the kernels' `msm`. Where to go next: `levels`.

use super::error::PtauError;
use super::{Part, Ptau};
use crate::ceremony::contribution::same_ratio;
use crate::ceremony::encoding::Hash512;
use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, PrimeField};
use popw_kernels::{Backend, Bases, Control, Curve, G1, G2, KernelError, Scalar};
use rayon::prelude::*;
use std::ops::{AddAssign, Range};

/// Points of a section that are summed in one go: 2^18 scalars are 16 MiB.
pub(super) const CHUNK: usize = 1 << 18;
/// Scalars that one task computes.
const PIECE: usize = 1 << 10;

/// The c of a file.
pub(super) fn challenge(blake2b: &Hash512) -> Fr {
    // 512 bits: no residue is noticeably more likely than another.
    Fr::from_le_bytes_mod_order(blake2b)
}

/// Four sections that are summed with the same scalars: in G1 with 1, alpha and beta, in G2 with 1.
#[derive(Clone, Copy)]
pub(super) struct Sections<'a> {
    pub(super) g1: [&'a [u8]; 3],
    pub(super) g2: &'a [u8],
}

impl<'a> Sections<'a> {
    /// The powers.
    fn powers(ptau: &'a Ptau) -> Self {
        Self {
            g1: [ptau.tau_g1(), ptau.alpha_tau_g1(), ptau.beta_tau_g1()],
            g2: ptau.tau_g2(),
        }
    }

    /// The points of this range that are there.
    pub(super) fn range(self, range: Range<usize>) -> Self {
        let cut = |points: &'a [u8], size: usize| {
            let start = range.start.saturating_mul(size).min(points.len());
            let end = range.end.saturating_mul(size).min(points.len());
            points.get(start..end).unwrap_or_default()
        };
        Self {
            g1: self.g1.map(|points| cut(points, G1::POINT_BYTES)),
            g2: cut(self.g2, G2::POINT_BYTES),
        }
    }

    /// The sum of the points times the scalars; there may be more scalars than points.
    pub(super) fn sum(
        self,
        backend: &dyn Backend,
        scalars: &[Scalar],
        control: &Control<'_>,
    ) -> Result<Sums, KernelError> {
        // Sections are whole points.
        let g1 = self.g1.map(|points| Bases::<G1>::new(points, 0).ok());
        let g1: Vec<Bases<'_, G1>> = g1.into_iter().flatten().collect();
        let g2: Vec<Bases<'_, G2>> = Bases::new(self.g2, 0).into_iter().collect();
        let sums = backend.msm(scalars, &g1, &g2, control)?;
        let mut made = Sums::default();
        for (to, from) in made.g1.iter_mut().zip(sums.g1) {
            *to = from;
        }
        made.g2 = sums.g2.into_iter().sum();
        Ok(made)
    }
}

/// A sum for each of [`Sections`].
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) g1: [G1Projective; 3],
    pub(super) g2: G2Projective,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        for (to, from) in self.g1.iter_mut().zip(other.g1) {
            *to += from;
        }
        self.g2 += other.g2;
    }
}

/// Computes scalars: `fill(start, values)` fills in `values[start..]`'s place, some at a time, in several threads.
pub(super) fn scalars(
    backend: &dyn Backend,
    count: usize,
    fill: impl Fn(usize, &mut [Fr]) + Sync,
) -> Vec<Scalar> {
    let mut values = vec![Fr::ZERO; count];
    let pieces = values.par_chunks_mut(PIECE).enumerate();
    pieces.for_each(|(piece, values)| fill(piece * PIECE, values));
    backend.canonical(&values)
}

/// Fills in `first, first ratio, first ratio^2, ...`.
pub(super) fn geometric(first: Fr, ratio: Fr, values: &mut [Fr]) {
    let mut next = first;
    for value in values {
        *value = next;
        next *= ratio;
    }
}

/// Sums over the first points of each section.
pub(super) struct Prefixes {
    /// The random number.
    pub(super) c: Fr,
    /// Entry l is the sum of c^i P_i over the first 2^l points, or over all if there are fewer.
    pub(super) levels: Vec<Sums>,
}

impl Prefixes {
    /// Sums all powers of a file.
    pub(super) fn new(
        ptau: &Ptau,
        c: Fr,
        backend: &dyn Backend,
        control: &Control<'_>,
    ) -> Result<Self, KernelError> {
        let sections = Sections::powers(ptau);
        let (mut total, mut done, mut levels) = (Sums::default(), 0, Vec::new());
        for level in 0..=ptau.power() + 1 {
            let end = 1_usize << level;
            for start in (done..end).step_by(CHUNK) {
                let range = start..end.min(start + CHUNK);
                let factors = scalars(backend, range.len(), |place, values| {
                    geometric(c.pow([(range.start + place) as u64]), c, values);
                });
                let part = range.len() as f64 / (2.0 * (1_u64 << ptau.power()) as f64);
                total += sections.range(range).sum(backend, &factors, &control.within())?;
                control.advance(part);
            }
            done = end;
            levels.push(total);
        }
        Ok(Self { c, levels })
    }

    /// Decides whether every section goes on with tau.
    pub(super) fn check(&self, ptau: &Ptau) -> Result<(), PtauError> {
        let all = self.levels.last().copied().unwrap_or_default();
        let (one, two) = (G1Affine::generator(), G2Affine::generator());
        let tau_g1: G1Affine = point::<G1>(ptau.tau_g1(), 1);
        let tau_g2: G2Affine = point::<G2>(ptau.tau_g2(), 1);
        let parts = [Part::TauG1, Part::AlphaTauG1, Part::BetaTauG1];
        for ((part, points), sum) in parts.into_iter().zip(Sections::powers(ptau).g1).zip(all.g1) {
            let (without_last, without_first) = self.shifted::<G1>(points, sum);
            if !same_ratio(without_last, without_first, two, tau_g2) {
                return Err(PtauError::Powers { part });
            }
        }
        let (without_last, without_first) = self.shifted::<G2>(ptau.tau_g2(), all.g2);
        if !same_ratio(one, tau_g1, without_last, without_first) {
            let part = Part::TauG2;
            return Err(PtauError::Powers { part });
        }
        Ok(())
    }

    /// c (R - c^(n-1) P_(n-1)) and R - P_0.
    fn shifted<C: Curve>(&self, points: &[u8], sum: C::Projective) -> (C::Affine, C::Affine) {
        let last = (points.len() / C::POINT_BYTES).saturating_sub(1);
        let without_last = (sum - point::<C>(points, last) * self.c.pow([last as u64])) * self.c;
        let without_first = sum - point::<C>(points, 0).into_group();
        (without_last.into_affine(), without_first.into_affine())
    }
}

/// A point of a section; infinity if it is not there.
pub(super) fn point<C: Curve>(points: &[u8], index: usize) -> C::Affine {
    let start = index.saturating_mul(C::POINT_BYTES);
    let bytes = points.get(start..start.saturating_add(C::POINT_BYTES));
    bytes.map_or(C::Affine::zero(), C::read)
}
