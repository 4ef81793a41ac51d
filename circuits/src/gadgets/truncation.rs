//! Division by a constant that cuts toward zero, as `/` does in Rust and C.
//!
//! **Relation.** `truncated(v, d) = v / d` for integers v of known bounds and a constant d > 0.
//!
//! **Cost.** The sign of v, then the bits of the quotient and twice those of a remainder: 27 rows for -1,000..1,000 by ten.
//!
//! **Why it is sound.** Cutting toward zero is rounding down, of v when v >= 0 and of v + d - 1 when v < 0. The sign is the only bit that fits
//! v; quotient and remainder are unique because `0 <= remainder < d` is asserted from both sides.
//!
//! Source: ours.

use super::int::Int;
use crate::Builder;
use ark_ff::PrimeField;

/// `value / divisor`, cut toward zero.
///
/// # Panics
/// If the divisor is not positive: a mistake in the circuit.
pub fn truncated<F: PrimeField>(cs: &mut Builder<F>, value: &Int<F>, divisor: i128) -> Int<F> {
    assert!(divisor > 0, "a positive divisor");
    let is_negative = value.is_nonnegative(cs, "sign").not();
    // Shifted by a multiple of the divisor, so that nothing is negative.
    let lowest = value.min().min(0) / divisor;
    let raised = value
        .plus(&Int::from_bit(&is_negative).times(divisor - 1))
        .minus(&Int::constant(lowest * divisor));
    let highest = value.max().max(0) / divisor;
    let quotient = raised.divide_floor(
        cs,
        &Int::constant(divisor),
        bits_of(highest - lowest),
        bits_of(divisor - 1),
    );
    Int::known(quotient.lc().clone(), 0, highest - lowest).plus(&Int::constant(lowest))
}

/// Bits of a number that is not negative.
fn bits_of(value: i128) -> usize {
    (i128::BITS - value.leading_zeros()) as usize
}
