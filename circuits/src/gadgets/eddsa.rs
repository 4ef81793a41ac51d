//! EdDSA-Poseidon over Baby Jubjub, circomlib's equation: `S B8 = R8 + [8h]A`, `h = P_5(R8x, R8y, Ax, Ay, m)`.
//!
//! **Relation.** `popw_claims::eddsa::verify`, the native twin, and: A is eight times a point of the curve and not the identity.
//!
//! **Cost** (2,538 rows; circomlib 4,217): challenge 321; `[S]B8` 502; key and `Q = 4A` 25; digits and ladder 254 x 6;
//! start, tie and end 12; canonical challenge 144; equation 10. Publishing (R8, S) costs 442 more: digits 126, S in its range 313, ties 3.
//!
//! **How, and why it is sound.**
//! - *Key.* A' is a point of the curve, chosen by the prover; `A = 8A'` by three doublings. A doubling of a point of order two has no
//!   solution, so A' is not of order 1, 2, 4 or 8: A is in the prime-order subgroup and not the identity, whoever wrote the registry.
//! - *`[S]B8`* from 63 odd digits in -15..15 to the base 16, lowest first. A digit's point is any (u, v) of the curve whose u is one of eight
//!   constants (two quartics multiply to 0): the sign of v is the sign of the digit. S itself never appears; any choice of points is a
//!   multiple of B8. The accumulator is `a B8` with `|a| < 16^i` before window i, so it meets `+-d 16^i B8` only if the
//!   order l divides `a +- d 16^i`, whose magnitude is below `16^(i+1) <= 2^248 < l` for i <= 61: impossible. In window 62,
//!   d = +-7 can meet it (l = 6.05 * 2^248): there `u1 != u2` is asserted.
//! - *`[8h]A`* as `[2h]Q`, `Q = 4A`. With `E = h + K`, `K = 12 l - 2^254`, digits `d_i = +-1` for which `sum d_i 2^i = 2E - (2^254 - 1)`
//!   continue the constant start 3Q to `(3 * 2^254 + sum d_i 2^i) Q = (2h + 1 + 24 l) Q = [8h]A + Q`. A digit is given by the wire
//!   `y_i = d_i v(Q)`, fixed up to its sign by one row `y_i^2 = v(Q)^2`; all of them are tied to E by one row scaled by v(Q) (not 0: Q has odd order).
//!   The accumulator is mQ with m odd, `3 <= m`; the formulas fail only where `m = +-1` or `2m +- 1 = 0` mod l, which needs m >= (l - 1)/2, that
//!   is, the first 248 or more bits of E fixed: h is a hash, so the chance is below 2^-240.
//! - *Canonical challenge.* The sum of digits fixes E modulo the field's order only; the true one lies in `[K, K + r)`. Both ends are
//!   compared on the top 100 bits, strictly (an honest h is refused with probability 2^-99).
//! - *R8* is `S B8 - [8h]A` by the complete Edwards addition, hence on the curve, and enters the hash.
//! - *Published S* ([`Verified::assert_published`]). A digit is `v f(u)`, f being the polynomial through `d / v(d)` at the eight u. The sum of digits
//!   is an integer between -2^252 and 2^252, congruent to S mod l. It is asserted to be s or s + l, and s to be below l: integers whose differences are below the
//!   field's order, so s is S, reduced.
//!
//! Source: circomlib `eddsaposeidon.circom` (the equation); windows, digits and the argument are ours.

use super::bits::{assert_below, bits_below, top_bits};
use super::montgomery::{
    Edwards, MONTGOMERY_A, Montgomery, add, coordinates, curve_polynomial, double, double_add, edwards_add,
    to_edwards,
};
use super::poseidon;
use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField, batch_inversion};
use popw_claims::babyjubjub::{Point, PointSum, Scalar, base8};
use popw_claims::eddsa::Signature;
use std::sync::OnceLock;

/// Windows of the fixed base.
const WINDOWS: usize = 63;
/// The window in which the accumulator could meet a table point.
const GUARDED_WINDOW: usize = 62;
/// Digits of the challenge.
const DIGITS: usize = 254;
/// `K = OFFSET_MULTIPLE * l - 2^254`: of the multiples with `0 <= K` and `K + r <= 2^254`, the one with the cheapest comparison.
const OFFSET_MULTIPLE: u64 = 12;

/// A window of the fixed base: the points `d 16^i B8` for d = 1, 3, .., 15, and the two monic quartics (coefficients of
/// 1, u, u^2, u^3) whose roots are their u.
struct Window {
    points: [(Fr, Fr); 8],
    quartics: [[Fr; 4]; 2],
    /// The polynomial in u, lowest first, that is `d / v` at the points.
    magnitudes: [Fr; 8],
}

