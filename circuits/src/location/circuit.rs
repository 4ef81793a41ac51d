//! The circuit of one device and R reports.
//!
//! **Relation.** `docs/protocol.md`, sections 7 and 8; native twin `popw_claims::location::Witness::evaluate`.
//!
//! **Cost.** 209 for each report and 40.6 for its place in the digest; 10,203 for device and ingestor at the usual depths, 1,629 for
//! parameters, registry root, score and outputs. Exact counts: `circuits/counts.csv`.
//!
//! **Order.** parameters -> device -> reports -> digest -> ingestor -> registry -> score -> outputs.

use crate::gadgets::bits::Bit;
use crate::gadgets::device::Device;
use crate::gadgets::int::Int;
use crate::gadgets::poseidon::{sponge, tagged_hash};
use crate::gadgets::seat::{blank_ingestor, ingestor};
use crate::statement::{Inputs, public_inputs};
use crate::{Builder, Lc, R1cs};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use popw_claims::location::params::{BAND_BITS, WEIGHT_ONE};
use popw_claims::location::reports::{COORDINATE_BITS, COORDINATE_OFFSET};
use popw_claims::location::{Parameters, Report, Shape, Witness};
use popw_claims::opening::OpenedDevice;
use popw_claims::statement::SCORE_ONE;

/// Bits of a score: 10^6 < 2^20.
const SCORE_BITS: usize = 20;
/// Bits of a weight: 100 < 2^7.
const WEIGHT_BITS: usize = 7;

/// Builds the circuit. `z` is the public challenge of the fingerprint; the other public inputs follow from the witness.
///
/// Public inputs in order: `[epoch_tag, registry_root, parameters_hash, zone, out_commit, z, y]`; the zone is the device's index.
///
/// # Panics
/// If the witness does not have the shape's numbers of reports and levels.
pub fn circuit(cs: &mut Builder<Fr>, shape: &Shape, witness: &Witness, z: Fr) {
    for (expected, got, what) in [
        (shape.reports, witness.reports.len(), "report for each slot"),
        (
            shape.device_levels,
            witness.device.path.len(),
            "path element for each level of the device",
        ),
        (
            shape.seat_levels,
            witness.ingestor.seat.path.len(),
            "path element for each level of the seat",
        ),
    ] {
        assert_eq!(expected, got, "one {what}");
    }
    let (inputs, outputs) = public_inputs(cs, witness.epoch_tag, witness.device.index, z);
    let Inputs { epoch_tag, zone, z } = &inputs;

    let rule = cs.scope("parameters", None, |cs| Rule::new(cs, shape, &witness.parameters));
    cs.bind_output(outputs.parameters_hash, &rule.hash);

    let (device, asserted) = cs.scope("device", None, |cs| {
        let device = Device::open(cs, zone, &witness.device);
        let asserted = device.position(cs);
        (device, asserted)
    });
    let reports: Vec<Counted> = (witness.reports.iter().enumerate())
        .map(|(slot, report)| cs.scope("report", slot, |cs| Counted::new(cs, &rule, &asserted, report)))
        .collect();
    let count = Int::sum(
        &reports
            .iter()
            .map(|report| Int::from_bit(&report.present))
            .collect::<Vec<_>>(),
    );

    let digest = cs.scope("digest", None, |cs| {
        let mut elements = vec![Lc::constant(Fr::from(shape.reports as u64))];
        elements.extend(reports.iter().map(|report| report.element.clone()));
        sponge(cs, "location-reports", &elements)
    });
    let ingestor = cs.scope("ingestor", None, |cs| {
        let ingestor = ingestor(cs, &witness.ingestor, epoch_tag, zone, &digest);
        // An absent ingestor received nothing. The count is below the modulus, so it is 0 only if no report is present.
        cs.assert(count.lc(), ingestor.present.not().lc(), &Lc::zero());
        ingestor
    });
    let registry_root = cs.scope("registry", None, |cs| {
        tagged_hash(cs, "registry", &[&device.root, &ingestor.watcher_root])
    });
    cs.bind_output(outputs.registry_root, &registry_root);

    let score = cs.scope("score", None, |cs| rule.score(cs, shape, &reports, &count));
    let digest = &ingestor.seat.digest;
    let out_commit = cs.scope("out", None, |cs| {
        sponge(cs, "location-out", &[score.lc().clone(), digest.clone()])
    });
    cs.bind_output(outputs.out_commit, &out_commit);
    let y = cs.scope("fingerprint", None, |cs| {
        // Horner's rule with one z added and taken away again, so that a row binds z also where score and digest are 0 and y is
        // the payee at every z.
        let factor = cs.mul("digest", digest, z) + score.lc() + Fr::ONE;
        cs.mul("horner", &factor, z) - z + &device.payee
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
            reports_min: 0,
            near_limit: 0,
            far_limit: 0,
            near_weight: 0,
            far_weight: 0,
        },
        epoch_tag: Fr::ZERO,
        device: OpenedDevice::stand_in(Fr::ZERO, shape.device_levels),
        reports: vec![None; shape.reports],
        ingestor: blank_ingestor(shape.seat_levels),
    }
}

