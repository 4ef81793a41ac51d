//! A whole small example: the files of a fleet, and what follows for one of its zones.

use std::io::Cursor;

use popw_claims::attestation::{Attestation, Bitmap};
use popw_claims::committee::draw;
use popw_claims::delegation::{Delegation, HardwareClass, HardwareKey, SignedDelegation};
use popw_claims::eddsa::SecretKey;
use popw_claims::field::{Fr, keccak256, to_decimal};
use popw_claims::fleet::{
    Attestations, Encoding, EpochTable, Fleet, FleetError, ParametersTable, Source, write_device, write_vote,
    write_watcher,
};
use popw_claims::registry::{Device, Position, Watcher};
use popw_claims::settlement::{KeccakTree, ROW_BYTES, standing};
use popw_claims::uptime::{Preset, Shape, Vote};
use popw_claims::vote;
use serde_json::json;

use crate::{check, check_json};

const ZONE: u64 = 1;
const EPOCH: u64 = 20_000;
const WATCHERS: u64 = 5;

/// The secret keys of the example are hashes of what they are for.
fn secret(role: &str) -> [u8; 32] {
    keccak256(format!("popw/example/{role}").as_bytes())
}

fn device(index: u64) -> (Device, SignedDelegation) {
    let hardware = ed25519_dalek::SigningKey::from_bytes(&secret(&format!("hardware/{index}")));
    let key = HardwareKey::Ed25519(hardware.verifying_key().to_bytes());
    let session_key = SecretKey::from_bytes(&secret(&format!("station/{index}"))).public_key();
    let mut payee = [0; 20];
    payee.copy_from_slice(&secret(&format!("payee/{index}"))[12..]);
    let device = Device {
        payee,
        session_key,
        device_id: Fr::from(7_000 + index),
        owner_id: Fr::from(300u64),
        hardware_key_hash: key.hash(),
        hardware_class: HardwareClass::Ed25519,
        position: Position::from_degrees_e7(485_734_000, 77_521_000).unwrap(),
        h3_cell: 0x08c1_fa4b_20dc_59ff,
        gain_ddbi: -15,
        region: 3,
        scale_e4: 10_000,
        secret_commitment: Fr::from(11u64),
        salt: Fr::from(13u64),
    };
    let delegation = Delegation {
        device_id: device.device_id,
        session_key,
        first_epoch: EPOCH - 5,
        epochs: 30,
    };
    let signature = ed25519_dalek::Signer::sign(&hardware, &delegation.message()).to_bytes();
    (
        device,
        SignedDelegation {
            delegation,
            key,
            signature,
        },
    )
}

fn watcher_secret(seat: usize, number: u64) -> SecretKey {
    SecretKey::from_bytes(&secret(&format!("watcher/{seat}/{number}")))
}

/// Five files as text.
struct Texts([String; 5]);

impl Texts {
    const NAMES: [&str; 5] = [
        "params.toml",
        "epoch.toml",
        "registry.jsonl",
        "watchers.jsonl",
        "attestations.jsonl",
    ];

    fn source(&self, file: usize) -> Source<Cursor<&[u8]>> {
        Source {
            name: Self::NAMES[file].to_owned(),
            reader: Cursor::new(self.0[file].as_bytes()),
        }
    }

    fn read(&self) -> Result<Fleet, FleetError> {
        Fleet::read(self.source(0), self.source(1), self.source(2), self.source(3))
    }

    fn new() -> Self {
        let shape = Shape::new(16, 4, 24);
        let parameters = Preset::Geodnet.parameters(&shape, 86_400, 3);
        let epoch = EpochTable {
            chain_id: 31_337,
            settlement: [0xc0; 20],
            selector: [0xde, 0xad, 0xbe, 0xef],
            number: EPOCH,
            start: EPOCH * 86_400,
            randomness: secret("randomness"),
            previous_randomness: secret("previous randomness"),
        };
        let mut registry = Vec::new();
        for index in [16, 17, 20, 300] {
            let (device, delegation) = device(index);
            write_device(&mut registry, index, &device, Some(&delegation)).unwrap();
        }
        let mut watchers = Vec::new();
        for seat in 0..4 {
            for number in 0..WATCHERS {
                let owner = Fr::from(100 * (seat as u64 + 1) + number);
                let key = watcher_secret(seat, number).public_key();
                write_watcher(&mut watchers, seat, &Watcher { owner, key }).unwrap();
            }
        }
        let [registry, watchers] = [registry, watchers].map(|bytes| String::from_utf8(bytes).unwrap());
        let parameters = ParametersTable {
            shape,
            parameters,
            allow_minority_quorum: false,
        }
        .to_string();
        let mut texts = Self([parameters, epoch.to_string(), registry, watchers, String::new()]);
        texts.0[4] = votes(&texts.read().unwrap());
        texts
    }
}

