//! A phase 1 out of a phase 1: cut to a smaller power, or prepared for phase 2.
//!
//! Depends on: `transform`, `container`. Where to go next: `read`, the other way.

use super::read::{FORMAT, HEADER_BYTES};
use super::transform::levels;
use super::{POWER_MAX, Part, Ptau};
use crate::container::{write_base_prime, write_section};
use crate::error::{Problem, WriteError};
use popw_kernels::{Backend, Control, G1, G2};
use std::io::{self, Write};

/// The sections of a file that is not prepared.
const RAW: [Part; 7] = [
    Part::Header,
    Part::TauG1,
    Part::TauG2,
    Part::AlphaTauG1,
    Part::BetaTauG1,
    Part::BetaG2,
    Part::Contributions,
];

/// Writes the file that `snarkjs powersoftau truncate` writes for this power, byte for byte: prefixes of the sections, under a
/// header that still names the ceremony's power. What is left of a prepared file is prepared.
///
/// # Errors
/// If the power is 0 or more than the file's, or `out` refuses the bytes.
pub fn truncate(ptau: &Ptau, power: u32, out: impl Write) -> Result<(), WriteError> {
    let what = "doublings of the domain (the power)";
    let (most, got) = (ptau.power().into(), power.into());
    if power == 0 {
        let least = 1;
        return Err(FORMAT.refuse(Problem::TooFew { what, least, got }));
    }
    if power > ptau.power() {
        return Err(FORMAT.refuse(Problem::Limit { what, most, got }));
    }
    let sections = section_count(ptau.is_prepared());
    FORMAT.write(out, sections, |out| {
        write_raw(out, ptau, power)?;
        if ptau.is_prepared() {
            for part in Part::PREPARED {
                write_prefix(out, ptau, part, power)?;
            }
        }
        Ok(())
    })
}

/// Writes the file with its Lagrange levels, as `snarkjs powersoftau prepare phase2` does, except that the header keeps the
/// ceremony's power (snarkjs 0.7.6 replaces it by the file's, which is another number if the file was cut). Levels that are
/// there are computed all the same. At most two sections' worth of memory is taken besides the file.
///
/// # Errors
/// If the power is [`POWER_MAX`], for whose last level the field has no roots of unity; if `out` refuses the bytes; if the
/// caller cancels (an [`io::Error`] that holds the kernel's).
pub fn prepare(
    ptau: &Ptau,
    backend: &dyn Backend,
    control: &Control<'_>,
    out: impl Write,
) -> Result<(), WriteError> {
    if ptau.power() == POWER_MAX {
        return Err(FORMAT.refuse(Problem::Limit {
            what: "doublings of a domain that is prepared",
            most: u64::from(POWER_MAX) - 1,
            got: ptau.power().into(),
        }));
    }
    FORMAT.write(out, section_count(true), |out| {
        write_raw(out, ptau, ptau.power())?;
        // Section 12 has twice the points of 14 and 15, and a point of G2 is the work of three.
        for (part, share) in Part::PREPARED.into_iter().zip([2.0, 3.0, 1.0, 1.0]) {
            let advance = |done: f64| control.advance(done * share / 7.0);
            let control = Control::new(control.cancel_token(), &advance);
            let power = ptau.power();
            let made = match part {
                Part::LagrangeTauG2 => levels::<G2>(backend, ptau.tau_g2(), power, &control),
                Part::LagrangeAlphaTauG1 => levels::<G1>(backend, ptau.alpha_tau_g1(), power, &control),
                Part::LagrangeBetaTauG1 => levels::<G1>(backend, ptau.beta_tau_g1(), power, &control),
                _ => levels::<G1>(backend, ptau.tau_g1(), power + 1, &control),
            };
            let made = made.map_err(io::Error::other)?;
            write_section(out, part.id(), made.len() as u64)?;
            out.write_all(&made)?;
        }
        Ok(())
    })
}

fn section_count(prepared: bool) -> u32 {
    match prepared {
        true => 11,
        false => 7,
    }
}

/// The sections that every file has, of a power up to the file's.
fn write_raw(out: &mut impl Write, ptau: &Ptau, power: u32) -> io::Result<()> {
    RAW.into_iter().try_for_each(|part| match part {
        Part::Header => {
            write_section(out, part.id(), HEADER_BYTES)?;
            write_base_prime(out)?;
            out.write_all(&power.to_le_bytes())?;
            out.write_all(&ptau.ceremony_power().to_le_bytes())
        }
        part => write_prefix(out, ptau, part, power),
    })
}

/// The part of a section that belongs to a power up to the file's: its first bytes, or all of it.
fn write_prefix(out: &mut impl Write, ptau: &Ptau, part: Part, power: u32) -> io::Result<()> {
    let all = ptau.section(part);
    let length = part.bytes(power).and_then(|length| usize::try_from(length).ok());
    let bytes = all.get(..length.unwrap_or(all.len())).unwrap_or(all);
    write_section(out, part.id(), bytes.len() as u64)?;
    out.write_all(bytes)
}