fn windows() -> &'static [Window] {
    static TABLE: OnceLock<Vec<Window>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut base = base8().into_group();
        (0..WINDOWS)
            .map(|_| {
                let twice = base + base;
                let mut point = base;
                let points = std::array::from_fn(|_| {
                    let affine = point.into_affine();
                    point += twice;
                    // Odd multiples of the base point are never the identity or of order two.
                    coordinates(&affine).unwrap_or_default()
                });
                let quartic = |points: &[(Fr, Fr)]| {
                    let mut monic = vec![Fr::ONE];
                    for (root, _) in points {
                        // multiply by (u - root)
                        monic.insert(0, Fr::ZERO);
                        for i in 0..monic.len() - 1 {
                            let next = monic[i + 1];
                            monic[i] -= next * root;
                        }
                    }
                    [monic[0], monic[1], monic[2], monic[3]]
                };
                let window = Window {
                    points,
                    quartics: [quartic(&points[..4]), quartic(&points[4..])],
                    magnitudes: magnitudes(&points),
                };
                for _ in 0..4 {
                    base = base.double();
                }
                window
            })
            .collect()
    })
}

/// Newton's interpolation of `d / v` at the u of the points for d = 1, 3, .., 15.
fn magnitudes(points: &[(Fr, Fr); 8]) -> [Fr; 8] {
    // No point of a window has v = 0, and no two have the same u.
    let over = |a: Fr, b: Fr| a * b.inverse().unwrap_or_default();
    let mut newton: [Fr; 8] = std::array::from_fn(|i| over(Fr::from(2 * i as u64 + 1), points[i].1));
    for k in 1..8 {
        for i in (k..8).rev() {
            newton[i] = over(newton[i] - newton[i - 1], points[i].0 - points[i - k].0);
        }
    }
    // p = p (u - u_k) + coefficient, from the highest k down.
    let mut coefficients = [Fr::ZERO; 8];
    for (coefficient, (root, _)) in newton.iter().zip(points).rev() {
        for i in (0..8).rev() {
            let below = if i == 0 { *coefficient } else { coefficients[i - 1] };
            coefficients[i] = below - coefficients[i] * root;
        }
    }
    coefficients
}

/// The 63 odd digits, lowest first, of S or S + l, whichever is odd.
fn odd_digits(s: Scalar) -> [i8; WINDOWS] {
    let mut number = s.into_bigint();
    if number.is_even() {
        number.add_with_carry(&Scalar::MODULUS);
    }
    std::array::from_fn(|window| {
        if window + 1 == WINDOWS {
            return low_byte(&number).cast_signed();
        }
        let digit = (low_byte(&number) & 31).cast_signed() - 16;
        number >>= 4;
        // number was 16 q + low; the digit is low' - 16 with low' = low or low + 16: the quotient is q or q + 1, whichever is odd.
        number.0[0] |= 1;
        digit
    })
}

fn low_byte(number: &BigInt<4>) -> u8 {
    number.0[0].to_le_bytes()[0]
}

/// The constant K of the challenge's digits.
pub(super) fn challenge_offset() -> BigInt<4> {
    let mut offset = BigInt::<4>::zero();
    for _ in 0..OFFSET_MULTIPLE {
        offset.add_with_carry(&Scalar::MODULUS);
    }
    let mut start = BigInt::<4>::one();
    start <<= 254;
    offset.sub_with_borrow(&start);
    offset
}

/// A digit of the fixed base: its point, and the powers of u.
struct Digit {
    point: Montgomery,
    square: Lc<Fr>,
    cube: Lc<Fr>,
    fourth: Lc<Fr>,
}

impl Digit {
    /// The odd number between -15 and 15: 2 rows.
    fn value(&self, cs: &mut Builder<Fr>, window: &Window) -> Lc<Fr> {
        let powers = [&self.point.u, &self.square, &self.cube];
        let [c0, c1, c2, c3, c4, c5, c6, c7] = window.magnitudes;
        let cubic = |c0, rest: [Fr; 3]| Lc::weighted_sum(powers.into_iter().zip(rest)) + c0;
        let high = cs.mul("high", &self.fourth, &cubic(c4, [c5, c6, c7]));
        cs.mul("digit", &self.point.v, &(high + &cubic(c0, [c1, c2, c3])))
    }
}

