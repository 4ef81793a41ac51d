//! Section 10 of a key: the circuit's hash and who contributed to the key, kept byte for byte.
//!
//! ```text
//! circuit hash [64] | contributions u32 | contributions *
//!     { delta after, G1 [64] | s, G1 [64] | s * d, G1 [64] | r * d, G2 [128] | transcript [64]
//!     | kind u32 | length of parameters u32 | parameters }
//! parameters, ascending: 1, length u8, name | 2, log2 of the iterations u8 | 3, length u8, beacon
//! ```
//!
//! Depends on: `container`. Where to go next: `check`, which looks at the points; whether the contributions
//! prove anything is a question about a whole ceremony, and is not answered here.

use crate::container::Section;
use crate::error::{ContributionFault, Problem, ReadError};
use std::ops::Range;

/// Bytes of a contribution without its parameters.
pub(super) const FIXED_BYTES: usize = 3 * 64 + 128 + 64 + 4 + 4;
/// Bytes of the circuit's hash.
const HASH_BYTES: usize = 64;

/// The circuit's hash and the contributions to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contributions {
    pub(super) bytes: Vec<u8>,
    list: Vec<Contribution>,
}

/// A contribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// A person's or a beacon's.
    pub kind: ContributionKind,
    /// The name that the contributor gave.
    pub name: Option<String>,
    /// How often the beacon is hashed, as a power of two.
    pub iterations_log2: Option<u8>,
    /// The public random value.
    pub beacon: Option<Vec<u8>>,
    /// Where it stands in the section.
    range: Range<usize>,
}

/// Who made a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContributionKind {
    /// Somebody with a secret.
    Contributor,
    /// A public random value, hashed.
    Beacon,
}

impl Contributions {
    /// No contribution. `circuit_hash` is whatever the maker of the key binds contributions to; snarkjs takes
    /// the blake2b-512 of the key's points before any contribution.
    pub fn none(circuit_hash: [u8; HASH_BYTES]) -> Self {
        Self {
            bytes: [&circuit_hash[..], &0_u32.to_le_bytes()].concat(),
            list: Vec::new(),
        }
    }

    /// What snarkjs calls `csHash`.
    pub fn circuit_hash(&self) -> &[u8] {
        self.bytes.get(..HASH_BYTES).unwrap_or_default()
    }

    /// The contributions, oldest first.
    pub fn list(&self) -> &[Contribution] {
        &self.list
    }

    /// The section, byte for byte.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of one of [`list`](Self::list): five points and hashes, the kind, the parameters.
    pub fn bytes_of(&self, contribution: &Contribution) -> &[u8] {
        self.bytes.get(contribution.range.clone()).unwrap_or_default()
    }

    /// Where one of [`list`](Self::list) stands in the section.
    pub(super) fn start_of(contribution: &Contribution) -> u64 {
        contribution.range.start as u64
    }

    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ReadError> {
        let bytes = section.clone().take(section.left())?.to_vec();
        let begin = section.offset();
        section.array::<HASH_BYTES>()?;
        let count = section.u32()?;
        let mut list = Vec::new();
        for index in 0..count {
            let offset = section.offset();
            let start = position(&section, begin);
            section.array::<{ FIXED_BYTES - 8 }>()?;
            let kind = match section.u32()? {
                0 => Ok(ContributionKind::Contributor),
                1 => Ok(ContributionKind::Beacon),
                got => Err(ContributionFault::Kind { got }),
            };
            let length = section.u32()?;
            let parameters = section.take(u64::from(length))?;
            let mut contribution = Contribution {
                kind: ContributionKind::Contributor,
                name: None,
                iterations_log2: None,
                beacon: None,
                range: start..position(&section, begin),
            };
            let read = kind.and_then(|kind| {
                contribution.kind = kind;
                contribution.read_parameters(parameters)
            });
            read.map_err(|fault| section.error(offset, Problem::Contribution { index, fault }))?;
            list.push(contribution);
        }
        section.finish()?;
        Ok(Self { bytes, list })
    }
}

impl Contribution {
    fn read_parameters(&mut self, mut rest: &[u8]) -> Result<(), ContributionFault> {
        let mut last = 0;
        while let Some((&kind, tail)) = rest.split_first() {
            let fault = ContributionFault::Parameter { got: kind };
            let (&value, tail) = tail.split_first().ok_or(fault.clone())?;
            let mut rest_after = tail;
            let mut text = || {
                let (text, after) = tail.split_at_checked(value.into())?;
                rest_after = after;
                Some(text)
            };
            let known = match kind {
                // snarkjs cuts names by characters; whoever cut by bytes may have left half a character.
                1 => text().map(|name| self.name = Some(String::from_utf8_lossy(name).into_owned())),
                2 => {
                    self.iterations_log2 = Some(value);
                    Some(())
                }
                3 => text().map(|beacon| self.beacon = Some(beacon.to_vec())),
                _ => None,
            };
            if known.is_none() || kind <= last {
                return Err(fault);
            }
            last = kind;
            rest = rest_after;
        }
        Ok(())
    }
}

/// Bytes of a section that are behind its walker. A section is in memory, so that they fit a `usize`.
fn position(section: &Section<'_>, begin: u64) -> usize {
    usize::try_from(section.offset() - begin).unwrap_or(usize::MAX)
}
