//! `.r1cs` version 1: a constraint system `A z o B z = C z` over BN254's scalar field.
//!
//! Two uses. [`write_r1cs`] streams a circuit out from any iterator over constraints, walking it twice: once
//! to check it and count its terms, once to write, so that a refused circuit leaves no half file.
//! [`R1csFile`] holds a file that was read, each matrix as one row of terms after another.
//!
//! Wires are ordered: the constant one, public outputs, public inputs, private inputs, all others. Laws of a
//! linear combination: wires ascend, none twice, no zero coefficient, every wire exists. The reader
//! grants one liberty: some releases of circom order terms otherwise (by the little-endian bytes of the wire,
//! so 256 before 3), which is legal and kept, see [`Layout`].
//!
//! ```text
//! 1 header        32 u32 | prime [32] | wires u32 | public outputs u32 | public inputs u32 | private inputs u32
//!                 | labels u64 | constraints u32
//! 2 constraints   constraints * 3 * { terms u32 | terms * { wire u32 | coefficient [32] } }
//! 3 wire labels   wires * u64
//! ```
//!
//! Depends on: `container` for the frame. Where to go next: [`crate::sym`], which gives labels their names;
//! [`crate::wtns`], which gives wires their values.

use crate::container::{
    Container, FR_BYTES, Format, PRIME_BYTES, Section, write_fr, write_prime, write_section,
};
use crate::error::{MatrixName, Problem, ReadError, TermFault, WriteError};
use ark_bn254::Fr;
use ark_ff::Zero;
use std::io::{self, Write};

/// Most constraints: the largest power of two that divides the order of BN254's multiplicative group.
pub const CONSTRAINTS_MAX: u32 = 1 << 28;
/// Most wires.
pub const WIRES_MAX: u32 = 1 << 28;
/// Most labels.
pub const LABELS_MAX: u64 = 1 << 32;

const HEADER: u32 = 1;
const CONSTRAINTS: u32 = 2;
const LABELS: u32 = 3;
const HEADER_BYTES: u64 = PRIME_BYTES + 4 * 4 + 8 + 4;
const TERM_BYTES: u64 = 4 + FR_BYTES as u64;

static FORMAT: Format = Format {
    name: "r1cs",
    magic: *b"r1cs",
    version: 1,
    sections: &[
        (HEADER, "header"),
        (CONSTRAINTS, "constraints"),
        (LABELS, "wire labels"),
    ],
};

/// A linear combination: wires and their coefficients.
pub type Terms<'a> = &'a [(u32, Fr)];

/// One constraint: its rows of A, B and C.
pub type Constraint<'a> = [Terms<'a>; 3];

/// The numbers in front of a constraint system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Wires, with the constant one.
    pub wires: u32,
    /// Wires that are public outputs.
    pub public_outputs: u32,
    /// Wires that are public inputs.
    pub public_inputs: u32,
    /// Wires that are private inputs.
    pub private_inputs: u32,
    /// Labels: signals before any were optimised away, with the constant one.
    pub labels: u64,
    /// Constraints.
    pub constraints: u32,
}

impl Header {
    /// Public wires other than the constant one: what a verifier is given.
    pub fn public(&self) -> u64 {
        u64::from(self.public_outputs) + u64::from(self.public_inputs)
    }

    fn check(&self) -> Result<(), Problem> {
        let limits = [
            ("wires", u64::from(WIRES_MAX), u64::from(self.wires)),
            (
                "constraints",
                u64::from(CONSTRAINTS_MAX),
                u64::from(self.constraints),
            ),
            ("labels", LABELS_MAX, self.labels),
        ];
        for (what, most, got) in limits {
            if got > most {
                return Err(Problem::Limit { what, most, got });
            }
        }
        let named = 1 + self.public() + u64::from(self.private_inputs);
        if u64::from(self.wires) < named {
            return Err(Problem::TooFew {
                what: "wires",
                least: named,
                got: u64::from(self.wires),
            });
        }
        if self.labels < u64::from(self.wires) {
            let least = u64::from(self.wires);
            return Err(Problem::TooFew {
                what: "labels",
                least,
                got: self.labels,
            });
        }
        Ok(())
    }

