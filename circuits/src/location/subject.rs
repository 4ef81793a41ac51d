//! Honest and dishonest witnesses of L1 for any shape, for the soundness regime and for tests.
//!
//! Everything is drawn from a seed by keccak, so that results are reproducible.

use super::circuit::{circuit, structure};
use crate::Builder;
use crate::soundness::{Draw, Forgery, Overrides, Subject};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use popw_claims::attestation::Attestation;
use popw_claims::eddsa::SecretKey;
use popw_claims::location::reports::{digest, report_element};
use popw_claims::location::{Parameters, Preset, Report, Shape, Witness};
use popw_claims::opening::{
    INGESTOR_SEAT, Ingestor, OpenedDevice, SeatOpening, absent_seat_key, absent_seat_signature,
};
use popw_claims::poseidon::sponge;
use popw_claims::registry::{DeviceFields, Position};

/// A witness and the challenge of the fingerprint.
#[derive(Clone)]
pub struct Case {
    /// The shape.
    pub shape: Shape,
    /// The witness.
    pub witness: Witness,
    /// The public input z.
    pub z: Fr,
    ingestor: [u8; 32],
}

/// Builds the circuit of a case.
pub fn build_case(cs: &mut Builder<Fr>, case: &Case) {
    circuit(cs, &case.shape, &case.witness, case.z);
}

/// Reports of every band, beyond them, and none, in turn.
pub fn mixed_reports(shape: &Shape, home: &Position, seed: u64) -> Vec<Report> {
    let mut draw = Draw::new(seed);
    let away = |distance: i32| {
        Some(Position {
            y: home.y - distance,
            ..*home
        })
    };
    (0..shape.reports)
        .map(|_| match draw.number(6) {
            0 => None,
            1 => away(0),
            2 => away(3_005),
            3 => away(3_006),
            4 => away(4_006),
            _ => away(i32::try_from(draw.number(8_000)).unwrap_or_default()),
        })
        .collect()
}

impl Case {
    /// An honest case: a device near the earth's surface, reports as given by [`mixed_reports`], a present ingestor.
    pub fn honest(shape: Shape, parameters: Parameters, seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let epoch_tag = draw.element();
        let mut coordinate = || i32::try_from(draw.number(120_000_000)).unwrap_or_default() - 60_000_000;
        let position = Position {
            x: coordinate(),
            y: coordinate(),
            z: coordinate(),
        };
        let mut device = OpenedDevice {
            index: draw.number(1u64 << (4 * shape.device_levels).min(32)),
            payee: draw.payee(),
            private: draw.element(),
            fields: DeviceFields {
                session_key: SecretKey::from_bytes(&draw.bytes()).public_key(),
                owner_id: draw.element(),
                position,
                gain_ddbi: -15,
                region: 3,
            },
            path: Vec::new(),
        };
        draw.graft(&mut device, shape.device_levels);
        let secret = draw.bytes();
        let ingestor = Ingestor {
            seat: SeatOpening {
                present: true,
                owner: draw.element(),
                key: SecretKey::from_bytes(&secret).public_key(),
                path: draw.path(shape.seat_levels),
                signature: absent_seat_signature(),
            },
            other_roots: std::array::from_fn(|_| draw.element()),
        };
        let mut case = Self {
            shape,
            witness: Witness {
                parameters,
                epoch_tag,
                device,
                reports: mixed_reports(&shape, &position, seed),
                ingestor,
            },
            z: draw.element(),
            ingestor: secret,
        };
        case.sign();
        case
    }

    /// The same without an ingestor, hence without reports.
    pub fn without_ingestor(mut self) -> Self {
        self.witness.ingestor.seat.present = false;
        self.witness.reports = vec![None; self.shape.reports];
        self.sign();
        self
    }

    /// Other reports, attested.
    pub fn with_reports(mut self, reports: Vec<Report>) -> Self {
        self.witness.reports = reports;
        self.sign();
        self
    }

    /// The device at another position, under another root.
    pub fn at(mut self, position: Position) -> Self {
        self.witness.device.fields.position = position;
        self.graft();
        self
    }

    /// A path in which the device stands as it is now.
    fn graft(&mut self) {
        Draw::new(5).graft(&mut self.witness.device, self.shape.device_levels);
    }

    /// Signs the reports anew with the ingestor's key, or fills the absent seat.
    pub fn sign(&mut self) {
        self.witness.ingestor.seat.signature = absent_seat_signature();
        if self.witness.ingestor.seat.present {
            self.sign_digest(digest(&self.witness.reports));
        }
    }

    fn sign_digest(&mut self, digest: Fr) {
        self.sign_as(
            self.witness.epoch_tag,
            self.witness.device.index,
            INGESTOR_SEAT,
            digest,
        );
    }

    /// Signs a digest for an epoch, zone and seat.
    fn sign_as(&mut self, epoch_tag: Fr, zone: u64, seat: usize, digest: Fr) {
        let secret = SecretKey::from_bytes(&self.ingestor);
        self.witness.ingestor.seat.signature =
            Attestation::of_digest(&secret, epoch_tag, zone, seat, digest).signature;
    }
}

