//! A key from its parts: what a setup writes, and what a key that was read is written back with.
//!
//! Depends on: `container` for the frame, `coefficients`, `points`. Where to go next: `read`, the other way.

use super::points::write;
use super::read::{FORMAT, HEADER_BYTES, PROTOCOL, check_numbers};
use super::{COEFFICIENT_BYTES, Coefficient, Contributions, Header, Layout, Part, Zkey};
use crate::container::{write_base_prime, write_prime, write_section};
use crate::error::{CoefficientFault, FileError, Problem, WriteError};
use crate::file::write_file;
use crate::hash::{Hash, write_hash};
use ark_bn254::G1Affine;
use popw_kernels::{G1, G2};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Everything in a key but the coefficients. Bytes of points as [`super::Zkey`] hands them out.
#[derive(Debug, Clone, Copy)]
pub struct ZkeyParts<'a> {
    /// The numbers and points in front.
    pub header: &'a Header,
    /// `public + 1` points.
    pub ic: &'a [G1Affine],
    /// `wires` points in G1.
    pub a: &'a [u8],
    /// `wires` points in G1.
    pub b1: &'a [u8],
    /// `wires` points in G2.
    pub b2: &'a [u8],
    /// `wires - public - 1` points in G1.
    pub c: &'a [u8],
    /// `domain_size` points in G1.
    pub h: &'a [u8],
    /// The circuit's hash and the contributions.
    pub contributions: &'a Contributions,
    /// The order of the sections.
    pub layout: Layout,
}

/// Writes a key. `coefficients` is walked twice: numbers, lengths and coefficients are checked before the first
/// byte leaves, by the same laws as a key that is read. It must end with the rows that bind the public inputs
/// ([`Coefficient::input_row`]). Points are taken as they are.
///
/// # Errors
/// If the parts do not fit each other, or `out` refuses the bytes.
pub fn write_zkey(
    out: impl Write,
    parts: &ZkeyParts<'_>,
    coefficients: impl ExactSizeIterator<Item = Coefficient> + Clone,
) -> Result<(), WriteError> {
    let refuse = |problem| FORMAT.refuse(problem);
    check_parts(parts).map_err(refuse)?;
    let count = check_coefficients(parts.header, coefficients.clone()).map_err(refuse)?;
    write_parts(out, parts, |out| {
        write_coefficients(out, count, coefficients.clone())
    })
}

