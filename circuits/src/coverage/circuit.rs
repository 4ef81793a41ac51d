//! The circuit of one window: a beaconer and M rows of receipts.
//!
//! **Relation.** `docs/protocol.md`, sections 5, 7 and 9; native twin `popw_claims::coverage::Witness::evaluate`.
//!
//! **Cost.** A row of receipts 7,438: the device and its path 3,854, the signature 2,541, the message 294, ranges 203, the verdict 436, the
//! rest in digest, units and outputs. The ingestor 6,264. Exact counts: `circuits/counts.csv`.
//!
//! **Order.** parameters -> beaconer -> receipts (device, report, message) -> digest -> ingestor -> signatures -> clock -> verdicts ->
//! registry -> outputs.

use super::rule::{Report, Rule, Site, unsigned};
use crate::gadgets::bits::Bit;
use crate::gadgets::device::Device;
use crate::gadgets::int::Int;
use crate::gadgets::poseidon::{sponge, tagged_hash};
use crate::gadgets::seat::{assert_signature_if, blank_ingestor, ingestor};
use crate::statement::{Inputs, fingerprint, pack_scores, public_inputs};
use crate::{Builder, Lc, R1cs};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use popw_claims::coverage::radio::{PACKED_INDEX_BITS, TIME_BITS};
use popw_claims::coverage::{Beacon, Parameters, ReceiptWitness, Received, Shape, Witness};
use popw_claims::opening::{OpenedDevice, absent_seat_signature};

/// Builds the circuit. `z` is the public challenge of the fingerprint; the other public inputs follow from the witness.
///
/// Public inputs in order: `[epoch_tag, registry_root, parameters_hash, zone, out_commit, z, y]`; the zone is the beaconer's index.
///
/// # Panics
/// If the witness does not have the shape's numbers of receipts and levels.
pub fn circuit(cs: &mut Builder<Fr>, shape: &Shape, witness: &Witness, z: Fr) {
    assert_eq!(witness.check_sizes(shape), Ok(()), "a witness of the shape");
    let (inputs, outputs) = public_inputs(cs, witness.epoch_tag, witness.beaconer.index, z);
    let Inputs { epoch_tag, zone, z } = &inputs;

    let rule = cs.scope("parameters", None, |cs| Rule::new(cs, shape, &witness.parameters));
    cs.bind_output(outputs.parameters_hash, &rule.hash);

    let nonce = cs.input("nonce", witness.nonce);
    let challenge = cs.scope("challenge", None, |cs| {
        tagged_hash(cs, "challenge", &[epoch_tag, &nonce, zone])
    });
    let beaconer = cs.scope("beaconer", None, |cs| {
        let report = Report::beacon(cs, &witness.beacon.report);
        let time = witness.beacon.time_ms;
        Row::new(cs, zone, &witness.beaconer, report, time)
    });
    let receipts: Vec<(Bit<Fr>, Row)> = witness
        .receipts
        .iter()
        .enumerate()
        .map(|(number, row)| {
            cs.scope("receipt", number, |cs| {
                let present = Bit::choice(cs, "present", row.present);
                let index = cs.input("index", Fr::from(row.device.index));
                let report = Report::receipt(cs, &row.received.report);
                let time = row.received.time_ms;
                (present, Row::new(cs, &index, &row.device, report, time))
            })
        })
        .collect();

    let digest = cs.scope("digest", None, |cs| {
        let mut elements = vec![
            Lc::constant(Fr::from(shape.witnesses as u64)),
            nonce.clone(),
            beaconer.packed(),
        ];
        for (present, row) in &receipts {
            // 1 + 2 (index + 2^32 packed), or 0.
            let indexed = &row.device.index + &(row.packed() * power_of_two(PACKED_INDEX_BITS));
            let element = indexed * Fr::from(2u64) + Fr::from(1u64);
            elements.push(cs.mul("element", present.lc(), &element));
        }
        sponge(cs, "receipts", &elements)
    });
    let ingestor = cs.scope("ingestor", None, |cs| {
        ingestor(cs, &witness.ingestor, epoch_tag, zone, &digest)
    });

    let message = |cs: &mut Builder<Fr>, name, report: &Report| {
        cs.scope("message", None, |cs| {
            tagged_hash(cs, name, &[epoch_tag, &challenge, &report.packed])
        })
    };
    cs.scope("beaconer", None, |cs| {
        let message = message(cs, "beacon", &beaconer.report);
        let key = &beaconer.device.session_key;
        assert_signature_if(cs, &ingestor.present, key, &message, &witness.beacon.signature);
    });
    for (number, ((present, row), receipt)) in receipts.iter().zip(&witness.receipts).enumerate() {
        cs.scope("receipt", number, |cs| {
            let message = message(cs, "receipt", &row.report);
            let key = &row.device.session_key;
            assert_signature_if(cs, present, key, &message, &receipt.received.signature);
        });
    }

    let all = || std::iter::once(&beaconer).chain(receipts.iter().map(|(_, row)| row));
    cs.scope("registry", None, |cs| {
        // No receipt without an ingestor that attests it.
        let presents = Lc::sum(receipts.iter().map(|(present, _)| present.lc()));
        cs.assert(&presents, ingestor.present.not().lc(), &Lc::zero());
        let device_root = &beaconer.device.root;
        for (present, row) in &receipts {
            cs.assert(present.lc(), &(&row.device.root - device_root), &Lc::zero());
        }
        for (number, row) in all().enumerate() {
            for other in all().take(number) {
                cs.assert_nonzero("owner", &(&row.device.owner_id - &other.device.owner_id));
            }
        }
        let root = tagged_hash(cs, "registry", &[device_root, &ingestor.watcher_root]);
        cs.bind_output(outputs.registry_root, &root);
    });

    let accepted: Vec<Bit<Fr>> = {
        let (fresh, clock) = cs.scope("clock", None, |cs| {
            let times = receipts.iter().map(|(present, row)| (present, &row.time));
            let clock = rule.clock(cs, &beaconer.time, times);
            (rule.is_fresh(cs, &beaconer.time), clock)
        });
        let beacon = (&beaconer.report, &beaconer.site);
        let verdict = |cs: &mut Builder<Fr>, (present, row): &(Bit<Fr>, Row)| {
            let prompt = clock.is_prompt(cs, &row.time);
            let link = rule.accepts_link(cs, beacon, (&row.report, &row.site));
            let counts = present.and(cs, &fresh).and(cs, &prompt);
            counts.and(cs, &link)
        };
        let rows = receipts.iter().enumerate();
        rows.map(|(number, row)| cs.scope("verdict", number, |cs| verdict(cs, row)))
            .collect()
    };

    let coefficients = cs.scope("earnings", None, |cs| {
        let count = Int::sum(&accepted.iter().map(Int::from_bit).collect::<Vec<_>>());
        let [beaconer_unit, witness_unit] = rule.units(cs, &count);
        let mut paid = vec![[zone.clone(), beaconer.device.payee.clone(), beaconer_unit]];
        for ((present, row), accepted) in receipts.iter().zip(&accepted) {
            paid.push([
                cs.mul("index", present.lc(), &row.device.index),
                cs.mul("payee", present.lc(), &row.device.payee),
                cs.mul("score", accepted.lc(), &witness_unit),
            ]);
        }
        paid
    });
    let digest = &ingestor.seat.digest;
    let out_commit = cs.scope("out", None, |cs| {
        let mut elements = pack_scores(coefficients.iter().map(|[_, _, score]| score));
        elements.push(digest.clone());
        sponge(cs, "coverage-out", &elements)
    });
    cs.bind_output(outputs.out_commit, &out_commit);
    let y = cs.scope("fingerprint", None, |cs| {
        fingerprint(cs, z, coefficients.iter().flatten().chain([digest]))
    });
    cs.bind_output(outputs.y, &y);
}

