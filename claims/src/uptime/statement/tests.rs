//! Tests of [`crate::uptime::statement`].

#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

use super::*;
use crate::attestation::Attestation;
use crate::eddsa::SecretKey;
use crate::field::keccak256;
use crate::registry::{DeviceRegistry, Watcher, WatcherRegistry, example_device};
use crate::uptime::{Network, Preset, Vote};
use proptest::prelude::*;

/// A zone of 16 with three devices, four seats of four watchers, and votes of all seats.
pub(crate) struct Fixture {
    pub(crate) shape: Shape,
    pub(crate) parameters: Parameters,
    pub(crate) epoch_tag: Fr,
    pub(crate) zone: u64,
    pub(crate) devices: DeviceRegistry,
    pub(crate) watchers: WatcherRegistry,
    pub(crate) votes: Vec<Option<Vote>>,
}

fn secret(seat: usize, number: u64) -> SecretKey {
    SecretKey::from_bytes(&keccak256(format!("watcher {seat} {number}").as_bytes()))
}

/// The secret of the watcher with a key.
fn secret_of(key: &Point) -> SecretKey {
    let all = (0..4).flat_map(|seat| (0..4).map(move |number| secret(seat, number)));
    all.into_iter()
        .find(|secret| secret.public_key() == *key)
        .unwrap()
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let shape = Shape {
            device_levels: 2,
            ..Shape::new(16, 4, 24)
        };
        let (zone, epoch_tag) = (1, Fr::from(1_234_567u64));
        let devices = [2, 16, 17, 25].map(|index| (index, example_device(index)));
        let watcher = |seat: usize, number: u64| Watcher {
            owner: Fr::from(100 * seat as u64 + number),
            key: secret(seat, number).public_key(),
        };
        let seats = (0..4)
            .map(|seat| (0..4).map(|number| watcher(seat, number)).collect())
            .collect();
        let watchers = WatcherRegistry::new(3, seats, &[5; 32]).unwrap();
        let mut fixture = Self {
            shape,
            parameters: Preset::Geodnet.parameters(&shape, 86_400, 3),
            epoch_tag,
            zone,
            devices: DeviceRegistry::new(2, devices).unwrap(),
            watchers,
            votes: vec![],
        };
        let leaves = draw(epoch_tag, zone, 4, 3);
        for (seat, leaf) in leaves.into_iter().enumerate() {
            // Device 16 is up all day, 17 for 18 hours by three watchers, 25 for 20 by two; the fourth hears
            // an absent one.
            let mut bitmap = Bitmap::new(16, 24);
            (0..24).for_each(|slot| bitmap.set(0, slot, true));
            (0..18)
                .filter(|_| seat != 2)
                .for_each(|slot| bitmap.set(1, slot, true));
            (0..20)
                .filter(|_| seat < 2)
                .for_each(|slot| bitmap.set(9, slot, true));
            (0..24)
                .filter(|_| seat > 0)
                .for_each(|slot| bitmap.set(4, slot, true));
            let key = secret_of(&fixture.watchers.watcher(seat, leaf).unwrap().key);
            let attestation = Attestation::sign(&key, epoch_tag, zone, seat, &bitmap);
            fixture.votes.push(Some(Vote { bitmap, attestation }));
        }
        fixture
    }

    pub(crate) fn network(&self) -> Network<'_> {
        Network {
            shape: self.shape,
            parameters: self.parameters,
            epoch_tag: self.epoch_tag,
            devices: &self.devices,
            watchers: &self.watchers,
        }
    }

    pub(crate) fn witness(&self) -> Witness {
        self.network().witness(self.zone, &self.votes).unwrap()
    }
}

fn refused(change: impl FnOnce(&mut Witness, &mut Shape)) -> ClaimError {
    let fixture = Fixture::new();
    let (mut witness, mut shape) = (fixture.witness(), fixture.shape);
    change(&mut witness, &mut shape);
    witness.evaluate(&shape).unwrap_err()
}

#[test]
fn an_honest_witness() {
    let fixture = Fixture::new();
    let outcome = fixture.witness().evaluate(&fixture.shape).unwrap();
    let nonzero = |values: &[u32]| {
        values
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, value)| *value != 0)
            .collect::<Vec<_>>()
    };
    // Position 4 is heard by three watchers but registered nowhere; position 9 is heard by two.
    assert_eq!(nonzero(&outcome.up_slots), [(0, 24), (1, 18), (4, 24)]);
    assert_eq!(nonzero(&outcome.scores), [(0, 1_000_000), (1, 500_000)]);
    assert!(
        outcome
            .payees
            .iter()
            .enumerate()
            .all(|(i, payee)| (*payee == Fr::from(0u64)) != [0, 1, 9].contains(&i))
    );
    assert_eq!(outcome.parameters_hash, fixture.parameters.hash(&fixture.shape));
    assert_eq!(outcome.digests.len(), 4);
}