/// Seat 2 is absent. Device 16 is heard in every slot, 17 in the first 18, 20 in the first 18 by only two
/// watchers.
fn votes(fleet: &Fleet) -> String {
    let mut lines = Vec::new();
    for (seat, leaf) in draw(fleet.epoch_tag(), ZONE, 4, 3)
        .into_iter()
        .enumerate()
        .filter(|(seat, _)| *seat != 2)
    {
        let mut bitmap = Bitmap::new(16, 24);
        (0..24).for_each(|slot| bitmap.set(0, slot, true));
        (0..18).for_each(|slot| bitmap.set(1, slot, true));
        (0..18)
            .filter(|_| seat < 2)
            .for_each(|slot| bitmap.set(4, slot, true));
        let key = fleet.watchers().watcher(seat, leaf).unwrap().key;
        let secret = (0..WATCHERS)
            .map(|n| watcher_secret(seat, n))
            .find(|s| s.public_key() == key)
            .unwrap();
        let attestation = Attestation::sign(&secret, fleet.epoch_tag(), ZONE, seat, &bitmap);
        write_vote(&mut lines, &Vote { bitmap, attestation }).unwrap();
    }
    String::from_utf8(lines).unwrap()
}

#[test]
fn a_fleet_and_its_zone() {
    let texts = Texts::new();
    for (name, text) in Texts::NAMES.iter().zip(&texts.0) {
        check(&format!("fleet/{name}"), text);
    }
    let fleet = texts.read().unwrap();
    let refuse = |rejection| panic!("{rejection}");
    let mut attestations =
        Attestations::ingest(&fleet, texts.source(4), Encoding::JsonLines, refuse).unwrap();
    let claim = fleet.claim(ZONE, &attestations.votes(ZONE).unwrap()).unwrap();
    let outcome = &claim.outcome;
    assert_eq!(outcome.scores[..5], [1_000_000, 500_000, 0, 0, 0]);

    let hex = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
    let decimals = |elements: &[Fr]| elements.iter().map(to_decimal).collect::<Vec<_>>();
    let devices: Vec<_> = fleet
        .devices()
        .devices()
        .map(|(index, device)| {
            let hashes = [device.private_part(), device.inner(), device.leaf()];
            let [private, inner, leaf] = hashes.map(|hash| to_decimal(&hash));
            json!({ "index": index, "private": private, "inner": inner, "leaf": leaf })
        })
        .collect();
    let orders: Vec<Vec<String>> = (0..4)
        .map(|seat| {
            fleet
                .watchers()
                .watchers(seat)
                .iter()
                .map(|watcher| to_decimal(&watcher.owner))
                .collect()
        })
        .collect();
    let rows = &claim.settlement_data[..16 * ROW_BYTES];
    let tree = KeccakTree::of_claims(EPOCH, ZONE * 16, rows).unwrap();
    let path: Vec<String> = tree.path(1).unwrap().iter().map(|node| hex(node)).collect();
    let leaves: Vec<String> = tree.leaves().iter().map(|leaf| hex(leaf)).collect();
    let statement = &claim.statement;
    let owners: Vec<Fr> = claim.witness.seats.iter().map(|seat| seat.owner).collect();
    check_json(
        "zone.json",
        &json!({
            "zone": ZONE,
            "devices": devices,
            "device_root": to_decimal(&fleet.devices().root()),
            "seats_by_owner": orders,
            "watcher_root": to_decimal(&fleet.watchers().root()),
            "registry_root": to_decimal(&statement.registry_root),
            "params_hash": to_decimal(&statement.parameters_hash),
            "epoch_tag": to_decimal(&statement.epoch_tag),
            "drawn_leaves": draw(fleet.epoch_tag(), ZONE, 4, 3),
            "drawn_owners": decimals(&owners),
            "digests": decimals(&outcome.digests),
            "up_slots": outcome.up_slots,
            "scores": outcome.scores,
            "out_commit": to_decimal(&outcome.out_commit),
            "settlement_data": hex(&claim.settlement_data),
            "z": to_decimal(&statement.z),
            "y": to_decimal(&statement.y),
            "public_inputs": decimals(&statement.public_inputs()),
            "standing": hex(&standing(&outcome.digests)),
            "claim_leaves": leaves,
            "claim_root": hex(&tree.claims_root()),
            "claim_path_of_second_leaf": path,
        }),
    );
}

/// The vote of a seat of the same zone, opened, and read back as a vote of U1.
#[test]
fn an_opened_vote() {
    let texts = Texts::new();
    let fleet = texts.read().unwrap();
    let refuse = |rejection| panic!("{rejection}");
    let mut attestations =
        Attestations::ingest(&fleet, texts.source(4), Encoding::JsonLines, refuse).unwrap();
    let votes = attestations.votes(ZONE).unwrap();
    let (seat, selector) = (3, [0x0f, 0xfe, 0x0b, 0xad]);
    let opened = fleet.vote(ZONE, seat, &votes, selector).unwrap();
    let shape = vote::Shape::of(fleet.shape());
    let read = vote::read(&opened.settlement_data, &shape, ZONE).unwrap();
    assert_eq!(Some(&read), votes[seat].as_ref());
    let hex = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
    let decimals = |elements: &[Fr]| elements.iter().map(to_decimal).collect::<Vec<_>>();
    check_json(
        "vote.json",
        &json!({
            "zone": ZONE,
            "seat": seat,
            "selector": hex(&selector),
            "words": decimals(&opened.outcome.words),
            "data": hex(&opened.settlement_data),
            "public_inputs": decimals(&opened.statement.public_inputs()),
        }),
    );
}
