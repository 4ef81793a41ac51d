//! Baby Jubjub with circomlib's coefficients (EIP-2494: a = 168700, d = 168696), as `taceo-ark-babyjubjub`
//! has it. `ark-ed-on-bn254` is another model of the same curve, with other coordinates: it is not used.
//!
//! This module adds what signatures need: strict parsing, the test of a public key, and multiplication in
//! variable time for public data. Secret scalars go through arkworks' `*`, which taceo's curve makes a
//! constant-time ladder.
//!
//! Depends on [`crate::field`]. Next: [`crate::eddsa`].

use std::iter;
use std::ops::{AddAssign, SubAssign};
use std::sync::LazyLock;

use ark_ec::{AdditiveGroup, AffineRepr, CurveGroup};
use ark_ff::{BigInt, BigInteger, PrimeField, Zero};
use taceo_ark_babyjubjub::{EdwardsAffine, EdwardsProjective};

use crate::field::{Fr, to_decimal};

/// A point in affine Edwards coordinates, not necessarily of prime order.
pub type Point = EdwardsAffine;
/// A point in the coordinates that sums are computed in.
pub type PointSum = EdwardsProjective;
/// Integers modulo the prime order l of the subgroup,
/// 2736030358979909402780800718157159386076813972158567259200215660948447373041.
pub type Scalar = taceo_ark_babyjubjub::Fr;

/// Why coordinates are not a point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointError {
    /// The coordinates do not satisfy `168700 x^2 + y^2 = 1 + 168696 x^2 y^2`.
    #[error("({x}, {y}) is not on Baby Jubjub (168700 x^2 + y^2 = 1 + 168696 x^2 y^2, EIP-2494 coordinates)")]
    NotOnCurve {
        /// First coordinate, decimal.
        x: String,
        /// Second coordinate, decimal.
        y: String,
    },
}

/// 32 bytes are not an integer below the order of the subgroup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an integer below {}, got 0x{got}", Scalar::MODULUS)]
pub struct ScalarError {
    /// The refused bytes, hexadecimal.
    pub got: String,
}

/// Reads 32 big-endian bytes, canonical.
///
/// # Errors
/// [`ScalarError`] for l or more.
pub fn scalar_from_be_bytes(bytes: &[u8; 32]) -> Result<Scalar, ScalarError> {
    let scalar = Scalar::from_be_bytes_mod_order(bytes);
    if scalar.into_bigint().to_bytes_be() == bytes {
        return Ok(scalar);
    }
    Err(ScalarError {
        got: hex::encode(bytes),
    })
}

/// circomlib's `Base8`: generator of the subgroup of prime order.
pub fn base8() -> Point {
    Point::generator()
}

/// A point from its coordinates.
///
/// # Errors
/// [`PointError::NotOnCurve`]. Points of small order and the identity are accepted: see [`is_valid_key`].
pub fn parse_point(x: Fr, y: Fr) -> Result<Point, PointError> {
    let point = Point::new_unchecked(x, y);
    if point.is_on_curve() {
        Ok(point)
    } else {
        Err(PointError::NotOnCurve {
            x: to_decimal(&x),
            y: to_decimal(&y),
        })
    }
}

/// Whether a point may be a public key: on the curve, in the subgroup of prime order, not the identity.
#[must_use]
pub fn is_valid_key(point: &Point) -> bool {
    if !point.is_on_curve() || point.is_zero() {
        return false;
    }
    let odd = odd_multiples(point, POINT_WINDOW);
    let digits = digits(Scalar::MODULUS, POINT_WINDOW);
    let mut sum = PointSum::zero();
    for digit in digits.into_iter().rev() {
        sum.double_in_place();
        add_multiple(&mut sum, &odd, digit);
    }
    sum.is_zero()
}

/// `s * Base8 + h * point`, in time that depends on the arguments: for public data only.
pub fn mul_base8_add_mul_vartime(s: &Scalar, h: &Scalar, point: &Point) -> PointSum {
    static BASE8: LazyLock<Vec<Point>> =
        LazyLock::new(|| PointSum::normalize_batch(&odd_multiples(&base8(), BASE8_WINDOW)));
    let odd = odd_multiples(point, POINT_WINDOW);
    let s = digits(s.into_bigint(), BASE8_WINDOW);
    let h = digits(h.into_bigint(), POINT_WINDOW);
    let mut sum = PointSum::zero();
    for position in (0..s.len().max(h.len())).rev() {
        sum.double_in_place();
        add_multiple(&mut sum, &BASE8, s.get(position).copied().unwrap_or(0));
        add_multiple(&mut sum, &odd, h.get(position).copied().unwrap_or(0));
    }
    sum
}

/// `s * Base8`, in time that depends on `s`: for public data and for keys that protect nothing.
pub fn mul_base8_vartime(s: &Scalar) -> PointSum {
    /// `b 256^i Base8` at `256 i + b`.
    static MULTIPLES: LazyLock<Vec<Point>> = LazyLock::new(|| {
        let mut unit = PointSum::from(base8());
        let mut multiples = Vec::with_capacity(32 * 256);
        for _ in 0..32 {
            let mut sum = PointSum::zero();
            for _ in 0..256 {
                multiples.push(sum);
                sum += unit;
            }
            unit = sum;
        }
        PointSum::normalize_batch(&multiples)
    });
    let bytes = s.into_bigint().to_bytes_le();
    let digits = MULTIPLES.chunks(256).zip(&bytes);
    digits.fold(PointSum::zero(), |sum, (row, byte)| sum + row[usize::from(*byte)])
}

