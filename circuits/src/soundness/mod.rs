//! The soundness regime that every gadget and claim passes. An under-constrained wire is money lost.
//!
//! A [`Subject`] is a circuit with honest and dishonest witnesses; [`check_circuit`] runs all points on it:
//!
//! | point | module | what it shows |
//! |---|---|---|
//! | rank | [`jacobian`] | the determining rows fix every wire that is not an input, to first order |
//! | mutation | [`mutation`] | no single wire can take another value |
//! | alternatives | [`mutation`] | no hint has a second root that survives when everything after it is solved again |
//! | deletion | [`deletion`] | each constraint is needed: without it a wire is free, or a stored forgery passes |
//! | public inputs | [`mutation`] | each occurs in a constraint and cannot change alone |
//! | negative corpus | here | every dishonest witness violates a constraint |
//!
//! The remaining points (differential tests against the native twin, interval bounds, export) stand with the gadgets' tests,
//! in [`crate::gadgets::int`] and in the prover's export. `docs/security/soundness.md` says how to read the results.
//!
//! **Why rank is taken over the determining rows only.** An assertion such as a range check pins its wires to a discrete set. To first
//! order that fixes them, which would hide that a wire before it lost its constraint. Leaving assertions out is the stricter test,
//! and makes the system square: each determining row is then noticed if deleted. Assertions are noticed by forgeries that violate just one of
//! them.

pub mod deletion;
mod draw;
pub mod jacobian;
pub mod mutation;
#[cfg(test)]
mod tests;

pub use draw::Draw;

use crate::Builder;
use crate::r1cs::{R1cs, RowKind};
use ark_ff::PrimeField;
use std::collections::BTreeMap;
use std::fmt;

/// A circuit under test: how to build it from a witness.
pub type Circuit<'a, F, W> = &'a dyn Fn(&mut Builder<F>, &W);

/// Wires that a dishonest prover gives another value than the circuit asks for.
pub type Overrides<F> = BTreeMap<usize, F>;

/// A dishonest witness: its name, the witness, and hints that are replaced.
pub struct Forgery<W, F> {
    /// What is forged.
    pub name: String,
    /// The witness.
    pub witness: W,
    /// Hints that are replaced.
    pub overrides: Overrides<F>,
}

impl<W, F> Forgery<W, F> {
    /// A forgery that lies in the witness alone.
    pub fn new(name: impl Into<String>, witness: W) -> Self {
        Self {
            name: name.into(),
            witness,
            overrides: BTreeMap::new(),
        }
    }
}

/// A circuit with what is needed to try to break it.
pub struct Subject<'a, F: PrimeField, W> {
    /// Its name in the report.
    pub name: String,
    /// The circuit.
    pub circuit: Circuit<'a, F, W>,
    /// Honest witnesses, three or more, as different as the shape allows.
    pub valid: Vec<W>,
    /// Dishonest ones; each must violate a constraint.
    pub invalid: Vec<Forgery<W, F>>,
    /// Scopes (a part of the name) whose assertions another subject tests, with the reason.
    pub tested_elsewhere: Vec<(&'static str, &'static str)>,
    /// At most this many runs of the circuit per point; all are made when there are fewer.
    pub runs_max: usize,
}

/// What [`check_circuit`] found, and how much it tried.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The subject's name.
    pub name: String,
    /// Constraints.
    pub constraints: usize,
    /// Wires that are not inputs, each of which needs a determining row.
    pub determined_wires: usize,
    /// Assertions.
    pub assertions: usize,
    /// Single-wire changes tried.
    pub mutations: usize,
    /// Second roots of hints tried.
    pub alternatives: usize,
    /// Dishonest witnesses refused.
    pub forgeries: usize,
    /// Constraints whose deletion is noticed by a check of this subject.
    pub deletions_noticed: usize,
    /// Assertions whose deletion another subject notices.
    pub deletions_noticed_elsewhere: usize,
    /// Constraints whose deletion nothing notices, by name.
    pub deletions_survived: Vec<String>,
    /// Everything that must not be: a free wire, a mutation that passes, a forgery that is accepted.
    pub findings: Vec<Finding>,
}

/// A reason to refuse a circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An honest witness is refused at this constraint.
    HonestRefused(String),
    /// The wire is free to first order: no determining row fixes it.
    FreeWire(String),
    /// The wire can take another value with all others unchanged.
    Mutation(String),
    /// A hint has another root, and the circuit accepts what follows from it.
    Alternative(String),
    /// A public input occurs in no constraint.
    UnusedPublicInput(String),
    /// A dishonest witness is accepted.
    ForgeryAccepted(String),
    /// Fewer than 99 % of the deletions are noticed; the survivors.
    DeletionsUnnoticed(Vec<String>),
}

impl Report {
    /// The share of constraints whose deletion is noticed.
    #[allow(clippy::cast_precision_loss)] // a share for people
    pub fn noticed_share(&self) -> f64 {
        let noticed = self.deletions_noticed + self.deletions_noticed_elsewhere;
        noticed as f64 / self.constraints.max(1) as f64
    }

