//! Honest witnesses of C1 for any shape, for the soundness regime and for tests.
//!
//! Everything is drawn from a seed by keccak, so that results are reproducible. Next: [`super::forgeries`], the dishonest ones.

use super::circuit::circuit;
use super::forgeries::forgeries;
use crate::Builder;
use crate::soundness::{Draw, Subject};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use popw_claims::attestation::Attestation;
use popw_claims::coverage::selection::digest;
use popw_claims::coverage::{
    Beacon, Parameters, Preset, Receipt, ReceiptWitness, Received, Report, Shape, Witness, challenge,
};
use popw_claims::eddsa::{SecretKey, Signature};
use popw_claims::opening::{INGESTOR_SEAT, Ingestor, OpenedDevice, SeatOpening, absent_seat_signature};
use popw_claims::poseidon::hash;
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
    /// Secret keys of the beaconer and of each receipt's witness.
    pub(super) radios: Vec<[u8; 32]>,
    pub(super) ingestor: [u8; 32],
}

/// Builds the circuit of a case.
pub fn build_case(cs: &mut Builder<Fr>, case: &Case) {
    circuit(cs, &case.shape, &case.witness, case.z);
}

/// What becomes of a receipt, in the order in which rows take turns.
const FATES: usize = 7;

impl Case {
    /// An honest case: the receipts take turns in being accepted twice and refused for every reason; with two rows or more the
    /// last is absent for even seeds.
    pub fn honest(shape: Shape, parameters: Parameters, seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let epoch_tag = draw.element();
        let mut coordinate = || i32::try_from(draw.number(100_000_000)).unwrap_or_default() - 50_000_000;
        let home = Position {
            x: coordinate(),
            y: coordinate(),
            z: coordinate(),
        };
        let radios: Vec<[u8; 32]> = (0..=shape.witnesses).map(|_| draw.bytes()).collect();
        let mut devices = Vec::new();
        for (row, secret) in (0u64..).zip(&radios) {
            // Different places of one lowest subtree, which every depth has.
            let index = (row * 7 + seed) % 16;
            devices.push(OpenedDevice {
                index,
                payee: draw.payee(),
                private: draw.element(),
                fields: DeviceFields {
                    session_key: SecretKey::from_bytes(secret).public_key(),
                    owner_id: draw.element(),
                    position: home,
                    gain_ddbi: [-15, 12, 30, 0, -9, 81][usize::from(row.to_le_bytes()[0]) % 6],
                    region: 3,
                },
                path: Vec::new(),
            });
        }
        let mut devices = devices.into_iter();
        let beaconer = devices
            .next()
            .unwrap_or_else(|| OpenedDevice::stand_in(Fr::ZERO, 0));
        let (frequency_hz, time_ms) = (868_300_000, 100_000);
        let receipts = devices
            .enumerate()
            .map(|(number, mut device)| {
                let mut received = Received {
                    report: Receipt {
                        frequency_hz,
                        rssi_ddbm: -1_200,
                    },
                    signature: absent_seat_signature(),
                    time_ms: time_ms + 100,
                };
                device.fields.position.x += 20_000;
                let seed = usize::from(seed.to_le_bytes()[0]);
                match (number + seed) % FATES {
                    0 => received.time_ms += 4_000,
                    1 => received.report.frequency_hz += 100_001,
                    2 => device.fields.position.x += 2_000_000,
                    3 => device.fields.position.x -= 19_000,
                    4 => received.report.rssi_ddbm = -300,
                    _ => {}
                }
                ReceiptWitness {
                    present: number == 0 || number + 1 < shape.witnesses || seed % 2 == 1,
                    device,
                    received,
                }
            })
            .collect();
        let ingestor = draw.bytes();
        let mut case = Self {
            shape,
            witness: Witness {
                parameters,
                epoch_tag,
                beaconer,
                nonce: draw.element(),
                beacon: Received {
                    report: Beacon {
                        frequency_hz,
                        power_dbm: 14,
                    },
                    signature: absent_seat_signature(),
                    time_ms,
                },
                receipts,
                ingestor: Ingestor {
                    seat: SeatOpening {
                        present: true,
                        owner: draw.element(),
                        key: SecretKey::from_bytes(&ingestor).public_key(),
                        path: draw.path(shape.seat_levels),
                        signature: absent_seat_signature(),
                    },
                    other_roots: std::array::from_fn(|_| draw.element()),
                },
            },
            z: draw.element(),
            radios,
            ingestor,
        };
        for row in 0..shape.witnesses {
            if !case.witness.receipts[row].present {
                case.remove(row);
            }
        }
        case.settle();
        case
    }

