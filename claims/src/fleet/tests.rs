//! Tests of [`crate::fleet`].

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Cursor;

use super::*;
use crate::attestation::{Attestation, Bitmap};
use crate::committee::draw;
use crate::delegation::{Delegation, HardwareKey, SignedDelegation};
use crate::eddsa::SecretKey;
use crate::field::keccak256;
use crate::registry::{Device, Watcher, example_device};
use crate::uptime::Preset;
use ed25519_dalek::Signer;
use proptest::prelude::*;

/// The five files of a small fleet, as text.
#[derive(Clone)]
pub(super) struct Texts {
    parameters: String,
    epoch: String,
    registry: String,
    watchers: String,
    attestations: String,
}

pub(super) const ZONE: u64 = 1;
const EPOCH: u64 = 18_680;

pub(super) fn watcher_secret(seat: usize, number: u64) -> SecretKey {
    SecretKey::from_bytes(&keccak256(format!("fleet {seat} {number}").as_bytes()))
}

fn delegated(index: u64) -> (Device, SignedDelegation) {
    let secret = ed25519_dalek::SigningKey::from_bytes(&keccak256(&index.to_be_bytes()));
    let key = HardwareKey::Ed25519(secret.verifying_key().to_bytes());
    let device = Device {
        hardware_key_hash: key.hash(),
        ..example_device(index)
    };
    let Device {
        device_id,
        session_key,
        ..
    } = device;
    let delegation = Delegation {
        device_id,
        session_key,
        first_epoch: EPOCH,
        epochs: 7,
    };
    let signature = secret.sign(&delegation.message()).to_bytes();
    (
        device,
        SignedDelegation {
            delegation,
            key,
            signature,
        },
    )
}

impl Texts {
    pub(super) fn new() -> Self {
        let shape = Shape {
            device_levels: 2,
            ..Shape::new(16, 3, 24)
        };
        let parameters = Preset::Geodnet.parameters(&shape, 86_400, 2);
        let table = EpochTable {
            chain_id: 31_337,
            settlement: [0xab; 20],
            selector: [1, 2, 3, 4],
            number: EPOCH,
            start: EPOCH * 86_400,
            randomness: [7; 32],
            previous_randomness: [6; 32],
        };
        let mut registry = Vec::new();
        for index in [3, 16, 20] {
            let (device, signed) = delegated(index);
            write_device(&mut registry, index, &device, (index != 20).then_some(&signed)).unwrap();
        }
        let mut watchers = Vec::new();
        for seat in 0..3 {
            for number in 0..4 {
                let owner = Fr::from(10 * (seat as u64 + 1) + number);
                let key = watcher_secret(seat, number).public_key();
                write_watcher(&mut watchers, seat, &Watcher { owner, key }).unwrap();
            }
        }
        let mut texts = Self {
            parameters: ParametersTable {
                shape,
                parameters,
                allow_minority_quorum: false,
            }
            .to_string(),
            epoch: table.to_string(),
            registry: String::from_utf8(registry).unwrap(),
            watchers: String::from_utf8(watchers).unwrap(),
            attestations: String::new(),
        };
        let fleet = texts.read().unwrap();
        let mut attestations = Vec::new();
        for (seat, leaf) in draw(fleet.epoch_tag(), ZONE, 3, 3)
            .into_iter()
            .enumerate()
            .take(2)
        {
            let mut bitmap = Bitmap::new(16, 24);
            (0..18).for_each(|slot| bitmap.set(0, slot, true));
            let key = fleet.watchers().watcher(seat, leaf).unwrap().key;
            let secret = (0..4)
                .map(|n| watcher_secret(seat, n))
                .find(|s| s.public_key() == key)
                .unwrap();
            let attestation = Attestation::sign(&secret, fleet.epoch_tag(), ZONE, seat, &bitmap);
            write_vote(&mut attestations, &Vote { bitmap, attestation }).unwrap();
        }
        texts.attestations = String::from_utf8(attestations).unwrap();
        texts
    }