    /// `Ok` if nothing was found.
    ///
    /// # Errors
    /// The findings.
    pub fn verdict(&self) -> Result<(), Vec<Finding>> {
        if self.findings.is_empty() {
            Ok(())
        } else {
            Err(self.findings.clone())
        }
    }

    /// The header of the table whose rows [`Report`] displays.
    pub const TABLE_HEADER: &'static str = "| circuit | constraints | determined wires | free | assertions | mutations tried | \
        alternatives tried | forgeries refused | deletions noticed | by another subject | survived |\n|---|---|---|---|---|---|---|---|---|---|---|";
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let free = self
            .findings
            .iter()
            .filter(|finding| matches!(finding, Finding::FreeWire(_)))
            .count();
        write!(
            f,
            "| {} | {} | {} | {free} | {} | {} | {} | {} | {} | {} | {} |",
            self.name,
            self.constraints,
            self.determined_wires,
            self.assertions,
            self.mutations,
            self.alternatives,
            self.forgeries,
            self.deletions_noticed,
            self.deletions_noticed_elsewhere,
            self.deletions_survived.len(),
        )
    }
}

/// Runs every point of the regime.
pub fn check_circuit<F: PrimeField, W>(subject: &Subject<'_, F, W>) -> Report {
    let Some(first) = subject.valid.first() else {
        return Report::default();
    };
    let (r1cs, _) = build(subject.circuit, first);
    check_constraints(subject, &r1cs)
}

/// [`check_circuit`] with other constraints than the circuit's own: a planted bug.
pub fn check_constraints<F: PrimeField, W>(subject: &Subject<'_, F, W>, r1cs: &R1cs<F>) -> Report {
    let mut report = Report {
        name: subject.name.clone(),
        constraints: r1cs.constraints(),
        assertions: rows_of_kind(r1cs, RowKind::Assertion).count(),
        ..Report::default()
    };
    for wire in mutation::unused_public_inputs(r1cs) {
        report
            .findings
            .push(Finding::UnusedPublicInput(r1cs.wire_name(wire)));
    }
    let mut deletions = deletion::Deletions::new(subject, r1cs);
    for (number, witness) in subject.valid.iter().enumerate() {
        let assignment = solve(subject.circuit, witness, BTreeMap::new());
        for row in r1cs.violations_up_to(5, &assignment) {
            report.findings.push(Finding::HonestRefused(row_name(r1cs, row)));
        }
        let rank = jacobian::rank(r1cs, &assignment);
        report.determined_wires = rank.columns;
        for wire in &rank.free_wires {
            let finding = Finding::FreeWire(r1cs.wire_name(*wire));
            if !report.findings.contains(&finding) {
                report.findings.push(finding);
            }
        }
        deletions.notice_by_rank(&rank);
        let (tried, survivors) = mutation::single_wires(r1cs, &assignment);
        report.mutations += tried;
        for (wire, value) in survivors {
            report.findings.push(Finding::Mutation(format!(
                "{} := {value} in honest witness {number}",
                r1cs.wire_name(wire)
            )));
        }
        for (wire, value) in mutation::alternatives(r1cs, &assignment, subject.runs_max) {
            let forged = solve(subject.circuit, witness, BTreeMap::from([(wire, value)]));
            report.alternatives += 1;
            let violated = r1cs.violations_up_to(2, &forged);
            if violated.is_empty() {
                let name = r1cs.wire_name(wire);
                report
                    .findings
                    .push(Finding::Alternative(format!("{name} := {value}")));
            }
            deletions.notice_by_forgery(&violated);
        }
    }
    for forgery in &subject.invalid {
        let forged = solve(subject.circuit, &forgery.witness, forgery.overrides.clone());
        let violated = r1cs.violations_up_to(2, &forged);
        report.forgeries += 1;
        if violated.is_empty() {
            report
                .findings
                .push(Finding::ForgeryAccepted(forgery.name.clone()));
        }
        deletions.notice_by_forgery(&violated);
    }
    deletions.search(subject, r1cs);
    deletions.summarise(r1cs, &mut report);
    report
}

/// Builds the constraints and the assignment of a witness.
pub fn build<F: PrimeField, W>(circuit: Circuit<'_, F, W>, witness: &W) -> (R1cs<F>, Vec<F>) {
    let mut cs = Builder::structure();
    circuit(&mut cs, witness);
    cs.finish()
}

/// The assignment that follows from a witness when some wires are overridden.
fn solve<F: PrimeField, W>(circuit: Circuit<'_, F, W>, witness: &W, overrides: Overrides<F>) -> Vec<F> {
    let overrides = overrides
        .into_iter()
        .filter_map(|(wire, value)| Some((u32::try_from(wire).ok()?, value)))
        .collect();
    let mut cs = Builder::dishonest(overrides);
    circuit(&mut cs, witness);
    cs.into_assignment()
}

fn rows_of_kind<F: PrimeField>(r1cs: &R1cs<F>, kind: RowKind) -> impl Iterator<Item = usize> + '_ {
    (0..r1cs.constraints()).filter(move |row| r1cs.row_kind(*row) == kind)
}

fn row_name<F: PrimeField>(r1cs: &R1cs<F>, row: usize) -> String {
    format!("{}:row {row}", r1cs.scope_name(r1cs.row_scope(row)))
}
