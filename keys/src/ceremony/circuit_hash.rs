//! The circuit hash of an initial key: what contributions are bound to, byte for byte snarkjs's.
//!
//! BLAKE2b-512 of alpha, beta (both groups), gamma, delta (both groups), then for IC, H, C, A, B1 and B2 their number, four
//! bytes big-endian, and their points uncompressed. For H these are not the key's points but the m - 1 differences
//! tau^(m+i) - tau^i, so that other tools can recompute it from the powers.
//!
//! **Beyond the end.** snarkjs 0.7.6 hashes the differences in pieces of 2^14 and does not cut the last piece. For m of 2^15 and
//! more, one difference too many is hashed: tau^(2m-1) - tau^(m-1). If m is the largest domain that the file of powers
//! has, tau^(2m-1) is not in it, and the 64 bytes behind the last power (the next section's head and the beginning of its first
//! point) are taken for a point. It is on no curve and its coordinates may exceed the prime, so what snarkjs's limb
//! arithmetic makes of it is computed here step by step ([`Raw`]). The hash is well defined all the same: it is a
//! function of the file.
//!
//! Depends on: `encoding`, the kernels' sums. Where to go next: [`super::initialize`].

use super::combine::{Group, narrow};
use super::encoding::{Hash512, uncompressed_g1, uncompressed_g2};
use crate::zkey::Header;
use ark_bn254::{Fq, FqConfig, G1Affine};
use ark_ff::{BigInt, BigInteger, Field, MontConfig, PrimeField};
use blake2::{Blake2b512, Digest};
use popw_kernels::{Backend, Control, Curve, G1, G2, KernelError, Lists};
use rayon::prelude::*;

/// Points that snarkjs hashes at a time.
const PIECE: usize = 1 << 14;

/// A circuit hash in the making.
pub(super) struct CircuitHash(Blake2b512);

impl CircuitHash {
    /// Begins with the single points of a key.
    pub(super) fn new(header: &Header) -> Self {
        let mut hash = Blake2b512::new();
        hash.update(uncompressed_g1(&header.alpha_g1));
        hash.update(uncompressed_g1(&header.beta_g1));
        hash.update(uncompressed_g2(&header.beta_g2));
        hash.update(uncompressed_g2(&header.gamma_g2));
        hash.update(uncompressed_g1(&header.delta_g1));
        hash.update(uncompressed_g2(&header.delta_g2));
        Self(hash)
    }

    /// Adds points of the first group, in a key's bytes.
    pub(super) fn g1(&mut self, points: &[u8]) {
        self.count(points.len() / G1::POINT_BYTES);
        self.points::<G1, 64>(points, uncompressed_g1);
    }

    /// Adds points of the second group.
    pub(super) fn g2(&mut self, points: &[u8]) {
        self.count(points.len() / G2::POINT_BYTES);
        self.points::<G2, 128>(points, uncompressed_g2);
    }

    /// Adds what stands for H of a domain of `size` rows. `powers` are those of tau that the file has, `behind` the bytes that
    /// follow them in the file.
    pub(super) fn differences(
        &mut self,
        backend: &dyn Backend,
        powers: &[u8],
        behind: &[u8; 64],
        size: usize,
        control: &Control<'_>,
    ) -> Result<(), KernelError> {
        self.count(size - 1);
        let pieces = (size - 1).div_ceil(PIECE);
        let asked = pieces * PIECE.min(size - 1);
        let there = (powers.len() / G1::POINT_BYTES).saturating_sub(size);
        let count = asked.min(there);
        let items: Vec<u32> = (0..count)
            .flat_map(|index| [2 * narrow(size + index), 2 * narrow(index) + 1])
            .collect();
        let starts: Vec<u32> = (0..=count).map(|index| 2 * narrow(index)).collect();
        let differences = G1::sums(backend, Lists::new(powers, &items, &starts)?, control)?;
        self.points::<G1, 64>(&differences, uncompressed_g1);
        if count < asked {
            let last = powers.chunks_exact(G1::POINT_BYTES).nth(count);
            self.0.update(beyond(behind, &G1::read(last.unwrap_or(&[0; 64]))));
        }
        Ok(())
    }

    fn count(&mut self, count: usize) {
        self.0.update(narrow(count).to_be_bytes());
    }