    fn read(mut section: Section<'_>) -> Result<Self, ReadError> {
        section.prime()?;
        let start = section.offset();
        let header = Self {
            wires: section.u32()?,
            public_outputs: section.u32()?,
            public_inputs: section.u32()?,
            private_inputs: section.u32()?,
            labels: section.u64()?,
            constraints: section.u32()?,
        };
        section.finish()?;
        header.check().map_err(|problem| section.error(start, problem))?;
        Ok(header)
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        write_section(out, HEADER, HEADER_BYTES)?;
        write_prime(out)?;
        for number in [
            self.wires,
            self.public_outputs,
            self.public_inputs,
            self.private_inputs,
        ] {
            out.write_all(&number.to_le_bytes())?;
        }
        out.write_all(&self.labels.to_le_bytes())?;
        out.write_all(&self.constraints.to_le_bytes())
    }
}

/// What the format leaves to the writer. The default is what this crate writes; a file that was read keeps
/// its own, so that it can be written back byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The order of the sections: circom puts the constraints first.
    pub sections: [Part; 3],
    /// The order of the terms of a linear combination.
    pub terms: TermOrder,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            sections: [Part::Header, Part::Constraints, Part::WireLabels],
            terms: TermOrder::Ascending,
        }
    }
}

/// A section of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The numbers in front.
    Header,
    /// The three matrices.
    Constraints,
    /// The label of each wire.
    WireLabels,
}

/// The order of the terms of every linear combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermOrder {
    /// Wires ascend.
    Ascending,
    /// Somewhere wires do not ascend; still, none stands twice.
    Free,
}

/// One of the three matrices, row after row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// `ends[i]` is where row i ends in `terms`, and row i + 1 begins.
    ends: Vec<u32>,
    terms: Vec<(u32, Fr)>,
}

impl Matrix {
    fn new() -> Self {
        Self {
            ends: Vec::new(),
            terms: Vec::new(),
        }
    }

    /// The rows, one for each constraint.
    pub fn rows(&self) -> impl Iterator<Item = Terms<'_>> + Clone {
        let starts = std::iter::once(&0).chain(&self.ends);
        // Every end is a length that `terms` once had, so the slice exists.
        starts
            .zip(&self.ends)
            .map(|(start, end)| self.terms.get(*start as usize..*end as usize).unwrap_or_default())
    }

    /// All terms, in the order of the rows: their number is the matrix's count of non-zero entries.
    pub fn terms(&self) -> Terms<'_> {
        &self.terms
    }
}

/// A constraint system that was read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct R1csFile {
    header: Header,
    matrices: [Matrix; 3],
    wire_labels: Vec<u64>,
    layout: Layout,
}

impl R1csFile {
    /// Reads a whole file.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        let file = Container::open(bytes, &FORMAT)?;
        let mut layout = Layout::default();
        for (part, id) in layout.sections.iter_mut().zip(file.order()) {
            *part = match id {
                HEADER => Part::Header,
                CONSTRAINTS => Part::Constraints,
                _ => Part::WireLabels,
            };
        }
        let header = Header::read(file.section(HEADER)?)?;
        let (matrices, terms) = read_constraints(file.section(CONSTRAINTS)?, &header)?;
        layout.terms = terms;
        let wire_labels = read_labels(file.section(LABELS)?, &header)?;
        Ok(Self {
            header,
            matrices,
            wire_labels,
            layout,
        })
    }

    /// Writes the file back, byte for byte as it was read.
    pub fn write(&self, out: impl Write) -> Result<(), WriteError> {
        write_with(
            out,
            &self.header,
            &self.wire_labels,
            self.constraints(),
            self.layout,
        )
    }

    /// The numbers in front.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The matrices A, B and C.
    pub fn matrices(&self) -> &[Matrix; 3] {
        &self.matrices
    }

    /// The constraints, in order.
    pub fn constraints(&self) -> impl Iterator<Item = Constraint<'_>> + Clone {
        let [a, b, c] = &self.matrices;
        a.rows().zip(b.rows()).zip(c.rows()).map(|((a, b), c)| [a, b, c])
    }

    /// The label of each wire.
    pub fn wire_labels(&self) -> &[u64] {
        &self.wire_labels
    }

    /// What the file's writer was free to choose.
    pub fn layout(&self) -> Layout {
        self.layout
    }
}

