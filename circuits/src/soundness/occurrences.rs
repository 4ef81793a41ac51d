//! Where each wire occurs: the R1CS by columns, which every point of the regime but the negative corpus looks things up in.
//!
//! Next: [`super::mutation`] and [`super::propagation`], which walk it.

use crate::r1cs::R1cs;
use ark_ff::PrimeField;

/// One entry of a column.
#[derive(Clone, Copy, Default)]
pub(crate) struct Occurrence {
    row: u32,
    coefficient: u32,
    /// 0, 1, 2: A, B, C.
    pub(crate) matrix: u8,
}

impl Occurrence {
    pub(crate) fn row(self) -> usize {
        self.row as usize
    }

    pub(crate) fn coefficient<F: PrimeField>(self, r1cs: &R1cs<F>) -> F {
        r1cs.coefficients[self.coefficient as usize]
    }
}

/// The columns.
pub(crate) struct Occurrences {
    starts: Vec<usize>,
    entries: Vec<Occurrence>,
}

impl Occurrences {
    #[allow(clippy::cast_possible_truncation)] // rows are fewer than 2^32, matrices are three
    pub(crate) fn new<F: PrimeField>(r1cs: &R1cs<F>) -> Self {
        let terms = || {
            (0..r1cs.constraints()).flat_map(move |row| {
                (0..3).flat_map(move |matrix| {
                    r1cs.matrices[matrix]
                        .row(row)
                        .iter()
                        .map(move |(wire, coefficient)| {
                            let occurrence = Occurrence {
                                row: row as u32,
                                coefficient: *coefficient,
                                matrix: matrix as u8,
                            };
                            (*wire as usize, occurrence)
                        })
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
        let mut entries = vec![Occurrence::default(); starts[r1cs.wires()]];
        for (wire, entry) in terms() {
            entries[next[wire]] = entry;
            next[wire] += 1;
        }
        Self { starts, entries }
    }

    /// The entries of a wire's column, by ascending row.
    pub(crate) fn of(&self, wire: usize) -> &[Occurrence] {
        &self.entries[self.starts[wire]..self.starts[wire + 1]]
    }

    /// The rows that a wire occurs in, ascending, each once.
    pub(crate) fn rows(&self, wire: usize) -> impl Iterator<Item = usize> + '_ {
        self.of(wire)
            .chunk_by(|one, next| one.row == next.row)
            .map(|entries| entries[0].row())
    }

    /// The first rows, at most `most`, that `changed` violates, if `satisfying` violates none: only rows of wires that
    /// differ are looked at.
    pub(crate) fn violations_up_to<F: PrimeField>(
        &self,
        most: usize,
        r1cs: &R1cs<F>,
        satisfying: &[F],
        changed: &[F],
    ) -> Vec<usize> {
        let mut touched = vec![false; r1cs.constraints()];
        for wire in 0..r1cs.wires() {
            if satisfying[wire] != changed[wire] {
                self.of(wire).iter().for_each(|entry| touched[entry.row()] = true);
            }
        }
        let violated = |row: &usize| touched[*row] && !r1cs.is_satisfied(*row, changed);
        (0..r1cs.constraints()).filter(violated).take(most).collect()
    }
}
