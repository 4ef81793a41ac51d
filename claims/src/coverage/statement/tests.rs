//! Tests of [`crate::coverage::statement`] and of the assembly of witnesses.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::attestation::Attestation;
use crate::coverage::{AssemblyError, BeaconError, Network, Preset, ReceiptSet};
use crate::eddsa::SecretKey;
use crate::field::keccak256;
use crate::registry::{Device, DeviceRegistry, Watcher, WatcherRegistry, example_device};

/// A beaconer, 7, with three receipts that count, in a tree of 256 devices.
pub(crate) struct Fixture {
    pub(crate) shape: Shape,
    pub(crate) parameters: Parameters,
    pub(crate) epoch_tag: Fr,
    pub(crate) beaconer: u64,
    pub(crate) nonce: Fr,
    pub(crate) beacon: Received<Beacon>,
    pub(crate) receipts: Vec<ReceivedReceipt>,
    pub(crate) devices: DeviceRegistry,
    pub(crate) watchers: WatcherRegistry,
}

fn session_key(index: u64) -> SecretKey {
    SecretKey::from_bytes(&keccak256(format!("radio {index}").as_bytes()))
}

fn watcher_key(number: u64) -> SecretKey {
    SecretKey::from_bytes(&keccak256(format!("watcher {number}").as_bytes()))
}

fn device(index: u64) -> Device {
    let mut device = example_device(index);
    device.session_key = session_key(index).public_key();
    device.payee = [u8::try_from(index).unwrap(); 20];
    // 7 and 8 belong together, and 10 and 11; owners descend with the index.
    let first_of_owner = match index {
        8 => 7,
        11 => 10,
        alone => alone,
    };
    device.owner_id = Fr::from(1_000 - first_of_owner);
    device.position.x += i32::try_from(index).unwrap() * 1_000;
    device.gain_ddbi = 12;
    device
}

const FREQUENCY_HZ: u32 = 868_300_000;

impl Fixture {
    pub(crate) fn new() -> Self {
        let shape = Shape {
            device_levels: 2,
            ..Shape::new(3)
        };
        let devices = [7, 8, 10, 11, 20, 30, 40, 50].map(|index| (index, device(index)));
        let watcher = |number| Watcher {
            owner: Fr::from(100 + number),
            key: watcher_key(number).public_key(),
        };
        let (epoch_tag, nonce) = (Fr::from(1_234_567u64), Fr::from(99u64));
        let report = Beacon {
            frequency_hz: FREQUENCY_HZ,
            power_dbm: 14,
        };
        let challenge = challenge(epoch_tag, nonce, 7);
        let mut fixture = Self {
            shape,
            parameters: Preset::HeliumIot.parameters(&shape),
            epoch_tag,
            beaconer: 7,
            nonce,
            beacon: Received {
                report,
                signature: report.sign(&session_key(7), epoch_tag, challenge),
                time_ms: 10_000,
            },
            receipts: vec![],
            devices: DeviceRegistry::new(2, devices).unwrap(),
            watchers: WatcherRegistry::new(3, vec![(0..4).map(watcher).collect()], &[5; 32]).unwrap(),
        };
        // 10 is 300 m away, which is too near; the others are 1.3 and 2.3 km away.
        fixture.hear(10, 10_100, |_| {});
        fixture.hear(20, 10_200, |_| {});
        fixture.hear(30, 10_300, |_| {});
        fixture
    }

    /// Adds a receipt of a device, signed with its key after a change.
    pub(crate) fn hear(&mut self, index: u64, time_ms: u32, change: impl FnOnce(&mut Receipt)) {
        let mut report = Receipt {
            frequency_hz: FREQUENCY_HZ,
            rssi_ddbm: -1_200,
        };
        change(&mut report);
        let challenge = challenge(self.epoch_tag, self.nonce, self.beaconer);
        let signature = report.sign(&session_key(index), self.epoch_tag, challenge);
        self.receipts.push(ReceivedReceipt {
            index,
            received: Received {
                report,
                signature,
                time_ms,
            },
        });
    }

