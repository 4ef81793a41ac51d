//! Multi-scalar multiplication: signed digits, buckets, and everything a sum of lists.
//!
//! ```text
//! scalars -> digits -> items sorted by bucket (shared by all sets of bases)
//!         -> for each set: without its points at infinity -> bucket sums -> rows and columns of buckets -> one sum a round
//!         -> rounds weighted by powers of two
//! ```
//!
//! Where to go next: [`lists`] is where the time goes, [`digits`] cuts and sorts.

mod digits;
mod lists;
mod points;
mod scaling;
#[cfg(test)]
mod tests;

use crate::backend::{KernelError, Scalar, Sums};
use crate::bases::{Bases, Curve, G1, G2, Lists, SCALAR_BITS};
use crate::control::Control;
use crate::field::{Arch, Field};
use crate::memory::Words;
use ark_bn254::Fr;
use ark_ec::{AdditiveGroup, AffineRepr, CurveGroup};
use ark_ff::{BigInteger, PrimeField};
use digits::{Plan, Recoded, Sorted};
use lists::{is_infinity, sum_lists};
use points::Points;
use rayon::prelude::*;
pub(crate) use scaling::scale;
use std::collections::BTreeSet;

/// Items that are sorted at a time, unless [`ROUNDS_MIN`] asks for more: small problems are done in one go.
const ITEMS: usize = 1 << 20;
/// Rounds that are sorted at a time, at least, so that threads have windows to share: 32 bytes a scalar in all.
const ROUNDS_MIN: usize = 4;
/// Reads of each point from which on a copy is worth it.
const READS_MIN: usize = 8;
/// An item holds the index of a point and a sign in 32 bits.
const POINTS_MAX: usize = 1 << 30;

