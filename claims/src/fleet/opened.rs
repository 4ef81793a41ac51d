//! Tests of [`super::Fleet::vote`]: votes that are opened, and what comes back from the published words.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::tests::{Texts, ZONE, ingest};
use super::*;
use crate::vote::{AssemblyError as VoteError, Shape as VoteShape, read};

/// V1's verifier, which is not the epoch's.
const SELECTOR: [u8; 4] = [9, 8, 7, 6];

#[test]
fn an_opened_vote_is_of_the_epoch_of_u1() {
    let texts = Texts::new();
    let fleet = texts.read().unwrap();
    let votes = texts.ingest(&fleet).0.votes(ZONE).unwrap();
    let opened = fleet.vote(ZONE, 1, &votes, SELECTOR).unwrap();
    let claim = fleet.claim(ZONE, &votes).unwrap();
    assert_eq!(
        opened.statement.public_inputs()[..4],
        claim.statement.public_inputs()[..4]
    );
    assert_eq!(opened.outcome.words[1], claim.outcome.digests[1]);
    assert_ne!(
        fleet.vote(ZONE, 1, &votes, [1, 2, 3, 4]).unwrap().statement.z,
        opened.statement.z
    );
}

/// The zone's votes reach a second prover through the published words only, and it claims the same.
#[test]
fn a_zone_is_claimed_from_published_words() {
    let texts = Texts::new();
    let fleet = texts.read().unwrap();
    let votes = texts.ingest(&fleet).0.votes(ZONE).unwrap();
    let shape = VoteShape::of(fleet.shape());
    let mut file = Vec::new();
    for seat in [1, 0] {
        let published = fleet.vote(ZONE, seat, &votes, SELECTOR).unwrap().settlement_data;
        let vote = read(&published, &shape, ZONE).unwrap();
        assert_eq!(judge(&fleet.network(), &vote), Ok(()));
        write_vote(&mut file, &vote).unwrap();
    }
    let (mut attestations, rejections) = ingest(&fleet, Encoding::JsonLines, file).unwrap();
    assert_eq!(rejections, []);
    let read_back = attestations.votes(ZONE).unwrap();
    assert_eq!(read_back, votes);
    assert_eq!(
        fleet.claim(ZONE, &read_back).unwrap(),
        fleet.claim(ZONE, &votes).unwrap()
    );
}

/// Published words of another zone, or changed ones, do not count.
#[test]
fn published_words_are_judged_as_any_vote() {
    let texts = Texts::new();
    let fleet = texts.read().unwrap();
    let votes = texts.ingest(&fleet).0.votes(ZONE).unwrap();
    let shape = VoteShape::of(fleet.shape());
    let data = fleet.vote(ZONE, 0, &votes, SELECTOR).unwrap().settlement_data;
    let reason = |data: &[u8], zone| {
        let vote = read(data, &shape, zone).unwrap();
        judge(&fleet.network(), &vote).unwrap_err().reason
    };
    assert_eq!(reason(&data, 0), Reason::WrongSignature);
    assert_eq!(reason(&data, 16), Reason::NoSuchSeat);
    let mut seat = data.clone();
    seat[31] = 1;
    assert_eq!(reason(&seat, ZONE), Reason::WrongSignature);
    let mut bit = data;
    *bit.last_mut().unwrap() ^= 1;
    assert_eq!(reason(&bit, ZONE), Reason::WrongDigest);
}

#[test]
fn votes_that_cannot_be_opened() {
    let texts = Texts::new();
    let fleet = texts.read().unwrap();
    let votes = texts.ingest(&fleet).0.votes(ZONE).unwrap();
    let refused = |zone, seat, votes: &[Option<Vote>]| match fleet.vote(zone, seat, votes, SELECTOR) {
        Err(FleetError::Vote { error, .. }) => *error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(ZONE, 2, &votes), VoteError::AbsentSeat { seat: 2 });
    assert_eq!(
        refused(ZONE, 3, &votes),
        VoteError::NoSuchSeat { seat: 3, seats: 3 }
    );
    let uptime = |error| match error {
        VoteError::Uptime(error) => error,
        error => panic!("{error}"),
    };
    assert!(matches!(
        uptime(refused(16, 0, &votes)),
        AssemblyError::Devices(_)
    ));
    assert!(matches!(
        uptime(refused(0, 0, &votes)),
        AssemblyError::WrongSeat {
            seat: 0,
            zone: ZONE,
            ..
        }
    ));
    assert!(matches!(
        uptime(refused(ZONE, 0, &votes[..2])),
        AssemblyError::Shape { what: "votes", .. }
    ));
    let mut forged = votes.clone();
    forged[0].as_mut().unwrap().bitmap.set(1, 1, true);
    assert_eq!(
        uptime(refused(ZONE, 0, &forged)),
        AssemblyError::Digest { seat: 0 }
    );
    let mut forged = votes;
    let vote = forged[0].as_mut().unwrap();
    vote.bitmap.set(1, 1, true);
    vote.attestation.digest = vote.bitmap.digest();
    assert!(matches!(
        uptime(refused(ZONE, 0, &forged)),
        AssemblyError::Signature { seat: 0, .. }
    ));
}
