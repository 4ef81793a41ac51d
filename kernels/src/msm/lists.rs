//! Sums of many short lists of points: what every part of a multi-scalar multiplication comes down to.
//!
//! A bucket is a list; so are a row and a column of buckets, and the table entries of one scalar times a fixed base. Lists
//! are summed by affine additions, pairwise, level by level: all additions of a level are independent, so they share one
//! inversion (Montgomery's trick: six multiplications an addition in all) and fill the lanes of the machine without
//! conflicts.
//!
//! Lanes hold lists of equal length: pieces of lists are sorted by length, neighbours form a group, one piece a lane. Pair
//! (2j, 2j+1) of every lane is then one vector operation, and nothing is ever moved between lanes. What a longer neighbour has
//! more is added one by one at the end: at most 7 times the longest piece in all, since the pieces are sorted.
//!
//! Equal and opposite points make a difference of zero, which spoils the shared inversion. That is noticed there, not before:
//! the level is then done again with masks.

use crate::backend::KernelError;
use crate::bases::{Curve, Lists};
use crate::control::Control;
use crate::field::{Arch, Field, Mask, Task};
use ark_ec::{AffineRepr, CurveGroup};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The longest piece: a longer list is cut, its pieces' sums are summed in another round. 7 levels.
const PIECE_MAX: usize = 128;
/// Points of a block: one level of a block shares an inversion, and its coordinates stay in the second-level cache.
const BLOCK_POINTS: usize = 8192;
/// Towards the end blocks shrink, so that threads end together, but not so far that inversions would be felt.
const BLOCK_POINTS_MIN: usize = 2048;
/// What is left is worth so many blocks to each thread, if blocks are smaller than the largest.
const BLOCKS_PER_THREAD: usize = 3;

/// Vectors of points that are asked for before they are read.
const AHEAD: usize = 4;

/// A run of items that one lane sums.
#[derive(Clone, Copy, Default)]
struct Piece {
    start: u32,
    length: u32,
    /// Where the sum goes.
    slot: u32,
}

/// Memory that tasks write disjoint parts of.
struct Output(*mut u8);
// SAFETY: each slot is written by one task only: a slot belongs to one piece, a piece to one block.
unsafe impl Sync for Output {}

/// The sum of each list, as a key stores points (zeros: infinity). No item may be the point at infinity.
pub(crate) fn sum_lists<C: Curve, A: Arch, F: Field>(
    arch: A,
    lists: Lists<'_, C>,
    control: &Control<'_>,
) -> Result<Vec<u8>, KernelError>
where
    C::Affine: AffineRepr<BaseField = F::Scalar>,
{
    let count = lists.len();
    let mut sums = vec![0; count * C::POINT_BYTES];
    let mut pieces = Vec::with_capacity(count);
    let mut long = Vec::new();
    for slot in 0..count {
        let (start, end) = (lists.starts[slot], lists.starts[slot + 1]);
        let length = end - start;
        if length as usize > PIECE_MAX {
            long.push(slot);
        } else if length > 0 {
            pieces.push(Piece {
                start,
                length,
                slot: slot as u32,
            });
        }
    }
    sum_pieces::<C, A, F>(arch, lists, pieces, &mut sums, control)?;
    if !long.is_empty() {
        let mut pieces = Vec::new();
        let mut starts = vec![0];
        for list in &long {
            let (mut start, end) = (lists.starts[*list], lists.starts[list + 1]);
            while start < end {
                let length = (end - start).min(PIECE_MAX as u32);
                pieces.push(Piece {
                    start,
                    length,
                    slot: pieces.len() as u32,
                });
                start += length;
            }
            starts.push(pieces.len() as u32);
        }
        let mut parts = vec![0; pieces.len() * C::POINT_BYTES];
        sum_pieces::<C, A, F>(arch, lists, pieces, &mut parts, control)?;
        let (items, starts) = finite::<C>(&parts, &starts);
        let totals = sum_lists::<C, A, F>(arch, Lists::trusted(&parts, &items, &starts), control)?;
        for (list, total) in long.iter().zip(totals.chunks_exact(C::POINT_BYTES)) {
            sums[list * C::POINT_BYTES..][..C::POINT_BYTES].copy_from_slice(total);
        }
    }
    Ok(sums)
}

