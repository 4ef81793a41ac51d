//! Claim C1 against its native twin, at its pinned cost, and through the soundness regime.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::structure;
use super::subject::{Case, build_case, forgeries, parameter_sets, subject, witness_forgeries};
use crate::catalog;
use crate::soundness::{build, check_circuit};
use ark_bn254::Fr;
use popw_claims::coverage::{Outcome, Refusal, Shape};

fn rounds() -> usize {
    std::env::var("POPW_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(1)
}

fn small(witnesses: usize) -> Shape {
    Shape {
        witnesses,
        device_levels: 1,
        seat_levels: 1,
    }
}

/// The circuit's public inputs are the native statement's, and it accepts exactly what the native twin accepts; the outcome.
fn agrees(case: &Case) -> Result<Option<Outcome>, String> {
    let (r1cs, assignment) = build(&build_case, case);
    let accepted = r1cs.violations(&assignment).is_empty();
    match case.witness.evaluate(&case.shape) {
        Ok(outcome) => {
            let expected = outcome.statement_at(case.z).public_inputs();
            match accepted && assignment[1..8] == expected {
                true => Ok(Some(outcome)),
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
    let deep = Shape {
        device_levels: 2,
        seat_levels: 2,
        ..small(3)
    };
    let mut seen = Vec::new();
    for shape in [small(1), small(2), deep] {
        for parameters in parameter_sets(&shape) {
            for seed in 0..7 * rounds() as u64 {
                let case = Case::honest(shape, parameters.clone(), 1000 + seed);
                let outcome = agrees(&case).unwrap().unwrap();
                seen.extend(outcome.verdicts);
            }
            let case = Case::honest(shape, parameters, 7);
            for silent in [case.clone().without_receipts(), case.without_ingestor()] {
                let outcome = agrees(&silent).unwrap().unwrap();
                assert!(outcome.rows.iter().all(|row| row.score == 0));
            }
        }
    }
    // Every verdict occurs.
    for verdict in [
        None,
        Some(Ok(())),
        Some(Err(Refusal::NotFresh)),
        Some(Err(Refusal::TooLate)),
        Some(Err(Refusal::Frequency)),
        Some(Err(Refusal::TooFar)),
        Some(Err(Refusal::TooNear)),
        Some(Err(Refusal::TooStrong)),
    ] {
        assert!(seen.contains(&verdict), "{verdict:?}");
    }
}

#[test]
fn forgeries_are_refused_by_both() {
    for forgery in witness_forgeries(&small(2)) {
        assert!(agrees(&forgery.witness).unwrap().is_none(), "{}", forgery.name);
    }
}

fn passes_the_regime(shape: Shape) {
    let report = check_circuit(&subject(shape, 150 * rounds()));
    println!("{report}");
    assert_eq!(
        report.verdict(),
        Ok(()),
        "{report}\nsurvivors {:?}",
        report.deletions_survived
    );
    assert!(report.noticed_share() >= 0.99);
}

#[test]
fn one_witness_passes_the_regime() {
    passes_the_regime(small(1));
}

#[test]
fn two_witnesses_pass_the_regime() {
    passes_the_regime(small(2));
}

#[test]
fn fourteen_witnesses_are_within_budget() {
    let r1cs = structure(&Shape::new(14));
    assert!(r1cs.constraints() <= 120_000, "{}", r1cs.constraints());
    for (name, rows) in catalog::breakdown(&r1cs) {
        println!("{name} {rows}");
    }
}