/// `[S]B8` and its digits, lowest first: 502 rows.
fn fixed_base(cs: &mut Builder<Fr>, s: Scalar) -> (Montgomery, Vec<Digit>) {
    let digits = odd_digits(s);
    let mut opened = Vec::with_capacity(WINDOWS);
    let mut accumulator: Option<Montgomery> = None;
    for (i, (window, digit)) in windows().iter().zip(digits).enumerate() {
        accumulator = Some(cs.scope("window", i, |cs| {
            // Digits are odd and below 16 in magnitude.
            let (u, v) = window.points[usize::from(digit.unsigned_abs() / 2) % 8];
            let u = cs.hint("u", u);
            let v = cs.hint("v", if digit < 0 { -v } else { v });
            let square = cs.mul("u2", &u, &u);
            let cube = cs.mul("u3", &square, &u);
            let fourth = cs.mul("u4", &square, &square);
            let [low, high] = window.quartics.map(|[c0, c1, c2, c3]| {
                Lc::weighted_sum([(&u, c1), (&square, c2), (&cube, c3), (&fourth, Fr::ONE)]) + c0
            });
            cs.enforce(&low, &high, &Lc::zero());
            cs.enforce(&v, &v, &curve_polynomial(&cube, &square, &u));
            let point = Montgomery { u, v };
            opened.push(Digit {
                point: point.clone(),
                square,
                cube,
                fourth,
            });
            match &accumulator {
                None => point,
                Some(sum) => {
                    if i == GUARDED_WINDOW {
                        cs.assert_nonzero("guard", &(&point.u - &sum.u));
                    }
                    add(cs, sum, &point)
                }
            }
        }));
    }
    #[allow(clippy::expect_used)] // WINDOWS > 0
    (accumulator.expect("there are windows"), opened)
}

/// `[8h]A` for `Q = 4A`, and the ties between h and the digits.
fn variable_base(cs: &mut Builder<Fr>, q: &Montgomery, h: &Lc<Fr>) -> Montgomery {
    let offset = challenge_offset();
    let offset_fr = Fr::new(offset);
    let shifted = h.clone() + offset_fr;
    // E as an integer: h below r plus K.
    let mut number = h.value().into_bigint();
    number.add_with_carry(&offset);

    let twice = double(cs, q);
    let mut accumulator = add(cs, &twice, q);
    let square = cs.mul("v2", &q.v, &q.v);
    let mut signed = Vec::with_capacity(DIGITS);
    let mut inverses = ladder_inverses(q, &number).into_iter();
    for i in (0..DIGITS).rev() {
        cs.scope("digit", i, |cs| {
            let y = cs.hint(
                "y",
                if number.get_bit(i) {
                    q.v.value()
                } else {
                    -q.v.value()
                },
            );
            cs.enforce(&y, &y, &square);
            let point = Montgomery {
                u: q.u.clone(),
                v: y.clone(),
            };
            accumulator = double_add(cs, &accumulator, &point, inverses.next().unwrap_or_default());
            signed.push(y);
        });
    }
    // sum 2^i y_i = v(Q) (2E - (2^254 - 1)); `signed` stands highest first.
    let mut sum = Lc::zero();
    let mut weight = Fr::ONE;
    for y in signed.iter().rev() {
        sum.add_scaled(y, weight);
        weight.double_in_place();
    }
    cs.assert(&q.v, &(shifted * Fr::from(2u64) + (Fr::ONE - weight)), &sum);

    // K <= E < K + r on the top bits: y + v and v - y are 2v times the bit and its complement.
    cs.scope("canonical", None, |cs| {
        let mut end = offset;
        end.add_with_carry(&Fr::MODULUS);
        let upper = top_bits(&end, DIGITS);
        let lower = top_bits(&offset, DIGITS);
        let ones: Vec<Lc<Fr>> = signed.iter().take(upper.len()).map(|y| y + &q.v).collect();
        let zeros: Vec<Lc<Fr>> = signed.iter().take(lower.len()).map(|y| &q.v - y).collect();
        assert_below(cs, &ones, &upper);
        assert_below(cs, &zeros, &lower.into_iter().map(|bit| !bit).collect::<Vec<_>>());
    });
    add(cs, &accumulator, &q.negated())
}