/// The lists of all points that are not infinity, in order.
fn finite<C: Curve>(points: &[u8], starts: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut items = Vec::with_capacity(points.len() / C::POINT_BYTES);
    let mut kept = Vec::with_capacity(starts.len());
    let mut list = 0;
    for (index, point) in points.chunks_exact(C::POINT_BYTES).enumerate() {
        while starts[list] as usize <= index {
            kept.push(items.len() as u32);
            list += 1;
        }
        if !is_infinity(point) {
            items.push(2 * index as u32);
        }
    }
    kept.resize(starts.len(), items.len() as u32);
    (items, kept)
}

/// Is this stored point infinity?
pub(crate) fn is_infinity(point: &[u8]) -> bool {
    point.iter().all(|byte| *byte == 0)
}

/// Sums pieces into their slots of `sums`.
fn sum_pieces<C: Curve, A: Arch, F: Field>(
    arch: A,
    lists: Lists<'_, C>,
    pieces: Vec<Piece>,
    sums: &mut [u8],
    control: &Control<'_>,
) -> Result<(), KernelError>
where
    C::Affine: AffineRepr<BaseField = F::Scalar>,
{
    let pieces = by_length(pieces);
    let threads = rayon::current_num_threads();
    let mut left: usize = pieces.iter().map(|piece| piece.length as usize).sum();
    let mut blocks = Vec::new();
    let mut rest = pieces.as_slice();
    while !rest.is_empty() {
        let enough = (left / (BLOCKS_PER_THREAD * threads)).clamp(BLOCK_POINTS_MIN, BLOCK_POINTS);
        let mut taken = 0;
        let mut points = 0;
        while taken < rest.len() && points < enough {
            let group = &rest[taken..(taken + F::LANES).min(rest.len())];
            points += group.iter().map(|piece| piece.length as usize).sum::<usize>();
            taken += group.len();
        }
        left -= points;
        let (block, after) = rest.split_at(taken);
        blocks.push(block);
        rest = after;
    }
    let output = Output(sums.as_mut_ptr());
    let output = &output;
    let next = AtomicUsize::new(0);
    // Each takes the next block when it is done with one, and keeps its memory.
    let worker = |_| {
        let mut scratch = Scratch::<C, F>::default();
        while let Some(pieces) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
            control.check()?;
            let extra = arch.run(Block::<C, F> {
                lists,
                pieces,
                output: output.0,
                scratch: &mut scratch,
            });
            // SAFETY: the slots in `extra` are slots of this block's pieces, which no other task touches.
            unsafe { add_extra::<C>(extra, output.0) };
        }
        Ok(())
    };
    let workers = threads.min(blocks.len());
    (0..workers).into_par_iter().with_max_len(1).try_for_each(worker)
}

/// Sorts by length, longest first: a counting sort.
fn by_length(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut next = [0usize; PIECE_MAX + 2];
    for piece in &pieces {
        next[PIECE_MAX - piece.length as usize + 1] += 1;
    }
    for length in 1..next.len() {
        next[length] += next[length - 1];
    }
    let mut sorted = vec![Piece::default(); pieces.len()];
    for piece in pieces {
        let place = &mut next[PIECE_MAX - piece.length as usize];
        sorted[*place] = piece;
        *place += 1;
    }
    sorted
}

/// Adds to slots what the lanes did not sum.
///
/// # Safety
/// The slots are points of `output` that nobody else touches meanwhile.
unsafe fn add_extra<C: Curve>(mut extra: Vec<(u32, C::Projective)>, output: *mut u8) {
    let bytes = |slot: u32| {
        // SAFETY: as the caller says.
        unsafe { std::slice::from_raw_parts_mut(output.add(slot as usize * C::POINT_BYTES), C::POINT_BYTES) }
    };
    // A piece may have been longer than its neighbours and given up later: a slot can stand twice.
    extra.sort_unstable_by_key(|(slot, _)| *slot);
    let same_slot = extra.chunk_by(|(a, _), (b, _)| a == b);
    let (slots, sums): (Vec<u32>, Vec<C::Projective>) = same_slot
        .map(|run| {
            let slot = run[0].0;
            let sum = run.iter().map(|(_, sum)| *sum).sum::<C::Projective>();
            (slot, sum + C::read(bytes(slot)))
        })
        .unzip();
    for (slot, sum) in slots.iter().zip(C::Projective::normalize_batch(&sums)) {
        C::write(&sum, bytes(*slot));
    }
}

