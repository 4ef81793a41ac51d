//! The permutation in the form that is evaluated: partial rounds with sparse matrices.
//!
//! Write the matrix as `M = [[m, v], [w, H]]` (H without row and column 0). A partial round touches element 0
//! by the S-box and everything by M. Keep the state in a changing basis, `state = diag(1, Q_k) state'`; the
//! S-box of element 0 does not see `diag(1, Q)`, and
//!
//! ```text
//! M diag(1, Q_k) = diag(1, H Q_k) S_k     with     S_k = [[m, v Q_k], [(H Q_k)^-1 w, I]],
//! ```
//!
//! so with `Q_(k+1) = H Q_k` each partial round is one product with S_k: `2 width - 1` multiplications, not
//! `width^2`. `Q_0 = H^-R` makes the basis the ordinary one after the R partial rounds; the change of basis
//! before them, `diag(1, H^R)`, is multiplied into the matrix of the full round that precedes. Constants that
//! a partial round adds to elements 1.. pass its S-box untouched and are moved, through S_k, into the next
//! round.

use ark_ff::{AdditiveGroup, Field};

use super::Parameters;
use crate::field::Fr;

type Matrix = Vec<Vec<Fr>>;

/// One partial round.
struct Sparse {
    /// Added to element 0 before its S-box.
    constant: Fr,
    /// New element 0: `row . state`.
    row: Vec<Fr>,
    /// New element i: old element i plus `column[i - 1]` times old element 0 (after its S-box).
    column: Vec<Fr>,
}

/// The evaluated form of one width.
pub(super) struct Permutation {
    width: usize,
    /// Constants of the full rounds before the partial ones, and the matrix that ends each.
    before: Vec<(Vec<Fr>, Matrix)>,
    partial: Vec<Sparse>,
    /// As `before`, for the full rounds after the partial ones.
    after: Vec<(Vec<Fr>, Matrix)>,
}

impl Permutation {
    pub(super) fn new(parameters: &Parameters) -> Self {
        let Parameters {
            width,
            full_rounds,
            partial_rounds,
            ..
        } = *parameters;
        let mds = &parameters.mds;
        let half = full_rounds / 2;
        let mut constants = parameters.round_constants.chunks(width).map(<[Fr]>::to_vec);
        let mut before: Vec<_> = constants.by_ref().take(half).map(|c| (c, mds.clone())).collect();
        let partial_constants: Vec<_> = constants.by_ref().take(partial_rounds).collect();
        let mut after: Vec<_> = constants.map(|c| (c, mds.clone())).collect();

        let minor: Matrix = mds[1..].iter().map(|row| row[1..].to_vec()).collect();
        let minor_inverse = inverse(&minor);
        let first_column: Vec<Fr> = mds[1..].iter().map(|row| row[0]).collect();

        // Q_k and its inverse for k = R, R - 1, .. 0, starting from the identity.
        let mut bases = vec![(identity(width - 1), identity(width - 1))];
        for _ in 0..partial_rounds {
            if let Some((basis, basis_inverse)) = bases.last() {
                let next = (product(&minor_inverse, basis), product(basis_inverse, &minor));
                bases.push(next);
            }
        }
        bases.reverse();

        if let (Some((_, matrix)), Some((_, basis_inverse))) = (before.last_mut(), bases.first()) {
            let changed = product(basis_inverse, &matrix[1..].to_vec());
            matrix.truncate(1);
            matrix.extend(changed);
        }

        let mut carried = vec![Fr::ZERO; width];
        let mut partial = Vec::with_capacity(partial_rounds);
        for (pair, constants) in bases.windows(2).zip(&partial_constants) {
            let ((basis, basis_inverse), (_, next_inverse)) = (&pair[0], &pair[1]);
            carried[0] += constants[0];
            for (sum, moved) in carried[1..].iter_mut().zip(apply(basis_inverse, &constants[1..])) {
                *sum += moved;
            }
            let mut row = vec![mds[0][0]];
            row.extend(apply(&transpose(basis), &mds[0][1..]));
            let column = apply(next_inverse, &first_column);
            let constant = carried[0];
            // The rest passes the S-box; S_k maps (0, rest) to (row . rest, rest).
            carried[0] = dot(&row[1..], &carried[1..]);
            partial.push(Sparse {
                constant,
                row,
                column,
            });
        }
        if let Some((constants, _)) = after.first_mut() {
            constants
                .iter_mut()
                .zip(carried)
                .for_each(|(constant, moved)| *constant += moved);
        }
        Self {
            width,
            before,
            partial,
            after,
        }
    }

