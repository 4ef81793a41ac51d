//! Honest and dishonest witnesses of U1 for any shape, for the soundness regime and for tests.
//!
//! Everything is drawn from a seed by keccak, so that results are reproducible. `cargo xtask soundness` runs the
//! [`subject`] at full size, the test command at small ones.

use super::circuit::circuit;
use crate::Builder;
use crate::soundness::{Draw, Forgery, Subject};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use popw_claims::attestation::{Attestation, Bitmap};
use popw_claims::eddsa::SecretKey;
use popw_claims::uptime::{DeviceWitness, Parameters, SeatWitness, Shape, Witness, absent_seat_signature};

/// A witness and the challenge of the fingerprint.
#[derive(Clone)]
pub struct Case {
    /// The shape.
    pub shape: Shape,
    /// The witness.
    pub witness: Witness,
    /// The public input z.
    pub z: Fr,
    secrets: Vec<[u8; 32]>,
}

/// Builds the circuit of a case.
pub fn build_case(cs: &mut Builder<Fr>, case: &Case) {
    circuit(cs, &case.shape, &case.witness, case.z);
}

impl Case {
    /// An honest case: devices of every uptime, the last one of sixteen absent, the last of four or more seats silent.
    pub fn honest(shape: Shape, parameters: Parameters, seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let epoch_tag = draw.element();
        let zones = 1u64 << (4 * (shape.device_levels - shape.zone_levels()));
        let zone = draw.number(zones);
        let devices = (0..shape.devices)
            .map(|device| match device % 16 == 15 {
                true => DeviceWitness::absent(),
                false => DeviceWitness {
                    present: true,
                    payee: draw.payee(),
                    inner: draw.element(),
                },
            })
            .collect();
        // A slot is up for nearly all watchers or for few; devices range from always to never.
        let up: Vec<Vec<bool>> = (0..shape.devices as u64)
            .map(|device| {
                let share = [100, 97, 92, 85, 60, 50, 20, 0][usize::from(device.to_le_bytes()[0]) % 8];
                (0..shape.slots).map(|_| draw.number(100) < share).collect()
            })
            .collect();
        let mut secrets = Vec::new();
        let seats = (0..shape.watchers)
            .map(|number| {
                let secret = draw.bytes();
                secrets.push(secret);
                let present = shape.watchers < 4 || number + 1 < shape.watchers;
                let mut bitmap = Bitmap::new(shape.devices, shape.slots);
                for (device, slots) in up.iter().enumerate() {
                    for (slot, up) in slots.iter().enumerate() {
                        let heard = *up != (draw.number(20) == 0);
                        bitmap.set(device, slot, heard && present);
                    }
                }
                SeatWitness {
                    present,
                    bitmap,
                    owner: draw.element(),
                    key: SecretKey::from_bytes(&secret).public_key(),
                    path: draw.path(shape.seat_levels),
                    signature: absent_seat_signature(),
                }
            })
            .collect();
        let device_path = draw.path(shape.device_levels - shape.zone_levels());
        let witness = Witness {
            parameters,
            epoch_tag,
            zone,
            devices,
            device_path,
            seats,
        };
        let mut case = Self {
            shape,
            witness,
            z: draw.element(),
            secrets,
        };
        (0..shape.watchers).for_each(|seat| case.sign(seat));
        case
    }

    /// Signs a present seat's bitmap anew with its watcher's key.
    pub fn sign(&mut self, seat: usize) {
        if self.witness.seats[seat].present {
            self.sign_as(seat, self.witness.epoch_tag, self.witness.zone, seat, seat);
        }
    }

    /// Signs a seat's bitmap for another epoch, zone or seat, or with another seat's key.
    fn sign_as(&mut self, seat: usize, epoch_tag: Fr, zone: u64, named_seat: usize, signer: usize) {
        let secret = SecretKey::from_bytes(&self.secrets[signer]);
        let witness = &mut self.witness.seats[seat];
        witness.signature =
            Attestation::sign(&secret, epoch_tag, zone, named_seat, &witness.bitmap).signature;
    }
}

/// Policies and outage limits that reach every branch of the rule.
pub fn parameter_sets(shape: &Shape) -> Vec<Parameters> {
    let quorum = u32::try_from(shape.watchers / 2 + 1).unwrap_or(u32::MAX);
    let slots = u32::try_from(shape.slots).unwrap_or(u32::MAX);
    let seconds = slots * (86_400 / slots).max(1);
    let limit = |parameters: Parameters, limit| match shape.outage_rule {
        true => parameters.with_outage_limit(limit),
        false => parameters,
    };
    vec![
        limit(
            Parameters::quadratic(shape, seconds, quorum, 5, 4, 300),
            slots / 3,
        ),
        limit(Parameters::linear(shape, seconds, quorum, 2, 1), 1),
        limit(Parameters::threshold(shape, seconds, quorum, 1, 2), 0),
        limit(Parameters::linear(shape, seconds, 1, 1, 0), slots),
    ]
}

