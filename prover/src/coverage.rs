//! Claim C1 from a witness to a proof, as [`crate::uptime`] does it for U1.
//!
//! [`prove`] evaluates the claim natively first, so that a false claim is refused with the rule that it breaks; then the circuit
//! is run, and its public inputs must be the native statement's.

use crate::progress::{Phase, Watch};
use crate::prover::{Prover, ProverError};
use crate::uptime::{disagreement, explained_by};
use ark_bn254::{Bn254, Fr};
use ark_groth16::Proof;
use ark_std::rand::{CryptoRng, RngCore};
use popw_circuits::{Builder, coverage};
use popw_claims::coverage::{ClaimError, Outcome, Shape, Witness};
use popw_claims::statement::Statement;
use zeroize::Zeroizing;

/// A proven window: everything that settles it.
pub struct ProvenWindow {
    /// What the witness leads to.
    pub outcome: Outcome,
    /// The public inputs.
    pub statement: Statement,
    /// The bytes that go to the contract with the proof.
    pub data: Vec<u8>,
    /// The proof.
    pub proof: Proof<Bn254>,
}

/// Why a window was not proven.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoverageError {
    /// The claim is false, or the witness does not have the shape.
    #[error("the claim is refused: {0}")]
    Claim(#[from] ClaimError),
    /// The circuit computed other public inputs than the native rule: a bug, never hidden.
    #[error("circuit and native rule disagree on public input {index}: please report this")]
    Disagreement {
        /// Which of the seven.
        index: usize,
    },
    /// The prover refused.
    #[error(transparent)]
    Prover(#[from] ProverError),
}

/// The assignment of a claim whose statement is known: every wire's value, erased when dropped.
///
/// # Errors
/// [`CoverageError::Claim`] if the witness does not have the shape, [`CoverageError::Disagreement`] if the circuit computes
/// other public inputs than the statement's.
pub fn assignment(
    shape: &Shape,
    witness: &Witness,
    statement: &Statement,
) -> Result<Zeroizing<Vec<Fr>>, CoverageError> {
    shape.validate().map_err(ClaimError::from)?;
    witness.check_sizes(shape)?;
    let mut builder = Builder::witness();
    coverage::circuit(&mut builder, shape, witness, statement.z);
    let assignment = Zeroizing::new(builder.into_assignment());
    match disagreement(&assignment, statement) {
        Some(index) => Err(CoverageError::Disagreement { index }),
        None => Ok(assignment),
    }
}

/// Proves a window with the key of its shape.
///
/// # Errors
/// If the claim is false or the proof cannot be made.
pub fn prove(
    prover: &Prover,
    shape: &Shape,
    witness: &Witness,
    selector: [u8; 4],
    rng: &mut (impl RngCore + CryptoRng),
    watch: &Watch<'_>,
) -> Result<ProvenWindow, CoverageError> {
    watch.phase(Phase::Witness);
    let outcome = witness.evaluate(shape)?;
    let data = outcome.settlement_data()?;
    let statement = outcome.statement(selector)?;
    let assignment = prover.assignment(&assignment(shape, witness, &statement)?);
    let proof = prover
        .prove(&assignment, rng, watch)
        .map_err(|error| explained_by(error, || coverage::structure(shape), &assignment))?;
    Ok(ProvenWindow {
        outcome,
        statement,
        data,
        proof,
    })
}