    pub(crate) fn select(&self) -> Result<ReceiptSet, BeaconError> {
        ReceiptSet::select(
            &self.devices,
            self.epoch_tag,
            self.beaconer,
            self.nonce,
            self.beacon,
            &self.receipts,
            self.shape.witnesses,
        )
    }

    fn network(&self) -> Network<'_> {
        Network {
            shape: self.shape,
            parameters: &self.parameters,
            epoch_tag: self.epoch_tag,
            devices: &self.devices,
            watchers: &self.watchers,
        }
    }

    /// The ingestor's key.
    fn ingestor(&self) -> SecretKey {
        let drawn = Ingestor::open(&self.watchers, self.epoch_tag, self.beaconer, None).unwrap();
        (0..4)
            .map(watcher_key)
            .find(|key| key.public_key() == drawn.seat.key)
            .unwrap()
    }

    fn attested(&self) -> (ReceiptSet, Attestation) {
        let set = self.select().unwrap();
        let attestation = set.attest(&self.ingestor());
        (set, attestation)
    }

    pub(crate) fn witness(&self) -> Witness {
        let (set, attestation) = self.attested();
        self.network()
            .witness(self.beaconer, Some((&set, &attestation)))
            .unwrap()
    }

    fn evaluate(&self) -> Outcome {
        self.witness().evaluate(&self.shape).unwrap()
    }
}

fn scores(outcome: &Outcome) -> Vec<u32> {
    outcome.rows.iter().map(|row| row.score).collect()
}

fn refused(change: impl FnOnce(&mut Witness, &mut Shape)) -> ClaimError {
    let fixture = Fixture::new();
    let (mut witness, mut shape) = (fixture.witness(), fixture.shape);
    change(&mut witness, &mut shape);
    witness.evaluate(&shape).unwrap_err()
}

#[test]
fn an_honest_window() {
    let fixture = Fixture::new();
    let outcome = fixture.evaluate();
    // Rows by ascending owner: 30, 20, 10. The last is too near.
    let indices: Vec<u64> = outcome.rows.iter().map(|row| row.index).collect();
    assert_eq!(indices, [7, 30, 20, 10]);
    let expected = [Some(Ok(())), Some(Ok(())), Some(Err(Refusal::TooNear))];
    assert_eq!(outcome.verdicts, expected);
    assert_eq!(scores(&outcome), [5_000, 10_000, 10_000, 0]);
    let root = registry_root(fixture.devices.root(), fixture.watchers.root());
    assert_eq!(outcome.committed.registry_root, root);
    assert_eq!(
        outcome.committed.parameters_hash,
        fixture.parameters.hash(&fixture.shape)
    );
    assert_eq!(outcome.digest, fixture.select().unwrap().digest());
}

#[test]
fn fewer_receipts_leave_absent_rows() {
    let mut fixture = Fixture::new();
    fixture.receipts.truncate(2);
    let outcome = fixture.evaluate();
    assert_eq!(outcome.verdicts[2], None);
    assert_eq!(outcome.rows[3], RowOutcome::default());
    assert_eq!(scores(&outcome), [2_500, 10_000, 0, 0]);
    fixture.receipts.clear();
    assert_eq!(scores(&fixture.evaluate()), [0; 4]);
}

#[test]
fn a_void_window_pays_nobody() {
    let fixture = Fixture::new();
    let witness = fixture.network().witness(7, None).unwrap();
    let outcome = witness.evaluate(&fixture.shape).unwrap();
    assert_eq!((outcome.digest, scores(&outcome)), (Fr::from(0u64), vec![0; 4]));
    assert_eq!(outcome.rows[0].index, 7);
    let root = registry_root(fixture.devices.root(), fixture.watchers.root());
    assert_eq!(outcome.committed.registry_root, root);
}

