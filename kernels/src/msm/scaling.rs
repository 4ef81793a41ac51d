//! Points times one and the same scalar, many at once: a ceremony's contribution, and tables of multiples.
//!
//! All points of a block go through the same doublings and additions in lockstep, affine, so that each step of a block shares
//! one inversion, as the additions of [`super::lists`] do: slope = 3 x^2 / (2 y) or (y2 - y1) / (x2 - x1). Which steps, the
//! scalar's digits tell ([`Digits`]). What is added is an odd multiple of the point, from a table that is no larger than the
//! digits ask for. A power of two up to 2^127 has one digit: nothing but doublings.
//!
//! Not constant time. The steps follow the scalar's digits: who can measure the machine meanwhile learns about the scalar.

use super::lists::{CHAINS, invert, is_infinity};
use crate::backend::{KernelError, Scalar};
use crate::bases::Curve;
use crate::control::Control;
use crate::field::{Arch, Field, Mask, Task};
use crate::reference::scaled;
use ark_bn254::Fr;
use ark_ec::AffineRepr;
use ark_ec::bn::BnConfig;
use ark_ff::{BigInteger, PrimeField};
use rayon::prelude::*;
use std::marker::PhantomData;
use zeroize::Zeroizing;

/// What a block works on: it stays in the second-level cache through all steps.
const BLOCK_BYTES: usize = 1 << 20;
/// Points of a block, at least: with fewer, inversions would be felt more than threads that end together.
const BLOCK_POINTS_MIN: usize = 512;
/// Blocks for each thread, if blocks are smaller than the largest, so that threads end together.
const BLOCKS_PER_THREAD: usize = 4;

/// See [`crate::Backend::scale_g1`].
pub(crate) fn scale<C: Curve, A: Arch, F: Field>(
    arch: A,
    points: &[u8],
    scalar: &Scalar,
    control: &Control<'_>,
) -> Result<Vec<u8>, KernelError>
where
    C::Affine: AffineRepr<BaseField = F::Scalar>,
{
    let mut out = points.to_vec();
    let digits = Digits::new(scalar);
    let block = block_points::<F>(points.len() / C::POINT_BYTES, digits.multiples()) * C::POINT_BYTES;
    out.par_chunks_mut(block).try_for_each(|block| {
        let finite: Vec<*mut u8> = block
            .chunks_exact_mut(C::POINT_BYTES)
            .filter(|point| !is_infinity(point))
            .map(|point| point.as_mut_ptr())
            .collect();
        let task = Block::<C, F> {
            finite: &finite,
            digits: &digits,
            control,
            lanes: PhantomData,
        };
        match arch.run(task) {
            Ok(()) => {}
            Err(Stop::Kernel(error)) => return Err(error),
            Err(Stop::Collision) => block.copy_from_slice(&scaled::<C>(block, scalar, control)?),
        }
        control.advance(block.len() as f64 / points.len() as f64);
        Ok(())
    })?;
    Ok(out)
}

/// Points of a block, of `count` in all, with a table of so many multiples of each.
fn block_points<F: Field>(count: usize, multiples: usize) -> usize {
    // x and y of each multiple and of the sum, and a product.
    let most = BLOCK_BYTES / ((2 * multiples + 3) * size_of::<F>()) * F::LANES;
    let share = count.div_ceil(BLOCKS_PER_THREAD * rayon::current_num_threads());
    share.next_multiple_of(F::LANES).min(most).max(BLOCK_POINTS_MIN)
}

