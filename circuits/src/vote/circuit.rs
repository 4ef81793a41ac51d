//! The circuit of one seat of a zone.
//!
//! **Relation.** `docs/protocol.md`, section 10; native twin `popw_claims::vote::Witness::evaluate`.
//!
//! **Cost.** A row for each bit of the bitmap, its digest as in U1, a row for each published word but the last; 8,141 for all else (W = 8, L = 3).
//! Exact counts: `circuits/counts.csv`.
//!
//! **Order.** parameters -> seat -> bitmap, digest -> watcher, signature -> registry -> outputs.

use crate::gadgets::bitmap::{self, Digest};
use crate::gadgets::bits::{Bit, decompose, weigh_bits};
use crate::gadgets::eddsa::assert_signature;
use crate::gadgets::montgomery::Edwards;
use crate::gadgets::poseidon::{hash, sponge, tagged_hash};
use crate::gadgets::seat::{Attested, Watcher, draw, drawn_leaf};
use crate::gadgets::tree::empty_path;
use crate::statement::{Inputs, fingerprint, public_inputs};
use crate::{Builder, Lc, R1cs};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use popw_claims::attestation::Bitmap;
use popw_claims::field::reduce_be_bytes;
use popw_claims::opening::{absent_seat_key, absent_seat_signature};
use popw_claims::uptime::{Parameters, PolicyKind};
use popw_claims::vote::{Shape, Witness};

/// Fields of the parameters that are constants of the circuit: slots, watchers, devices.
const SHAPE_FIELDS: usize = 3;

