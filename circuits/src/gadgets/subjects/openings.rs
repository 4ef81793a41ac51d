//! What claims open of the registry: a device, and the ingestor of a zone.

use super::{bind, boundary_values, outputs};
use crate::Builder;
use crate::gadgets::device::Device;
use crate::gadgets::seat;
use crate::soundness::{Draw, Forgery, Subject};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use popw_claims::attestation::Attestation;
use popw_claims::babyjubjub::Point;
use popw_claims::eddsa::SecretKey;
use popw_claims::opening::{INGESTOR_SEAT, Ingestor, OpenedDevice, SeatOpening, absent_seat_signature};
use popw_claims::poseidon::hash;
use popw_claims::registry::{DeviceFields, Position};

/// Levels of the device tree.
const LEVELS: usize = 2;
/// A coordinate is at least minus this and below it.
const COORDINATE_LIMIT: i32 = 1 << 27;

fn device_circuit(cs: &mut Builder<Fr>, witness: &OpenedDevice) {
    let outputs = outputs(cs, "opened", 4);
    let index = cs.public("index", Fr::from(witness.index));
    let device = Device::open(cs, &index, witness);
    let position = device.position(cs);
    let results = [&device.root]
        .into_iter()
        .chain(position.iter().map(|at| at.lc()));
    bind(cs, outputs, results);
}

fn device_twin(device: &OpenedDevice) -> Option<Vec<Fr>> {
    let root = device.root().ok()?;
    let Position { x, y, z } = device.fields.position;
    let within = |at: &i32| (-COORDINATE_LIMIT..COORDINATE_LIMIT).contains(at);
    let publics = || {
        vec![
            root,
            Fr::from(x),
            Fr::from(y),
            Fr::from(z),
            Fr::from(device.index),
        ]
    };
    [x, y, z].iter().all(within).then(publics)
}

/// A device with everything at random.
fn drawn_device(seed: u64) -> OpenedDevice {
    let mut draw = Draw::new(seed);
    let mut coordinate = || {
        let [a, b, c, d, ..] = draw.bytes();
        i32::from_be_bytes([a, b, c, d]) >> 4
    };
    let position = Position {
        x: coordinate(),
        y: coordinate(),
        z: coordinate(),
    };
    let mut device = OpenedDevice {
        index: draw.number(256),
        payee: draw.payee(),
        private: draw.element(),
        fields: DeviceFields {
            session_key: SecretKey::from_bytes(&draw.bytes()).public_key(),
            owner_id: draw.element(),
            position,
            gain_ddbi: -12,
            region: 3,
        },
        path: Vec::new(),
    };
    draw.graft(&mut device, LEVELS);
    device
}

/// The device at another place, with a path that shows it.
fn moved(device: &OpenedDevice, position: Position) -> OpenedDevice {
    let mut device = device.clone();
    device.fields.position = position;
    Draw::new(8).graft(&mut device, LEVELS);
    device
}

/// The sibling of a device's leaf is a copy of it.
fn beside_its_copy(device: &OpenedDevice) -> OpenedDevice {
    let mut device = device.clone();
    let index = device.index.to_le_bytes()[0];
    device.path[0][usize::from(index & 15 ^ 1)] = device.leaf();
    device.path[1][usize::from(index >> 4)] = hash(&device.path[0]);
    device
}

fn device_forgeries() -> Vec<Forgery<OpenedDevice, Fr>> {
    let honest = drawn_device(20);
    type Edit = fn(&mut OpenedDevice);
    // What the path no longer shows.
    let edits: [(&str, Edit); 13] = [
        ("another payee", |d| d.payee += Fr::ONE),
        ("another private part", |d| d.private += Fr::ONE),
        ("another session key", |d| {
            d.fields.session_key = -d.fields.session_key
        }),
        ("another owner", |d| d.fields.owner_id += Fr::ONE),
        ("another x", |d| d.fields.position.x ^= 1),
        ("another y", |d| d.fields.position.y ^= 1),
        ("another z", |d| d.fields.position.z ^= 1),
        ("another gain", |d| d.fields.gain_ddbi += 1),
        ("another region", |d| d.fields.region += 1),
        ("the neighbour's index", |d| d.index ^= 1),
        ("an index outside the tree", |d| d.index += 256),
        // The lowest bit is what is left of the index; it selects between two equal leaves, so that only its range is violated.
        ("an index outside the tree, beside a copy of the leaf", |d| {
            *d = beside_its_copy(d);
            d.index += 256;
        }),
        ("the root's child replaced", |d| {
            d.path[1][usize::from(d.index.to_le_bytes()[0] >> 4)] += Fr::ONE
        }),
    ];
    let mut forgeries: Vec<_> = edits
        .into_iter()
        .map(|(name, edit)| {
            let mut forged = honest.clone();
            edit(&mut forged);
            Forgery::new(name, forged)
        })
        .collect();
    type Axis = (&'static str, fn(&mut Position) -> &mut i32);
    let axes: [Axis; 3] = [
        ("x", |at| &mut at.x),
        ("y", |at| &mut at.y),
        ("z", |at| &mut at.z),
    ];
    for (name, axis) in axes {
        for value in [COORDINATE_LIMIT, -COORDINATE_LIMIT - 1, i32::MAX, i32::MIN] {
            let mut position = honest.fields.position;
            *axis(&mut position) = value;
            forgeries.push(Forgery::new(
                format!("{name} = {value}"),
                moved(&honest, position),
            ));
        }
    }
    forgeries
}

pub(super) fn device() -> Subject<'static, Fr, OpenedDevice> {
    let at = |coordinate| Position {
        x: coordinate,
        y: coordinate,
        z: coordinate,
    };
    let ends = [COORDINATE_LIMIT - 1, -COORDINATE_LIMIT, -1, 0];
    let probes = ends.map(|end| moved(&drawn_device(20), at(end)));
    Subject::new(format!("device levels={LEVELS}"), &device_circuit)
        .twin(&device_twin)
        .valid([20, 40, 60].map(drawn_device))
        .invalid(device_forgeries())
        .probes(probes.into_iter().chain([
            OpenedDevice::stand_in(Fr::from(4u64), LEVELS),
            beside_its_copy(&drawn_device(20)),
        ]))
        .runs_max(300)
}