/// A scalar s as digits of k1 and k2, where s = k1 + k2 λ modulo r and λ is a cube root of one. k1 and k2 have half the length of
/// s, hence half the doublings do; λ times a point is the point with x times β ([`Curve::BETA`]). This is the way of Gallant,
/// Lambert and Vanstone, "Faster point multiplication on elliptic curves with efficient endomorphisms" (2001).
///
/// **Parts.** With [`A`] and [`B`], r = A^2 + AB + B^2, so that λ = A/B modulo r has λ^2 + λ + 1 = 0. The pairs (k1, k2) that stand for
/// 0 are the whole combinations of (A, -B) and of λ times that, (B, A + B): their determinant is r. Now (s, 0) is s (A + B)/r of
/// the first and s B/r of the second. Less the nearest whole multiples, at most 3/4 of each is left, since the quotients that are
/// rounded are too small by less than 1/4: k1 and k2 are within 3/4 (A + 2B). Scalars of up to 128 bits are left whole.
///
/// **Digits** have width w: each is zero or odd and below 2^(w - 1), and of w neighbours at most one is not zero (Solinas,
/// "Efficient arithmetic on Koblitz curves", 2000). On average one in w + 1 is not zero.
///
/// **No step meets equal or opposite points, or infinity, whatever the scalar.** Going down from the highest digits, let the sum
/// stand for (a, b), and let a digit d of k1 be next. If b is 0, then a is not, and as a multiple of 2^w it is larger than d: (a, b) and
/// (a ± d, b) are not (0, 0). Nor are they another pair that stands for 0. Of such a pair c1 (A, -B) + c2 (B, A + B) one number is at least
/// A - B: the first, c1 A + c2 B, if |c1| >= |c2|, else the second, c2 (A + B) - c1 B. But a and b are within 3/4 (A + 2B) + 2^w, which is
/// less. The same goes for digits of k2. Of a scalar left whole, b is 0 and a ± d is below r. And the odd multiples of the
/// table are below 2^w. So nothing is met if the points have order r.
///
/// The scalar may be a secret: digits are overwritten after use, and nothing here can be printed.
struct Digits(Zeroizing<Vec<[i8; 2]>>);

/// The curve's parameter x, in which its primes are polynomials: r = 36x^4 + 36x^3 + 18x^2 + 6x + 1.
const X: u128 = ark_bn254::Config::X[0] as u128;
/// See [`Digits`].
const A: u128 = 6 * X * X + 2 * X;
/// See [`Digits`].
const B: u128 = 2 * X + 1;
/// What k1 and k2 do not exceed, if the scalar is not left whole: 3/4 (A + 2B).
const PART_MAX: u128 = (A + 2 * B) / 4 * 3 + 3;
/// A scalar of so many bits is left whole: as many as fit.
const WHOLE_BITS: u32 = 128;

impl Digits {
    /// The width w: up to 8 multiples of each point.
    const WIDTH: u32 = 5;

    fn new(scalar: &Scalar) -> Self {
        const {
            assert!(PART_MAX + (1 << Self::WIDTH) < A - B);
        }
        let mut digits = Zeroizing::new(vec![[0; 2]; WHOLE_BITS as usize + 1]);
        for (half, (part, negative)) in parts(scalar).iter().enumerate() {
            let mut rest = Zeroizing::new(*part);
            for digits in digits.iter_mut() {
                let mut digit = 0;
                if *rest % 2 == 1 {
                    digit = (*rest % (1 << Self::WIDTH)) as i8;
                    if digit >> (Self::WIDTH - 1) == 1 {
                        digit -= 1 << Self::WIDTH;
                    }
                }
                // (rest - digit) / 2: both are odd or both even.
                *rest = (*rest >> 1).wrapping_add_signed(-i128::from(digit >> 1));
                digits[half] = if *negative { -digit } else { digit };
            }
        }
        let highest = digits.iter().rposition(|digits| *digits != [0, 0]);
        digits.truncate(highest.map_or(0, |highest| highest + 1));
        Self(digits)
    }

    /// How many odd multiples of each point the digits name, of 1, 3, 5 and so on; none for zero.
    fn multiples(&self) -> usize {
        let largest = self.0.iter().flatten().map(|digit| digit.unsigned_abs()).max();
        usize::from(largest.unwrap_or(0)).div_ceil(2)
    }
}

