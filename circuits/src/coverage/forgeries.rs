//! Dishonest witnesses of C1 for any shape: the negative corpus.
//!
//! Depends on [`super::subject`], whose cases are edited.

use super::circuit::structure;
use super::subject::{Case, parameter_sets};
use crate::soundness::{Draw, Forgery, Overrides};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use popw_claims::coverage::Shape;
use popw_claims::opening::{INGESTOR_SEAT, absent_seat_key, absent_seat_signature};

/// The negative corpus: each must violate a constraint.
pub fn forgeries(shape: &Shape) -> Vec<Forgery<Case, Fr>> {
    let mut forgeries = witness_forgeries(shape);
    forgeries.extend(hint_forgeries(shape));
    forgeries
}

/// An honest case in which every receipt is present and the first is accepted.
fn base(shape: &Shape) -> Case {
    Case::honest(*shape, parameter_sets(shape)[0].clone(), 5)
}

type Edit<'a> = (&'a str, &'a dyn Fn(&mut Case));

/// Forgeries that lie in the witness alone: the native twin refuses each of them.
pub fn witness_forgeries(shape: &Shape) -> Vec<Forgery<Case, Fr>> {
    let mut edits: Vec<(String, Case)> = Vec::new();
    let mut forge = |(name, edit): Edit<'_>| {
        let mut forged = base(shape);
        edit(&mut forged);
        edits.push((name.to_owned(), forged));
    };
    signature_edits().into_iter().for_each(&mut forge);
    set_edits().into_iter().for_each(&mut forge);
    device_edits().into_iter().for_each(&mut forge);
    range_edits().into_iter().for_each(&mut forge);
    if shape.witnesses > 1 {
        pair_edits().into_iter().for_each(&mut forge);
    }
    let forgeries = edits.into_iter();
    forgeries.map(|(name, case)| Forgery::new(name, case)).collect()
}

/// Who signs what.
fn signature_edits() -> Vec<Edit<'static>> {
    vec![
        ("a beacon signed by a witness", &|case| {
            case.sign_beacon(1, case.witness.epoch_tag, case.challenge())
        }),
        ("a beacon of another epoch or chain or rule", &|case| {
            case.sign_beacon(0, case.witness.epoch_tag + Fr::ONE, case.challenge())
        }),
        ("a beacon that answers another challenge", &|case| {
            case.sign_beacon(0, case.witness.epoch_tag, case.challenge() + Fr::ONE)
        }),
        ("a beacon edited by the ingestor", &|case| {
            case.witness.beacon.report.power_dbm += 1;
            case.attest();
        }),
        ("a receipt signed by the beaconer", &|case| {
            case.sign_receipt(0, 0, case.witness.epoch_tag, case.challenge())
        }),
        ("a receipt of another epoch or chain or rule", &|case| {
            case.sign_receipt(0, 1, case.witness.epoch_tag + Fr::ONE, case.challenge())
        }),
        ("a receipt of another beacon", &|case| {
            case.sign_receipt(0, 1, case.witness.epoch_tag, case.challenge() + Fr::ONE)
        }),
        ("a receipt edited by the ingestor", &|case| {
            case.witness.receipts[0].received.report.rssi_ddbm -= 1;
            case.attest();
        }),
        ("a receipt with the signature of absent ones", &|case| {
            case.witness.receipts[0].received.signature = absent_seat_signature()
        }),
        ("a receipt with the key and signature of absent ones", &|case| {
            case.witness.receipts[0].device.fields.session_key = absent_seat_key();
            case.settle();
            case.witness.receipts[0].received.signature = absent_seat_signature();
        }),
        ("a beacon with the signature of absent ones", &|case| {
            case.witness.beacon.signature = absent_seat_signature()
        }),
        ("an attestation by the beaconer", &|case| {
            case.ingestor = case.radios[0];
            case.attest();
        }),
        ("an attestation of another epoch", &|case| {
            case.attest_as(
                case.witness.epoch_tag + Fr::ONE,
                case.witness.beaconer.index,
                INGESTOR_SEAT,
            )
        }),
        ("an attestation of another zone", &|case| {
            case.attest_as(
                case.witness.epoch_tag,
                case.witness.beaconer.index + 1,
                INGESTOR_SEAT,
            )
        }),
        ("an attestation of another seat", &|case| {
            case.attest_as(case.witness.epoch_tag, case.witness.beaconer.index, 1)
        }),
        ("an attestation of another set", &|case| {
            case.attest_digest(
                case.witness.epoch_tag,
                case.witness.beaconer.index,
                INGESTOR_SEAT,
                Fr::ONE,
            )
        }),
        ("an attestation with the signature of absent ones", &|case| {
            case.witness.ingestor.seat.signature = absent_seat_signature()
        }),
        ("the canary: epoch tag 0", &|case| {
            case.witness.epoch_tag = Fr::ZERO;
            case.sign();
        }),
    ]
}

