//! Calldata for the contract, of one proof and of a batch.

use crate::words::{self, Word};
use alloc::{format, vec::Vec};
use ark_bn254::{Bn254, Fr};
use ark_groth16::Proof;
use sha3::{Digest, Keccak256};
use thiserror::Error;

/// Why there is no calldata for a batch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CalldataError {
    /// The contract refuses a batch of none.
    #[error("batch: no proof")]
    Empty,
    /// Every proof has one row of inputs.
    #[error("batch: {proofs} proofs and {inputs} rows of public inputs, expected as many")]
    Lengths {
        /// How many proofs.
        proofs: usize,
        /// How many rows of inputs.
        inputs: usize,
    },
    /// One contract is for one number of public inputs.
    #[error("batch: proof {proof} has {got} public inputs, expected {expected} as the first")]
    InputCount {
        /// Index of the proof.
        proof: usize,
        /// Public inputs of the first proof.
        expected: usize,
        /// Public inputs of this one.
        got: usize,
    },
}

/// Calldata of `verifyProof(uint256[8],uint256[l])`, l the number of inputs.
#[must_use]
pub fn calldata(proof: &Proof<Bn254>, inputs: &[Fr]) -> Vec<u8> {
    let mut data = function(&format!("verifyProof(uint256[8],uint256[{}])", inputs.len()));
    data.extend(words::proof_to_words(proof).as_flattened());
    data.extend(words::inputs_to_be_bytes(inputs).as_flattened());
    data
}

/// Calldata of `verifyBatch(uint256[8][],uint256[l][])`, l the number of inputs of each proof: `inputs[i]` are those of
/// `proofs[i]`.
///
/// # Errors
/// There is no proof, or the lengths do not fit.
pub fn batch_calldata(proofs: &[Proof<Bn254>], inputs: &[Vec<Fr>]) -> Result<Vec<u8>, CalldataError> {
    if proofs.len() != inputs.len() {
        return Err(CalldataError::Lengths {
            proofs: proofs.len(),
            inputs: inputs.len(),
        });
    }
    let expected = inputs.first().ok_or(CalldataError::Empty)?.len();
    if let Some((proof, row)) = inputs.iter().enumerate().find(|(_, row)| row.len() != expected) {
        return Err(CalldataError::InputCount {
            proof,
            expected,
            got: row.len(),
        });
    }
    let mut data = function(&format!("verifyBatch(uint256[8][],uint256[{expected}][])"));
    // Where the two arrays begin, behind these two words; each begins with its length.
    let proof_words = 1 + 8 * proofs.len();
    for position in [2, 2 + proof_words] {
        data.extend(number(32 * position));
    }
    data.extend(number(proofs.len()));
    for proof in proofs {
        data.extend(words::proof_to_words(proof).as_flattened());
    }
    data.extend(number(inputs.len()));
    for row in inputs {
        data.extend(words::inputs_to_be_bytes(row).as_flattened());
    }
    Ok(data)
}

/// The four bytes that name a function.
fn function(signature: &str) -> Vec<u8> {
    Keccak256::digest(signature)[..4].to_vec()
}

fn number(value: usize) -> Word {
    let mut word = [0; 32];
    for (byte, part) in word.iter_mut().rev().zip(value.to_le_bytes()) {
        *byte = part;
    }
    word
}
