//! Eight lanes of 5 limbs of 52 bits, Montgomery R = 2^260, in AVX-512 registers.
//!
//! Laws (derivations in `kernels/docs/bounds.md`; p is either prime, 84p < 2^260):
//! - [`Lanes`]: limbs below 2^52, value below 16p.
//! - [`Loose`]: limbs below 2^52, value below 32p.
//! - a product of values below αp and βp is below (αβ/84 + 1)p.
//!
//! A key's element is x 2^256, below p. Shifted left by four bits it is a representation of x 2^260 below 16p: reading a key is
//! a shift, not a multiplication.

use super::inverse::inverse;
use super::modulus::{
    Base, MASK52, Modulus, complement52, limbs52, limbs64, power_of_two, square_times, subtract_once, times52,
};
use super::quadratic::Quadratic;
use super::{Arch, BaseField, Field, Mask, Task};
use std::arch::x86_64::*;
use std::marker::PhantomData;

/// Eight elements below 16p.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Lanes<M>(pub(crate) [__m512i; 5], PhantomData<M>);

/// Eight elements below 32p.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Loose<M>(pub(crate) [__m512i; 5], PhantomData<M>);

/// x86-64 with AVX-512 F, DQ, IFMA, VBMI2. A value of this type exists only where they do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512Ifma(());

impl Avx512Ifma {
    /// If this machine can run it.
    pub(crate) fn detect() -> Option<Self> {
        let supported = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512ifma")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("adx");
        supported.then_some(Self(()))
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma,avx512vbmi2,bmi2,adx")]
fn enter<T: Task>(task: T) -> T::Output {
    task.run()
}

impl Arch for Avx512Ifma {
    const NAME: &'static str = "avx512ifma";
    type Fq = Lanes<Base>;
    type Fq2 = Quadratic<Lanes<Base>>;
    type Octet = crate::ntt::ifma::Eight;

    fn run<T: Task>(self, task: T) -> T::Output {
        // SAFETY: a value of this type is only made where the instructions were detected.
        unsafe { enter(task) }
    }
}

// Every function below is inlined into `enter`. The intrinsics are safe there; the `unsafe` blocks that name them all have
// this one reason: `Lanes` values are only computed with in tasks of `Avx512Ifma::run`.

/// The same number in all lanes.
#[inline(always)]
pub(crate) fn splat(value: u64) -> __m512i {
    // SAFETY: see above. The cast keeps the bits.
    unsafe { _mm512_set1_epi64(value.cast_signed()) }
}

#[inline(always)]
pub(crate) fn splat5(limbs: [u64; 5]) -> [__m512i; 5] {
    limbs.map(splat)
}

/// Brings limbs, which may be negative or above 2^52 as signed integers of 64 bits, below 2^52. The value must be in [0, 2^260).
#[inline(always)]
pub(crate) fn carry(l: [__m512i; 5]) -> [__m512i; 5] {
    let [l0, l1, l2, l3, l4] = carry_signed(l);
    // SAFETY: see above.
    [l0, l1, l2, l3, unsafe { _mm512_and_si512(l4, splat(MASK52)) }]
}

/// The low halves: `acc + low52(a * b)`.
#[inline(always)]
pub(crate) fn low(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_madd52lo_epu64(acc, a, b) }
}

/// The high halves: `acc + high52(a * b)`.
#[inline(always)]
pub(crate) fn high(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_madd52hi_epu64(acc, a, b) }
}

#[inline(always)]
pub(crate) fn add(a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_add_epi64(a, b) }
}

#[inline(always)]
pub(crate) fn sub(a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_sub_epi64(a, b) }
}

/// Ten accumulators of a product before its reduction; each is below 2^56.
#[derive(Clone, Copy)]
pub(crate) struct Wide(pub(crate) [__m512i; 10]);

/// `a * b`, limb by limb.
#[inline(always)]
pub(crate) fn product(a: &[__m512i; 5], b: &[__m512i; 5]) -> Wide {
    let zero = splat(0);
    let mut t = [zero; 10];
    for i in 0..5 {
        for j in 0..5 {
            t[i + j] = low(t[i + j], a[i], b[j]);
            t[i + j + 1] = high(t[i + j + 1], a[i], b[j]);
        }
    }
    Wide(t)
}