    pub(super) fn read(&self) -> Result<Fleet, FleetError> {
        let source = |name: &str, text: &'_ String| Source {
            name: name.to_owned(),
            reader: Cursor::new(text.clone()),
        };
        Fleet::read(
            source("params.toml", &self.parameters),
            source("epoch.toml", &self.epoch),
            source("registry.jsonl", &self.registry),
            source("watchers.jsonl", &self.watchers),
        )
    }

    /// The attestations that count, and the rejections.
    pub(super) fn ingest(&self, fleet: &Fleet) -> Ingested {
        ingest(fleet, Encoding::JsonLines, self.attestations.clone().into_bytes()).unwrap()
    }

    /// The claim of [`ZONE`] as far as there are no errors and no rejections.
    fn claim(&self) -> Result<Claim, FleetError> {
        let fleet = self.read()?;
        let (mut attestations, rejections) = self.ingest(&fleet);
        match rejections.into_iter().next() {
            Some(Rejection {
                file, number, flaw, ..
            }) => Err(FleetError::entry(&file, number, flaw.field, flaw.detail)),
            None => fleet.claim(ZONE, &attestations.votes(ZONE)?),
        }
    }
}

pub(super) type Ingested = (Attestations<Cursor<Vec<u8>>>, Vec<Rejection>);

pub(super) fn ingest(fleet: &Fleet, encoding: Encoding, bytes: Vec<u8>) -> Result<Ingested, FleetError> {
    let source = Source {
        name: "attestations.jsonl".to_owned(),
        reader: Cursor::new(bytes),
    };
    let mut rejections = Vec::new();
    let attestations = Attestations::ingest(fleet, source, encoding, |rejection| rejections.push(rejection))?;
    Ok((attestations, rejections))
}

/// File, line, field and reason of the refusal after a change.
fn refused(change: impl FnOnce(&mut Texts)) -> (String, u64, String, String) {
    let mut texts = Texts::new();
    change(&mut texts);
    match texts.claim().unwrap_err() {
        FleetError::Entry {
            file,
            line,
            field,
            reason,
        } => (file, line, field, reason),
        error => panic!("{error}"),
    }
}

fn swap(text: &mut String, from: &str, to: &str) {
    assert!(text.contains(from), "`{from}` is not in the file");
    *text = text.replacen(from, to, 1);
}

#[track_caller]
fn check(refusal: (String, u64, String, String), file: &str, line: u64, field: &str, reason: &str) {
    let (got_file, got_line, got_field, got_reason) = refusal;
    assert_eq!(
        (got_file.as_str(), got_line, got_field.as_str()),
        (file, line, field),
        "{got_reason}"
    );
    assert!(got_reason.contains(reason), "{got_reason}");
}

#[test]
fn a_fleet_is_read_and_claimed() {
    let texts = Texts::new();
    let fleet = texts.read().unwrap();
    let (mut attestations, rejections) = texts.ingest(&fleet);
    assert_eq!((rejections, attestations.len()), (Vec::new(), 2));
    assert_eq!(fleet.zones(), [0, 1]);
    assert_eq!(fleet.context().epoch, EPOCH);
    assert_eq!(
        (
            fleet.epoch().slots(),
            fleet.shape().slots,
            fleet.parameters().quorum
        ),
        (24, 24, 2)
    );
    let votes = attestations.votes(ZONE).unwrap();
    assert_eq!(votes.iter().filter(|vote| vote.is_some()).count(), 2);
    let claim = fleet.claim(ZONE, &votes).unwrap();
    assert_eq!(claim.outcome.digests, attestations.digests(ZONE));
    assert_eq!(claim.outcome.scores[0], 500_000);
    assert_eq!(claim.outcome.registry_root, fleet.context().registry_root);
    assert_eq!(claim.statement.parameters_hash, fleet.context().parameters_hash);
    assert!(!claim.witness.seats[2].present);
    assert_eq!(claim.settlement_data.len(), 24 * 16 + 32 * 3);
    let absent = attestations.votes(0).unwrap();
    assert_eq!(fleet.claim(0, &absent).unwrap().outcome.scores, [0; 16]);
    assert!(matches!(
        fleet.claim(16, &absent),
        Err(FleetError::Zone { zone: 16, .. })
    ));
    // Votes of another zone are refused again when they are used.
    assert!(matches!(
        fleet.claim(0, &votes),
        Err(FleetError::Zone { zone: 0, .. })
    ));
    assert_eq!(fleet.devices().devices().count(), 3);
}