/// A zone's ingestor, and the digest that it should have signed.
#[derive(Clone)]
pub(super) struct Watched {
    epoch_tag: Fr,
    zone: u64,
    digest: Fr,
    ingestor: Ingestor,
}

impl Watched {
    /// By the key of a seed.
    fn honest(seed: u8, present: bool) -> Self {
        let mut draw = Draw::new(seed.into());
        let secret = SecretKey::from_bytes(&[seed; 32]);
        let mut watched = Self {
            epoch_tag: draw.element(),
            zone: seed.into(),
            digest: draw.element(),
            ingestor: Ingestor {
                seat: SeatOpening {
                    present,
                    owner: draw.element(),
                    key: secret.public_key(),
                    path: draw.path(1),
                    signature: absent_seat_signature(),
                },
                other_roots: std::array::from_fn(|_| draw.element()),
            },
        };
        if present {
            let Self {
                epoch_tag,
                zone,
                digest,
                ..
            } = watched;
            watched.sign(&secret, epoch_tag, zone, INGESTOR_SEAT, digest);
        }
        watched
    }

    fn sign(&mut self, secret: &SecretKey, epoch_tag: Fr, zone: u64, seat: usize, digest: Fr) {
        self.ingestor.seat.signature =
            Attestation::of_digest(secret, epoch_tag, zone, seat, digest).signature;
    }

    /// With another digest, signed.
    fn of_digest(seed: u8, digest: Fr) -> Self {
        let mut watched = Self::honest(seed, true);
        watched.digest = digest;
        let (epoch_tag, zone) = (watched.epoch_tag, watched.zone);
        watched.sign(
            &SecretKey::from_bytes(&[seed; 32]),
            epoch_tag,
            zone,
            INGESTOR_SEAT,
            digest,
        );
        watched
    }
}

fn ingestor_circuit(cs: &mut Builder<Fr>, watched: &Watched) {
    let outputs = outputs(cs, "opened", 3);
    let epoch_tag = cs.public("epoch_tag", watched.epoch_tag);
    let zone = cs.public("zone", Fr::from(watched.zone));
    let digest = cs.public("digest", watched.digest);
    let opened = seat::ingestor(cs, &watched.ingestor, &epoch_tag, &zone, &digest);
    bind(
        cs,
        outputs,
        [&opened.watcher_root, opened.present.lc(), &opened.seat.digest],
    );
}

fn ingestor_twin(watched: &Watched) -> Option<Vec<Fr>> {
    let Watched {
        epoch_tag,
        zone,
        digest,
        ingestor,
    } = watched;
    let attested = ingestor.attested(*epoch_tag, *zone, *digest).ok()?;
    Some(vec![
        ingestor.watcher_root(*epoch_tag, *zone),
        Fr::from(ingestor.seat.present),
        attested,
        *epoch_tag,
        Fr::from(*zone),
        *digest,
    ])
}

fn ingestor_forgeries() -> Vec<Forgery<Watched, Fr>> {
    let honest = Watched::honest(7, true);
    let [secret, stranger] = [7, 8].map(|seed| SecretKey::from_bytes(&[seed; 32]));
    let (tag, zone, digest, one) = (honest.epoch_tag, honest.zone, honest.digest, Fr::ONE);
    let mut forgeries = Vec::new();
    let mut forge = |name: &str, edit: &dyn Fn(&mut Watched)| {
        let mut forged = honest.clone();
        edit(&mut forged);
        forgeries.push(Forgery::new(name, forged));
    };
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
    forgeries
}

pub(super) fn ingestor() -> Subject<'static, Fr, Watched> {
    // A malformed key blocks no absent seat.
    let mut malformed = Watched::honest(8, false);
    malformed.ingestor.seat.key = Point::new_unchecked(Fr::ONE, Fr::ONE);
    let digests = (10..).zip(boundary_values());
    Subject::new("ingestor levels=1", &ingestor_circuit)
        .twin(&ingestor_twin)
        .valid([(7, true), (8, false), (9, true)].map(|(seed, present)| Watched::honest(seed, present)))
        .invalid(ingestor_forgeries())
        .probes(
            digests
                .map(|(seed, digest)| Watched::of_digest(seed, digest))
                .chain([malformed]),
        )
        .tested_elsewhere([("eddsa", "eddsa"), ("committee", "canonical_bits")])
        .runs_max(300)
}
