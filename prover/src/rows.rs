//! [`Rows`]: where each constraint's coefficients are in a key, so that rows of A w and B w are evaluated by many threads
//! without locks and without a copy of the matrices.
//!
//! A `.zkey` lists the coefficients of A and B in one section, 44 bytes each: matrix, row, wire, value. snarkjs writes
//! them row by row, so an index of where each row begins is all that is needed: four bytes a row. The list of a file
//! that is ordered otherwise gets a permutation, four more bytes a coefficient.
//!
//! The section holds value * R^2, the witness plain integers. The Montgomery product of the two is value * w * R, which
//! is how arkworks keeps value * w: nothing is converted.

use crate::prover::ProverError;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use popw_kernels::{CancelToken, KernelError, Scalar};
use popw_keys::error::{MatrixName, ReadError};
use popw_keys::zkey::{Coefficient, Coefficients};
use rayon::prelude::*;
use std::ops::Range;

/// Coefficients or rows between two looks at the cancel token: well below a millisecond.
const PIECE: usize = 1 << 12;

/// A list of coefficients, each checked against the key's header as it is read.
pub(crate) trait Entries: Sync {
    fn len(&self) -> usize;
    fn get(&self, index: usize) -> Result<Coefficient, ReadError>;
}

impl Entries for Coefficients<'_> {
    fn len(&self) -> usize {
        Coefficients::len(self)
    }

    fn get(&self, index: usize) -> Result<Coefficient, ReadError> {
        Coefficients::get(self, index)
    }
}

/// See the module.
pub(crate) struct Rows {
    /// `starts[row]..starts[row + 1]` are the row's coefficients, in `order` if there is one, else in the key.
    starts: Vec<u32>,
    order: Option<Vec<u32>>,
}

impl Rows {
    /// Reads the whole list once, with the threads of the current pool. `domain` is above every row.
    pub(crate) fn new(
        entries: &impl Entries,
        domain: usize,
        cancel: &CancelToken,
    ) -> Result<Self, ProverError> {
        let count = entries.len();
        if count > u32::MAX as usize {
            return Err(KernelError::TooMany { got: count }.into());
        }
        let mut starts = vec![0_u32; domain + 1];
        if fill_ordered(&mut starts, entries, cancel)? {
            return Ok(Self { starts, order: None });
        }
        // A counting sort by row.
        starts.fill(0);
        for index in 0..count {
            pause(index, cancel)?;
            starts[entries.get(index)?.row as usize + 1] += 1;
        }
        for row in 0..domain {
            starts[row + 1] += starts[row];
        }
        let mut next = starts.clone();
        let mut order = vec![0; count];
        for index in 0..count {
            pause(index, cancel)?;
            let place = &mut next[entries.get(index)?.row as usize];
            order[*place as usize] = narrow(index);
            *place += 1;
        }
        Ok(Self {
            starts,
            order: Some(order),
        })
    }

    /// Did the list need a permutation?
    pub(crate) fn is_permuted(&self) -> bool {
        self.order.is_some()
    }

    /// Fills `a` and `b` with these rows of A w and B w. Leaves early, with rows missing, once `cancel` is cancelled.
    pub(crate) fn evaluate(
        &self,
        entries: &impl Entries,
        witness: &[Scalar],
        rows: Range<usize>,
        (a, b): (&mut [Fr], &mut [Fr]),
        cancel: &CancelToken,
    ) {
        for ((row, a), b) in rows.zip(a).zip(b) {
            if row % PIECE == 0 && cancel.is_cancelled() {
                return;
            }
            (*a, *b) = (Fr::ZERO, Fr::ZERO);
            for place in self.starts[row] as usize..self.starts[row + 1] as usize {
                let index = self.order.as_ref().map_or(place, |order| order[place] as usize);
                // Every entry was read before. If the file has changed under the map, the proof fails to verify.
                let Ok(entry) = entries.get(index) else { continue };
                let product = entry.lifted() * Fr::new_unchecked(witness[entry.wire as usize]);
                match entry.matrix {
                    MatrixName::A => *a += product,
                    _ => *b += product,
                }
            }
        }
    }
}

/// Fills in where each row starts if the coefficients are ordered by row; `false` if they are not. Reads each of them.
fn fill_ordered(
    starts: &mut [u32],
    entries: &impl Entries,
    cancel: &CancelToken,
) -> Result<bool, ProverError> {
    let (count, domain) = (entries.len(), starts.len() - 1);
    // The first row that coefficient `index` may start.
    let first_row = |index: usize| match index.checked_sub(1) {
        None => Ok(0),
        Some(before) => entries.get(before).map(|entry| entry.row as usize + 1),
    };
    // Each piece of coefficients starts the rows from the last row of the piece before to its own last row: disjoint
    // ranges of `starts`, cut off one after another. Boundaries that go back show a list that is not ordered.
    let mut rest = starts;
    let mut done = 0;
    let mut pieces = Vec::with_capacity(count / PIECE + 1);
    for first in (0..count).step_by(PIECE) {
        pause(first, cancel)?;
        let last = (first + PIECE).min(count);
        let end = first_row(last)?.min(domain);
        if end < done {
            return Ok(false);
        }
        let (head, tail) = std::mem::take(&mut rest).split_at_mut(end - done);
        pieces.push((first..last, done, head));
        rest = tail;
        done = end;
    }
    rest.fill(narrow(count));
    let ordered: Result<Vec<bool>, ProverError> = pieces
        .into_par_iter()
        .map(|(indices, base, starts)| {
            pause(0, cancel)?;
            let mut next = base;
            for index in indices {
                let row = entries.get(index)?.row as usize;
                // The row goes back, or beyond the rows of this piece.
                if row + 1 < next || row + 1 - base > starts.len() {
                    return Ok(false);
                }
                starts[next - base..row + 1 - base].fill(narrow(index));
                next = row + 1;
            }
            Ok(true)
        })
        .collect();
    Ok(ordered?.into_iter().all(|piece| piece))
}

