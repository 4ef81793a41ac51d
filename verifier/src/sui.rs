//! A key and its proofs for the Move module `groth16` of Sui (`sui::groth16`) and IOTA (`iota::groth16`).
//!
//! Both chains read arkworks' compressed form (fastcrypto-zkp, `bn254/api.rs`). Numbers are little-endian; a point is its x,
//! with two flags in the highest bits of the last byte: 7, that y is the larger of both roots; 6, the identity.
//!
//! | what | bytes | function of the module |
//! |---|---|---|
//! | [`verifying_key`]: alpha, beta, gamma, delta, the number of IC points (8 bytes), IC points | 264 + 32 l | `prepare_verifying_key` |
//! | [`proof_points`]: A, B, C | 128 | `proof_points_from_bytes` |
//! | [`public_inputs`] | 32 l | `public_proof_inputs_from_bytes` |
//!
//! with l public inputs, [`INPUTS_MAX`] at most, and `groth16::bn254()` as the curve.
//!
//! Degenerate keys are refused by [`crate::key`] first. Tests read the bytes back with arkworks, and verify.

use crate::key::{self, KeyError};
use alloc::vec::Vec;
use ark_bn254::{Bn254, Fr};
use ark_groth16::{Proof, VerifyingKey};
use ark_serialize::{CanonicalSerialize, SerializationError};
use thiserror::Error;

/// The most public inputs that the chains take: `MaxPublicInputs` of the module `groth16`.
pub const INPUTS_MAX: usize = 8;

/// Why nothing is exported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The key is degenerate.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The chains take [`INPUTS_MAX`] public inputs at most.
    #[error("Sui and IOTA take {limit} public inputs at most, got {got}", limit = INPUTS_MAX)]
    InputCount {
        /// What the key or the proof has.
        got: usize,
    },
    /// Arkworks does not write it. Writing to memory does not fail.
    #[error("arkworks cannot write it: {0}")]
    Write(SerializationError),
}

/// A key, as `prepare_verifying_key` takes it.
///
/// # Errors
/// The key is degenerate or has too many public inputs.
pub fn verifying_key(key: &VerifyingKey<Bn254>) -> Result<Vec<u8>, ExportError> {
    key::check(key)?;
    check_count(key.gamma_abc_g1.len().saturating_sub(1))?;
    write(key)
}

/// A proof, as `proof_points_from_bytes` takes it.
///
/// # Errors
/// None that can happen, see [`ExportError::Write`].
pub fn proof_points(proof: &Proof<Bn254>) -> Result<Vec<u8>, ExportError> {
    write(proof)
}

/// Public inputs, as `public_proof_inputs_from_bytes` takes them: one after another, without their number.
///
/// # Errors
/// There are too many.
pub fn public_inputs(inputs: &[Fr]) -> Result<Vec<u8>, ExportError> {
    check_count(inputs.len())?;
    let inputs: Result<Vec<_>, _> = inputs.iter().map(write).collect();
    Ok(inputs?.concat())
}

fn check_count(got: usize) -> Result<(), ExportError> {
    match got {
        0..=INPUTS_MAX => Ok(()),
        _ => Err(ExportError::InputCount { got }),
    }
}

fn write(value: &impl CanonicalSerialize) -> Result<Vec<u8>, ExportError> {
    let mut bytes = Vec::with_capacity(value.compressed_size());
    value
        .serialize_compressed(&mut bytes)
        .map_err(ExportError::Write)?;
    Ok(bytes)
}
