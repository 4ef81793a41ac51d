//! Points and scalars for the law suites of the groups.

use ark_bn254::Fr;
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::{PrimeField, UniformRand};
use ark_std::rand::rngs::StdRng;
use popw_kernels::{Curve, Scalar};

/// As a key has them.
pub(crate) fn bytes<C: Curve>(points: &[C::Affine]) -> Vec<u8> {
    let mut bytes = vec![0; points.len() * C::POINT_BYTES];
    for (point, bytes) in points.iter().zip(bytes.chunks_exact_mut(C::POINT_BYTES)) {
        C::write(point, bytes);
    }
    bytes
}

/// Neighbours differ by the generator: none are equal or opposite.
pub(crate) fn points<C: Curve>(rng: &mut StdRng, count: usize) -> Vec<C::Affine> {
    let sums: Vec<C::Projective> = (0..count)
        .scan(C::Projective::rand(rng), |sum, _| {
            *sum += C::Projective::generator();
            Some(*sum)
        })
        .collect();
    C::Projective::normalize_batch(&sums)
}

/// Random, of full size.
pub(crate) fn scalars(rng: &mut StdRng, count: usize) -> Vec<Scalar> {
    (0..count).map(|_| Fr::rand(rng).into_bigint()).collect()
}
