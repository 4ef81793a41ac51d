//! What a reader or a writer of this crate refuses, and where.
//!
//! [`ReadError`] names the format, the section and the byte of the file; [`WriteError`] names the place in
//! the data that was handed in. Both carry a [`Problem`] with what was expected and what was found.
//! [`FileError`] adds the path and what the operating system says.
//!
//! Depends on: nothing. Where to go next: `container`, which makes most of the reading errors;
//! [`crate::r1cs`] for the laws behind [`TermFault`].

use std::path::PathBuf;
use std::{fmt, io};

/// A file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(".{format} file, {section}, byte {offset}: {problem}")]
pub struct ReadError {
    /// The format's file name extension, such as `r1cs`.
    pub format: &'static str,
    /// The name of the section, such as `constraints`; `container` outside every section.
    pub section: &'static str,
    /// Distance from the start of the file to the offending bytes.
    pub offset: u64,
    /// What is wrong there.
    pub problem: Problem,
}

/// A file was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The data breaks a law of the format. Nothing was written.
    #[error(".{format} file not written: {problem}")]
    Refused {
        /// The format's file name extension, such as `r1cs`.
        format: &'static str,
        /// What is wrong with the data.
        problem: Problem,
    },
    /// The destination refused the bytes. What it holds is not a whole file.
    #[error(".{format} file cut short: {source}")]
    Io {
        /// The format's file name extension, such as `r1cs`.
        format: &'static str,
        /// The destination's own error.
        source: io::Error,
    },
}

/// What is wrong with a file, or with the data for one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The first four bytes belong to another format.
    #[error(
        "expected the magic bytes \"{}\", got \"{}\": this is a file of another format",
        .expected.escape_ascii(),
        .got.escape_ascii()
    )]
    Magic {
        /// The magic bytes of this format.
        expected: [u8; 4],
        /// The first bytes of the file.
        got: [u8; 4],
    },
    /// A version of the format that this reader does not know.
    #[error("expected version {expected} of the format, got {got}")]
    Version {
        /// The version that is read here.
        expected: u32,
        /// The version of the file.
        got: u32,
    },
    /// The file or the section ends too early.
    #[error("expected {needed} more bytes, got {left}: the file is cut short or a length is wrong")]
    Truncated {
        /// Bytes that the next item needs.
        needed: u64,
        /// Bytes that are left.
        left: u64,
    },
    /// Bytes follow the last item.
    #[error("expected the end, got {extra} more bytes")]
    Trailing {
        /// Bytes after the last item.
        extra: u64,
    },
    /// A section that the format, as read here, does not have.
    #[error("unknown section {id}: custom gates and extensions are not supported")]
    UnknownSection {
        /// The section's number in the file.
        id: u32,
    },
    /// A section stands in the file twice.
    #[error("section {id} stands here for the second time")]
    RepeatedSection {
        /// The section's number in the file.
        id: u32,
    },
    /// A section that must be there is not.
    #[error("section {id} is missing")]
    MissingSection {
        /// The section's number in the format.
        id: u32,
    },
    /// The file is over another field.
    #[error("expected the prime of BN254's {field} field, 32 bytes, got 0x{got}: made for another curve")]
    Prime {
        /// `scalar` or `base`.
        field: &'static str,
        /// The file's prime, big-endian hexadecimal.
        got: String,
    },
    /// A field element is not less than the prime.
    #[error("a field element is not less than the prime")]
    NotCanonical,
    /// A number is over the limit of this reader or writer.
    #[error("at most {most} {what} are supported, got {got}")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// The limit.
        most: u64,
        /// The number found.
        got: u64,
    },
    /// Two numbers that must agree do not.
    #[error("expected {expected} {what}, got {got}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// The number that the rest of the data implies.
        expected: u64,
        /// The number found.
        got: u64,
    },
    /// Fewer of something than the rest of the data implies.
    #[error("expected at least {least} {what}, got {got}")]
    TooFew {
        /// What is counted.
        what: &'static str,
        /// The least number that the rest of the data implies.
        least: u64,
        /// The number found.
        got: u64,
    },
    /// A wire's label is not one of the declared labels.
    #[error("wire {wire} has label {label}, but labels end at {labels}")]
    Label {
        /// The wire.
        wire: u64,
        /// Its label.
        label: u64,
        /// The number of labels declared in the header.
        labels: u64,
    },
    /// A term of a linear combination breaks a law.
    #[error("constraint {constraint}, matrix {matrix}: {fault}")]
    Term {
        /// The constraint, counted from 0.
        constraint: u32,
        /// The matrix that holds the term.
        matrix: MatrixName,
        /// The law that is broken.
        fault: TermFault,
    },
    /// Wire 0 of an assignment is not the constant one.
    #[error("the value of wire 0 is not 1")]
    NotOne,
    /// A key of another proof system.
    #[error(
        "expected a Groth16 key (protocol 1), got {}: make the key with `groth16 setup`",
        protocol_name(*.got)
    )]
    Protocol {
        /// The file's protocol.
        got: u32,
    },
    /// The domain has a size that no transform exists for.
    #[error("expected a domain of a power of two, at most 2^28 rows, got {got}")]
    Domain {
        /// The file's domain.
        got: u32,
    },
    /// A point that is none, or not one of its group.
    #[error("{point}: {fault}")]
    Point {
        /// The point's name, or its place in the section, such as `A[17]`.
        point: String,
        /// What is wrong with it.
        fault: PointFault,
    },
    /// Points of the two groups that must have the same logarithm do not.
    #[error("{what} are not multiples of the generators by the same numbers: the key proves nothing")]
    Unequal {
        /// Which points.
        what: &'static str,
    },
    /// A coefficient breaks a law of the format.
    #[error("coefficient {index}: {fault}")]
    Coefficient {
        /// Its place in the section, counted from 0.
        index: u64,
        /// The law that is broken.
        fault: CoefficientFault,
    },
    /// A contribution to the key breaks a law of the format.
    #[error("contribution {index}: {fault}")]
    Contribution {
        /// Its place in the list, counted from 0.
        index: u32,
        /// The law that is broken.
        fault: ContributionFault,
    },
    /// A symbol's name would not survive the text format.
    #[error(
        "symbol {name:?} of label {label}: a name is not empty and has no commas and no control characters"
    )]
    Name {
        /// The symbol's label.
        label: u64,
        /// The symbol's name.
        name: String,
    },
}