/// `a^2`: the products off the diagonal once, doubled.
#[inline(always)]
pub(crate) fn product_square(a: &[__m512i; 5]) -> Wide {
    let zero = splat(0);
    let mut t = [zero; 10];
    for i in 0..5 {
        for j in i + 1..5 {
            t[i + j] = low(t[i + j], a[i], a[j]);
            t[i + j + 1] = high(t[i + j + 1], a[i], a[j]);
        }
    }
    for limb in &mut t {
        *limb = add(*limb, *limb);
    }
    for i in 0..5 {
        t[2 * i] = low(t[2 * i], a[i], a[i]);
        t[2 * i + 1] = high(t[2 * i + 1], a[i], a[i]);
    }
    Wide(t)
}

/// Montgomery's reduction: the value over 2^260 modulo p, below value/2^260 + p, limbs not normalised. Limbs may be negative;
/// the value must not.
#[inline(always)]
pub(crate) fn reduce_wide<M: Modulus>(Wide(mut t): Wide) -> [__m512i; 5] {
    let p = splat5(M::P52);
    let factor = splat(M::MINUS_INVERSE & MASK52);
    let zero = splat(0);
    for i in 0..5 {
        let q = low(zero, t[i], factor);
        t[i] = low(t[i], q, p[0]);
        t[i + 1] = high(t[i + 1], q, p[0]);
        // SAFETY: see above. The low 52 bits of t[i] are zero now.
        t[i + 1] = add(t[i + 1], unsafe { _mm512_srai_epi64::<52>(t[i]) });
        for j in 1..5 {
            t[i + j] = low(t[i + j], q, p[j]);
            t[i + j + 1] = high(t[i + j + 1], q, p[j]);
        }
    }
    [t[5], t[6], t[7], t[8], t[9]]
}

/// The Montgomery product, operand by operand: products and reduction interleaved, so that few accumulators live at a time.
#[inline(always)]
pub(crate) fn montgomery<M: Modulus>(a: &[__m512i; 5], b: &[__m512i; 5]) -> [__m512i; 5] {
    let p = splat5(M::P52);
    let factor = splat(M::MINUS_INVERSE & MASK52);
    let zero = splat(0);
    let mut t = [zero; 6];
    for i in 0..5 {
        for j in 0..5 {
            t[j] = low(t[j], a[i], b[j]);
        }
        let q = low(zero, t[0], factor);
        for j in 0..5 {
            t[j + 1] = high(t[j + 1], a[i], b[j]);
        }
        t[0] = low(t[0], q, p[0]);
        for j in 1..5 {
            t[j] = low(t[j], q, p[j]);
        }
        for j in 0..5 {
            t[j + 1] = high(t[j + 1], q, p[j]);
        }
        // SAFETY: see above. The low 52 bits of t[0] are zero now.
        let carry = unsafe { _mm512_srli_epi64::<52>(t[0]) };
        t = [add(t[1], carry), t[2], t[3], t[4], t[5], zero];
    }
    carry([t[0], t[1], t[2], t[3], t[4]])
}

/// Subtracts the multiple of p that the highest limb tells: a value in [0, 70p), limbs signed and not normalised, comes below 2p.
#[inline(always)]
pub(crate) fn reduce_small<M: Modulus>(l: [__m512i; 5]) -> [__m512i; 5] {
    // 84 (p4 + 1) <= 2^52 where p4 is the highest limb of p: the quotient is never too large, and short by less than 2.
    const {
        assert!(84 * (M::P52[4] + 1) <= 1 << 52);
    }
    let quotient = high(splat(0), l[4], splat(84));
    let minus = splat5(const { complement52(M::P52) });
    let mut t = l;
    for j in 0..5 {
        t[j] = low(t[j], quotient, minus[j]);
    }
    for j in 0..4 {
        t[j + 1] = high(t[j + 1], quotient, minus[j]);
    }
    // The multiple of 2^260 that came with the complement falls off the highest limb.
    carry(t)
}

impl<M: Modulus> Lanes<M> {
    #[inline(always)]
    pub(crate) fn from_limbs(limbs: [__m512i; 5]) -> Self {
        Self(limbs, PhantomData)
    }

    /// Canonical values below p, in normalised limbs.
    #[inline(always)]
    pub(crate) fn canonical(self) -> [__m512i; 5] {
        let once = reduce_small::<M>(self.0);
        let p = splat5(M::P52);
        let minus = carry_signed([
            sub(once[0], p[0]),
            sub(once[1], p[1]),
            sub(once[2], p[2]),
            sub(once[3], p[3]),
            sub(once[4], p[4]),
        ]);
        // SAFETY: see above.
        unsafe {
            let negative = _mm512_movepi64_mask(minus[4]);
            let mut out = minus;
            for limb in 0..5 {
                out[limb] = _mm512_mask_mov_epi64(minus[limb], negative, once[limb]);
            }
            out
        }
    }

