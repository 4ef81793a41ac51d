//! Eight elements one after the other, in 4 limbs of 64 bits, R = 2^256.
//!
//! Law: values are below 2^256, that is 5.28p. Products are prepared: see [`times`]. All bounds are derived in
//! `kernels/docs/ntt.md`.

use super::octet::{Octet, Prime};
use crate::field::modulus::{Modulus, power_of_two, subtract_once};
use crate::field::portable::{add_words, montgomery, multiply_add, sub_words};

type Words = [u64; 4];

/// See the module.
#[derive(Clone, Copy)]
pub(crate) struct Eight([Words; 8]);

/// Row i holds the words of w 2^(64 (i + 1)) mod p.
pub(crate) type Factor = [Words; 4];

/// For each value of the highest three bits of a number, the largest multiple of p that is not above it for certain.
const MULTIPLES: [Words; 8] = {
    let mut out = [[0; 4]; 8];
    let mut bits = 0;
    while bits < 8 {
        // The largest k with k p <= bits 2^253, by comparing with k p's words.
        let mut next = add_const(out[bits], Prime::P);
        while next[3] < (bits as u64) << 61 {
            out[bits] = next;
            next = add_const(next, Prime::P);
        }
        bits += 1;
    }
    out
};

const fn add_const(a: Words, b: Words) -> Words {
    let mut out = [0; 4];
    let mut carry = 0u128;
    let mut word = 0;
    while word < 4 {
        let sum = a[word] as u128 + b[word] as u128 + carry;
        out[word] = sum as u64;
        carry = sum >> 64;
        word += 1;
    }
    assert!(carry == 0, "the multiple does not fit in 256 bits");
    out
}

/// Any number below 2^256, brought below 1.7p.
#[inline(always)]
fn settle(a: Words) -> Words {
    sub_words(a, MULTIPLES[(a[3] >> 61) as usize]).0
}

/// `b w` below 5p, for any b below 2^256: each word of b times its own row of the factor is a sum of five words, and one word of
/// Montgomery's reduction brings it back to four: 21 multiplications instead of 36.
#[inline(always)]
fn times(b: Words, factor: &Factor) -> Words {
    let mut t = [0u64; 5];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 {
            (t[j], carry) = multiply_add(t[j], b[i], factor[i][j], carry);
        }
        t[4] = t[4].wrapping_add(carry);
    }
    let q = t[0].wrapping_mul(Prime::MINUS_INVERSE);
    let (_, mut carry) = multiply_add(t[0], q, Prime::P[0], 0);
    let mut out = [0; 4];
    for j in 1..4 {
        (out[j - 1], carry) = multiply_add(t[j], q, Prime::P[j], carry);
    }
    out[3] = t[4].wrapping_add(carry);
    out
}

/// `a + t` and `a - t`, below 3.4p and 3.7p; the operands are below 1.7p.
#[inline(always)]
fn both(a: Words, t: Words) -> (Words, Words) {
    let twice = const { add_const(Prime::P, Prime::P) };
    (add_words(a, t), sub_words(add_words(a, twice), t).0)
}

#[inline(always)]
fn number(a: Words) -> Words {
    subtract_once(settle(a), Prime::P)
}

impl Octet for Eight {
    const RADIX: u32 = 256;
    // Bounds are kept by each operation.
    const LIMIT: u32 = u32::MAX;
    const GROWTH: u32 = 0;
    const LOADED: u32 = 0;
    const SCALED: u32 = 0;
    const SETTLED: u32 = 0;

    type Factor = Factor;
    type Packed = [Words; 8];

    #[inline(always)]
    fn load(elements: [Words; 8]) -> Self {
        Self(elements)
    }

    #[inline(always)]
    fn zero() -> Self {
        Self([[0; 4]; 8])
    }

    #[inline(always)]
    fn numbers(self) -> [Words; 8] {
        self.0.map(number)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let mut out = self;
        for lane in 0..8 {
            out.0[lane] = montgomery::<Prime>(self.0[lane], settle(other.0[lane]));
        }
        out
    }

    #[inline(always)]
    fn mul_packed(self, multiplier: Self) -> [Words; 8] {
        self.mul(multiplier).0
    }

    #[inline(always)]
    fn pack(self) -> [Words; 8] {
        self.0
    }

    #[inline(always)]
    fn unpack(packed: [Words; 8]) -> Self {
        Self(packed)
    }

    #[inline(always)]
    fn numerator(a: Self, b: Self, c: Self) -> [Words; 8] {
        let mut out = [[0; 4]; 8];
        for lane in 0..8 {
            // (x 2^128)(y 2^128) / 2^256 = x y; z 2^128 * 2^128 / 2^256 = z. Both below 1.7 * 5.3 / 5.28 + 1 < 2.8p.
            let product = montgomery::<Prime>(a.0[lane], settle(b.0[lane]));
            let c = montgomery::<Prime>(c.0[lane], const { power_of_two(Prime::P, 128) });
            let (_, difference) = both(settle(product), settle(c));
            out[lane] = number(difference);
        }
        out
    }

    #[inline(always)]
    fn settle(self) -> Self {
        self
    }

    #[inline(always)]
    fn butterfly(mut a: Self, mut b: Self, f: &Factor) -> (Self, Self) {
        for lane in 0..8 {
            (a.0[lane], b.0[lane]) = both(settle(a.0[lane]), settle(times(b.0[lane], f)));
        }
        (a, b)
    }

    #[inline(always)]
    fn sum_and_difference(mut a: Self, mut b: Self) -> (Self, Self) {
        for lane in 0..8 {
            (a.0[lane], b.0[lane]) = both(settle(a.0[lane]), settle(b.0[lane]));
        }
        (a, b)
    }

    #[inline(always)]
    fn factors(self) -> [Factor; 8] {
        let constants = const {
            [
                power_of_two(Prime::P, 64),
                power_of_two(Prime::P, 128),
                power_of_two(Prime::P, 192),
                power_of_two(Prime::P, 256),
            ]
        };
        let mut out = [[[0; 4]; 4]; 8];
        for lane in 0..8 {
            for i in 0..4 {
                // w 2^256 * 2^(64 (i + 1)) / 2^256
                out[lane][i] = number(montgomery::<Prime>(self.0[lane], constants[i]));
            }
        }
        out
    }

    #[inline(always)]
    fn series(start: Self, ratio: Self, out: &mut [Self]) {
        let factors = ratio.factors();
        let mut next = start;
        for value in out {
            *value = next;
            for lane in 0..8 {
                next.0[lane] = settle(times(next.0[lane], &factors[lane]));
            }
        }
    }

    #[inline(always)]
    fn transpose(rows: [[Words; 8]; 8]) -> [[Words; 8]; 8] {
        let mut out = rows;
        for i in 0..8 {
            for j in 0..8 {
                out[i][j] = rows[j][i];
            }
        }
        out
    }

    #[inline(always)]
    fn multiply(left: [Words; 8], right: [Words; 8]) -> [Words; 8] {
        let mut out = left;
        for lane in 0..8 {
            out[lane] = number(montgomery::<Prime>(left[lane], right[lane]));
        }
        out
    }

    #[inline(always)]
    fn canonical(elements: [Words; 8]) -> [Words; 8] {
        elements.map(|words| number(montgomery::<Prime>(words, [1, 0, 0, 0])))
    }
}