/// The set that the ingestor attested, processed completely and as it is.
fn set_edits() -> Vec<Edit<'static>> {
    vec![
        ("a receipt edited after the attestation", &|case| {
            case.witness.receipts[0].received.report.rssi_ddbm -= 1;
            case.sign_receipt(0, 1, case.witness.epoch_tag, case.challenge());
        }),
        ("a receipt's time edited after the attestation", &|case| {
            case.witness.receipts[0].received.time_ms -= 1
        }),
        ("the beacon's time edited after the attestation", &|case| {
            case.witness.beacon.time_ms -= 1
        }),
        ("the nonce edited after the attestation", &|case| {
            case.witness.nonce += Fr::ONE;
            let attested = case.witness.ingestor.seat.signature;
            case.sign();
            case.witness.ingestor.seat.signature = attested;
        }),
        ("a receipt left out", &|case| case.remove(0)),
        ("a receipt added", &|case| {
            let added = case.clone();
            case.remove(0);
            case.sign();
            let attested = case.witness.ingestor.seat.signature;
            *case = added;
            case.witness.ingestor.seat.signature = attested;
        }),
        ("a receipt called absent", &|case| {
            case.witness.receipts[0].present = false
        }),
        (
            "a receipt called absent, with the signature of absent ones",
            &|case| {
                case.witness.receipts[0].present = false;
                case.witness.receipts[0].received.signature = absent_seat_signature();
            },
        ),
        ("an absent ingestor with a receipt", &|case| {
            case.witness.ingestor.seat.present = false;
            case.sign();
        }),
        ("an absent ingestor with a watcher's signature", &|case| {
            let attested = case.witness.ingestor.seat.signature;
            let mut silent = case.clone().without_ingestor();
            silent.witness.ingestor.seat.signature = attested;
            *case = silent;
        }),
        ("an absent ingestor with the beaconer's signature", &|case| {
            let signed = case.witness.beacon.signature;
            let mut silent = case.clone().without_ingestor();
            silent.witness.beacon.signature = signed;
            *case = silent;
        }),
    ]
}

/// What is registered.
fn device_edits() -> Vec<Edit<'static>> {
    vec![
        ("another payee of the beaconer", &|case| {
            case.witness.beaconer.payee += Fr::ONE
        }),
        ("another payee of a witness", &|case| {
            case.witness.receipts[0].device.payee += Fr::ONE
        }),
        ("another gain of a witness", &|case| {
            case.witness.receipts[0].device.fields.gain_ddbi += 10
        }),
        ("another position of a witness", &|case| {
            case.witness.receipts[0].device.fields.position.z += 10
        }),
        ("another owner of a witness", &|case| {
            case.witness.receipts[0].device.fields.owner_id += Fr::ONE
        }),
        ("another index of a witness", &|case| {
            case.witness.receipts[0].device.index ^= 1;
            case.attest();
        }),
        ("a witness's index that is not in the tree", &|case| {
            case.witness.receipts[0].device.index += 1 << (4 * case.shape.device_levels);
            case.attest();
        }),
        ("a beaconer's index that is not in the tree", &|case| {
            case.witness.beaconer.index += 1 << (4 * case.shape.device_levels);
            case.sign();
        }),
        (
            "a witness's index that is not in the tree, beside a copy of its leaf",
            &|case| case.leave_the_tree(0),
        ),
        (
            "a beaconer's index that is not in the tree, beside a copy of its leaf",
            &|case| {
                let beaconer = &case.witness.beaconer;
                case.register_with(Some((beaconer.index ^ 1, beaconer.leaf())));
                case.witness.beaconer.index += 1 << (4 * case.shape.device_levels);
                case.sign();
            },
        ),
        ("a witness of another registry", &|case| {
            let device = &mut case.witness.receipts[0].device;
            Draw::new(11).graft(device, case.shape.device_levels);
        }),
        ("self witness: the beaconer's owner", &|case| {
            let owner = case.witness.beaconer.fields.owner_id;
            case.witness.receipts[0].device.fields.owner_id = owner;
            case.settle();
        }),
        ("self witness: the beaconer itself", &|case| {
            case.witness.receipts[0].device = case.witness.beaconer.clone();
            case.radios[1] = case.radios[0];
            case.settle();
        }),
    ]
}

/// What two receipts need.
fn pair_edits() -> Vec<Edit<'static>> {
    vec![
        ("one owner twice", &|case| {
            let owner = case.witness.receipts[0].device.fields.owner_id;
            case.witness.receipts[1].device.fields.owner_id = owner;
            case.settle();
        }),
        (
            "a second witness's index that is not in the tree, beside a copy of its leaf",
            &|case| case.leave_the_tree(1),
        ),
        ("one receipt twice", &|case| {
            case.witness.receipts[1] = case.witness.receipts[0].clone();
            case.attest();
        }),
        ("two receipts swapped", &|case| case.witness.receipts.swap(0, 1)),
        ("the signatures of two receipts swapped", &|case| {
            let first = case.witness.receipts[0].received.signature;
            let second = std::mem::replace(&mut case.witness.receipts[1].received.signature, first);
            case.witness.receipts[0].received.signature = second;
        }),
    ]
}