    /// Lane by lane in memory, limb-sliced.
    #[inline(always)]
    pub(crate) fn to_arrays(limbs: [__m512i; 5]) -> [[u64; 8]; 5] {
        // SAFETY: both are 320 bytes of integers.
        unsafe { std::mem::transmute::<[__m512i; 5], [[u64; 8]; 5]>(limbs) }
    }

    /// The element of each lane in the key's form: below p, times 2^256.
    #[inline(always)]
    fn key_form(self) -> [__m512i; 5] {
        // x 2^260 * 2^256 / 2^260 = x 2^256.
        let factor = splat5(const { limbs52(power_of_two(M::P, 256)) });
        Self::from_limbs(montgomery::<M>(&self.0, &factor)).canonical()
    }
}

/// As [`carry`], for values that may be negative: the highest limb keeps its sign.
#[inline(always)]
fn carry_signed(l: [__m512i; 5]) -> [__m512i; 5] {
    // SAFETY: see above.
    unsafe {
        let mask = splat(MASK52);
        let l1 = _mm512_add_epi64(l[1], _mm512_srai_epi64::<52>(l[0]));
        let l2 = _mm512_add_epi64(l[2], _mm512_srai_epi64::<52>(l1));
        let l3 = _mm512_add_epi64(l[3], _mm512_srai_epi64::<52>(l2));
        let l4 = _mm512_add_epi64(l[4], _mm512_srai_epi64::<52>(l3));
        [
            _mm512_and_si512(l[0], mask),
            _mm512_and_si512(l1, mask),
            _mm512_and_si512(l2, mask),
            _mm512_and_si512(l3, mask),
            l4,
        ]
    }
}

/// Eight rows of eight words, transposed.
#[inline(always)]
pub(crate) fn transpose(r: [__m512i; 8]) -> [__m512i; 8] {
    // SAFETY: see above.
    unsafe {
        let mut t = r;
        for i in 0..4 {
            t[2 * i] = _mm512_unpacklo_epi64(r[2 * i], r[2 * i + 1]);
            t[2 * i + 1] = _mm512_unpackhi_epi64(r[2 * i], r[2 * i + 1]);
        }
        // t[2i] has words 0 2 4 6 of rows 2i and 2i+1, t[2i+1] words 1 3 5 7; each 128-bit block is one word of both rows.
        let mut u = t;
        for (half, parity) in [(0, 0), (0, 1), (4, 0), (4, 1)] {
            let (a, b) = (t[half + parity], t[half + 2 + parity]);
            // Blocks 0 and 2 of both, then blocks 1 and 3 of both.
            u[half + parity] = _mm512_shuffle_i64x2::<0b10_00_10_00>(a, b);
            u[half + 2 + parity] = _mm512_shuffle_i64x2::<0b11_01_11_01>(a, b);
        }
        let mut out = r;
        for i in 0..4 {
            // i = 0: words 0 and 4; 1: words 1 and 5; 2: words 2 and 6; 3: words 3 and 7.
            let (a, b) = (u[i], u[i + 4]);
            out[i] = _mm512_shuffle_i64x2::<0b10_00_10_00>(a, b);
            out[i + 4] = _mm512_shuffle_i64x2::<0b11_01_11_01>(a, b);
        }
        out
    }
}

/// Four words of each lane, a number below p, shifted left by four bits into limbs of 52 bits.
#[inline(always)]
pub(crate) fn read_words(w: [__m512i; 4]) -> [__m512i; 5] {
    // SAFETY: see above.
    unsafe {
        let mask = splat(MASK52);
        [
            _mm512_and_si512(_mm512_slli_epi64::<4>(w[0]), mask),
            _mm512_and_si512(_mm512_shrdi_epi64::<48>(w[0], w[1]), mask),
            _mm512_and_si512(_mm512_shrdi_epi64::<36>(w[1], w[2]), mask),
            _mm512_and_si512(_mm512_shrdi_epi64::<24>(w[2], w[3]), mask),
            _mm512_srli_epi64::<12>(w[3]),
        ]
    }
}

/// Normalised limbs of 52 bits of numbers below 2^256 as four words.
#[inline(always)]
pub(crate) fn write_words(l: [__m512i; 5]) -> [__m512i; 4] {
    // SAFETY: see above.
    unsafe {
        [
            _mm512_or_si512(l[0], _mm512_slli_epi64::<52>(l[1])),
            _mm512_or_si512(_mm512_srli_epi64::<12>(l[1]), _mm512_slli_epi64::<40>(l[2])),
            _mm512_or_si512(_mm512_srli_epi64::<24>(l[2]), _mm512_slli_epi64::<28>(l[3])),
            _mm512_or_si512(_mm512_srli_epi64::<36>(l[3]), _mm512_slli_epi64::<16>(l[4])),
        ]
    }
}

