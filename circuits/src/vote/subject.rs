//! Honest and dishonest witnesses of V1 for any shape, for the soundness regime and for tests.
//!
//! Everything is drawn from a seed by keccak, so that results are reproducible.

use super::circuit::{circuit, structure};
use crate::Builder;
use crate::soundness::{Draw, Forgery, Overrides, Subject};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, PrimeField};
use popw_claims::attestation::{Attestation, Bitmap, elements_per_leaf};
use popw_claims::babyjubjub::Scalar;
use popw_claims::eddsa::SecretKey;
use popw_claims::field::tag;
use popw_claims::opening::{absent_seat_key, absent_seat_signature};
use popw_claims::poseidon::hash;
use popw_claims::tree::root_of;
use popw_claims::uptime::Parameters;
use popw_claims::vote::{Shape, Witness};

pub use crate::uptime::subject::parameter_sets;

/// A witness and the challenge of the fingerprint.
#[derive(Clone)]
pub struct Case {
    /// The shape.
    pub shape: Shape,
    /// The witness.
    pub witness: Witness,
    /// The public input z.
    pub z: Fr,
    watcher: [u8; 32],
}

/// Builds the circuit of a case.
pub fn build_case(cs: &mut Builder<Fr>, case: &Case) {
    circuit(cs, &case.shape, &case.witness, case.z);
}

impl Case {
    /// An honest case of any seat: a bitmap of which a share of the bits is set, none or all of them included.
    pub fn honest(shape: Shape, parameters: Parameters, seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let share = [50, 0, 100, 97][usize::from(seed.to_le_bytes()[0] % 4)];
        let mut bitmap = Bitmap::new(shape.devices, shape.slots);
        for device in 0..shape.devices {
            (0..shape.slots).for_each(|slot| bitmap.set(device, slot, draw.number(100) < share));
        }
        let secret = draw.bytes();
        let seats = shape.watchers as u64;
        let witness = Witness {
            parameters,
            epoch_tag: draw.element(),
            zone: draw.number(1 << 20),
            seat: usize::try_from(seed % seats).unwrap_or_default(),
            bitmap,
            owner: draw.element(),
            key: SecretKey::from_bytes(&secret).public_key(),
            path: draw.path(shape.seat_levels),
            signature: absent_seat_signature(),
            seat_roots: draw.elements(shape.watchers),
            device_root: draw.element(),
        };
        let mut case = Self {
            shape,
            witness,
            z: draw.element(),
            watcher: secret,
        };
        case.sign();
        case
    }

    /// Signs the bitmap anew with the watcher's key.
    pub fn sign(&mut self) {
        let Witness {
            epoch_tag,
            zone,
            seat,
            ..
        } = self.witness;
        self.sign_as(epoch_tag, zone, seat, self.witness.bitmap.digest());
    }

    /// Signs a digest for an epoch, zone and seat.
    fn sign_as(&mut self, epoch_tag: Fr, zone: u64, seat: usize, digest: Fr) {
        let secret = SecretKey::from_bytes(&self.watcher);
        self.witness.signature = Attestation::of_digest(&secret, epoch_tag, zone, seat, digest).signature;
    }
}

/// So few devices, watchers and slots, and a seat of one level: what the test command checks.
pub fn small(devices: usize, watchers: usize, slots: usize) -> Shape {
    Shape {
        seat_levels: 1,
        ..Shape::new(devices, watchers, slots)
    }
}

/// The subject of a shape: honest cases of every seat, at most four, and the negative corpus.
pub fn subject(shape: Shape, runs_max: usize) -> Subject<'static, Fr, Case> {
    let valid = (0..)
        .zip(parameter_sets(&shape.uptime()))
        .map(|(seed, parameters)| Case::honest(shape, parameters, seed));
    Subject::new(format!("vote {shape}"), &build_case)
        .twin(&twin)
        .valid(valid)
        .invalid(forgeries(&shape))
        .tested_elsewhere([
            (
                "eddsa",
                "the subject of the signature gadget, whose witnesses hold the secret keys",
            ),
            ("committee", "the subject of canonical_bits"),
            ("reduced", "the subject of scalar_bits"),
        ])
        .runs_max(runs_max)
}

/// The native twin: the seven public inputs, or nothing for a witness that it refuses.
pub fn twin(case: &Case) -> Option<Vec<Fr>> {
    let outcome = case.witness.evaluate(&case.shape).ok()?;
    Some(outcome.statement_at(case.z).public_inputs().to_vec())
}

/// The negative corpus: each must violate a constraint.
pub fn forgeries(shape: &Shape) -> Vec<Forgery<Case, Fr>> {
    let mut forgeries = witness_forgeries(shape);
    forgeries.extend(hint_forgeries(shape));
    forgeries
}

fn base(shape: &Shape) -> Case {
    Case::honest(*shape, parameter_sets(&shape.uptime())[0], 80)
}

