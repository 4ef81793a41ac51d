//! `.transcript`: what a ceremony added to a circuit and a phase 1. With these two the whole key is made again, byte for byte, so a
//! repository can hold a transcript a tenth as large as its key.
//!
//! ```text
//! 1 contributions   section 10 of the key, byte for byte
//! 2 delta           G1, compressed [32] | G2, compressed [64]
//! 3 C               points, compressed [32]
//! 4 H               points, compressed [32]
//! ```
//!
//! Compressed as arkworks has it: x little-endian, the two highest bits tell y's sign and infinity. The frame is that of the other
//! formats, with the magic bytes "phs2" and version 1.
//!
//! Depends on: `container`, [`super::initialize`]. Where to go next: [`super::manifest`].

use super::{CeremonyError, initialize};
use crate::container::{Container, Format, Section, write_section};
use crate::error::{Problem, ReadError, WriteError};
use crate::ptau::Ptau;
use crate::zkey::{Contributions, Layout, NewKey, Zkey};
use ark_bn254::G1Affine;
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use popw_kernels::{Backend, Control, Curve, G1};
use rayon::prelude::*;
use std::io::Write;

const CONTRIBUTIONS: u32 = 1;
const DELTA: u32 = 2;
const C: u32 = 3;
const H: u32 = 4;

static FORMAT: Format = Format {
    name: "transcript",
    magic: *b"phs2",
    version: 1,
    sections: &[
        (CONTRIBUTIONS, "contributions"),
        (DELTA, "delta"),
        (C, "C"),
        (H, "H"),
    ],
};

/// Bytes of a compressed point of the first group.
const POINT_BYTES: usize = 32;
/// Bytes of section 2.
const DELTA_BYTES: usize = 32 + 64;
/// Points that one task packs.
const PIECE: usize = 1 << 10;

/// Writes the transcript of a key.
///
/// # Errors
/// If `out` refuses the bytes.
pub fn write_transcript(out: impl Write, key: &Zkey) -> Result<(), WriteError> {
    let mut delta = Vec::with_capacity(DELTA_BYTES);
    // Writing to a Vec cannot fail.
    let _ = key.header().delta_g1.serialize_compressed(&mut delta);
    let _ = key.header().delta_g2.serialize_compressed(&mut delta);
    let sections = [
        (CONTRIBUTIONS, key.contributions().bytes().to_vec()),
        (DELTA, delta),
        (C, packed(key.c())),
        (H, packed(key.h())),
    ];
    FORMAT.write(out, H, |out| {
        sections.iter().try_for_each(|(id, bytes)| {
            write_section(out, *id, bytes.len() as u64)?;
            out.write_all(bytes)
        })
    })
}

fn packed(points: &[u8]) -> Vec<u8> {
    let pack = |points: &[u8]| {
        let mut bytes = Vec::with_capacity(points.len() / 2);
        for point in points.chunks_exact(G1::POINT_BYTES) {
            // As above.
            let _ = G1::read(point).serialize_compressed(&mut bytes);
        }
        bytes
    };
    let pieces: Vec<Vec<u8>> = points.par_chunks(PIECE * G1::POINT_BYTES).map(pack).collect();
    pieces.concat()
}

/// Makes a key again from its circuit, its phase 1 and its transcript. What comes out is a key, not a verified one: that is
/// [`super::verify`]'s work, or the hash in a manifest.
///
/// # Errors
/// If a file cannot be read, the circuit or the phase 1 is another one, or the caller cancels.
pub fn rebuild(
    transcript: &[u8],
    r1cs_file: &[u8],
    ptau: &Ptau,
    backend: &dyn Backend,
    control: &Control<'_>,
) -> Result<NewKey, CeremonyError> {
    let file = Container::open(transcript, &FORMAT)?;
    let contributions = Contributions::read(file.section(CONTRIBUTIONS)?)?;
    let mut delta = file.section(DELTA)?;
    let start = delta.offset();
    let bytes: [u8; DELTA_BYTES] = delta.array()?;
    delta.finish()?;
    let (g1, g2) = bytes.split_at(POINT_BYTES);
    let wrong = |_| {
        let what = "points of delta that are compressed points";
        let (expected, got) = (2, 0);
        delta.error(start, Problem::Count { what, expected, got })
    };
    let delta_g1 = CanonicalDeserialize::deserialize_compressed(g1).map_err(wrong)?;
    let delta_g2 = CanonicalDeserialize::deserialize_compressed(g2).map_err(wrong)?;
    let mut key = initialize(r1cs_file, ptau, backend, control)?;
    key.c = unpacked(file.section(C)?, key.c.len() / G1::POINT_BYTES)?;
    key.h = unpacked(file.section(H)?, key.h.len() / G1::POINT_BYTES)?;
    if contributions.circuit_hash() != key.contributions.circuit_hash() {
        return Err(CeremonyError::CircuitHash);
    }
    key.contributions = contributions;
    key.header.delta_g1 = delta_g1;
    key.header.delta_g2 = delta_g2;
    key.layout = Layout::default();
    Ok(key)
}

fn unpacked(mut section: Section<'_>, count: usize) -> Result<Vec<u8>, ReadError> {
    let start = section.offset();
    let (what, expected, got) = (
        "bytes of compressed points",
        (count * POINT_BYTES) as u64,
        section.left(),
    );
    if expected != got {
        return Err(section.error(start, Problem::Count { what, expected, got }));
    }
    let bytes = section.take(got)?;
    let mut points = vec![0; count * G1::POINT_BYTES];
    let broken = points
        .par_chunks_mut(G1::POINT_BYTES)
        .zip(bytes.par_chunks(POINT_BYTES))
        .enumerate()
        .find_map_first(
            |(index, (point, bytes))| match G1Affine::deserialize_compressed(bytes) {
                Ok(found) => {
                    G1::write(&found, point);
                    None
                }
                Err(_) => Some(index),
            },
        );
    match broken {
        None => Ok(points),
        Some(index) => Err(section.error(
            start + (index * POINT_BYTES) as u64,
            Problem::Point {
                point: format!("point {index}"),
                fault: crate::error::PointFault::NotOnCurve,
            },
        )),
    }
}