#[test]
fn tables_round_trip_and_have_defaults() {
    let texts = Texts::new();
    let source = |text: &str| Source {
        name: "params.toml".to_owned(),
        reader: Cursor::new(text.to_owned()),
    };
    let table = tables::read_parameters(source(&texts.parameters)).unwrap();
    assert_eq!(table.to_string(), texts.parameters);
    let minimal = "[shape]\ndevices = 1\nwatchers = 2\nslots = 24\n\
        [parameters]\nepoch_seconds = 86400\nquorum = 1\n\
        allow_minority_quorum = true\npolicy = \"threshold\"\nslope = 2\noffset = 1\n";
    let table = tables::read_parameters(source(minimal)).unwrap();
    assert_eq!(table.shape, Shape::new(1, 2, 24));
    assert_eq!(
        table.parameters,
        Preset::HeliumMobile.parameters(&table.shape, 86_400, 1)
    );
    assert_eq!(
        tables::read_parameters(source(&table.to_string())).unwrap(),
        table
    );
}

#[test]
fn params_toml() {
    let name = "params.toml";
    let refused = |from: &str, to: &str| refused(|texts| swap(&mut texts.parameters, from, to));
    check(
        refused("devices = 16", "devices = 17"),
        name,
        2,
        "shape.devices",
        "1, 16, 256 or 4096",
    );
    check(
        refused("devices = 16", "devices = \"x\""),
        name,
        2,
        "shape.devices",
        "invalid type",
    );
    check(
        refused("devices = 16", "devices = -1"),
        name,
        2,
        "shape.devices",
        "invalid value",
    );
    check(
        refused("quorum = 2", "quorum = 4"),
        name,
        11,
        "parameters.quorum",
        "1 to 3",
    );
    check(
        refused("quorum = 2", "quorum = 1"),
        name,
        11,
        "parameters.quorum",
        "more than half",
    );
    check(
        refused("policy = \"linear\"", "policy = \"cubic\""),
        name,
        13,
        "parameters.policy",
        "unknown variant",
    );
    check(
        refused("slope = 2", "slope = 2\nslop = 2"),
        name,
        15,
        "parameters.slop",
        "unknown field",
    );
    check(
        refused("slope = 2\n", ""),
        name,
        9,
        "parameters",
        "missing field `slope`",
    );
    check(refused("slope = 2", "slope = "), name, 14, ".", "");
}

#[test]
fn epoch_toml() {
    let name = "epoch.toml";
    let refused = |from: &str, to: &str| refused(|texts| swap(&mut texts.epoch, from, to));
    check(
        refused("start = 1613952000", "start = 1613952001"),
        name,
        5,
        "start",
        "expected 1613952000",
    );
    check(
        refused("number = 18680", "number = 9223372036854775807"),
        name,
        4,
        "number",
        "64 bits",
    );
    check(refused("0x01020304", "01020304"), name, 3, "selector", "0x");
    check(
        refused("0x01020304", "0x0102030g"),
        name,
        3,
        "selector",
        "hexadecimal",
    );
    check(
        refused("0x01020304", "0x010203"),
        name,
        3,
        "selector",
        "expected 4 bytes, got 3",
    );
    check(
        refused("chain_id = 31337\n", ""),
        name,
        1,
        ".",
        "missing field `chain_id`",
    );
}

#[test]
fn registry_jsonl() {
    let name = "registry.jsonl";
    let refused = |from: &str, to: &str| refused(|texts| swap(&mut texts.registry, from, to));
    check(
        refused("\"index\":16", "\"index\":2"),
        name,
        2,
        "index",
        "above 3",
    );
    check(
        refused("\"index\":20", "\"index\":256"),
        name,
        3,
        "index",
        "below 256",
    );
    check(
        refused("\"index\":16", "\"index\":\"16\""),
        name,
        2,
        "index",
        "invalid type",
    );
    check(
        refused("\"region\":3", "\"region\":70000"),
        name,
        1,
        "region",
        "invalid value",
    );
    check(
        refused("\"region\":3", "\"regoin\":3"),
        name,
        1,
        "regoin",
        "unknown field",
    );
    check(
        refused("\"region\":3,", ""),
        name,
        1,
        ".",
        "missing field `region`",
    );
    check(
        refused("\"device_id\":\"1016\"", "\"device_id\":\"01016\""),
        name,
        2,
        "device_id",
        "decimal",
    );
    check(
        refused("\"device_id\":\"1016\"", "\"device_id\":1016"),
        name,
        2,
        "device_id",
        "invalid type",
    );
    check(
        refused("\"gain_ddbi\":-12", "\"gain_ddbi\":1001"),
        name,
        1,
        "gain_ddbi",
        "-1000 to 1000",
    );
    check(
        refused("\"h3_cell\":\"8", "\"h3_cell\":\"0x8"),
        name,
        1,
        "h3_cell",
        "H3 index",
    );
    check(
        refused("\"session_key\":[\"", "\"session_key\":[\"1"),
        name,
        1,
        "session_key[0]",
        "",
    );
    check(
        refused("\"hardware_class\":\"ed25519\"", "\"hardware_class\":\"rsa\""),
        name,
        1,
        "hardware_class",
        "variant",
    );
    check(refused("}\n", "} {}\n"), name, 1, ".", "trailing");
    check(refused("}\n", "}\n\n"), name, 2, ".", "EOF");
}