/// Pieces of equal length side by side.
#[derive(Clone, Copy)]
struct Group {
    /// Index of the first vector in the coordinates.
    base: usize,
    /// Vectors left, of a level.
    length: usize,
    /// The first of up to `LANES` pieces.
    first: usize,
    /// How many pieces there are.
    pieces: usize,
    /// Lanes whose sum was given up: all of it is in the extra sums.
    evicted: Mask,
}

/// A block's memory, used again by the next block.
struct Scratch<C: Curve, F: Field> {
    x: Vec<F>,
    y: Vec<F>,
    products: Vec<F>,
    /// For the careful way: lanes of a pair that double, lanes that cancel.
    masks: Vec<(Mask, Mask)>,
    groups: Vec<Group>,
    /// The items of each vector of a block.
    vectors: Vec<[u32; 8]>,
    extra: Vec<(u32, C::Projective)>,
}

impl<C: Curve, F: Field> Default for Scratch<C, F> {
    fn default() -> Self {
        Self {
            x: Vec::new(),
            y: Vec::new(),
            products: Vec::new(),
            masks: Vec::new(),
            groups: Vec::new(),
            vectors: Vec::new(),
            extra: Vec::new(),
        }
    }
}

/// Products in flight: a product of two is waited for while the other's is computed.
pub(super) const CHAINS: usize = 2;

struct Block<'a, C: Curve, F: Field> {
    lists: Lists<'a, C>,
    pieces: &'a [Piece],
    output: *mut u8,
    scratch: &'a mut Scratch<C, F>,
}

impl<C: Curve, F: Field> Task for Block<'_, C, F>
where
    C::Affine: AffineRepr<BaseField = F::Scalar>,
{
    type Output = Vec<(u32, C::Projective)>;

    #[inline(always)]
    fn run(mut self) -> Self::Output {
        self.load();
        while self.scratch.groups.iter().any(|group| group.length > 1) {
            let products = self.forward::<false>();
            match invert(products) {
                Some(inverses) => self.backward::<false>(inverses),
                None => {
                    let products = self.forward::<true>();
                    // No factor is zero now.
                    if let Some(inverses) = invert(products) {
                        self.backward::<true>(inverses);
                        self.evict();
                    }
                }
            }
            self.halve();
        }
        self.store();
        std::mem::take(&mut self.scratch.extra)
    }
}

