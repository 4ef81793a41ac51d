//! Everything that a key can be asked alone: each coefficient, each point, and where two points must agree.
//!
//! Not asked, since it takes more than the key: whether it belongs to a circuit, whether its ceremony was
//! sound. A key can pass and still be worthless; a key that fails is broken.
//!
//! **Subgroup, and B1 against B2.** G2's curve has points outside the subgroup, of orders down to 10,069, and
//! one test for each point would take minutes. Instead: sums with random factors. In each of several rounds
//! every point of B2 gets a random factor of `w <= 13` bits; if a point is outside the subgroup, at most one
//! of its 2^w factors (2^13 < 10,069) brings the round's sum back into it. Rounds enough for 128 bits leave a
//! chance of 2^-128. The rounds put together are one sum with factors of 128 bits, and the same sum of B1 must
//! be the same multiple of its generator, which one pairing tells. The factors come from the key's hash, so
//! that a check can be repeated, and a maker of a key cannot choose points by them.
//!
//! Depends on: `points`, `coefficients`, `sums`; rayon, ChaCha20. Where to go next: [`crate::verify`], which
//! compares the hash too.

use super::contributions::Contributions;
use super::points::{Group, read};
use super::sums::weighted_sum;
use super::{FORMAT_NAME, Part, Zkey};
use crate::error::{CoefficientFault, ContributionFault, PointFault, Problem, ReadError};
use crate::hash::Hash;
use ark_bn254::{Bn254, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::pairing::Pairing;
use ark_ec::{AdditiveGroup, AffineRepr, CurveGroup};
use ark_ff::Zero;
use popw_kernels::{Curve, G1, G2};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of all random factors of a point together.
pub(crate) const FACTOR_BITS: u32 = 128;
/// Most bits of one: 2^13 is less than the smallest order outside the subgroup, 10,069.
pub(crate) const ROUND_BITS_MAX: u32 = 13;
/// Points or coefficients that one task looks at.
const CHUNK: usize = 1 << 12;
/// Points that one task sums: many more than there are buckets.
const SUM_CHUNK: usize = 1 << 18;

/// Told how much is done: bytes looked at, and bytes to look at. Called from several threads.
pub type Watch<'a> = &'a (dyn Fn(u64, u64) + Sync);

impl Zkey {
    /// Looks at everything in the key: every coefficient is lawful and the public inputs' rows are there, every
    /// point is canonical, on its curve and in the subgroup, B1 and B2 hold the same numbers, and so do beta
    /// and delta in both groups, and the last contribution left this delta. Runs in the threads of the
    /// current rayon pool.
    ///
    /// # Errors
    /// The first thing that is wrong in the section that is wrong, and where it is.
    pub fn check(&self, watch: Watch<'_>) -> Result<(), ReadError> {
        self.check_with(&self.sha256(), watch)
    }

    /// Looks at the points that a contribution multiplies with its secret: those of C and H are canonical and on their curve.
    /// (delta is looked at when a key is opened.)
    ///
    /// # Errors
    /// The first point that is none.
    pub(crate) fn check_delta_points(&self) -> Result<(), ReadError> {
        let meter = Meter {
            watch: &|_, _| {},
            done: AtomicU64::new(0),
            total: 0,
        };
        self.check_points::<G1>(Part::C, &meter)?;
        self.check_points::<G1>(Part::H, &meter)
    }

    /// The same, if the hash is known already.
    pub(crate) fn check_with(&self, hash: &Hash, watch: Watch<'_>) -> Result<(), ReadError> {
        // B2 is looked at once alone and once in the sums, B1 likewise.
        let sums = self.section(Part::B1).len() + self.section(Part::B2).len();
        let meter = Meter {
            watch,
            done: AtomicU64::new(0),
            total: self.bytes().len() as u64 + sums as u64,
        };
        self.check_contributions()?;
        self.check_coefficients(&meter)?;
        for part in [Part::A, Part::B1, Part::C, Part::H] {
            self.check_points::<G1>(part, &meter)?;
        }
        self.check_points::<G2>(Part::B2, &meter)?;
        self.check_header()?;
        self.check_sums(hash, &meter)?;
        watch(meter.total, meter.total);
        Ok(())
    }

    fn error(&self, part: Part, offset: u64, problem: Problem) -> ReadError {
        ReadError {
            format: FORMAT_NAME,
            section: part.name(),
            offset: self.offset(part) + offset,
            problem,
        }
    }

    fn check_coefficients(&self, meter: &Meter<'_>) -> Result<(), ReadError> {
        let all = self.coefficients();
        let constraints = all.constraints()?;
        let in_front = all.len() - (self.header().public as usize + 1);
        let look = |index| {
            let row = all.get(index)?.row;
            if row < constraints {
                return Ok(());
            }
            let rows = constraints;
            Err(all.fault(index, CoefficientFault::RowOutOfRange { row, rows }))
        };
        let broken = (0..in_front.div_ceil(CHUNK))
            .into_par_iter()
            .find_map_first(|chunk| {
                let range = chunk * CHUNK..in_front.min((chunk + 1) * CHUNK);
                meter.add(range.len() * super::COEFFICIENT_BYTES);
                range.into_iter().find_map(|index| look(index).err())
            });
        broken.map_or(Ok(()), Err)
    }

    fn check_points<C: Group>(&self, part: Part, meter: &Meter<'_>) -> Result<(), ReadError> {
        match first_fault::<C>(self.section(part), &|bytes| meter.add(bytes)) {
            Some((index, fault)) => Err(self.point_error::<C>(part, index, fault)),
            None => Ok(()),
        }
    }

    fn point_error<C: Group>(&self, part: Part, index: usize, fault: PointFault) -> ReadError {
        let point = format!("{}[{index}]", part.name());
        let offset = index as u64 * C::POINT_BYTES as u64;
        self.error(part, offset, Problem::Point { point, fault })
    }

    fn check_header(&self) -> Result<(), ReadError> {
        let header = self.header();
        let pairs = [
            ("beta in G1 and beta in G2", header.beta_g1, header.beta_g2),
            ("delta in G1 and delta in G2", header.delta_g1, header.delta_g2),
        ];
        for (what, g1, g2) in pairs {
            if !same_number(g1, g2) {
                return Err(self.error(Part::Header, 0, Problem::Unequal { what }));
            }
        }
        Ok(())
    }

    fn check_contributions(&self) -> Result<(), ReadError> {
        let contributions = self.contributions();
        let fault = |index: usize, start: u64, fault| {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            self.error(Part::Contributions, start, Problem::Contribution { index, fault })
        };
        let points = [("delta", 0), ("s", 64), ("s * d", 128)];
        let check = |index: usize, contribution| {
            let start = Contributions::start_of(contribution);
            let bytes = contributions.bytes_of(contribution);
            let named = |name: &str, at: usize, fault| {
                let point = format!("{name} of contribution {index}");
                let problem = Problem::Point { point, fault };
                self.error(Part::Contributions, start + at as u64, problem)
            };
            for (name, at) in points {
                let bytes = bytes.get(at..at + 64).unwrap_or_default();
                let _: G1Affine = read::<G1>(bytes).map_err(|fault| named(name, at, fault))?;
            }
            let at = 192;
            let in_subgroup = |point: G2Affine| match point.is_in_correct_subgroup_assuming_on_curve() {
                true => Ok(()),
                false => Err(PointFault::NotInSubgroup),
            };
            read::<G2>(bytes.get(at..at + 128).unwrap_or_default())
                .and_then(in_subgroup)
                .map_err(|fault| named("r * d", at, fault))
        };
        let broken = contributions
            .list()
            .par_iter()
            .enumerate()
            .find_map_first(|(index, contribution)| check(index, contribution).err());
        if let Some(error) = broken {
            return Err(error);
        }
        if let Some(last) = contributions.list().last() {
            let left = contributions.bytes_of(last).get(..64).map(read::<G1>);
            if left != Some(Ok(self.header().delta_g1)) {
                let index = contributions.list().len() - 1;
                return Err(fault(
                    index,
                    Contributions::start_of(last),
                    ContributionFault::Delta,
                ));
            }
        }
        Ok(())
    }

    /// The subgroup, and B1 against B2, by random sums.
    fn check_sums(&self, hash: &Hash, meter: &Meter<'_>) -> Result<(), ReadError> {
        let points = self.header().wires as usize;
        // The buckets of a round should cost no more than its points.
        let bits = (points.ilog2()).clamp(4, ROUND_BITS_MAX);
        let rounds = FACTOR_BITS.div_ceil(bits);
        let chunks = points.div_ceil(SUM_CHUNK);
        let b1 = self.section(Part::B1);
        let b2 = self.section(Part::B2);
        let sums: Vec<(G1Projective, G2Projective)> = (0..rounds as usize * chunks)
            .into_par_iter()
            .map(|task| {
                let first = task % chunks * SUM_CHUNK;
                let some = points.min(first + SUM_CHUNK) - first;
                let mut factors = ChaCha20Rng::from_seed(*hash);
                factors.set_stream(task as u64);
                let mask = (1 << bits) - 1;
                let factors: Vec<u32> = (0..some).map(|_| factors.next_u32() & mask).collect();
                let sum = (
                    weighted_sum::<G1>(b1, first, &factors, bits),
                    weighted_sum::<G2>(b2, first, &factors, bits),
                );
                meter.add(some * (G1::POINT_BYTES + G2::POINT_BYTES) / rounds as usize);
                sum
            })
            .collect();
        let mut total = (G1Projective::zero(), G2Projective::zero());
        for round in sums.chunks(chunks) {
            let (mut g1, mut g2) = (G1Projective::zero(), G2Projective::zero());
            for (chunk_g1, chunk_g2) in round {
                g1 += chunk_g1;
                g2 += chunk_g2;
            }
            if !g2.into_affine().is_in_correct_subgroup_assuming_on_curve() {
                return Err(self.outside_subgroup());
            }
            for _ in 0..bits {
                total.0.double_in_place();
                total.1.double_in_place();
            }
            total.0 += g1;
            total.1 += g2;
        }
        if same_number(total.0.into_affine(), total.1.into_affine()) {
            return Ok(());
        }
        let what = "the points of B1 and of B2";
        Err(self.error(Part::B2, 0, Problem::Unequal { what }))
    }

    /// Looks for the point that a sum gave away, one by one.
    fn outside_subgroup(&self) -> ReadError {
        let outside = |bytes: &[u8]| !G2::read(bytes).is_in_correct_subgroup_assuming_on_curve();
        let index = self
            .section(Part::B2)
            .par_chunks_exact(G2::POINT_BYTES)
            .position_first(outside);
        // A sum outside the subgroup has a summand outside.
        self.point_error::<G2>(Part::B2, index.unwrap_or_default(), PointFault::NotInSubgroup)
    }
}

/// The first point that is not canonical or not on its curve. `seen` is told how many bytes were looked at.
pub(crate) fn first_fault<C: Group>(
    points: &[u8],
    seen: &(dyn Fn(usize) + Sync),
) -> Option<(usize, PointFault)> {
    points
        .par_chunks(CHUNK * C::POINT_BYTES)
        .enumerate()
        .find_map_first(|(chunk, bytes)| {
            seen(bytes.len());
            let mut points = bytes.chunks_exact(C::POINT_BYTES).enumerate();
            points.find_map(|(index, bytes)| Some((chunk * CHUNK + index, read::<C>(bytes).err()?)))
        })
}

/// Whether two points are the same multiple of their groups' generators.
fn same_number(g1: G1Affine, g2: G2Affine) -> bool {
    Bn254::multi_pairing([g1, -G1Affine::generator()], [G2Affine::generator(), g2]).is_zero()
}

/// Counts bytes.
struct Meter<'a> {
    watch: Watch<'a>,
    done: AtomicU64,
    total: u64,
}

impl Meter<'_> {
    fn add(&self, bytes: usize) {
        let bytes = bytes as u64;
        let done = self
            .done
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        (self.watch)(done.min(self.total), self.total);
    }
}
