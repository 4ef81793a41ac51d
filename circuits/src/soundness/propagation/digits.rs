//! Sums of digits: when does a known sum fix every digit?
//!
//! Digits are booleans with weights and, at times, one number in `0 ..= gap` of weight 1. If each weight, as an integer nearest to 0,
//! exceeds the gap and all smaller weights together, different digits have different integer sums; if the total is below the
//! modulus, also different sums in the field.

use ark_ff::{BigInteger, PrimeField};

/// Does the known value of `gap number + sum weight * boolean` fix every boolean?
pub(super) fn are_unique<F: PrimeField>(gap: F::BigInt, weights: impl Iterator<Item = F>) -> bool {
    let mut magnitudes: Vec<F::BigInt> = weights.map(magnitude).collect();
    magnitudes.sort_unstable();
    let mut total = gap;
    magnitudes.into_iter().all(|weight| {
        let exceeds = weight > total;
        exceeds && !total.add_with_carry(&weight) && total < F::MODULUS
    })
}

/// The sum of the magnitudes, if it is below half the modulus.
pub(super) fn total<F: PrimeField>(weights: impl Iterator<Item = F>) -> Option<F::BigInt> {
    let mut total = F::BigInt::from(0u8);
    for weight in weights {
        let carried = total.add_with_carry(&magnitude(weight));
        if carried || total > F::MODULUS_MINUS_ONE_DIV_TWO {
            return None;
        }
    }
    Some(total)
}

/// The distance of the integer nearest to 0 from it.
fn magnitude<F: PrimeField>(value: F) -> F::BigInt {
    value.into_bigint().min((-value).into_bigint())
}

/// `i` if the value is `2^i`.
pub(super) fn power_of_two<F: PrimeField>(value: F) -> Option<usize> {
    let integer = value.into_bigint();
    let width = integer.num_bits();
    let mut power = F::BigInt::from(1u8);
    power <<= width.checked_sub(1)?;
    (integer == power).then_some(width as usize - 1)
}
