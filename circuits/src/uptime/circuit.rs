//! The circuit of one zone of N devices, W watchers and S slots.
//!
//! **Relation.** `docs/protocol.md`, sections 2 to 5; native twin `popw_claims::uptime::Witness::evaluate`.
//!
//! **Cost.** Per device and slot W booleans, 4 rows for the quorum (W <= 8), 2 for the outage rule; per device about 180 for the policy,
//! 300 for registry and tree, 250 for the digests; per seat about 5,400. Exact counts: `circuits/counts.csv`.
//!
//! **Order.** parameters -> committee -> seats (bitmap, digest, attestation, watcher) -> devices (quorum, policy) -> registry -> outputs.

use crate::builder::Size;
use crate::gadgets::bitmap::{self, Digest};
use crate::gadgets::bits::{Bit, decompose, is_nonzero};
use crate::gadgets::int::Int;
use crate::gadgets::poseidon::{hash, sponge, tagged_hash};
use crate::gadgets::seat::{Attested, Seat, draw, drawn_leaf};
use crate::gadgets::tree::{climb, empty_path, root};
use crate::statement::{Inputs, fingerprint, pack_scores, public_inputs};
use crate::{Builder, Lc, R1cs};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use popw_claims::attestation::Bitmap;
use popw_claims::uptime::{
    DeviceWitness, Parameters, PolicyKind, SeatWitness, Shape, Witness, absent_seat_key,
    absent_seat_signature,
};

/// Bits of seconds, slopes and offsets (`docs/protocol.md`, section 3).
const SECONDS_BITS: usize = 21;
/// Bits of the divisor D and of the division's remainder.
const DIVISOR_BITS: usize = 42;
/// Bits of a score: 10^6 < 2^20.
const SCORE_BITS: usize = 20;
/// A full score, in parts per million.
const SCORE_ONE: i128 = popw_claims::statement::SCORE_ONE as i128;

/// Builds the circuit. `z` is the public challenge of the fingerprint; the other public inputs follow from the witness.
///
/// Public inputs in order: `[epoch_tag, registry_root, parameters_hash, zone, out_commit, z, y]`.
///
/// # Panics
/// If the witness does not have the shape's numbers of devices, seats, slots and levels.
pub fn circuit(cs: &mut Builder<Fr>, shape: &Shape, witness: &Witness, z: Fr) {
    let (inputs, outputs) = public_inputs(cs, witness.epoch_tag, witness.zone, z);
    let Inputs { epoch_tag, zone, z } = &inputs;

    let rule = cs.scope("parameters", None, |cs| Rule::new(cs, shape, &witness.parameters));
    cs.bind_output(outputs.parameters_hash, &rule.hash);

    let draw = cs.scope("committee", None, |cs| draw(cs, epoch_tag, zone));
    assert_eq!(witness.seats.len(), shape.watchers, "one witness for each seat");
    let seats: Vec<Voter> = cs.each("seat", shape.watchers, |cs, number| {
        Voter::new(cs, shape, &witness.seats[number], number, &draw, &inputs)
    });
    cs.scope("distinct", None, |cs| assert_distinct(cs, &seats));

    assert_eq!(
        witness.devices.len(),
        shape.devices,
        "one witness for each device"
    );
    let devices: Vec<Device> = cs.each("device", shape.devices, |cs, number| {
        let votes: Vec<&[Bit<Fr>]> = seats.iter().map(|seat| seat.bits[number].as_slice()).collect();
        Device::new(cs, shape, &rule, &witness.devices[number], &votes)
    });

    let registry_root = cs.scope("registry", None, |cs| {
        let device_root = cs.scope("devices", None, |cs| {
            let zone_root = root(cs, devices.iter().map(|device| device.leaf.clone()).collect());
            let levels = shape.device_levels - shape.zone_levels();
            assert_eq!(
                witness.device_path.len(),
                levels,
                "one path element for each level above the zone"
            );
            let index = decompose(cs, "zone", zone, 4 * levels);
            climb(cs, zone_root, &index, &witness.device_path)
        });
        let watcher_root = cs.scope("watchers", None, |cs| {
            let mut roots: Vec<Lc<Fr>> = seats.iter().map(|voter| voter.seat.root.clone()).collect();
            roots.resize(16, Lc::zero());
            hash(cs, &roots)
        });
        tagged_hash(cs, "registry", &[&device_root, &watcher_root])
    });
    cs.bind_output(outputs.registry_root, &registry_root);

    let out_commit = cs.scope("out", None, |cs| {
        let mut elements = pack_scores(devices.iter().map(|device| &device.score));
        elements.extend(seats.iter().map(|voter| voter.seat.digest.clone()));
        sponge(cs, "out", &elements)
    });
    cs.bind_output(outputs.out_commit, &out_commit);

    let y = cs.scope("fingerprint", None, |cs| {
        let devices = devices.iter().flat_map(|device| [&device.payee, &device.score]);
        fingerprint(cs, z, devices.chain(seats.iter().map(|voter| &voter.seat.digest)))
    });
    cs.bind_output(outputs.y, &y);
}