/// The parameters with their ranges.
struct Rule {
    reports_min: Int<Fr>,
    near_limit: Int<Fr>,
    far_limit: Int<Fr>,
    far_weight: Int<Fr>,
    /// `m1 - m2`: what the near band adds to the far one.
    near_bonus: Int<Fr>,
    hash: Lc<Fr>,
}

impl Rule {
    fn new(cs: &mut Builder<Fr>, shape: &Shape, parameters: &Parameters) -> Self {
        let reports = shape.reports as i128;
        let limit_max = (1i128 << BAND_BITS) - 1;
        let weight_max = i128::from(WEIGHT_ONE);
        let mut bounded = |name, value: u64, min, max| Int::input_between(cs, name, value.into(), min, max);
        let reports_min = bounded("reports_min", parameters.reports_min.into(), 1, reports);
        let near_limit = bounded("near_limit", parameters.near_limit, 0, limit_max);
        let far_limit = bounded("far_limit", parameters.far_limit, 0, limit_max);
        let near_weight = bounded("near_weight", parameters.near_weight.into(), 0, weight_max);
        let far_weight = bounded("far_weight", parameters.far_weight.into(), 0, weight_max);
        far_limit
            .minus(&near_limit)
            .assert_bits(cs, "band", BAND_BITS as usize);
        let near_bonus = near_weight
            .minus(&far_weight)
            .assert_bits(cs, "bonus", WEIGHT_BITS);

        let fields = [&reports_min, &near_limit, &far_limit, &near_weight, &far_weight]
            .map(|field| field.lc().clone());
        let mut elements = vec![Lc::constant(Fr::from(shape.reports as u64))];
        elements.extend(fields);
        let hash = sponge(cs, "location-parameters", &elements);
        Self {
            reports_min,
            near_limit,
            far_limit,
            far_weight,
            near_bonus,
            hash,
        }
    }

    /// The mean weight in parts per million, 0 when there are fewer reports than the parameters ask for.
    fn score(&self, cs: &mut Builder<Fr>, shape: &Shape, reports: &[Counted], count: &Int<Fr>) -> Int<Fr> {
        let reports_max = shape.reports as i128;
        let total = |of: fn(&Counted) -> &Lc<Fr>| Int::known(Lc::sum(reports.iter().map(of)), 0, reports_max);
        let near = total(|report| &report.near).mul(cs, "near", &self.near_bonus);
        let within = total(|report| &report.within).mul(cs, "within", &self.far_weight);
        let enough = Int::from_bit(&count.minus(&self.reports_min).is_nonnegative(cs, "enough"));
        let earned = near.plus(&within).mul(cs, "earned", &enough);
        // n if there are enough reports, at least one then, and 1 otherwise.
        let one = Int::constant(1);
        let divisor = count.minus(&one).mul(cs, "divisor", &enough).plus(&one);
        // sum 10^6 / (100 n).
        let scaled = earned.times(i128::from(SCORE_ONE / WEIGHT_ONE));
        let divisor_bits = (usize::BITS - shape.reports.leading_zeros()) as usize;
        scaled.divide_floor(cs, &divisor, SCORE_BITS, divisor_bits)
    }
}

/// A report: its element, and whether it counts and in which band. Absent: element 0.
struct Counted {
    present: Bit<Fr>,
    element: Lc<Fr>,
    /// 1 if present and in the near band.
    near: Lc<Fr>,
    /// 1 if present and in either band.
    within: Lc<Fr>,
}

impl Counted {
    fn new(cs: &mut Builder<Fr>, rule: &Rule, asserted: &[Int<Fr>; 3], report: &Report) -> Self {
        let present = Bit::choice(cs, "present", report.is_some());
        let offset = i128::from(COORDINATE_OFFSET);
        let values = report.map_or([0; 3], |at| {
            [at.x, at.y, at.z].map(|value| i128::from(value) + offset)
        });
        let coordinates = values.map(|value| Int::input_between(cs, "coordinate", value, 0, 2 * offset - 1));
        // An absent report has no coordinates: three numbers that are not negative have sum 0 only if each is 0.
        let sum = Int::sum(&coordinates);
        cs.assert(sum.lc(), present.not().lc(), &Lc::zero());

        let coordinate_weight = Fr::from(1u64 << COORDINATE_BITS);
        let mut element = present.lc().clone();
        let mut weight = Fr::from(2u64);
        for coordinate in &coordinates {
            element.add_scaled(coordinate.lc(), weight);
            weight *= coordinate_weight;
        }

        let squares: Vec<Int<Fr>> = coordinates
            .iter()
            .zip(asserted)
            .map(|(reported, asserted)| {
                let difference = reported.minus(&Int::constant(offset)).minus(asserted);
                difference.mul(cs, "square", &difference)
            })
            .collect();
        let distance = Int::sum(&squares);
        let mut counted = |name, limit: &Int<Fr>| {
            let fits = limit.minus(&distance).is_nonnegative(cs, name);
            fits.and(cs, &present).lc().clone()
        };
        let near = counted("near", &rule.near_limit);
        let within = counted("within", &rule.far_limit);
        Self {
            present,
            element,
            near,
            within,
        }
    }
}
