//! The soundness regime that every gadget and claim passes. An under-constrained wire is money lost.
//!
//! A [`Subject`] is a circuit with honest and dishonest witnesses; [`check_circuit`] runs every point on it:
//!
//! | point | module | what it shows |
//! |---|---|---|
//! | differential | here | the circuit accepts what its native twin accepts, with the same public inputs |
//! | rank | [`jacobian`] | the determining rows fix every wire that is not an input, to first order |
//! | propagation | [`propagation`] | the inputs determine every output, by proof |
//! | mutation | [`mutation`] | no single wire can take another value |
//! | alternatives | [`mutation`] | no hint has another value that survives when everything after it is solved again |
//! | deletion | [`deletion`] | each constraint is needed: without it a wire is free, or a stored forgery passes |
//! | public inputs | [`mutation`] | each occurs in a constraint and cannot change alone |
//! | negative corpus | here | every dishonest witness violates a constraint |
//!
//! Three points stand elsewhere: intervals panic while a circuit is built ([`crate::gadgets::int`]), export is the prover's, and the generic
//! gadgets are enumerated over small fields in their tests. [`subjects`] lists everything that is tested;
//! `docs/security/soundness.md` publishes the results and says how to read them.
//!
//! **Why rank is taken over the determining rows only.** An assertion such as a range check pins its wires to a discrete set. To first
//! order that fixes them, which would hide that a wire before it lost its constraint. Leaving assertions out is the stricter test,
//! and makes the system square: each determining row is then noticed if deleted. Assertions are noticed by forgeries that violate just one of
//! them.

pub mod deletion;
mod draw;
#[cfg(test)]
pub(crate) mod exhaustive;
pub mod jacobian;
pub mod mutation;
mod occurrences;
pub mod propagation;
pub mod report;
pub mod subject;
pub mod subjects;
#[cfg(test)]
mod tests;

pub use draw::Draw;
pub use report::{Finding, Report};
pub use subject::{Circuit, Forgery, Overrides, Subject, Twin};

use crate::Builder;
use crate::r1cs::{R1cs, RowKind, WireKind};
use ark_ff::PrimeField;
use occurrences::Occurrences;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Honest witnesses at which the rank is taken, at least.
const HONEST_MIN: usize = 3;
/// Violated rows that a finding names.
const NAMED_MAX: usize = 5;

/// Runs every point of the regime.
pub fn check_circuit<F: PrimeField, W>(subject: &Subject<'_, F, W>) -> Report {
    match subject.valid.first() {
        Some(first) => check_constraints(subject, &build(subject.circuit, first).0),
        None => Report {
            name: subject.name.clone(),
            findings: vec![Finding::TooFewWitnesses(0)],
            ..Report::default()
        },
    }
}

/// [`check_circuit`] with other constraints than the circuit's own: a planted bug.
pub fn check_constraints<F: PrimeField, W>(subject: &Subject<'_, F, W>, r1cs: &R1cs<F>) -> Report {
    let mut report = Report {
        name: subject.name.clone(),
        constraints: r1cs.constraints(),
        public_inputs: r1cs.public_inputs(),
        assertions: rows_of_kind(r1cs, RowKind::Assertion).count(),
        honest: subject.valid.len(),
        ..Report::default()
    };
    if subject.valid.len() < HONEST_MIN {
        report
            .findings
            .push(Finding::TooFewWitnesses(subject.valid.len()));
    }
    let trial = Trial {
        subject,
        r1cs,
        occurrences: Occurrences::new(r1cs),
    };
    let mut deletions = deletion::Deletions::new(&trial);
    trial.public_inputs(&mut report);
    trial.propagation(&mut report);
    trial.differential(&mut report);
    let honest: Vec<Arc<[F]>> = subject
        .valid
        .iter()
        .map(|witness| trial.honest(witness))
        .collect();
    trial.rank(&honest, &mut deletions, &mut report);
    trial.mutations(&honest, &mut report);
    trial.alternatives(&honest, &mut deletions, &mut report);
    trial.negative_corpus(&mut deletions, &mut report);
    deletions.search(&trial, &honest);
    deletions.summarise(r1cs, &mut report);
    report
}

/// A subject with the constraints that it is tried against.
struct Trial<'a, F: PrimeField, W> {
    subject: &'a Subject<'a, F, W>,
    r1cs: &'a R1cs<F>,
    occurrences: Occurrences,
}