/// k1 and k2 of a scalar ([`Digits`]), each with a sign, true for negative.
fn parts(scalar: &Scalar) -> Zeroizing<[(u128, bool); 2]> {
    let low = |value: &Scalar| u128::from(value.0[0]) | u128::from(value.0[1]) << 64;
    if scalar.num_bits() <= WHOLE_BITS {
        return Zeroizing::new([(low(scalar), false), (0, false)]);
    }
    let [c1, c2] = [A + B, B].map(|factor| {
        let (fraction, whole) = scalar.mul(&over_order(factor));
        low(&whole) + u128::from(fraction.0[3] >> 63)
    });
    // The parts are small: what is above 128 bits need not be computed.
    let k1 = low(scalar)
        .wrapping_sub(c1.wrapping_mul(A))
        .wrapping_sub(c2.wrapping_mul(B));
    let k2 = c1.wrapping_mul(B).wrapping_sub(c2.wrapping_mul(A + B));
    Zeroizing::new([k1, k2].map(|k| (k.cast_signed().unsigned_abs(), k.cast_signed() < 0)))
}

/// 2^256 `factor` / r, rounded down: times a scalar it is too small by less than 2^254.
fn over_order(factor: u128) -> Scalar {
    let mut rest = Scalar::new([factor as u64, (factor >> 64) as u64, 0, 0]);
    let mut quotient = Scalar::zero();
    for _ in 0..256 {
        rest.mul2();
        quotient.mul2();
        if rest >= Fr::MODULUS {
            rest.sub_with_borrow(&Fr::MODULUS);
            quotient.0[0] |= 1;
        }
    }
    quotient
}

/// Why a block ends early; its points are as they were.
enum Stop {
    /// The caller cancels.
    Kernel(KernelError),
    /// A shared product was zero. A point is none of the group: what is derived at [`Digits`] does not hold for it.
    Collision,
}

impl From<KernelError> for Stop {
    fn from(error: KernelError) -> Self {
        Self::Kernel(error)
    }
}

struct Block<'a, C, F> {
    /// Points that are not infinity.
    finite: &'a [*mut u8],
    digits: &'a Digits,
    control: &'a Control<'a>,
    lanes: PhantomData<(C, F)>,
}

impl<C: Curve, F: Field> Task for Block<'_, C, F>
where
    C::Affine: AffineRepr<BaseField = F::Scalar>,
{
    type Output = Result<(), Stop>;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Some(first) = self.finite.first() else {
            return Ok(());
        };
        if self.digits.0.is_empty() {
            for point in self.finite {
                // SAFETY: each is a whole point of this block.
                unsafe { point.write_bytes(0, C::POINT_BYTES) };
            }
            return Ok(());
        }
        let vectors = self.finite.len().div_ceil(F::LANES);
        let mut products = vec![F::one(); vectors];
        let mut table = Vec::with_capacity(vectors * self.digits.multiples());
        for points in self.finite.chunks(F::LANES) {
            // A lane without a point repeats another.
            let from = std::array::from_fn(|lane| points.get(lane).unwrap_or(first).cast_const());
            // SAFETY: each is a whole point of this block.
            table.push(unsafe { F::load_points(&from) });
        }
        if self.digits.multiples() > 1 {
            let mut twice = table.clone();
            double(&mut twice, &mut products)?;
            for multiple in 1..self.digits.multiples() {
                self.control.check()?;
                table.extend_from_within((multiple - 1) * vectors..);
                let operands = Operands {
                    points: &twice,
                    turn: None,
                    negative: 0,
                };
                add(&mut table[multiple * vectors..], operands, &mut products)?;
            }
        }
        let beta = F::splat(C::BETA);
        let mut sums = Vec::with_capacity(vectors);
        for digits in self.digits.0.iter().rev() {
            self.control.check()?;
            if !sums.is_empty() {
                double(&mut sums, &mut products)?;
            }
            for (digit, turn) in digits.iter().zip([None, Some(beta)]) {
                if *digit == 0 {
                    continue;
                }
                let start = usize::from(digit.unsigned_abs() / 2) * vectors;
                let operands = Operands {
                    points: &table[start..start + vectors],
                    turn,
                    negative: if *digit < 0 { Mask::MAX } else { 0 },
                };
                if !sums.is_empty() {
                    add(&mut sums, operands, &mut products)?;
                    continue;
                }
                for step in 0..vectors {
                    sums.push((operands.x(step), operands.y(step)));
                }
            }
        }
        let mut nowhere = [0u8; 8 * 128];
        let nowhere = nowhere.as_mut_ptr();
        for (points, (x, y)) in self.finite.chunks(F::LANES).zip(&sums) {
            let to = std::array::from_fn(|lane| match points.get(lane) {
                Some(point) => *point,
                None => nowhere.wrapping_add(lane * C::POINT_BYTES),
            });
            // SAFETY: each is a whole point of this block, or of `nowhere`, which has one for each lane.
            unsafe { F::store_points(*x, *y, &to) };
        }
        Ok(())
    }
}

