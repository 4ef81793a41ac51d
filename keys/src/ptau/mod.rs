//! `.ptau` version 1 over BN254: a phase 1, the powers of a number tau that nobody knows, as snarkjs writes them.
//!
//! [`Ptau::open`] maps the file, reads the header and the contributions, and checks the length of every section. The points
//! stay in the file's bytes; whoever needs them takes them from there. What was not read was not checked:
//! [`Ptau::verify`] looks at everything, and [`published`](mod@published) knows the files of a ceremony that many have checked.
//!
//! ```text
//!  1 header               32 u32 | q [32] | power u32 | ceremony power u32
//!  2 tauG1                (2^(power + 1) - 1) * G1: tau^i
//!  3 tauG2                2^power * G2: tau^i
//!  4 alphaTauG1           2^power * G1: alpha tau^i
//!  5 betaTauG1            2^power * G1: beta tau^i
//!  6 betaG2               G2: beta
//!  7 contributions
//! 12 Lagrange tauG1       levels 0..=power + 1 of 2
//! 13 Lagrange tauG2       levels 0..=power of 3
//! 14 Lagrange alphaTauG1  levels 0..=power of 4
//! 15 Lagrange betaTauG1   levels 0..=power of 5
//! ```
//!
//! Level l holds, for j < n = 2^l, the sum over i < n of w^(-ij) / n times point i, with w the n-th root of unity of
//! [`popw_kernels::Transform`]: the Lagrange basis of the n-th roots, at tau. It begins at point 2^l - 1 of its section.
//! Sections 12 to 15 are all there (the file is prepared) or none. The last level of section 12 needs tau^(2^(power + 1) - 1),
//! which section 2 lacks: a file that was prepared has 0 in its place, a file that was cut out of a larger one has the level whole.
//! `ceremony power` is the power that the contributors worked on: more than `power` if the file was cut.
//!
//! Points: 64 bytes in G1, 128 in G2, coordinates times 2^256 modulo q, little-endian.
//!
//! | module | what it is for |
//! |---|---|
//! | `read` | the frame, the header, lengths |
//! | `contributions` | section 7 |
//! | `resume` | BLAKE2b continued from a state in the file |
//! | [`published`](mod@published) | the hashes of a public ceremony's files |
//! | `verify` | what [`Ptau::verify`] looks at, and its report; `points`, `powers`, `levels`, `chain`, `challenge` are its parts |
//! | `write` | cutting a file to a smaller power, preparing one |
//! | `transform` | Lagrange levels out of powers |
//! | [`error`] | why a phase 1 is refused |
//!
//! Depends on: `container` for the frame, [`crate::zkey`] for the bytes of points, [`crate::ceremony`] for hashes and
//! combinations of points. Where to go next: [`crate::ceremony`], which makes keys of it.

mod chain;
mod challenge;
mod contributions;
pub mod error;
mod levels;
mod points;
mod powers;
pub mod published;
mod read;
mod resume;
pub(crate) mod transform;
mod verify;
mod write;

pub use contributions::{Accumulator, Contribution, PublicKey};
pub use error::PtauError;
pub use published::{Published, published};
pub use verify::{Effort, Report, Warning};
pub use write::{prepare, truncate};

use crate::ceremony::encoding::{Hash512, blake2b};
use crate::error::{FileError, ReadError};
use crate::file::{Bytes, map};
use popw_kernels::{Curve, G1, G2};
use read::Parsed;
use std::path::Path;

/// The format's file name extension, in errors.
const FORMAT_NAME: &str = "ptau";

/// The largest power: 2^28 is the largest power of two that divides the order of BN254's multiplicative group.
pub const POWER_MAX: u32 = 28;