    fn points<C: Curve, const BYTES: usize>(
        &mut self,
        points: &[u8],
        encode: impl Fn(&C::Affine) -> [u8; BYTES] + Sync,
    ) {
        for points in points.chunks(PIECE * C::POINT_BYTES) {
            let encoded: Vec<[u8; BYTES]> = points
                .par_chunks_exact(C::POINT_BYTES)
                .map(|bytes| encode(&C::read(bytes)))
                .collect();
            self.0.update(encoded.as_flattened());
        }
    }

    /// The hash.
    pub(super) fn finish(self) -> Hash512 {
        self.0.finalize().into()
    }
}

/// A number of 256 bits that stands for a base field element times 2^256, perhaps not reduced: additions, subtractions and
/// products are those of snarkjs's field (wasmcurves), which reduce at most once and drop what exceeds 256 bits.
#[derive(Clone, Copy)]
struct Raw(BigInt<4>);

impl Raw {
    fn new(bytes: &[u8]) -> Self {
        let mut limbs = [0; 4];
        for (limb, bytes) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        Self(BigInt::new(limbs))
    }

    /// Subtracts the prime once if it is needed; `carry` is the 257th bit.
    fn reduced(mut value: BigInt<4>, carry: bool) -> Self {
        if carry || value >= Fq::MODULUS {
            value.sub_with_borrow(&Fq::MODULUS);
        }
        Self(value)
    }

    fn plus(self, other: Self) -> Self {
        let mut sum = self.0;
        let carry = sum.add_with_carry(&other.0);
        Self::reduced(sum, carry)
    }

    fn minus(self, other: Self) -> Self {
        let mut difference = self.0;
        if difference.sub_with_borrow(&other.0) {
            difference.add_with_carry(&Fq::MODULUS);
        }
        Self(difference)
    }

    /// Montgomery's product: (a b + m q) / 2^256 with m < 2^256 such that it divides.
    fn times(self, other: Self) -> Self {
        let (q, inverse) = (Fq::MODULUS.0, FqConfig::INV);
        let mut t = [0_u64; 6];
        for a in self.0.0 {
            let mut add = |factor: u64, limbs: &[u64; 4]| {
                let mut carry = 0_u128;
                for (t, limb) in t.iter_mut().zip(limbs) {
                    carry += u128::from(*t) + u128::from(factor) * u128::from(*limb);
                    *t = low(carry);
                    carry >>= 64;
                }
                for t in t.iter_mut().skip(4) {
                    carry += u128::from(*t);
                    *t = low(carry);
                    carry >>= 64;
                }
                t[0]
            };
            let lowest = add(a, &other.0.0);
            add(lowest.wrapping_mul(inverse), &q);
            t.rotate_left(1);
            t[5] = 0;
        }
        Self::reduced(BigInt::new([t[0], t[1], t[2], t[3]]), t[4] > 0)
    }

    /// The field element.
    fn value(self) -> Fq {
        let mut value = self.0;
        while value >= Fq::MODULUS {
            value.sub_with_borrow(&Fq::MODULUS);
        }
        Fq::new_unchecked(value)
    }
}

/// The lower half.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the lower half is what is asked for"
)]
fn low(value: u128) -> u64 {
    value as u64
}

/// What snarkjs makes of 64 bytes that are no point minus a point.
fn beyond(bytes: &[u8; 64], subtrahend: &G1Affine) -> [u8; 64] {
    let (x, y) = bytes.split_at(32);
    let (x1, y1) = (Raw::new(x), Raw::new(y));
    let (x2, y2) = (Raw(subtrahend.x.0), Raw((-subtrahend.y).0));
    // The addition formulas are "madd-2007-bl" with both points affine, in Jacobian coordinates.
    let twice = |value: Raw| value.plus(value);
    let h = x2.minus(x1);
    let slope = twice(y2.minus(y1));
    let i = twice(twice(h.times(h)));
    let j = h.times(i);
    let v = x1.times(i);
    let x3 = slope.times(slope).minus(j).minus(twice(v));
    let y3 = v.minus(x3).times(slope).minus(twice(y1.times(j)));
    let z3 = twice(h);
    let inverse = z3.value().inverse().unwrap_or_default();
    let square = inverse * inverse;
    let sum = G1Affine::new_unchecked(x3.value() * square, y3.value() * square * inverse);
    uncompressed_g1(&sum)
}
