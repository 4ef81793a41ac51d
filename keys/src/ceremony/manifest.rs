//! `manifest.toml`: where a key comes from. It travels with the key and gives it the grade `ceremony`; without one a key counts as
//! `dev`, whatever its own list of contributions says.
//!
//! Depends on: [`super::verify`], [`crate::ptau`]. Where to go next: [`seal`]; `docs/ceremony.md` for what to publish.

use super::encoding::Hash512;
use super::inspect::is_example_beacon;
use super::verify::Transcribed;
use super::{CeremonyError, verify};
use crate::error::FileError;
use crate::hash::{Hash, sha256};
use crate::ptau::Ptau;
use crate::ptau::published::published;
use crate::zkey::Zkey;
use popw_kernels::{Backend, Control};
use popw_verifier::{Bn254, VerifyingKey, key, snarkjs};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Most bytes of a manifest: thousands of contributions fit.
const BYTES_MAX: u64 = 4 << 20;

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What the key may be used for.
    pub grade: Grade,
    /// The circuit's name, for people.
    pub circuit: String,
    /// SHA-256 of the circuit's `.r1cs`, hexadecimal.
    pub circuit_id: String,
    /// BLAKE2b-512 of the initial key, hexadecimal: what contributions are bound to.
    pub circuit_hash: String,
    /// The phase 1.
    pub phase1: Phase1,
    /// The key.
    pub key: Key,
    /// The contributions by people, oldest first.
    pub contributions: Vec<Contribution>,
    /// The last contribution.
    pub beacon: Beacon,
}

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Grade {
    /// Made by one party, who can forge.
    Dev,
    /// From a public phase 1, by contributions of others and a beacon, with a transcript that verifies.
    Ceremony,
}

/// The phase 1 of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase1 {
    /// Its published name.
    pub name: String,
    /// The file's power.
    pub power: u32,
    /// BLAKE2b-512 of the file, hexadecimal.
    pub blake2b: String,
}

/// A key's hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// SHA-256 of the `.zkey`, hexadecimal.
    pub sha256: String,
    /// SHA-256 of `verification_key.json` as this project writes it, hexadecimal.
    pub verification_key_sha256: String,
}

/// A contribution by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// His name, by his own word.
    pub name: String,
    /// The contribution hash, hexadecimal.
    pub hash: String,
}

/// The beacon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beacon {
    /// Where the value comes from, written down before it was known.
    pub source: String,
    /// The value, hexadecimal.
    pub value: String,
    /// It is hashed 2 to this many times.
    pub iterations_log2: u8,
    /// The contribution hash, hexadecimal.
    pub hash: String,
}

/// Why a key gets no manifest, or a manifest is not a key's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The transcript does not verify.
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The manifest is no lawful TOML of this kind.
    #[error("{}: {reason}", .path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What and where.
        reason: String,
    },
    /// The key could be forged for.
    #[error(transparent)]
    Degenerate(#[from] key::KeyError),
    /// What is missing for the grade `ceremony`.
    #[error("no manifest of grade ceremony for this key: {0}")]
    Policy(Missing),
    /// A field of the manifest is not the key's.
    #[error("{field} of the manifest is {expected}, the key's is {got}: the manifest is of another key")]
    Field {
        /// Which field.
        field: &'static str,
        /// In the manifest.
        expected: String,
        /// Of the key.
        got: String,
    },
}

/// What a ceremony lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Missing {
    /// A known phase 1.
    #[error("the phase 1 has the BLAKE2b {blake2b}, which is no published ceremony's")]
    Phase1 {
        /// The file's hash, hexadecimal.
        blake2b: String,
    },
    /// Contributors.
    #[error("{got} people contributed, {least} must have")]
    Contributions {
        /// By the policy.
        least: usize,
        /// In the key.
        got: usize,
    },
    /// A beacon at the end.
    #[error("the last contribution must be a beacon, and the only one")]
    Beacon,
    /// A good beacon.
    #[error("the beacon is the example of the tools' documentation, which everybody knew before")]
    ExampleBeacon,
}

/// What a key must have to be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealPolicy {
    /// Contributions by people. One of them at least must be by somebody other than the key's maker, which no file can show.
    pub contributions_min: usize,
}

impl Default for SealPolicy {
    fn default() -> Self {
        Self { contributions_min: 1 }
    }
}

/// What the maker of a manifest says, which no file shows.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// The circuit's name.
    pub circuit: &'a str,
    /// Where the beacon comes from.
    pub beacon_source: &'a str,
}