/// Every refusal, by one receipt among three; the others are not affected but by the number.
#[test]
fn a_refused_receipt_earns_nothing_and_blocks_nothing() {
    let verdict = |time_ms, change: fn(&mut Receipt)| {
        let mut fixture = Fixture::new();
        fixture.receipts.truncate(2);
        fixture.hear(30, time_ms, change);
        let outcome = fixture.evaluate();
        let expected = if outcome.verdicts[0] == Some(Ok(())) {
            5_000
        } else {
            2_500
        };
        assert_eq!(scores(&outcome)[0], expected);
        outcome.verdicts[0].unwrap()
    };
    assert_eq!(verdict(10_300, |_| {}), Ok(()));
    assert_eq!(verdict(14_000, |_| {}), Ok(()));
    assert_eq!(verdict(14_001, |_| {}), Err(Refusal::TooLate));
    assert_eq!(
        verdict(10_300, |r| r.frequency_hz += 100_001),
        Err(Refusal::Frequency)
    );
    assert_eq!(verdict(10_300, |r| r.rssi_ddbm = 0), Err(Refusal::TooStrong));
    let mut fixture = Fixture::new();
    fixture.parameters.distance_max = 20_000 * 20_000;
    assert_eq!(fixture.evaluate().verdicts[0], Some(Err(Refusal::TooFar)));
    fixture.parameters.start_ms = 10_001;
    assert_eq!(fixture.evaluate().verdicts, [Some(Err(Refusal::NotFresh)); 3]);
    assert_eq!(scores(&fixture.evaluate()), [0; 4]);
}

#[test]
fn an_early_witness_shortens_the_time_of_all() {
    let mut fixture = Fixture::new();
    fixture.receipts.truncate(2);
    fixture.receipts[1].received.time_ms = 9_000;
    fixture.hear(30, 10_501, |_| {});
    let verdicts = fixture.evaluate().verdicts;
    assert_eq!(verdicts[0], Some(Err(Refusal::TooLate)));
    assert_eq!(verdicts[1], Some(Ok(())));
}

#[test]
fn malformed_witnesses() {
    let row = |error| match error {
        ClaimError::Report { row, .. }
        | ClaimError::Device { row, .. }
        | ClaimError::Path { row, .. }
        | ClaimError::OtherRegistry { row }
        | ClaimError::Signature { row, .. } => row,
        error => panic!("{error}"),
    };
    assert!(matches!(refused(|_, s| s.witnesses = 15), ClaimError::Shape(_)));
    let size = |error| match error {
        ClaimError::Size { what, .. } => what,
        error => panic!("{error}"),
    };
    assert_eq!(size(refused(|w, _| w.receipts.truncate(2))), "receipts");
    assert_eq!(
        size(refused(|w, _| w.parameters.beaconer_units.push(1))),
        "units of the beaconer"
    );
    assert_eq!(
        size(refused(|w, _| w.parameters.witness_units.truncate(3))),
        "units of a witness"
    );
    assert_eq!(
        size(refused(|w, _| w.receipts[1].device.path.clear())),
        "levels of a device's path"
    );
    assert_eq!(
        size(refused(|w, _| w.ingestor.seat.path.clear())),
        "levels of the ingestor's path"
    );
    assert!(matches!(
        refused(|w, _| w.parameters.witness_units[2] = 1 << 15),
        ClaimError::Parameters(_)
    ));
    assert_eq!(
        refused(|w, _| w.epoch_tag = Fr::from(0u64)),
        ClaimError::CanaryEpochTag
    );
    // Limits.
    assert_eq!(row(refused(|w, _| w.beacon.time_ms = 1 << 27)), 0);
    assert_eq!(
        row(refused(|w, _| w.receipts[1].received.report.rssi_ddbm = 4_096)),
        2
    );
    assert_eq!(
        row(refused(|w, _| w.receipts[0].device.fields.gain_ddbi = 1_001)),
        1
    );
    assert_eq!(row(refused(|w, _| w.beaconer.fields.position.y = 1 << 27)), 0);
    // The registry.
    assert!(matches!(
        refused(|w, _| w.receipts[0].device.payee += Fr::from(1u64)),
        ClaimError::Path { row: 1, .. }
    ));
    assert!(matches!(
        refused(|w, _| w.receipts[0].device.index += 256),
        ClaimError::Path { row: 1, .. }
    ));
    let other_root = refused(|w, _| {
        let root = &mut w.receipts[2].device.path[1];
        root[15] += Fr::from(1u64);
    });
    assert_eq!(other_root, ClaimError::OtherRegistry { row: 3 });
    // Owners.
    let owner = refused(|w, _| w.receipts[2] = w.receipts[0].clone());
    assert_eq!(owner, ClaimError::RepeatedOwner { first: 1, second: 3 });
    let absent = refused(|w, s| {
        let owner = w.beaconer.fields.owner_id;
        w.receipts[2] = ReceiptWitness::absent(owner, s.device_levels);
    });
    assert_eq!(absent, ClaimError::RepeatedOwner { first: 0, second: 3 });
}

