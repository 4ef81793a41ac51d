//! The gadgets that open the registry: against their native twins, at their pinned cost, and through the soundness regime.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::bits::{Bit, assert_selected_16};
use super::device::Device;
use super::int::Int;
use super::seat::ingestor;
use super::tree::open;
use crate::soundness::{Circuit, Forgery, Report, Subject, build, check_circuit};
use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use popw_claims::attestation::Attestation;
use popw_claims::babyjubjub::Point;
use popw_claims::eddsa::SecretKey;
use popw_claims::opening::{
    INGESTOR_SEAT, Ingestor, OpenedDevice, SeatOpening, absent_seat_key, absent_seat_signature,
};
use popw_claims::registry::{DeviceFields, Position};
use popw_claims::statement::{SCORE_ONE, pack_scores, polynomial};

fn element(seed: u64) -> Fr {
    popw_claims::poseidon::hash(&[Fr::from(seed)])
}

fn check<W>(name: &str, circuit: Circuit<'_, Fr, W>, valid: Vec<W>, invalid: Vec<Forgery<W, Fr>>) -> Report {
    let subject = Subject::new(name, circuit)
        .valid(valid)
        .invalid(invalid)
        .tested_elsewhere([
            ("eddsa", "the subject of the signature gadget"),
            ("committee", "canonical_bits"),
        ])
        .runs_max(300);
    let report = check_circuit(&subject);
    let survivors = &report.deletions_survived;
    assert_eq!(report.verdict(), Ok(()), "{report}\nsurvivors {survivors:?}");
    assert!(survivors.is_empty(), "{survivors:?}");
    report
}

fn satisfied<W>(circuit: Circuit<'_, Fr, W>, witness: &W) -> bool {
    let (r1cs, assignment) = build(circuit, witness);
    r1cs.violations(&assignment).is_empty()
}

/// Which of its parent's sixteen children the ancestor of a leaf is, `level` levels above it.
fn digit(index: u64, level: usize) -> usize {
    usize::from((index >> (4 * level)).to_le_bytes()[0] & 15)
}

// ----------------------------------------------------------------------------------------------- selection and paths

/// A number, a table and a value.
type Selection = (usize, [Fr; 16], Fr);

fn selection_circuit(cs: &mut Builder<Fr>, (number, table, value): &Selection) {
    let bits = std::array::from_fn(|i| Bit::choice(cs, "bit", number >> i & 1 == 1));
    let table = table.map(|element| cs.input("element", element));
    let value = cs.input("value", *value);
    assert_selected_16(cs, &bits, &table, &value);
}

#[test]
fn the_selected_element_is_the_one_with_the_number() {
    let table: [Fr; 16] = std::array::from_fn(|i| element(i as u64));
    for number in 0..16 {
        for (other, value) in table.into_iter().enumerate() {
            assert_eq!(
                satisfied(&selection_circuit, &(number, table, value)),
                number == other
            );
        }
    }
    assert_eq!(
        build(&selection_circuit, &(0, table, table[0])).0.constraints(),
        4 + 15
    );
    let valid = [0, 6, 15].map(|number| (number, table, table[number])).to_vec();
    let invalid = vec![Forgery::new("another element", (6, table, table[7]))];
    check("assert_selected_16", &selection_circuit, valid, invalid);
}

/// Paths of two levels to one root, for three indices.
fn paths() -> Vec<(u64, Fr, Vec<[Fr; 16]>)> {
    let leaves = [3u64, 100, 255].map(|index| (index, element(index)));
    let tree = popw_claims::tree::Tree::new(2, leaves).unwrap();
    let path = |(index, leaf)| (index, leaf, tree.path(0, index).unwrap());
    leaves.into_iter().map(path).collect()
}

fn open_circuit(cs: &mut Builder<Fr>, (index, leaf, path): &(u64, Fr, Vec<[Fr; 16]>)) {
    let out = cs.public_output("root");
    let leaf = cs.input("leaf", *leaf);
    let bits: Vec<Bit<Fr>> = (0..8)
        .map(|i| Bit::choice(cs, "index", index >> i & 1 == 1))
        .collect();
    let root = open(cs, leaf, &bits, path);
    cs.bind_output(out, &root);
}

