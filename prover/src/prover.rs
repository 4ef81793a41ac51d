//! [`Prover`]: from an assignment to a verified proof.

use crate::dev_key::{DevKey, DevKeyError};
use crate::progress::{Phase, Progress};
use ark_bn254::{Bn254, Fr};
use ark_ff::UniformRand;
use ark_groth16::Groth16;
use ark_relations::gr1cs::{Matrix, SynthesisError};
use ark_std::rand::{CryptoRng, RngCore};
use popw_verifier::{KeyError, Proof, Verifier, VerifyError};
use std::path::Path;

/// Makes proofs with one key. It holds the key and may be shared between threads.
pub struct Prover {
    key: DevKey,
    matrices: [Matrix<Fr>; 3],
    verifier: Verifier,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProverError {
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] DevKeyError),
    /// The key's verifying part is degenerate: its proofs would prove nothing.
    #[error("the key is refused: {0}")]
    Degenerate(#[from] KeyError),
    /// The assignment belongs to another circuit.
    #[error(
        "the assignment has {got} wires, the key's circuit has {expected}: it was made for another circuit"
    )]
    Wires {
        /// Wires of the key's circuit.
        expected: usize,
        /// Wires given.
        got: usize,
    },
    /// The constant wire is not one.
    #[error("wire 0 of the assignment is not 1")]
    ConstantWire,
    /// The assignment violates a constraint; no proof of it would verify.
    #[error("the assignment violates constraint {row} of {of}: the claim is false or the witness damaged")]
    Unsatisfied {
        /// The first violated constraint.
        row: usize,
        /// Number of constraints.
        of: usize,
    },
    /// The computation failed.
    #[error("proving failed: {0}")]
    Synthesis(#[from] SynthesisError),
    /// The proof did not verify; it was not returned.
    #[error("the new proof does not verify ({0}): the machine or the key is at fault; nothing was returned")]
    SelfVerification(VerifyError),
}

impl Prover {
    /// Opens a key file.
    ///
    /// # Errors
    /// If the file is no key, or a key that must not be used.
    pub fn open(key: impl AsRef<Path>) -> Result<Self, ProverError> {
        Self::new(DevKey::load(key.as_ref())?)
    }

    /// A prover with a key in memory.
    ///
    /// # Errors
    /// If the key must not be used.
    pub fn new(key: DevKey) -> Result<Self, ProverError> {
        let verifier = Verifier::new(key.proving_key().vk.clone())?;
        let matrices = key.r1cs().matrices().each_ref().map(|matrix| {
            let row = |terms: &[(u32, Fr)]| {
                terms
                    .iter()
                    .map(|(wire, value)| (*value, *wire as usize))
                    .collect()
            };
            matrix.rows().map(row).collect()
        });
        Ok(Self {
            key,
            matrices,
            verifier,
        })
    }

    /// The key.
    pub fn key(&self) -> &DevKey {
        &self.key
    }

    /// The verifier of this prover's proofs.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Proves an assignment (wire 0 is one, then the public inputs, then the private wires) and verifies the proof.
    ///
    /// # Errors
    /// If the assignment does not fit or satisfy the circuit. A proof that does not verify is never returned.
    pub fn prove(
        &self,
        assignment: &[Fr],
        rng: &mut (impl RngCore + CryptoRng),
        progress: &dyn Progress,
    ) -> Result<Proof<Bn254>, ProverError> {
        let header = self.key.r1cs().header();
        let (wires, constraints) = (header.wires as usize, header.constraints as usize);
        if assignment.len() != wires {
            return Err(ProverError::Wires {
                expected: wires,
                got: assignment.len(),
            });
        }
        if assignment[0] != Fr::from(1u64) {
            return Err(ProverError::ConstantWire);
        }
        progress.phase(Phase::Proof);
        if let Some(row) = self.first_violation(assignment) {
            return Err(ProverError::Unsatisfied { row, of: constraints });
        }
        let inputs = self.verifier.input_count();
        let proof = Groth16::<Bn254>::create_proof_with_reduction_and_matrices(
            self.key.proving_key(),
            Fr::rand(rng),
            Fr::rand(rng),
            &self.matrices,
            inputs + 1,
            constraints,
            assignment,
        )?;
        progress.phase(Phase::SelfVerification);
        self.verifier
            .verify(&assignment[1..=inputs], &proof)
            .map_err(ProverError::SelfVerification)?;
        Ok(proof)
    }

    fn first_violation(&self, assignment: &[Fr]) -> Option<usize> {
        let product = |row: &[(Fr, usize)]| {
            row.iter()
                .map(|(value, wire)| assignment[*wire] * value)
                .sum::<Fr>()
        };
        let [a, b, c] = &self.matrices;
        a.iter()
            .zip(b)
            .zip(c)
            .position(|((a, b), c)| product(a) * product(b) != product(c))
    }
}