impl<M: Modulus> Field for Lanes<M> {
    const LANES: usize = 8;
    const BYTES: usize = 32;
    type Scalar = M::Field;
    type Loose = Loose<M>;

    #[inline(always)]
    fn one() -> Self {
        Self::from_limbs(splat5(const { limbs52(power_of_two(M::P, 260)) }))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::from_limbs(montgomery::<M>(&self.0, &other.0))
    }

    #[inline(always)]
    fn mul_loose(self, other: Loose<M>) -> Self {
        Self::from_limbs(montgomery::<M>(&self.0, &other.0))
    }

    #[inline(always)]
    fn square(self) -> Self {
        Self::from_limbs(carry(reduce_wide::<M>(product_square(&self.0))))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Loose<M> {
        let plus = splat5(const { times52(M::P52, 16) });
        let mut l = self.0;
        for i in 0..5 {
            l[i] = sub(add(self.0[i], plus[i]), other.0[i]);
        }
        Loose(carry(l), PhantomData)
    }

    #[inline(always)]
    fn sub_reduced(self, other: Self) -> Self {
        let plus = splat5(const { times52(M::P52, 17) });
        let mut l = self.0;
        for i in 0..5 {
            l[i] = sub(add(self.0[i], plus[i]), other.0[i]);
        }
        Self::from_limbs(reduce_small::<M>(l))
    }

    #[inline(always)]
    fn sub_sum(self, a: Self, b: Self) -> Self {
        let plus = splat5(const { times52(M::P52, 33) });
        let mut l = self.0;
        for i in 0..5 {
            l[i] = sub(add(self.0[i], plus[i]), add(a.0[i], b.0[i]));
        }
        Self::from_limbs(reduce_small::<M>(l))
    }

    #[inline(always)]
    fn double(self) -> Loose<M> {
        let mut l = self.0;
        for i in 0..5 {
            l[i] = add(l[i], l[i]);
        }
        Loose(carry(l), PhantomData)
    }

    #[inline(always)]
    fn triple(self) -> Self {
        let mut l = self.0;
        for i in 0..5 {
            l[i] = add(l[i], add(l[i], l[i]));
        }
        Self::from_limbs(reduce_small::<M>(l))
    }

    #[inline(always)]
    fn negate_where(self, mask: Mask) -> Self {
        let plus = splat5(const { times52(M::P52, 16) });
        let mut l = self.0;
        // SAFETY: see above.
        unsafe {
            for i in 0..5 {
                l[i] = _mm512_mask_sub_epi64(l[i], mask, plus[i], l[i]);
            }
        }
        Self::from_limbs(carry(l))
    }

    #[inline(always)]
    fn zero_lanes(value: Loose<M>) -> Mask {
        let l = Self::from_limbs(value.0).canonical();
        // SAFETY: see above.
        unsafe {
            let any = _mm512_or_si512(
                _mm512_or_si512(_mm512_or_si512(l[0], l[1]), _mm512_or_si512(l[2], l[3])),
                l[4],
            );
            _mm512_testn_epi64_mask(any, any)
        }
    }

    #[inline(always)]
    fn loose(self) -> Loose<M> {
        Loose(self.0, PhantomData)
    }

    #[inline(always)]
    fn select(mask: Mask, a: Loose<M>, b: Loose<M>) -> Loose<M> {
        let mut l = b.0;
        // SAFETY: see above.
        unsafe {
            for i in 0..5 {
                l[i] = _mm512_mask_mov_epi64(b.0[i], mask, a.0[i]);
            }
        }
        Loose(l, PhantomData)
    }

    #[inline(always)]
    fn lane(self, index: usize) -> M::Field {
        let arrays = Self::to_arrays(self.0);
        let limbs = reduce_once(arrays.map(|limb| limb[index]), M::P52);
        let canonical = subtract_once(limbs64(limbs), M::P);
        // x 2^260 * 2^252 / 2^256 = x 2^256, which is what arkworks keeps.
        M::raw(canonical) * M::raw(const { power_of_two(M::P, 252) })
    }

    fn invert_lane(value: M::Field) -> Option<M::Field> {
        inverse::<M>(value)
    }

    #[inline(always)]
    fn splat(value: M::Field) -> Self {
        // x 2^256 * 2^260 / 2^256 = x 2^260.
        let value = value * M::raw(const { power_of_two(M::P, 260) });
        Self::from_limbs(splat5(limbs52(M::limbs(&value))))
    }

    #[inline(always)]
    fn swap_lanes(self, distance: usize) -> Self {
        // SAFETY: see above.
        Self::from_limbs(self.0.map(|limb| unsafe {
            match distance {
                1 => _mm512_permutex_epi64::<0b10_11_00_01>(limb),
                2 => _mm512_permutex_epi64::<0b01_00_11_10>(limb),
                _ => _mm512_shuffle_i64x2::<0b01_00_11_10>(limb, limb),
            }
        }))
    }

    #[inline(always)]
    fn copy_lane(self, from: usize, to: Mask) -> Self {
        let arrays = Self::to_arrays(self.0);
        let mut limb = 0;
        Self::from_limbs(self.0.map(|value| {
            let copy = splat(arrays[limb][from]);
            limb += 1;
            // SAFETY: see above.
            unsafe { _mm512_mask_mov_epi64(value, to, copy) }
        }))
    }

    #[inline(always)]
    unsafe fn load_points(points: &[*const u8; 8]) -> (Self, Self) {
        // SAFETY: the caller gives pointers to 64 readable bytes.
        let rows = points.map(|point| unsafe { _mm512_loadu_si512(point.cast()) });
        let [x0, x1, x2, x3, y0, y1, y2, y3] = transpose(rows);
        (
            Self::from_limbs(read_words([x0, x1, x2, x3])),
            Self::from_limbs(read_words([y0, y1, y2, y3])),
        )
    }

    #[inline(always)]
    unsafe fn store_points(x: Self, y: Self, points: &[*mut u8; 8]) {
        let [x0, x1, x2, x3] = write_words(x.key_form());
        let [y0, y1, y2, y3] = write_words(y.key_form());
        for (row, point) in transpose([x0, x1, x2, x3, y0, y1, y2, y3]).iter().zip(points) {
            // SAFETY: the caller gives pointers to 64 writable bytes.
            unsafe { _mm512_storeu_si512(point.cast(), *row) };
        }
    }
}

impl<M: Modulus> BaseField for Lanes<M> {
    /// Karatsuba on whole products: three products, two reductions. Each result is below (2 * 16 * 32 / 84 + 1)p < 14p.
    #[inline(always)]
    fn mul_complex([a0, a1]: [Self; 2], [b0, b1]: [Loose<M>; 2]) -> [Self; 2] {
        let mut a = a0.0;
        let mut b = b0.0;
        for i in 0..5 {
            a[i] = add(a0.0[i], a1.0[i]);
            b[i] = add(b0.0[i], b1.0[i]);
        }
        let real = product(&a0.0, &b0.0).0;
        let other = product(&a1.0, &b1.0).0;
        let mut imaginary = product(&carry(a), &carry(b)).0;
        // a1 b1 < 512 p^2.
        let plus = const { square_times(M::P52, 512) };
        let mut c0 = real;
        for i in 0..10 {
            imaginary[i] = sub(imaginary[i], add(real[i], other[i]));
            c0[i] = sub(add(real[i], splat(plus[i])), other[i]);
        }
        [
            Self::from_limbs(carry(reduce_wide::<M>(Wide(c0)))),
            Self::from_limbs(carry(reduce_wide::<M>(Wide(imaginary)))),
        ]
    }

    /// (a0 + a1)(a0 - a1) and 2 a0 a1, below (32 * 32 / 84 + 1)p < 14p.
    #[inline(always)]
    fn square_complex([a0, a1]: [Self; 2]) -> [Self; 2] {
        let mut sum = a0.0;
        for i in 0..5 {
            sum[i] = add(a0.0[i], a1.0[i]);
        }
        [
            Self::from_limbs(montgomery::<M>(&carry(sum), &a0.sub(a1).0)),
            a1.mul_loose(a0.double()),
        ]
    }
}

/// A value below 84p in normalised limbs, brought below 2p: as [`reduce_small`], one lane.
fn reduce_once(l: [u64; 5], p: [u64; 5]) -> [u64; 5] {
    let quotient = (u128::from(l[4]) * 84 >> 52) as u64;
    let minus = complement52(p);
    let mut out = [0; 5];
    let mut carry = 0u128;
    for j in 0..5 {
        let sum = u128::from(l[j]) + u128::from(quotient) * u128::from(minus[j]) + carry;
        out[j] = (sum as u64) & MASK52;
        carry = sum >> 52;
    }
    out
}