#[test]
fn signatures() {
    let mismatch = |row| ClaimError::Signature {
        row,
        error: EddsaError::Mismatch,
    };
    assert_eq!(refused(|w, _| w.beacon.report.power_dbm += 1), mismatch(0));
    assert_eq!(refused(|w, _| w.nonce += Fr::from(1u64)), mismatch(0));
    assert_eq!(
        refused(|w, _| w.receipts[1].received.report.rssi_ddbm += 1),
        mismatch(2)
    );
    let swapped = refused(|w, _| {
        let other = w.receipts[0].received.signature;
        w.receipts[1].received.signature = other;
    });
    assert_eq!(swapped, mismatch(2));
    assert_eq!(
        refused(|w, _| w.receipts[1].received.signature = absent_seat_signature()),
        mismatch(2)
    );
    // A row that is called absent keeps its signature.
    assert_eq!(refused(|w, _| w.receipts[1].present = false), mismatch(2));
}

#[test]
fn the_ingestors_set_is_processed_as_it_is() {
    let mismatch = ClaimError::Attestation(EddsaError::Mismatch);
    // A receipt left out.
    let left_out = refused(|w, s| w.receipts[1] = ReceiptWitness::absent(Fr::from(1u64), s.device_levels));
    assert_eq!(left_out, mismatch);
    assert_eq!(refused(|w, _| w.receipts.swap(0, 1)), mismatch);
    assert_eq!(refused(|w, _| w.receipts[1].received.time_ms -= 1), mismatch);
    assert_eq!(refused(|w, _| w.beacon.time_ms -= 1), mismatch);
    assert_eq!(
        refused(|w, _| w.ingestor.seat.signature = absent_seat_signature()),
        mismatch
    );
    // The ingestor silenced.
    let silenced = |w: &mut Witness| {
        w.ingestor.seat.present = false;
        w.ingestor.seat.signature = absent_seat_signature();
        w.beacon.signature = absent_seat_signature();
    };
    assert_eq!(
        refused(|w, _| silenced(w)),
        ClaimError::ReceiptWithoutIngestor { row: 1 }
    );
    assert!(matches!(
        refused(|w, _| w.ingestor.seat.present = false),
        ClaimError::Signature { row: 0, .. }
    ));
}

