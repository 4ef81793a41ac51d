//! Integers with known bounds.
//!
//! An [`Int`] is a combination together with an interval that its integer value provably lies in. Every operation
//! carries the interval along and panics while the circuit is built if a value could pass half the modulus, so that an identity
//! over the field is always an identity over the integers: nothing wraps around.
//!
//! **Cost.** Sums are free; a product one row; [`Int::is_nonnegative`] k + 1 rows where 2^k covers the interval;
//! [`Int::assert_bits`] one row a bit.

use super::bits::{Bit, decompose, weigh_bits};
use crate::{Builder, Lc};
use ark_ff::{BigInteger, PrimeField};

/// An integer in `min ..= max`.
#[derive(Clone, Debug)]
pub struct Int<F> {
    lc: Lc<F>,
    min: i128,
    max: i128,
}

impl<F: PrimeField> Int<F> {
    /// # Panics
    /// If the interval does not fit the field: a mistake in the circuit, found whenever it is built.
    fn new(lc: Lc<F>, min: i128, max: i128) -> Self {
        let half = F::MODULUS_MINUS_ONE_DIV_TWO;
        let fits = |bound: i128| {
            let magnitude = bound.unsigned_abs();
            half.num_bits() > 128 || low_128_bits::<F>(&half) >= magnitude
        };
        assert!(
            min <= max && fits(min) && fits(max),
            "integer bounds {min}..={max} do not fit the field"
        );
        Self { lc, min, max }
    }

    /// A combination whose bounds the caller derives from other constraints.
    ///
    /// # Panics
    /// If the bounds do not fit the field.
    pub fn known(lc: Lc<F>, min: i128, max: i128) -> Self {
        Self::new(lc, min, max)
    }

    /// A new private input, asserted to be in `min ..= max`.
    pub fn input_between(cs: &mut Builder<F>, name: &'static str, value: i128, min: i128, max: i128) -> Self {
        let input = cs.input(name, from_signed(value));
        Self::asserted_between(cs, name, input, min, max)
    }

    /// A combination of any value, asserted to be in `min ..= max`.
    pub fn asserted_between(
        cs: &mut Builder<F>,
        name: &'static str,
        lc: Lc<F>,
        min: i128,
        max: i128,
    ) -> Self {
        // Any field element is an integer within half the modulus; the assertion narrows it.
        Self { lc, min, max }.assert_between(cs, name, min, max)
    }

    /// A constant.
    pub fn constant(value: i128) -> Self {
        Self::new(Lc::constant(from_signed(value)), value, value)
    }

    /// A new integer of `width` bits, defined by its bits: `width` rows.
    pub fn from_new_bits(cs: &mut Builder<F>, name: &'static str, width: usize, value: u128) -> Self {
        let bits: Vec<Bit<F>> = (0..width)
            .map(|i| Bit::hint(cs, name, (value >> i) & 1 == 1))
            .collect();
        Self::from_bits(&bits)
    }

    /// The integer with these bits, lowest first.
    pub fn from_bits(bits: &[Bit<F>]) -> Self {
        Self::new(weigh_bits(bits), 0, (1i128 << bits.len()) - 1)
    }

    /// A bit as an integer.
    pub fn from_bit(bit: &Bit<F>) -> Self {
        Self::new(bit.lc().clone(), 0, 1)
    }

    /// As a combination.
    pub fn lc(&self) -> &Lc<F> {
        &self.lc
    }

    /// The least value that it can have.
    pub fn min(&self) -> i128 {
        self.min
    }

    /// The greatest value that it can have.
    pub fn max(&self) -> i128 {
        self.max
    }

    /// The value under the assignment that is being built; of a dishonest assignment, the value nearest to 0 or its
    /// low bits.
    pub fn value(&self) -> i128 {
        signed_value(self.lc.value())
    }

    /// The sum.
    pub fn plus(&self, other: &Self) -> Self {
        Self::new(&self.lc + &other.lc, self.min + other.min, self.max + other.max)
    }

    /// The difference.
    pub fn minus(&self, other: &Self) -> Self {
        Self::new(&self.lc - &other.lc, self.min - other.max, self.max - other.min)
    }

    /// The product with a constant.
    pub fn times(&self, by: i128) -> Self {
        let ends = [checked_product(self.min, by), checked_product(self.max, by)];
        Self::new(
            self.lc.clone() * from_signed::<F>(by),
            ends[0].min(ends[1]),
            ends[0].max(ends[1]),
        )
    }

    /// The product: one row.
    pub fn mul(&self, cs: &mut Builder<F>, name: &'static str, other: &Self) -> Self {
        let ends = [
            checked_product(self.min, other.min),
            checked_product(self.min, other.max),
            checked_product(self.max, other.min),
            checked_product(self.max, other.max),
        ];
        let (min, max) = ends.iter().fold((ends[0], ends[0]), |(min, max), end| {
            (min.min(*end), max.max(*end))
        });
        Self::new(cs.mul(name, &self.lc, &other.lc), min, max)
    }