/// Doubles each point. `products` is scratch, as long as the points.
#[inline(always)]
fn double<F: Field>(sums: &mut [(F, F)], products: &mut [F]) -> Result<(), Stop> {
    let mut product = [F::one(); CHAINS];
    for (step, ((_, y), before)) in sums.iter().zip(&mut *products).enumerate() {
        *before = product[step % CHAINS];
        product[step % CHAINS] = product[step % CHAINS].mul_loose(y.double());
    }
    let mut inverse = invert(product).ok_or(Stop::Collision)?;
    for (step, ((x, y), before)) in sums.iter_mut().zip(products).enumerate().rev() {
        let one_over = inverse[step % CHAINS].mul(*before);
        inverse[step % CHAINS] = inverse[step % CHAINS].mul_loose(y.double());
        let slope = one_over.mul(x.square().triple());
        let x3 = slope.square().sub_sum(*x, *x);
        *y = slope.mul_loose(x.sub(x3)).sub_reduced(*y);
        *x = x3;
    }
    Ok(())
}

/// What is added to the points of a block.
#[derive(Clone, Copy)]
struct Operands<'a, F> {
    points: &'a [(F, F)],
    /// What x is multiplied by.
    turn: Option<F>,
    /// Lanes in which y is negated: all or none.
    negative: Mask,
}

impl<F: Field> Operands<'_, F> {
    #[inline(always)]
    fn x(&self, step: usize) -> F {
        let x = self.points[step].0;
        match self.turn {
            Some(turn) => x.mul(turn),
            None => x,
        }
    }

    #[inline(always)]
    fn y(&self, step: usize) -> F {
        self.points[step].1.negate_where(self.negative)
    }
}