/// The constraints of a shape.
pub fn structure(shape: &Shape) -> R1cs<Fr> {
    let mut cs = Builder::structure();
    circuit(&mut cs, shape, &blank_witness(shape), Fr::ZERO);
    cs.finish().0
}

/// How large the circuit of a shape is, counted without building it.
pub fn size(shape: &Shape) -> Size {
    let mut cs = Builder::witness();
    circuit(&mut cs, shape, &blank_witness(shape), Fr::ZERO);
    cs.size()
}

/// A witness of the right shape that satisfies nothing: the structure does not depend on values.
pub fn blank_witness(shape: &Shape) -> Witness {
    let seat = SeatWitness {
        present: false,
        bitmap: Bitmap::new(shape.devices, shape.slots),
        owner: Fr::ZERO,
        key: absent_seat_key(),
        path: empty_path(shape.seat_levels),
        signature: absent_seat_signature(),
    };
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
        devices: vec![
            DeviceWitness {
                present: false,
                payee: Fr::ZERO,
                inner: Fr::ZERO
            };
            shape.devices
        ],
        device_path: empty_path(shape.device_levels - shape.zone_levels()),
        seats: vec![seat; shape.watchers],
    }
}

/// The parameters with their ranges, and what the policies share.
struct Rule {
    quorum: Int<Fr>,
    outage_limit: Int<Fr>,
    /// Seconds of a slot, L / S.
    slot_seconds: Int<Fr>,
    epoch_seconds: Int<Fr>,
    grace_seconds: Int<Fr>,
    slope: Int<Fr>,
    /// `offset * L`.
    intercept: Int<Fr>,
    is_threshold: Bit<Fr>,
    is_linear: Bit<Fr>,
    is_quadratic: Bit<Fr>,
    /// D: 1, L or L^2.
    divisor: Int<Fr>,
    hash: Lc<Fr>,
}

