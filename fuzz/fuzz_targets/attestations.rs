//! Attestations in both encodings: whatever the bytes, a vote counts only if it is one that the fleet's watchers signed, bit for
//! bit, and every other piece of the file is rejected once.
//!
//! The bytes are read three times: as lines; as records behind the header; and as changes to the lawful records, whose
//! checksums are put right. A change is four bytes: two for the place, one for what is added to the byte there, one for how
//! often.
#![no_main]

use libfuzzer_sys::fuzz_target;
use popw_claims::field::{Fr, keccak256};
use popw_claims::fleet::{Attestations, Encoding, Fleet, Source};
use popw_claims::uptime::Vote;
use std::io::Cursor;
use std::sync::LazyLock;

/// The only zone with votes.
const ZONE: u64 = 1;
/// Bytes of the checksum that ends a record.
const CHECKSUM_BYTES: usize = 8;

macro_rules! fleet_file {
    ($name:literal) => {
        Source {
            name: $name.to_owned(),
            reader: &include_bytes!(concat!("../../testdata/protocol/fleet/", $name))[..],
        }
    };
}

static FLEET: LazyLock<Fleet> = LazyLock::new(|| {
    Fleet::read(
        fleet_file!("params.toml"),
        fleet_file!("epoch.toml"),
        fleet_file!("registry.jsonl"),
        fleet_file!("watchers.jsonl"),
    )
    .unwrap()
});

/// What the watchers signed, by seat.
static VOTES: LazyLock<Vec<Option<Vote>>> = LazyLock::new(|| {
    let lines = fleet_file!("attestations.jsonl").reader.to_vec();
    let (mut attestations, rejected) = ingest(Encoding::JsonLines, lines);
    assert_eq!((attestations.len(), rejected), (3, 0));
    attestations.votes(ZONE).unwrap()
});

static HEADER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut header = Vec::new();
    Encoding::Binary.write_header(&mut header, FLEET.shape()).unwrap();
    header
});

static RECORDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let written = |vote: &Vote| {
        let mut record = Vec::new();
        Encoding::Binary.write_vote(&mut record, vote).unwrap();
        record
    };
    VOTES.iter().flatten().map(written).collect()
});

/// The votes that count, and the number of rejections.
fn ingest(encoding: Encoding, bytes: Vec<u8>) -> (Attestations<Cursor<Vec<u8>>>, usize) {
    let source = Source {
        name: encoding.file_name().to_owned(),
        reader: Cursor::new(bytes),
    };
    let (mut rejected, mut last) = (0, 0);
    let attestations = Attestations::ingest(&FLEET, source, encoding, |rejection| {
        assert!(rejection.number > last, "in the order of the file");
        (rejected, last) = (rejected + 1, rejection.number);
    });
    // Only a file that cannot be read or a wrong header is an error.
    (attestations.unwrap(), rejected)
}

/// Reads a file of at most so many pieces.
fn check(encoding: Encoding, bytes: Vec<u8>, pieces: usize) {
    let (mut attestations, rejected) = ingest(encoding, bytes);
    assert!(attestations.len() + rejected <= pieces);
    let votes = attestations.votes(ZONE).unwrap();
    // Where there is a vote it is the signed one, and no vote stands in another zone.
    assert_eq!(votes.iter().flatten().count(), attestations.len());
    for ((vote, signed), digest) in votes.iter().zip(VOTES.iter()).zip(attestations.digests(ZONE)) {
        assert!(vote.is_none() || vote == signed);
        assert_eq!(
            digest,
            vote.as_ref()
                .map_or(Fr::from(0u64), |vote| vote.attestation.digest)
        );
    }
}

/// The lawful records with some bytes changed and checksums put right.
fn changed_records(changes: &[u8]) -> Vec<u8> {
    let mut records = RECORDS.clone();
    for change in changes.as_chunks().0 {
        let [high, low, add, count] = *change;
        let place = usize::from(high) << 8 | usize::from(low);
        for byte in records.iter_mut().flatten().skip(place).take(count.into()) {
            *byte = byte.wrapping_add(add);
        }
    }
    for record in &mut records {
        if let Some((content, checksum)) = record.split_last_chunk_mut::<CHECKSUM_BYTES>() {
            checksum.copy_from_slice(&keccak256(content)[..CHECKSUM_BYTES]);
        }
    }
    records.concat()
}

fuzz_target!(|bytes: &[u8]| {
    let lines = bytes.split(|byte| *byte == b'\n').count();
    check(Encoding::JsonLines, bytes.to_vec(), lines);
    // Where no record begins at least one byte is skipped.
    let raw = [&HEADER[..], bytes].concat();
    check(Encoding::Binary, raw, bytes.len());
    let records = changed_records(bytes);
    let length = records.len();
    check(Encoding::Binary, [HEADER.clone(), records].concat(), length);
});
