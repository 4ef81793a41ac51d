//! Hostile attestations: whatever is written between the honest votes is a counted rejection, and the scores stay the same.

#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

use std::sync::LazyLock;

use super::tests::{Texts, ZONE, ingest, watcher_secret};
use super::*;
use crate::attestation::{Attestation, Bitmap};
use crate::committee::draw;
use crate::eddsa::SecretKey;
use crate::field::keccak256;
use proptest::prelude::*;

/// An honest epoch in both encodings, vote by vote.
struct Honest {
    fleet: Fleet,
    votes: Vec<Vote>,
    secrets: Vec<SecretKey>,
}

static HONEST: LazyLock<Honest> = LazyLock::new(|| {
    let texts = Texts::new();
    let fleet = texts.read().unwrap();
    let (mut attestations, _) = texts.ingest(&fleet);
    let votes = attestations.votes(ZONE).unwrap().into_iter().flatten().collect();
    let secrets = (draw(fleet.epoch_tag(), ZONE, 3, 3).into_iter().enumerate())
        .map(|(seat, leaf)| {
            let key = fleet.watchers().watcher(seat, leaf).unwrap().key;
            let mut secrets = (0..4).map(|number| watcher_secret(seat, number));
            secrets.find(|secret| secret.public_key() == key).unwrap()
        })
        .collect();
    Honest {
        fleet,
        votes,
        secrets,
    }
});

/// What stands in the file, piece by piece.
fn write(encoding: Encoding, vote: &Vote) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoding.write_vote(&mut bytes, vote).unwrap();
    bytes
}

/// Numbers from a seed.
struct Draw(u64, u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.1 += 1;
        let hash = keccak256(format!("{} {}", self.0, self.1).as_bytes());
        (u64::from_be_bytes(hash[..8].try_into().unwrap()) % limit as u64) as usize
    }
}

const KINDS: usize = 14;

/// A hostile piece, whether it must stand behind the honest vote it plays with, and the reason if there is only one.
fn hostile(kind: usize, encoding: Encoding, draw: &mut Draw) -> (Vec<u8>, bool, Option<Reason>) {
    let honest = &HONEST.votes[draw.below(HONEST.votes.len())];
    let seat = honest.attestation.seat;
    let tag = HONEST.fleet.epoch_tag();
    let mut other = honest.bitmap.clone();
    let (device, slot) = (draw.below(16), draw.below(24));
    other.set(device, slot, !other.bit(device, slot));
    let signed = |secret: &SecretKey, tag: Fr, zone: u64, seat: usize, bitmap: &Bitmap| {
        let vote = Vote {
            bitmap: bitmap.clone(),
            attestation: Attestation::sign(secret, tag, zone, seat, bitmap),
        };
        write(encoding, &vote)
    };
    let renamed = |zone: u64, seat: usize| {
        let mut vote = honest.clone();
        (vote.attestation.zone, vote.attestation.seat) = (zone, seat);
        write(encoding, &vote)
    };
    let text = encoding == Encoding::JsonLines;
    let mut bytes = write(encoding, honest);
    match kind {
        // A byte is changed. It may still be the vote, spelled otherwise; or a line end, so that it becomes two lines.
        0 => {
            let at = draw.below(bytes.len());
            bytes[at] = bytes[at].wrapping_add(1 + draw.below(255) as u8);
            if text && bytes.last() != Some(&b'\n') {
                bytes.push(b'\n');
            }
            (bytes, true, None)
        }
        1 => {
            bytes.truncate(1 + draw.below(bytes.len() - 2));
            bytes.extend(text.then_some(b'\n'));
            (bytes, false, Some(Reason::Malformed))
        }
        2 => {
            let mut noise: Vec<u8> = (0..1 + draw.below(300)).map(|_| draw.below(256) as u8).collect();
            noise.retain(|byte| *byte != b'\n' && *byte != b'p');
            noise.push(if text { b'\n' } else { 0 });
            (noise, false, Some(Reason::Malformed))
        }
        3 => (bytes, true, Some(Reason::Duplicate)),
        // The drawn watcher itself signs something else.
        4 => (
            signed(&HONEST.secrets[seat], tag, ZONE, seat, &other),
            true,
            Some(Reason::Contradiction),
        ),
        5 => {
            let stranger = watcher_secret(seat, 9);
            (
                signed(&stranger, tag, ZONE, seat, &other),
                false,
                Some(Reason::WrongSignature),
            )
        }
        // Replayed from another epoch, chain or rule.
        6 => (
            signed(
                &HONEST.secrets[seat],
                tag + Fr::from(1u64),
                ZONE,
                seat,
                &honest.bitmap,
            ),
            false,
            Some(Reason::WrongSignature),
        ),
        7 => {
            let vote = Vote {
                bitmap: other,
                attestation: honest.attestation,
            };
            (write(encoding, &vote), false, Some(Reason::WrongDigest))
        }
        8 => (
            renamed(16 + draw.below(1000) as u64, seat),
            false,
            Some(Reason::NoSuchSeat),
        ),
        9 => (
            renamed(ZONE, 3 + draw.below(200)),
            false,
            Some(Reason::NoSuchSeat),
        ),
        10 => (renamed(ZONE, 2), false, Some(Reason::WrongSignature)),
        11 => (renamed(0, seat), false, Some(Reason::WrongSignature)),
        // A seat that is silent, voted for by the watcher of another.
        12 => (
            signed(&HONEST.secrets[seat], tag, ZONE, 2, &honest.bitmap),
            false,
            Some(Reason::WrongSignature),
        ),
        _ if text => {
            let line = match draw.below(6) {
                0 => "[".repeat(100_000),
                1 => "{\"zone\":1e999}".to_owned(),
                2 => String::new(),
                3 => "null".to_owned(),
                4 => String::from_utf8(bytes)
                    .unwrap()
                    .trim_end()
                    .replace("zone", "zome"),
                _ => "{\"zone\":1,\"zone\":1}".to_owned(),
            };
            (format!("{line}\n").into_bytes(), false, Some(Reason::Malformed))
        }
        // A mark and nothing behind it.
        _ => (
            binary::MARK.repeat(1 + draw.below(20)),
            false,
            Some(Reason::Malformed),
        ),
    }
}

