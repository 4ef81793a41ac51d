//! A key that was just made for a circuit, in memory: what a setup hands to [`super::write_zkey`].
//!
//! Depends on: `write`, [`crate::r1cs`]. Where to go next: [`crate::ceremony`], whose keys anybody can make again;
//! development keys are `popw-prover`'s.

use super::{Coefficient, Contributions, Header, Layout, ZkeyParts, save_zkey, write_zkey};
use crate::error::{FileError, MatrixName, WriteError};
use crate::hash::Hash;
use crate::r1cs::{CONSTRAINTS_MAX, R1csFile};
use ark_bn254::{Fr, G1Affine};
use std::path::Path;

/// A key and its circuit.
pub struct NewKey {
    /// The circuit: its A and B become the key's coefficients.
    pub r1cs: R1csFile,
    /// The numbers and points in front.
    pub header: Header,
    /// The circuit's hash and who contributed.
    pub contributions: Contributions,
    /// `public + 1` points.
    pub ic: Vec<G1Affine>,
    /// `wires` points in G1, in bytes.
    pub a: Vec<u8>,
    /// `wires` points in G1, in bytes.
    pub b1: Vec<u8>,
    /// `wires` points in G2, in bytes.
    pub b2: Vec<u8>,
    /// `wires - public - 1` points in G1, in bytes.
    pub c: Vec<u8>,
    /// `domain_size` points in G1, in bytes.
    pub h: Vec<u8>,
    /// The order of the sections.
    pub layout: Layout,
}

impl NewKey {
    /// Everything but the coefficients.
    pub fn parts(&self) -> ZkeyParts<'_> {
        ZkeyParts {
            header: &self.header,
            ic: &self.ic,
            a: &self.a,
            b1: &self.b1,
            b2: &self.b2,
            c: &self.c,
            h: &self.h,
            contributions: &self.contributions,
            layout: self.layout,
        }
    }

    /// A and B row by row, then the rows that bind the public inputs.
    pub fn coefficients(&self) -> impl ExactSizeIterator<Item = Coefficient> + Clone {
        let constraints = self.r1cs.header().constraints;
        let rows = (0..constraints).zip(self.r1cs.constraints());
        let listed = rows.flat_map(|(row, [a, b, _])| {
            let of =
                move |matrix| move |(wire, value): &(u32, Fr)| Coefficient::new(matrix, row, *wire, *value);
            a.iter()
                .map(of(MatrixName::A))
                .chain(b.iter().map(of(MatrixName::B)))
        });
        let extra = (0..=self.header.public).map(move |wire| Coefficient::input_row(constraints, wire));
        let [a, b, _] = self.r1cs.matrices();
        Counted {
            left: a.terms().len() + b.terms().len() + self.ic.len(),
            items: listed.chain(extra),
        }
    }

    /// Writes the key to a file, whole or not at all, and its hash to `PATH.sha256`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save(&self, path: &Path) -> Result<Hash, FileError> {
        save_zkey(path, &self.parts(), self.coefficients())
    }

    /// The bytes of the key's file.
    ///
    /// # Errors
    /// If the key exceeds the format's limits.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WriteError> {
        let mut bytes = Vec::new();
        write_zkey(&mut bytes, &self.parts(), self.coefficients())?;
        Ok(bytes)
    }
}

/// Rows of the domain of a circuit: snarkjs's 2^(floor(log2(n - 1)) + 1) for the n constraints, public wires and the constant
/// one; the number of rows if it is over [`CONSTRAINTS_MAX`].
///
/// # Errors
/// The number of rows, if no domain is large enough.
pub fn domain_size(r1cs: &R1csFile) -> Result<u32, u64> {
    let header = r1cs.header();
    let rows = u64::from(header.constraints) + header.public() + 1;
    match u32::try_from(rows.max(2).next_power_of_two()) {
        Ok(domain) if domain <= CONSTRAINTS_MAX => Ok(domain),
        _ => Err(rows),
    }
}

/// An iterator whose length is known otherwise.
#[derive(Clone)]
struct Counted<I> {
    items: I,
    left: usize,
}

impl<I: Iterator> Iterator for Counted<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.left = self.left.saturating_sub(1);
        self.items.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<I: Iterator> ExactSizeIterator for Counted<I> {}
