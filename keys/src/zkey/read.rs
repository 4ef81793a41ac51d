//! The small parts of a key: frame, header, verifying key, contributions; and the length of every other.
//!
//! Depends on: `container`, `points`. Where to go next: `coefficients`, `check`, the large parts.

use super::points::{Group, read};
use super::{Contributions, DOMAIN_MAX, FORMAT_NAME, Header, Layout, Part};
use crate::container::{Container, Format, PRIME_BYTES, Section};
use crate::error::{Problem, ReadError};
use crate::r1cs::WIRES_MAX;
use crate::zkey::coefficients::COEFFICIENT_BYTES;
use ark_bn254::{Bn254, G1Affine};
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_groth16::VerifyingKey;
use popw_kernels::{G1, G2};
use std::ops::Range;

/// Groth16's number among the proof systems.
pub(super) const PROTOCOL: u32 = 1;
/// Bytes of the header.
pub(super) const HEADER_BYTES: u64 = 2 * PRIME_BYTES + 3 * 4 + 3 * 64 + 3 * 128;

/// The frame. PLONK and FFLONK keys have more sections: they are named here so that such a key is refused for
/// what it is, and refused in any case.
pub(super) static FORMAT: Format = Format {
    name: FORMAT_NAME,
    magic: *b"zkey",
    version: 1,
    sections: &[
        (Part::Protocol.id(), Part::Protocol.name()),
        (Part::Header.id(), Part::Header.name()),
        (Part::Ic.id(), Part::Ic.name()),
        (Part::Coefficients.id(), Part::Coefficients.name()),
        (Part::A.id(), Part::A.name()),
        (Part::B1.id(), Part::B1.name()),
        (Part::B2.id(), Part::B2.name()),
        (Part::C.id(), Part::C.name()),
        (Part::H.id(), Part::H.name()),
        (Part::Contributions.id(), Part::Contributions.name()),
        (11, FOREIGN),
        (12, FOREIGN),
        (13, FOREIGN),
        (14, FOREIGN),
        (15, FOREIGN),
        (16, FOREIGN),
        (17, FOREIGN),
    ],
};

const FOREIGN: &str = "section of another proof system";

/// What is read when a key is opened.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) header: Header,
    pub(super) verifying_key: VerifyingKey<Bn254>,
    pub(super) contributions: Contributions,
    pub(super) layout: Layout,
    ranges: [Range<usize>; 10],
}

impl Parsed {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        let file = Container::open(bytes, &FORMAT)?;
        read_protocol(file.section(Part::Protocol.id())?)?;
        let mut layout = Layout::default();
        for (index, id) in file.order().enumerate() {
            let part = Part::ALL.iter().find(|part| part.id() == id);
            match (part, layout.0.get_mut(index)) {
                (Some(part), Some(place)) => *place = *part,
                // No section stands twice, so that an eleventh is one of another proof system.
                _ => {
                    let section = file.section(id)?;
                    return Err(section.error(section.offset(), Problem::UnknownSection { id }));
                }
            }
        }
        let header = read_header(file.section(Part::Header.id())?)?;
        let counts = [
            (Part::Ic, u64::from(header.public) + 1, 64),
            (Part::A, header.wires.into(), 64),
            (Part::B1, header.wires.into(), 64),
            (Part::B2, header.wires.into(), 128),
            (Part::C, header.private().into(), 64),
            (Part::H, header.domain_size.into(), 64),
        ];
        for (part, count, size) in counts {
            let mut section = file.section(part.id())?;
            section.take(count * size)?;
            section.finish()?;
        }
        let mut coefficients = file.section(Part::Coefficients.id())?;
        let count = coefficients.u32()?;
        coefficients.take(u64::from(count) * COEFFICIENT_BYTES as u64)?;
        coefficients.finish()?;

        let mut ic = file.section(Part::Ic.id())?;
        let gamma_abc_g1 = (0..=header.public)
            .map(|index| point::<G1>(&mut ic, || format!("IC[{index}]")))
            .collect::<Result<Vec<G1Affine>, _>>()?;
        let verifying_key = VerifyingKey {
            alpha_g1: header.alpha_g1,
            beta_g2: header.beta_g2,
            gamma_g2: header.gamma_g2,
            delta_g2: header.delta_g2,
            gamma_abc_g1,
        };
        let contributions = Contributions::read(file.section(Part::Contributions.id())?)?;
        let mut ranges = [const { 0..0 }; 10];
        for (part, range) in Part::ALL.iter().zip(&mut ranges) {
            *range = file.section(part.id())?.range();
        }
        Ok(Self {
            header,
            verifying_key,
            contributions,
            layout,
            ranges,
        })
    }

    /// Where a section's bytes are in the file.
    pub(super) fn range(&self, part: Part) -> &Range<usize> {
        &self.ranges[part as usize]
    }
}

fn read_protocol(mut section: Section<'_>) -> Result<(), ReadError> {
    let start = section.offset();
    match section.u32()? {
        PROTOCOL => section.finish(),
        got => Err(section.error(start, Problem::Protocol { got })),
    }
}

fn read_header(mut section: Section<'_>) -> Result<Header, ReadError> {
    section.base_prime()?;
    section.prime()?;
    let start = section.offset();
    let (wires, public, domain_size) = (section.u32()?, section.u32()?, section.u32()?);
    check_numbers(wires, public, domain_size).map_err(|problem| section.error(start, problem))?;
    let header = Header {
        wires,
        public,
        domain_size,
        alpha_g1: point::<G1>(&mut section, || "alpha in G1".into())?,
        beta_g1: point::<G1>(&mut section, || "beta in G1".into())?,
        beta_g2: point::<G2>(&mut section, || "beta in G2".into())?,
        gamma_g2: point::<G2>(&mut section, || "gamma in G2".into())?,
        delta_g1: point::<G1>(&mut section, || "delta in G1".into())?,
        delta_g2: point::<G2>(&mut section, || "delta in G2".into())?,
    };
    section.finish()?;
    Ok(header)
}

/// Whether the numbers of a header fit each other.
pub(super) fn check_numbers(wires: u32, public: u32, domain_size: u32) -> Result<(), Problem> {
    if wires > WIRES_MAX {
        return Err(Problem::Limit {
            what: "wires",
            most: WIRES_MAX.into(),
            got: wires.into(),
        });
    }
    if wires <= public {
        return Err(Problem::TooFew {
            what: "wires",
            least: u64::from(public) + 1,
            got: wires.into(),
        });
    }
    if !domain_size.is_power_of_two() || domain_size > DOMAIN_MAX {
        return Err(Problem::Domain { got: domain_size });
    }
    if domain_size <= public {
        return Err(Problem::TooFew {
            what: "rows in the domain",
            least: u64::from(public) + 1,
            got: domain_size.into(),
        });
    }
    Ok(())
}

/// The next point, which must be in the subgroup.
pub(crate) fn point<C: Group>(
    section: &mut Section<'_>,
    name: impl Fn() -> String,
) -> Result<Affine<C::Config>, ReadError> {
    let start = section.offset();
    let bytes = section.take(C::POINT_BYTES as u64)?;
    let in_subgroup =
        |point: Affine<C::Config>| match C::Config::is_in_correct_subgroup_assuming_on_curve(&point) {
            true => Ok(point),
            false => Err(crate::error::PointFault::NotInSubgroup),
        };
    read::<C>(bytes)
        .and_then(in_subgroup)
        .map_err(|fault| section.error(start, Problem::Point { point: name(), fault }))
}
