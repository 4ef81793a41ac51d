//! Points in the bytes of a key: read with every check but the subgroup's, and written.
//!
//! Coordinates are times 2^256 (Montgomery's form) modulo the base field's prime, little-endian; G1 is x, y in
//! 64 bytes, G2 is x.c0, x.c1, y.c0, y.c1 in 128; zeros are infinity.
//!
//! Depends on: `popw-kernels` for the bytes. Where to go next: `check`, which adds the subgroup.

use crate::container::{FR_BYTES, read_limbs};
use crate::error::PointFault;
use ark_bn254::{Fq, Fr};
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::PrimeField;
use popw_kernels::{Curve, G1, G2};

/// One of the two groups, with its curve's equation.
pub(crate) trait Group: Curve<Affine = Affine<Self::Config>> {
    /// The curve.
    type Config: SWCurveConfig<ScalarField = Fr>;
}

impl Group for G1 {
    type Config = ark_bn254::g1::Config;
}

impl Group for G2 {
    type Config = ark_bn254::g2::Config;
}

/// A point that is canonical and on its curve; whether it is in the subgroup is not asked (in G1 it is).
pub(crate) fn read<C: Group>(bytes: &[u8]) -> Result<Affine<C::Config>, PointFault> {
    let (coordinates, _) = bytes.as_chunks::<{ FR_BYTES as usize }>();
    if coordinates.iter().any(|bytes| read_limbs(bytes) >= Fq::MODULUS) {
        return Err(PointFault::NotCanonical);
    }
    let point = C::read(bytes);
    match point.is_on_curve() {
        true => Ok(point),
        false => Err(PointFault::NotOnCurve),
    }
}

/// The bytes of a point.
pub(crate) fn write<C: Group>(point: &Affine<C::Config>) -> Vec<u8> {
    let mut bytes = vec![0; C::POINT_BYTES];
    C::write(point, &mut bytes);
    bytes
}
