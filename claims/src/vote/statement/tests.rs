//! Tests of [`crate::vote::statement`].

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::field::{from_be_bytes, to_be_bytes};
use crate::uptime::statement::tests::Fixture;

const SEAT: usize = 2;

fn honest() -> (Witness, Shape, Fixture) {
    let fixture = Fixture::new();
    let witness = Witness::open(&fixture.network(), fixture.zone, SEAT, &fixture.votes).unwrap();
    (witness, Shape::of(&fixture.shape), fixture)
}

fn refused(change: impl FnOnce(&mut Witness, &mut Shape)) -> ClaimError {
    let (mut witness, mut shape, _) = honest();
    change(&mut witness, &mut shape);
    witness.evaluate(&shape).unwrap_err()
}

#[test]
fn an_honest_witness_leads_to_what_u1_has() {
    let (witness, shape, fixture) = honest();
    let outcome = witness.evaluate(&shape).unwrap();
    let uptime = fixture.witness().evaluate(&fixture.shape).unwrap();
    let committed = outcome.committed;
    assert_eq!(
        (committed.registry_root, committed.parameters_hash),
        (uptime.registry_root, uptime.parameters_hash)
    );
    assert_eq!(
        (committed.epoch_tag, committed.zone),
        (uptime.epoch_tag, uptime.zone)
    );
    assert_eq!(outcome.words[0], Fr::from(SEAT as u64));
    assert_eq!(outcome.words[1], uptime.digests[SEAT]);
    assert_eq!(committed.out_commit, sponge("vote-out", &outcome.words[..5]));
    assert_eq!(
        outcome.words[5..],
        fixture.votes[SEAT].as_ref().unwrap().bitmap.elements()
    );
}

#[test]
fn malformed_shapes_and_sizes() {
    assert!(matches!(refused(|_, s| s.watchers = 0), ClaimError::Shape(_)));
    let size = |error| match error {
        ClaimError::Size { what, .. } => what,
        error => panic!("{error}"),
    };
    assert_eq!(
        size(refused(|w, _| w.bitmap = Bitmap::new(1, 24))),
        "devices of the bitmap"
    );
    assert_eq!(
        size(refused(|w, _| w.bitmap = Bitmap::new(16, 25))),
        "slots of the bitmap"
    );
    assert_eq!(
        size(refused(|w, _| w.path.truncate(2))),
        "levels of the seat's path"
    );
    assert_eq!(size(refused(|w, _| w.seat_roots.truncate(3))), "roots of seats");
    assert_eq!(size(refused(|_, s| s.watchers = 5)), "roots of seats");
}

#[test]
fn canary_and_seats() {
    assert_eq!(
        refused(|w, _| w.epoch_tag = Fr::from(0u64)),
        ClaimError::CanaryEpochTag
    );
    for seat in [4, 16, usize::MAX] {
        let error = ClaimError::NoSuchSeat { seat, seats: 4 };
        assert_eq!(refused(|w, _| w.seat = seat), error);
    }
}

#[test]
fn the_signature_binds_epoch_zone_seat_and_bitmap() {
    let mismatch = ClaimError::Signature(EddsaError::Mismatch);
    let one = Fr::from(1u64);
    assert_eq!(refused(|w, _| w.epoch_tag += one), mismatch);
    assert_eq!(refused(|w, _| w.zone += 1), mismatch);
    assert_eq!(refused(|w, _| w.seat = 1), mismatch);
    assert_eq!(refused(|w, _| w.bitmap.set(15, 23, true)), mismatch);
    assert_eq!(refused(|w, _| w.key = -w.key), mismatch);
    assert_eq!(
        refused(|w, _| w.signature.s += crate::babyjubjub::Scalar::from(1u64)),
        mismatch
    );
    assert_eq!(
        refused(|w, _| w.signature = crate::opening::absent_seat_signature()),
        mismatch
    );
}

#[test]
fn another_watcher_or_sibling_leads_to_another_registry() {
    let (witness, shape, _) = honest();
    let expected = witness.evaluate(&shape).unwrap().committed.registry_root;
    let one = Fr::from(1u64);
    let changes: [fn(&mut Witness, Fr); 4] = [
        |w, one| w.owner += one,
        |w, one| w.seat_roots[0] += one,
        |w, one| w.device_root += one,
        // The node at the drawn place is not read, the fifteen others are.
        |w, one| w.path[1].iter_mut().for_each(|child| *child += one),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = witness.clone();
        change(&mut changed, one);
        let outcome = changed.evaluate(&shape).unwrap();
        assert_ne!(outcome.committed.registry_root, expected, "change {number}");
    }
    // The root of the seat itself is not read.
    let mut changed = witness;
    changed.seat_roots[SEAT] += one;
    assert_eq!(
        changed.evaluate(&shape).unwrap().committed.registry_root,
        expected
    );
}

#[test]
fn data_and_statement() {
    let (witness, shape, _) = honest();
    let outcome = witness.evaluate(&shape).unwrap();
    let data = outcome.settlement_data();
    assert_eq!(data.len(), 32 * shape.words());
    assert_eq!(data[31], SEAT.to_be_bytes()[7]);
    assert_eq!(data[32..64], to_be_bytes(&outcome.words[1]));
    assert_eq!(data[128..160], witness.signature.s_bytes());

    let statement = outcome.statement([1, 2, 3, 4]);
    assert_eq!(statement, outcome.statement_at(statement.z));
    assert_ne!(outcome.statement([1, 2, 3, 5]).z, statement.z);
    let mut power = Fr::from(1u64);
    let mut y = Fr::from(0u64);
    for word in data.as_chunks().0 {
        y += from_be_bytes(word).unwrap() * power;
        power *= statement.z;
    }
    assert_eq!(statement.y, y);
}
