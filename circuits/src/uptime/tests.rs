//! Claim U1 against its native twin, at its pinned cost, and through the soundness regime.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::subject::{Case, build_case, parameter_sets, small_shapes, subject, twin};
use super::{SLOTS, size, structure};
use crate::Builder;
use crate::builder::Size;
use crate::catalog;
use crate::r1cs::RowKind;
use crate::soundness::{Finding, build, check_constraints};
use popw_claims::uptime::Shape;

fn rounds() -> usize {
    std::env::var("POPW_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(1)
}

/// The circuit's public inputs are the native statement's, and it accepts exactly what the native twin accepts.
fn agrees(case: &Case) -> Result<(), String> {
    let (r1cs, assignment) = build(&build_case, case);
    let accepted = r1cs.violations(&assignment).is_empty();
    let agrees = match twin(case) {
        Some(expected) => accepted && assignment[1..8] == expected,
        None => !accepted,
    };
    match agrees {
        true => Ok(()),
        false => Err(format!(
            "accepted: {accepted}, public inputs {:?}",
            &assignment[1..8]
        )),
    }
}

#[test]
fn the_circuit_and_its_native_twin_agree() {
    for shape in small_shapes() {
        for parameters in parameter_sets(&shape) {
            for seed in 0..3 * rounds() as u64 {
                agrees(&Case::honest(shape, parameters, 1000 + seed)).unwrap();
            }
        }
    }
    // Sixteen devices do not share a leaf of the digest tree here, so its upper level is padded.
    let wide = Shape {
        slots: 1440,
        watchers: 1,
        ..small_shapes()[1]
    };
    agrees(&Case::honest(wide, parameter_sets(&wide)[1], 6)).unwrap();
    // Every count of watchers, so that quorums of every width occur.
    for watchers in 1..=10 {
        let shape = Shape {
            watchers,
            devices: 1,
            slots: 5,
            device_levels: 1,
            seat_levels: 1,
            outage_rule: false,
        };
        agrees(&Case::honest(shape, parameter_sets(&shape)[0], 5)).unwrap();
    }
}

#[test]
fn long_outages_at_every_place_match_the_native_rule() {
    let shape = small_shapes()[0];
    let mut case = Case::honest(shape, parameter_sets(&shape)[3], 9);
    for limit in 0..=6 {
        case.witness.parameters.outage_limit = limit;
        for pattern in 0..64u32 {
            for seat in 0..3 {
                for slot in 0..6 {
                    case.witness.seats[seat]
                        .bitmap
                        .set(0, slot, pattern >> slot & 1 == 1);
                }
            }
            (0..3).for_each(|seat| case.sign(seat));
            let mut cs = Builder::witness();
            build_case(&mut cs, &case);
            let assignment = cs.into_assignment();
            let outcome = case.witness.evaluate(&shape).unwrap();
            assert_eq!(
                assignment[5], outcome.out_commit,
                "limit {limit}, pattern {pattern:06b}"
            );
        }
    }
}

#[test]
fn a_structure_does_not_depend_on_the_witness() {
    for shape in small_shapes() {
        let blank = structure(&shape);
        let (other, assignment) = build(&build_case, &Case::honest(shape, parameter_sets(&shape)[0], 3));
        assert_eq!(blank.constraints(), other.constraints());
        for row in 0..blank.constraints() {
            for matrix in 0..3 {
                assert!(blank.terms(matrix, row).eq(other.terms(matrix, row)), "row {row}");
            }
        }
        assert!(blank.violations(&assignment).is_empty());
    }
}

/// Parts that are computed by several threads stand where one thread would have put them.
#[test]
fn witness_and_size_agree_with_the_structure() {
    for shape in small_shapes() {
        let case = Case::honest(shape, parameter_sets(&shape)[0], 3);
        let (r1cs, assignment) = build(&build_case, &case);
        let mut cs = Builder::witness();
        build_case(&mut cs, &case);
        let expected = Size {
            constraints: r1cs.constraints(),
            wires: r1cs.wires(),
        };
        assert_eq!((cs.size(), size(&shape)), (expected, expected));
        assert!(cs.into_assignment() == assignment);
    }
}

#[test]
fn a_bug_planted_in_uptime_is_caught() {
    let shape = small_shapes()[0];
    let mut subject = subject(shape, 1);
    subject.valid.truncate(1);
    let (r1cs, _) = build(&build_case, &subject.valid[0]);
    let in_scope = |scope: &str, kind| {
        (0..r1cs.constraints())
            .find(|row| r1cs.scope_name(r1cs.row_scope(*row)) == scope && r1cs.row_kind(*row) == kind)
            .unwrap()
    };
    let caught = |row: usize| {
        let report = check_constraints(&subject, &r1cs.without_row(row));
        let found = |kind: &dyn Fn(&Finding) -> bool| report.findings.iter().any(kind);
        [
            found(&|finding| matches!(finding, Finding::FreeWire(_))),
            found(&|finding| matches!(finding, Finding::Mutation(_))),
            found(&|finding| matches!(finding, Finding::ForgeryAccepted(_))),
            found(&|finding| matches!(finding, Finding::UnusedPublicInput(_))),
        ]
    };
    // The booleanity of a bit of a bitmap: the bit is free.
    assert!(caught(in_scope("seat[0].bitmap", RowKind::Determining))[0]);
    // The canary: epoch tag 0 is accepted, and the inverse is free.
    assert_eq!(
        caught(in_scope("canary", RowKind::Determining))[0..3],
        [true, true, true]
    );
    // The range of the zone: a zone outside the tree is accepted.
    assert!(caught(in_scope("registry.devices", RowKind::Assertion))[2]);
    // "An absent seat votes for nothing."
    assert!(caught(in_scope("seat[0]", RowKind::Assertion))[2]);
    // The output of the fingerprint: y is an unused public input.
    let y = (0..r1cs.constraints())
        .find(|row| r1cs.terms(2, *row).any(|(wire, _)| wire == 7))
        .unwrap();
    assert_eq!(caught(y), [true, true, false, true]);
}

#[test]
fn counts_are_the_pinned_ones_and_within_budget() {
    let pinned = include_str!("../../counts.csv");
    let mut lines = pinned.lines();
    assert_eq!(lines.next(), Some(catalog::COUNTS_HEADER));
    let counted: Vec<String> = catalog::counts_lines().collect();
    let pinned_lines: Vec<&str> = lines.collect();
    assert_eq!(counted, pinned_lines, "cargo xtask counts --bless");
    let constraints = |name: &str, parameters: &str| -> usize {
        let prefix = format!("{name},{parameters},");
        let line = pinned.lines().find(|line| line.starts_with(&prefix)).unwrap();
        line[prefix.len()..].split(',').next().unwrap().parse().unwrap()
    };
    assert!(constraints("eddsa", "") <= 2700);
    assert!(constraints("uptime", "N=256 W=8 S=144") <= 256 * 2700);
    assert!(constraints("uptime", "N=256 W=8 S=144 outage") <= 256 * 3000);
    assert!(constraints("uptime", "N=256 W=8 S=1440") <= 256 * 20_500);
    assert!(constraints("uptime", "N=256 W=8 S=1440 outage") <= 256 * 23_500);
    for slots in SLOTS {
        assert!(constraints("uptime", &format!("N=1 W=8 S={slots}")) <= 80_000);
        assert!(constraints("uptime", &format!("N=1 W=8 S={slots} outage")) <= 80_000);
    }
    // The largest class fills 2^22.
    assert!((1 << 21..1 << 22).contains(&constraints("uptime", "N=4096 W=8 S=24 outage")));
}
