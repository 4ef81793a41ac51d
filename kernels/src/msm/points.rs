//! [`Points`]: where many random reads of points go.

use super::lists::is_infinity;
use crate::bases::{Curve, G1};
use crate::memory::map;
use memmap2::MmapMut;
use rayon::prelude::*;
use std::marker::PhantomData;

/// Points of the first group that are copied to where random access is fast: fewer fit into caches, and more are not worth
/// the memory; nor is the second group, which computes longer on each point.
const NEAR_BYTES: std::ops::RangeInclusive<usize> = 24 << 20..=1 << 30;
/// Points that one task looks at.
const PIECE: usize = 1 << 14;

/// Points of a key, and which of them are not infinity.
pub(super) struct Points<'a, C> {
    bytes: &'a [u8],
    /// The points once more.
    copy: Option<MmapMut>,
    /// Bit `index` is set where point `index` is not infinity.
    finite: Vec<u64>,
    all_finite: bool,
    curve: PhantomData<C>,
}

impl<'a, C: Curve> Points<'a, C> {
    /// All points are in `bytes`; the first `marked` are looked at. `often`: each is read so often that a copy may be worth it.
    pub(super) fn new(bytes: &'a [u8], marked: usize, often: bool) -> Self {
        let points = &bytes[..marked * C::POINT_BYTES];
        let near = C::POINT_BYTES == G1::POINT_BYTES && NEAR_BYTES.contains(&bytes.len());
        let mut copy = (often && near && points.len() == bytes.len())
            .then(|| map(bytes.len()))
            .flatten();
        let mut finite = vec![0; marked.div_ceil(64)];
        let piece = PIECE * C::POINT_BYTES;
        let marks = finite.par_chunks_mut(PIECE / 64).zip(points.par_chunks(piece));
        match &mut copy {
            Some(copy) => copy
                .par_chunks_mut(piece)
                .zip(marks)
                .for_each(|(copy, (marks, points))| {
                    copy[..points.len()].copy_from_slice(points);
                    mark_finite::<C>(marks, points);
                }),
            None => marks.for_each(|(marks, points)| mark_finite::<C>(marks, points)),
        }
        let count: usize = finite.iter().map(|word: &u64| word.count_ones() as usize).sum();
        Self {
            bytes,
            copy,
            all_finite: count == marked,
            finite,
            curve: PhantomData,
        }
    }

    /// All points, where reading them is fastest.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.copy {
            Some(copy) => &copy[..self.bytes.len()],
            None => self.bytes,
        }
    }

    /// Is this one of the points that were looked at, and not infinity?
    #[inline(always)]
    pub(super) fn is_finite(&self, index: usize) -> bool {
        self.finite
            .get(index / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Is none of those infinity?
    pub(super) fn all_finite(&self) -> bool {
        self.all_finite
    }
}

/// Sets bit i where point i is not infinity.
fn mark_finite<C: Curve>(marks: &mut [u64], points: &[u8]) {
    for (mark, points) in marks.iter_mut().zip(points.chunks(64 * C::POINT_BYTES)) {
        for (index, point) in points.chunks_exact(C::POINT_BYTES).enumerate() {
            *mark |= u64::from(!is_infinity(point)) << index;
        }
    }
}