/// Writes a constraint system, sections and terms in the order of [`Layout::default`]. `constraints` is
/// walked twice: everything is checked before the first byte leaves.
pub fn write_r1cs<'a>(
    out: impl Write,
    header: &Header,
    wire_labels: &[u64],
    constraints: impl Iterator<Item = Constraint<'a>> + Clone,
) -> Result<(), WriteError> {
    write_with(out, header, wire_labels, constraints, Layout::default())
}

fn write_with<'a>(
    out: impl Write,
    header: &Header,
    wire_labels: &[u64],
    constraints: impl Iterator<Item = Constraint<'a>> + Clone,
    layout: Layout,
) -> Result<(), WriteError> {
    let terms = check_system(header, wire_labels, constraints.clone(), layout.terms)
        .map_err(|problem| FORMAT.refuse(problem))?;
    let length = u64::from(header.constraints) * 3 * 4 + terms * TERM_BYTES;
    FORMAT.write(out, 3, |out| {
        layout.sections.iter().try_for_each(|part| match part {
            Part::Header => header.write(out),
            Part::Constraints => write_constraints(out, length, constraints.clone()),
            Part::WireLabels => write_labels(out, wire_labels),
        })
    })
}

/// Checks all that a writer is given; the number of terms if it is lawful.
fn check_system<'a>(
    header: &Header,
    wire_labels: &[u64],
    constraints: impl Iterator<Item = Constraint<'a>>,
    order: TermOrder,
) -> Result<u64, Problem> {
    header.check()?;
    let (labels, wires) = (wire_labels.len() as u64, u64::from(header.wires));
    if labels != wires {
        return Err(Problem::Count {
            what: "wire labels, one for each wire",
            expected: wires,
            got: labels,
        });
    }
    for (wire, label) in (0..).zip(wire_labels) {
        check_label(header, wire, *label)?;
    }
    let (mut count, mut terms) = (0_u64, 0);
    for constraint in constraints {
        // A count over u32 is refused below; until then it only names the constraint.
        let name = u32::try_from(count).unwrap_or(u32::MAX);
        for (matrix, row) in MatrixName::ALL.into_iter().zip(constraint) {
            check_terms(row, header.wires, order).map_err(|(_, fault)| Problem::Term {
                constraint: name,
                matrix,
                fault,
            })?;
            terms += row.len() as u64;
        }
        count += 1;
    }
    match u64::from(header.constraints) {
        expected if expected != count => Err(Problem::Count {
            what: "constraints",
            expected,
            got: count,
        }),
        _ => Ok(terms),
    }
}

/// Checks one linear combination and says how it is ordered. A fault comes with the index of its term.
fn check_terms(terms: Terms<'_>, wires: u32, allowed: TermOrder) -> Result<TermOrder, (usize, TermFault)> {
    let mut order = TermOrder::Ascending;
    let mut before = None;
    for (index, &(wire, coefficient)) in terms.iter().enumerate() {
        if wire >= wires {
            return Err((index, TermFault::WireOutOfRange { wire, wires }));
        }
        if coefficient.is_zero() {
            return Err((index, TermFault::ZeroCoefficient { wire }));
        }
        match before {
            Some(after) if wire == after => return Err((index, TermFault::RepeatedWire { wire })),
            Some(after) if wire < after => {
                order = TermOrder::Free;
                if allowed == TermOrder::Ascending {
                    return Err((index, TermFault::Unsorted { wire, after }));
                }
            }
            _ => {}
        }
        before = Some(wire);
    }
    if order == TermOrder::Free {
        let mut sorted: Vec<(u32, usize)> = terms.iter().map(|(wire, _)| *wire).zip(0..).collect();
        sorted.sort_unstable();
        for pair in sorted.windows(2) {
            if let [(first, _), (wire, index)] = *pair
                && first == wire
            {
                return Err((index, TermFault::RepeatedWire { wire }));
            }
        }
    }
    Ok(order)
}