    /// The same without receipts.
    pub fn without_receipts(mut self) -> Self {
        (0..self.shape.witnesses).for_each(|row| self.remove(row));
        self.settle();
        self
    }

    /// The same without an ingestor, hence without receipts.
    pub fn without_ingestor(mut self) -> Self {
        self.witness.ingestor.seat.present = false;
        self.without_receipts()
    }

    /// Replaces a receipt by a stand-in.
    pub(super) fn remove(&mut self, row: usize) {
        let owner = Fr::from(row as u64 + 1_000);
        self.witness.receipts[row] = ReceiptWitness::absent(owner, self.shape.device_levels);
    }

    /// Registers the devices as they are now, and signs everything anew.
    pub fn settle(&mut self) {
        self.register();
        self.sign();
    }

    fn register(&mut self) {
        self.register_with(None);
    }

    /// Puts the present devices, and a leaf in one more place of the lowest digit, into one tree: paths that share a root.
    pub(super) fn register_with(&mut self, beside: Option<(u64, Fr)>) {
        let levels = self.shape.device_levels;
        let mut draw = Draw::new(3);
        let mut path = draw.path(levels);
        let mut devices = vec![&mut self.witness.beaconer];
        let present = self.witness.receipts.iter_mut().filter(|row| row.present);
        devices.extend(present.map(|row| &mut row.device));
        // They differ in the lowest digit at most.
        let place = |device: &OpenedDevice, level: usize| {
            usize::from((device.index >> (4 * level)).to_le_bytes()[0] & 15)
        };
        for device in &devices {
            path[0][place(device, 0)] = device.leaf();
        }
        if let Some((index, leaf)) = beside {
            path[0][usize::from(index.to_le_bytes()[0] & 15)] = leaf;
        }
        for level in 1..levels {
            path[level][place(devices[0], level)] = hash(&path[level - 1]);
        }
        devices.into_iter().for_each(|device| device.path = path.clone());
    }

    /// Signs the beacon, the receipts and the set, or fills in the signature of absent ones.
    pub(super) fn sign(&mut self) {
        let (tag, nonce) = (self.witness.epoch_tag, self.witness.nonce);
        let challenge = challenge(tag, nonce, self.witness.beaconer.index);
        self.sign_beacon(0, tag, challenge);
        for row in 0..self.shape.witnesses {
            self.sign_receipt(row, row + 1, tag, challenge);
        }
        self.attest();
    }

    /// Signs the set as it is now.
    pub(super) fn attest(&mut self) {
        self.attest_as(self.witness.epoch_tag, self.witness.beaconer.index, INGESTOR_SEAT);
    }

    pub(super) fn attest_as(&mut self, epoch_tag: Fr, zone: u64, seat: usize) {
        let receipts = self.witness.receipts.iter().map(ReceiptWitness::receipt);
        let digest = digest(
            self.shape.witnesses,
            self.witness.nonce,
            &self.witness.beacon,
            receipts,
        );
        self.attest_digest(epoch_tag, zone, seat, digest);
    }

    pub(super) fn attest_digest(&mut self, epoch_tag: Fr, zone: u64, seat: usize, digest: Fr) {
        let secret = SecretKey::from_bytes(&self.ingestor);
        let opening = &mut self.witness.ingestor.seat;
        opening.signature = match opening.present {
            true => Attestation::of_digest(&secret, epoch_tag, zone, seat, digest).signature,
            false => absent_seat_signature(),
        };
    }

    pub(super) fn sign_beacon(&mut self, signer: usize, epoch_tag: Fr, challenge: Fr) {
        let present = self.witness.ingestor.seat.present;
        let beacon = &mut self.witness.beacon;
        beacon.signature = signature(
            present,
            &self.radios[signer],
            &beacon.report,
            epoch_tag,
            challenge,
        );
    }