/// The inverses that the ladder's denominators will need, digit by digit, highest first, made together: one by one they
/// are a third of the time of a witness. For a Q that is not on the curve they are of no use.
fn ladder_inverses(q: &Montgomery, number: &BigInt<4>) -> Vec<[Fr; 2]> {
    let (u, v) = (q.u.value(), q.v.value());
    let mut ends = [v, u + Fr::ONE];
    batch_inversion(&mut ends);
    let point = Point::new_unchecked(u * ends[0], (u - Fr::ONE) * ends[1]);
    let mut sum = point.into_group().double() + point;
    let sums: Vec<PointSum> = (0..DIGITS)
        .rev()
        .map(|i| {
            let before = sum;
            sum.double_in_place();
            match number.get_bit(i) {
                true => sum += point,
                false => sum -= point,
            }
            before
        })
        .collect();
    // u = (1 + y) / (1 - y), v = u / x.
    let sums = PointSum::normalize_batch(&sums);
    let mut inverses: Vec<Fr> = sums.iter().map(|sum| (Fr::ONE - sum.y) * sum.x).collect();
    batch_inversion(&mut inverses);
    let sums: Vec<(Fr, Fr)> = (sums.iter().zip(&inverses))
        .map(|(sum, inverse)| {
            let v = (Fr::ONE + sum.y) * inverse;
            (v * sum.x, v)
        })
        .collect();
    let mut first: Vec<Fr> = sums.iter().map(|(sum_u, _)| u - sum_u).collect();
    batch_inversion(&mut first);
    let mut second: Vec<Fr> = (sums.iter().zip(&first).zip((0..DIGITS).rev()))
        .map(|(((sum_u, sum_v), inverse), i)| {
            let digit_v = if number.get_bit(i) { v } else { -v };
            let slope = (digit_v - sum_v) * inverse;
            let middle = slope.square() - sum_u - u - MONTGOMERY_A;
            middle - sum_u
        })
        .collect();
    batch_inversion(&mut second);
    first
        .into_iter()
        .zip(second)
        .map(|(first, second)| [first, second])
        .collect()
}

/// A signature that was asserted: what is needed to publish it.
pub struct Verified {
    r8: Edwards,
    digits: Vec<Digit>,
}

impl Verified {
    /// Asserts that the signature is `(r8, s)`, S being reduced: 442 rows.
    pub fn assert_published(&self, cs: &mut Builder<Fr>, r8: &Edwards, s: &Lc<Fr>) {
        cs.assert_equal(&self.r8.x, &r8.x);
        cs.assert_equal(&self.r8.y, &r8.y);
        let mut rest = -s.clone();
        let mut weight = Fr::ONE;
        for (i, (digit, window)) in self.digits.iter().zip(windows()).enumerate() {
            let value = cs.scope("digit", i, |cs| digit.value(cs, window));
            rest.add_scaled(&value, weight);
            weight *= Fr::from(16u64);
        }
        cs.assert(&rest, &(rest.clone() + -Fr::from(Scalar::MODULUS)), &Lc::zero());
        cs.scope("reduced", None, |cs| bits_below(cs, "bit", s, &Scalar::MODULUS));
    }
}

/// Asserts that `signature` is the key's over `message`.
///
/// `key` are the coordinates of A; no property of A is assumed. The hints come from `key`'s and `signature`'s values; an invalid
/// signature makes an unsatisfied assignment, never a panic.
pub fn assert_signature(
    cs: &mut Builder<Fr>,
    key: &Edwards,
    message: &Lc<Fr>,
    signature: &Signature,
) -> Verified {
    cs.scope("eddsa", None, |cs| {
        let a = Point::new_unchecked(key.x.value(), key.y.value());
        let eighth = match a.is_on_curve() {
            true => (a * cofactor_inverse()).into_affine(),
            false => base8(),
        };
        let q = cs.scope("key", None, |cs| {
            let eighth = Montgomery::new_on_curve(cs, coordinates(&eighth).unwrap_or_default());
            let quarter = double(cs, &eighth);
            let half = double(cs, &quarter);
            let a = double(cs, &half);
            // Edwards coordinates of A, as assertions: x v = u, y (u + 1) = u - 1.
            cs.assert(&key.x, &a.v, &a.u);
            cs.assert(&key.y, &(a.u.clone() + Fr::ONE), &(a.u.clone() + -Fr::ONE));
            let twice = double(cs, &a);
            double(cs, &twice)
        });
        let r8 = cs.scope("r8", None, |cs| Edwards::hint(cs, &signature.r8));
        let h = cs.scope("challenge", None, |cs| {
            let inputs = [&r8.x, &r8.y, &key.x, &key.y, message].map(Clone::clone);
            poseidon::hash(cs, &inputs)
        });
        let (sb8, digits) = cs.scope("fixed_base", None, |cs| fixed_base(cs, signature.s));
        let ha = cs.scope("variable_base", None, |cs| variable_base(cs, &q, &h));
        cs.scope("equation", None, |cs| {
            let sb8 = to_edwards(cs, &sb8);
            let ha = to_edwards(cs, &ha);
            edwards_add(cs, &sb8, &ha.negated(), &r8);
        });
        Verified { r8, digits }
    })
}

/// `8^-1` modulo the subgroup's order.
fn cofactor_inverse() -> Scalar {
    Scalar::from(8u64).inverse().unwrap_or_default()
}
