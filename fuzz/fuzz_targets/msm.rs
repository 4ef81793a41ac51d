//! Multi-scalar multiplication: every backend of this machine agrees with the reference, on bases that collide often.
//!
//! An input is a list of pairs: one byte chooses a base out of few (its multiples of the generator are small and of both
//! signs, and one is infinity), one byte tells how many bytes of a scalar follow.
#![no_main]

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::PrimeField;
use libfuzzer_sys::fuzz_target;
use popw_kernels::backend::{available, by_name};
use popw_kernels::{Bases, CancelToken, Control, Curve, G1, Scalar};
use std::sync::LazyLock;

static POINTS: LazyLock<Vec<G1Affine>> = LazyLock::new(|| {
    let point = |index: i64| match index {
        0 => G1Projective::default(),
        _ => G1Affine::generator() * Fr::from(index),
    };
    G1Projective::normalize_batch(&(-8..8).map(point).collect::<Vec<_>>())
});

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    let (mut bases, mut scalars) = (Vec::new(), Vec::<Scalar>::new());
    while let [base, length, tail @ ..] = rest {
        let length = usize::from(length % 33).min(tail.len());
        let mut point = [0; 64];
        G1::write(&POINTS[usize::from(base % 16)], &mut point);
        bases.extend(point);
        scalars.push(Fr::from_le_bytes_mod_order(&tail[..length]).into_bigint());
        rest = &tail[length..];
    }
    let token = CancelToken::new();
    let control = Control::silent(&token);
    let sets = [Bases::new(&bases, 0).unwrap()];
    let expected = by_name("reference")
        .unwrap()
        .msm(&scalars, &sets, &[], &control)
        .unwrap();
    for backend in available() {
        let sums = backend.msm(&scalars, &sets, &[], &control).unwrap();
        assert_eq!(sums, expected, "{}", backend.name());
    }
});