/// Forgeries that lie in the witness alone: the native twin refuses each of them.
pub fn witness_forgeries(shape: &Shape) -> Vec<Forgery<Case, Fr>> {
    let honest = base(shape);
    let Witness {
        epoch_tag,
        zone,
        seat,
        ..
    } = honest.witness;
    let digest = honest.witness.bitmap.digest();
    let mut forgeries = Vec::new();
    let mut forge = |name: &str, edit: &dyn Fn(&mut Case)| {
        let mut forged = honest.clone();
        edit(&mut forged);
        forgeries.push(Forgery::new(name, forged));
    };
    // The attestation.
    forge("a bit changed after signing", &|case| {
        let old = case.witness.bitmap.bit(0, 0);
        case.witness.bitmap.set(0, 0, !old);
    });
    forge("the last bit changed after signing", &|case| {
        let (device, slot) = (case.shape.devices - 1, case.shape.slots - 1);
        let old = case.witness.bitmap.bit(device, slot);
        case.witness.bitmap.set(device, slot, !old);
    });
    forge(
        "an attestation of another epoch or chain or rule (another tag)",
        &|case| case.sign_as(epoch_tag + Fr::ONE, zone, seat, digest),
    );
    forge("an attestation of another zone", &|case| {
        case.sign_as(epoch_tag, zone + 1, seat, digest)
    });
    forge("an attestation of another seat", &|case| {
        case.sign_as(epoch_tag, zone, seat + 1, digest)
    });
    forge("an attestation of another digest", &|case| {
        case.sign_as(epoch_tag, zone, seat, digest + Fr::ONE)
    });
    forge("a watcher who was not drawn signs", &|case| {
        case.watcher = [9; 32];
        case.sign();
    });
    forge("the signature of absent seats", &|case| {
        case.witness.signature = absent_seat_signature()
    });
    forge("the key and signature of absent seats", &|case| {
        case.witness.key = absent_seat_key();
        case.witness.signature = absent_seat_signature();
    });
    forge("S plus 1", &|case| case.witness.signature.s += Scalar::ONE);
    // The statement.
    forge("the canary: epoch tag 0", &|case| {
        case.witness.epoch_tag = Fr::ZERO;
        case.sign();
    });
    // With no seat chosen the number is 0, and all roots are the registry's: anybody's key would do.
    forge("a seat that does not exist, signed as seat 0", &|case| {
        case.witness.seat = case.shape.watchers;
        case.sign_as(epoch_tag, zone, 0, digest);
    });
    forge("a seat that does not exist", &|case| {
        case.witness.seat = case.shape.watchers;
        case.sign();
    });
    forgeries
}

/// Forgeries by a prover who lies in wires that no witness reaches, with a watcher who signs for it.
fn hint_forgeries(shape: &Shape) -> Vec<Forgery<Case, Fr>> {
    let r1cs = structure(shape);
    let honest = base(shape);
    let wires = |label: &str| -> Vec<usize> {
        let labelled = (0..r1cs.wires()).filter(|wire| r1cs.wire_label(*wire) == label);
        labelled.collect()
    };
    let mut forgeries = Vec::new();
    let mut forge = |name: &str, witness: Case, overrides: Overrides<Fr>| {
        forgeries.push(Forgery {
            name: name.to_owned(),
            witness,
            overrides,
        });
    };
    // What is published is the signature, S reduced.
    let order = Fr::from(Scalar::MODULUS);
    let r8 = honest.witness.signature.r8;
    let s = Fr::from(honest.witness.signature.s.into_bigint());
    for (name, wire, value) in [
        ("another x of R8 is published", "signature.r8_x", r8.x + Fr::ONE),
        ("another y of R8 is published", "signature.r8_y", r8.y + Fr::ONE),
        ("another S is published", "signature.s", s + Fr::ONE),
        ("S plus the order is published", "signature.s", s + order),
        ("S minus the order is published", "signature.s", s - order),
    ] {
        let wire = r1cs.find_wire(wire).into_iter();
        forge(name, honest.clone(), wire.map(|wire| (wire, value)).collect());
    }
    // Two seats at once: the number is their sum, and so is the leaf.
    if let [_, second, ..] = wires("chosen")[..] {
        let mut case = honest.clone();
        case.witness.seat = 0;
        let (tag, zone, digest) = (
            case.witness.epoch_tag,
            case.witness.zone,
            case.witness.bitmap.digest(),
        );
        case.sign_as(tag, zone, 1, digest);
        forge("two seats at once", case, [(second, Fr::ONE)].into());
    }
    // A last bit of 2, attested: an element with a bit that no device and slot has.
    let two = Fr::from(2u64);
    if let Some(last) = wires("bit")
        .into_iter()
        .rfind(|wire| r1cs.scope_name(r1cs.wire_scope(*wire)) == "bitmap")
    {
        let mut case = honest.clone();
        let (device, slot) = (shape.devices - 1, shape.slots - 1);
        case.witness.bitmap.set(device, slot, true);
        let mut elements = case.witness.bitmap.elements();
        case.witness.bitmap.set(device, slot, false);
        if let (Some(with), Some(without)) = (elements.last_mut(), case.witness.bitmap.elements().last()) {
            *with += *with - without;
        }
        let (tag, zone, seat) = (case.witness.epoch_tag, case.witness.zone, case.witness.seat);
        case.sign_as(tag, zone, seat, digest_of(shape, &elements));
        forge("an element with a high bit", case, [(last, two)].into());
    }
    forgeries
}

/// The digest of elements, whatever bits they have.
fn digest_of(shape: &Shape, elements: &[Fr]) -> Fr {
    let leaves: Vec<Fr> = elements
        .chunks(elements_per_leaf(shape.devices, shape.slots))
        .map(|leaf| hash(&[&[tag("bitmap")], leaf].concat()))
        .collect();
    let [devices, slots] = [shape.devices, shape.slots].map(|count| Fr::from(count as u64));
    hash(&[tag("digest"), devices, slots, root_of(&leaves)])
}