impl<C: Curve, F: Field> Block<'_, C, F>
where
    C::Affine: AffineRepr<BaseField = F::Scalar>,
{
    /// Reads the points of all pieces into lanes.
    #[inline(always)]
    fn load(&mut self) {
        let Lists { points, items, .. } = self.lists;
        let scratch = &mut *self.scratch;
        scratch.groups.clear();
        let mut base = 0;
        for (index, group) in self.pieces.chunks(F::LANES).enumerate() {
            // Sorted: the last is the shortest.
            let length = group.last().map_or(0, |piece| piece.length as usize);
            scratch.groups.push(Group {
                base,
                length,
                first: index * F::LANES,
                pieces: group.len(),
                evicted: 0,
            });
            base += length;
        }
        for values in [&mut scratch.x, &mut scratch.y, &mut scratch.products] {
            if values.len() < base {
                values.resize(base, F::one());
            }
        }
        let pointer = |item: u32| {
            let offset = (item >> 1) as usize * C::POINT_BYTES;
            debug_assert!(offset + C::POINT_BYTES <= points.len());
            points.as_ptr().wrapping_add(offset)
        };
        scratch.vectors.clear();
        for group in &scratch.groups {
            let pieces = &self.pieces[group.first..group.first + group.pieces];
            // A lane without a piece repeats the first one's.
            let start = |lane: usize| {
                pieces
                    .get(lane)
                    .or(pieces.first())
                    .map_or(0, |piece| piece.start as usize)
            };
            let starts: [usize; 8] = std::array::from_fn(|lane| start(lane % F::LANES));
            let vector = |j: usize| std::array::from_fn(|lane| items[starts[lane] + j]);
            scratch.vectors.extend((0..group.length).map(vector));
            for piece in pieces {
                let start = piece.start as usize;
                let longer = &items[start + group.length..start + piece.length as usize];
                if longer.is_empty() {
                    continue;
                }
                let mut sum = C::Projective::default();
                for item in longer {
                    let offset = (item >> 1) as usize * C::POINT_BYTES;
                    let point = C::read(&points[offset..offset + C::POINT_BYTES]);
                    if item & 1 == 1 { sum -= point } else { sum += point }
                }
                scratch.extra.push((piece.slot, sum));
            }
        }
        for (at, vector) in scratch.vectors.iter().enumerate() {
            if let Some(later) = scratch.vectors.get(at + AHEAD) {
                for item in &later[..F::LANES] {
                    prefetch(pointer(*item), C::POINT_BYTES);
                }
            }
            let mut negative = 0;
            for (lane, item) in vector.iter().enumerate().take(F::LANES) {
                negative |= ((item & 1) as Mask) << lane;
            }
            // SAFETY: items are indices of whole points.
            let (x, y) = unsafe { F::load_points(&vector.map(pointer)) };
            scratch.x[at] = x;
            scratch.y[at] = y.negate_where(negative);
        }
    }

    /// Multiplies the differences of all pairs of a level, keeping the product before each. Last pair first, so that the way
    /// back writes only where it has read.
    #[inline(always)]
    fn forward<const CAREFUL: bool>(&mut self) -> [F; CHAINS] {
        let Scratch {
            x,
            y,
            products,
            masks,
            groups,
            ..
        } = &mut *self.scratch;
        if CAREFUL {
            masks.clear();
        }
        let mut product = [F::one(); CHAINS];
        let mut step = 0;
        for group in groups.iter().rev() {
            for j in (0..group.length / 2).rev() {
                let pair = group.base + 2 * j;
                let (x1, x2) = (x[pair], x[pair + 1]);
                let mut difference = x2.sub(x1);
                if CAREFUL {
                    let (same, opposite) = collisions(x1, x2, y[pair], y[pair + 1]);
                    masks.push((same, opposite));
                    difference = careful_difference(difference, y[pair], same, opposite);
                }
                let chain = step % CHAINS;
                products[step] = product[chain];
                product[chain] = product[chain].mul_loose(difference);
                step += 1;
            }
        }
        product
    }

    /// The additions of a level, given the inverses of the products of all differences.
    #[inline(always)]
    fn backward<const CAREFUL: bool>(&mut self, mut inverse: [F; CHAINS]) {
        let Scratch {
            x,
            y,
            products,
            masks,
            groups,
            ..
        } = &mut *self.scratch;
        let mut step: usize = groups.iter().map(|group| group.length / 2).sum();
        for group in groups.iter() {
            for j in 0..group.length / 2 {
                step -= 1;
                let chain = step % CHAINS;
                let pair = group.base + 2 * j;
                let (x1, x2, y1, y2) = (x[pair], x[pair + 1], y[pair], y[pair + 1]);
                let mut difference = x2.sub(x1);
                let mut rise = y2.sub(y1);
                if CAREFUL {
                    let (same, opposite) = masks[step];
                    difference = careful_difference(difference, y1, same, opposite);
                    rise = F::select(same, x1.square().triple().loose(), rise);
                }
                let one_over = inverse[chain].mul(products[step]);
                inverse[chain] = inverse[chain].mul_loose(difference);
                let slope = one_over.mul_loose(rise);
                let x3 = slope.square().sub_sum(x1, x2);
                let y3 = slope.mul_loose(x1.sub(x3)).sub_reduced(y1);
                x[group.base + j] = x3;
                y[group.base + j] = y3;
            }
        }
    }

    /// Gives up the lanes in which a sum became infinity: what they have left goes to the extra sums.
    #[inline(never)]
    fn evict(&mut self) {
        let Scratch {
            x,
            y,
            masks,
            groups,
            extra,
            ..
        } = &mut *self.scratch;
        let mut step: usize = groups.iter().map(|group| group.length / 2).sum();
        for group in groups.iter_mut() {
            let pairs = group.length / 2;
            step -= pairs;
            // Of the steps of this group the last is pair 0.
            let infinite = |j: usize| masks[step + pairs - 1 - j].1;
            let lost = (0..pairs).fold(0, |lost, j| lost | infinite(j)) & !group.evicted;
            if lost == 0 {
                continue;
            }
            let odd = (group.length % 2 == 1).then_some(group.length - 1);
            for lane in (0..group.pieces).filter(|lane| lost >> lane & 1 == 1) {
                let mut sum = C::Projective::default();
                let finite = (0..pairs).filter(|j| infinite(*j) >> lane & 1 == 0).chain(odd);
                for j in finite {
                    let at = group.base + j;
                    sum += point::<C, F>(x[at].lane(lane), y[at].lane(lane));
                }
                extra.push((self.pieces[group.first + lane].slot, sum));
            }
            group.evicted |= lost;
            let all = ((1u16 << F::LANES) - 1) as Mask;
            match (0..F::LANES).find(|lane| group.evicted >> lane & 1 == 0) {
                // An evicted lane goes on with the points of another, whose differences are not zero.
                Some(live) => {
                    for at in (group.base..group.base + pairs).chain(odd.map(|odd| group.base + odd)) {
                        x[at] = x[at].copy_lane(live, group.evicted);
                        y[at] = y[at].copy_lane(live, group.evicted);
                    }
                }
                None => {
                    group.evicted = all;
                    // One vector that nobody reads: no more pairs.
                    group.length = 1;
                }
            }
        }
    }

    /// After a level: a point without a partner moves behind the sums.
    #[inline(always)]
    fn halve(&mut self) {
        let Scratch { x, y, groups, .. } = &mut *self.scratch;
        for group in groups.iter_mut() {
            let pairs = group.length / 2;
            if group.length > 1 && group.length % 2 == 1 {
                x[group.base + pairs] = x[group.base + group.length - 1];
                y[group.base + pairs] = y[group.base + group.length - 1];
            }
            group.length = group.length.div_ceil(2);
        }
    }

    /// Writes the sums to their slots.
    #[inline(always)]
    fn store(&mut self) {
        let mut nowhere = [0u8; 8 * 128];
        let nowhere = nowhere.as_mut_ptr();
        for group in &self.scratch.groups {
            let pieces = &self.pieces[group.first..group.first + group.pieces];
            let target = |lane: usize| match pieces.get(lane) {
                Some(piece) if group.evicted >> lane & 1 == 0 => {
                    self.output.wrapping_add(piece.slot as usize * C::POINT_BYTES)
                }
                _ => nowhere.wrapping_add(lane * C::POINT_BYTES),
            };
            let (x, y) = (self.scratch.x[group.base], self.scratch.y[group.base]);
            // SAFETY: a slot is a whole point of the output and this piece's alone; `nowhere` has a point for each lane.
            unsafe { F::store_points(x, y, &std::array::from_fn(|lane| target(lane % F::LANES))) };
        }
    }
}

