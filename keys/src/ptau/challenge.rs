//! The hashes that contributions answer: of the accumulator before the first contribution, and of the one after the last.
//!
//! ```text
//! blake2b(response of the contribution | tauG1 | tauG2 | alphaTauG1 | betaTauG1 | betaG2)     points uncompressed
//! ```
//!
//! Before the first contribution the response is the hash of nothing and all points are generators.
//!
//! Depends on: [`crate::ceremony`] for the encoding of points. Where to go next: `chain`.

use super::{Part, Ptau};
use crate::ceremony::encoding::{Hash512, blake2b, uncompressed_g1, uncompressed_g2};
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;
use blake2::{Blake2b512, Digest};
use popw_kernels::{Control, Curve, G1, G2, KernelError};
use rayon::prelude::*;

/// Points that are hashed between two looks at the control.
const PIECE: usize = 1 << 14;

/// The sections that are hashed, in this order.
const HASHED: [Part; 5] = [
    Part::TauG1,
    Part::TauG2,
    Part::AlphaTauG1,
    Part::BetaTauG1,
    Part::BetaG2,
];

/// The first challenge of a ceremony of power 28, the one that the published files come from. It is the hash of 96 GiB of
/// generators, which takes minutes ([`compute_first`]); the first contributor to the perpetual powers of tau signed it; and that
/// the proofs of the first contribution hold for it shows it too.
const FIRST_28: Hash512 = [
    0x93, 0xda, 0x91, 0x92, 0x0d, 0x5a, 0x54, 0xa8, 0xa0, 0xfd, 0xe5, 0x5c, 0xd9, 0xdc, 0x3a, 0x10, 0xc4,
    0xf3, 0xee, 0xf7, 0x68, 0xb6, 0x2c, 0x09, 0x48, 0x74, 0x13, 0x70, 0x86, 0x42, 0x54, 0xb4, 0xc1, 0x92,
    0x0f, 0x3f, 0x29, 0xd4, 0xeb, 0xc0, 0xef, 0x3a, 0xce, 0xcf, 0x2e, 0x2d, 0xb6, 0x3a, 0x75, 0x57, 0x13,
    0xd7, 0x7e, 0x1e, 0xd7, 0x73, 0x47, 0xa5, 0x6f, 0xbc, 0x31, 0x7c, 0x7a, 0x93,
];

/// The challenge that the first contribution to a ceremony of this power answers, from the table or computed.
pub(super) fn first(power: u32, control: &Control<'_>) -> Result<Hash512, KernelError> {
    match power {
        28 => Ok(FIRST_28),
        power => compute_first(power, control),
    }
}

/// The same, computed: for power 28 that takes minutes.
pub(super) fn compute_first(power: u32, control: &Control<'_>) -> Result<Hash512, KernelError> {
    let mut hash = Blake2b512::new();
    hash.update(blake2b(&[]));
    let g1 = uncompressed_g1(&G1Affine::generator()).repeat(PIECE);
    let g2 = uncompressed_g2(&G2Affine::generator()).repeat(PIECE);
    for part in HASHED {
        let points = match part {
            Part::TauG2 | Part::BetaG2 => &g2,
            _ => &g1,
        };
        // Points take as many bytes here as in a file.
        let mut left = part.bytes(power).unwrap_or_default();
        while left > 0 {
            control.check()?;
            let now = left.min(points.len() as u64);
            let some = usize::try_from(now).ok().and_then(|now| points.get(..now));
            hash.update(some.unwrap_or_default());
            left -= now;
        }
    }
    Ok(hash.finalize().into())
}

/// The hash of a file's points after this response.
pub(super) fn next(ptau: &Ptau, response: &Hash512, control: &Control<'_>) -> Result<Hash512, KernelError> {
    let mut hash = Blake2b512::new_with_prefix(response);
    for part in HASHED {
        match part {
            Part::TauG2 | Part::BetaG2 => {
                update::<G2, 128>(&mut hash, ptau.section(part), uncompressed_g2, control)?;
            }
            _ => update::<G1, 64>(&mut hash, ptau.section(part), uncompressed_g1, control)?,
        }
    }
    Ok(hash.finalize().into())
}

fn update<C: Curve, const BYTES: usize>(
    hash: &mut Blake2b512,
    points: &[u8],
    encode: impl Fn(&C::Affine) -> [u8; BYTES] + Sync,
    control: &Control<'_>,
) -> Result<(), KernelError> {
    for points in points.chunks(PIECE * C::POINT_BYTES) {
        control.check()?;
        let encoded: Vec<[u8; BYTES]> = points
            .par_chunks_exact(C::POINT_BYTES)
            .map(|bytes| encode(&C::read(bytes)))
            .collect();
        hash.update(encoded.as_flattened());
    }
    Ok(())
}
