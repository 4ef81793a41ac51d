//! Tests of [`crate::location::statement`].

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::attestation::Attestation;
use crate::eddsa::SecretKey;
use crate::field::keccak256;
use crate::location::{Network, Preset, Received};
use crate::opening::{INGESTOR_SEAT, absent_seat_signature};
use crate::registry::{Device, DeviceRegistry, Position, Watcher, WatcherRegistry, example_device};

/// Index of the device.
pub(crate) const INDEX: u64 = 17;

/// A registry of three devices, three seats of four watchers, and a day of one device: sixteen reports near, four
/// far, two outside, two missing.
pub(crate) struct Fixture {
    pub(crate) shape: Shape,
    pub(crate) parameters: Parameters,
    pub(crate) epoch_tag: Fr,
    pub(crate) devices: DeviceRegistry,
    pub(crate) watchers: WatcherRegistry,
    pub(crate) received: Option<Received>,
}

fn secret(seat: usize, number: u64) -> SecretKey {
    SecretKey::from_bytes(&keccak256(format!("watcher {seat} {number}").as_bytes()))
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let shape = Shape {
            device_levels: 2,
            ..Shape::new(24)
        };
        let devices = [2, INDEX, 25].map(|index| (index, example_device(index)));
        let home = example_device(INDEX).position;
        let reports = (0..24)
            .map(|slot| match slot {
                0..16 => Some(home),
                16..20 => Some(Position {
                    y: home.y - 3_500,
                    ..home
                }),
                20..22 => Some(Position::default()),
                _ => None,
            })
            .collect();
        let watcher = |seat: usize, number: u64| Watcher {
            owner: Fr::from(100 * seat as u64 + number),
            key: secret(seat, number).public_key(),
        };
        let seats = (0..3)
            .map(|seat| (0..4).map(|number| watcher(seat, number)).collect())
            .collect();
        let mut fixture = Self {
            shape,
            parameters: Preset::HeliumMobile.parameters(&shape),
            epoch_tag: Fr::from(1_234_567u64),
            devices: DeviceRegistry::new(2, devices).unwrap(),
            watchers: WatcherRegistry::new(3, seats, &[5; 32]).unwrap(),
            received: None,
        };
        fixture.received = Some(fixture.attested(reports));
        fixture
    }

    /// Reports with the attestation of the ingestor that was drawn.
    pub(crate) fn attested(&self, reports: Vec<Report>) -> Received {
        let drawn = Ingestor::open(&self.watchers, self.epoch_tag, INDEX, None).unwrap();
        let secret = (0..4)
            .map(|number| secret(INGESTOR_SEAT, number))
            .find(|secret| secret.public_key() == drawn.seat.key)
            .unwrap();
        let attestation =
            Attestation::of_digest(&secret, self.epoch_tag, INDEX, INGESTOR_SEAT, digest(&reports));
        Received { reports, attestation }
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
        self.network().witness(INDEX, self.received.as_ref()).unwrap()
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
    // (16 * 100 + 4 * 25) / 22 percent.
    assert_eq!(outcome.score, 772_727);
    assert_eq!(outcome.payee, example_device(INDEX).payee_element());
    assert_eq!(
        outcome.digest,
        fixture.received.as_ref().unwrap().attestation.digest
    );
    let Committed {
        registry_root,
        parameters_hash,
        zone,
        out_commit,
        ..
    } = outcome.committed;
    let expected = crate::registry::registry_root(fixture.devices.root(), fixture.watchers.root());
    assert_eq!((registry_root, zone), (expected, INDEX));
    assert_eq!(parameters_hash, fixture.parameters.hash(&fixture.shape));
    assert_eq!(
        out_commit,
        sponge("location-out", &[Fr::from(772_727u64), outcome.digest])
    );
}

#[test]
fn without_an_ingestor_the_score_and_the_digest_are_0() {
    let mut fixture = Fixture::new();
    fixture.received = None;
    let outcome = fixture.witness().evaluate(&fixture.shape).unwrap();
    assert_eq!((outcome.score, outcome.digest), (0, Fr::from(0u64)));
    assert_ne!(outcome.payee, Fr::from(0u64));
}

#[test]
fn a_device_without_reports_has_score_0_and_a_digest() {
    let mut fixture = Fixture::new();
    fixture.received = Some(fixture.attested(vec![None; 24]));
    let outcome = fixture.witness().evaluate(&fixture.shape).unwrap();
    assert_eq!((outcome.score, outcome.digest), (0, digest(&[None; 24])));
}

