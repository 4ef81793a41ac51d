//! Every point of a file on its own: canonical, on its curve, in the subgroup.
//!
//! The subgroup as in a key's check: in each of several rounds every point of G2 gets a random factor of w <= 13 bits, and if one
//! is outside the subgroup the round's sum is inside with a chance of at most 2^-w, since no order outside is below 10,069. Factors
//! of 128 bits in all come from the file's hash, so that a check can be repeated, and nobody can choose points by them.
//! The kernels' sums of lists are sums on the curve, of whatever points; their multi-scalar multiplication is not
//! asked, for it may take scalars modulo r.
//!
//! Depends on: [`crate::zkey`] for points, the kernels' sums. Where to go next: `powers`.

use super::{FORMAT_NAME, Part, Ptau};
use crate::error::{PointFault, Problem, ReadError};
use crate::zkey::check::{FACTOR_BITS, ROUND_BITS_MAX, first_fault};
use crate::zkey::points::Group;
use ark_bn254::G2Projective;
use ark_ec::CurveGroup;
use ark_ff::Zero;
use popw_kernels::{Backend, Control, Curve, G1, G2, KernelError, Lists};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

/// Points that are summed at a time: with their factors of all rounds they take about 100 MB.
const CHUNK: usize = 1 << 18;

/// The sections of points in G1.
const G1_PARTS: [Part; 6] = [
    Part::TauG1,
    Part::AlphaTauG1,
    Part::BetaTauG1,
    Part::LagrangeTauG1,
    Part::LagrangeAlphaTauG1,
    Part::LagrangeBetaTauG1,
];
/// The sections of points in G2.
const G2_PARTS: [Part; 3] = [Part::TauG2, Part::BetaG2, Part::LagrangeTauG2];

/// Looks for a point that is not canonical or not on its curve.
pub(super) fn check_curves(ptau: &Ptau, control: &Control<'_>) -> Result<Option<ReadError>, KernelError> {
    for part in G1_PARTS {
        if let Some(error) = check_curve::<G1>(ptau, part, control)? {
            return Ok(Some(error));
        }
    }
    for part in G2_PARTS {
        if let Some(error) = check_curve::<G2>(ptau, part, control)? {
            return Ok(Some(error));
        }
    }
    Ok(None)
}

fn check_curve<C: Group>(
    ptau: &Ptau,
    part: Part,
    control: &Control<'_>,
) -> Result<Option<ReadError>, KernelError> {
    control.check()?;
    let total = ptau.bytes().len() as f64;
    let fault = first_fault::<C>(ptau.section(part), &|bytes| control.advance(bytes as f64 / total));
    Ok(fault.map(|(index, fault)| error::<C>(ptau, part, index, fault)))
}

/// Looks for a point of G2 outside the subgroup. (G1 has no other points.)
pub(super) fn check_subgroups(
    ptau: &Ptau,
    seed: &[u8; 32],
    backend: &dyn Backend,
    control: &Control<'_>,
) -> Result<Option<ReadError>, KernelError> {
    for part in G2_PARTS {
        let points = ptau.section(part);
        if in_subgroup(points, seed, backend, &control.within())? {
            continue;
        }
        let outside = |bytes: &[u8]| !G2::read(bytes).is_in_correct_subgroup_assuming_on_curve();
        let index = points.par_chunks_exact(G2::POINT_BYTES).position_first(outside);
        // A sum outside the subgroup has a summand outside.
        let index = index.unwrap_or_default();
        return Ok(Some(error::<G2>(ptau, part, index, PointFault::NotInSubgroup)));
    }
    Ok(None)
}

fn in_subgroup(
    points: &[u8],
    seed: &[u8; 32],
    backend: &dyn Backend,
    control: &Control<'_>,
) -> Result<bool, KernelError> {
    let count = points.len() / G2::POINT_BYTES;
    // A round's buckets should cost much less than its points.
    let bits = (count / 8).max(1).ilog2().clamp(4, ROUND_BITS_MAX);
    let mut factors = ChaCha20Rng::from_seed(*seed);
    let mut totals = vec![G2Projective::zero(); FACTOR_BITS.div_ceil(bits) as usize];
    for points in points.chunks(CHUNK * G2::POINT_BYTES) {
        let (items, starts) = buckets(points.len() / G2::POINT_BYTES, totals.len(), bits, &mut factors);
        let sums = backend.sums_g2(Lists::new(points, &items, &starts)?, control)?;
        let rounds = sums.par_chunks(G2::POINT_BYTES << bits);
        totals
            .par_iter_mut()
            .zip(rounds)
            .for_each(|(total, sums)| *total += weighted(sums));
    }
    let inside = |sum: &G2Projective| sum.into_affine().is_in_correct_subgroup_assuming_on_curve();
    Ok(totals.par_iter().all(inside))
}

/// Draws a factor for each point in each round: for each round and each factor the list of the points that have it.
fn buckets(points: usize, rounds: usize, bits: u32, factors: &mut ChaCha20Rng) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0_u32; (rounds << bits) + 1];
    let mut owners = Vec::with_capacity(rounds * points);
    for round in 0..rounds {
        for _ in 0..points {
            let factor = factors.next_u32() >> (u32::BITS - bits);
            let list = (round << bits) + factor as usize;
            starts[list + 1] += 1;
            owners.push(list);
        }
    }
    for list in 1..starts.len() {
        starts[list] += starts[list - 1];
    }
    let mut next = starts.clone();
    let mut items = vec![0; owners.len()];
    for (place, list) in owners.into_iter().enumerate() {
        // At most CHUNK points.
        items[next[list] as usize] = 2 * u32::try_from(place % points).unwrap_or(u32::MAX);
        next[list] += 1;
    }
    (items, starts)
}

/// The sum of each point times its place.
fn weighted(points: &[u8]) -> G2Projective {
    let (mut above, mut sum) = (G2Projective::zero(), G2Projective::zero());
    for point in points.chunks_exact(G2::POINT_BYTES).skip(1).rev() {
        above += G2::read(point);
        sum += above;
    }
    sum
}

fn error<C: Curve>(ptau: &Ptau, part: Part, index: usize, fault: PointFault) -> ReadError {
    ReadError {
        format: FORMAT_NAME,
        section: part.name(),
        offset: ptau.offset(part) + index as u64 * C::POINT_BYTES as u64,
        problem: Problem::Point {
            point: format!("{}[{index}]", part.name()),
            fault,
        },
    }
}
