//! Eight elements in 5 limbs of 52 bits, R = 2^260.
//!
//! Law: as signed integers of 64 bits the limbs are below 2^61 in size, the highest is not negative, and the value is in
//! [0, 84p). Products are prepared: see [`times`]. All bounds are derived in `kernels/docs/ntt.md`.

use super::octet::{Octet, Prime};
use crate::field::ifma::{
    Lanes, add, carry, high, low, montgomery, product, read_words, reduce_small, reduce_wide, splat, splat5,
    sub, transpose, write_words,
};
use crate::field::modulus::{MASK52, Modulus, limbs52, power_of_two, times52};
use std::arch::x86_64::{
    __m512i, _mm512_and_si512, _mm512_permutex2var_epi64, _mm512_setr_epi64, _mm512_shrdi_epi64,
    _mm512_shuffle_i64x2, _mm512_srai_epi64, _mm512_srli_epi64,
};

/// See the module.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Eight([__m512i; 5]);

/// Row i holds the limbs of w 2^(52 (i + 1)) mod p.
pub(crate) type Factor = [[u64; 5]; 5];

// As in `field::ifma`: the `unsafe` blocks name instructions that are there, since elements of this type are only computed with
// in tasks of `Avx512Ifma::run`.

/// Makes the low 52 bits of each limb those of the value, for operands of the multiplication, which looks at no others.
#[inline(always)]
fn carry_low(l: [__m512i; 5]) -> [__m512i; 5] {
    // SAFETY: see above.
    unsafe {
        let l1 = add(l[1], _mm512_srai_epi64::<52>(l[0]));
        let l2 = add(l[2], _mm512_srai_epi64::<52>(l1));
        let l3 = add(l[3], _mm512_srai_epi64::<52>(l2));
        let l4 = add(l[4], _mm512_srai_epi64::<52>(l3));
        [l[0], l1, l2, l3, l4]
    }
}

/// The last step of a prepared product: six limbs over 2^52 modulo p.
#[inline(always)]
fn reduce_limb(mut t: [__m512i; 6]) -> [__m512i; 5] {
    let p = splat5(Prime::P52);
    let q = low(splat(0), t[0], splat(Prime::MINUS_INVERSE & MASK52));
    t[0] = low(t[0], q, p[0]);
    t[1] = high(t[1], q, p[0]);
    // SAFETY: see above. The low 52 bits of t[0] are zero now.
    t[1] = add(t[1], unsafe { _mm512_srli_epi64::<52>(t[0]) });
    for j in 1..5 {
        t[j] = low(t[j], q, p[j]);
        t[j + 1] = high(t[j + 1], q, p[j]);
    }
    [t[1], t[2], t[3], t[4], t[5]]
}

/// `b w` below 6p: each limb of b times its own row of the factor is a sum of six limbs, and one limb of Montgomery's
/// reduction brings it back to five: 61 multiplications instead of 105. Limbs are below 12 * 2^52, none negative.
#[inline(always)]
fn times(b: [__m512i; 5], factor: &Factor) -> [__m512i; 5] {
    let b = carry_low(b);
    let mut t = [splat(0); 6];
    for j in 0..5 {
        for i in 0..5 {
            let limb = splat(factor[i][j]);
            t[j] = low(t[j], b[i], limb);
            t[j + 1] = high(t[j + 1], b[i], limb);
        }
    }
    reduce_limb(t)
}

/// As [`times`], with a factor for each lane.
#[inline(always)]
fn times_each(b: [__m512i; 5], factor: &[[__m512i; 5]; 5]) -> [__m512i; 5] {
    let b = carry_low(b);
    let mut t = [splat(0); 6];
    for j in 0..5 {
        for i in 0..5 {
            t[j] = low(t[j], b[i], factor[i][j]);
            t[j + 1] = high(t[j + 1], b[i], factor[i][j]);
        }
    }
    reduce_limb(t)
}

/// `a + t`, `a - t + bound`: the limbs of t are not negative and its value is below the bound, so neither is the highest limb
/// of the difference.
#[inline(always)]
fn both(a: [__m512i; 5], t: [__m512i; 5], bound: [u64; 5]) -> (Eight, Eight) {
    let (mut sum, mut difference) = (a, a);
    for j in 0..5 {
        sum[j] = add(a[j], t[j]);
        difference[j] = sub(add(a[j], splat(bound[j])), t[j]);
    }
    (Eight(sum), Eight(difference))
}