/// See [`crate::Backend::msm`].
pub(crate) fn msm<A: Arch>(
    arch: A,
    scalars: &[Scalar],
    g1: &[Bases<'_, G1>],
    g2: &[Bases<'_, G2>],
    control: &Control<'_>,
) -> Result<Sums, KernelError> {
    check(scalars, g1)?;
    check(scalars, g2)?;
    let mut sums = Sums {
        g1: vec![Default::default(); g1.len()],
        g2: vec![Default::default(); g2.len()],
    };
    let span1 = g1.iter().map(Bases::span);
    let spans: BTreeSet<u32> = span1.chain(g2.iter().map(Bases::span)).collect();
    let share = 1.0 / spans.len().max(1) as f64;
    for span in spans {
        let of_span1 = |(bases, _): &(&Bases<'_, G1>, _)| bases.span() == span;
        let of_span2 = |(bases, _): &(&Bases<'_, G2>, _)| bases.span() == span;
        let sorted = Rounds::new(span, scalars, control)?;
        let sets = g1.iter().filter(|bases| bases.span() == span).count() as f64
            + G2_WORK * g2.iter().filter(|bases| bases.span() == span).count() as f64;
        control.advance(share * SORT_WORK);
        let share = share * (1.0 - SORT_WORK) / sets;
        for (bases, sum) in g1.iter().zip(&mut sums.g1).filter(of_span1) {
            *sum = Set::new(bases).sum::<A, A::Fq>(arch, &sorted, control, share)?;
        }
        for (bases, sum) in g2.iter().zip(&mut sums.g2).filter(of_span2) {
            *sum = Set::new(bases).sum::<A, A::Fq2>(arch, &sorted, control, share * G2_WORK)?;
        }
    }
    Ok(sums)
}

/// The part of the work that is sorting.
const SORT_WORK: f64 = 0.05;
/// A sum in the second group, compared with one in the first.
const G2_WORK: f64 = 2.5;

/// All items of some scalars, sorted a few rounds at a time.
struct Rounds {
    plan: Plan,
    scalars: usize,
    /// From the highest round down, so that the sums so far are doubled between.
    sorted: Vec<Sorted>,
}

impl Rounds {
    fn new(span: u32, scalars: &[Scalar], control: &Control<'_>) -> Result<Self, KernelError> {
        let recoded = Recoded::new(Plan::best(span, whole(scalars)), scalars);
        let plan = recoded.plan().clone();
        let windows = plan.windows_max();
        let at_once = (ITEMS / (scalars.len() * windows).max(1)).max(ROUNDS_MIN.div_ceil(windows));
        let mut digits = Words::default();
        let mut sorted = Vec::new();
        let mut end = plan.rounds();
        while end > 0 {
            control.check()?;
            let start = end.saturating_sub(at_once);
            sorted.push(Sorted::new(&recoded, start..end, &mut digits));
            end = start;
        }
        Ok(Self {
            plan,
            scalars: scalars.len(),
            sorted,
        })
    }
}

/// So many scalars of full size have as many digits: small ones, of which a witness has many, have few.
fn whole(scalars: &[Scalar]) -> usize {
    let half = Fr::MODULUS_MINUS_ONE_DIV_TWO;
    let bits = |scalar: &Scalar| match *scalar > half {
        true => {
            let mut negative = Fr::MODULUS;
            negative.sub_with_borrow(scalar);
            u64::from(negative.num_bits())
        }
        false => u64::from(scalar.num_bits()),
    };
    let total: u64 = scalars.par_iter().with_min_len(PIECE).map(bits).sum();
    (total / u64::from(SCALAR_BITS)) as usize
}

/// Scalars that one task looks at.
const PIECE: usize = 1 << 14;

fn check<C: Curve>(scalars: &[Scalar], sets: &[Bases<'_, C>]) -> Result<(), KernelError> {
    for bases in sets {
        if bases.is_empty() {
            continue;
        }
        let end = bases.first() + bases.len();
        if end > scalars.len() {
            return Err(KernelError::Scalars {
                needed: end - 1,
                got: scalars.len(),
            });
        }
        let points = scalars.len().saturating_mul(bases.multiples());
        if points > POINTS_MAX {
            return Err(KernelError::TooMany { got: points });
        }
    }
    Ok(())
}

/// One set of bases.
struct Set<'a, 'b, C: Curve> {
    bases: &'a Bases<'b, C>,
    points: Points<'b, C>,
}

impl<'a, 'b, C: Curve> Set<'a, 'b, C> {
    fn new(bases: &'a Bases<'b, C>) -> Self {
        // Each point is read once a round; a table is read once in all.
        Self {
            bases,
            points: Points::new(bases.bytes(), bases.len(), bases.multiples() == 1),
        }
    }

    /// Index of the point of an item, if this set has it.
    #[inline(always)]
    fn point(&self, item: u32, scalars: usize) -> Option<u32> {
        let index = (item >> 1) as usize;
        let (block, scalar) = match index < scalars {
            true => (0, index),
            false => (index / scalars, index % scalars),
        };
        let base = scalar.wrapping_sub(self.bases.first());
        self.points
            .is_finite(base)
            .then(|| ((block * self.bases.len() + base) as u32) << 1 | (item & 1))
    }

    /// The sum of all rounds; `share` is what they are of the whole work.
    fn sum<A: Arch, F: Field>(
        &self,
        arch: A,
        rounds: &Rounds,
        control: &Control<'_>,
        share: f64,
    ) -> Result<C::Projective, KernelError>
    where
        C::Affine: AffineRepr<BaseField = F::Scalar>,
    {
        let untouched =
            self.points.all_finite() && self.bases.first() == 0 && self.bases.len() == rounds.scalars;
        let points = self.points.bytes();
        let part = share / rounds.sorted.len() as f64;
        let mut total = C::Projective::default();
        for sorted in &rounds.sorted {
            control.check()?;
            let all = Lists::trusted(points, sorted.items(), &sorted.starts);
            let own = (!untouched).then(|| kept(all, |item| self.point(item, rounds.scalars)));
            let lists = own
                .as_ref()
                .map_or(all, |(items, starts)| Lists::trusted(points, items, starts));
            let buckets = sum_lists::<C, A, F>(arch, lists, control)?;
            drop(own);
            let bits = rounds.plan.bits;
            for sum in weighted::<C, A, F>(arch, &buckets, bits, control)?
                .into_iter()
                .rev()
            {
                for _ in 0..bits {
                    total.double_in_place();
                }
                total += sum;
            }
            control.advance(part);
        }
        Ok(total)
    }
}

/// What `keep` makes of the items of lists, and where each list starts.
fn kept<C: Curve>(lists: Lists<'_, C>, keep: impl Fn(u32) -> Option<u32> + Sync) -> (Vec<u32>, Vec<u32>) {
    let count = lists.len();
    let piece = count.div_ceil(4 * rayon::current_num_threads()).max(1024);
    let pieces: Vec<(Vec<u32>, Vec<u32>)> = (0..count.div_ceil(piece))
        .into_par_iter()
        .map(|number| {
            let range = number * piece..((number + 1) * piece).min(count);
            let size = (lists.starts[range.end] - lists.starts[range.start]) as usize;
            let mut items = Vec::with_capacity(size);
            let mut ends = Vec::with_capacity(range.len());
            for list in range {
                items.extend(lists.list(list).iter().filter_map(|item| keep(*item)));
                ends.push(items.len() as u32);
            }
            (items, ends)
        })
        .collect();
    let mut items = Vec::with_capacity(pieces.iter().map(|(items, _)| items.len()).sum());
    let mut starts = Vec::with_capacity(count + 1);
    starts.push(0);
    for (piece, ends) in pieces {
        let before = items.len() as u32;
        starts.extend(ends.iter().map(|end| before + end));
        items.extend_from_slice(&piece);
    }
    (items, starts)
}

/// See [`crate::Backend::sums_g1`].
pub(crate) fn sums<C: Curve, A: Arch, F: Field>(
    arch: A,
    lists: Lists<'_, C>,
    control: &Control<'_>,
) -> Result<Vec<u8>, KernelError>
where
    C::Affine: AffineRepr<BaseField = F::Scalar>,
{
    let count = lists.points.len() / C::POINT_BYTES;
    let points = Points::<C>::new(lists.points, count, lists.items.len() / READS_MIN >= count);
    let finite = |item: u32| points.is_finite((item >> 1) as usize).then_some(item);
    let own = (!points.all_finite()).then(|| kept(lists, finite));
    let (items, starts) = own
        .as_ref()
        .map_or((lists.items, lists.starts), |(items, starts)| (items, starts));
    let sums = sum_lists::<C, A, F>(arch, Lists::trusted(points.bytes(), items, starts), control)?;
    control.advance(1.0);
    Ok(sums)
}

/// For each round the sum of (b + 1) times bucket b.
///
/// Buckets are cells of a table, b = row * columns + column: the sum is that of (column + 1) times the sum of each column plus
/// columns * row times the sum of each row. Both kinds of sums are lists.
fn weighted<C: Curve, A: Arch, F: Field>(
    arch: A,
    buckets: &[u8],
    bits: u32,
    control: &Control<'_>,
) -> Result<Vec<C::Projective>, KernelError>
where
    C::Affine: AffineRepr<BaseField = F::Scalar>,
{
    let low = (bits - 1) / 2;
    let (columns, rows) = (1usize << low, 1usize << (bits - 1 - low));
    let (mut items, mut starts) = (Vec::new(), vec![0]);
    let finite: Vec<bool> = buckets
        .chunks_exact(C::POINT_BYTES)
        .map(|point| !is_infinity(point))
        .collect();
    for round in (0..finite.len()).step_by(rows * columns) {
        let mut list = |cells: &mut dyn Iterator<Item = usize>| {
            items.extend(
                cells
                    .map(|cell| round + cell)
                    .filter(|cell| finite[*cell])
                    .map(|cell| 2 * cell as u32),
            );
            starts.push(items.len() as u32);
        };
        for column in 0..columns {
            list(&mut (0..rows).map(|row| row * columns + column));
        }
        for row in 0..rows {
            list(&mut (0..columns).map(|column| row * columns + column));
        }
    }
    let lists = Lists::trusted(buckets, &items, &starts);
    let sums = sum_lists::<C, A, F>(arch, lists, control)?;
    let running = |sums: &[u8]| {
        // The sum of (i + 1) times sums[i].
        let (mut tail, mut total) = (C::Projective::default(), C::Projective::default());
        for sum in sums.chunks_exact(C::POINT_BYTES).rev() {
            tail += C::read(sum);
            total += tail;
        }
        (total, tail)
    };
    let round = |sums: &[u8]| {
        let (columns_part, rows_part) = sums.split_at(columns * C::POINT_BYTES);
        let ((by_column, _), (by_row, all)) = rayon::join(|| running(columns_part), || running(rows_part));
        let mut total = by_row - all;
        for _ in 0..low {
            total.double_in_place();
        }
        total + by_column
    };
    Ok(sums
        .par_chunks((columns + rows) * C::POINT_BYTES)
        .map(round)
        .collect())
}

/// See [`crate::Backend::fixed_base_g1`].
pub(crate) fn fixed_base<C: Curve, A: Arch, F: Field>(
    arch: A,
    base: C::Affine,
    scalars: &[Scalar],
    control: &Control<'_>,
) -> Result<Vec<u8>, KernelError>
where
    C::Affine: AffineRepr<BaseField = F::Scalar>,
{
    if base.is_zero() {
        return Ok(vec![0; scalars.len() * C::POINT_BYTES]);
    }
    // A table of d 2^(w * bits) times the base for every window w and digit d > 0.
    let bits = match scalars.len() {
        0..1024 => 4,
        1024..65536 => 8,
        _ => 12,
    };
    let windows = SCALAR_BITS.div_ceil(bits) as usize;
    let digits = (1usize << bits) - 1;
    let mut unit = base.into_group();
    let units: Vec<C::Projective> = (0..windows)
        .map(|_| {
            let this = unit;
            (0..bits).for_each(|_| {
                unit.double_in_place();
            });
            this
        })
        .collect();
    let units = C::Projective::normalize_batch(&units);
    let mut table = vec![0; windows * digits * C::POINT_BYTES];
    table
        .par_chunks_mut(digits * C::POINT_BYTES)
        .zip(&units)
        .for_each(|(table, unit)| {
            let mut sum = C::Projective::default();
            let multiples: Vec<C::Projective> = (0..digits)
                .map(|_| {
                    sum += unit;
                    sum
                })
                .collect();
            let multiples = C::Projective::normalize_batch(&multiples);
            for (point, bytes) in multiples.iter().zip(table.chunks_exact_mut(C::POINT_BYTES)) {
                C::write(point, bytes);
            }
        });
    let mut out = Vec::with_capacity(scalars.len() * C::POINT_BYTES);
    for scalars in scalars.chunks(4 * ITEMS / windows) {
        let (mut items, mut starts) = (Vec::new(), vec![0]);
        for scalar in scalars {
            for window in 0..windows {
                let bit = window as u32 * bits;
                let word = scalar.0[bit as usize / 64] >> (bit % 64);
                let above = match (bit % 64 + bits > 64, scalar.0.get(bit as usize / 64 + 1)) {
                    (true, Some(next)) => next << (64 - bit % 64),
                    _ => 0,
                };
                let digit = (word | above) as usize & digits;
                if digit > 0 {
                    items.push(2 * (window * digits + digit - 1) as u32);
                }
            }
            starts.push(items.len() as u32);
        }
        let lists = Lists::trusted(&table, &items, &starts);
        out.extend(sum_lists::<C, A, F>(arch, lists, control)?);
        control.advance(scalars.len() as f64 / out.capacity().max(1) as f64 * C::POINT_BYTES as f64);
    }
    Ok(out)
}
