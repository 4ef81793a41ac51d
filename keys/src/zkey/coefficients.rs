//! Section 4 of a key: the entries of the matrices A and B.
//!
//! C is not listed: a prover takes `C z = A z o B z` from the witness. Behind the constraints follow
//! `public + 1` rows, one for the constant one and each public wire, with a 1 in A and nothing in B; they make
//! the public inputs' polynomials independent.
//!
//! **What a value is.** The file holds `v * R^2 mod r` for the entry `v`, with `R = 2^256`. Montgomery's
//! product of that integer with a plain witness integer `z` is `v * R^2 * z / R = (v * z) * R`: the product
//! in Montgomery's form, which is what the sum over a row wants, with no conversion of the witness. In
//! arkworks: `coefficient.lifted() * Fr::new_unchecked(z)` is the field element `v * z`.
//!
//! **Their order.** Every key of the corpus has its entries sorted by row, then matrix (A before B), the
//! extra rows last. Wires ascend within a row where the circuit's compiler sorted them, and not elsewhere.
//! Nothing in the format says so, and no reader here relies on it: only the extra rows must come last.
//!
//! Depends on: `container` for numbers. Where to go next: `check` walks all of them, `write` writes them.

use crate::container::{limb_bytes, read_limbs};
use crate::error::{CoefficientFault, MatrixName, Problem, ReadError};
use ark_bn254::{Fr, FrConfig};
use ark_ff::{BigInt, MontConfig, PrimeField};
use std::io::{self, Write};

use super::{FORMAT_NAME, Header, Part};

/// Bytes of a coefficient: matrix, row and wire in four bytes each, the value in 32.
pub const COEFFICIENT_BYTES: usize = 44;

/// `R^2 mod r`: what the file holds for the value 1.
const ONE: BigInt<4> = FrConfig::R2;

/// An entry of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coefficient {
    /// A or B.
    pub matrix: MatrixName,
    /// The constraint, or behind the constraints the number of an extra row.
    pub row: u32,
    /// The wire that it multiplies.
    pub wire: u32,
    /// `v * R^2 mod r` for the entry v, as in the file.
    pub raw: BigInt<4>,
}

impl Coefficient {
    /// The coefficient of an entry.
    pub fn new(matrix: MatrixName, row: u32, wire: u32, value: Fr) -> Self {
        // In arkworks an element x is stored as x * R: the product of v and R is stored as v * R^2.
        let lifted = value * Fr::new_unchecked(ONE);
        Self {
            matrix,
            row,
            wire,
            raw: lifted.0,
        }
    }

    /// The row that binds the constant one (wire 0) or a public input, behind `constraints` rows.
    pub fn input_row(constraints: u32, wire: u32) -> Self {
        Self {
            matrix: MatrixName::A,
            row: constraints.saturating_add(wire),
            wire,
            raw: ONE,
        }
    }

    /// The entry times R: times a witness integer taken as limbs (`Fr::new_unchecked`), it is the product.
    pub fn lifted(&self) -> Fr {
        Fr::new_unchecked(self.raw)
    }

    /// The entry itself.
    pub fn value(&self) -> Fr {
        self.lifted() * Fr::new_unchecked(BigInt::one())
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let matrix: u32 = match self.matrix {
            MatrixName::A => 0,
            MatrixName::B => 1,
            // Refused by `check` before anything is written.
            MatrixName::C => 2,
        };
        for number in [matrix, self.row, self.wire] {
            out.write_all(&number.to_le_bytes())?;
        }
        out.write_all(&limb_bytes(&self.raw))
    }

    /// Whether the matrices have such an entry.
    pub(super) fn check(&self, header: &Header) -> Result<(), CoefficientFault> {
        let (row, wire) = (self.row, self.wire);
        if self.matrix == MatrixName::C {
            return Err(CoefficientFault::Matrix { got: 2 });
        }
        if row >= header.domain_size {
            let rows = header.domain_size;
            return Err(CoefficientFault::RowOutOfRange { row, rows });
        }
        if wire >= header.wires {
            let wires = header.wires;
            return Err(CoefficientFault::WireOutOfRange { wire, wires });
        }
        if self.raw >= Fr::MODULUS {
            return Err(CoefficientFault::NotCanonical);
        }
        Ok(())
    }
}