/// Adds to each point its operand. `products` is scratch, as long as the points.
#[inline(always)]
fn add<F: Field>(sums: &mut [(F, F)], operands: Operands<'_, F>, products: &mut [F]) -> Result<(), Stop> {
    let mut product = [F::one(); CHAINS];
    for (step, ((x1, _), before)) in sums.iter().zip(&mut *products).enumerate() {
        *before = product[step % CHAINS];
        product[step % CHAINS] = product[step % CHAINS].mul_loose(operands.x(step).sub(*x1));
    }
    let mut inverse = invert(product).ok_or(Stop::Collision)?;
    for (step, ((x1, y1), before)) in sums.iter_mut().zip(products).enumerate().rev() {
        let (x2, y2) = (operands.x(step), operands.y(step));
        let one_over = inverse[step % CHAINS].mul(*before);
        inverse[step % CHAINS] = inverse[step % CHAINS].mul_loose(x2.sub(*x1));
        let slope = one_over.mul_loose(y2.sub(*y1));
        let x3 = slope.square().sub_sum(*x1, x2);
        *y1 = slope.mul_loose(x1.sub(x3)).sub_reduced(*y1);
        *x1 = x3;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{A, B, Digits, PART_MAX, WHOLE_BITS, parts};
    use crate::backend::Scalar;
    use crate::bases::{Curve, G1, G2};
    use ark_bn254::Fr;
    use ark_ec::{AdditiveGroup, AffineRepr, PrimeGroup};
    use ark_ff::{BigInteger, Field, One, PrimeField, UniformRand, Zero};

    fn lambda() -> Fr {
        Fr::from(A) / Fr::from(B)
    }

    fn scalars() -> Vec<Scalar> {
        let mut rng = ark_std::test_rng();
        let mut scalars: Vec<Fr> = (0..254).map(|bit| Fr::from(2u64).pow([bit])).collect();
        scalars.extend([A, B, A + B, A - B, u128::MAX].map(Fr::from));
        // The middles of r, of what is left whole, and of what rounding decides.
        scalars.extend([
            Fr::from(2u64).inverse().unwrap(),
            lambda(),
            lambda() / Fr::from(2u64),
        ]);
        scalars.extend((0..500).map(|_| Fr::rand(&mut rng)));
        let near = scalars.iter().flat_map(|scalar| {
            let near = [0u64, 1, 2, 15, 16, 17, 31].map(Fr::from);
            near.map(|near| [*scalar + near, *scalar - near, -*scalar - near])
                .into_iter()
                .flatten()
        });
        near.map(Fr::into_bigint).collect()
    }

    #[test]
    fn constants_are_what_they_are_called() {
        let (a, b) = (Fr::from(A).into_bigint(), Fr::from(B).into_bigint());
        let mut norm = a.mul_low(&Fr::from(A + B).into_bigint());
        assert!(!norm.add_with_carry(&b.mul_low(&b)));
        assert_eq!(norm, Fr::MODULUS);
        assert!((lambda().square() + lambda() + Fr::from(1u64)).is_zero());
        fn beta<C: Curve>() {
            let one = C::Projective::generator();
            let (x, y) = C::Affine::from(one).xy().unwrap();
            assert_eq!(C::new(x * C::BETA, y), (one * lambda()).into());
        }
        beta::<G1>();
        beta::<G2>();
    }

    #[test]
    fn digits_add_up_and_nothing_meets() {
        let lambda = lambda();
        for scalar in scalars() {
            let digits = Digits::new(&scalar);
            assert!(digits.multiples() <= 8);
            let (mut sum, mut started) = (Fr::zero(), false);
            for digits in digits.0.iter().rev() {
                sum = sum.double();
                for (digit, factor) in digits.iter().zip([Fr::one(), lambda]) {
                    if *digit == 0 {
                        continue;
                    }
                    let operand = Fr::from(i64::from(*digit)) * factor;
                    let met = [Fr::zero(), operand, -operand].contains(&sum);
                    assert!(!met || !started, "{scalar}");
                    sum += operand;
                    started = true;
                }
            }
            assert_eq!(sum.into_bigint(), scalar);
        }
    }

    #[test]
    fn digits_keep_their_distance_and_parts_are_short() {
        for scalar in scalars() {
            let digits = Digits::new(&scalar);
            for half in [0, 1] {
                let used = digits
                    .0
                    .iter()
                    .enumerate()
                    .filter(|(_, digits)| digits[half] != 0);
                let (places, values): (Vec<usize>, Vec<i8>) =
                    used.map(|(place, digits)| (place, digits[half])).unzip();
                assert!(values.iter().all(|digit| digit % 2 != 0), "{scalar}");
                let mut distances = places.windows(2).map(|two| two[1] - two[0]);
                assert!(distances.all(|distance| distance >= 5), "{scalar}");
            }
            let long = parts(&scalar).iter().any(|(part, _)| *part > PART_MAX);
            assert!(!long || scalar.num_bits() <= WHOLE_BITS, "{scalar}");
        }
    }

    #[test]
    fn a_power_of_two_is_nothing_but_doublings() {
        for bit in 0..128u32 {
            let digits = Digits::new(&(Scalar::from(1u64) << bit));
            let (highest, lower) = digits.0.split_last().unwrap();
            assert_eq!((*highest, lower.len()), ([1, 0], bit as usize));
            assert!(lower.iter().all(|digits| *digits == [0, 0]));
            assert_eq!(digits.multiples(), 1);
        }
        assert_eq!(Digits::new(&Scalar::from(0u64)).multiples(), 0);
        assert_eq!(Digits::new(&Scalar::from(6u64)).multiples(), 2);
    }
}
