//! Deletion: would anyone notice if a constraint were missing?
//!
//! A determining row is noticed if the rank falls without it; an assertion, if a dishonest assignment violates it and nothing
//! else. Such assignments come from the negative corpus, from the second roots that the mutation point tries, and from a
//! search: flip, one at a time, the hints and inputs that an assertion looks at, and solve everything after them again.
//!
//! Up to [`EVERY_ROW_MAX`] constraints every assertion is searched for; above, one of each family (the assertions at the same place
//! of the same scope, whatever its number: the same device block, gadget or shared part).

use super::jacobian::Rank;
use super::mutation::second_root;
use super::{Finding, Overrides, Report, Trial, row_name, rows_of_kind};
use crate::r1cs::{R1cs, RowKind, ScopeId, WireKind};
use ark_ff::PrimeField;
use std::collections::HashMap;
use std::sync::Arc;

/// Circuits of at most this many constraints are searched row by row.
pub const EVERY_ROW_MAX: usize = 1 << 16;
/// How many wires of an assertion the search flips.
const WIRES_PER_ASSERTION_MAX: usize = 6;

/// Which rows have been noticed so far.
pub(super) struct Deletions {
    noticed: Vec<bool>,
    /// The family of each assertion, as the number of its first member.
    family: HashMap<usize, usize>,
    elsewhere: Vec<bool>,
}

impl Deletions {
    /// Nothing noticed but what the rank notices unless [`Deletions::notice_by_rank`] takes it back.
    pub(super) fn new<F: PrimeField, W>(trial: &Trial<'_, F, W>) -> Self {
        let r1cs = trial.r1cs;
        let noticed = (0..r1cs.constraints())
            .map(|row| r1cs.row_kind(row) == RowKind::Determining)
            .collect();
        let mut elsewhere = vec![false; r1cs.constraints()];
        let mut elsewhere_of = HashMap::new();
        let mut family = HashMap::new();
        let mut first_of = HashMap::new();
        let mut in_scope: HashMap<ScopeId, usize> = HashMap::new();
        for row in rows_of_kind(r1cs, RowKind::Assertion) {
            let scope = r1cs.row_scope(row);
            elsewhere[row] = *elsewhere_of
                .entry(scope)
                .or_insert_with(|| tested_elsewhere(trial, scope));
            let place = in_scope.entry(scope).or_default();
            *place += 1;
            let first = match r1cs.constraints() > EVERY_ROW_MAX {
                true => *first_of.entry((r1cs.scope_family(scope), *place)).or_insert(row),
                false => row,
            };
            family.insert(row, first);
        }
        Self {
            noticed,
            family,
            elsewhere,
        }
    }

    /// Takes back the determining rows that the rank at an honest assignment does not need.
    pub(super) fn notice_by_rank(&mut self, rank: &Rank) {
        for row in &rank.dependent_rows {
            self.noticed[*row] = false;
        }
    }

    /// A dishonest assignment that violates one row would pass without it.
    pub(super) fn notice_by_forgery(&mut self, violated: &[usize]) {
        if let [row] = violated {
            self.noticed[*row] = true;
            if let Some(first) = self.family.get(row) {
                self.noticed[*first] = true;
            }
        }
    }

    /// Looks for forgeries that violate one not yet noticed assertion each.
    pub(super) fn search<F: PrimeField, W>(&mut self, trial: &Trial<'_, F, W>, honest: &[Arc<[F]>]) {
        let r1cs = trial.r1cs;
        let mut runs = 0;
        let defined_by = product_rows(r1cs);
        for (witness, assignment) in trial.subject.valid.iter().zip(honest) {
            for row in rows_of_kind(r1cs, RowKind::Assertion) {
                if self.noticed[self.family[&row]] || self.elsewhere[row] {
                    continue;
                }
                for (wire, value) in flips(r1cs, row, &defined_by, assignment) {
                    if self.noticed[self.family[&row]] || runs >= trial.subject.runs_max {
                        break;
                    }
                    runs += 1;
                    let violated = trial.forge(witness, assignment, &Overrides::from([(wire, value)]));
                    self.notice_by_forgery(&violated);
                }
            }
        }
    }

    /// Writes the outcome into the report.
    pub(super) fn summarise<F: PrimeField>(self, r1cs: &R1cs<F>, report: &mut Report) {
        for row in 0..r1cs.constraints() {
            let family = self.family.get(&row).copied().unwrap_or(row);
            if self.noticed[row] || self.noticed[family] {
                report.deletions_noticed += 1;
            } else if self.elsewhere[row] {
                report.deletions_noticed_elsewhere += 1;
            } else {
                report.deletions_survived.push(row_name(r1cs, row));
            }
        }
        if report.noticed_share() < 0.99 {
            report
                .findings
                .push(Finding::DeletionsUnnoticed(report.deletions_survived.clone()));
        }
    }
}

fn tested_elsewhere<F: PrimeField, W>(trial: &Trial<'_, F, W>, scope: ScopeId) -> bool {
    let name = trial.r1cs.scope_name(scope);
    let scopes = &trial.subject.tested_elsewhere;
    scopes.iter().any(|(part, _)| name.contains(part))
}

/// Hints and inputs that a row looks at, itself or through a product, with values to try.
fn flips<F: PrimeField>(
    r1cs: &R1cs<F>,
    row: usize,
    defined_by: &HashMap<usize, usize>,
    assignment: &[F],
) -> Vec<(usize, F)> {
    let in_row = |row: usize| (0..3).flat_map(move |matrix| r1cs.terms(matrix, row).map(|(wire, _)| wire));
    let free = |wire: &usize| {
        matches!(
            r1cs.wire_kind(*wire),
            WireKind::Hint | WireKind::Choice | WireKind::Input
        )
    };
    let mut wires: Vec<usize> = in_row(row).filter(free).collect();
    wires.sort_unstable();
    wires.dedup();
    // The wires made last are the closest to the assertion.
    wires.reverse();
    wires.truncate(WIRES_PER_ASSERTION_MAX);
    let products = in_row(row).filter_map(|wire| defined_by.get(&wire));
    let behind: Vec<usize> = products.flat_map(|row| in_row(*row)).filter(free).collect();
    wires.extend(behind.into_iter().take(WIRES_PER_ASSERTION_MAX));
    wires
        .into_iter()
        .flat_map(|wire| {
            let value = assignment[wire];
            [second_root(value), F::ZERO, value + F::ONE].map(|other| (wire, other))
        })
        .filter(|(wire, other)| *other != assignment[*wire])
        .collect()
}

/// The row that makes each product.
fn product_rows<F: PrimeField>(r1cs: &R1cs<F>) -> HashMap<usize, usize> {
    let rows = rows_of_kind(r1cs, RowKind::Determining);
    let product = |row: usize| {
        let made = r1cs
            .terms(2, row)
            .find(|(wire, _)| r1cs.wire_kind(*wire) == WireKind::Product)?;
        Some((made.0, row))
    };
    rows.filter_map(product).collect()
}