/// The constraints of a shape.
pub fn structure(shape: &Shape) -> R1cs<Fr> {
    let mut cs = Builder::structure();
    circuit(&mut cs, shape, &blank_witness(shape), Fr::ZERO);
    cs.finish().0
}

/// A witness of the right shape that satisfies nothing: the structure does not depend on values.
pub fn blank_witness(shape: &Shape) -> Witness {
    let units = vec![0; shape.witnesses + 1];
    Witness {
        parameters: Parameters {
            start_ms: 0,
            fresh_ms: 0,
            lag_beacon_ms: 0,
            lag_witness_ms: 0,
            frequency_tolerance_hz: 0,
            distance_max: 0,
            distance_min: 0,
            beaconer_units: units.clone(),
            witness_units: units,
        },
        epoch_tag: Fr::ZERO,
        beaconer: OpenedDevice::stand_in(Fr::ZERO, shape.device_levels),
        nonce: Fr::ZERO,
        beacon: Received {
            report: Beacon {
                frequency_hz: 0,
                power_dbm: 0,
            },
            signature: absent_seat_signature(),
            time_ms: 0,
        },
        receipts: vec![ReceiptWitness::absent(Fr::ZERO, shape.device_levels); shape.witnesses],
        ingestor: blank_ingestor(shape.seat_levels),
    }
}

/// A device with what it reported and when the ingestor received it.
struct Row {
    device: Device,
    site: Site,
    report: Report,
    time: Int<Fr>,
}

impl Row {
    fn new(
        cs: &mut Builder<Fr>,
        index: &Lc<Fr>,
        device: &OpenedDevice,
        report: Report,
        time_ms: u32,
    ) -> Self {
        let time = unsigned(cs, "time", time_ms, TIME_BITS);
        let device = Device::open(cs, index, device);
        let position = device.position(cs);
        let site = Site::new(cs, position, &device.gain_ddbi);
        Self {
            device,
            site,
            report,
            time,
        }
    }

    /// `time + 2^27 packed`.
    fn packed(&self) -> Lc<Fr> {
        self.time.lc() + &(self.report.packed.clone() * power_of_two(TIME_BITS))
    }
}

fn power_of_two(exponent: u32) -> Fr {
    Fr::from(1u64 << exponent)
}
