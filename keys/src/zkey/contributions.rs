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

    /// These and one more: `key` is its points and its transcript hash, the name may be empty, `beacon` is the public value and the
    /// logarithm of its iterations. Names and values longer than 255 bytes are for the caller to refuse; they are cut.
    #[must_use]
    pub(crate) fn extended(
        &self,
        key: &[u8; FIXED_BYTES - 8],
        kind: ContributionKind,
        name: &str,
        beacon: Option<(&[u8], u8)>,
    ) -> Self {
        let text = |kind: u8, text: &[u8]| {
            let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
            [&[kind, length], &text[..usize::from(length)]].concat()
        };
        let mut parameters = Vec::new();
        if !name.is_empty() {
            parameters.extend(text(1, name.as_bytes()));
        }
        if let Some((value, iterations_log2)) = beacon {
            parameters.extend([2, iterations_log2]);
            parameters.extend(text(3, value));
        }
        let mut bytes = self.bytes.clone();
        let count = narrow(self.list.len() + 1);
        if let Some(place) = bytes.get_mut(HASH_BYTES..HASH_BYTES + 4) {
            place.copy_from_slice(&count.to_le_bytes());
        }
        let start = bytes.len();
        bytes.extend(key);
        let kind_number: u32 = match kind {
            ContributionKind::Contributor => 0,
            ContributionKind::Beacon => 1,
        };
        bytes.extend(kind_number.to_le_bytes());
        bytes.extend(narrow(parameters.len()).to_le_bytes());
        bytes.extend(parameters);
        let mut list = self.list.clone();
        list.push(Contribution {
            kind,
            name: (!name.is_empty()).then(|| name.to_owned()),
            iterations_log2: beacon.map(|(_, iterations)| iterations),
            beacon: beacon.map(|(value, _)| value.to_vec()),
            range: start..bytes.len(),
        });
        Self { bytes, list }
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

    pub(crate) fn read(mut section: Section<'_>) -> Result<Self, ReadError> {
        let bytes = section.clone().take(section.left())?.to_vec();
        let begin = section.offset();
        section.array::<HASH_BYTES>()?;
        let count = section.u32()?;
        let mut list = Vec::new();
        for index in 0..count {
            let offset = section.offset();
            let start = position(&section, begin);
            section.array::<{ FIXED_BYTES - 8 }>()?;
            let kind = section.u32()?;
            let length = section.u32()?;
            let parameters = section.take(u64::from(length))?;
            let read = || Ok((ContributionKind::read(kind)?, Parameters::read(parameters)?));
            let (kind, parameters) =
                read().map_err(|fault| section.error(offset, Problem::Contribution { index, fault }))?;
            list.push(Contribution {
                kind,
                name: parameters.name,
                iterations_log2: parameters.iterations_log2,
                beacon: parameters.beacon,
                range: start..position(&section, begin),
            });
        }
        section.finish()?;
        Ok(Self { bytes, list })
    }
}

impl ContributionKind {
    pub(crate) fn read(kind: u32) -> Result<Self, ContributionFault> {
        match kind {
            0 => Ok(Self::Contributor),
            1 => Ok(Self::Beacon),
            got => Err(ContributionFault::Kind { got }),
        }
    }
}

/// What a contribution says about itself, in a key as in a phase 1.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    pub(crate) name: Option<String>,
    pub(crate) iterations_log2: Option<u8>,
    pub(crate) beacon: Option<Vec<u8>>,
}

impl Parameters {
    pub(crate) fn read(mut rest: &[u8]) -> Result<Self, ContributionFault> {
        let mut parameters = Self::default();
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
                1 => text().map(|name| parameters.name = Some(String::from_utf8_lossy(name).into_owned())),
                2 => {
                    parameters.iterations_log2 = Some(value);
                    Some(())
                }
                3 => text().map(|beacon| parameters.beacon = Some(beacon.to_vec())),
                _ => None,
            };
            if known.is_none() || kind <= last {
                return Err(fault);
            }
            last = kind;
            rest = rest_after;
        }
        Ok(parameters)
    }
}

/// Bytes of a section that are behind its walker. A section is in memory, so that they fit a `usize`.
fn position(section: &Section<'_>, begin: u64) -> usize {
    usize::try_from(section.offset() - begin).unwrap_or(usize::MAX)
}

/// A number that fits its field: contributions and their parameters lie in memory, and the format counts them in 32 bits.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