fn protocol_name(protocol: u32) -> String {
    match protocol {
        2 => "PLONK (protocol 2)".into(),
        10 => "FFLONK (protocol 10)".into(),
        other => format!("protocol {other}"),
    }
}

/// Names one of the three matrices of `A z o B z = C z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatrixName {
    /// The left factor.
    A,
    /// The right factor.
    B,
    /// The product.
    C,
}

impl MatrixName {
    /// The three names, in the order of the file.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];
}

impl fmt::Display for MatrixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A law of linear combinations that a term breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TermFault {
    /// The wire does not exist.
    #[error("wire {wire}, but wires end at {wires}")]
    WireOutOfRange {
        /// The term's wire.
        wire: u32,
        /// The number of wires.
        wires: u32,
    },
    /// The coefficient is zero.
    #[error("zero coefficient of wire {wire}: leave the term out")]
    ZeroCoefficient {
        /// The term's wire.
        wire: u32,
    },
    /// The wire has a term already.
    #[error("second term of wire {wire}: add the coefficients up")]
    RepeatedWire {
        /// The term's wire.
        wire: u32,
    },
    /// The terms do not ascend.
    #[error("wire {wire} follows wire {after}: sort the terms by wire")]
    Unsorted {
        /// The term's wire.
        wire: u32,
        /// The wire of the term before.
        after: u32,
    },
}

/// What is wrong with a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointFault {
    /// A coordinate is not less than the base field's prime.
    #[error("a coordinate is not less than the base field's prime")]
    NotCanonical,
    /// The coordinates do not satisfy the curve's equation.
    #[error("not on its curve")]
    NotOnCurve,
    /// On the curve, and outside the subgroup that the pairing is made for.
    #[error("not in the subgroup of order r")]
    NotInSubgroup,
}

/// A law of a key's coefficients that one of them breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoefficientFault {
    /// Neither A (0) nor B (1).
    #[error("expected matrix 0 (A) or 1 (B), got {got}")]
    Matrix {
        /// The number found.
        got: u32,
    },
    /// The row does not exist.
    #[error("row {row}, but rows end at {rows}")]
    RowOutOfRange {
        /// The coefficient's row.
        row: u32,
        /// The number of rows: the domain's size, or the constraints if it is not one of the last rows.
        rows: u32,
    },
    /// The wire does not exist.
    #[error("wire {wire}, but wires end at {wires}")]
    WireOutOfRange {
        /// The coefficient's wire.
        wire: u32,
        /// The number of wires.
        wires: u32,
    },
    /// The value is not less than the prime.
    #[error("a value that is not less than the scalar field's prime")]
    NotCanonical,
    /// The section does not end with the rows that bind the public inputs.
    #[error("expected a 1 on wire {wire} in a row of its own of A, which binds a public input")]
    InputRow {
        /// The constant one or the public wire that is not bound.
        wire: u32,
    },
}

/// A law of a key's list of contributions that one of them breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContributionFault {
    /// Neither a person (0) nor a beacon (1).
    #[error("expected kind 0 (a contributor) or 1 (a beacon), got {got}")]
    Kind {
        /// The number found.
        got: u32,
    },
    /// A parameter that is unknown, repeated, out of order or cut short.
    #[error("parameter {got} is unknown, out of order or cut short")]
    Parameter {
        /// The parameter's number.
        got: u8,
    },
    /// The state of the hash of a response, in a phase 1, is none.
    #[error("the state of its response's hash is not one of a hash under way")]
    HashState,
    /// The key's delta is not what the last contribution made of it.
    #[error("it left another delta than the key's header has")]
    Delta,
}

/// A file could not be read or written as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried, such as `open`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's own error.
        source: io::Error,
    },
    /// The content was refused.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why and where.
        source: ReadError,
    },
    /// The content was not written. What stood there before still stands there.
    #[error("{}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: WriteError,
    },
    /// The content is not what it was, or not what it should be.
    #[error(
        "{}: expected SHA-256 {}, got {}: the file is damaged, or another one",
        .path.display(), hex::encode(.expected), hex::encode(.got)
    )]
    Hash {
        /// The file.
        path: PathBuf,
        /// The hash that is known.
        expected: [u8; 32],
        /// The hash of the content.
        got: [u8; 32],
    },
    /// A file beside a key that should hold its hash does not.
    #[error("{}: expected one line as `sha256sum` writes it, for the file {name:?}", .path.display())]
    HashFile {
        /// The file that should hold a hash.
        path: PathBuf,
        /// The name of the file whose hash it should be.
        name: String,
    },
}