/// A section of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The numbers in front.
    Header,
    /// The powers of tau, in G1.
    TauG1,
    /// The powers of tau, in G2.
    TauG2,
    /// The powers of tau times alpha, in G1.
    AlphaTauG1,
    /// The powers of tau times beta, in G1.
    BetaTauG1,
    /// beta, in G2.
    BetaG2,
    /// Who contributed, and the proofs.
    Contributions,
    /// The Lagrange bases of the powers of tau, in G1.
    LagrangeTauG1,
    /// The Lagrange bases of the powers of tau, in G2.
    LagrangeTauG2,
    /// The Lagrange bases times alpha, in G1.
    LagrangeAlphaTauG1,
    /// The Lagrange bases times beta, in G1.
    LagrangeBetaTauG1,
}

impl Part {
    /// All sections, in the order of a file that snarkjs wrote.
    pub const ALL: [Self; 11] = [
        Self::Header,
        Self::TauG1,
        Self::TauG2,
        Self::AlphaTauG1,
        Self::BetaTauG1,
        Self::BetaG2,
        Self::Contributions,
        Self::LagrangeTauG1,
        Self::LagrangeTauG2,
        Self::LagrangeAlphaTauG1,
        Self::LagrangeBetaTauG1,
    ];

    /// The sections that only a prepared file has.
    pub const PREPARED: [Self; 4] = [
        Self::LagrangeTauG1,
        Self::LagrangeTauG2,
        Self::LagrangeAlphaTauG1,
        Self::LagrangeBetaTauG1,
    ];

    /// The section's number in the file.
    pub const fn id(self) -> u32 {
        match self {
            Self::LagrangeTauG1 => 12,
            Self::LagrangeTauG2 => 13,
            Self::LagrangeAlphaTauG1 => 14,
            Self::LagrangeBetaTauG1 => 15,
            _ => self as u32 + 1,
        }
    }

    /// The section's name in errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::TauG1 => "tauG1",
            Self::TauG2 => "tauG2",
            Self::AlphaTauG1 => "alphaTauG1",
            Self::BetaTauG1 => "betaTauG1",
            Self::BetaG2 => "betaG2",
            Self::Contributions => "contributions",
            Self::LagrangeTauG1 => "Lagrange tauG1",
            Self::LagrangeTauG2 => "Lagrange tauG2",
            Self::LagrangeAlphaTauG1 => "Lagrange alphaTauG1",
            Self::LagrangeBetaTauG1 => "Lagrange betaTauG1",
        }
    }

    /// Bytes of the section in a file of this power; none if they do not follow from the power.
    fn bytes(self, power: u32) -> Option<u64> {
        let (count, size) = match self {
            Self::Header | Self::Contributions => return None,
            Self::TauG1 => ((2 << power) - 1, G1::POINT_BYTES),
            Self::TauG2 => (1 << power, G2::POINT_BYTES),
            Self::AlphaTauG1 | Self::BetaTauG1 => (1 << power, G1::POINT_BYTES),
            Self::BetaG2 => (1, G2::POINT_BYTES),
            Self::LagrangeTauG1 => ((4 << power) - 1, G1::POINT_BYTES),
            Self::LagrangeTauG2 => ((2 << power) - 1, G2::POINT_BYTES),
            Self::LagrangeAlphaTauG1 | Self::LagrangeBetaTauG1 => ((2 << power) - 1, G1::POINT_BYTES),
        };
        let count: u64 = count;
        Some(count * size as u64)
    }
}

/// A phase 1, in the bytes of its file.
#[derive(Debug)]
pub struct Ptau {
    bytes: Bytes,
    parsed: Parsed,
}