impl Rule {
    fn new(cs: &mut Builder<Fr>, shape: &Shape, parameters: &Parameters) -> Self {
        let slots = shape.slots as i128;
        let watchers = shape.watchers as i128;
        let seconds_max = (1 << SECONDS_BITS) - 1;
        let mut bounded =
            |name, value: u32, min, max| Int::input_between(cs, name, i128::from(value), min, max);

        let quorum = bounded("quorum", parameters.quorum, 1, watchers);
        let slope = bounded("slope", parameters.slope, 0, seconds_max);
        let offset = bounded("offset", parameters.offset, 0, seconds_max);
        let grace_seconds = bounded("grace_seconds", parameters.grace_seconds, 0, seconds_max);
        // L is S slots of whole seconds.
        let slot_seconds = i128::from(parameters.epoch_seconds) / slots;
        let slot_seconds = Int::input_between(cs, "slot_seconds", slot_seconds, 1, seconds_max / slots);
        let epoch_seconds = slot_seconds.times(slots);
        // Without the rule in the circuit the limit is S, which no outage exceeds.
        let outage_limit = match shape.outage_rule {
            true => Int::input_between(cs, "outage_limit", i128::from(parameters.outage_limit), 0, slots),
            false => Int::constant(slots),
        };

        let is_linear = Bit::choice(cs, "is_linear", parameters.policy == PolicyKind::Linear);
        let is_quadratic = Bit::choice(cs, "is_quadratic", parameters.policy == PolicyKind::Quadratic);
        let not_threshold = is_linear.lc() + is_quadratic.lc();
        let is_threshold = Bit::assert(cs, -not_threshold.clone() + Fr::ONE);
        let not_threshold = Int::known(not_threshold, 0, 1);
        // a <= b + 1, so that a score cannot pass 10^6.
        let slack = offset.plus(&Int::constant(1)).minus(&slope);
        slack
            .mul(cs, "slack", &not_threshold)
            .assert_bits(cs, "slack", SECONDS_BITS + 1);
        // Grace belongs to the quadratic policy.
        cs.assert(grace_seconds.lc(), is_quadratic.not().lc(), &Lc::zero());

        let square = epoch_seconds.mul(cs, "square", &epoch_seconds);
        let linear = Int::from_bit(&is_linear).mul(cs, "linear_divisor", &epoch_seconds);
        let quadratic = Int::from_bit(&is_quadratic).mul(cs, "quadratic_divisor", &square);
        let divisor = Int::from_bit(&is_threshold).plus(&linear).plus(&quadratic);
        let intercept = offset.mul(cs, "intercept", &epoch_seconds);

        let constant = |value: usize| Lc::constant(Fr::from(value as u64));
        let policy = is_linear.lc() + &(is_quadratic.lc().clone() * Fr::from(2u64));
        let fields = [
            constant(shape.slots),
            constant(shape.watchers),
            constant(shape.devices),
            epoch_seconds.lc().clone(),
            quorum.lc().clone(),
            outage_limit.lc().clone(),
            policy,
            slope.lc().clone(),
            offset.lc().clone(),
            grace_seconds.lc().clone(),
        ];
        let hash = sponge(cs, "parameters", &fields);
        Self {
            quorum,
            outage_limit,
            slot_seconds,
            epoch_seconds,
            grace_seconds,
            slope,
            intercept,
            is_threshold,
            is_linear,
            is_quadratic,
            divisor,
            hash,
        }
    }

    /// The score of a device that was up in `up_slots` slots, in parts per million: about 178 rows.
    fn score(&self, cs: &mut Builder<Fr>, up_slots: &Int<Fr>) -> Int<Fr> {
        // u = min(L, T L/S + g): room is L - (T L/S + g).
        let up_seconds = up_slots.mul(cs, "up_seconds", &self.slot_seconds);
        let room = self.epoch_seconds.minus(&up_seconds).minus(&self.grace_seconds);
        let fits = room.is_nonnegative(cs, "fits");
        let used = Int::from_bit(&fits).mul(cs, "room", &room);
        let credited = Int::known(self.epoch_seconds.lc() - used.lc(), 0, (1 << SECONDS_BITS) - 1);
        // z = max(0, a u - b L).
        let value = self.slope.mul(cs, "sloped", &credited).minus(&self.intercept);
        let reached = value.is_nonnegative(cs, "reached");
        let z = Int::from_bit(&reached).mul(cs, "z", &value);
        // n: [v >= 0], z or z^2.
        let quadratic = Int::from_bit(&self.is_quadratic).mul(cs, "quadratic", &z);
        let numerator = z.mul(cs, "numerator", &Int::from_bit(&self.is_linear).plus(&quadratic));
        let threshold = Int::from_bit(&self.is_threshold).mul(cs, "threshold", &Int::from_bit(&reached));
        let scaled = numerator.plus(&threshold).times(SCORE_ONE);
        // score D <= n 10^6 < (score + 1) D.
        scaled.divide_floor(cs, &self.divisor, SCORE_BITS, DIVISOR_BITS)
    }
}

/// A seat of the committee with its votes.
struct Voter {
    bits: Vec<Vec<Bit<Fr>>>,
    seat: Seat,
}

