//! Fq2 = Fq(i), i^2 = -1, over either kind of lanes: the coordinates of the second group.

use super::{BaseField, Field, Mask};

/// c0 + c1 i.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Quadratic<F>(pub(crate) F, pub(crate) F);

impl<F: BaseField<Scalar = ark_bn254::Fq>> Field for Quadratic<F> {
    const LANES: usize = F::LANES;
    const BYTES: usize = 2 * F::BYTES;
    type Scalar = ark_bn254::Fq2;
    type Loose = [F::Loose; 2];

    #[inline(always)]
    fn one() -> Self {
        Self(F::one(), F::splat(ark_bn254::Fq::from(0u64)))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.mul_loose(other.loose())
    }

    #[inline(always)]
    fn mul_loose(self, other: Self::Loose) -> Self {
        let [c0, c1] = F::mul_complex([self.0, self.1], other);
        Self(c0, c1)
    }

    #[inline(always)]
    fn square(self) -> Self {
        let [c0, c1] = F::square_complex([self.0, self.1]);
        Self(c0, c1)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self::Loose {
        [self.0.sub(other.0), self.1.sub(other.1)]
    }

    #[inline(always)]
    fn sub_reduced(self, other: Self) -> Self {
        Self(self.0.sub_reduced(other.0), self.1.sub_reduced(other.1))
    }

    #[inline(always)]
    fn sub_sum(self, a: Self, b: Self) -> Self {
        Self(self.0.sub_sum(a.0, b.0), self.1.sub_sum(a.1, b.1))
    }

    #[inline(always)]
    fn double(self) -> Self::Loose {
        [self.0.double(), self.1.double()]
    }

    #[inline(always)]
    fn triple(self) -> Self {
        Self(self.0.triple(), self.1.triple())
    }

    #[inline(always)]
    fn negate_where(self, mask: Mask) -> Self {
        Self(self.0.negate_where(mask), self.1.negate_where(mask))
    }

    #[inline(always)]
    fn zero_lanes([c0, c1]: Self::Loose) -> Mask {
        F::zero_lanes(c0) & F::zero_lanes(c1)
    }

    #[inline(always)]
    fn loose(self) -> Self::Loose {
        [self.0.loose(), self.1.loose()]
    }

    #[inline(always)]
    fn select(mask: Mask, a: Self::Loose, b: Self::Loose) -> Self::Loose {
        [F::select(mask, a[0], b[0]), F::select(mask, a[1], b[1])]
    }

    #[inline(always)]
    fn lane(self, index: usize) -> ark_bn254::Fq2 {
        ark_bn254::Fq2::new(self.0.lane(index), self.1.lane(index))
    }

    fn invert_lane(value: ark_bn254::Fq2) -> Option<ark_bn254::Fq2> {
        // 1/(a + b i) = (a - b i)/(a^2 + b^2).
        let norm = F::invert_lane(value.c0 * value.c0 + value.c1 * value.c1)?;
        Some(ark_bn254::Fq2::new(value.c0 * norm, -value.c1 * norm))
    }

    #[inline(always)]
    fn splat(value: ark_bn254::Fq2) -> Self {
        Self(F::splat(value.c0), F::splat(value.c1))
    }

    #[inline(always)]
    fn swap_lanes(self, distance: usize) -> Self {
        Self(self.0.swap_lanes(distance), self.1.swap_lanes(distance))
    }

    #[inline(always)]
    fn copy_lane(self, from: usize, to: Mask) -> Self {
        Self(self.0.copy_lane(from, to), self.1.copy_lane(from, to))
    }

    #[inline(always)]
    unsafe fn load_points(points: &[*const u8; 8]) -> (Self, Self) {
        // SAFETY: a point is two pairs of F::BYTES each, all of which the caller lets us read.
        unsafe {
            let (x0, x1) = F::load_points(points);
            let (y0, y1) = F::load_points(&points.map(|point| point.wrapping_add(2 * F::BYTES)));
            (Self(x0, x1), Self(y0, y1))
        }
    }

    #[inline(always)]
    unsafe fn store_points(x: Self, y: Self, points: &[*mut u8; 8]) {
        // SAFETY: as above.
        unsafe {
            F::store_points(x.0, x.1, points);
            F::store_points(y.0, y.1, &points.map(|point| point.wrapping_add(2 * F::BYTES)));
        }
    }
}
