//! `attestations.bin`: the votes of an epoch in a compact form, about half of `attestations.jsonl`.
//!
//! Header: `"popwvote"`, then version (1), N, W and S, each four bytes. Record: `"popwrec\n"`, zone (8 bytes), seat (1), bitmap
//! ([`Bitmap::to_bytes`]), digest, x and y of R8, S (32 each), then the first 8 bytes of the keccak-256 of what stands
//! before them. Integers are big-endian and canonical.
//!
//! Mark and checksum are there so that a record that was cut off, by a crash of whoever wrote it, does not cost the next one.

use std::io::{self, Write};

use ark_ff::{BigInteger, PrimeField};

use super::attestations::{Flaw, Reason};
use crate::attestation::{Attestation, Bitmap};
use crate::babyjubjub::{parse_point, scalar_from_be_bytes};
use crate::eddsa::Signature;
use crate::field::{from_be_bytes, keccak256, to_be_bytes};
use crate::uptime::{Shape, Vote};

/// Bytes of the header.
const HEADER_BYTES: usize = 24;
const MAGIC: [u8; 8] = *b"popwvote";
const VERSION: u32 = 1;
/// What a record begins with.
pub(super) const MARK: [u8; 8] = *b"popwrec\n";
/// Bytes of an integer.
const WORD: usize = 32;
/// Bytes of zone and seat.
const PLACE_BYTES: usize = 9;
const CHECKSUM_BYTES: usize = 8;

/// Bytes of a record.
pub(super) fn record_bytes(shape: &Shape) -> usize {
    MARK.len() + PLACE_BYTES + bitmap_bytes(shape) + 4 * WORD + CHECKSUM_BYTES
}

fn bitmap_bytes(shape: &Shape) -> usize {
    (shape.devices * shape.slots).div_ceil(8)
}

/// Does a record begin with the mark and end with its checksum?
pub(super) fn is_whole(record: &[u8]) -> bool {
    let Some((content, checksum)) = record.split_last_chunk::<CHECKSUM_BYTES>() else {
        return false;
    };
    content.starts_with(&MARK) && keccak256(content).starts_with(checksum)
}

/// The header of a shape's file.
pub(super) fn header(shape: &Shape) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    let numbers = [VERSION as usize, shape.devices, shape.watchers, shape.slots];
    for (place, number) in bytes[8..].chunks_mut(4).zip(numbers) {
        // The limits of a shape are far below 2^32.
        place.copy_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
    }
    bytes
}

/// Writes a record.
pub(super) fn write(mut writer: impl Write, vote: &Vote) -> io::Result<()> {
    let Attestation {
        zone,
        seat,
        digest,
        signature,
    } = &vote.attestation;
    let mut record = MARK.to_vec();
    record.extend(zone.to_be_bytes());
    // A seat is below ten.
    record.push(u8::try_from(*seat).unwrap_or(u8::MAX));
    record.extend(vote.bitmap.to_bytes());
    for element in [digest, &signature.r8.x, &signature.r8.y] {
        record.extend(to_be_bytes(element));
    }
    record.extend(signature.s.into_bigint().to_bytes_be());
    let checksum = keccak256(&record);
    record.extend(&checksum[..CHECKSUM_BYTES]);
    writer.write_all(&record)
}

/// Reads a record of [`record_bytes`] bytes; mark and checksum are not looked at.
pub(super) fn parse(shape: &Shape, record: &[u8]) -> Result<Vote, Flaw> {
    let cut = || Flaw::new(Reason::Malformed, ".", "the record is cut off");
    let (_, rest) = record.split_first_chunk::<{ MARK.len() }>().ok_or_else(cut)?;
    let (rest, _) = rest.split_last_chunk::<CHECKSUM_BYTES>().ok_or_else(cut)?;
    let (zone, rest) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
    let (seat, rest) = rest.split_first().ok_or_else(cut)?;
    let (bitmap, rest) = rest.split_at_checked(bitmap_bytes(shape)).ok_or_else(cut)?;
    let bitmap = Bitmap::from_bytes(shape.devices, shape.slots, bitmap)
        .map_err(|error| Flaw::new(Reason::Malformed, "bitmap", error.to_string()))?;
    let (words, []) = rest.as_chunks::<WORD>() else {
        return Err(cut());
    };
    let [digest, x, y, s] = words else {
        return Err(cut());
    };
    let element = |field, word: &[u8; WORD]| {
        from_be_bytes(word).map_err(|error| Flaw::new(Reason::Malformed, field, error.to_string()))
    };
    let r8 = parse_point(element("signature.r8[0]", x)?, element("signature.r8[1]", y)?)
        .map_err(|error| Flaw::new(Reason::Malformed, "signature.r8", error.to_string()))?;
    let s = scalar_from_be_bytes(s)
        .map_err(|error| Flaw::new(Reason::Malformed, "signature.s", error.to_string()))?;
    Ok(Vote {
        bitmap,
        attestation: Attestation {
            zone: u64::from_be_bytes(*zone),
            seat: usize::from(*seat),
            digest: element("digest", digest)?,
            signature: Signature { r8, s },
        },
    })
}
