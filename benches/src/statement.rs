//! The two statements that every prover proves, defined by their size alone: `2^k - 64` constraints, which with the constant
//! and the one public output fill a domain of exactly 2^k.
//!
//! - `chain`: x' = x (x + 1), again and again. Every wire is a full-size value and every query of the key is dense: the worst
//!   case of every prover.
//! - `bits`: of each 64 constraints 48 are b (b - 1) = 0 on random bits and 16 are x' = x (x + 1 + b0 + 2 b1 + 4 b2), three fresh
//!   bits a step: most wires are small, as in circuits of range checks, hashes and comparisons.
//!
//! Wires: the constant, the last x (the public output), the first x, the bits, the x between.
//!
//! Depends on: `popw_keys` for the formats. gnark builds the same statements itself: `peers/gnark/statements.go`.

use ark_bn254::Fr;
use ark_ff::{One, UniformRand, Zero};
use ark_std::rand::rngs::StdRng;
use ark_std::rand::{Rng, SeedableRng};
use popw_keys::r1cs::{Constraint, Header, Terms};
use popw_keys::{WriteError, write_r1cs, write_wtns};
use std::io::Write;
use std::ops::Range;

/// The smallest statement has 2^7 - 64 constraints.
pub const LOG2_MIN: u32 = 7;
/// The largest: its key is many gigabytes.
pub const LOG2_MAX: u32 = 24;

/// Which statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Full-size wires.
    Chain,
    /// Mostly bits.
    Bits,
}

impl Kind {
    /// The name in commands and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Bits => "bits",
        }
    }

    fn bits_per_step(self) -> usize {
        match self {
            Self::Chain => 0,
            Self::Bits => 3,
        }
    }
}

/// A statement of one size, with a witness.
pub struct Statement {
    header: Header,
    terms: Vec<(u32, Fr)>,
    /// Where the rows of A, B and C of each constraint end in `terms`.
    ends: Vec<[u32; 3]>,
    witness: Vec<Fr>,
}

/// Where the wires stand.
const CONSTANT: u32 = 0;
const LAST: u32 = 1;
const FIRST: u32 = 2;

impl Statement {
    /// The statement of 2^log2 - 64 constraints. The witness is a function of kind and size.
    ///
    /// # Errors
    /// If the size is not from [`LOG2_MIN`] to [`LOG2_MAX`].
    pub fn new(kind: Kind, log2: u32) -> Result<Self, String> {
        if !(LOG2_MIN..=LOG2_MAX).contains(&log2) {
            return Err(format!(
                "a size is the logarithm of a domain, from {LOG2_MIN} to {LOG2_MAX}, got {log2}"
            ));
        }
        let constraints = (1_u32 << log2) - 64;
        let per_step = kind.bits_per_step();
        // 1 + per_step divides 64, so it divides the constraints.
        let steps = constraints / (1 + u32::from(kind == Kind::Bits) * 3);
        let bits = constraints - steps;
        let mut random = StdRng::seed_from_u64(u64::from(log2));
        let mut made = Self {
            header: Header {
                wires: 2 + bits + steps,
                public_outputs: 1,
                public_inputs: 0,
                private_inputs: 1 + bits,
                labels: u64::from(2 + bits + steps),
                constraints,
            },
            terms: Vec::new(),
            ends: Vec::with_capacity(constraints as usize),
            witness: vec![Fr::one(); (2 + bits + steps) as usize],
        };
        let (mut at, mut x) = (FIRST, Fr::rand(&mut random));
        made.witness[FIRST as usize] = x;
        let mut bit = FIRST + 1;
        for step in 0..steps {
            let (mut sum, mut value) = (vec![(CONSTANT, Fr::one())], x + Fr::one());
            for place in 0..per_step {
                let set = random.r#gen::<bool>();
                let weight = Fr::from(1_u64 << place);
                made.witness[bit as usize] = Fr::from(set);
                made.push(
                    &[(bit, Fr::one())],
                    &[(CONSTANT, -Fr::one()), (bit, Fr::one())],
                    &[],
                );
                sum.push((bit, weight));
                value += if set { weight } else { Fr::from(0_u64) };
                bit += 1;
            }
            sum.push((at, Fr::one()));
            sum.sort_unstable_by_key(|(wire, _)| *wire);
            let next = match step + 1 == steps {
                true => LAST,
                false => FIRST + 1 + bits + step,
            };
            made.push(&[(at, Fr::one())], &sum, &[(next, Fr::one())]);
            x *= value;
            at = next;
            made.witness[at as usize] = x;
        }
        Ok(made)
    }

