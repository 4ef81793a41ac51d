//! A circuit in the ecosystem's formats, and its identity.
//!
//! The circuit id is the SHA-256 of the `.r1cs` file that [`r1cs_file`] writes: any change of a constraint changes it, and
//! anyone can recompute it with a standard tool. Snarkjs, Picus and Ecne read the files.

use ark_bn254::Fr;
use popw_circuits::R1cs;
use popw_keys::error::WriteError;
use popw_keys::r1cs::{Header, write_r1cs};
use popw_keys::sym::{Symbol, write_sym};
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::Write;

/// Identifies a circuit: the SHA-256 of its `.r1cs` file.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CircuitId(pub [u8; 32]);

impl CircuitId {
    /// The id of a `.r1cs` file.
    pub fn of(r1cs_file: &[u8]) -> Self {
        Self(Sha256::digest(r1cs_file).into())
    }
}

impl fmt::Display for CircuitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CircuitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CircuitId({self})")
    }
}

/// The rows of one matrix with their coefficients written out.
struct Rows {
    ends: Vec<usize>,
    terms: Vec<(u32, Fr)>,
}

impl Rows {
    fn of(r1cs: &R1cs<Fr>, matrix: usize) -> Self {
        let mut rows = Self {
            ends: vec![0],
            terms: Vec::with_capacity(r1cs.matrices[matrix].terms()),
        };
        for row in 0..r1cs.constraints() {
            let terms = r1cs.matrices[matrix].row(row);
            rows.terms.extend(
                terms
                    .iter()
                    .map(|(wire, id)| (*wire, r1cs.coefficients[*id as usize])),
            );
            rows.ends.push(rows.terms.len());
        }
        rows
    }

    fn row(&self, row: usize) -> &[(u32, Fr)] {
        &self.terms[self.ends[row]..self.ends[row + 1]]
    }
}

/// The `.r1cs` file of a circuit, in memory.
///
/// # Errors
/// If the circuit exceeds the format's limits.
pub fn r1cs_file(r1cs: &R1cs<Fr>) -> Result<Vec<u8>, WriteError> {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let private_inputs = (0..r1cs.wires())
        .filter(|wire| {
            use popw_circuits::r1cs::WireKind;
            matches!(r1cs.wire_kind(*wire), WireKind::Input | WireKind::Choice)
        })
        .count();
    let header = Header {
        wires: count(r1cs.wires()),
        public_outputs: 0,
        public_inputs: count(r1cs.public_inputs()),
        private_inputs: count(private_inputs),
        labels: r1cs.wires() as u64,
        constraints: count(r1cs.constraints()),
    };
    let labels: Vec<u64> = (0..r1cs.wires() as u64).collect();
    let rows = [0, 1, 2].map(|matrix| Rows::of(r1cs, matrix));
    let mut file = Vec::new();
    let constraints = (0..r1cs.constraints()).map(|row| [0, 1, 2].map(|matrix: usize| rows[matrix].row(row)));
    write_r1cs(&mut file, &header, &labels, constraints)?;
    Ok(file)
}

/// Writes the names of a circuit's wires.
///
/// # Errors
/// If `out` fails.
pub fn sym_file(r1cs: &R1cs<Fr>, out: impl Write) -> Result<(), WriteError> {
    let names: Vec<String> = (1..r1cs.wires())
        .map(|wire| format!("main.{}", r1cs.wire_name(wire)))
        .collect();
    let symbols = names.iter().zip(1u32..).map(|(name, wire)| Symbol {
        label: u64::from(wire),
        wire: Some(wire),
        component: 0,
        name,
    });
    write_sym(out, symbols)
}
