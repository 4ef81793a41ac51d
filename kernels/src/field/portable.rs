//! One lane of 4 limbs of 64 bits, Montgomery R = 2^256: any machine.
//!
//! Law: a value, stored or loose, is below 2p < 2^255. A product of two is below (2 * 2 / 5 + 1)p < 2p, since 5p < 2^256.

use super::inverse::inverse;
use super::modulus::{Base, Modulus, power_of_two, subtract_once};
use super::quadratic::Quadratic;
use super::{Arch, BaseField, Field, Mask, Task};
use std::marker::PhantomData;

/// An element below 2p.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Lane<M>(pub(crate) [u64; 4], PhantomData<M>);

/// Any machine. On x86-64 the same code is compiled a second time for BMI2 and ADX, whose multiplications leave the flags alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable {
    #[cfg(target_arch = "x86_64")]
    bmi2: bool,
}

impl Portable {
    /// Looks at the machine.
    pub(crate) fn detect() -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            bmi2: is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("adx"),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi2,adx")]
fn enter<T: Task>(task: T) -> T::Output {
    task.run()
}

impl Arch for Portable {
    const NAME: &'static str = "portable";
    type Fq = Lane<Base>;
    type Fq2 = Quadratic<Lane<Base>>;
    type Octet = crate::ntt::portable::Eight;

    fn run<T: Task>(self, task: T) -> T::Output {
        #[cfg(target_arch = "x86_64")]
        if self.bmi2 {
            // SAFETY: the features were detected.
            return unsafe { enter(task) };
        }
        task.run()
    }
}

/// `a + b * c + carry`: low word and carry.
#[inline(always)]
pub(crate) fn multiply_add(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    let wide = u128::from(a)
        .wrapping_add(u128::from(b).wrapping_mul(u128::from(c)))
        .wrapping_add(u128::from(carry));
    (wide as u64, (wide >> 64) as u64)
}

/// Twice the prime.
const fn twice(p: [u64; 4]) -> [u64; 4] {
    [
        p[0] << 1,
        p[1] << 1 | p[0] >> 63,
        p[2] << 1 | p[1] >> 63,
        p[3] << 1 | p[2] >> 63,
    ]
}

/// Interleaved Montgomery multiplication (Koc, Acar, Kaliski 1996, CIOS); the highest word needs no carry since 4p < 2^256.
#[inline(always)]
pub(crate) fn montgomery<M: Modulus>(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let p = M::P;
    let mut t = [0u64; 4];
    for i in 0..4 {
        let (low, mut above) = multiply_add(t[0], a[i], b[0], 0);
        let q = low.wrapping_mul(M::MINUS_INVERSE);
        let (_, mut carry) = multiply_add(low, q, p[0], 0);
        for j in 1..4 {
            let (word, next) = multiply_add(t[j], a[i], b[j], above);
            above = next;
            let (word, next) = multiply_add(word, q, p[j], carry);
            carry = next;
            t[j - 1] = word;
        }
        t[3] = above.wrapping_add(carry);
    }
    t
}

#[inline(always)]
pub(crate) fn add_words(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let mut out = [0; 4];
    let mut carry = false;
    for i in 0..4 {
        let (sum, first) = a[i].overflowing_add(b[i]);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        out[i] = sum;
        carry = first | second;
    }
    out
}

#[inline(always)]
pub(crate) fn sub_words(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let mut out = [0; 4];
    let mut borrow = false;
    for i in 0..4 {
        let (difference, first) = a[i].overflowing_sub(b[i]);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        out[i] = difference;
        borrow = first | second;
    }
    (out, borrow)
}

impl<M: Modulus> Lane<M> {
    #[inline(always)]
    fn new(words: [u64; 4]) -> Self {
        Self(words, PhantomData)
    }

    /// The sum of two values below 2p, below 2p.
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let sum = add_words(self.0, other.0);
        let (less, borrow) = sub_words(sum, const { twice(M::P) });
        Self::new(if borrow { sum } else { less })
    }

