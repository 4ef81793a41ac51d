//! The two primes of BN254 and the constants that Montgomery arithmetic needs, computed at compile time.

use ark_bn254::{Fq, Fr};
use ark_ff::{BigInt, PrimeField};

/// A prime of 254 bits: 2^253 < p < 2^254, so that 5p < 2^256 and 84p < 2^260.
pub(crate) trait Modulus: Copy + Send + Sync + 'static {
    /// The field, as arkworks has it.
    type Field: PrimeField<BigInt = BigInt<4>>;
    /// The prime, little-endian limbs of 64 bits.
    const P: [u64; 4];
    /// The same in limbs of 52 bits.
    const P52: [u64; 5] = limbs52(Self::P);
    /// -1/p modulo 2^64; its low 52 bits are -1/p modulo 2^52.
    const MINUS_INVERSE: u64 = minus_inverse(Self::P[0]);
    /// The element whose Montgomery form, R = 2^256, is this number below the prime.
    fn raw(limbs: [u64; 4]) -> Self::Field;
    /// The Montgomery form of an element.
    fn limbs(value: &Self::Field) -> [u64; 4];
}

/// Coordinates of the curve.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base;

/// Scalars, and the field of the transforms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order;

impl Modulus for Base {
    type Field = Fq;
    const P: [u64; 4] = Fq::MODULUS.0;

    #[inline(always)]
    fn raw(limbs: [u64; 4]) -> Fq {
        Fq::new_unchecked(BigInt::new(limbs))
    }

    #[inline(always)]
    fn limbs(value: &Fq) -> [u64; 4] {
        value.0.0
    }
}

impl Modulus for Order {
    type Field = Fr;
    const P: [u64; 4] = Fr::MODULUS.0;

    #[inline(always)]
    fn raw(limbs: [u64; 4]) -> Fr {
        Fr::new_unchecked(BigInt::new(limbs))
    }

    #[inline(always)]
    fn limbs(value: &Fr) -> [u64; 4] {
        value.0.0
    }
}

/// The low 52 bits.
pub(crate) const MASK52: u64 = (1 << 52) - 1;

/// A number below 2^256 in limbs of 52 bits.
pub(crate) const fn limbs52(n: [u64; 4]) -> [u64; 5] {
    [
        n[0] & MASK52,
        (n[0] >> 52 | n[1] << 12) & MASK52,
        (n[1] >> 40 | n[2] << 24) & MASK52,
        (n[2] >> 28 | n[3] << 36) & MASK52,
        n[3] >> 16,
    ]
}

/// A number in normalised limbs of 52 bits, whose value is below 2^256, in limbs of 64 bits.
pub(crate) const fn limbs64(n: [u64; 5]) -> [u64; 4] {
    [
        n[0] | n[1] << 52,
        n[1] >> 12 | n[2] << 40,
        n[2] >> 24 | n[3] << 28,
        n[3] >> 36 | n[4] << 16,
    ]
}

/// `factor * n` in limbs of 52 bits; it must be below 2^260.
pub(crate) const fn times52(n: [u64; 5], factor: u64) -> [u64; 5] {
    let mut out = [0; 5];
    let mut carry = 0u128;
    let mut limb = 0;
    while limb < 5 {
        let sum = n[limb] as u128 * factor as u128 + carry;
        out[limb] = (sum as u64) & MASK52;
        carry = sum >> 52;
        limb += 1;
    }
    assert!(carry == 0, "the multiple does not fit in 260 bits");
    out
}

/// `2^260 - n` in limbs of 52 bits.
pub(crate) const fn complement52(n: [u64; 5]) -> [u64; 5] {
    let mut out = [0; 5];
    let mut carry = 1;
    let mut limb = 0;
    while limb < 5 {
        let sum = (MASK52 - n[limb]) + carry;
        out[limb] = sum & MASK52;
        carry = sum >> 52;
        limb += 1;
    }
    out
}

/// `factor * n^2` in ten limbs of 52 bits.
pub(crate) const fn square_times(n: [u64; 5], factor: u64) -> [u64; 10] {
    let scaled = times52(n, factor / 8);
    let mut out = [0u128; 11];
    let mut i = 0;
    while i < 5 {
        let mut j = 0;
        while j < 5 {
            let product = scaled[i] as u128 * (8 * n[j]) as u128;
            out[i + j] += product & MASK52 as u128;
            out[i + j + 1] += product >> 52;
            j += 1;
        }
        i += 1;
    }
    let mut limbs = [0; 10];
    let mut carry = 0;
    let mut limb = 0;
    while limb < 10 {
        let sum = out[limb] + carry;
        limbs[limb] = (sum as u64) & MASK52;
        carry = sum >> 52;
        limb += 1;
    }
    assert!(
        carry == 0 && out[10] == 0,
        "the multiple does not fit in 520 bits"
    );
    limbs
}

/// `2^exponent mod p`.
pub(crate) const fn power_of_two(p: [u64; 4], exponent: u32) -> [u64; 4] {
    let mut value = [1, 0, 0, 0];
    let mut step = 0;
    while step < exponent {
        // value < p < 2^254, so doubling does not overflow.
        value = [
            value[0] << 1,
            value[1] << 1 | value[0] >> 63,
            value[2] << 1 | value[1] >> 63,
            value[3] << 1 | value[2] >> 63,
        ];
        value = subtract_once(value, p);
        step += 1;
    }
    value
}

/// `n - p` if that is not negative, else `n`.
pub(crate) const fn subtract_once(n: [u64; 4], p: [u64; 4]) -> [u64; 4] {
    let mut out = [0; 4];
    let mut borrow = false;
    let mut limb = 0;
    while limb < 4 {
        let (difference, first) = n[limb].overflowing_sub(p[limb]);
        let (difference, second) = difference.overflowing_sub(borrow as u64);
        out[limb] = difference;
        borrow = first | second;
        limb += 1;
    }
    if borrow { n } else { out }
}

/// -1/p modulo 2^64 for odd p, by Newton's iteration: each step doubles the correct bits.
const fn minus_inverse(p: u64) -> u64 {
    let mut inverse: u64 = 1;
    let mut step = 0;
    while step < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(p.wrapping_mul(inverse)));
        step += 1;
    }
    inverse.wrapping_neg()
}