#[test]
fn a_silent_seat_lowers_the_count_and_has_digest_0() {
    let mut fixture = Fixture::new();
    fixture.votes[0] = None;
    let outcome = fixture.witness().evaluate(&fixture.shape).unwrap();
    assert_eq!(outcome.digests[0], Fr::from(0u64));
    assert_eq!((outcome.up_slots[0], outcome.up_slots[1]), (24, 0));
}

#[test]
fn malformed_parameters_and_shapes() {
    assert!(matches!(refused(|_, s| s.devices = 17), ClaimError::Shape(_)));
    assert!(matches!(
        refused(|w, _| w.parameters.quorum = 5),
        ClaimError::Parameters(_)
    ));
}

#[test]
fn sizes() {
    let size = |error| match error {
        ClaimError::Size { what, .. } => what,
        error => panic!("{error}"),
    };
    assert_eq!(size(refused(|w, _| w.devices.truncate(15))), "devices");
    assert_eq!(
        size(refused(|w, _| w.device_path.clear())),
        "levels above the zone"
    );
    assert_eq!(size(refused(|w, _| w.seats.truncate(3))), "seats");
    assert_eq!(
        size(refused(|w, _| w.seats[1].bitmap = Bitmap::new(1, 24))),
        "devices of a seat's bitmap"
    );
    assert_eq!(
        size(refused(|w, _| w.seats[1].bitmap = Bitmap::new(16, 23))),
        "slots of a seat's bitmap"
    );
    assert_eq!(
        size(refused(|w, _| w.seats[1].path.truncate(2))),
        "levels of a seat's path"
    );
}

#[test]
fn the_canary_is_unsatisfiable() {
    assert_eq!(
        refused(|w, _| w.epoch_tag = Fr::from(0u64)),
        ClaimError::CanaryEpochTag
    );
}

#[test]
fn zones_end_with_the_tree() {
    assert_eq!(
        refused(|w, _| w.zone = 16),
        ClaimError::ZoneOutOfRange { zone: 16, zones: 16 }
    );
    assert_eq!(
        refused(|w, _| w.zone = u64::MAX),
        ClaimError::ZoneOutOfRange {
            zone: u64::MAX,
            zones: 16
        }
    );
}

#[test]
fn an_absent_seat_cannot_vote() {
    let refused_votes = refused(|w, _| w.seats[2].present = false);
    assert_eq!(refused_votes, ClaimError::AbsentSeatVotes { seat: 2, votes: 48 });
    let refused_signature = refused(|w, _| {
        w.seats[2].present = false;
        w.seats[2].bitmap = Bitmap::new(16, 24);
    });
    assert!(matches!(
        refused_signature,
        ClaimError::Signature {
            seat: 2,
            error: EddsaError::Mismatch
        }
    ));
    let refused_presence = refused(|w, _| w.seats[2].signature = absent_seat_signature());
    assert!(matches!(
        refused_presence,
        ClaimError::Signature {
            seat: 2,
            error: EddsaError::Mismatch
        }
    ));
}

#[test]
fn one_bit_one_slot_one_zone_one_epoch_break_a_signature() {
    let broken: [fn(&mut Witness, &mut Shape); 4] = [
        |w, _| w.seats[0].bitmap.set(5, 5, true),
        |w, _| w.zone = 2,
        |w, _| w.epoch_tag = Fr::from(8u64),
        |w, _| w.seats[0].key = w.seats[0].path[0][0].into_key(),
    ];
    for change in broken {
        assert!(matches!(refused(change), ClaimError::Signature { seat: 0, .. }));
    }
    let low_order = Point::new_unchecked(Fr::from(0u64), -Fr::from(1u64));
    let error = refused(|w, _| w.seats[3].key = low_order);
    assert_eq!(
        error,
        ClaimError::Signature {
            seat: 3,
            error: EddsaError::InvalidKey
        }
    );
}

/// A stranger's key, for the test above.
trait IntoKey {
    fn into_key(self) -> Point;
}