#[test]
fn settlement_data_and_fingerprint() {
    let outcome = Fixture::new().evaluate();
    let data = outcome.settlement_data().unwrap();
    assert_eq!(data.len(), 32 * 5);
    assert_eq!(data[..8], 7u64.to_be_bytes());
    assert_eq!(data[8..28], [7; 20]);
    assert_eq!(data[28..32], 5_000u32.to_be_bytes());
    assert_eq!(data[32..40], 30u64.to_be_bytes());
    assert_eq!(data[128..], to_be_bytes(&outcome.digest));
    let z = Fr::from(3u64);
    let mut power = Fr::from(1u64);
    let mut y = Fr::from(0u64);
    for RowOutcome { index, payee, score } in &outcome.rows {
        for coefficient in [Fr::from(*index), *payee, Fr::from(*score)] {
            y += coefficient * power;
            power *= z;
        }
    }
    let statement = outcome.statement_at(z);
    assert_eq!(statement.y, y + outcome.digest * power);
    assert_eq!(statement.zone, 7);
    let drawn = outcome.statement([1, 2, 3, 4]).unwrap();
    assert_eq!(drawn.z, outcome.committed.fingerprint_point([1, 2, 3, 4], &data));
    assert_ne!(drawn.z, outcome.statement([1, 2, 3, 5]).unwrap().z);

    let mut large = outcome;
    large.rows[2].payee = -Fr::from(1u64);
    assert_eq!(
        large.settlement_data(),
        Err(ClaimError::PayeeNotAnAddress { row: 2 })
    );
}

#[test]
fn the_commitment_binds_scores_and_digest() {
    let digest = Fr::from(5u64);
    let base = out_commit(&[1, 2, 3], digest);
    assert_ne!(base, out_commit(&[1, 2, 4], digest));
    assert_ne!(base, out_commit(&[2, 1, 3], digest));
    assert_ne!(base, out_commit(&[1, 2, 3], Fr::from(6u64)));
}

#[test]
fn assembly_refuses_what_does_not_fit() {
    let fixture = Fixture::new();
    let (set, attestation) = fixture.attested();
    let refused = |network: &Network<'_>, beaconer, attestation: &Attestation| {
        network.witness(beaconer, Some((&set, attestation))).unwrap_err()
    };
    let network = fixture.network();
    let with = |change: fn(&mut Shape)| {
        let mut network = fixture.network();
        change(&mut network.shape);
        refused(&network, 7, &attestation)
    };
    assert!(matches!(
        with(|s| s.device_levels = 3),
        AssemblyError::Shape {
            what: "levels of the device tree",
            ..
        }
    ));
    assert!(matches!(
        with(|s| s.seat_levels = 2),
        AssemblyError::Shape {
            what: "levels of a seat",
            ..
        }
    ));
    assert!(matches!(
        with(|s| s.witnesses = 0),
        AssemblyError::Claim(ClaimError::Shape(_))
    ));
    assert!(matches!(
        with(|s| s.witnesses = 2),
        AssemblyError::Claim(ClaimError::Parameters(_))
    ));
    assert_eq!(refused(&network, 8, &attestation), AssemblyError::OtherWindow);
    assert_eq!(
        network.witness(99, None).unwrap_err(),
        AssemblyError::UnknownDevice { index: 99 }
    );
    assert!(matches!(
        network.witness(256, None).unwrap_err(),
        AssemblyError::Devices(_)
    ));
    for forged in [
        Attestation {
            zone: 8,
            ..attestation
        },
        Attestation {
            seat: 1,
            ..attestation
        },
        Attestation {
            digest: Fr::from(1u64),
            ..attestation
        },
    ] {
        assert_eq!(refused(&network, 7, &forged), AssemblyError::OtherSet);
    }
    let stranger = set.attest(&watcher_key(77));
    assert_eq!(
        refused(&network, 7, &stranger),
        AssemblyError::Signature(EddsaError::Mismatch)
    );
    let other_epoch = Network {
        epoch_tag: Fr::from(9u64),
        ..network
    };
    assert_eq!(refused(&other_epoch, 7, &attestation), AssemblyError::OtherWindow);
    let smaller = Fixture {
        shape: Shape {
            witnesses: 2,
            ..fixture.shape
        },
        parameters: Preset::HeliumIot.parameters(&Shape::new(2)),
        ..Fixture::new()
    };
    assert!(matches!(
        refused(&smaller.network(), 7, &attestation),
        AssemblyError::Shape { what: "receipts", .. }
    ));
}