/// Numbers outside their ranges, with everybody signing them.
fn range_edits() -> Vec<Edit<'static>> {
    const LIMIT: i32 = 1 << 27;
    vec![
        ("a beacon of 2^30 Hz", &|case| {
            case.witness.beacon.report.frequency_hz = 1 << 30;
            case.settle();
        }),
        ("a beacon of 128 dBm", &|case| {
            case.witness.beacon.report.power_dbm = 128;
            case.settle();
        }),
        ("a beacon of -129 dBm", &|case| {
            case.witness.beacon.report.power_dbm = -129;
            case.settle();
        }),
        ("a receipt of 2^30 Hz", &|case| {
            case.witness.receipts[0].received.report.frequency_hz = 1 << 30;
            case.settle();
        }),
        ("a receipt of 4096 tenths of dBm", &|case| {
            case.witness.receipts[0].received.report.rssi_ddbm = 4_096;
            case.settle();
        }),
        ("a receipt of -4097 tenths of dBm", &|case| {
            case.witness.receipts[0].received.report.rssi_ddbm = -4_097;
            case.settle();
        }),
        ("a beacon at 2^27 ms", &|case| {
            case.witness.beacon.time_ms = 1 << 27;
            case.settle();
        }),
        ("a receipt at 2^27 ms", &|case| {
            case.witness.receipts[0].received.time_ms = 1 << 27;
            case.settle();
        }),
        ("a receipt at 2^32 - 1 ms", &|case| {
            case.witness.receipts[0].received.time_ms = u32::MAX;
            case.settle();
        }),
        ("a beaconer at x = 2^27", &|case| {
            case.witness.beaconer.fields.position.x = LIMIT;
            case.settle();
        }),
        ("a beaconer at y = -2^27 - 1", &|case| {
            case.witness.beaconer.fields.position.y = -LIMIT - 1;
            case.settle();
        }),
        ("a beaconer at z = -2^31", &|case| {
            case.witness.beaconer.fields.position.z = i32::MIN;
            case.settle();
        }),
        ("a witness at x = -2^31", &|case| {
            case.witness.receipts[0].device.fields.position.x = i32::MIN;
            case.settle();
        }),
        ("a witness at y = 2^27", &|case| {
            case.witness.receipts[0].device.fields.position.y = LIMIT;
            case.settle();
        }),
        ("a witness at z = -2^27 - 1", &|case| {
            case.witness.receipts[0].device.fields.position.z = -LIMIT - 1;
            case.settle();
        }),
        ("a beaconer with a gain of 1001", &|case| {
            case.witness.beaconer.fields.gain_ddbi = 1_001;
            case.settle();
        }),
        ("a beaconer with a gain of -1001", &|case| {
            case.witness.beaconer.fields.gain_ddbi = -1_001;
            case.settle();
        }),
        ("a witness with a gain of 1001", &|case| {
            case.witness.receipts[0].device.fields.gain_ddbi = 1_001;
            case.settle();
        }),
        ("a witness with a gain of -2^31", &|case| {
            case.witness.receipts[0].device.fields.gain_ddbi = i32::MIN;
            case.settle();
        }),
        ("a start of 2^27 ms", &|case| {
            case.witness.parameters.start_ms = 1 << 27
        }),
        ("a freshness of 2^27 ms", &|case| {
            case.witness.parameters.fresh_ms = 1 << 27
        }),
        ("a beacon's lag of 2^32 - 1 ms", &|case| {
            case.witness.parameters.lag_beacon_ms = u32::MAX
        }),
        ("a witness's lag of 2^27 ms", &|case| {
            case.witness.parameters.lag_witness_ms = 1 << 27
        }),
        ("a tolerance of 2^30 Hz", &|case| {
            case.witness.parameters.frequency_tolerance_hz = 1 << 30
        }),
        ("a largest distance of 2^40", &|case| {
            case.witness.parameters.distance_max = 1 << 40
        }),
        ("a smallest distance of 2^64 - 1", &|case| {
            case.witness.parameters.distance_min = u64::MAX
        }),
        ("a beaconer's unit of 2^15", &|case| {
            case.witness.parameters.beaconer_units[1] = 1 << 15
        }),
        ("a witness's unit of 2^32 - 1", &|case| {
            case.witness.parameters.witness_units[1] = u32::MAX
        }),
    ]
}

/// Forgeries by a prover who lies in wires that no witness reaches: numbers below 0.
fn hint_forgeries(shape: &Shape) -> Vec<Forgery<Case, Fr>> {
    let r1cs = structure(shape);
    let wires = [
        "parameters.start",
        "parameters.fresh",
        "parameters.lag_beacon",
        "parameters.lag_witness",
        "parameters.tolerance",
        "parameters.distance_max",
        "parameters.distance_min",
        "parameters.beaconer_unit",
        "parameters.witness_unit",
        "beaconer.frequency",
        "beaconer.time",
        "receipt[0].frequency",
        "receipt[0].time",
    ];
    let forge = |name: &str| Forgery {
        name: format!("{name} of -1"),
        witness: base(shape),
        overrides: r1cs
            .find_wire(name)
            .map(|wire| (wire, -Fr::ONE))
            .into_iter()
            .collect::<Overrides<Fr>>(),
    };
    wires.map(forge).into_iter().collect()
}
