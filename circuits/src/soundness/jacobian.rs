//! Rank: do the determining rows fix every wire that is not an input, to first order?
//!
//! At a satisfying assignment w, the rows `(B w) dA + (A w) dB - dC` restricted to the determined wires must have full column
//! rank. Most of the matrix is triangular: [`rank`] first peels rows with a single unknown wire, from the inputs on, and
//! eliminates only what is left.

use crate::lc::merge_terms;
use crate::r1cs::{R1cs, RowKind, WireKind};
use ark_ff::PrimeField;
use std::collections::{BTreeMap, BTreeSet};

/// The result of [`rank`].
pub struct Rank {
    /// Number of wires that must be determined.
    pub columns: usize,
    /// Wires that no determining row fixes.
    pub free_wires: Vec<usize>,
    /// Rows that a left null vector may use: their deletion would not lower the rank.
    pub dependent_rows: Vec<usize>,
}

struct Matrix<F> {
    /// Per determining row: its number and its non-zero entries on determined wires.
    rows: Vec<(usize, Vec<(usize, F)>)>,
    /// Per wire: the positions in `rows` that use it.
    uses: Vec<Vec<u32>>,
}

/// Computes the rank of the determining rows at an assignment.
#[allow(clippy::cast_possible_truncation)] // rows are fewer than 2^32
pub fn rank<F: PrimeField>(r1cs: &R1cs<F>, assignment: &[F]) -> Rank {
    let determined = |wire: usize| !matches!(r1cs.wire_kind(wire), WireKind::Public | WireKind::Input);
    let columns: Vec<usize> = (0..r1cs.wires()).filter(|wire| determined(*wire)).collect();
    let mut matrix = Matrix {
        rows: Vec::new(),
        uses: vec![Vec::new(); r1cs.wires()],
    };
    for row in (0..r1cs.constraints()).filter(|row| r1cs.row_kind(*row) == RowKind::Determining) {
        let entries: Vec<(usize, F)> = derivative(r1cs, row, assignment)
            .into_iter()
            .filter(|(wire, _)| determined(*wire))
            .collect();
        for (wire, _) in &entries {
            matrix.uses[*wire].push(matrix.rows.len() as u32);
        }
        matrix.rows.push((row, entries));
    }

    // Peel: a row with one unknown wire fixes it.
    let mut unknown: Vec<usize> = matrix.rows.iter().map(|(_, entries)| entries.len()).collect();
    let mut fixed_by: Vec<Option<u32>> = vec![None; r1cs.wires()];
    let mut is_pivot = vec![false; matrix.rows.len()];
    let mut ready: Vec<usize> = (0..unknown.len()).filter(|at| unknown[*at] == 1).collect();
    while let Some(at) = ready.pop() {
        if unknown[at] != 1 {
            continue;
        }
        let Some((wire, _)) = matrix.rows[at]
            .1
            .iter()
            .find(|(wire, _)| fixed_by[*wire].is_none())
        else {
            continue;
        };
        fixed_by[*wire] = Some(at as u32);
        is_pivot[at] = true;
        for user in &matrix.uses[*wire] {
            unknown[*user as usize] -= 1;
            if unknown[*user as usize] == 1 {
                ready.push(*user as usize);
            }
        }
    }

    // Eliminate the rest.
    let core: Vec<usize> = (0..matrix.rows.len())
        .filter(|at| !is_pivot[*at] && unknown[*at] > 0)
        .collect();
    let core_columns = columns.iter().filter(|wire| fixed_by[**wire].is_none()).count();
    let (core_pivots, free_in_core) = eliminate(&matrix, &core, &fixed_by);
    let free_wires: Vec<usize> = columns
        .iter()
        .copied()
        .filter(|wire| fixed_by[*wire].is_none() && (core.is_empty() || free_in_core.contains(wire)))
        .collect();
    debug_assert_eq!(core_pivots + free_wires.len(), core_columns);

    // A row without a pivot of its own depends on those that fixed its wires, and on what they depend on.
    let mut dependent = vec![false; matrix.rows.len()];
    let mut pending: Vec<usize> = (0..matrix.rows.len())
        .filter(|at| !is_pivot[*at] && unknown[*at] == 0)
        .collect();
    if core_pivots < core.len() {
        pending.extend(&core);
    }
    while let Some(at) = pending.pop() {
        if std::mem::replace(&mut dependent[at], true) {
            continue;
        }
        pending.extend(
            matrix.rows[at]
                .1
                .iter()
                .filter_map(|(wire, _)| fixed_by[*wire])
                .map(|row| row as usize),
        );
    }
    let dependent_rows = (0..dependent.len())
        .filter(|at| dependent[*at])
        .map(|at| matrix.rows[at].0)
        .collect();
    Rank {
        columns: columns.len(),
        free_wires,
        dependent_rows,
    }
}

/// The non-zero entries of one row of the Jacobian.
fn derivative<F: PrimeField>(r1cs: &R1cs<F>, row: usize, assignment: &[F]) -> Vec<(usize, F)> {
    let [a, b, _] = r1cs.products(row, assignment);
    let mut entries: Vec<(usize, F)> = Vec::new();
    for (matrix, weight) in [(0, b), (1, a), (2, -F::ONE)] {
        entries.extend(
            r1cs.terms(matrix, row)
                .map(|(wire, coefficient)| (wire, coefficient * weight)),
        );
    }
    merge_terms(&mut entries);
    entries
}

/// Gaussian elimination of the rows that peeling left: the number of pivots and the wires without one.
///
/// Columns know which rows may hold them, so that the cost follows the entries, not the product of rows and columns.
fn eliminate<F: PrimeField>(
    matrix: &Matrix<F>,
    core: &[usize],
    fixed_by: &[Option<u32>],
) -> (usize, BTreeSet<usize>) {
    let mut rows: Vec<BTreeMap<usize, F>> = core
        .iter()
        .map(|at| {
            let entries = matrix.rows[*at].1.iter();
            entries
                .filter(|(wire, _)| fixed_by[*wire].is_none())
                .copied()
                .collect()
        })
        .collect();
    let mut holders: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        row.keys()
            .for_each(|wire| holders.entry(*wire).or_default().push(at));
    }
    let mut is_pivot = vec![false; rows.len()];
    let mut free = BTreeSet::new();
    while let Some((column, mut holding)) = holders.pop_first() {
        holding.retain(|at| !is_pivot[*at] && rows[*at].contains_key(&column));
        holding.sort_unstable();
        holding.dedup();
        let Some(at) = holding.iter().copied().min_by_key(|at| rows[*at].len()) else {
            free.insert(column);
            continue;
        };
        is_pivot[at] = true;
        let pivot = std::mem::take(&mut rows[at]);
        let inverse = pivot.get(&column).and_then(F::inverse).unwrap_or(F::ZERO);
        for other in holding.into_iter().filter(|other| *other != at) {
            let row = &mut rows[other];
            let factor = row.get(&column).copied().unwrap_or(F::ZERO) * inverse;
            for (wire, value) in &pivot {
                let target = row.entry(*wire).or_insert_with(|| {
                    holders.entry(*wire).or_default().push(other);
                    F::ZERO
                });
                *target -= factor * value;
                if target.is_zero() {
                    row.remove(wire);
                }
            }
        }
    }
    // A wire in no row at all is free as well.
    let unfixed = (0..fixed_by.len()).filter(|wire| fixed_by[*wire].is_none());
    free.extend(unfixed.filter(|wire| matrix.uses[*wire].is_empty()));
    (is_pivot.into_iter().filter(|is_pivot| *is_pivot).count(), free)
}
