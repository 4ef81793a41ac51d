//! Points times a power of two, many at once: what a table of multiples is made of.
//!
//! Affine doublings share an inversion as the additions of [`super::lists`] do: slope = 3 x^2 / (2 y).

use super::lists::{CHAINS, invert, is_infinity};
use crate::backend::KernelError;
use crate::bases::Curve;
use crate::control::Control;
use crate::field::{Arch, Field, Task};
use rayon::prelude::*;

/// Points of a block: they stay in the second-level cache through all doublings.
const BLOCK_POINTS: usize = 4096;

/// Each point times `2^times`, as a key stores them.
pub(crate) fn double<C: Curve, A: Arch, F: Field>(
    arch: A,
    points: &[u8],
    times: u32,
    control: &Control<'_>,
) -> Result<Vec<u8>, KernelError> {
    let mut out = points.to_vec();
    let blocks = points.len().div_ceil(BLOCK_POINTS * C::POINT_BYTES).max(1);
    out.par_chunks_mut(BLOCK_POINTS * C::POINT_BYTES)
        .try_for_each(|block| {
            arch.run(Block::<C, F> {
                finite: block
                    .chunks_exact_mut(C::POINT_BYTES)
                    .filter(|point| !is_infinity(point))
                    .map(|point| point.as_mut_ptr())
                    .collect(),
                times,
                control,
                lanes: std::marker::PhantomData,
            })?;
            control.advance(1.0 / blocks as f64);
            Ok(())
        })?;
    Ok(out)
}

struct Block<'a, C, F> {
    finite: Vec<*mut u8>,
    times: u32,
    control: &'a Control<'a>,
    lanes: std::marker::PhantomData<(C, F)>,
}

impl<C: Curve, F: Field> Task for Block<'_, C, F> {
    type Output = Result<(), KernelError>;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let mut nowhere = [0u8; 8 * 128];
        let nowhere = nowhere.as_mut_ptr();
        let mut coordinates = Vec::with_capacity(self.finite.len().div_ceil(F::LANES));
        for points in self.finite.chunks(F::LANES) {
            // A lane without a point repeats the first one's.
            let from = std::array::from_fn(|lane| points.get(lane).unwrap_or(&points[0]).cast_const());
            // SAFETY: each is a whole point of this block.
            coordinates.push(unsafe { F::load_points(&from) });
        }
        let mut products = vec![F::one(); coordinates.len()];
        for _ in 0..self.times {
            self.control.check()?;
            let mut product = [F::one(); CHAINS];
            for (step, (_, y)) in coordinates.iter().enumerate() {
                products[step] = product[step % CHAINS];
                product[step % CHAINS] = product[step % CHAINS].mul_loose(y.double());
            }
            // No y is zero: the groups have odd order.
            let Some(mut inverse) = invert(product) else {
                return Ok(());
            };
            for (step, (x, y)) in coordinates.iter_mut().enumerate().rev() {
                let one_over = inverse[step % CHAINS].mul(products[step]);
                inverse[step % CHAINS] = inverse[step % CHAINS].mul_loose(y.double());
                let slope = one_over.mul(x.square().triple());
                let x3 = slope.square().sub_sum(*x, *x);
                *y = slope.mul_loose(x.sub(x3)).sub_reduced(*y);
                *x = x3;
            }
        }
        for (points, (x, y)) in self.finite.chunks(F::LANES).zip(&coordinates) {
            let to = std::array::from_fn(|lane| match points.get(lane) {
                Some(point) => *point,
                None => nowhere.wrapping_add(lane * C::POINT_BYTES),
            });
            // SAFETY: each is a whole point of this block, or of `nowhere`, which has one for each lane.
            unsafe { F::store_points(*x, *y, &to) };
        }
        Ok(())
    }
}