    /// The square: one row.
    pub fn square(&self, cs: &mut Builder<F>, name: &'static str) -> Self {
        let product = self.mul(cs, name, self);
        Self::new(product.lc, 0, product.max)
    }

    /// The sum of many.
    pub fn sum<'a>(items: impl IntoIterator<Item = &'a Self>) -> Self {
        let (mut lc, mut min, mut max) = (Lc::zero(), 0, 0);
        for item in items {
            lc += &item.lc;
            min += item.min;
            max += item.max;
        }
        Self::new(lc, min, max)
    }

    /// Is the integer at least 0? The top bit of `self + 2^k`, with 2^k the least power of two that covers the interval:
    /// k + 1 rows.
    pub fn is_nonnegative(&self, cs: &mut Builder<F>, name: &'static str) -> Bit<F> {
        let reach = self.min.unsigned_abs().max(self.max.unsigned_abs() + 1);
        let k = reach.next_power_of_two().trailing_zeros() as usize;
        let offset = self.plus(&Self::constant(1i128 << k));
        // The check of bounds makes offset a number below 2^(k+1), as an integer and as a field element.
        let mut bits = decompose(cs, name, &offset.lc, k + 1);
        #[allow(clippy::expect_used)] // k + 1 >= 1 bits
        bits.pop().expect("a decomposition into at least one bit")
    }

    /// `floor(self / divisor)`, asserted to be below `2^quotient_bits`, for a divisor below `2^divisor_bits`: the rows of the
    /// quotient, one, and of two ranges. A divisor of 0 has no solution.
    ///
    /// `0 <= self - q divisor < divisor` has one solution q. The divisor is positive because `remainder` and
    /// `divisor - 1 - remainder` both lie in `0 .. 2^divisor_bits`.
    pub fn divide_floor(
        &self,
        cs: &mut Builder<F>,
        divisor: &Self,
        quotient_bits: usize,
        divisor_bits: usize,
    ) -> Self {
        let value = self.value().checked_div(divisor.value()).unwrap_or(0);
        let quotient = Self::from_new_bits(cs, "quotient", quotient_bits, value.max(0).unsigned_abs());
        let remainder = self.minus(&quotient.mul(cs, "whole", divisor));
        remainder.assert_bits(cs, "remainder", divisor_bits);
        divisor
            .minus(&Self::constant(1))
            .minus(&remainder)
            .assert_bits(cs, "rest", divisor_bits);
        quotient
    }

    /// Asserts `0 <= self < 2^width` and returns the integer with these bounds: `width` rows.
    pub fn assert_bits(&self, cs: &mut Builder<F>, name: &'static str, width: usize) -> Self {
        let bits = decompose(cs, name, &self.lc, width);
        // Both intervals lie within half the modulus of 0, so equality in the field is equality of integers.
        let bounded = Self::from_bits(&bits);
        Self::new(
            self.lc.clone(),
            bounded.min.max(self.min),
            bounded.max.min(self.max),
        )
    }

    /// Asserts `min <= self <= max`: the rows of two ranges.
    pub fn assert_between(&self, cs: &mut Builder<F>, name: &'static str, min: i128, max: i128) -> Self {
        let width = (128 - ((max - min).unsigned_abs()).leading_zeros()) as usize;
        self.minus(&Self::constant(min)).assert_bits(cs, name, width);
        // A full range of bits needs no second check.
        if max - min + 1 != 1i128 << width {
            Self::constant(max).minus(self).assert_bits(cs, name, width);
        }
        Self::new(self.lc.clone(), min.max(self.min), max.min(self.max))
    }
}

/// # Panics
/// On overflow of i128: a mistake in the circuit.
#[allow(clippy::expect_used)]
fn checked_product(a: i128, b: i128) -> i128 {
    a.checked_mul(b).expect("integer bounds within 127 bits")
}

fn from_signed<F: PrimeField>(value: i128) -> F {
    let magnitude = F::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// The integer nearest to 0 that the element stands for; only the low 127 bits of its magnitude are kept.
pub(crate) fn signed_value<F: PrimeField>(value: F) -> i128 {
    let magnitude = |integer: F::BigInt| (low_128_bits::<F>(&integer) & (u128::MAX >> 1)).cast_signed();
    let integer = value.into_bigint();
    if integer > F::MODULUS_MINUS_ONE_DIV_TWO {
        -magnitude((-value).into_bigint())
    } else {
        magnitude(integer)
    }
}

fn low_128_bits<F: PrimeField>(integer: &F::BigInt) -> u128 {
    let limbs = integer.as_ref();
    let limb = |i: usize| u128::from(limbs.get(i).copied().unwrap_or(0));
    limb(0) | limb(1) << 64
}