/// Writes the sections in their order.
fn write_parts<W: Write>(
    out: W,
    parts: &ZkeyParts<'_>,
    coefficients: impl Fn(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    FORMAT.write(out, Part::Contributions.id(), |out| {
        parts.layout.0.iter().try_for_each(|part| {
            let raw = |out: &mut dyn Write, bytes: &[u8]| {
                write_head(out, *part, bytes.len() as u64)?;
                out.write_all(bytes)
            };
            match part {
                Part::Protocol => raw(out, &PROTOCOL.to_le_bytes()),
                Part::Header => write_header(out, parts.header),
                Part::Ic => {
                    let points: Vec<u8> = parts.ic.iter().flat_map(write::<G1>).collect();
                    raw(out, &points)
                }
                Part::Coefficients => coefficients(out),
                Part::A => raw(out, parts.a),
                Part::B1 => raw(out, parts.b1),
                Part::B2 => raw(out, parts.b2),
                Part::C => raw(out, parts.c),
                Part::H => raw(out, parts.h),
                Part::Contributions => raw(out, parts.contributions.bytes()),
            }
        })
    })
}

/// Writes a key to a file, in a single step, and its hash beside it ([`crate::hash`]).
///
/// # Errors
/// As [`write_zkey`], or if the operating system refuses.
pub fn save_zkey(
    path: &Path,
    parts: &ZkeyParts<'_>,
    coefficients: impl ExactSizeIterator<Item = Coefficient> + Clone,
) -> Result<Hash, FileError> {
    save(path, |out| write_zkey(out, parts, coefficients))
}

/// Writes what a contribution makes of a key; the coefficients are those of the key before.
///
/// # Errors
/// As [`write_zkey`].
pub(crate) fn write_changed(out: impl Write, before: &Zkey, parts: &ZkeyParts<'_>) -> Result<(), WriteError> {
    check_parts(parts).map_err(|problem| FORMAT.refuse(problem))?;
    write_parts(out, parts, |out| {
        let bytes = before.section(Part::Coefficients);
        write_head(out, Part::Coefficients, bytes.len() as u64)?;
        out.write_all(bytes)
    })
}

/// The same to a file, and its hash beside it.
///
/// # Errors
/// As [`write_zkey`], or if the operating system refuses.
pub(crate) fn save_changed(path: &Path, before: &Zkey, parts: &ZkeyParts<'_>) -> Result<Hash, FileError> {
    save(path, |out| write_changed(out, before, parts))
}

fn save(
    path: &Path,
    body: impl FnOnce(&mut Hashing<&mut File>) -> Result<(), WriteError>,
) -> Result<Hash, FileError> {
    let hash = write_file(path, |file| {
        let mut out = Hashing {
            out: file,
            hash: Sha256::new(),
        };
        body(&mut out)?;
        Ok(out.hash.finalize().into())
    })?;
    write_hash(path, &hash)?;
    Ok(hash)
}

/// Hashes what passes.
struct Hashing<W> {
    out: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hash.update(bytes.get(..count).unwrap_or(bytes));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn check_parts(parts: &ZkeyParts<'_>) -> Result<(), Problem> {
    let header = parts.header;
    check_numbers(header.wires, header.public, header.domain_size)?;
    for part in Part::ALL {
        let got = parts.layout.0.iter().filter(|found| **found == part).count();
        if got != 1 {
            let what = "place in the layout for each section";
            return Err(Problem::Count {
                what,
                expected: 1,
                got: got as u64,
            });
        }
    }
    let wires = u64::from(header.wires);
    let counts = [
        ("points of IC", u64::from(header.public) + 1, parts.ic.len(), 1),
        ("bytes of A", wires, parts.a.len(), 64),
        ("bytes of B1", wires, parts.b1.len(), 64),
        ("bytes of B2", wires, parts.b2.len(), 128),
        ("bytes of C", header.private().into(), parts.c.len(), 64),
        ("bytes of H", header.domain_size.into(), parts.h.len(), 64),
    ];
    for (what, count, got, size) in counts {
        let (expected, got) = (count * size, got as u64);
        if got != expected {
            return Err(Problem::Count { what, expected, got });
        }
    }
    Ok(())
}

/// Checks all coefficients; their number if they are lawful.
fn check_coefficients(
    header: &Header,
    coefficients: impl ExactSizeIterator<Item = Coefficient>,
) -> Result<u32, Problem> {
    let fault = |index: usize, fault| {
        let index = index as u64;
        Problem::Coefficient { index, fault }
    };
    let total = coefficients.len();
    let count = u32::try_from(total).map_err(|_| Problem::Limit {
        what: "coefficients",
        most: u32::MAX.into(),
        got: total as u64,
    })?;
    let extra = header.public as usize + 1;
    let first = total.checked_sub(extra).ok_or(Problem::TooFew {
        what: "coefficients, one for each row that binds a public input",
        least: extra as u64,
        got: total as u64,
    })?;
    let (mut constraints, mut wire) = (None, 0);
    let mut last = None;
    for (index, coefficient) in coefficients.enumerate() {
        coefficient.check(header).map_err(|found| fault(index, found))?;
        if index < first {
            last = last.max(Some((coefficient.row, index)));
        } else {
            let rows = *constraints.get_or_insert(coefficient.row);
            if coefficient != Coefficient::input_row(rows, wire) {
                return Err(fault(index, CoefficientFault::InputRow { wire }));
            }
            wire += 1;
        }
    }
    match (last, constraints) {
        (Some((row, index)), Some(rows)) if row >= rows => {
            Err(fault(index, CoefficientFault::RowOutOfRange { row, rows }))
        }
        _ => Ok(count),
    }
}

fn write_head(out: &mut dyn Write, part: Part, length: u64) -> io::Result<()> {
    write_section(&mut &mut *out, part.id(), length)
}

fn write_header(out: &mut impl Write, header: &Header) -> io::Result<()> {
    write_section(out, Part::Header.id(), HEADER_BYTES)?;
    write_base_prime(out)?;
    write_prime(out)?;
    for number in [header.wires, header.public, header.domain_size] {
        out.write_all(&number.to_le_bytes())?;
    }
    out.write_all(&write::<G1>(&header.alpha_g1))?;
    out.write_all(&write::<G1>(&header.beta_g1))?;
    out.write_all(&write::<G2>(&header.beta_g2))?;
    out.write_all(&write::<G2>(&header.gamma_g2))?;
    out.write_all(&write::<G1>(&header.delta_g1))?;
    out.write_all(&write::<G2>(&header.delta_g2))
}

fn write_coefficients(
    mut out: &mut dyn Write,
    count: u32,
    coefficients: impl Iterator<Item = Coefficient>,
) -> io::Result<()> {
    let length = 4 + u64::from(count) * COEFFICIENT_BYTES as u64;
    write_section(&mut out, Part::Coefficients.id(), length)?;
    out.write_all(&count.to_le_bytes())?;
    let mut written = 0_u64;
    for coefficient in coefficients {
        coefficient.write(&mut out)?;
        written += 1;
    }
    if written == u64::from(count) {
        Ok(())
    } else {
        Err(io::Error::other("the coefficients changed between two walks"))
    }
}