#[test]
fn malformed_parameters_shapes_and_sizes() {
    assert!(matches!(refused(|_, s| s.reports = 0), ClaimError::Shape(_)));
    assert!(matches!(
        refused(|w, _| w.parameters.reports_min = 25),
        ClaimError::Parameters(_)
    ));
    let size = |error| match error {
        ClaimError::Size { what, .. } => what,
        error => panic!("{error}"),
    };
    assert_eq!(size(refused(|w, _| w.reports.truncate(23))), "reports");
    assert_eq!(
        size(refused(|w, _| w.device.path.clear())),
        "levels of the device's path"
    );
    assert_eq!(
        size(refused(|w, _| w.ingestor.seat.path.truncate(2))),
        "levels of the ingestor's path"
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
fn the_device_is_opened_at_its_index() {
    let changes: [fn(&mut OpenedDevice); 4] = [
        |d| d.payee += Fr::from(1u64),
        |d| d.fields.position.x += 1,
        |d| d.index = 25,
        |d| d.index += 256,
    ];
    for change in changes {
        assert!(matches!(
            refused(|w, _| change(&mut w.device)),
            ClaimError::Device(_)
        ));
    }
}

/// Opens another device in the place of the fixture's, under a root of its own.
fn replace_device(witness: &mut Witness, change: impl FnOnce(&mut Device)) {
    let mut device = example_device(INDEX);
    change(&mut device);
    witness.device.payee = device.payee_element();
    witness.device.private = device.private_part();
    witness.device.fields = device.fields();
    let tree = crate::tree::Tree::new(2, [(INDEX, device.leaf())]).unwrap();
    witness.device.path = tree.path(0, INDEX).unwrap();
}

#[test]
fn positions_out_of_range() {
    let limit = 1 << 27;
    for (value, accepted) in [
        (limit - 1, true),
        (limit, false),
        (-limit, true),
        (-limit - 1, false),
    ] {
        let fixture = Fixture::new();
        let mut witness = fixture.witness();
        replace_device(&mut witness, |device| device.position.z = value);
        let result = witness.evaluate(&fixture.shape).map(|_| ());
        let expected = if accepted {
            Ok(())
        } else {
            Err(ClaimError::AssertedPosition)
        };
        assert_eq!(result, expected, "{value}");
    }
    let reported = |value| refused(|w, _| w.reports[3] = Some(Position { x: value, y: 0, z: 0 }));
    assert_eq!(reported(limit), ClaimError::ReportedPosition { slot: 3 });
    assert_eq!(reported(i32::MIN), ClaimError::ReportedPosition { slot: 3 });
    // In range, but not what the ingestor signed.
    assert_eq!(reported(limit - 1), ClaimError::Signature(EddsaError::Mismatch));
}

#[test]
fn an_absent_ingestor_received_nothing() {
    assert_eq!(
        refused(|w, _| w.ingestor.seat.present = false),
        ClaimError::AbsentIngestorReports { reports: 22 }
    );
    let mismatch = ClaimError::Signature(EddsaError::Mismatch);
    let silent = |w: &mut Witness| {
        w.ingestor.seat.present = false;
        w.reports = vec![None; 24];
    };
    assert_eq!(refused(|w, _| silent(w)), mismatch);
    assert_eq!(
        refused(|w, _| w.ingestor.seat.signature = absent_seat_signature()),
        mismatch
    );
}

#[test]
fn one_report_one_epoch_break_the_signature() {
    let mismatch = ClaimError::Signature(EddsaError::Mismatch);
    assert_eq!(refused(|w, _| w.reports[23] = w.reports[0]), mismatch);
    assert_eq!(refused(|w, _| w.reports[0] = None), mismatch);
    assert_eq!(refused(|w, _| w.reports.swap(0, 23)), mismatch);
    assert_eq!(refused(|w, _| w.epoch_tag += Fr::from(1u64)), mismatch);
}

#[test]
fn another_ingestor_or_sibling_leads_to_another_registry() {
    let fixture = Fixture::new();
    let honest = fixture.witness().evaluate(&fixture.shape).unwrap();
    let changes: [fn(&mut Witness); 4] = [
        |w| w.ingestor.seat.owner += Fr::from(1u64),
        |w| w.ingestor.other_roots[0] += Fr::from(1u64),
        |w| w.ingestor.other_roots[14] = Fr::from(1u64),
        |w| {
            // The node at the drawn place is not read, the fifteen others are.
            for child in &mut w.ingestor.seat.path[1] {
                *child += Fr::from(1u64);
            }
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut witness = fixture.witness();
        change(&mut witness);
        let outcome = witness.evaluate(&fixture.shape).unwrap();
        assert_ne!(
            outcome.committed.registry_root, honest.committed.registry_root,
            "change {number}"
        );
    }
}

#[test]
fn data_and_statement() {
    let fixture = Fixture::new();
    let outcome = fixture.witness().evaluate(&fixture.shape).unwrap();
    let data = outcome.settlement_data().unwrap();
    assert_eq!(data.len(), 20 + 4 + 32);
    assert_eq!(data[..20], [0x11; 20]);
    assert_eq!(data[20..24], outcome.score.to_be_bytes());
    assert_eq!(data[24..], to_be_bytes(&outcome.digest));

    let statement = outcome.statement([1, 2, 3, 4]).unwrap();
    assert_eq!(statement, outcome.statement_at(statement.z));
    assert_ne!(outcome.statement([1, 2, 3, 5]).unwrap().z, statement.z);
    let z = statement.z;
    assert_eq!(
        statement.y,
        outcome.payee + z * Fr::from(outcome.score) + z * z * outcome.digest
    );
    let mut large = outcome;
    large.payee = -Fr::from(1u64);
    assert_eq!(large.statement([1, 2, 3, 4]), Err(ClaimError::PayeeNotAnAddress));
}
