//! `.wtns` version 2: the value of every wire, wire 0 being the constant one.
//!
//! ```text
//! 1 header   32 u32 | prime [32] | values u32
//! 2 values   values * [32]
//! ```
//!
//! Depends on: `container` for the frame, [`mod@crate::file`] for mapping. Where to go next: [`crate::r1cs`],
//! which gives the wires their order.

use crate::container::{
    Container, FR_BYTES, Format, PRIME_BYTES, Section, write_fr, write_prime, write_section,
};
use crate::error::{FileError, Problem, ReadError, WriteError};
use crate::file::map;
use crate::r1cs::WIRES_MAX;
use ark_bn254::Fr;
use ark_ff::BigInt;
use std::io::Write;
use std::path::Path;

const HEADER: u32 = 1;
const VALUES: u32 = 2;

static FORMAT: Format = Format {
    name: "wtns",
    magic: *b"wtns",
    version: 2,
    sections: &[(HEADER, "header"), (VALUES, "values")],
};

/// Reads a whole file: the values by wire.
pub fn read_wtns(bytes: &[u8]) -> Result<Vec<Fr>, ReadError> {
    read_values(bytes, Section::fr)
}

/// Reads a whole file: the values by wire, as the integers below the prime that the file holds. A
/// multi-scalar multiplication wants them so; nothing is converted.
pub fn read_wtns_scalars(bytes: &[u8]) -> Result<Vec<BigInt<4>>, ReadError> {
    read_values(bytes, Section::scalar)
}

/// [`read_wtns_scalars`] of a file, which is mapped: no second copy of the assignment comes to lie in this
/// process's memory.
pub fn open_wtns(path: &Path) -> Result<Vec<BigInt<4>>, FileError> {
    let bytes = map(path)?;
    read_wtns_scalars(&bytes).map_err(|source| FileError::Read {
        path: path.into(),
        source,
    })
}

fn read_values<'a, T: From<u64> + PartialEq>(
    bytes: &'a [u8],
    read: impl Fn(&mut Section<'a>) -> Result<T, ReadError>,
) -> Result<Vec<T>, ReadError> {
    let file = Container::open(bytes, &FORMAT)?;
    let mut header = file.section(HEADER)?;
    header.prime()?;
    let start = header.offset();
    let count = header.u32()?;
    header.finish()?;
    check_count(u64::from(count)).map_err(|problem| header.error(start, problem))?;
    let mut section = file.section(VALUES)?;
    let start = section.offset();
    let (needed, left) = (u64::from(count) * u64::from(FR_BYTES), section.left());
    if needed > left {
        return Err(section.error(start, Problem::Truncated { needed, left }));
    }
    // Collecting results would grow the vector step by step and leave copies of the assignment behind.
    let mut values = Vec::with_capacity(count as usize);
    for _ in 0..count {
        values.push(read(&mut section)?);
    }
    section.finish()?;
    check_one(&values).map_err(|problem| section.error(start, problem))?;
    Ok(values)
}

/// Writes a whole file from the values by wire.
pub fn write_wtns(out: impl Write, values: &[Fr]) -> Result<(), WriteError> {
    let count = check_count(values.len() as u64).map_err(|problem| FORMAT.refuse(problem))?;
    check_one(values).map_err(|problem| FORMAT.refuse(problem))?;
    FORMAT.write(out, 2, |out| {
        write_section(out, HEADER, PRIME_BYTES + 4)?;
        write_prime(out)?;
        out.write_all(&count.to_le_bytes())?;
        write_section(out, VALUES, u64::from(count) * u64::from(FR_BYTES))?;
        values.iter().try_for_each(|value| write_fr(out, value))
    })
}

fn check_count(got: u64) -> Result<u32, Problem> {
    let limit = Problem::Limit {
        what: "values",
        most: u64::from(WIRES_MAX),
        got,
    };
    u32::try_from(got)
        .ok()
        .filter(|count| *count <= WIRES_MAX)
        .ok_or(limit)
}

fn check_one<T: From<u64> + PartialEq>(values: &[T]) -> Result<(), Problem> {
    if values.first() == Some(&T::from(1)) {
        Ok(())
    } else {
        Err(Problem::NotOne)
    }
}
