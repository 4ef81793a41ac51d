//! Sums of points times factors of a few bits: one bucket for each factor, many additions with one inversion.
//!
//! A prover's multi-scalar multiplication is not used here: it may rely on its points being in the subgroup,
//! which is the question.
//!
//! Depends on: `points`. Where to go next: `check`, which asks for these sums.

use super::points::Group;
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ff::{AdditiveGroup, Field, Zero, batch_inversion};

/// One addition in so many buckets at a time: few meet a bucket that is busy.
const BUSY: usize = 8;

/// The sum of `factors[i] * points[first + i]`, with factors of so many bits.
pub(super) fn weighted_sum<C: Group>(
    points: &[u8],
    first: usize,
    factors: &[u32],
    bits: u32,
) -> Projective<C::Config> {
    let mut buckets = Buckets::<C::Config>::new(1 << bits);
    let points = points.get(first * C::POINT_BYTES..).unwrap_or_default();
    let mut summands = points
        .chunks_exact(C::POINT_BYTES)
        .zip(factors)
        .map(|(bytes, factor)| (*factor as usize, C::read(bytes)))
        .filter(|(factor, point)| *factor > 0 && !point.is_zero());
    while buckets.turn(&mut summands) {}
    let (mut above, mut sum) = (Projective::zero(), Projective::zero());
    for bucket in buckets.sums.iter().skip(1).rev() {
        above += bucket;
        sum += &above;
    }
    sum
}

/// A sum for each factor, and the additions that wait for one inversion.
struct Buckets<P: SWCurveConfig> {
    sums: Vec<Affine<P>>,
    busy: Vec<bool>,
    /// Points to add, each to another bucket.
    batch: Vec<(usize, Affine<P>)>,
    /// Denominators of the slopes of the batch.
    denominators: Vec<P::BaseField>,
    /// Points whose bucket was busy.
    later: Vec<(usize, Affine<P>)>,
}

impl<P: SWCurveConfig> Buckets<P> {
    fn new(count: usize) -> Self {
        Self {
            sums: vec![Affine::identity(); count],
            busy: vec![false; count],
            batch: Vec::new(),
            denominators: Vec::new(),
            later: Vec::new(),
        }
    }

    /// Adds some points; false if there were none.
    fn turn(&mut self, summands: &mut impl Iterator<Item = (usize, Affine<P>)>) -> bool {
        let later = std::mem::take(&mut self.later);
        // At least one point finds its bucket free, so that the end comes.
        let fresh = (self.sums.len() / BUSY).saturating_sub(later.len()).max(1);
        let mut any = false;
        for (bucket, point) in later.into_iter().chain(summands.by_ref().take(fresh)) {
            any = true;
            self.place(bucket, point);
        }
        self.add_batch();
        any
    }

    fn place(&mut self, bucket: usize, point: Affine<P>) {
        let (Some(sum), Some(busy)) = (self.sums.get_mut(bucket), self.busy.get_mut(bucket)) else {
            return;
        };
        if *busy {
            self.later.push((bucket, point));
        } else if sum.is_zero() {
            *sum = point;
        } else if sum.x != point.x {
            *busy = true;
            self.denominators.push(point.x - sum.x);
            self.batch.push((bucket, point));
        } else if sum.y == point.y && !point.y.is_zero() {
            *busy = true;
            self.denominators.push(point.y.double());
            self.batch.push((bucket, point));
        } else {
            *sum = Affine::identity();
        }
    }

    fn add_batch(&mut self) {
        batch_inversion(&mut self.denominators);
        for ((bucket, point), inverse) in self.batch.drain(..).zip(self.denominators.drain(..)) {
            let (Some(sum), Some(busy)) = (self.sums.get_mut(bucket), self.busy.get_mut(bucket)) else {
                continue;
            };
            *busy = false;
            // Both curves have the form y^2 = x^3 + b.
            let rise = match sum.x == point.x {
                true => {
                    let square = point.x.square();
                    square.double() + square
                }
                false => point.y - sum.y,
            };
            let slope = rise * inverse;
            let x = slope.square() - sum.x - point.x;
            let y = slope * (point.x - x) - point.y;
            *sum = Affine::new_unchecked(x, y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::weighted_sum;
    use crate::zkey::points::write;
    use ark_bn254::{Fr, G1Affine, G1Projective};
    use ark_ec::{CurveGroup, PrimeGroup};
    use popw_kernels::G1;

    /// Few buckets and few different points: equal points, opposite points and infinity meet in a bucket.
    #[test]
    fn sums_are_those_of_the_naive_way() {
        let one = G1Projective::generator();
        let numbers = |index: u64| Fr::from(index * index % 7) - Fr::from(3);
        for (bits, count) in [(1, 0), (1, 1), (2, 100), (4, 333), (6, 2000)] {
            let points: Vec<G1Affine> = (0..count)
                .map(|index| (one * numbers(index)).into_affine())
                .collect();
            let factors: Vec<u32> = (0..u32::try_from(points.len()).unwrap_or_default())
                .map(|index| index.wrapping_mul(2_654_435_761) >> 16 & ((1 << bits) - 1))
                .collect();
            let bytes: Vec<u8> = points.iter().flat_map(write::<G1>).collect();
            for first in [0, points.len() / 3] {
                let pairs = points.iter().skip(first).zip(&factors);
                let naive: G1Projective = pairs.map(|(point, factor)| *point * Fr::from(*factor)).sum();
                assert_eq!(weighted_sum::<G1>(&bytes, first, &factors, bits), naive);
            }
        }
    }
}