/// Rows of the factor of `w`, normalised limbs below 84p.
#[inline(always)]
fn rows(w: [__m512i; 5]) -> [[__m512i; 5]; 5] {
    let constants = const {
        [
            limbs52(power_of_two(Prime::P, 52)),
            limbs52(power_of_two(Prime::P, 104)),
            limbs52(power_of_two(Prime::P, 156)),
            limbs52(power_of_two(Prime::P, 208)),
            limbs52(power_of_two(Prime::P, 260)),
        ]
    };
    let mut rows = [w; 5];
    for i in 0..5 {
        // w 2^260 * 2^(52 (i + 1)) / 2^260
        rows[i] = Lanes::<Prime>::from_limbs(montgomery::<Prime>(&w, &splat5(constants[i]))).canonical();
    }
    rows
}

/// Eight elements of four words, two to a register, as four words of eight lanes.
#[inline(always)]
fn to_lanes([e01, e23, e45, e67]: [__m512i; 4]) -> [__m512i; 4] {
    // SAFETY: see above.
    unsafe {
        let first = _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13);
        let second = _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15);
        // Words 0 and 1, then words 2 and 3, of four elements.
        let low = [
            _mm512_permutex2var_epi64(e01, first, e23),
            _mm512_permutex2var_epi64(e45, first, e67),
        ];
        let high = [
            _mm512_permutex2var_epi64(e01, second, e23),
            _mm512_permutex2var_epi64(e45, second, e67),
        ];
        [
            _mm512_shuffle_i64x2::<0b01_00_01_00>(low[0], low[1]),
            _mm512_shuffle_i64x2::<0b11_10_11_10>(low[0], low[1]),
            _mm512_shuffle_i64x2::<0b01_00_01_00>(high[0], high[1]),
            _mm512_shuffle_i64x2::<0b11_10_11_10>(high[0], high[1]),
        ]
    }
}

/// The inverse of [`to_lanes`].
#[inline(always)]
fn to_elements([w0, w1, w2, w3]: [__m512i; 4]) -> [__m512i; 4] {
    // SAFETY: see above.
    unsafe {
        let first = _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13);
        let second = _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15);
        // Lanes 0 to 3, then lanes 4 to 7, of two words.
        let low = [
            _mm512_shuffle_i64x2::<0b01_00_01_00>(w0, w1),
            _mm512_shuffle_i64x2::<0b01_00_01_00>(w2, w3),
        ];
        let high = [
            _mm512_shuffle_i64x2::<0b11_10_11_10>(w0, w1),
            _mm512_shuffle_i64x2::<0b11_10_11_10>(w2, w3),
        ];
        [
            _mm512_permutex2var_epi64(low[0], first, low[1]),
            _mm512_permutex2var_epi64(low[0], second, low[1]),
            _mm512_permutex2var_epi64(high[0], first, high[1]),
            _mm512_permutex2var_epi64(high[0], second, high[1]),
        ]
    }
}

/// Words of eight lanes in limbs.
#[inline(always)]
fn limbs(w: [__m512i; 4]) -> [__m512i; 5] {
    // SAFETY: see above.
    unsafe {
        let mask = splat(MASK52);
        [
            _mm512_and_si512(w[0], mask),
            _mm512_and_si512(_mm512_shrdi_epi64::<52>(w[0], w[1]), mask),
            _mm512_and_si512(_mm512_shrdi_epi64::<40>(w[1], w[2]), mask),
            _mm512_and_si512(_mm512_shrdi_epi64::<28>(w[2], w[3]), mask),
            _mm512_srli_epi64::<16>(w[3]),
        ]
    }
}

/// `p - n`.
const fn minus(n: [u64; 4]) -> [u64; 4] {
    let mut out = [0; 4];
    let mut borrow = false;
    let mut word = 0;
    while word < 4 {
        let (difference, first) = Prime::P[word].overflowing_sub(n[word]);
        let (difference, second) = difference.overflowing_sub(borrow as u64);
        out[word] = difference;
        borrow = first | second;
        word += 1;
    }
    out
}

impl Octet for Eight {
    const RADIX: u32 = 260;
    const LIMIT: u32 = 84;
    const GROWTH: u32 = 6;
    const LOADED: u32 = 16;
    // 84 * 2 / 84 + 1
    const SCALED: u32 = 3;
    const SETTLED: u32 = 2;