    /// Permutes the state and returns element 0 (the last round computes nothing else).
    pub(super) fn first_of(&self, state: &mut [Fr]) -> Fr {
        debug_assert_eq!(state.len(), self.width);
        for round in &self.before {
            full_round(state, round);
        }
        for Sparse {
            constant,
            row,
            column,
        } in &self.partial
        {
            let first = power_5(state[0] + constant);
            state[0] = first;
            let next = dot(row, state);
            for (element, factor) in state[1..].iter_mut().zip(column) {
                *element += first * factor;
            }
            state[0] = next;
        }
        let Some((last, rest)) = self.after.split_last() else {
            return state[0];
        };
        for round in rest {
            full_round(state, round);
        }
        let (constants, matrix) = last;
        s_boxes(state, constants);
        dot(&matrix[0], state)
    }
}

fn full_round(state: &mut [Fr], (constants, matrix): &(Vec<Fr>, Matrix)) {
    s_boxes(state, constants);
    let mut old = [Fr::ZERO; super::WIDTH_MAX];
    let old = &mut old[..state.len()];
    old.copy_from_slice(state);
    state
        .iter_mut()
        .zip(matrix)
        .for_each(|(element, row)| *element = dot(row, old));
}

fn s_boxes(state: &mut [Fr], constants: &[Fr]) {
    state
        .iter_mut()
        .zip(constants)
        .for_each(|(element, constant)| *element = power_5(*element + constant));
}

fn power_5(x: Fr) -> Fr {
    x.square().square() * x
}

/// Scalar product. Three products share one Montgomery reduction, as many as the two spare bits of r allow.
fn dot(left: &[Fr], right: &[Fr]) -> Fr {
    let (left_chunks, left_rest) = left.as_chunks::<3>();
    let (right_chunks, right_rest) = right.as_chunks::<3>();
    let chunks: Fr = left_chunks
        .iter()
        .zip(right_chunks)
        .map(|(a, b)| Fr::sum_of_products(a, b))
        .sum();
    left_rest
        .iter()
        .zip(right_rest)
        .fold(chunks, |sum, (a, b)| sum + *a * b)
}

fn apply(matrix: &Matrix, vector: &[Fr]) -> Vec<Fr> {
    matrix.iter().map(|row| dot(row, vector)).collect()
}

fn product(left: &Matrix, right: &Matrix) -> Matrix {
    let columns = transpose(right);
    left.iter().map(|row| apply(&columns, row)).collect()
}

fn transpose(matrix: &[Vec<Fr>]) -> Matrix {
    let columns = matrix.first().map_or(0, Vec::len);
    (0..columns)
        .map(|j| matrix.iter().map(|row| row[j]).collect())
        .collect()
}

fn identity(size: usize) -> Matrix {
    (0..size)
        .map(|i| {
            (0..size)
                .map(|j| if i == j { Fr::ONE } else { Fr::ZERO })
                .collect()
        })
        .collect()
}

/// Gauss-Jordan. Minors of a Cauchy matrix are Cauchy matrices, so every leading pivot is nonzero.
fn inverse(matrix: &Matrix) -> Matrix {
    let size = matrix.len();
    let mut work: Matrix = matrix
        .iter()
        .zip(identity(size))
        .map(|(row, unit)| [row.clone(), unit].concat())
        .collect();
    for pivot in 0..size {
        let scale = work[pivot][pivot].inverse().unwrap_or_default();
        work[pivot].iter_mut().for_each(|x| *x *= scale);
        let pivot_row = work[pivot].clone();
        for (i, row) in work.iter_mut().enumerate() {
            if i != pivot {
                let factor = row[pivot];
                row.iter_mut().zip(&pivot_row).for_each(|(x, y)| *x -= factor * y);
            }
        }
    }
    work.into_iter().map(|row| row[size..].to_vec()).collect()
}