impl Ptau {
    /// Maps a file and reads its header and contributions. No other point is looked at; their numbers are.
    ///
    /// # Errors
    /// If the file cannot be mapped, or is no phase 1 over BN254.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Self::new(map(path)?).map_err(|source| FileError::Read {
            path: path.into(),
            source,
        })
    }

    /// The same, of bytes in memory.
    ///
    /// # Errors
    /// If they are no phase 1 over BN254.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ReadError> {
        Self::new(bytes.into())
    }

    fn new(bytes: Bytes) -> Result<Self, ReadError> {
        let parsed = Parsed::read(&bytes)?;
        Ok(Self { bytes, parsed })
    }

    /// The file is for domains of up to 2^power rows.
    pub fn power(&self) -> u32 {
        self.parsed.power
    }

    /// The power that the contributors worked on.
    pub fn ceremony_power(&self) -> u32 {
        self.parsed.ceremony_power
    }

    /// Whether the Lagrange levels are there.
    pub fn is_prepared(&self) -> bool {
        self.parsed.prepared
    }

    /// The contributions, oldest first. Their points are on their curves and in the subgroup.
    pub fn contributions(&self) -> &[Contribution] {
        &self.parsed.contributions
    }

    /// tau^i: `2^(power + 1) - 1` points of 64 bytes.
    pub fn tau_g1(&self) -> &[u8] {
        self.section(Part::TauG1)
    }

    /// tau^i: `2^power` points of 128 bytes.
    pub fn tau_g2(&self) -> &[u8] {
        self.section(Part::TauG2)
    }

    /// alpha tau^i: `2^power` points of 64 bytes.
    pub fn alpha_tau_g1(&self) -> &[u8] {
        self.section(Part::AlphaTauG1)
    }

    /// beta tau^i: `2^power` points of 64 bytes.
    pub fn beta_tau_g1(&self) -> &[u8] {
        self.section(Part::BetaTauG1)
    }

    /// beta: a point of 128 bytes.
    pub fn beta_g2(&self) -> &[u8] {
        self.section(Part::BetaG2)
    }

    /// The Lagrange basis of the 2^level-th roots at tau: `2^level` points of 64 bytes. None unless the file is prepared and
    /// has the level: `0..=power + 1`.
    pub fn lagrange_g1(&self, level: u32) -> Option<&[u8]> {
        self.level(Part::LagrangeTauG1, level, G1::POINT_BYTES)
    }

    /// The same in G2: `2^level` points of 128 bytes, for the levels `0..=power`.
    pub fn lagrange_g2(&self, level: u32) -> Option<&[u8]> {
        self.level(Part::LagrangeTauG2, level, G2::POINT_BYTES)
    }

    /// The Lagrange basis times alpha: `2^level` points of 64 bytes, for the levels `0..=power`.
    pub fn lagrange_alpha(&self, level: u32) -> Option<&[u8]> {
        self.level(Part::LagrangeAlphaTauG1, level, G1::POINT_BYTES)
    }

    /// The Lagrange basis times beta: `2^level` points of 64 bytes, for the levels `0..=power`.
    pub fn lagrange_beta(&self, level: u32) -> Option<&[u8]> {
        self.level(Part::LagrangeBetaTauG1, level, G1::POINT_BYTES)
    }

    /// The 64 bytes of the file that follow the section of [`tau_g1`](Self::tau_g1), whatever they are; zeros past the end.
    pub fn behind_tau_g1(&self) -> [u8; 64] {
        let mut behind = [0; 64];
        let bytes = self.bytes.get(self.parsed.range(Part::TauG1).end..);
        for (to, from) in behind.iter_mut().zip(bytes.unwrap_or_default()) {
            *to = *from;
        }
        behind
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The hash of the whole file: what ceremonies publish.
    pub fn blake2b(&self) -> Hash512 {
        blake2b(&self.bytes)
    }

    fn level(&self, part: Part, level: u32, size: usize) -> Option<&[u8]> {
        let count = 1_usize.checked_shl(level)?;
        let first = (count - 1).checked_mul(size)?;
        let end = count.checked_mul(size)?.checked_add(first)?;
        self.section(part).get(first..end)
    }

    /// A section's bytes; none if the file lacks the section.
    fn section(&self, part: Part) -> &[u8] {
        // Every range was cut out of these bytes; a file that was cut short since then ends the process.
        self.bytes
            .get(self.parsed.range(part).clone())
            .unwrap_or_default()
    }

    /// Where a section begins in the file.
    fn offset(&self, part: Part) -> u64 {
        self.parsed.range(part).start as u64
    }
}
