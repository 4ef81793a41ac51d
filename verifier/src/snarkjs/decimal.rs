//! Field elements as snarkjs spells them: canonical decimal strings.

use alloc::string::{String, ToString};
use ark_ff::{BigInteger256, PrimeField};

/// Both fields have 254 bits: 77 digits at most.
const DIGITS_MAX: usize = 77;

/// Why a string is not a field element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// Not `0`, nor digits that start with another one.
    NotDecimal,
    /// Not below the modulus.
    NotReduced,
}

pub(super) fn read<F: PrimeField<BigInt = BigInteger256>>(text: &str) -> Result<F, Defect> {
    let digits = text.as_bytes();
    let canonical = match digits {
        [] => false,
        [b'0'] => true,
        [first, ..] => *first != b'0' && digits.iter().all(u8::is_ascii_digit),
    };
    if !canonical {
        return Err(Defect::NotDecimal);
    }
    if digits.len() > DIGITS_MAX {
        return Err(Defect::NotReduced);
    }
    let mut limbs = [0_u64; 4];
    for digit in digits {
        // 77 digits stay below 2^256, so nothing is carried out of the last limb.
        let mut carry = u128::from(digit - b'0');
        for limb in &mut limbs {
            let sum = u128::from(*limb) * 10 + carry;
            *limb = low_half(sum);
            carry = sum >> 64;
        }
    }
    F::from_bigint(BigInteger256::new(limbs)).ok_or(Defect::NotReduced)
}

pub(super) fn write<F: PrimeField<BigInt = BigInteger256>>(element: &F) -> String {
    element.into_bigint().to_string()
}

#[allow(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
fn low_half(value: u128) -> u64 {
    value as u64
}