/// The entries, borrowed from the file and parsed one at a time.
#[derive(Debug, Clone, Copy)]
pub struct Coefficients<'a> {
    pub(super) header: &'a Header,
    /// Whole coefficients.
    pub(super) bytes: &'a [u8],
    /// Where they begin in the file.
    pub(super) offset: u64,
}

impl<'a> Coefficients<'a> {
    /// How many there are, the extra rows among them.
    pub fn len(&self) -> usize {
        self.bytes.len() / COEFFICIENT_BYTES
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes of all of them, [`COEFFICIENT_BYTES`] each.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Coefficient `index`, checked: the matrix is A or B, the row is in the domain, the wire exists, the
    /// value is less than the prime.
    ///
    /// # Errors
    /// If it is not so, or there is no such coefficient.
    pub fn get(&self, index: usize) -> Result<Coefficient, ReadError> {
        let (all, _) = self.bytes.as_chunks::<COEFFICIENT_BYTES>();
        let bytes = all.get(index).ok_or_else(|| {
            let (needed, left) = (COEFFICIENT_BYTES as u64, 0);
            self.error(index, Problem::Truncated { needed, left })
        })?;
        let coefficient = parse(bytes).and_then(|found| found.check(self.header).map(|()| found));
        coefficient.map_err(|fault| self.fault(index, fault))
    }

    /// All of them, each checked as by [`get`](Self::get).
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Result<Coefficient, ReadError>> + Clone + 'a {
        let all = *self;
        (0..all.len()).map(move |index| all.get(index))
    }

    /// The number of constraints: the rows in front of those that bind the public inputs. The extra rows are
    /// checked; that no other coefficient stands in them is for [`super::Zkey::check`] to say.
    ///
    /// # Errors
    /// If the coefficients do not end with the extra rows.
    pub fn constraints(&self) -> Result<u32, ReadError> {
        let extra = self.header.public as usize + 1;
        let Some(first) = self.len().checked_sub(extra) else {
            return Err(self.error(
                0,
                Problem::TooFew {
                    what: "coefficients, one for each row that binds a public input",
                    least: extra as u64,
                    got: self.len() as u64,
                },
            ));
        };
        let constraints = self.get(first)?.row;
        for (index, wire) in (first..).zip(0..=self.header.public) {
            if self.get(index)? != Coefficient::input_row(constraints, wire) {
                return Err(self.fault(index, CoefficientFault::InputRow { wire }));
            }
        }
        Ok(constraints)
    }

    pub(super) fn fault(&self, index: usize, fault: CoefficientFault) -> ReadError {
        let index_in_file = index as u64;
        self.error(
            index,
            Problem::Coefficient {
                index: index_in_file,
                fault,
            },
        )
    }

    fn error(&self, index: usize, problem: Problem) -> ReadError {
        ReadError {
            format: FORMAT_NAME,
            section: Part::Coefficients.name(),
            offset: self.offset + index as u64 * COEFFICIENT_BYTES as u64,
            problem,
        }
    }
}

fn parse(bytes: &[u8; COEFFICIENT_BYTES]) -> Result<Coefficient, CoefficientFault> {
    let [m0, m1, m2, m3, r0, r1, r2, r3, w0, w1, w2, w3, value @ ..] = bytes;
    let matrix = match u32::from_le_bytes([*m0, *m1, *m2, *m3]) {
        0 => MatrixName::A,
        1 => MatrixName::B,
        got => return Err(CoefficientFault::Matrix { got }),
    };
    Ok(Coefficient {
        matrix,
        row: u32::from_le_bytes([*r0, *r1, *r2, *r3]),
        wire: u32::from_le_bytes([*w0, *w1, *w2, *w3]),
        raw: read_limbs(value),
    })
}