/// Verifies a key's whole transcript and says so in a manifest.
///
/// # Errors
/// If anything does not hold, or the policy asks for more.
pub fn seal(
    zkey: &Zkey,
    r1cs_file: &[u8],
    ptau: &Ptau,
    words: Words<'_>,
    policy: SealPolicy,
    backend: &dyn Backend,
    control: &Control<'_>,
) -> Result<Manifest, ManifestError> {
    key::check(zkey.verifying_key())?;
    let blake2b = ptau.blake2b();
    let phase1 = published(&blake2b).ok_or_else(|| {
        ManifestError::Policy(Missing::Phase1 {
            blake2b: hex::encode(blake2b),
        })
    })?;
    let transcribed = verify(zkey, r1cs_file, ptau, backend, control)?;
    let (contributions, beacon) = people_and_beacon(&transcribed, words.beacon_source)?;
    if contributions.len() < policy.contributions_min {
        return Err(ManifestError::Policy(Missing::Contributions {
            least: policy.contributions_min,
            got: contributions.len(),
        }));
    }
    Ok(Manifest {
        grade: Grade::Ceremony,
        circuit: words.circuit.to_owned(),
        circuit_id: hex::encode(sha256(r1cs_file)),
        circuit_hash: hex::encode(transcribed.circuit_hash),
        phase1: Phase1 {
            name: phase1.name.to_owned(),
            power: phase1.power,
            blake2b: hex::encode(blake2b),
        },
        key: Key {
            sha256: hex::encode(zkey.sha256()),
            verification_key_sha256: verification_key_hash(zkey.verifying_key())?,
        },
        contributions,
        beacon,
    })
}

fn people_and_beacon(
    transcribed: &Transcribed,
    source: &str,
) -> Result<(Vec<Contribution>, Beacon), ManifestError> {
    let missing = |missing| Err(ManifestError::Policy(missing));
    let Some((last, people)) = transcribed.contributions.split_last() else {
        return missing(Missing::Beacon);
    };
    let Some((value, iterations_log2)) = &last.beacon else {
        return missing(Missing::Beacon);
    };
    if people.iter().any(|contribution| contribution.beacon.is_some()) {
        return missing(Missing::Beacon);
    }
    if is_example_beacon(value) {
        return missing(Missing::ExampleBeacon);
    }
    let text = |hash: &Hash512| hex::encode(hash);
    let contributions = people
        .iter()
        .map(|contribution| Contribution {
            name: contribution.name.clone().unwrap_or_default(),
            hash: text(&contribution.hash),
        })
        .collect();
    let beacon = Beacon {
        source: source.to_owned(),
        value: hex::encode(value),
        iterations_log2: *iterations_log2,
        hash: text(&last.hash),
    };
    Ok((contributions, beacon))
}

fn verification_key_hash(verifying_key: &VerifyingKey<Bn254>) -> Result<String, ManifestError> {
    let text = snarkjs::write_verifying_key(verifying_key).map_err(|error| ManifestError::Toml {
        path: "verification_key.json".into(),
        reason: error.to_string(),
    })?;
    Ok(hex::encode(sha256(text.as_bytes())))
}

impl Manifest {
    /// Where the manifest of a key is looked for: beside it, the same name with `.toml` behind it.
    pub fn path_beside(key: &Path) -> PathBuf {
        let mut name = key.as_os_str().to_owned();
        name.push(".toml");
        name.into()
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// If the file cannot be read or is no manifest.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let read = || {
            let length = std::fs::metadata(path)?.len();
            match length > BYTES_MAX {
                true => Err(std::io::Error::other(format!(
                    "{length} bytes, the limit is {BYTES_MAX}"
                ))),
                false => std::fs::read_to_string(path),
            }
        };
        let text = read().map_err(|source| FileError::Io {
            action: "read",
            path: path.into(),
            source,
        })?;
        toml::from_str(&text).map_err(|error| ManifestError::Toml {
            path: path.into(),
            reason: error.to_string(),
        })
    }

    /// The text of a manifest.
    ///
    /// # Errors
    /// If a field cannot be written as TOML.
    pub fn to_text(&self) -> Result<String, ManifestError> {
        toml::to_string(self).map_err(|error| ManifestError::Toml {
            path: "manifest.toml".into(),
            reason: error.to_string(),
        })
    }

    /// Is it this key's? The whole file is hashed; what the manifest says of it was verified when it was sealed.
    ///
    /// # Errors
    /// If it is another key's.
    pub fn check(&self, zkey: &Zkey) -> Result<(), ManifestError> {
        same("key.sha256", &self.key.sha256, &hex::encode(zkey.sha256()))?;
        self.check_verifying_key(zkey.verifying_key())
    }

    /// Is it the manifest of this verifying key, wherever that comes from? A degenerate key has none.
    ///
    /// # Errors
    /// If it is another key's.
    pub fn check_verifying_key(&self, verifying_key: &VerifyingKey<Bn254>) -> Result<(), ManifestError> {
        key::check(verifying_key)?;
        let expected = &self.key.verification_key_sha256;
        same(
            "key.verification_key_sha256",
            expected,
            &verification_key_hash(verifying_key)?,
        )
    }
}

/// The circuit that a key is of by its own word: the id in its manifest, or in a dev key of ours the first half of the circuit hash,
/// whose other half is zeros. None if it says nothing.
pub fn circuit_id(key: &Zkey, manifest: Option<&Manifest>) -> Option<Hash> {
    if let Some(manifest) = manifest {
        let mut id = Hash::default();
        return hex::decode_to_slice(&manifest.circuit_id, &mut id)
            .ok()
            .map(|()| id);
    }
    let (id, rest) = key.contributions().circuit_hash().split_first_chunk::<32>()?;
    rest.iter().all(|byte| *byte == 0).then_some(*id)
}

fn same(field: &'static str, expected: &str, got: &str) -> Result<(), ManifestError> {
    match expected.eq_ignore_ascii_case(got) {
        true => Ok(()),
        false => Err(ManifestError::Field {
            field,
            expected: expected.to_owned(),
            got: got.to_owned(),
        }),
    }
}
