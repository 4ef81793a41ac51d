//! Claim L1 against its native twin, at its pinned cost, and through the soundness regime.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::structure;
use super::subject::{
    Case, build_case, forgeries, mixed_reports, parameter_sets, subject, witness_forgeries,
};
use crate::r1cs::RowKind;
use crate::soundness::{Finding, build, check_circuit, check_constraints};
use ark_bn254::Fr;
use popw_claims::location::{Parameters, Report, Shape};
use popw_claims::registry::Position;

fn rounds() -> usize {
    std::env::var("POPW_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(1)
}

fn small(reports: usize) -> Shape {
    Shape {
        reports,
        device_levels: 1,
        seat_levels: 1,
    }
}

/// The circuit's public inputs are the native statement's, and it accepts exactly what the native twin accepts; the score.
fn agrees(case: &Case) -> Result<Option<u32>, String> {
    let (r1cs, assignment) = build(&build_case, case);
    let accepted = r1cs.violations(&assignment).is_empty();
    match case.witness.evaluate(&case.shape) {
        Ok(outcome) => {
            let expected = outcome.statement_at(case.z).public_inputs();
            match accepted && assignment[1..8] == expected {
                true => Ok(Some(outcome.score)),
                false => Err(format!(
                    "honest, but accepted: {accepted}, {expected:?}, {:?}",
                    &assignment[1..8]
                )),
            }
        }
        Err(error) if accepted => Err(format!(
            "the circuit accepts what the native twin refuses: {error}"
        )),
        Err(_) => Ok(None),
    }
}

#[test]
fn the_circuit_and_its_native_twin_agree() {
    for shape in [
        small(1),
        small(4),
        Shape {
            device_levels: 2,
            seat_levels: 2,
            ..small(17)
        },
    ] {
        for parameters in parameter_sets(&shape) {
            for seed in 0..2 * rounds() as u64 {
                let case = Case::honest(shape, parameters, 1000 + seed);
                assert!(agrees(&case).unwrap().is_some());
                assert_eq!(agrees(&case.without_ingestor()), Ok(Some(0)));
            }
        }
    }
    for forgery in witness_forgeries(&small(3)) {
        assert_eq!(agrees(&forgery.witness), Ok(None), "{}", forgery.name);
    }
}

fn corner(value: i32) -> Position {
    Position {
        x: value,
        y: value,
        z: value,
    }
}

#[test]
fn bands_end_exactly_where_the_parameters_say() {
    let shape = small(1);
    let home = Position { x: 7, y: -1, z: 0 };
    // A squared distance of 1^2 + 2^2 + 4^2 = 21.
    let away = Some(Position { x: 8, y: 1, z: -4 });
    let score = |near_limit, far_limit, report: Report| {
        let parameters = Parameters {
            reports_min: 1,
            near_limit,
            far_limit,
            near_weight: 90,
            far_weight: 40,
        };
        let case = Case::honest(shape, parameters, 3)
            .at(home)
            .with_reports(vec![report]);
        agrees(&case).unwrap()
    };
    for (near, far, expected) in [
        (21, 21, 900_000),
        (20, 21, 400_000),
        (20, 20, 0),
        (22, 30, 900_000),
        (0, 22, 400_000),
        (0, 0, 0),
    ] {
        assert_eq!(score(near, far, away), Some(expected), "near {near}, far {far}");
    }
    assert_eq!(score(0, 0, Some(home)), Some(900_000));
}

#[test]
fn extreme_coordinates_stay_in_range() {
    let [low, high] = [-(1 << 27), (1 << 27) - 1];
    let widest = parameter_sets(&small(4))[2];
    let published = parameter_sets(&small(4))[0];
    for home in [low, high, -1, 0] {
        for parameters in [published, widest] {
            let reports = [low, high, -1, 0].map(|value| Some(corner(value))).to_vec();
            let case = Case::honest(small(4), parameters, 6)
                .at(corner(home))
                .with_reports(reports);
            // Exactly one of the four is at home, and in the near band; -1 and 0 are close to each other.
            let near = if parameters == published && [-1, 0].contains(&home) {
                2
            } else {
                1
            };
            assert_eq!(agrees(&case), Ok(Some(near * 250_000)), "home {home}");
        }
    }
    for home in [low, high] {
        let mixed = Position {
            x: home,
            y: -1 - home,
            z: 0,
        };
        let case = Case::honest(small(4), widest, 6).at(mixed);
        let reports = mixed_reports(&small(4), &corner(0), 1);
        assert!(agrees(&case.with_reports(reports)).unwrap().is_some());
    }
}

#[test]
fn every_count_of_reports_and_every_minimum() {
    let shape = small(3);
    let near = Case::honest(shape, parameter_sets(&shape)[0], 8)
        .witness
        .device
        .fields
        .position;
    let far = Position {
        x: near.x + 3_500,
        ..near
    };
    for reports_min in 1..=3 {
        for pattern in 0..27 {
            let reports: Vec<Report> = [1, 3, 9]
                .map(|power| [None, Some(near), Some(far)][pattern / power % 3])
                .to_vec();
            let parameters = Parameters {
                reports_min,
                ..parameter_sets(&shape)[0]
            };
            let case = Case::honest(shape, parameters, 8).with_reports(reports.clone());
            let count =
                |of: Option<Position>| u32::try_from(reports.iter().filter(|r| **r == of).count()).unwrap();
            let (near, far) = (count(Some(near)), count(Some(far)));
            let expected = match near + far >= reports_min {
                true => (near * 100 + far * 25) * 10_000 / (near + far),
                false => 0,
            };
            assert_eq!(agrees(&case), Ok(Some(expected)), "{reports_min} of {pattern}");
        }
    }
}

#[test]
fn a_structure_does_not_depend_on_the_witness() {
    let shape = small(3);
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

#[test]
fn three_reports_pass_the_regime() {
    let report = check_circuit(&subject(small(3), 150 * rounds()));
    println!("{report}");
    let survivors = &report.deletions_survived;
    assert_eq!(report.verdict(), Ok(()), "{report}\nsurvivors {survivors:?}");
    assert!(report.noticed_share() >= 0.99);
}

#[test]
fn forgeries_reach_the_wires_they_name() {
    let shape = small(3);
    assert!(
        forgeries(&shape)
            .iter()
            .skip(witness_forgeries(&shape).len())
            .all(|f| f.overrides.len() == 1)
    );
}

#[test]
fn a_bug_planted_in_location_is_caught() {
    let shape = small(2);
    let mut subject = subject(shape, 1);
    subject.valid.truncate(1);
    let (r1cs, _) = build(&build_case, &subject.valid[0]);
    let rows = |scope: &str, kind| -> Vec<usize> {
        (0..r1cs.constraints())
            .filter(|row| r1cs.scope_name(r1cs.row_scope(*row)) == scope && r1cs.row_kind(*row) == kind)
            .collect()
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
    // The booleanity of a report's presence: the bit is free.
    assert!(caught(rows("report[0]", RowKind::Determining)[0])[0]);
    // The three ranges of a reported position, then "an absent report has no coordinates".
    for assertion in &rows("report[0]", RowKind::Assertion)[..4] {
        assert!(caught(*assertion)[2]);
    }
    // "An absent ingestor received nothing."
    assert!(caught(*rows("ingestor", RowKind::Assertion).last().unwrap())[2]);
    // The range of an asserted coordinate.
    assert!(caught(rows("device", RowKind::Assertion)[0])[2]);
    // The canary.
    assert!(caught(rows("canary", RowKind::Determining)[0])[2]);
    // The output of the fingerprint: y is an unused public input.
    let y = (0..r1cs.constraints())
        .find(|row| r1cs.terms(2, *row).any(|(wire, _)| wire == 7))
        .unwrap();
    assert_eq!(caught(y), [true, true, false, true]);
}

/// Seven public inputs, each used: changing one alone makes a valid assignment invalid.
#[test]
fn every_public_input_is_bound() {
    let shape = small(2);
    let honest = Case::honest(shape, parameter_sets(&shape)[0], 4);
    for case in [honest.clone(), honest.without_ingestor()] {
        let (r1cs, assignment) = build(&build_case, &case);
        assert_eq!(r1cs.public_inputs(), 7);
        for input in 1..=7 {
            for delta in [1u64, 2, 1 << 40] {
                let mut changed = assignment.clone();
                changed[input] += Fr::from(delta);
                assert!(!r1cs.violations(&changed).is_empty(), "public input {input}");
            }
        }
    }
}

#[test]
fn a_report_costs_at_most_400() {
    let rows = |reports| structure(&Shape::new(reports)).constraints();
    let (hourly, most) = (rows(24), rows(288));
    assert!(most - hourly <= 400 * (288 - 24), "{hourly}, {most}");
    assert!(hourly <= 20_000, "{hourly}");
}