#[test]
fn an_opened_path_shows_the_node_at_every_level() {
    let valid = paths();
    for (index, leaf, path) in &valid {
        let (r1cs, assignment) = build(&open_circuit, &(*index, *leaf, path.clone()));
        assert!(r1cs.violations(&assignment).is_empty());
        assert_eq!(
            assignment[1],
            popw_claims::tree::open_path(*leaf, *index, path).unwrap()
        );
    }
    let mut invalid = Vec::new();
    for level in 0..2 {
        let (index, leaf, mut path) = valid[1].clone();
        path[level][digit(index, level)] += Fr::ONE;
        assert!(popw_claims::tree::open_path(leaf, index, &path).is_err());
        invalid.push(Forgery::new(
            format!("another node at level {level}"),
            (index, leaf, path),
        ));
    }
    let (_, leaf, path) = valid[1].clone();
    invalid.push(Forgery::new("another index", (101, leaf, path)));
    check("open", &open_circuit, valid, invalid);
}

// ------------------------------------------------------------------------------------------------------------ devices

/// A device of two levels with siblings from a seed.
fn device(seed: u64) -> OpenedDevice {
    let index = element(seed).0.0[0] % 256;
    let coordinate = |i: u64| i32::try_from(element(seed + i).0.0[0] % (1 << 28)).unwrap() - (1 << 27);
    let mut device = OpenedDevice {
        index,
        payee: element(seed + 1),
        private: element(seed + 2),
        fields: DeviceFields {
            session_key: SecretKey::from_bytes(&[seed.to_le_bytes()[0]; 32]).public_key(),
            owner_id: element(seed + 3),
            position: Position {
                x: coordinate(4),
                y: coordinate(5),
                z: coordinate(6),
            },
            gain_ddbi: -12,
            region: 3,
        },
        path: Vec::new(),
    };
    graft(&mut device);
    device
}

/// Makes a path of two levels with the device in it; its neighbour at the lowest level is another device.
fn graft(device: &mut OpenedDevice) {
    graft_beside(device, element(999));
}

/// The same with a neighbour.
fn graft_beside(device: &mut OpenedDevice, neighbour: Fr) {
    let mut node = device.leaf();
    device.path.clear();
    for level in 0..2 {
        let mut children: [Fr; 16] = std::array::from_fn(|i| element(1000 + (16 * level + i) as u64));
        let digit = digit(device.index, level);
        if level == 0 {
            children[digit ^ 1] = neighbour;
        }
        children[digit] = node;
        node = popw_claims::poseidon::hash(&children);
        device.path.push(children);
    }
}

fn device_circuit(cs: &mut Builder<Fr>, device: &OpenedDevice) {
    let out = cs.public_output("root");
    let index = cs.public("index", Fr::from(device.index));
    let opened = Device::open(cs, &index, device);
    opened.position(cs);
    cs.bind_output(out, &opened.root);
}

/// What the path no longer shows, one field after the other.
fn device_forgeries() -> Vec<Forgery<OpenedDevice, Fr>> {
    let honest = device(20);
    type Edit = fn(&mut OpenedDevice);
    let edits: [(&str, Edit); 10] = [
        ("another payee", |d| d.payee += Fr::ONE),
        ("another private part", |d| d.private += Fr::ONE),
        ("another session key", |d| {
            d.fields.session_key = -d.fields.session_key
        }),
        ("another owner", |d| d.fields.owner_id += Fr::ONE),
        ("another x", |d| d.fields.position.x += 1),
        ("another z", |d| d.fields.position.z -= 1),
        ("another gain", |d| d.fields.gain_ddbi += 1),
        ("another region", |d| d.fields.region += 1),
        ("the neighbour's index", |d| d.index ^= 1),
        ("an index outside the tree", |d| d.index += 256),
    ];
    let mut forgeries: Vec<_> = edits
        .into_iter()
        .map(|(name, edit)| {
            let mut forged = honest.clone();
            edit(&mut forged);
            Forgery::new(name, forged)
        })
        .collect();
    let limit = 1 << 27;
    type Place = fn(&mut Position) -> &mut i32;
    let places: [Place; 3] = [|p| &mut p.x, |p| &mut p.y, |p| &mut p.z];
    for (axis, place) in places.into_iter().enumerate() {
        for value in [limit, -limit - 1, i32::MAX, i32::MIN] {
            let mut forged = honest.clone();
            *place(&mut forged.fields.position) = value;
            graft(&mut forged);
            forgeries.push(Forgery::new(format!("coordinate {axis} is {value}"), forged));
        }
    }
    // The lowest bit selects between two equal leaves, so that only the range of the index is violated.
    let mut twin = honest.clone();
    graft_beside(&mut twin, honest.leaf());
    twin.index += 256;
    forgeries.push(Forgery::new(
        "an index outside the tree, beside a copy of the leaf",
        twin,
    ));
    for level in 0..2 {
        let mut forged = honest.clone();
        forged.path[level][digit(honest.index, level)] += Fr::ONE;
        forgeries.push(Forgery::new(format!("another node at level {level}"), forged));
    }
    forgeries
}