proptest! {
    // 1,000 cases, 10,000 in the full tests.
    #![proptest_config(crate::cases(1_000))]

    #[test]
    fn hostile_votes_are_counted_and_change_nothing(
        seed: u64,
        compact: bool,
        pieces in prop::collection::vec((0..KINDS, 0..3usize), 1..5),
    ) {
        let honest = &*HONEST;
        let encoding = if compact { Encoding::Binary } else { Encoding::JsonLines };
        let mut draw = Draw(seed, 0);
        // Before, between and behind the honest votes.
        let mut gaps: [Vec<u8>; 3] = Default::default();
        let mut expected = Vec::new();
        for (kind, gap) in pieces {
            let (bytes, behind, reason) = hostile(kind, encoding, &mut draw);
            gaps[if behind { 2 } else { gap }].extend(bytes);
            expected.extend(reason);
        }
        let mut file = Vec::new();
        encoding.write_header(&mut file, honest.fleet.shape()).unwrap();
        for (gap, vote) in gaps.iter().zip([Some(0), Some(1), None]) {
            file.extend(gap);
            if let Some(vote) = vote {
                file.extend(write(encoding, &honest.votes[vote]));
            }
        }
        let (mut attestations, rejections) = ingest(&honest.fleet, encoding, file).unwrap();
        let votes: Vec<Vote> = attestations.votes(ZONE).unwrap().into_iter().flatten().collect();
        prop_assert_eq!(&votes, &honest.votes);
        prop_assert_eq!(attestations.len(), honest.votes.len());
        prop_assert!(!rejections.is_empty());
        for reason in Reason::ALL {
            let count = |list: &[Reason]| list.iter().filter(|found| **found == reason).count();
            let found: Vec<Reason> = rejections.iter().map(|rejection| rejection.flaw.reason).collect();
            // Noise in the compact form may run together.
            let least = if compact && reason == Reason::Malformed {
                count(&expected).min(1)
            } else {
                count(&expected)
            };
            prop_assert!(count(&found) >= least, "{reason}: {rejections:?}");
        }
    }
}

#[test]
fn an_oversized_line_is_skipped() {
    let honest = &*HONEST;
    let long = LINE_BYTES_MAX as usize;
    for (length, whole) in [(long - 1, true), (long, false), (3 * long + 7, false)] {
        let mut file = write(Encoding::JsonLines, &honest.votes[0]);
        file.extend(vec![b' '; length]);
        file.push(b'\n');
        file.extend(write(Encoding::JsonLines, &honest.votes[1]));
        let (attestations, rejections) = ingest(&honest.fleet, Encoding::JsonLines, file).unwrap();
        assert_eq!(attestations.len(), 2);
        let expected = if whole {
            Reason::Malformed
        } else {
            Reason::Oversized
        };
        assert_eq!(rejections.len(), 1);
        assert_eq!((rejections[0].flaw.reason, rejections[0].number), (expected, 2));
    }
}

#[test]
fn the_compact_form_is_of_one_shape() {
    let honest = &*HONEST;
    let mut file = Vec::new();
    let other = Shape {
        slots: 48,
        ..*honest.fleet.shape()
    };
    Encoding::Binary.write_header(&mut file, &other).unwrap();
    for length in 0..=file.len() {
        let refused = ingest(&honest.fleet, Encoding::Binary, file[..length].to_vec()).unwrap_err();
        assert!(
            matches!(refused, FleetError::Entry { ref field, .. } if field == "header"),
            "{refused}"
        );
    }
}

/// Whatever a file is cut to, the votes before the cut count and the rest is one rejection.
#[test]
fn the_compact_form_cut_at_every_byte() {
    let honest = &*HONEST;
    let mut file = Vec::new();
    Encoding::Binary
        .write_header(&mut file, honest.fleet.shape())
        .unwrap();
    let header = file.len();
    let record = binary::record_bytes(honest.fleet.shape());
    for vote in &honest.votes {
        file.extend(write(Encoding::Binary, vote));
    }
    assert_eq!(file.len(), header + 2 * record);
    for length in header..=file.len() {
        let (attestations, rejections) =
            ingest(&honest.fleet, Encoding::Binary, file[..length].to_vec()).unwrap();
        assert_eq!(attestations.len(), (length - header) / record, "{length}");
        assert_eq!(
            rejections.len(),
            usize::from((length - header) % record != 0),
            "{length}"
        );
    }
}

#[test]
fn a_file_that_changes_between_reading_and_claiming_is_noticed() {
    let honest = &*HONEST;
    for encoding in [Encoding::JsonLines, Encoding::Binary] {
        let mut file = Vec::new();
        encoding.write_header(&mut file, honest.fleet.shape()).unwrap();
        file.extend(write(encoding, &honest.votes[0]));
        let (mut attestations, _) = ingest(&honest.fleet, encoding, file).unwrap();
        attestations.overwrite(|file| {
            let middle = file.len() / 2;
            file[middle] ^= 1;
        });
        let noticed = match attestations.votes(ZONE) {
            // A changed bit of the bitmap is noticed when the vote is verified again.
            Ok(votes) => honest.fleet.claim(ZONE, &votes).is_err(),
            Err(error) => matches!(error, FleetError::Entry { .. }),
        };
        assert!(noticed, "{encoding:?}");
    }
}
