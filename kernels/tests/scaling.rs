//! The law suite of points times a scalar: every backend that this machine runs against the reference.

#![allow(clippy::unwrap_used, reason = "a test that panics says where it failed")]

mod common;
#[path = "common/points.rs"]
mod points;

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine, G2Projective};
use ark_ec::{AdditiveGroup, AffineRepr, CurveConfig, CurveGroup};
use ark_ff::{BigInteger, BitIteratorBE, PrimeField, Zero};
use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use common::{fast, reference, rounds};
use points::{bytes, points, scalars};
use popw_kernels::{CancelToken, Control, G1, G2, Scalar};

/// Scalars at the ends of digits and of the group order.
fn edges() -> Vec<Scalar> {
    let (order, half) = (Fr::MODULUS, Fr::MODULUS_MINUS_ONE_DIV_TWO);
    let mut edges: Vec<Scalar> = [0u64, 1, 2, 3, 15, 16, 17, 31].map(Scalar::from).to_vec();
    edges.extend([16, 64, 127, 253].map(|bit| Scalar::from(1u64) << bit));
    for (value, range) in [(order, 1..3u64), (order, 15..18), (half, 0..9)] {
        edges.extend(range.map(|less| {
            let mut value = value;
            value.sub_with_borrow(&Scalar::from(less));
            value
        }));
    }
    for more in 1..9u64 {
        let mut value = half;
        value.add_with_carry(&Scalar::from(more));
        edges.push(value);
    }
    edges
}

#[test]
fn scalings() {
    let mut rng = StdRng::seed_from_u64(8);
    let token = CancelToken::new();
    let control = Control::silent(&token);
    for count in [0, 1, 7, 8, 9, 64, 5000] {
        let (mut g1, mut g2) = (points::<G1>(&mut rng, count), points::<G2>(&mut rng, count));
        if count > 6 {
            (g1[3], g2[0]) = (G1Affine::identity(), G2Affine::identity());
            (g1[5], g2[5]) = (g1[4], g2[4]);
            (g1[6], g2[6]) = (-g1[4], -g2[4]);
        }
        let (mut g1, mut g2) = (bytes::<G1>(&g1), bytes::<G2>(&g2));
        // No whole point.
        g1.extend([1; 63]);
        g2.extend([2; 127]);
        let mut scalars = scalars(&mut rng, rounds(2));
        if count < 100 {
            scalars.extend(edges());
        } else {
            scalars.push(Scalar::from(1u64) << 64);
        }
        for scalar in &scalars {
            let expected1 = reference().scale_g1(&g1, scalar, &control).unwrap();
            let expected2 = reference().scale_g2(&g2, scalar, &control).unwrap();
            assert!(expected1.ends_with(&[1; 63]) && expected2.ends_with(&[2; 127]));
            for backend in fast() {
                let name = backend.name();
                assert!(
                    backend.scale_g1(&g1, scalar, &control).unwrap() == expected1,
                    "{name} {count} {scalar}"
                );
                assert!(
                    backend.scale_g2(&g2, scalar, &control).unwrap() == expected2,
                    "{name} {count} {scalar}"
                );
            }
        }
    }
}

#[test]
fn scalings_tell_their_work() {
    let mut rng = StdRng::seed_from_u64(11);
    let token = CancelToken::new();
    let points = bytes::<G1>(&points::<G1>(&mut rng, 3000));
    for backend in fast() {
        let told = std::sync::Mutex::new(0.0);
        let work = |part| *told.lock().unwrap() += part;
        let control = Control::new(&token, &work);
        backend.scale_g1(&points, &Scalar::from(77u64), &control).unwrap();
        let told = *told.lock().unwrap();
        assert!((told - 1.0f64).abs() < 1e-6, "{} tells {told}", backend.name());
    }
}

/// By doubling and adding: arkworks' own product reduces the scalar by the order of the group.
fn plain_product(point: G2Projective, scalar: &[u64]) -> G2Projective {
    BitIteratorBE::new(scalar).fold(G2Projective::default(), |mut sum, bit| {
        sum.double_in_place();
        if bit { sum + point } else { sum }
    })
}

/// A point of the twist whose order is 10069, the smallest factor of the cofactor: none of the second group.
fn point_of_small_order() -> G2Affine {
    let mut cofactor = ark_bn254::g2::Config::COFACTOR.to_vec();
    let mut remainder = 0;
    for limb in cofactor.iter_mut().rev() {
        let value = remainder << 64 | u128::from(*limb);
        *limb = u64::try_from(value / SMALL_ORDER).unwrap();
        remainder = value % SMALL_ORDER;
    }
    assert_eq!(remainder, 0);
    (1u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(x.into(), Fq::from(1u64)), true))
        .map(|point| plain_product(plain_product(point.into(), Fr::MODULUS.as_ref()), &cofactor))
        .find(|point| !point.is_zero())
        .unwrap()
        .into_affine()
}

const SMALL_ORDER: u128 = 10069;

#[test]
fn scaling_survives_points_that_are_none_of_the_group() {
    let mut rng = StdRng::seed_from_u64(12);
    let token = CancelToken::new();
    let control = Control::silent(&token);
    let mut points = points::<G2>(&mut rng, 700);
    points[300] = point_of_small_order();
    let input = bytes::<G2>(&points);
    // The last digit is 5, and 5 or -5 is also what the digits above come to, modulo the small order.
    for rest in [5, SMALL_ORDER - 5] {
        let above = (1..)
            .map(|k| 32 * k)
            .find(|above| above % SMALL_ORDER == rest)
            .unwrap();
        let scalar = u64::try_from(above + 5).unwrap();
        let expected: Vec<_> = points
            .iter()
            .map(|point| plain_product(point.into_group(), &[scalar]).into_affine())
            .collect();
        assert_eq!(expected[300].is_zero(), rest != 5);
        let expected = bytes::<G2>(&expected);
        for backend in fast() {
            let got = backend.scale_g2(&input, &Scalar::from(scalar), &control).unwrap();
            assert!(got == expected, "{} {scalar}", backend.name());
        }
    }
}
