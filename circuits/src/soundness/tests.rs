//! The regime against planted bugs: each must be caught, and each point must catch one.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::report::{section, with_section};
use super::subjects::{check_all, small};
use super::{Finding, Forgery, Overrides, Report, Subject, check_circuit, check_constraints};
use crate::gadgets::bits::decompose;
use crate::gadgets::int::Int;
use crate::r1cs::RowKind;
use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, One, Zero};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    NoRangeCheck,
    NoBooleanity,
    UnusedPublicInput,
    FreeRemainder,
    UnsignedRoot,
    RepeatedCheck,
    ChosenTariff,
}

/// A pocket claim: of `amount` in 0..16, a third is paid if `paid`, a tariff and the square root of `square` are added. The tariff is
/// 50 and, if paid, the amount on top. Public: the epoch (mixed in linearly) and the output.
#[derive(Clone, Copy)]
struct Claim {
    epoch: u64,
    amount: i128,
    paid: Fr,
    root: u64,
}

fn claim(cs: &mut Builder<Fr>, claim: &Claim, bug: Bug) {
    let epoch = cs.public("epoch", Fr::from(claim.epoch));
    let output = cs.public_output("output");
    let amount = match bug {
        Bug::NoRangeCheck => Int::known(cs.input("amount", Fr::from(claim.amount.unsigned_abs())), 0, 15),
        _ => Int::input_between(cs, "amount", claim.amount, 0, 15),
    };
    let paid = cs.choice("paid", claim.paid);
    if bug != Bug::NoBooleanity {
        cs.enforce(&paid, &(paid.clone() + -Fr::ONE), &Lc::zero());
    }
    // third = floor(amount / 3), with a remainder in 0..3.
    let quotient = amount.value().max(0).unsigned_abs() / 3;
    let third = match bug {
        Bug::FreeRemainder => Int::known(cs.hint("third", Fr::from(quotient)), 0, 7),
        _ => Int::from_new_bits(cs, "third", 3, quotient),
    };
    let remainder = amount.minus(&third.times(3));
    if bug == Bug::FreeRemainder {
        let wire = cs.hint("remainder", remainder.lc().value());
        cs.enforce(&wire, &Lc::one(), remainder.lc());
    } else {
        remainder.assert_between(cs, "remainder", 0, 2);
    }
    // A root below 2^8 of a square that the prover names.
    let square = cs.input("square", Fr::from(claim.root * claim.root));
    let root = cs.hint("root", Fr::from(claim.root));
    cs.enforce(&root, &root, &square);
    if bug == Bug::RepeatedCheck {
        cs.assert(&root, &root, &square);
    }
    if bug != Bug::UnsignedRoot {
        decompose(cs, "root", &root, 8);
    }
    let mut sum = cs.mul("earned", &paid, third.lc()) + &root;
    let (base, full) = (
        Lc::constant(Fr::from(50u64)),
        amount.lc().clone() + Fr::from(50u64),
    );
    if bug == Bug::ChosenTariff {
        // One of the two, whichever the prover likes.
        let due = if claim.paid.is_one() { &full } else { &base };
        let tariff = cs.hint("tariff", due.value());
        cs.enforce(&(&tariff - &base), &(&tariff - &full), &Lc::zero());
        sum += &tariff;
    } else {
        sum += &(cs.mul("tariff", &paid, &(&full - &base)) + &base);
    }
    if bug != Bug::UnusedPublicInput {
        sum = cs.mul("mixed", &sum, &epoch);
    }
    cs.bind_output(output, &sum);
}

fn twin(claim: &Claim) -> Option<Vec<Fr>> {
    let honest =
        (0..16).contains(&claim.amount) && claim.root < 256 && (claim.paid.is_zero() || claim.paid.is_one());
    let amount = Fr::from(claim.amount);
    let third = Fr::from(claim.amount / 3);
    let sum = claim.paid * (third + amount) + Fr::from(claim.root + 50);
    honest.then(|| vec![Fr::from(claim.epoch), sum * Fr::from(claim.epoch)])
}