#[test]
fn an_opened_device_has_the_native_root() {
    let valid: Vec<OpenedDevice> = [20, 40, 60].map(device).to_vec();
    for device in &valid {
        let (r1cs, assignment) = build(&device_circuit, device);
        assert!(r1cs.violations(&assignment).is_empty());
        assert_eq!(assignment[1], device.root().unwrap());
        assert_eq!(r1cs.constraints(), 714 + 2 * 628 + 84 + 1);
    }
    let stand_in = OpenedDevice::stand_in(Fr::from(4u64), 2);
    assert!(satisfied(&device_circuit, &stand_in));
    for forgery in device_forgeries() {
        let out_of_range = !forgery.witness.fields.position.is_within_limit();
        assert!(
            forgery.witness.root().is_err() || out_of_range,
            "{}",
            forgery.name
        );
    }
    // The two ends of the range that the circuit takes.
    for end in [(1 << 27) - 1, -(1 << 27)] {
        let mut device = device(20);
        device.fields.position = Position {
            x: end,
            y: end,
            z: end,
        };
        graft(&mut device);
        assert!(satisfied(&device_circuit, &device));
    }
    check("device", &device_circuit, valid, device_forgeries());
}

// -------------------------------------------------------------------------------------------------------------- seats

#[derive(Clone)]
struct Watched {
    epoch_tag: Fr,
    zone: u64,
    digest: Fr,
    ingestor: Ingestor,
}

impl Watched {
    fn honest(seed: u64, present: bool) -> Self {
        let secret = SecretKey::from_bytes(&[seed.to_le_bytes()[0]; 32]);
        let mut watched = Self {
            epoch_tag: element(seed),
            zone: seed,
            digest: element(seed + 1),
            ingestor: Ingestor {
                seat: SeatOpening {
                    present,
                    owner: element(seed + 2),
                    key: secret.public_key(),
                    path: vec![std::array::from_fn(|i| element(seed + 100 + i as u64)); 1],
                    signature: absent_seat_signature(),
                },
                other_roots: std::array::from_fn(|i| element(seed + 200 + i as u64)),
            },
        };
        if present {
            watched.sign(
                &secret,
                watched.epoch_tag,
                watched.zone,
                INGESTOR_SEAT,
                watched.digest,
            );
        }
        watched
    }

    fn sign(&mut self, secret: &SecretKey, epoch_tag: Fr, zone: u64, seat: usize, digest: Fr) {
        self.ingestor.seat.signature =
            Attestation::of_digest(secret, epoch_tag, zone, seat, digest).signature;
    }
}

fn ingestor_circuit(cs: &mut Builder<Fr>, watched: &Watched) {
    let root = cs.public_output("watcher_root");
    let attested = cs.public_output("digest");
    let epoch_tag = cs.public("epoch_tag", watched.epoch_tag);
    let zone = cs.public("zone", Fr::from(watched.zone));
    let digest = cs.public("seen", watched.digest);
    let opened = ingestor(cs, &watched.ingestor, &epoch_tag, &zone, &digest);
    cs.bind_output(root, &opened.watcher_root);
    cs.bind_output(attested, &opened.seat.digest);
}

