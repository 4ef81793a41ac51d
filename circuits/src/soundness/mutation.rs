//! Mutation: can a wire take another value?

use crate::r1cs::{R1cs, WireKind};
use ark_ff::PrimeField;

/// Per wire, where it occurs: (row, matrix, coefficient).
pub(crate) struct Occurrences<F> {
    starts: Vec<usize>,
    entries: Vec<(u32, u8, F)>,
}

impl<F: PrimeField> Occurrences<F> {
    #[allow(clippy::cast_possible_truncation)] // rows are fewer than 2^32, matrices are three
    pub(crate) fn new(r1cs: &R1cs<F>) -> Self {
        let terms = || {
            (0..r1cs.constraints()).flat_map(move |row| {
                (0..3).flat_map(move |matrix| {
                    r1cs.terms(matrix, row)
                        .map(move |(wire, coefficient)| (wire, (row as u32, matrix as u8, coefficient)))
                })
            })
        };
        let mut starts = vec![0; r1cs.wires() + 1];
        for (wire, _) in terms() {
            starts[wire + 1] += 1;
        }
        for wire in 0..r1cs.wires() {
            starts[wire + 1] += starts[wire];
        }
        let mut next = starts.clone();
        let mut entries = vec![(0, 0, F::ZERO); starts[r1cs.wires()]];
        for (wire, entry) in terms() {
            entries[next[wire]] = entry;
            next[wire] += 1;
        }
        Self { starts, entries }
    }

    pub(crate) fn of(&self, wire: usize) -> &[(u32, u8, F)] {
        &self.entries[self.starts[wire]..self.starts[wire + 1]]
    }
}

/// Public inputs, the outputs among them, that occur in no constraint.
pub fn unused_public_inputs<F: PrimeField>(r1cs: &R1cs<F>) -> Vec<usize> {
    let occurrences = Occurrences::new(r1cs);
    (1..=r1cs.public_inputs())
        .filter(|wire| occurrences.of(*wire).is_empty())
        .collect()
}

/// Sets every wire but the constant one to 0, 1, its successor and its opposite, one at a time, and returns how many changes were tried
/// and which no constraint refuses.
///
/// Private inputs are tried as well but may survive where the circuit ignores them (the siblings that a path replaces), a choice
/// also where it takes its other allowed value; those are not reported.
pub fn single_wires<F: PrimeField>(r1cs: &R1cs<F>, assignment: &[F]) -> (usize, Vec<(usize, F)>) {
    let occurrences = Occurrences::new(r1cs);
    let products: Vec<[F; 3]> = (0..r1cs.constraints())
        .map(|row| r1cs.products(row, assignment))
        .collect();
    let mut tried = 0;
    let mut survivors = Vec::new();
    for (wire, value) in assignment.iter().copied().enumerate().skip(1) {
        for changed in other_values(value) {
            tried += 1;
            let delta = changed - value;
            // Entries of one row stand together for each matrix; a row is looked at when its last entry is met.
            let mut rows: Vec<(u32, [F; 3])> = Vec::new();
            for (row, matrix, coefficient) in occurrences.of(wire) {
                if rows.last().is_none_or(|(last, _)| last != row) {
                    rows.push((*row, products[*row as usize]));
                }
                if let Some((_, product)) = rows.last_mut() {
                    product[*matrix as usize] += delta * coefficient;
                }
            }
            let refused = rows.iter().any(|(_, [a, b, c])| *a * b != *c);
            let allowed = match r1cs.wire_kind(wire) {
                WireKind::Input => true,
                WireKind::Choice => changed == second_root(value),
                _ => false,
            };
            if !refused && !allowed {
                survivors.push((wire, changed));
            }
        }
    }
    (tried, survivors)
}

/// 0, 1, the successor and the opposite, without the value itself.
fn other_values<F: PrimeField>(value: F) -> impl Iterator<Item = F> {
    let mut values = vec![F::ZERO, F::ONE, value + F::ONE, -value];
    values.retain(|other| *other != value);
    values.sort_unstable();
    values.dedup();
    values.into_iter()
}

/// Other values of hints that their own determining rows accept at first sight: the second root of a boolean or of a square, 0 for an
/// inverse. At most `most`, evenly spread over the circuit.
pub fn alternatives<F: PrimeField>(r1cs: &R1cs<F>, assignment: &[F], most: usize) -> Vec<(usize, F)> {
    let hints: Vec<usize> = (0..r1cs.wires())
        .filter(|wire| r1cs.wire_kind(*wire) == WireKind::Hint)
        .collect();
    let step = hints.len().div_ceil(most.max(1)).max(1);
    hints
        .into_iter()
        .step_by(step)
        .map(|wire| (wire, second_root(assignment[wire])))
        .collect()
}

/// `1 - x` for a bit, `-x` for anything else.
pub(crate) fn second_root<F: PrimeField>(value: F) -> F {
    if value.is_zero() || value.is_one() {
        F::ONE - value
    } else {
        -value
    }
}