    #[inline(always)]
    fn difference(self, other: Self) -> Self {
        let (difference, borrow) = sub_words(self.0, other.0);
        let mask = u64::from(borrow).wrapping_neg();
        let twice = const { twice(M::P) }.map(|word| word & mask);
        Self::new(add_words(difference, twice))
    }

    #[inline(always)]
    fn canonical(self) -> [u64; 4] {
        subtract_once(self.0, M::P)
    }

    /// # Safety
    /// 32 bytes must be readable.
    #[inline(always)]
    unsafe fn read(bytes: *const u8) -> Self {
        // SAFETY: as the caller says.
        Self::new(unsafe { bytes.cast::<[u64; 4]>().read_unaligned() }.map(u64::from_le))
    }
}

impl<M: Modulus> Field for Lane<M> {
    const LANES: usize = 1;
    const BYTES: usize = 32;
    type Scalar = M::Field;
    type Loose = Self;

    #[inline(always)]
    fn one() -> Self {
        Self::new(const { power_of_two(M::P, 256) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::new(montgomery::<M>(self.0, other.0))
    }

    #[inline(always)]
    fn mul_loose(self, other: Self) -> Self {
        self.mul(other)
    }

    #[inline(always)]
    fn square(self) -> Self {
        self.mul(self)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.difference(other)
    }

    #[inline(always)]
    fn sub_reduced(self, other: Self) -> Self {
        self.difference(other)
    }

    #[inline(always)]
    fn sub_sum(self, a: Self, b: Self) -> Self {
        self.difference(a).difference(b)
    }

    #[inline(always)]
    fn double(self) -> Self {
        self.add(self)
    }

    #[inline(always)]
    fn triple(self) -> Self {
        self.add(self).add(self)
    }

    #[inline(always)]
    fn negate_where(self, mask: Mask) -> Self {
        match mask {
            0 => self,
            _ => Self::new([0; 4]).difference(self),
        }
    }

    #[inline(always)]
    fn zero_lanes(value: Self) -> Mask {
        Mask::from(value.canonical() == [0; 4])
    }

    #[inline(always)]
    fn loose(self) -> Self {
        self
    }

    #[inline(always)]
    fn select(mask: Mask, a: Self, b: Self) -> Self {
        if mask == 0 { b } else { a }
    }

    #[inline(always)]
    fn lane(self, _: usize) -> M::Field {
        M::raw(self.canonical())
    }

    fn invert_lane(value: M::Field) -> Option<M::Field> {
        inverse::<M>(value)
    }

    #[inline(always)]
    fn splat(value: M::Field) -> Self {
        Self::new(M::limbs(&value))
    }

    #[inline(always)]
    fn swap_lanes(self, _: usize) -> Self {
        self
    }

    #[inline(always)]
    fn copy_lane(self, _: usize, _: Mask) -> Self {
        self
    }

    #[inline(always)]
    unsafe fn load_points(points: &[*const u8; 8]) -> (Self, Self) {
        // SAFETY: the caller gives a pointer to 64 readable bytes.
        unsafe { (Self::read(points[0]), Self::read(points[0].wrapping_add(32))) }
    }

    #[inline(always)]
    unsafe fn store_points(x: Self, y: Self, points: &[*mut u8; 8]) {
        let words = [x.canonical().map(u64::to_le), y.canonical().map(u64::to_le)];
        // SAFETY: the caller gives a pointer to 64 writable bytes.
        unsafe { points[0].cast::<[[u64; 4]; 2]>().write_unaligned(words) };
    }
}

impl<M: Modulus> BaseField for Lane<M> {
    #[inline(always)]
    fn mul_complex([a0, a1]: [Self; 2], [b0, b1]: [Self; 2]) -> [Self; 2] {
        let (real, other) = (a0.mul(b0), a1.mul(b1));
        let both = a0.add(a1).mul(b0.add(b1));
        [real.difference(other), both.difference(real).difference(other)]
    }

    #[inline(always)]
    fn square_complex([a0, a1]: [Self; 2]) -> [Self; 2] {
        [a0.add(a1).mul(a0.difference(a1)), a0.mul(a1.double())]
    }
}