/// Window of the digits that meet Base8, whose 64 odd multiples are computed once.
const BASE8_WINDOW: usize = 8;
/// Window of the digits that meet another point: 8 odd multiples a call.
const POINT_WINDOW: usize = 5;

/// Signed digits in non-adjacent form, lowest first: 0, or odd and below `2^(window - 1)` in absolute value.
fn digits(integer: BigInt<4>, window: usize) -> Vec<i64> {
    // `None` is for windows outside 2..64; both of ours are inside.
    integer.find_wnaf(window).unwrap_or_default()
}

/// `P, 3 P, 5 P, ..`: as many as digits of this window need.
fn odd_multiples(point: &Point, window: usize) -> Vec<PointSum> {
    let twice = PointSum::from(*point).double();
    iter::successors(Some(PointSum::from(*point)), |last| Some(*last + twice))
        .take(1 << (window - 2))
        .collect()
}

fn add_multiple<T>(sum: &mut PointSum, odd: &[T], digit: i64)
where
    PointSum: for<'a> AddAssign<&'a T> + for<'a> SubAssign<&'a T>,
{
    let Ok(index) = usize::try_from(digit.unsigned_abs() / 2) else {
        return;
    };
    match (digit.signum(), odd.get(index)) {
        (1, Some(multiple)) => *sum += multiple,
        (-1, Some(multiple)) => *sum -= multiple,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::field::{from_decimal, reduce_be_bytes};
    use ark_ff::{AdditiveGroup, Field};
    use proptest::prelude::*;

    fn scalar(bytes: &[u8; 32]) -> Scalar {
        Scalar::from_be_bytes_mod_order(bytes)
    }

    /// The seven points whose order is 2, 4 or 8: l times points found by search.
    fn small_order() -> Vec<Point> {
        static FOUND: LazyLock<Vec<Point>> = LazyLock::new(|| {
            let mut found: Vec<Point> = Vec::new();
            let mut y = Fr::ONE;
            while found.len() < 7 {
                if let Some((x, _)) = Point::get_xs_from_y_unchecked(y) {
                    let torsion = Point::new_unchecked(x, y)
                        .mul_bigint(Scalar::MODULUS)
                        .into_affine();
                    if !torsion.is_zero() && !found.contains(&torsion) {
                        found.push(torsion);
                    }
                }
                y += Fr::ONE;
            }
            found
        });
        FOUND.clone()
    }

    proptest! {
        #![proptest_config(crate::cases(24))]

        #[test]
        fn joint_multiplication_equals_arkworks(s: [u8; 32], h: [u8; 32], k: [u8; 32]) {
            let (s, h) = (scalar(&s), scalar(&h));
            let point = (base8() * scalar(&k)).into_affine();
            prop_assert_eq!(mul_base8_add_mul_vartime(&s, &h, &point), base8() * s + point * h);
            prop_assert_eq!(mul_base8_vartime(&s), base8() * s);
        }

        #[test]
        fn multiples_of_base8_are_keys(k: [u8; 32]) {
            let point = (base8() * scalar(&k)).into_affine();
            prop_assert_eq!(is_valid_key(&point), !point.is_zero());
            for torsion in small_order() {
                prop_assert!(!is_valid_key(&(point + torsion).into_affine()));
            }
        }

        #[test]
        fn arbitrary_coordinates_are_not_points(x: [u8; 32], y: [u8; 32]) {
            let (x, y) = (reduce_be_bytes(&x), reduce_be_bytes(&y));
            prop_assert!(parse_point(x, y).is_err());
            prop_assert!(!is_valid_key(&Point::new_unchecked(x, y)));
        }
    }

    #[test]
    fn joint_multiplication_at_the_edges() {
        let edges = [
            Scalar::ZERO,
            Scalar::ONE,
            -Scalar::ONE,
            Scalar::from(2u64),
            Scalar::from(255u64),
        ];
        let points = [
            base8(),
            -base8(),
            Point::zero(),
            (base8() + base8()).into_affine(),
        ];
        for s in &edges {
            assert_eq!(mul_base8_vartime(s), base8() * *s);
            for h in &edges {
                for point in points.iter().chain(&small_order()) {
                    let expected = base8() * *s + point.mul_bigint(h.into_bigint());
                    assert_eq!(mul_base8_add_mul_vartime(s, h, point), expected);
                }
            }
        }
    }

    #[test]
    fn small_orders_and_the_identity_are_points_but_not_keys() {
        assert_eq!(small_order().len(), 7);
        for point in small_order().into_iter().chain([Point::zero()]) {
            assert_eq!(parse_point(point.x, point.y), Ok(point));
            assert!(!is_valid_key(&point));
        }
    }

    #[test]
    fn base8_is_circomlibs() {
        let x = "5299619240641551281634865583518297030282874472190772894086521144482721001553";
        let y = "16950150798460657717958625567821834550301663161624707787222815936182638968203";
        assert_eq!(
            parse_point(from_decimal(x).unwrap(), from_decimal(y).unwrap()),
            Ok(base8())
        );
        assert!(is_valid_key(&base8()));
    }
}