#[test]
fn a_station_stands_in_one_line() {
    let refused = |change: fn(&mut Device, &Device)| {
        refused(|texts| {
            let [first, mut second] = [3, 16].map(example_device);
            change(&mut second, &first);
            let mut lines = Vec::new();
            write_device(&mut lines, 3, &first, None).unwrap();
            write_device(&mut lines, 16, &second, None).unwrap();
            texts.registry = String::from_utf8(lines).unwrap();
        })
    };
    let name = "registry.jsonl";
    let at_first = "at index 3 already";
    let session = refused(|second, first| second.session_key = first.session_key);
    check(session, name, 2, "session_key", at_first);
    let hardware = refused(|second, first| second.hardware_key_hash = first.hardware_key_hash);
    check(hardware, name, 2, "hardware_key_hash", at_first);
}

#[test]
fn delegations_are_verified() {
    let name = "registry.jsonl";
    let refused = |from: &str, to: &str| refused(|texts| swap(&mut texts.registry, from, to));
    check(
        refused("\"epochs\":7", "\"epochs\":8"),
        name,
        1,
        "delegation",
        "did not sign",
    );
    check(
        refused("\"first_epoch\":18680", "\"first_epoch\":18681"),
        name,
        1,
        "delegation",
        "do not cover",
    );
    check(
        refused("\"hardware_key\":\"0x", "\"hardware_key\":\"0x00"),
        name,
        1,
        "delegation.hardware_key",
        "32 bytes",
    );
    check(
        refused("\"hardware_key_hash\":\"", "\"hardware_key_hash\":\"1"),
        name,
        1,
        "hardware_key_hash",
        "",
    );
    check(
        refused("\"hardware_class\":\"ed25519\"", "\"hardware_class\":\"p256\""),
        name,
        1,
        "delegation.hardware_key",
        "33",
    );
}

#[test]
fn watchers_jsonl() {
    let name = "watchers.jsonl";
    let refused = |from: &str, to: &str| refused(|texts| swap(&mut texts.watchers, from, to));
    check(refused("\"seat\":2", "\"seat\":3"), name, 9, "seat", "below 3");
    check(
        refused("\"owner\":\"20\"", "\"owner\":\"10\""),
        name,
        8,
        "owner",
        "seats 0 and 1",
    );
    check(
        refused("\"owner\":\"21\"", "\"owner\":\"20\""),
        name,
        8,
        "owner",
        "at least 4",
    );
    let large = "1".repeat(76);
    check(
        refused("\"owner\":\"20\"", &format!("\"owner\":\"{large}\"")),
        name,
        5,
        "owner",
        "below 2^248",
    );
    let identity = ["[\"0\",\"1\"]", "[\"0\",\"2\"]"];
    for (key, field, reason) in [
        (identity[0], "key", "prime order"),
        (identity[1], "key", "not on Baby Jubjub"),
    ] {
        check(
            self::refused(|texts| {
                let start = texts.watchers.find("[").unwrap();
                let end = texts.watchers.find("]").unwrap();
                texts.watchers.replace_range(start..=end, key);
            }),
            name,
            1,
            field,
            reason,
        );
    }
    check(
        self::refused(|texts| {
            let first = texts.watchers.lines().next().unwrap().to_owned();
            texts.watchers.push_str(&first);
        }),
        name,
        13,
        "key",
        "already registered in seat 0",
    );
    check(
        self::refused(|texts| texts.watchers.clear()),
        name,
        0,
        "owner",
        "got 0",
    );
    check(
        self::refused(|texts| {
            texts.watchers = texts.watchers.lines().next().unwrap().to_owned()
                + "
"
        }),
        name,
        1,
        "owner",
        "at least 4",
    );
    check(
        self::refused(|texts| {
            let first = texts.watchers.lines().next().unwrap().to_owned() + "\n";
            texts.watchers = first.repeat(17);
        }),
        name,
        17,
        "seat",
        "at most 16",
    );
}