fn check(bug: Bug) -> Report {
    let circuit = |cs: &mut Builder<Fr>, witness: &Claim| claim(cs, witness, bug);
    let honest = Claim {
        epoch: 7,
        amount: 11,
        paid: Fr::ONE,
        root: 9,
    };
    let subject = Subject::new(format!("{bug:?}"), &circuit)
        .twin(&twin)
        .valid([
            honest,
            Claim {
                epoch: 1,
                amount: 15,
                paid: Fr::ONE,
                root: 255,
            },
            Claim {
                epoch: 90,
                amount: 6,
                paid: Fr::ZERO,
                root: 100,
            },
        ])
        .invalid([
            Forgery::new("amount 16", Claim { amount: 16, ..honest }),
            Forgery::new(
                "paid twice",
                Claim {
                    paid: Fr::from(2u64),
                    ..honest
                },
            ),
            Forgery::new("root out of range", Claim { root: 256, ..honest }),
        ]);
    check_circuit(&subject)
}

fn found(report: &Report, kind: &dyn Fn(&Finding) -> bool) -> bool {
    report.findings.iter().any(kind)
}

#[test]
fn the_sound_claim_passes() {
    let report = check(Bug::None);
    assert_eq!(report.verdict(), Ok(()));
    assert_eq!(report.deletions_survived, Vec::<String>::new());
}

#[test]
fn every_planted_bug_is_caught_and_every_point_catches_one() {
    let rank: &dyn Fn(&Finding) -> bool = &|finding| matches!(finding, Finding::FreeWire(_));
    let mutation: &dyn Fn(&Finding) -> bool = &|finding| matches!(finding, Finding::Mutation(_));
    let alternative: &dyn Fn(&Finding) -> bool = &|finding| matches!(finding, Finding::Alternative(_));
    let deletion: &dyn Fn(&Finding) -> bool = &|finding| matches!(finding, Finding::DeletionsUnnoticed(_));
    let public: &dyn Fn(&Finding) -> bool = &|finding| matches!(finding, Finding::UnusedPublicInput(_));
    let corpus: &dyn Fn(&Finding) -> bool = &|finding| matches!(finding, Finding::ForgeryAccepted(_));
    let propagation: &dyn Fn(&Finding) -> bool = &|finding| matches!(finding, Finding::OutputUndetermined(_));
    let differential: &dyn Fn(&Finding) -> bool = &|finding| matches!(finding, Finding::TwinDisagrees(_));
    let constraints = check(Bug::None).constraints;
    for (bug, points) in [
        (
            Bug::NoRangeCheck,
            vec![("negative corpus", corpus), ("differential", differential)],
        ),
        (
            Bug::NoBooleanity,
            vec![("rank", rank), ("negative corpus", corpus)],
        ),
        (
            Bug::UnusedPublicInput,
            vec![("public inputs", public), ("mutation", mutation)],
        ),
        (
            Bug::FreeRemainder,
            vec![
                ("rank", rank),
                ("alternatives", alternative),
                ("propagation", propagation),
            ],
        ),
        (
            Bug::UnsignedRoot,
            vec![
                ("alternatives", alternative),
                ("negative corpus", corpus),
                ("propagation", propagation),
            ],
        ),
        (Bug::RepeatedCheck, vec![("deletion", deletion)]),
        (Bug::ChosenTariff, vec![("propagation", propagation)]),
    ] {
        let report = check(bug);
        for (point, caught) in points {
            assert!(
                found(&report, caught),
                "{bug:?} by {point}: {:?}",
                report.findings
            );
        }
        // The pinned count catches each of them too, but for one constraint in place of another.
        assert_eq!(
            report.constraints == constraints,
            bug == Bug::ChosenTariff,
            "{bug:?}"
        );
    }
}

/// A choice between two values that is no choice of the claim: every other point passes it.
#[test]
fn a_bug_that_only_propagation_catches() {
    let findings = check(Bug::ChosenTariff).findings;
    assert!(
        matches!(&findings[..], [Finding::OutputUndetermined(_)]),
        "{findings:?}"
    );
}