impl Voter {
    fn new(
        cs: &mut Builder<Fr>,
        shape: &Shape,
        seat: &SeatWitness,
        number: usize,
        draw: &[Bit<Fr>],
        inputs: &Inputs,
    ) -> Self {
        let present = Bit::choice(cs, "present", seat.present);
        assert_eq!(
            (seat.bitmap.devices(), seat.bitmap.slots()),
            (shape.devices, shape.slots),
            "one bit for each device and slot"
        );
        let bits = bitmap::bits(cs, &seat.bitmap);
        // An absent seat votes for nothing.
        let votes = Lc::sum(bits.iter().flatten().map(Bit::lc));
        cs.assert(&votes, present.not().lc(), &Lc::zero());

        let Digest { digest, .. } = cs.scope("digest", None, |cs| {
            Digest::of(cs, shape.devices, shape.slots, &bits)
        });
        assert_eq!(
            seat.path.len(),
            shape.seat_levels,
            "one path element for each level of the seat"
        );
        let attested = Attested {
            epoch_tag: &inputs.epoch_tag,
            zone: &inputs.zone,
            seat: &Lc::constant(Fr::from(number as u64)),
            leaf: drawn_leaf(draw, number, shape.seat_levels),
            digest: &digest,
        };
        let seat = Seat::open(cs, &seat.opening(), &present, &attested);
        Self { bits, seat }
    }
}

/// No owner and no key sits in two seats.
fn assert_distinct(cs: &mut Builder<Fr>, seats: &[Voter]) {
    for (number, Voter { seat, .. }) in seats.iter().enumerate() {
        for Voter { seat: other, .. } in &seats[..number] {
            cs.assert_nonzero("owner", &(&seat.owner - &other.owner));
            cs.assert_nonzero("key", &(&seat.key.x - &other.key.x));
        }
    }
}

/// A device of the zone: what the outputs need of it. Absent: payee 0, score 0, leaf 0.
struct Device {
    payee: Lc<Fr>,
    score: Lc<Fr>,
    leaf: Lc<Fr>,
}

impl Device {
    fn new(
        cs: &mut Builder<Fr>,
        shape: &Shape,
        rule: &Rule,
        device: &DeviceWitness,
        votes: &[&[Bit<Fr>]],
    ) -> Self {
        let present = Bit::choice(cs, "present", device.present);
        let payee = cs.input("payee", device.payee);
        let inner = cs.input("inner", device.inner);
        let leaf = cs.scope("leaf", None, |cs| {
            let leaf = tagged_hash(cs, "device", &[&payee, &inner]);
            cs.mul("leaf", present.lc(), &leaf)
        });
        let up: Vec<Bit<Fr>> = cs.scope("quorum", None, |cs| {
            (0..shape.slots)
                .map(|slot| {
                    let agreeing: Vec<Int<Fr>> =
                        votes.iter().map(|seat| Int::from_bit(&seat[slot])).collect();
                    let margin = Int::sum(&agreeing).minus(&rule.quorum);
                    cs.scope("slot", slot, |cs| margin.is_nonnegative(cs, "up"))
                })
                .collect()
        });
        let earns = match shape.outage_rule {
            true => cs.scope("outage", None, |cs| {
                let within = no_long_outage(cs, &up, &rule.outage_limit);
                within.and(cs, &present)
            }),
            false => present.clone(),
        };
        let score = cs.scope("policy", None, |cs| {
            let up_slots = Int::sum(&up.iter().map(Int::from_bit).collect::<Vec<_>>());
            let score = rule.score(cs, &up_slots);
            cs.mul("earned", earns.lc(), score.lc())
        });
        let payee = cs.mul("payee", present.lc(), &payee);
        Self { payee, score, leaf }
    }
}

/// Is no run of down slots longer than the limit G?
///
/// A counter of the slots that may still be down: `c_0 = G`, an up slot sets it to G, a down slot lowers it by one; it passes
/// through -1 exactly when a run exceeds G. The product of all `c + 1` is 0 iff that happens (|c| <= S, far below the modulus).
/// Two rows a slot, then three.
fn no_long_outage(cs: &mut Builder<Fr>, up: &[Bit<Fr>], limit: &Int<Fr>) -> Bit<Fr> {
    let limit = limit.lc();
    let mut left = limit.clone();
    let mut product = Lc::one();
    for slot in up {
        // c' = (1 - a)(c - 1 - G) + G; for the first slot c - 1 - G is -1 and the product is linear.
        left = match product.is_constant() {
            true => slot.lc() + limit + -Fr::ONE,
            false => cs.mul("left", slot.not().lc(), &(&left - limit + -Fr::ONE)) + limit,
        };
        product = cs.mul("product", &product, &(left.clone() + Fr::ONE));
    }
    is_nonzero(cs, &product)
}