impl IntoKey for Fr {
    fn into_key(self) -> Point {
        SecretKey::from_bytes(&to_be_bytes(&self)).public_key()
    }
}

#[test]
fn one_key_or_owner_in_two_seats() {
    let owner = refused(|w, _| w.seats[3].owner = w.seats[1].owner);
    assert_eq!(owner, ClaimError::RepeatedOwner { first: 1, second: 3 });
    let key = refused(|w, _| w.seats[3].key = w.seats[1].key);
    assert_eq!(key, ClaimError::RepeatedKey { first: 1, second: 3 });
    let mirrored = refused(|w, _| w.seats[3].key = -w.seats[1].key);
    assert!(
        !matches!(mirrored, ClaimError::RepeatedKey { .. }),
        "the negative of a key has another x"
    );
}

#[test]
fn another_device_owner_or_path_leads_to_another_registry() {
    let fixture = Fixture::new();
    let honest = fixture.witness().evaluate(&fixture.shape).unwrap().registry_root;
    let changes: [fn(&mut Witness); 7] = [
        |w| w.devices[0].payee += Fr::from(1u64),
        |w| w.devices[0].inner += Fr::from(1u64),
        |w| w.devices[0].present = false,
        |w| w.devices[5].present = true,
        |w| w.seats[0].owner = Fr::from(77_777u64),
        |w| w.device_path[0][0] += Fr::from(1u64),
        |w| {
            for child in &mut w.seats[0].path[2] {
                *child += Fr::from(1u64);
            }
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut witness = fixture.witness();
        change(&mut witness);
        let root = witness.evaluate(&fixture.shape).unwrap().registry_root;
        assert_ne!(root, honest, "change {number}");
    }
}

#[test]
fn data_and_statement() {
    let fixture = Fixture::new();
    let outcome = fixture.witness().evaluate(&fixture.shape).unwrap();
    let data = outcome.settlement_data().unwrap();
    assert_eq!(data.len(), 24 * 16 + 32 * 4);
    assert_eq!(data[..20], [0x11; 20]);
    assert_eq!(data[20..24], 1_000_000u32.to_be_bytes());
    assert_eq!(data[48..72], [0; 24]);
    assert_eq!(data[24 * 16 + 32..][..32], to_be_bytes(&outcome.digests[1]));

    let statement = outcome.statement([1, 2, 3, 4]).unwrap();
    assert_eq!(statement, outcome.statement_at(statement.z));
    assert_ne!(outcome.statement([1, 2, 3, 5]).unwrap().z, statement.z);
    let inputs = statement.public_inputs();
    assert_eq!(
        inputs[..4],
        [
            outcome.epoch_tag,
            outcome.registry_root,
            outcome.parameters_hash,
            Fr::from(1u64)
        ]
    );
    assert_eq!(inputs[4..], [outcome.out_commit, statement.z, statement.y]);

    let mut large = outcome;
    large.payees[3] = -Fr::from(1u64);
    assert_eq!(
        large.statement([1, 2, 3, 4]),
        Err(ClaimError::PayeeNotAnAddress { index: 3 })
    );
}

#[test]
fn out_commit_hashes_packed_scores_then_digests() {
    let scores: Vec<u32> = (1..=13).collect();
    let mut elements = pack_scores(&scores);
    assert_eq!(out_commit(&scores, &[]), sponge("out", &elements));
    elements.push(Fr::from(9u64));
    assert_eq!(out_commit(&scores, &[Fr::from(9u64)]), sponge("out", &elements));
    assert_eq!(blank_path(2), vec![[Fr::from(0u64); 16]; 2]);
}

proptest! {
    #![proptest_config(crate::cases(32))]

    #[test]
    fn the_fingerprint_is_the_polynomial(
        z: u64,
        payees in prop::collection::vec(any::<u64>(), 16),
        digest: u64,
    ) {
        let z = Fr::from(z);
        let scores: Vec<u32> = payees.iter().map(|payee| *payee as u32).collect();
        let payees: Vec<Fr> = payees.into_iter().map(Fr::from).collect();
        let mut power = Fr::from(1u64);
        let mut sum = Fr::from(0u64);
        let digest = Fr::from(digest);
        let terms = payees.iter().zip(&scores).flat_map(|(p, s)| [*p, Fr::from(*s)]).chain([digest]);
        for term in terms {
            sum += power * term;
            power *= z;
        }
        prop_assert_eq!(fingerprint(z, &payees, &scores, &[digest]), sum);
    }
}