/// Without any one of its constraints the sound claim does not pass the regime: 100 % of the deletions are noticed, and not
/// only counted as such.
#[test]
fn every_deleted_constraint_is_a_finding() {
    let circuit = |cs: &mut Builder<Fr>, witness: &Claim| claim(cs, witness, Bug::None);
    let honest = Claim {
        epoch: 7,
        amount: 11,
        paid: Fr::ONE,
        root: 9,
    };
    let subject = Subject::new("deleted", &circuit).valid([honest]);
    let (r1cs, _) = super::build(&circuit, &honest);
    for row in 0..r1cs.constraints() {
        let less = r1cs.without_row(row);
        let report = check_constraints(&subject, &less);
        if r1cs.row_kind(row) == RowKind::Determining {
            assert!(
                found(&report, &|finding| matches!(finding, Finding::FreeWire(_))),
                "row {row}"
            );
        } else {
            // The search that noticed the assertion in the whole system finds a forgery that passes now.
            let forged = less_accepts_a_forgery(&subject, &r1cs, &less);
            assert!(forged, "assertion {row}");
        }
    }
}

fn less_accepts_a_forgery(
    subject: &Subject<'_, Fr, Claim>,
    r1cs: &crate::R1cs<Fr>,
    less: &crate::R1cs<Fr>,
) -> bool {
    let honest = super::build(subject.circuit, &subject.valid[0]).1;
    (1..r1cs.wires()).any(|wire| {
        [
            Fr::ZERO,
            Fr::ONE,
            honest[wire] + Fr::ONE,
            -honest[wire],
            Fr::ONE - honest[wire],
            honest[wire] + Fr::from(16u64),
        ]
        .into_iter()
        .any(|value| {
            let forged = super::solve(
                subject.circuit,
                &subject.valid[0],
                &Overrides::from([(wire, value)]),
                &[].into(),
            );
            less.violations(&forged).is_empty() && !r1cs.violations(&forged).is_empty()
        })
    })
}

/// Every gadget and claim passes, and the tables of `docs/security/soundness.md` say what it took.
#[test]
fn every_subject_passes_and_the_published_results_are_these() {
    let rounds = std::env::var("POPW_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(1);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let reports = check_all(small(), rounds, threads, |report| println!("{report}"));
    for report in &reports {
        assert_eq!(report.verdict(), Ok(()), "{report}");
    }
    // More rounds try more than the tables say.
    if rounds == 1 {
        let document = include_str!("../../../docs/security/soundness.md");
        let published = section(document, "small").unwrap();
        assert_eq!(published, Report::tables(&reports), "cargo xtask soundness");
    }
}

#[test]
fn a_section_is_replaced_and_found_again() {
    let document = "prose\n<!-- begin small: cargo xtask soundness -->\nold\n<!-- end small: cargo xtask soundness -->\nmore\n";
    let replaced = with_section(document, "small", "new\n").unwrap();
    assert_eq!(section(&replaced, "small"), Some("new\n"));
    assert_eq!(section(document, "small"), Some("old\n"));
    assert!(replaced.starts_with("prose\n") && replaced.ends_with("-->\nmore\n"));
    assert_eq!(with_section(document, "full", "new\n"), None);
}

#[test]
fn a_subject_without_enough_honest_witnesses_or_with_another_twin_does_not_pass() {
    let circuit = |cs: &mut Builder<Fr>, witness: &Claim| claim(cs, witness, Bug::None);
    let honest = |epoch| Claim {
        epoch,
        amount: 11,
        paid: Fr::ONE,
        root: 9,
    };
    let subject = |epochs: std::ops::Range<u64>| Subject::new("pocket", &circuit).valid(epochs.map(honest));
    assert_eq!(check_circuit(&subject(1..4)).verdict(), Ok(()));
    for count in 0..3 {
        let few = [Finding::TooFewWitnesses(usize::try_from(count).unwrap())];
        assert_eq!(check_circuit(&subject(1..1 + count)).findings, few);
    }
    // A twin that pays one more, and one that refuses what the circuit accepts.
    let generous = |claim: &Claim| Some(vec![twin(claim)?[0], twin(claim)?[1] + Fr::ONE]);
    let strict = |claim: &Claim| twin(claim).filter(|_| claim.epoch != 2);
    for (other, disagreements) in [
        (&generous as &(dyn Fn(&Claim) -> _ + Sync), 3),
        (&strict, 1),
        (&twin, 0),
    ] {
        let findings = check_circuit(&subject(1..4).twin(other)).findings;
        assert_eq!(findings.len(), disagreements, "{findings:?}");
        assert!(
            findings
                .iter()
                .all(|finding| matches!(finding, Finding::TwinDisagrees(_)))
        );
    }
}