#[test]
fn attestations_jsonl() {
    let name = "attestations.jsonl";
    let refused = |from: &str, to: &str| refused(|texts| swap(&mut texts.attestations, from, to));
    check(refused("\"zone\":1", "\"zone\":16"), name, 1, "zone", "below 16");
    check(refused("\"seat\":1", "\"seat\":3"), name, 2, "seat", "below 3");
    check(
        self::refused(|texts| texts.attestations = texts.attestations.repeat(2)),
        name,
        3,
        "seat",
        "already stands on line 1",
    );
    check(
        refused("\"bitmap\":\"0x", "\"bitmap\":\"0x00"),
        name,
        1,
        "bitmap",
        "expected 48 bytes, got 49",
    );
    check(
        refused("\"bitmap\":\"0xff", "\"bitmap\":\"0xfe"),
        name,
        1,
        "digest",
        "not the digest",
    );
    check(
        refused("\"seat\":1", "\"seat\":2"),
        name,
        2,
        "signature",
        "drawn watcher",
    );
    let order = "2736030358979909402780800718157159386076813972158567259200215660948447373041";
    let s_is_the_order = self::refused(|texts| {
        let start = texts.attestations.find("\"s\":\"").unwrap() + 5;
        let end = start + texts.attestations[start..].find('"').unwrap();
        texts.attestations.replace_range(start..end, order);
    });
    check(
        s_is_the_order,
        name,
        1,
        "signature.s",
        "expected an integer below 27360303589",
    );
}

#[test]
fn lines_and_tables_have_limits() {
    let texts = Texts::new();
    let mut long = texts.clone();
    long.parameters = "#".repeat(1 << 17);
    assert!(matches!(long.read(), Err(FleetError::TooLong { line: 1, .. })));
    let mut long = texts.clone();
    long.watchers
        .push_str(&" ".repeat(usize::try_from(LINE_BYTES_MAX).unwrap() + 1));
    assert!(matches!(long.read(), Err(FleetError::TooLong { line: 13, .. })));
    let mut binary = texts;
    binary.epoch = "\u{0}".to_owned();
    assert!(matches!(binary.read(), Err(FleetError::Entry { line: 1, .. })));
}

#[test]
fn broken_readers_are_named() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("unplugged"))
        }
    }
    let source = |name: &str| Source {
        name: name.to_owned(),
        reader: Broken,
    };
    let error = tables::read_parameters(source("params.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "params.toml, line 1: cannot be read: unplugged"
    );
    let error = lines::read_registry(source("registry.jsonl"), 5, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "registry.jsonl, line 1: cannot be read: unplugged"
    );
}

#[test]
fn truncated_at_every_byte() {
    let texts = Texts::new();
    let fleet = texts.read().unwrap();
    let line_end = texts.attestations.find('\n').unwrap();
    for length in 1..line_end {
        let mut cut = texts.clone();
        cut.attestations.truncate(length);
        let (attestations, rejections) = cut.ingest(&fleet);
        assert!(attestations.is_empty(), "{length}");
        assert_eq!(rejections.len(), 1, "{length}");
    }
    for length in 0..texts.epoch.len() - 1 {
        let source = Source {
            name: "epoch.toml".to_owned(),
            reader: &texts.epoch.as_bytes()[..length],
        };
        let shape = Shape {
            device_levels: 2,
            ..Shape::new(16, 3, 24)
        };
        let parameters = Preset::Geodnet.parameters(&shape, 86_400, 2);
        assert!(
            tables::read_epoch(source, &shape, &parameters).is_err(),
            "{length}"
        );
    }
}

proptest! {
    #![proptest_config(crate::cases(64))]

    #[test]
    fn mutated_bytes_do_not_panic(position in 0usize..4_000, byte: u8) {
        let shape = Shape { device_levels: 2, ..Shape::new(16, 3, 24) };
        static TEXTS: std::sync::LazyLock<Texts> = std::sync::LazyLock::new(Texts::new);
        let mutate = |text: &String| {
            let mut bytes = text.as_bytes().to_vec();
            let length = bytes.len();
            bytes[position % length] = byte;
            Cursor::new(bytes)
        };
        let name = || "file".to_owned();
        let _ = tables::read_parameters(Source { name: name(), reader: mutate(&TEXTS.parameters) });
        let _ = lines::read_registry(Source { name: name(), reader: mutate(&TEXTS.registry) }, 2, EPOCH);
        let watchers = Source { name: name(), reader: mutate(&TEXTS.watchers) };
        let _ = lines::read_watchers(watchers, &shape, &[6; 32]);
    }
}