/// Looks at the token now and then.
fn pause(index: usize, cancel: &CancelToken) -> Result<(), ProverError> {
    match index.is_multiple_of(PIECE) && cancel.is_cancelled() {
        true => Err(ProverError::Cancelled),
        false => Ok(()),
    }
}

/// A number of coefficients, which [`Rows::new`] has found to fit.
#[allow(clippy::cast_possible_truncation)]
fn narrow(index: usize) -> u32 {
    index as u32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

    use super::*;
    use ark_ff::{PrimeField, UniformRand};
    use ark_std::rand::rngs::StdRng;
    use ark_std::rand::{Rng, SeedableRng};

    struct List(Vec<Coefficient>);

    impl Entries for List {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn get(&self, index: usize) -> Result<Coefficient, ReadError> {
            Ok(self.0[index])
        }
    }

    /// The rows by definition.
    fn expected(entries: &List, witness: &[Fr], domain: usize) -> [Vec<Fr>; 2] {
        let mut sums = [vec![Fr::ZERO; domain], vec![Fr::ZERO; domain]];
        for entry in &entries.0 {
            let matrix = usize::from(entry.matrix == MatrixName::B);
            sums[matrix][entry.row as usize] += entry.value() * witness[entry.wire as usize];
        }
        sums
    }

    fn check(entries: &List, witness: &[Fr], domain: usize) {
        let never = CancelToken::new();
        let rows = Rows::new(entries, domain, &never).unwrap();
        let scalars: Vec<_> = witness.iter().map(|value| value.into_bigint()).collect();
        // What was there before must not stay.
        let mut sums = [vec![Fr::from(7u64); domain], vec![Fr::from(7u64); domain]];
        let [a, b] = &mut sums;
        let half = domain / 2;
        rows.evaluate(
            entries,
            &scalars,
            0..half,
            (&mut a[..half], &mut b[..half]),
            &never,
        );
        rows.evaluate(
            entries,
            &scalars,
            half..domain,
            (&mut a[half..], &mut b[half..]),
            &never,
        );
        assert_eq!(
            sums,
            expected(entries, witness, domain),
            "{} in {domain}",
            entries.len()
        );
    }

    fn random(rng: &mut StdRng, count: usize, domain: usize, wires: u32) -> List {
        let entry = |_| {
            let matrix = if rng.gen_bool(0.5) {
                MatrixName::A
            } else {
                MatrixName::B
            };
            Coefficient::new(
                matrix,
                rng.gen_range(0..domain as u32),
                rng.gen_range(0..wires),
                Fr::rand(rng),
            )
        };
        List((0..count).map(entry).collect())
    }

    #[test]
    fn rows_are_evaluated_in_any_order_of_the_list() {
        let mut rng = StdRng::seed_from_u64(1);
        for (count, domain) in [
            (0, 2),
            (1, 2),
            (5, 4),
            (60, 64),
            (3 * PIECE + 5, 64),
            (2 * PIECE, 1 << 14),
        ] {
            let witness: Vec<Fr> = (0..9).map(|_| Fr::rand(&mut rng)).collect();
            let mut list = random(&mut rng, count, domain, 9);
            check(&list, &witness, domain);
            list.0.sort_by_key(|entry| entry.row);
            check(&list, &witness, domain);
            let rows = Rows::new(&list, domain, &CancelToken::new()).unwrap();
            assert!(!rows.is_permuted(), "an ordered list needs no permutation");
        }
    }

    #[test]
    fn one_coefficient_out_of_order_is_noticed_at_every_place() {
        let mut rng = StdRng::seed_from_u64(2);
        let domain = 3 * PIECE;
        let witness: Vec<Fr> = (0..3).map(|_| Fr::rand(&mut rng)).collect();
        let entry = |row| Coefficient::new(MatrixName::A, row, row % 3, Fr::from(u64::from(row)));
        let ordered: Vec<Coefficient> = (0..domain as u32).map(entry).collect();
        for at in [
            0,
            1,
            PIECE - 2,
            PIECE - 1,
            PIECE,
            PIECE + 1,
            2 * PIECE - 1,
            domain - 2,
        ] {
            let mut list = List(ordered.clone());
            list.0.swap(at, at + 1);
            check(&list, &witness, domain);
        }
        for (from, to) in [(0, domain - 1), (domain - 1, 0), (PIECE, 2 * PIECE)] {
            let mut list = List(ordered.clone());
            let entry = list.0.remove(from);
            list.0.insert(to, entry);
            check(&list, &witness, domain);
        }
    }

    #[test]
    fn cancelling_stops_the_index() {
        let token = CancelToken::new();
        token.cancel();
        let mut rng = StdRng::seed_from_u64(3);
        let list = random(&mut rng, 1, 2, 1);
        assert!(matches!(Rows::new(&list, 2, &token), Err(ProverError::Cancelled)));
    }
}