/// Parameters that reach every branch of the rule: the published ones, bands that touch, weights and limits of 0.
pub fn parameter_sets(shape: &Shape) -> [Parameters; 3] {
    let published = Preset::HeliumMobile.parameters(shape);
    [
        published,
        Parameters {
            reports_min: 1,
            near_limit: 3_005 * 3_005,
            far_limit: 3_005 * 3_005,
            near_weight: 77,
            far_weight: 77,
        },
        Parameters {
            reports_min: u32::try_from(shape.reports).unwrap_or(u32::MAX),
            near_limit: 0,
            far_limit: (1 << 45) - 1,
            near_weight: 100,
            far_weight: 0,
        },
    ]
}

/// The subject of a shape: honest cases of all parameters and of an absent ingestor, and the negative corpus.
pub fn subject(shape: Shape, runs_max: usize) -> Subject<'static, Fr, Case> {
    let mut valid: Vec<Case> = (1..)
        .zip(parameter_sets(&shape))
        .map(|(seed, parameters)| Case::honest(shape, parameters, seed))
        .collect();
    valid.push(Case::honest(shape, parameter_sets(&shape)[0], 4).without_ingestor());
    Subject {
        name: format!("location {shape}"),
        circuit: &build_case,
        valid,
        invalid: forgeries(&shape),
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
    let mut forgeries = witness_forgeries(shape);
    forgeries.extend(hint_forgeries(shape));
    forgeries
}

/// An honest case whose first report is near home.
fn base(shape: &Shape) -> Case {
    let case = Case::honest(*shape, parameter_sets(shape)[0], 77);
    let mut reports = mixed_reports(shape, &case.witness.device.fields.position, 78);
    reports[0] = Some(case.witness.device.fields.position);
    case.with_reports(reports)
}