impl<F: PrimeField, W> Trial<'_, F, W> {
    fn honest(&self, witness: &W) -> Arc<[F]> {
        let mut cs = Builder::witness();
        (self.subject.circuit)(&mut cs, witness);
        cs.into_assignment().into()
    }

    /// The first two constraints that a witness violates when some wires are overridden and everything after them is solved
    /// again; `honest` is what follows from the witness itself.
    fn forge(&self, witness: &W, honest: &Arc<[F]>, overrides: &Overrides<F>) -> Vec<usize> {
        let forged = solve(self.subject.circuit, witness, overrides, honest);
        self.occurrences.violations_up_to(2, self.r1cs, honest, &forged)
    }

    fn public_inputs(&self, report: &mut Report) {
        for wire in (1..=self.r1cs.public_inputs()).filter(|wire| self.occurrences.of(*wire).is_empty()) {
            let name = self.r1cs.wire_name(wire);
            report.findings.push(Finding::UnusedPublicInput(name));
        }
    }

    fn propagation(&self, report: &mut Report) {
        let r1cs = self.r1cs;
        let leftovers = propagation::propagate_with(r1cs, &self.occurrences).leftovers;
        let is_output = |wire: usize| r1cs.wire_kind(wire) == WireKind::Output;
        report.outputs = (0..r1cs.wires()).filter(|wire| is_output(*wire)).count();
        report.outputs_determined = report.outputs;
        for wire in leftovers.iter().copied().filter(|wire| is_output(*wire)) {
            report.outputs_determined -= 1;
            report
                .findings
                .push(Finding::OutputUndetermined(r1cs.wire_name(wire)));
        }
        let scopes = leftovers.into_iter().map(|wire| r1cs.wire_scope(wire));
        report.leftovers = r1cs.count_families(scopes);
    }

    fn differential(&self, report: &mut Report) {
        let Some(twin) = self.subject.twin else {
            return;
        };
        let invalid = self
            .subject
            .invalid
            .iter()
            .filter(|forgery| forgery.overrides.is_empty());
        let named = (self.subject.valid.iter().enumerate())
            .map(|(number, witness)| (format!("honest witness {number}"), witness))
            .chain(invalid.map(|forgery| (forgery.name.clone(), &forgery.witness)))
            .chain(
                (self.subject.probes.iter().enumerate())
                    .map(|(number, witness)| (format!("probe {number}"), witness)),
            );
        for (name, witness) in named {
            report.compared += 1;
            let assignment = self.honest(witness);
            let accepted = self.r1cs.violations_up_to(1, &assignment).is_empty();
            let agrees = match twin(witness) {
                Some(expected) => accepted && assignment[1..=self.r1cs.public_inputs()] == expected[..],
                None => !accepted,
            };
            if !agrees {
                let finding = format!(
                    "{name}, which the circuit {}",
                    if accepted { "accepts" } else { "refuses" }
                );
                report.findings.push(Finding::TwinDisagrees(finding));
            }
        }
    }

    fn rank(&self, honest: &[Arc<[F]>], deletions: &mut deletion::Deletions, report: &mut Report) {
        let mut free = BTreeSet::new();
        for assignment in honest {
            for row in self.r1cs.violations_up_to(NAMED_MAX, assignment) {
                report
                    .findings
                    .push(Finding::HonestRefused(row_name(self.r1cs, row)));
            }
            let rank = jacobian::rank(self.r1cs, assignment);
            report.determined_wires = rank.columns;
            free.extend(&rank.free_wires);
            deletions.notice_by_rank(&rank);
        }
        report.free_wires = free.len();
        let names = free.into_iter().map(|wire| self.r1cs.wire_name(wire));
        report.findings.extend(names.map(Finding::FreeWire));
    }

    fn mutations(&self, honest: &[Arc<[F]>], report: &mut Report) {
        for (number, assignment) in honest.iter().enumerate() {
            let (tried, survivors) = mutation::single_wires(self.r1cs, &self.occurrences, assignment);
            report.mutations += tried;
            for (wire, value) in survivors {
                let name = self.r1cs.wire_name(wire);
                let finding = format!("{name} := {value} in honest witness {number}");
                report.findings.push(Finding::Mutation(finding));
            }
        }
    }

    fn alternatives(&self, honest: &[Arc<[F]>], deletions: &mut deletion::Deletions, report: &mut Report) {
        let hints = mutation::Hints::of(self.r1cs);
        let most = self.subject.runs_max.div_ceil(honest.len());
        for (round, (witness, assignment)) in self.subject.valid.iter().zip(honest).enumerate() {
            for overrides in hints.alternatives(assignment, most, round) {
                report.alternatives += 1;
                let violated = self.forge(witness, assignment, &overrides);
                if violated.is_empty() {
                    let named = overrides
                        .iter()
                        .map(|(wire, value)| format!("{} := {value}", self.r1cs.wire_name(*wire)));
                    let finding = named.collect::<Vec<_>>().join(", ");
                    report.findings.push(Finding::Alternative(finding));
                }
                deletions.notice_by_forgery(&violated);
            }
        }
    }

    fn negative_corpus(&self, deletions: &mut deletion::Deletions, report: &mut Report) {
        for forgery in &self.subject.invalid {
            let forged = solve(
                self.subject.circuit,
                &forgery.witness,
                &forgery.overrides,
                &[].into(),
            );
            let violated = self.r1cs.violations_up_to(2, &forged);
            report.forgeries += 1;
            if violated.is_empty() {
                report
                    .findings
                    .push(Finding::ForgeryAccepted(forgery.name.clone()));
            }
            deletions.notice_by_forgery(&violated);
        }
    }
}

/// Builds the constraints and the assignment of a witness.
pub fn build<F: PrimeField, W>(circuit: Circuit<'_, F, W>, witness: &W) -> (R1cs<F>, Vec<F>) {
    let mut cs = Builder::structure();
    circuit(&mut cs, witness);
    cs.finish()
}

/// The assignment that follows from a witness when some wires are overridden.
fn solve<F: PrimeField, W>(
    circuit: Circuit<'_, F, W>,
    witness: &W,
    overrides: &Overrides<F>,
    honest: &Arc<[F]>,
) -> Vec<F> {
    let overrides = overrides
        .iter()
        .filter_map(|(wire, value)| Some((u32::try_from(*wire).ok()?, *value)))
        .collect();
    let mut cs = Builder::dishonest(overrides, honest.clone());
    circuit(&mut cs, witness);
    cs.into_assignment()
}

fn rows_of_kind<F: PrimeField>(r1cs: &R1cs<F>, kind: RowKind) -> impl Iterator<Item = usize> + '_ {
    (0..r1cs.constraints()).filter(move |row| r1cs.row_kind(*row) == kind)
}

fn row_name<F: PrimeField>(r1cs: &R1cs<F>, row: usize) -> String {
    format!("{}:row {row}", r1cs.scope_name(r1cs.row_scope(row)))
}