/// Builds the circuit. `z` is the public challenge of the fingerprint; the other public inputs follow from the witness.
///
/// Public inputs in order: `[epoch_tag, registry_root, parameters_hash, zone, out_commit, z, y]`.
///
/// # Panics
/// If the witness does not have the shape's numbers of devices, slots, seats and levels.
pub fn circuit(cs: &mut Builder<Fr>, shape: &Shape, witness: &Witness, z: Fr) {
    for (expected, got, what) in [
        (
            shape.devices,
            witness.bitmap.devices(),
            "row of the bitmap for each device",
        ),
        (
            shape.slots,
            witness.bitmap.slots(),
            "column of the bitmap for each slot",
        ),
        (
            shape.seat_levels,
            witness.path.len(),
            "path element for each level of the seat",
        ),
        (shape.watchers, witness.seat_roots.len(), "root for each seat"),
    ] {
        assert_eq!(expected, got, "one {what}");
    }
    let (inputs, outputs) = public_inputs(cs, witness.epoch_tag, witness.zone, z);
    let Inputs { epoch_tag, zone, z } = &inputs;

    let parameters_hash = cs.scope("parameters", None, |cs| {
        let fields = witness.parameters.fields(&shape.uptime());
        let (constants, free) = fields.split_at(SHAPE_FIELDS);
        let mut elements: Vec<Lc<Fr>> = constants.iter().map(|field| Lc::constant(*field)).collect();
        elements.extend(free.iter().map(|field| cs.input("field", *field)));
        sponge(cs, "parameters", &elements)
    });
    cs.bind_output(outputs.parameters_hash, &parameters_hash);

    let seat = cs.scope("seat", None, |cs| Chosen::new(cs, shape.watchers, witness.seat));
    let draw = cs.scope("committee", None, |cs| draw(cs, epoch_tag, zone));
    let leaf = cs.scope("leaf", None, |cs| {
        let drawn = (0..shape.watchers).map(|seat| weigh_bits(drawn_leaf(&draw, seat, shape.seat_levels)));
        let leaf = seat.select(cs, &drawn.collect::<Vec<_>>());
        decompose(cs, "bit", &leaf, 4 * shape.seat_levels)
    });
    let bits = bitmap::bits(cs, &witness.bitmap);
    let Digest { elements, digest } = cs.scope("digest", None, |cs| {
        Digest::of(cs, shape.devices, shape.slots, &bits)
    });
    let attested = Attested {
        epoch_tag,
        zone,
        seat: &seat.number,
        leaf: &leaf,
        digest: &digest,
    };
    let watcher = cs.scope("watcher", None, |cs| {
        Watcher::open(cs, &witness.opening(), &attested)
    });
    let (r8, s) = cs.scope("signature", None, |cs| {
        let signature = &witness.signature;
        let verified = assert_signature(cs, &watcher.key, &watcher.message, signature);
        // The signature is the prover's: published are inputs that the wires of the gadget are compared with.
        let r8 = Edwards {
            x: cs.input("r8_x", signature.r8.x),
            y: cs.input("r8_y", signature.r8.y),
        };
        // S is below the order of the subgroup, which is below the field's: nothing is reduced.
        let s = cs.input("s", reduce_be_bytes(&signature.s_bytes()));
        verified.assert_published(cs, &r8, &s);
        (r8, s)
    });

    let registry_root = cs.scope("registry", None, |cs| {
        let device_root = cs.input("device_root", witness.device_root);
        let mut roots = seat.replace(cs, &witness.seat_roots, &watcher.root);
        roots.resize(16, Lc::zero());
        let watcher_root = hash(cs, &roots);
        tagged_hash(cs, "registry", &[&device_root, &watcher_root])
    });
    cs.bind_output(outputs.registry_root, &registry_root);

    let head = [seat.number, digest, r8.x, r8.y, s];
    let out_commit = cs.scope("out", None, |cs| sponge(cs, "vote-out", &head));
    cs.bind_output(outputs.out_commit, &out_commit);
    let y = cs.scope("fingerprint", None, |cs| {
        fingerprint(cs, z, head.iter().chain(&elements))
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
    Witness {
        parameters: Parameters {
            epoch_seconds: 0,
            quorum: 0,
            outage_limit: 0,
            policy: PolicyKind::Threshold,
            slope: 0,
            offset: 0,
            grace_seconds: 0,
        },
        epoch_tag: Fr::ZERO,
        zone: 0,
        seat: 0,
        bitmap: Bitmap::new(shape.devices, shape.slots),
        owner: Fr::ZERO,
        key: absent_seat_key(),
        path: empty_path(shape.seat_levels),
        signature: absent_seat_signature(),
        seat_roots: vec![Fr::ZERO; shape.watchers],
        device_root: Fr::ZERO,
    }
}

/// One of the W seats.
struct Chosen {
    /// Exactly one is 1.
    indicators: Vec<Bit<Fr>>,
    number: Lc<Fr>,
}

impl Chosen {
    fn new(cs: &mut Builder<Fr>, seats: usize, seat: usize) -> Self {
        let indicators: Vec<Bit<Fr>> = (0..seats)
            .map(|number| Bit::choice(cs, "chosen", number == seat))
            .collect();
        cs.assert_equal(&Lc::sum(indicators.iter().map(Bit::lc)), &Lc::one());
        let numbers = (0..seats as u64).map(Fr::from);
        let number = Lc::weighted_sum(indicators.iter().map(Bit::lc).zip(numbers));
        Self { indicators, number }
    }

    /// The value of the chosen seat: a row a seat.
    fn select(&self, cs: &mut Builder<Fr>, values: &[Lc<Fr>]) -> Lc<Fr> {
        let mut selected = Lc::zero();
        for (indicator, value) in self.indicators.iter().zip(values) {
            selected += &cs.mul("selected", indicator.lc(), value);
        }
        selected
    }

    /// The values of all seats, with another one in the place of the chosen seat: a row a seat.
    fn replace(&self, cs: &mut Builder<Fr>, values: &[Fr], chosen: &Lc<Fr>) -> Vec<Lc<Fr>> {
        (self.indicators.iter().zip(values))
            .map(|(indicator, value)| {
                let other = cs.input("other_root", *value);
                indicator.select(cs, chosen, &other)
            })
            .collect()
    }
}