fn check_label(header: &Header, wire: u64, label: u64) -> Result<(), Problem> {
    let labels = header.labels;
    if label < labels {
        Ok(())
    } else {
        Err(Problem::Label { wire, label, labels })
    }
}

fn write_constraints<'a>(
    out: &mut impl Write,
    length: u64,
    constraints: impl Iterator<Item = Constraint<'a>>,
) -> io::Result<()> {
    write_section(out, CONSTRAINTS, length)?;
    let mut written = 0;
    for row in constraints.flatten() {
        let terms = u32::try_from(row.len()).map_err(io::Error::other)?;
        out.write_all(&terms.to_le_bytes())?;
        for (wire, coefficient) in row {
            out.write_all(&wire.to_le_bytes())?;
            write_fr(out, coefficient)?;
        }
        written += 4 + u64::from(terms) * TERM_BYTES;
    }
    if written == length {
        Ok(())
    } else {
        Err(io::Error::other("the constraints changed between two walks"))
    }
}

fn write_labels(out: &mut impl Write, wire_labels: &[u64]) -> io::Result<()> {
    write_section(out, LABELS, wire_labels.len() as u64 * 8)?;
    wire_labels
        .iter()
        .try_for_each(|label| out.write_all(&label.to_le_bytes()))
}

fn read_constraints(
    mut section: Section<'_>,
    header: &Header,
) -> Result<([Matrix; 3], TermOrder), ReadError> {
    let mut matrices = [Matrix::new(), Matrix::new(), Matrix::new()];
    let mut order = TermOrder::Ascending;
    for constraint in 0..header.constraints {
        for (name, matrix) in MatrixName::ALL.into_iter().zip(&mut matrices) {
            let start = section.offset();
            let count = section.u32()?;
            let end = matrix
                .ends
                .last()
                .copied()
                .unwrap_or(0)
                .checked_add(count)
                .ok_or_else(|| {
                    let got = matrix.terms.len() as u64 + u64::from(count);
                    let most = u64::from(u32::MAX);
                    section.error(
                        start,
                        Problem::Limit {
                            what: "terms of one matrix",
                            most,
                            got,
                        },
                    )
                })?;
            let needed = u64::from(count) * TERM_BYTES;
            if needed > section.left() {
                let left = section.left();
                return Err(section.error(section.offset(), Problem::Truncated { needed, left }));
            }
            let row = matrix.terms.len();
            for _ in 0..count {
                matrix.terms.push((section.u32()?, section.fr()?));
            }
            matrix.ends.push(end);
            let found = check_terms(&matrix.terms[row..], header.wires, TermOrder::Free);
            let found = found.map_err(|(index, fault)| {
                let offset = start + 4 + index as u64 * TERM_BYTES;
                section.error(
                    offset,
                    Problem::Term {
                        constraint,
                        matrix: name,
                        fault,
                    },
                )
            })?;
            if found == TermOrder::Free {
                order = TermOrder::Free;
            }
        }
    }
    section.finish()?;
    for matrix in &mut matrices {
        matrix.terms.shrink_to_fit();
    }
    Ok((matrices, order))
}

fn read_labels(mut section: Section<'_>, header: &Header) -> Result<Vec<u64>, ReadError> {
    let mut labels = Vec::new();
    for wire in 0..u64::from(header.wires) {
        let start = section.offset();
        let label = section.u64()?;
        check_label(header, wire, label).map_err(|problem| section.error(start, problem))?;
        labels.push(label);
    }
    section.finish()?;
    Ok(labels)
}