/// Lanes in which two points are equal, and lanes in which they are opposite.
#[inline(always)]
fn collisions<F: Field>(x1: F, x2: F, y1: F, y2: F) -> (Mask, Mask) {
    let zero = F::zero_lanes(x2.sub(x1));
    if zero == 0 {
        return (0, 0);
    }
    let same = zero & F::zero_lanes(y2.sub(y1));
    (same, zero & !same)
}

/// What to divide by: the difference, twice y to double, one where the sum is infinity.
#[inline(always)]
fn careful_difference<F: Field>(difference: F::Loose, y: F, same: Mask, opposite: Mask) -> F::Loose {
    let difference = F::select(same, y.double(), difference);
    F::select(opposite, F::one().loose(), difference)
}

fn point<C: Curve, F: Field>(x: F::Scalar, y: F::Scalar) -> C::Affine
where
    C::Affine: AffineRepr<BaseField = F::Scalar>,
{
    C::new(x, y)
}

/// One over each of the products of all lanes; `None` if one of them is zero.
#[inline(always)]
pub(super) fn invert<F: Field>(products: [F; CHAINS]) -> Option<[F; CHAINS]> {
    let mut value = products[0].mul(products[1]);
    // The product of all lanes, in all lanes, keeping what each step multiplied by.
    let mut partners = [F::one(); 3];
    let mut distance = 1;
    let mut step = 0;
    while distance < F::LANES {
        partners[step] = value.swap_lanes(distance);
        value = value.mul(partners[step]);
        distance *= 2;
        step += 1;
    }
    let mut inverse = F::splat(F::invert_lane(value.lane(0))?);
    while step > 0 {
        step -= 1;
        inverse = inverse.mul(partners[step]);
    }
    Some([inverse.mul(products[1]), inverse.mul(products[0])])
}

/// Asks for a point's cache lines.
#[inline(always)]
fn prefetch(point: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..bytes).step_by(64) {
        // SAFETY: a prefetch is a hint; it never faults.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
                point.wrapping_add(line).cast(),
            );
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (point, bytes);
}
