//! What is read when a file is opened: frame, header, contributions, and the length of every other section.
//!
//! Depends on: `container`. Where to go next: `contributions`.

use super::contributions::{Contribution, read_contributions};
use super::{FORMAT_NAME, POWER_MAX, Part};
use crate::container::{Container, Format, PRIME_BYTES, Section};
use crate::error::{Problem, ReadError};
use std::ops::Range;

/// Bytes of the header.
pub(super) const HEADER_BYTES: u64 = PRIME_BYTES + 2 * 4;

pub(super) static FORMAT: Format = Format {
    name: FORMAT_NAME,
    magic: *b"ptau",
    version: 1,
    sections: &[
        (Part::Header.id(), Part::Header.name()),
        (Part::TauG1.id(), Part::TauG1.name()),
        (Part::TauG2.id(), Part::TauG2.name()),
        (Part::AlphaTauG1.id(), Part::AlphaTauG1.name()),
        (Part::BetaTauG1.id(), Part::BetaTauG1.name()),
        (Part::BetaG2.id(), Part::BetaG2.name()),
        (Part::Contributions.id(), Part::Contributions.name()),
        (Part::LagrangeTauG1.id(), Part::LagrangeTauG1.name()),
        (Part::LagrangeTauG2.id(), Part::LagrangeTauG2.name()),
        (Part::LagrangeAlphaTauG1.id(), Part::LagrangeAlphaTauG1.name()),
        (Part::LagrangeBetaTauG1.id(), Part::LagrangeBetaTauG1.name()),
    ],
};

/// The small parts of a file, and where the large ones are.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) power: u32,
    pub(super) ceremony_power: u32,
    pub(super) contributions: Vec<Contribution>,
    pub(super) prepared: bool,
    /// In the order of [`Part::ALL`]; empty where the file lacks the section.
    ranges: [Range<usize>; Part::ALL.len()],
}

impl Parsed {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        let file = Container::open(bytes, &FORMAT)?;
        let (power, ceremony_power) = read_header(file.section(Part::Header.id())?)?;
        let prepared = file
            .order()
            .any(|id| Part::PREPARED.iter().any(|part| part.id() == id));
        let mut ranges = [const { 0..0 }; Part::ALL.len()];
        for (part, range) in Part::ALL.iter().zip(&mut ranges) {
            if Part::PREPARED.contains(part) && !prepared {
                continue;
            }
            let section = file.section(part.id())?;
            *range = section.range();
            if let Some(length) = part.bytes(power) {
                let mut section = section;
                section.take(length)?;
                section.finish()?;
            }
        }
        Ok(Self {
            power,
            ceremony_power,
            contributions: read_contributions(file.section(Part::Contributions.id())?)?,
            prepared,
            ranges,
        })
    }

    /// Where a section's bytes are in the file.
    pub(super) fn range(&self, part: Part) -> &Range<usize> {
        &self.ranges[part as usize]
    }
}

/// The power and the ceremony's power.
fn read_header(mut section: Section<'_>) -> Result<(u32, u32), ReadError> {
    section.base_prime()?;
    let start = section.offset();
    let (power, ceremony_power) = (section.u32()?, section.u32()?);
    section.finish()?;
    let limit = |what, got: u32| Problem::Limit {
        what,
        most: POWER_MAX.into(),
        got: got.into(),
    };
    let few = |what, least: u32, got: u32| Problem::TooFew {
        what,
        least: least.into(),
        got: got.into(),
    };
    let problem = match (power, ceremony_power) {
        // Without tau^1 nothing would tie the two groups together.
        (0, _) => few("doublings of the domain (the power)", 1, power),
        (POWER_MAX.., _) if power > POWER_MAX => limit("doublings of the domain (the power)", power),
        (_, POWER_MAX..) if ceremony_power > POWER_MAX => {
            limit("doublings in the ceremony (its power)", ceremony_power)
        }
        _ if ceremony_power < power => few("doublings in the ceremony (its power)", power, ceremony_power),
        _ => return Ok((power, ceremony_power)),
    };
    Err(section.error(start, problem))
}