    pub(super) fn sign_receipt(&mut self, row: usize, signer: usize, epoch_tag: Fr, challenge: Fr) {
        let ReceiptWitness {
            present, received, ..
        } = &mut self.witness.receipts[row];
        received.signature = signature(
            *present,
            &self.radios[signer],
            &received.report,
            epoch_tag,
            challenge,
        );
    }

    /// Gives a witness an index beyond the tree, in a tree that has its leaf twice, so that the lowest bit of the index selects
    /// nothing.
    pub(super) fn leave_the_tree(&mut self, row: usize) {
        let device = &self.witness.receipts[row].device;
        self.register_with(Some((device.index ^ 1, device.leaf())));
        self.witness.receipts[row].device.index += 1 << (4 * self.shape.device_levels);
        self.attest();
    }

    /// The challenge that everybody answers.
    pub(super) fn challenge(&self) -> Fr {
        let Witness {
            epoch_tag,
            nonce,
            beaconer,
            ..
        } = &self.witness;
        challenge(*epoch_tag, *nonce, beaconer.index)
    }
}

fn signature(
    present: bool,
    secret: &[u8; 32],
    report: &impl Report,
    epoch_tag: Fr,
    challenge: Fr,
) -> Signature {
    match present {
        true => report.sign(&SecretKey::from_bytes(secret), epoch_tag, challenge),
        false => absent_seat_signature(),
    }
}

/// Parameters that reach every branch of the rule: the published ones, none at all, the widest.
pub fn parameter_sets(shape: &Shape) -> [Parameters; 3] {
    let published = Preset::HeliumIot.parameters(shape);
    let units = |unit: u32| -> Vec<u32> {
        let entries = (0..=shape.witnesses).map(|n| if n == 0 { 0 } else { unit });
        entries.collect()
    };
    [
        Parameters {
            start_ms: 50_000,
            ..published
        },
        Parameters {
            start_ms: 100_001,
            fresh_ms: 0,
            lag_beacon_ms: 0,
            lag_witness_ms: 0,
            frequency_tolerance_hz: 0,
            distance_max: 0,
            distance_min: 0,
            beaconer_units: units(1),
            witness_units: units(0),
        },
        Parameters {
            start_ms: 0,
            fresh_ms: (1 << 27) - 1,
            lag_beacon_ms: (1 << 27) - 1,
            lag_witness_ms: (1 << 27) - 1,
            frequency_tolerance_hz: (1 << 30) - 1,
            distance_max: (1 << 40) - 1,
            distance_min: 0,
            beaconer_units: units(32_767),
            witness_units: units(32_767),
        },
    ]
}

/// So many witnesses, and trees of one level: what the test command checks.
pub fn small(witnesses: usize) -> Shape {
    Shape {
        witnesses,
        device_levels: 1,
        seat_levels: 1,
    }
}

/// The subject of a shape: honest cases of all parameters, without receipts and without an ingestor, and the negative corpus.
pub fn subject(shape: Shape, runs_max: usize) -> Subject<'static, Fr, Case> {
    let [published, nothing, widest] = parameter_sets(&shape);
    Subject::new(format!("coverage {shape}"), &build_case)
        .twin(&twin)
        .valid([
            Case::honest(shape, published.clone(), 5),
            Case::honest(shape, widest, 2),
            Case::honest(shape, nothing, 6),
            Case::honest(shape, published.clone(), 4).without_receipts(),
            Case::honest(shape, published, 3).without_ingestor(),
        ])
        .invalid(forgeries(&shape))
        .tested_elsewhere([
            (
                "eddsa",
                "the subject of the signature gadget, whose witnesses hold the secret keys",
            ),
            ("committee", "the subject of canonical_bits"),
        ])
        .runs_max(runs_max)
}

/// The native twin: the seven public inputs, or nothing for a witness that it refuses.
pub fn twin(case: &Case) -> Option<Vec<Fr>> {
    let outcome = case.witness.evaluate(&case.shape).ok()?;
    Some(outcome.statement_at(case.z).public_inputs().to_vec())
}
