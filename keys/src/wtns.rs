//! `.wtns` version 2: the value of every wire, wire 0 being the constant one.
//!
//! ```text
//! 1 header   32 u32 | prime [32] | values u32
//! 2 values   values * [32]
//! ```
//!
//! Depends on: `container` for the frame. Where to go next: [`crate::r1cs`], which gives the wires their
//! order.

use crate::container::{Container, FR_BYTES, Format, PRIME_BYTES, write_fr, write_prime, write_section};
use crate::error::{Problem, ReadError, WriteError};
use crate::r1cs::WIRES_MAX;
use ark_bn254::Fr;
use ark_ff::One;
use std::io::Write;

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
    let values = (0..count).map(|_| section.fr()).collect::<Result<Vec<_>, _>>()?;
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

fn check_one(values: &[Fr]) -> Result<(), Problem> {
    if values.first().is_some_and(One::is_one) {
        Ok(())
    } else {
        Err(Problem::NotOne)
    }
}