    fn push(&mut self, a: &[(u32, Fr)], b: &[(u32, Fr)], c: &[(u32, Fr)]) {
        let mut end = self.ends.last().map_or(0, |[.., end]| *end);
        let ends = [a, b, c].map(|row| {
            self.terms.extend_from_slice(row);
            // At most eight terms a constraint, so 2^27 of the largest statement.
            end += row.iter().map(|_| 1).sum::<u32>();
            end
        });
        self.ends.push(ends);
    }

    /// The numbers in front.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// One constraint.
    pub fn constraint(&self, index: usize) -> Option<Constraint<'_>> {
        let [a, b, c] = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before][2]);
        let row = |from: u32, to: u32| &self.terms[from as usize..to as usize];
        Some([row(start, a), row(a, b), row(b, c)])
    }

    /// The values of rows of A and B: those of the constraints, then for each public wire one row of A that holds it
    /// alone, as snarkjs's keys have it, then nothing.
    pub fn evaluate(&self, rows: Range<usize>, a: &mut [Fr], b: &mut [Fr]) {
        let value = |terms: Terms<'_>| {
            terms
                .iter()
                .map(|(wire, factor)| self.witness[*wire as usize] * factor)
                .sum()
        };
        for ((row, a), b) in rows.zip(a).zip(b) {
            (*a, *b) = match self.constraint(row) {
                Some([left, right, _]) => (value(left), value(right)),
                None => {
                    let public = row - self.ends.len();
                    let held = match public <= LAST as usize {
                        true => self.witness[public],
                        false => Fr::zero(),
                    };
                    (held, Fr::zero())
                }
            };
        }
    }

    /// The constraints, in order.
    pub fn constraints(&self) -> impl Iterator<Item = Constraint<'_>> + Clone {
        (0..self.ends.len()).filter_map(|index| self.constraint(index))
    }

    /// The value of every wire.
    pub fn witness(&self) -> &[Fr] {
        &self.witness
    }

    /// Writes the constraints as `.r1cs`.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write_r1cs(&self, out: impl Write) -> Result<(), WriteError> {
        let labels: Vec<u64> = (0..self.header.labels).collect();
        write_r1cs(out, &self.header, &labels, self.constraints())
    }

    /// Writes the witness as `.wtns`.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write_wtns(&self, out: impl Write) -> Result<(), WriteError> {
        write_wtns(out, &self.witness)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails shall stop")]

    use super::{Kind, LOG2_MAX, LOG2_MIN, Statement};
    use ark_bn254::Fr;
    use ark_ff::{One, Zero};
    use popw_keys::R1csFile;

    #[test]
    fn the_witness_satisfies_every_constraint() {
        for kind in [Kind::Chain, Kind::Bits] {
            for log2 in [LOG2_MIN, 8, 11] {
                let statement = Statement::new(kind, log2).unwrap();
                let witness = statement.witness();
                let value = |row: &[(u32, Fr)]| -> Fr {
                    row.iter()
                        .map(|(wire, factor)| witness[*wire as usize] * factor)
                        .sum()
                };
                for [a, b, c] in statement.constraints() {
                    assert_eq!(value(a) * value(b), value(c));
                }
            }
        }
    }

    #[test]
    fn statements_are_what_the_module_says() {
        for (kind, bit_rows) in [(Kind::Chain, 0), (Kind::Bits, 48)] {
            let statement = Statement::new(kind, 12).unwrap();
            assert_eq!(statement.constraints().count(), (1 << 12) - 64);
            let constraints: Vec<_> = statement.constraints().collect();
            for block in constraints.chunks(64) {
                assert_eq!(block.iter().filter(|[.., c]| c.is_empty()).count(), bit_rows);
            }
            let small = |value: &&Fr| value.is_zero() || value.is_one();
            // The constant, and every bit; no x is small.
            let bits = bit_rows * constraints.len() / 64;
            assert_eq!(statement.witness().iter().filter(small).count(), 1 + bits);
        }
    }

    #[test]
    fn the_files_are_lawful() {
        for kind in [Kind::Chain, Kind::Bits] {
            let statement = Statement::new(kind, LOG2_MIN).unwrap();
            let (mut r1cs, mut wtns) = (Vec::new(), Vec::new());
            statement.write_r1cs(&mut r1cs).unwrap();
            statement.write_wtns(&mut wtns).unwrap();
            assert!(
                R1csFile::read(&r1cs)
                    .unwrap()
                    .constraints()
                    .eq(statement.constraints())
            );
            assert_eq!(popw_keys::read_wtns(&wtns).unwrap(), statement.witness());
        }
    }

    #[test]
    fn other_sizes_are_refused() {
        for log2 in [LOG2_MIN - 1, LOG2_MAX + 1] {
            assert!(Statement::new(Kind::Chain, log2).is_err());
        }
    }
}