#[test]
fn an_ingestor_attests_what_the_native_twin_accepts() {
    let valid = vec![
        Watched::honest(7, true),
        Watched::honest(8, false),
        Watched::honest(9, true),
    ];
    for watched in &valid {
        let Watched {
            epoch_tag,
            zone,
            digest,
            ingestor,
        } = watched;
        let (r1cs, assignment) = build(&ingestor_circuit, watched);
        assert!(r1cs.violations(&assignment).is_empty());
        assert_eq!(assignment[1], ingestor.watcher_root(*epoch_tag, *zone));
        assert_eq!(Ok(assignment[2]), ingestor.attested(*epoch_tag, *zone, *digest));
    }
    let honest = &valid[0];
    let [secret, stranger] = [7, 8].map(|seed| SecretKey::from_bytes(&[seed; 32]));
    let mut invalid = Vec::new();
    let mut forge = |name: &str, edit: &dyn Fn(&mut Watched)| {
        let mut forged = honest.clone();
        edit(&mut forged);
        let Watched {
            epoch_tag,
            zone,
            digest,
            ingestor,
        } = &forged;
        assert!(ingestor.attested(*epoch_tag, *zone, *digest).is_err(), "{name}");
        invalid.push(Forgery::new(name, forged));
    };
    let (tag, zone, digest, one) = (honest.epoch_tag, honest.zone, honest.digest, Fr::ONE);
    forge("a digest changed after signing", &|w| w.digest += one);
    forge("another epoch", &|w| w.sign(&secret, tag + one, zone, 0, digest));
    forge("another zone", &|w| w.sign(&secret, tag, zone + 1, 0, digest));
    forge("another seat", &|w| w.sign(&secret, tag, zone, 1, digest));
    forge("a stranger's signature", &|w| {
        w.sign(&stranger, tag, zone, 0, digest)
    });
    forge("a present seat with the constant signature", &|w| {
        w.ingestor.seat.signature = absent_seat_signature()
    });
    forge("an absent seat with a watcher's signature", &|w| {
        w.ingestor.seat.present = false
    });
    forge("a key of low order", &|w| {
        w.ingestor.seat.key = Point::new_unchecked(Fr::ZERO, -Fr::ONE)
    });
    check("ingestor", &ingestor_circuit, valid, invalid);
}

#[test]
fn a_malformed_key_blocks_no_absent_seat() {
    let mut watched = Watched::honest(8, false);
    watched.ingestor.seat.key = Point::new_unchecked(Fr::ONE, Fr::ONE);
    assert!(satisfied(&ingestor_circuit, &watched));
    assert_ne!(watched.ingestor.seat.key, absent_seat_key());
}

// ------------------------------------------------------------------------------------------------ division, statement

fn division_circuit(cs: &mut Builder<Fr>, (dividend, divisor): &(i128, i128)) {
    let out = cs.public_output("quotient");
    let dividend = Int::input_between(cs, "dividend", *dividend, 0, 1000);
    let divisor = Int::input_between(cs, "divisor", *divisor, 0, 31);
    let quotient = dividend.divide_floor(cs, &divisor, 8, 5);
    cs.bind_output(out, quotient.lc());
}

#[test]
fn division_rounds_down() {
    for dividend in [0, 1, 5, 6, 7, 30, 31, 255, 256, 999, 1000] {
        for divisor in 0..32 {
            let (r1cs, assignment) = build(&division_circuit, &(dividend, divisor));
            let expected = dividend.checked_div(divisor).filter(|quotient| *quotient < 256);
            assert_eq!(
                r1cs.violations(&assignment).is_empty(),
                expected.is_some(),
                "{dividend} / {divisor}"
            );
            if let Some(expected) = expected {
                assert_eq!(assignment[1], Fr::from(expected));
            }
        }
    }
    let honest = (100, 7);
    let mut invalid = vec![
        Forgery::new("a divisor of 0", (0, 0)),
        Forgery::new("a quotient of 256", (256, 1)),
    ];
    invalid.extend(
        [(-1i128, 3), (1001, 5), (7, -1), (7, 32)]
            .map(|witness| Forgery::new(format!("{witness:?}"), witness)),
    );
    check(
        "divide_floor",
        &division_circuit,
        vec![honest, (0, 1), (1000, 31)],
        invalid,
    );
}

#[test]
fn fingerprints_and_packed_scores_are_the_native_ones() {
    let scores: Vec<u32> = (0..30).map(|i| i * SCORE_ONE / 29).collect();
    let mut cs = Builder::<Fr>::witness();
    let wires: Vec<Lc<Fr>> = scores
        .iter()
        .map(|score| cs.input("score", Fr::from(*score)))
        .collect();
    let packed: Vec<Fr> = crate::statement::pack_scores(&wires)
        .iter()
        .map(Lc::value)
        .collect();
    assert_eq!(packed, pack_scores(&scores));
    let z = cs.input("z", element(5));
    let values: Vec<Fr> = scores.iter().map(|score| Fr::from(*score)).collect();
    let y = crate::statement::fingerprint(&mut cs, &z, wires.iter());
    assert_eq!(y.value(), polynomial(element(5), &values));
}
