//! The verifier contract for a key: its text, its creation bytecode, calldata for it, and the selector it is known by.
//!
//! [`export`] fills the template of `verifier/contracts/src/`; whoever deploys it compiles what he has read.
//! [`creation_bytecode`] fills the same key into bytecode that was compiled from that template beforehand
//! (`verifier/contracts/artifacts/`), so that popw itself needs no compiler; a test compares both, byte for byte.
//! Degenerate keys are refused by [`crate::key`] first. Next: `artifact` (committed bytecode), `template` (the text),
//! `calldata`.

mod artifact;
mod calldata;
mod template;

use crate::{
    key::{self, KeyError},
    words::{self, Word},
};
use alloc::{format, string::String, vec::Vec};
use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_groth16::VerifyingKey;
use core::fmt;
use sha3::{Digest, Keccak256};
use thiserror::Error;

pub use artifact::{Contract, contract_bytecode};
pub use calldata::{CalldataError, batch_calldata, calldata};

/// The most public inputs of an exported contract: its code stays well below the limit of EIP-170 (24,576 bytes).
pub const INPUTS_MAX: usize = 256;

/// The most public inputs for which bytecode was compiled: [`creation_bytecode`].
pub const BYTECODE_INPUTS_MAX: usize = 8;

/// The longest contract name, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Where a key comes from. It does not follow from the key: the key's manifest says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// Made on one machine, for development: whoever made it can forge proofs. The contract is named `Dev<name>` and
    /// its `INSECURE_SETUP` is true.
    Dev,
    /// Made by a ceremony with several contributors and a beacon: `INSECURE_SETUP` is false.
    Ceremony,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::Ceremony => "ceremony",
        })
    }
}

/// Why a contract is not made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The key is degenerate.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Not a contract name: a capital letter, then letters, digits and underscores.
    #[error(
        "contract name {got:?}: expected a capital letter, then at most {limit} letters, digits or underscores",
        limit = NAME_BYTES_MAX - 1
    )]
    Name {
        /// What was given.
        got: String,
    },
    /// A contract has 1 to [`INPUTS_MAX`] public inputs.
    #[error("verifying key: {got} public inputs, expected 1 to {limit} for a contract", limit = INPUTS_MAX)]
    InputCount {
        /// Public inputs of the key.
        got: usize,
    },
    /// No bytecode was compiled for this number of public inputs: export the text and compile it.
    #[error(
        "no committed bytecode for {got} public inputs (there is for 1 to {limit}): export the text and compile it",
        limit = BYTECODE_INPUTS_MAX
    )]
    NoArtifact {
        /// Public inputs of the key.
        got: usize,
    },
    /// A committed artifact cannot be used. A fault of this build, not of the caller.
    #[error("artifact {file}: {message}")]
    Artifact {
        /// File in `verifier/contracts/artifacts/`.
        file: &'static str,
        /// What is wrong with it.
        message: String,
    },
}

/// The contract's name: `name`, or `Dev<name>` for a dev key.
#[must_use]
pub fn contract_name(name: &str, grade: Grade) -> String {
    match grade {
        Grade::Dev => format!("Dev{name}"),
        Grade::Ceremony => name.into(),
    }
}

/// The text of a verifier contract for this key, named [`contract_name`]`(name, grade)`.
///
/// # Errors
/// The key is degenerate or has no or too many public inputs, or the name is none.
pub fn export(key: &VerifyingKey<Bn254>, name: &str, grade: Grade) -> Result<String, ExportError> {
    let inputs = check(key)?;
    let starts_well = name.starts_with(|first: char| first.is_ascii_uppercase());
    let all_well = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !starts_well || !all_well || name.len() > NAME_BYTES_MAX {
        return Err(ExportError::Name {
            got: name.chars().take(80).collect(),
        });
    }
    Ok(template::fill(
        &contract_name(name, grade),
        inputs,
        grade,
        &key_words(key),
    ))
}

/// The creation bytecode of the contract that [`export`] writes, without a compiler, for 1 to [`BYTECODE_INPUTS_MAX`] public
/// inputs.
///
/// The contract has no constructor arguments.
///
/// # Errors
/// The key is degenerate, or no bytecode was compiled for its number of public inputs.
pub fn creation_bytecode(key: &VerifyingKey<Bn254>, grade: Grade) -> Result<Vec<u8>, ExportError> {
    let inputs = check(key)?;
    artifact::verifier_bytecode(inputs, grade, &key_bytes(key))
}

/// What the contract's `keyHash()` answers: the keccak256 of the key's words as the contract holds them.
///
/// It says nothing about whether the key is sound: [`key::check`] does.
#[must_use]
pub fn key_hash(key: &VerifyingKey<Bn254>) -> [u8; 32] {
    Keccak256::digest(key_bytes(key)).into()
}

/// What names a verifier on chain and in an epoch tag: the first four bytes of
/// `keccak256(abi.encode(bytes32 keyHash, bytes32 circuitId))`, with [`key_hash`]. It changes with the circuit and with
/// the key.
#[must_use]
pub fn selector(key: &VerifyingKey<Bn254>, circuit_id: &[u8; 32]) -> [u8; 4] {
    let digest: [u8; 32] = Keccak256::new_with_prefix(key_hash(key))
        .chain_update(circuit_id)
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// The number of public inputs of a key that may be exported.
fn check(key: &VerifyingKey<Bn254>) -> Result<usize, ExportError> {
    key::check(key)?;
    match key.gamma_abc_g1.len().saturating_sub(1) {
        got if (1..=INPUTS_MAX).contains(&got) => Ok(got),
        got => Err(ExportError::InputCount { got }),
    }
}

fn key_bytes(key: &VerifyingKey<Bn254>) -> Vec<u8> {
    key_words(key).iter().flat_map(|(_, word)| *word).collect()
}

/// The key as the contract holds it, which is the order of the pairing precompile's input: three pairs with the G2
/// points negated, IC_0 in the place of L and zeros in the place of C; then the other IC points.
fn key_words(key: &VerifyingKey<Bn254>) -> Vec<(String, Word)> {
    let g1 = |name: &str, point: &G1Affine| {
        let axes = ["x", "y"].map(|axis| format!("{name}.{axis}"));
        axes.into_iter()
            .zip(words::g1_to_words(point))
            .collect::<Vec<_>>()
    };
    let minus_g2 = |name: &str, point: &G2Affine| {
        let axes = ["x imaginary", "x real", "y imaginary", "y real"].map(|axis| format!("-{name}.{axis}"));
        axes.into_iter()
            .zip(words::g2_to_words(&-*point))
            .collect::<Vec<_>>()
    };
    let mut ic = key
        .gamma_abc_g1
        .iter()
        .enumerate()
        .map(|(index, point)| g1(&format!("IC[{index}]"), point));
    let mut words = g1("alpha", &key.alpha_g1);
    words.extend(minus_g2("beta", &key.beta_g2));
    words.extend(ic.next().into_iter().flatten());
    words.extend(minus_g2("gamma", &key.gamma_g2));
    words.extend(g1("C", &G1Affine::identity()));
    words.extend(minus_g2("delta", &key.delta_g2));
    words.extend(ic.flatten());
    words
}
