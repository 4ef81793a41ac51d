//! Claim V1 against its native twin, against U1, and through the soundness regime.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::structure;
use super::subject::{Case, build_case, forgeries, parameter_sets, small, subject, twin, witness_forgeries};
use crate::r1cs::RowKind;
use crate::soundness::{Finding, build, check_constraints};
use ark_bn254::Fr;
use popw_claims::vote::{Shape, read};

fn rounds() -> u64 {
    std::env::var("POPW_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(1)
}

/// Whether the circuit accepts; it must be what the native twin says, with the same public inputs.
fn agrees(case: &Case) -> Result<bool, String> {
    let (r1cs, assignment) = build(&build_case, case);
    let accepted = r1cs.violations(&assignment).is_empty();
    let agrees = match twin(case) {
        Some(expected) => accepted && assignment[1..8] == expected,
        None => !accepted,
    };
    match agrees {
        true => Ok(accepted),
        false => Err(format!(
            "accepted: {accepted}, public inputs {:?}",
            &assignment[1..8]
        )),
    }
}

#[test]
fn the_circuit_and_its_native_twin_agree() {
    let shapes = [
        small(1, 1, 1),
        small(1, 3, 253),
        small(16, 10, 24),
        // Two devices share a leaf of the digest tree, so its upper level is padded.
        small(16, 2, 1_440),
        Shape {
            seat_levels: 3,
            ..small(1, 8, 3)
        },
    ];
    for shape in shapes {
        for (seed, parameters) in (1000..).zip(parameter_sets(&shape.uptime())) {
            for round in 0..rounds() {
                assert_eq!(
                    agrees(&Case::honest(shape, parameters, seed + 10 * round)),
                    Ok(true)
                );
            }
        }
    }
    for forgery in witness_forgeries(&small(1, 3, 6)) {
        assert_eq!(agrees(&forgery.witness), Ok(false), "{}", forgery.name);
    }
}

/// Every seat, the first and the last included.
#[test]
fn every_seat_can_be_opened() {
    let shape = small(1, 10, 2);
    let parameters = parameter_sets(&shape.uptime())[0];
    for seat in 0..10 {
        let mut case = Case::honest(shape, parameters, 5);
        case.witness.seat = seat;
        case.sign();
        assert_eq!(agrees(&case), Ok(true), "seat {seat}");
    }
}

/// What the circuit accepts is read as a vote that U1's rules accept for the same watcher.
#[test]
fn what_is_published_is_a_vote_of_u1() {
    let shape = small(16, 3, 24);
    for seed in 0..4 {
        let case = Case::honest(shape, parameter_sets(&shape.uptime())[0], seed);
        assert_eq!(agrees(&case), Ok(true));
        let outcome = case.witness.evaluate(&shape).unwrap();
        let vote = read(&outcome.settlement_data(), &shape, case.witness.zone).unwrap();
        assert_eq!(vote.bitmap, case.witness.bitmap);
        assert_eq!(vote.bitmap.digest(), vote.attestation.digest);
        let verified = vote.attestation.verify(case.witness.epoch_tag, &case.witness.key);
        assert_eq!(verified, Ok(()));
    }
}

#[test]
fn a_structure_does_not_depend_on_the_witness() {
    let shape = small(1, 3, 6);
    let blank = structure(&shape);
    let case = Case::honest(shape, parameter_sets(&shape.uptime())[0], 3);
    let (other, assignment) = build(&build_case, &case);
    assert_eq!(blank.constraints(), other.constraints());
    for row in 0..blank.constraints() {
        for matrix in 0..3 {
            assert!(blank.terms(matrix, row).eq(other.terms(matrix, row)), "row {row}");
        }
    }
    assert!(blank.violations(&assignment).is_empty());
}

#[test]
fn forgeries_reach_the_wires_they_name() {
    let shape = small(1, 3, 6);
    let all = forgeries(&shape);
    let hints = &all[witness_forgeries(&shape).len()..];
    assert_eq!(hints.len(), 7);
    assert!(hints.iter().all(|forgery| forgery.overrides.len() == 1));
}

#[test]
fn a_bug_planted_in_vote_is_caught() {
    let shape = small(1, 3, 6);
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
    // The booleanity of a bit of the bitmap and of a seat's indicator: the bit is free.
    assert!(caught(*rows("bitmap", RowKind::Determining).last().unwrap())[2]);
    assert!(caught(rows("seat", RowKind::Determining)[0])[0]);
    // "Exactly one seat": anybody's key would do.
    assert!(caught(rows("seat", RowKind::Assertion)[0])[2]);
    // What is published is the signature: x and y of R8, and S.
    for assertion in rows("signature", RowKind::Assertion) {
        assert!(caught(assertion)[2]);
    }
    // The canary.
    assert!(caught(rows("canary", RowKind::Determining)[0])[2]);
    // The output of the fingerprint: y is an unused public input.
    let y = (0..r1cs.constraints())
        .find(|row| r1cs.terms(2, *row).any(|(wire, _)| wire == 7))
        .unwrap();
    assert_eq!(caught(y), [true, true, false, true]);
}

/// Seven public inputs, each used: changing one alone makes a valid assignment invalid, also with an empty bitmap in seat 0.
#[test]
fn every_public_input_is_bound() {
    let shape = small(1, 3, 6);
    for seed in [0, 9] {
        let case = Case::honest(shape, parameter_sets(&shape.uptime())[0], seed);
        assert_eq!(case.witness.bitmap.count() == 0, seed == 9);
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