    type Factor = Factor;
    type Packed = [__m512i; 4];

    #[inline(always)]
    fn load(elements: [__m512i; 4]) -> Self {
        Self(read_words(to_lanes(elements)))
    }

    #[inline(always)]
    fn zero() -> Self {
        Self([splat(0); 5])
    }

    #[inline(always)]
    fn numbers(self) -> [__m512i; 4] {
        to_elements(write_words(Lanes::<Prime>::from_limbs(self.0).canonical()))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(montgomery::<Prime>(&carry_low(self.0), &carry_low(other.0)))
    }

    #[inline(always)]
    fn mul_packed(self, multiplier: Self) -> [__m512i; 4] {
        // Below 3p, hence below 2^256.
        write_words(self.mul(multiplier).0)
    }

    #[inline(always)]
    fn pack(self) -> [__m512i; 4] {
        write_words(self.settle().0)
    }

    #[inline(always)]
    fn unpack(packed: [__m512i; 4]) -> Self {
        Self(limbs(packed))
    }

    #[inline(always)]
    fn numerator(a: Self, b: Self, c: Self) -> [__m512i; 4] {
        // ((x 2^130)(y 2^130) - (z 2^130) 2^130) / 2^260 = x y - z, below (2 * 84 + 84) / 84 + 1 primes.
        let minus_root = splat5(const { limbs52(minus(power_of_two(Prime::P, 130))) });
        let mut sum = product(&a.settle().0, &carry_low(b.0));
        let other = product(&carry_low(c.0), &minus_root);
        for i in 0..10 {
            sum.0[i] = add(sum.0[i], other.0[i]);
        }
        Self(reduce_wide::<Prime>(sum)).numbers()
    }

    #[inline(always)]
    fn settle(self) -> Self {
        Self(reduce_small::<Prime>(self.0))
    }

    #[inline(always)]
    fn butterfly(a: Self, b: Self, f: &Factor) -> (Self, Self) {
        both(a.0, times(b.0, f), const { times52(Prime::P52, 6) })
    }

    #[inline(always)]
    fn sum_and_difference(a: Self, b: Self) -> (Self, Self) {
        both(a.0, b.settle().0, const { times52(Prime::P52, 2) })
    }

    #[inline(always)]
    fn factors(self) -> [Factor; 8] {
        let rows = rows(carry(self.0));
        let mut out = [[[0; 5]; 5]; 8];
        for i in 0..5 {
            let lanes = Lanes::<Prime>::to_arrays(rows[i]);
            for j in 0..5 {
                for lane in 0..8 {
                    out[lane][i][j] = lanes[j][lane];
                }
            }
        }
        out
    }

    #[inline(always)]
    fn series(start: Self, ratio: Self, out: &mut [Self]) {
        let mut next = start.settle();
        let mut step = ratio;
        for value in out.iter_mut().take(8) {
            *value = next;
            next = next.mul(ratio).settle();
        }
        for _ in 0..3 {
            step = step.mul(step);
        }
        let step = rows(step.0);
        for i in 8..out.len() {
            out[i] = Self(times_each(out[i - 8].0, &step)).settle();
        }
    }

    #[inline(always)]
    fn transpose(rows: [[__m512i; 4]; 8]) -> [[__m512i; 4]; 8] {
        let mut out = rows;
        for j in 0..4 {
            let mut word = [rows[0][j]; 8];
            for i in 0..8 {
                word[i] = rows[i][j];
            }
            let word = transpose(word);
            for i in 0..8 {
                out[i][j] = word[i];
            }
        }
        out
    }

    #[inline(always)]
    fn multiply(left: [__m512i; 4], right: [__m512i; 4]) -> [__m512i; 4] {
        // x 2^256 * y 2^260 / 2^260 = x y 2^256
        let product = montgomery::<Prime>(&limbs(to_lanes(left)), &Self::load(right).0);
        Self(product).numbers()
    }

    #[inline(always)]
    fn canonical(elements: [__m512i; 4]) -> [__m512i; 4] {
        // x 2^260 * 1 / 2^260 = x
        Self(montgomery::<Prime>(
            &Self::load(elements).0,
            &splat5([1, 0, 0, 0, 0]),
        ))
        .numbers()
    }
}