/// Forgeries that lie in the witness alone: the native twin refuses each of them.
pub fn witness_forgeries(shape: &Shape) -> Vec<Forgery<Case, Fr>> {
    let honest = base(shape);
    let mut forgeries = Vec::new();
    let mut forge = |name: &str, edit: &dyn Fn(&mut Case)| {
        let mut forged = honest.clone();
        edit(&mut forged);
        forgeries.push(Forgery::new(name, forged));
    };
    let (tag, index) = (honest.witness.epoch_tag, honest.witness.device.index);
    let signed = digest(&honest.witness.reports);
    // The attestation.
    forge("a report edited after signing", &|case| {
        if let Some(position) = &mut case.witness.reports[0] {
            position.x += 1;
        }
    });
    forge("a report removed after signing", &|case| {
        case.witness.reports[0] = None
    });
    forge(
        "an attestation of another epoch or chain or rule (another tag)",
        &|case| case.sign_as(tag + Fr::ONE, index, INGESTOR_SEAT, signed),
    );
    forge("an attestation of another device", &|case| {
        case.sign_as(tag, index ^ 1, INGESTOR_SEAT, signed)
    });
    forge("an attestation of another seat", &|case| {
        case.sign_as(tag, index, 1, signed)
    });
    forge("an attestation of another digest", &|case| {
        case.sign_digest(signed + Fr::ONE)
    });
    forge("a watcher who was not drawn signs", &|case| {
        case.ingestor = [9; 32];
        case.sign();
    });
    forge("the device signs for its ingestor", &|case| {
        case.ingestor = [10; 32];
        case.witness.device.fields.session_key = SecretKey::from_bytes(&[10; 32]).public_key();
        case.graft();
        case.sign();
    });
    forge("a present ingestor with the signature of absent ones", &|case| {
        case.witness.ingestor.seat.signature = absent_seat_signature();
    });
    forge(
        "a present ingestor with the key and signature of absent ones",
        &|case| {
            case.witness.ingestor.seat.key = absent_seat_key();
            case.witness.ingestor.seat.signature = absent_seat_signature();
        },
    );
    forge("an absent ingestor with a watcher's signature", &|case| {
        case.witness.ingestor.seat.present = false;
        case.witness.reports = vec![None; case.shape.reports];
    });
    for slot in 0..shape.reports {
        forge(
            &format!("an absent ingestor with a report in slot {slot}"),
            &|case| {
                case.witness.ingestor.seat.present = false;
                case.witness.reports = vec![None; case.shape.reports];
                case.witness.reports[slot] = Some(case.witness.device.fields.position);
                case.sign();
            },
        );
    }
    // The device.
    forge("another payee", &|case| case.witness.device.payee += Fr::ONE);
    forge("another owner", &|case| {
        case.witness.device.fields.owner_id += Fr::ONE
    });
    forge("another session key", &|case| {
        case.witness.device.fields.session_key = SecretKey::from_bytes(&[8; 32]).public_key()
    });
    forge("another asserted position", &|case| {
        case.witness.device.fields.position.y += 4_000
    });
    forge("another index", &|case| {
        case.witness.device.index ^= 1;
        case.sign();
    });
    forge("an index that is not in the tree", &|case| {
        case.witness.device.index += 1 << (4 * case.shape.device_levels);
        case.sign();
    });
    forge(
        "an index that is not in the tree, beside a copy of the leaf",
        &|case| {
            let leaf = case.witness.device.leaf();
            let digit = usize::from(index.to_le_bytes()[0] & 15);
            case.witness.device.path[0][digit ^ 1] = leaf;
            let mut node = popw_claims::poseidon::hash(&case.witness.device.path[0]);
            for level in 1..case.shape.device_levels {
                let digit = usize::from((index >> (4 * level)).to_le_bytes()[0] & 15);
                case.witness.device.path[level][digit] = node;
                node = popw_claims::poseidon::hash(&case.witness.device.path[level]);
            }
            case.witness.device.index += 1 << (4 * case.shape.device_levels);
            case.sign();
        },
    );
    for level in 0..shape.device_levels {
        forge(
            &format!("another node at level {level} of the device's path"),
            &|case| {
                let digit = usize::from((index >> (4 * level)).to_le_bytes()[0] & 15);
                case.witness.device.path[level][digit] += Fr::ONE;
            },
        );
    }
    // Ranges.
    type Place = fn(&mut Position) -> &mut i32;
    let places: [Place; 3] = [|at| &mut at.x, |at| &mut at.y, |at| &mut at.z];
    let limit = 1 << 27;
    for (axis, place) in places.into_iter().enumerate() {
        for value in [limit, -limit - 1, i32::MAX, i32::MIN] {
            forge(&format!("asserted coordinate {axis} is {value}"), &|case| {
                *place(&mut case.witness.device.fields.position) = value;
                case.graft();
            });
            forge(&format!("reported coordinate {axis} is {value}"), &|case| {
                if let Some(at) = &mut case.witness.reports[0] {
                    *place(at) = value;
                }
                case.sign();
            });
        }
    }
    forge("the canary: epoch tag 0", &|case| {
        case.witness.epoch_tag = Fr::ZERO;
        case.sign();
    });
    // Parameters.
    let reports = u32::try_from(shape.reports).unwrap_or(u32::MAX);
    type Edit<'a> = &'a dyn Fn(&mut Parameters);
    let edits: [(&str, Edit<'_>); 9] = [
        ("at least 0 reports", &|parameters| parameters.reports_min = 0),
        ("at least R + 1 reports", &|parameters| {
            parameters.reports_min = reports + 1
        }),
        ("at least 2^31 reports", &|parameters| {
            parameters.reports_min = 1 << 31
        }),
        ("a far limit of 2^45", &|parameters| {
            parameters.far_limit = 1 << 45
        }),
        ("a far limit of 2^64 - 1", &|parameters| {
            parameters.far_limit = u64::MAX
        }),
        ("a near limit above the far limit", &|parameters| {
            parameters.near_limit = parameters.far_limit + 1
        }),
        ("a near weight of 101", &|parameters| parameters.near_weight = 101),
        ("a near weight of 128", &|parameters| parameters.near_weight = 128),
        ("a far weight above the near weight", &|parameters| {
            parameters.far_weight = parameters.near_weight + 1
        }),
    ];
    for (name, edit) in edits {
        forge(name, &|case| edit(&mut case.witness.parameters));
    }
    forge("a far weight above a near weight below 100", &|case| {
        (
            case.witness.parameters.near_weight,
            case.witness.parameters.far_weight,
        ) = (50, 51);
    });
    forgeries
}

/// Forgeries by a prover who lies in wires that no witness reaches, with an ingestor who signs for it.
fn hint_forgeries(shape: &Shape) -> Vec<Forgery<Case, Fr>> {
    let r1cs = structure(shape);
    let mut forgeries = Vec::new();
    let mut forge = |name: &str, wire: &str, value: Fr, edit: &dyn Fn(&mut Case)| {
        let mut forged = base(shape);
        edit(&mut forged);
        forgeries.push(Forgery {
            name: name.to_owned(),
            witness: forged,
            overrides: r1cs
                .find_wire(wire)
                .map(|wire| (wire, value))
                .into_iter()
                .collect::<Overrides<Fr>>(),
        });
    };
    // Nobody reported anything, but the element says where.
    forge(
        "an absent report with a coordinate",
        "report[0].coordinate",
        Fr::from(5u64),
        &|case| {
            case.witness.reports[0] = None;
            let mut elements = vec![Fr::from(case.shape.reports as u64)];
            elements.extend(case.witness.reports.iter().map(report_element));
            elements[1] = Fr::from(10u64);
            case.sign_digest(sponge("location-reports", &elements));
        },
    );
    let negative = -Fr::ONE;
    forge("a near limit of -1", "parameters.near_limit", negative, &|_| {});
    forge("a far weight of -1", "parameters.far_weight", negative, &|_| {});
    forge(
        "a near limit and a far limit of -1",
        "parameters.far_limit",
        negative,
        &|_| {},
    );
    forge("a near weight of -1", "parameters.near_weight", negative, &|_| {});
    forgeries
}
