//! Tags, hashes, layouts, one by one.

use popw_claims::attestation::{Bitmap, attestation_message, devices_per_leaf, elements_per_leaf};
use popw_claims::babyjubjub::Point;
use popw_claims::committee::draw;
use popw_claims::delegation::{Delegation, HardwareKey};
use popw_claims::eddsa::{SecretKey, Signature};
use popw_claims::epoch::{Epoch, EpochContext};
use popw_claims::field::{Fr, from_be_bytes, tag, to_be_bytes, to_decimal};
use popw_claims::location;
use popw_claims::poseidon::sponge;
use popw_claims::record::{Record, payload_of};
use popw_claims::registry::{Position, registry_root, watcher_leaf, watcher_root};
use popw_claims::settlement::{KeccakTree, claim_leaf, standing};
use popw_claims::statement::polynomial;
use popw_claims::tree::{empty_subtree, root_of};
use popw_claims::uptime::rule::{longest_outage, score};
use popw_claims::uptime::statement::{out_commit, pack_scores};
use popw_claims::uptime::{
    Preset, Shape, absent_seat_key, absent_seat_message, absent_seat_signature, fingerprint,
};
use serde_json::{Value, json};

use crate::check_json;

fn hex32(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn point(point: &Point) -> Value {
    json!([to_decimal(&point.x), to_decimal(&point.y)])
}

fn scalar(signature: &Signature) -> String {
    to_decimal(&from_be_bytes(&signature.s_bytes()).unwrap())
}

fn decimals(elements: &[Fr]) -> Vec<String> {
    elements.iter().map(to_decimal).collect()
}

fn count(from: u64, to: u64) -> Vec<Fr> {
    (from..=to).map(Fr::from).collect()
}

#[test]
fn tags() {
    let names = [
        "device",
        "device-inner",
        "device-private",
        "watcher",
        "registry",
        "parameters",
        "committee",
        "bitmap",
        "digest",
        "attestation",
        "out",
        "record",
        "absent-seat",
        "location-parameters",
        "location-report",
        "location-reports",
        "location-out",
        "coverage-parameters",
        "challenge",
        "beacon",
        "receipt",
        "witness-draw",
        "receipts",
        "coverage-out",
        "vote-out",
    ];
    let tags: Vec<Value> = names
        .iter()
        .map(|name| json!({ "name": name, "tag": hex32(&to_be_bytes(&tag(name))) }))
        .collect();
    check_json("tags.json", &json!(tags));
}

#[test]
fn hashes() {
    let sponges: Vec<Value> = [0, 1, 10, 14, 15, 29, 30]
        .map(|n| (n, to_decimal(&sponge("out", &count(1, n)))))
        .map(|(n, hash)| json!({ "name": "out", "elements": format!("1..{n}"), "hash": hash }))
        .to_vec();
    let empty: Vec<String> = (0..=8).map(|level| to_decimal(&empty_subtree(level))).collect();
    let roots: Vec<Value> = [1, 2, 16, 17, 32, 256]
        .map(|n| json!({ "leaves": format!("1..{n}"), "root": to_decimal(&root_of(&count(1, n))) }))
        .to_vec();
    check_json(
        "hashes.json",
        &json!({ "sponges": sponges, "empty_subtrees": empty, "roots": roots }),
    );
}

#[test]
fn epochs_and_parameters() {
    let shape = Shape::new(256, 8, 144);
    let parameters: Vec<Value> = Preset::ALL
        .map(|preset| {
            let parameters = preset.parameters(&shape, 86_400, 5);
            json!({
                "preset": preset.name(),
                "fields": decimals(&parameters.fields(&shape)),
                "params_hash": to_decimal(&parameters.hash(&shape)),
            })
        })
        .to_vec();
    let context = EpochContext {
        chain_id: 8_453,
        settlement: [0xc0; 20],
        selector: [0xde, 0xad, 0xbe, 0xef],
        epoch: 20_000,
        registry_root: Fr::from(1_234u64),
        parameters_hash: Preset::Geodnet.parameters(&shape, 86_400, 5).hash(&shape),
        randomness: [0xff; 32],
    };
    let epoch = Epoch::new(20_000, 86_400, 144).unwrap();
    let slots: Vec<Value> = [
        epoch.start() - 1,
        epoch.start(),
        epoch.start() + 599,
        epoch.start() + 600,
    ]
    .map(|time| json!({ "time": time, "slot": epoch.slot_of(time) }))
    .to_vec();
    let draws: Vec<Value> = [0, 1, 4_095]
        .map(|zone| (zone, draw(Fr::from(1_234_567u64), zone, 10, 3)))
        .map(|(zone, leaves)| json!({ "zone": zone, "epoch_tag": "1234567", "leaves": leaves }))
        .to_vec();
    check_json(
        "epochs.json",
        &json!({
            "parameters": parameters,
            "epoch": {
                "chain_id": context.chain_id,
                "settlement": hex32(&context.settlement),
                "selector": hex32(&context.selector),
                "number": context.epoch,
                "registry_root": to_decimal(&context.registry_root),
                "params_hash": to_decimal(&context.parameters_hash),
                "randomness": hex32(&context.randomness),
                "epoch_tag": to_decimal(&context.tag()),
            },
            "slots_of_epoch_20000": slots,
            "draws": draws,
        }),
    );
}

/// The bit of device i and slot s in the bitmaps below.
fn pattern(device: usize, slot: usize) -> bool {
    (7 * device + 3 * slot + device * slot) % 5 < 2
}

#[test]
fn digests() {
    let shapes = [
        (1, 1),
        (1, 144),
        (1, 3_528),
        (16, 24),
        (16, 288),
        (256, 144),
        (256, 288),
        (256, 1_440),
    ];
    let digests: Vec<Value> = shapes
        .map(|(devices, slots)| {
            let mut bitmap = Bitmap::new(devices, slots);
            for device in 0..devices {
                (0..slots).for_each(|slot| bitmap.set(device, slot, pattern(device, slot)));
            }
            json!({
                "devices": devices,
                "slots": slots,
                "devices_per_leaf": devices_per_leaf(devices, slots),
                "elements_per_leaf": elements_per_leaf(devices, slots),
                "first_bytes": hex32(&bitmap.to_bytes()[..bitmap.to_bytes().len().min(16)]),
                "digest": to_decimal(&bitmap.digest()),
            })
        })
        .to_vec();
    check_json(
        "digests.json",
        &json!({ "bit": "(7 i + 3 s + i s) mod 5 < 2", "digests": digests }),
    );
}

#[test]
fn messages() {
    let secret = SecretKey::from_bytes(&[1; 32]);
    let key = secret.public_key();
    let epoch_tag = Fr::from(1_234_567u64);
    let row = "1613977312,2021-02-22T08:01:52+01:00,14.38,31,1001.28,0.00,3.0,12.6";
    let record = Record {
        device_index: 17,
        time: 1_613_977_312,
        payload: payload_of(row.as_bytes()),
    };
    let record_message = record.message(epoch_tag);
    let attestation = attestation_message(epoch_tag, 3, 2, Fr::from(99u64));
    let signed = |message: Fr| {
        let signature = secret.sign(message);
        json!({
            "message": to_decimal(&message),
            "r8": point(&signature.r8),
            "s": scalar(&signature),
        })
    };
    let delegation = Delegation {
        device_id: Fr::from(77u64),
        session_key: key,
        first_epoch: 100,
        epochs: 30,
    };
    let absent = absent_seat_signature();
    let hardware_key = HardwareKey::Ed25519([7; 32]);
    check_json(
        "messages.json",
        &json!({
            "secret_key": hex32(&[1; 32]),
            "public_key": point(&key),
            "record": {
                "epoch_tag": to_decimal(&epoch_tag), "device_index": 17, "time": record.time, "row": row,
                "payload": to_decimal(&record.payload), "signed": signed(record_message),
            },
            "attestation": {
                "epoch_tag": to_decimal(&epoch_tag), "zone": 3, "seat": 2, "digest": "99",
                "signed": signed(attestation),
            },
            "absent_seat": {
                "public_key": point(&absent_seat_key()), "message": to_decimal(&absent_seat_message()),
                "r8": point(&absent.r8), "s": scalar(&absent),
            },
            "delegation": {
                "device_id": "77", "session_key": point(&key), "first_epoch": 100, "epochs": 30,
                "message": hex32(&delegation.message()),
            },
            "hardware_key_hash": {
                "bytes": hex32(hardware_key.as_bytes()), "hash": to_decimal(&hardware_key.hash()),
            },
        }),
    );
}

#[test]
fn leaves_and_roots() {
    let key = SecretKey::from_bytes(&[1; 32]).public_key();
    let leaves: Vec<String> = (0..2)
        .map(|seat| to_decimal(&watcher_leaf(Fr::from(5u64), &key, seat)))
        .collect();
    let roots = count(1, 8);
    let Position { x, y, z } = Position::from_degrees_e7(485_734_000, 77_521_000).unwrap();
    let rows: Vec<[u8; 24]> = (1u8..=16)
        .map(|number| std::array::from_fn(|at| if at < 20 { 0x11 * (number % 4) } else { number % 3 }))
        .collect();
    let tree = KeccakTree::of_claims(20_000, 16, rows.as_flattened()).unwrap();
    let registry = registry_root(Fr::from(1u64), Fr::from(2u64));
    let digests = [count(1, 4), count(5, 8), count(9, 12)];
    let claims: Vec<Value> = (16u64..)
        .step_by(8)
        .zip(rows.chunks(8))
        .map(|(first, rows)| (first, rows.as_flattened()))
        .map(|(first, rows)| {
            let leaf = claim_leaf(20_000, first, rows);
            json!({ "first_index": first, "rows": hex32(rows), "leaf": hex32(&leaf) })
        })
        .collect();
    let absent = vec![Fr::from(0u64); 4];
    let zones: Vec<Value> = digests
        .iter()
        .chain([&absent])
        .map(|digests| json!({ "digests": decimals(digests), "standing": hex32(&standing(digests)) }))
        .collect();
    check_json(
        "trees.json",
        &json!({
            "position": { "latitude_e7": 485_734_000, "longitude_e7": 77_521_000, "dm": [x, y, z] },
            "watcher_leaf": { "owner": "5", "key": point(&key), "seats_0_and_1": leaves },
            "watcher_root": { "seat_roots": "1..8", "root": to_decimal(&watcher_root(&roots)) },
            "registry_root": { "device_root": "1", "watcher_root": "2", "root": to_decimal(&registry) },
            "claims": { "epoch": 20_000, "leaves": claims, "root": hex32(&tree.claims_root()) },
            "zones": zones,
        }),
    );
}

#[test]
fn outputs() {
    let scores: Vec<u32> = (0..16).map(|i| i * 66_666).collect();
    let digests = count(100, 103);
    let payees = count(1_000, 1_015);
    let z = Fr::from(1_234_567_891_011u64);
    let outages: Vec<Value> = ["", "1111", "0000", "0001", "1000", "0110", "1001001"]
        .map(|slots| {
            let agreed: Vec<bool> = slots.bytes().map(|byte| byte == b'1').collect();
            json!({ "slots": slots, "longest_outage": longest_outage(&agreed) })
        })
        .to_vec();
    let shape = Shape::new(256, 8, 144);
    let limited = Shape {
        outage_rule: true,
        ..shape
    };
    let scored: Vec<Value> = Preset::ALL
        .into_iter()
        .flat_map(|preset| [0, 71, 72, 73, 100, 129, 130, 142, 143, 144].map(|up| (preset, up)))
        .map(|(preset, up)| {
            let parameters = preset.parameters(&shape, 86_400, 5);
            let with_limit = score(&parameters.with_outage_limit(11), &limited, up, 144 - up);
            json!({
                "preset": preset.name(), "up_slots": up, "score": score(&parameters, &shape, up, 144 - up),
                "score_if_down_in_one_run_and_outage_limit_11": with_limit,
            })
        })
        .collect();
    check_json(
        "outputs.json",
        &json!({
            "scores": scores, "digests": decimals(&digests), "payees": decimals(&payees),
            "packed_scores": decimals(&pack_scores(&scores)),
            "out_commit": to_decimal(&out_commit(&scores, &digests)),
            "z": to_decimal(&z), "y": to_decimal(&fingerprint(z, &payees, &scores, &digests)),
            "outages": outages, "rules_at_144_slots": scored,
        }),
    );
}

#[test]
fn location_consistency() {
    let shape = location::Shape::new(24);
    let parameters = location::Preset::HeliumMobile.parameters(&shape);
    let asserted = Position::from_degrees_e7(485_734_000, 77_521_000).unwrap();
    let positions = [0, 3_005, 3_006, -4_005, 4_006, 1 << 27]
        .map(|away| asserted.y.saturating_sub(away))
        .map(|y| Position { y, ..asserted });
    let reports: Vec<location::Report> = (0..24usize)
        .map(|slot| positions.get(slot % 7).copied())
        .map(|report| report.filter(location::reports::is_packable))
        .collect();
    let score = location::score(&parameters, &asserted, &reports);
    let digest = location::reports::digest(&reports);
    let (payee, z) = (Fr::from(77u64), Fr::from(1_234_567_891_011u64));
    let slots: Vec<Value> = reports
        .iter()
        .map(|report| {
            json!({
                "dm": report.map(|at| [at.x, at.y, at.z]),
                "element": to_decimal(&location::reports::report_element(report)),
            })
        })
        .collect();
    let message = location::reports::report_message(Fr::from(1_234_567u64), 5, &positions[1]);
    check_json(
        "location.json",
        &json!({
            "parameters": decimals(&parameters.fields(&shape)), "params_hash": to_decimal(&parameters.hash(&shape)),
            "asserted": [asserted.x, asserted.y, asserted.z], "reports": slots, "digest": to_decimal(&digest),
            "message": {
                "epoch_tag": "1234567", "slot": 5, "dm": [positions[1].x, positions[1].y, positions[1].z],
                "message": to_decimal(&message),
            },
            "score": score, "out_commit": to_decimal(&location::statement::out_commit(score, digest)),
            "payee": to_decimal(&payee), "z": to_decimal(&z),
            "y": to_decimal(&polynomial(z, &[payee, Fr::from(score), digest])),
        }),
    );
}