/// The subject of a shape: honest cases of every policy, and the negative corpus.
pub fn subject(shape: Shape, runs_max: usize) -> Subject<'static, Fr, Case> {
    let valid: Vec<Case> = (1..)
        .zip(parameter_sets(&shape))
        .map(|(seed, parameters)| Case::honest(shape, parameters, seed))
        .collect();
    let invalid = forgeries(&shape);
    Subject {
        name: format!("uptime {shape}"),
        circuit: &build_case,
        valid,
        invalid,
        tested_elsewhere: vec![
            (
                "eddsa",
                "the subject of the signature gadget, whose witnesses hold the secret keys",
            ),
            ("committee", "the subject of canonical_bits"),
        ],
        runs_max,
    }
}

/// The negative corpus: each must violate a constraint.
pub fn forgeries(shape: &Shape) -> Vec<Forgery<Case, Fr>> {
    let parameters = parameter_sets(shape);
    let honest = Case::honest(*shape, parameters[0], 77);
    let mut forgeries = Vec::new();
    let mut forge = |name: &str, edit: &dyn Fn(&mut Case)| {
        let mut forged = honest.clone();
        edit(&mut forged);
        forgeries.push(Forgery::new(name, forged));
    };
    // Attestations.
    forge("a slot added after signing", &|case| {
        let old = case.witness.seats[0].bitmap.bit(0, 0);
        case.witness.seats[0].bitmap.set(0, 0, !old);
    });
    forge(
        "an attestation of another epoch or chain or rule (another tag)",
        &|case| {
            case.sign_as(
                0,
                case.witness.epoch_tag + Fr::from(1u64),
                case.witness.zone,
                0,
                0,
            );
        },
    );
    forge("an attestation of another zone", &|case| {
        case.sign_as(0, case.witness.epoch_tag, case.witness.zone + 1, 0, 0);
    });
    forge("an attestation of another seat", &|case| {
        case.sign_as(0, case.witness.epoch_tag, case.witness.zone, 1, 0);
    });
    forge("an attestation of another digest", &|case| {
        case.witness.seats[0].signature = case.witness.seats[1].signature;
    });
    forge("a watcher who was not drawn signs", &|case| {
        case.sign_as(0, case.witness.epoch_tag, case.witness.zone, 0, 1);
    });
    forge("two seats swapped", &|case| case.witness.seats.swap(0, 1));
    forge("one owner in two seats", &|case| {
        case.witness.seats[1].owner = case.witness.seats[0].owner
    });
    forge("one key in two seats", &|case| {
        case.witness.seats[1].key = case.witness.seats[0].key;
        case.secrets[1] = case.secrets[0];
        case.sign(1);
    });
    forge("a present seat with the signature of absent ones", &|case| {
        case.witness.seats[0].signature = absent_seat_signature();
    });
    forge("an absent seat with a watcher's signature", &|case| {
        case.witness.seats[0].present = false
    });
    for seat in 0..shape.watchers {
        forge(&format!("absent seat {seat} votes"), &|case| {
            case.witness.seats[seat].present = false;
            case.witness.seats[seat].signature = absent_seat_signature();
            case.witness.seats[seat].bitmap.set(0, 0, true);
        });
    }
    // The statement.
    forge("the canary: epoch tag 0", &|case| {
        case.witness.epoch_tag = Fr::ZERO;
        (0..case.shape.watchers).for_each(|seat| case.sign(seat));
    });
    forge("a zone that is not in the tree", &|case| {
        case.witness.zone = 1 << (4 * (case.shape.device_levels - case.shape.zone_levels()));
        (0..case.shape.watchers).for_each(|seat| case.sign(seat));
    });
    // Parameters.
    let watchers = u32::try_from(shape.watchers).unwrap_or(u32::MAX);
    let slots = u32::try_from(shape.slots).unwrap_or(u32::MAX);
    let limit = 1u32 << 21;
    type Edit<'a> = &'a dyn Fn(&mut Parameters);
    let edits: [(&str, Edit<'_>); 9] = [
        ("quorum 0", &|parameters| parameters.quorum = 0),
        ("quorum W + 1", &|parameters| parameters.quorum = watchers + 1),
        ("quorum 2^31", &|parameters| parameters.quorum = 1 << 31),
        ("an epoch of no seconds", &|parameters| {
            parameters.epoch_seconds = 0
        }),
        ("an epoch of 2^21 seconds", &|parameters| {
            parameters.epoch_seconds = limit.next_multiple_of(slots)
        }),
        ("slope 2^21", &|parameters| parameters.slope = limit),
        ("offset 2^21", &|parameters| parameters.offset = limit),
        ("grace 2^21", &|parameters| parameters.grace_seconds = limit),
        ("slope above offset + 1", &|parameters| {
            parameters.slope = parameters.offset + 2
        }),
    ];
    for (name, edit) in edits {
        forge(name, &|case| edit(&mut case.witness.parameters));
    }
    forge("grace for the linear policy", &|case| {
        case.witness.parameters = parameter_sets(&case.shape)[1];
        case.witness.parameters.grace_seconds = 300;
    });
    if shape.outage_rule {
        forge("outage limit S + 1", &|case| {
            case.witness.parameters.outage_limit = slots + 1
        });
    }
    forgeries
}
