//! Claim U1 from a witness to a proof: what a gateway or an operator calls.
//!
//! [`prove`] evaluates the claim natively first, so that a false claim is refused with the rule that it breaks, not with the
//! number of a constraint; then the circuit is run, and its public inputs must be the native statement's. If the proof does not
//! verify all the same, the circuit is built to name the constraint: only a failure pays for that.

use crate::assignment::Assignment;
use crate::progress::{Phase, Watch};
use crate::prover::{Prover, ProverError};
use ark_bn254::{Bn254, Fr};
use ark_groth16::Proof;
use ark_std::rand::{CryptoRng, RngCore};
use popw_circuits::{Builder, R1cs, uptime};
use popw_claims::uptime::{ClaimError, Outcome, Shape, Statement, Witness};
use zeroize::Zeroizing;

/// A proven zone: everything that settles it.
pub struct ProvenZone {
    /// What the witness leads to.
    pub outcome: Outcome,
    /// The public inputs.
    pub statement: Statement,
    /// The bytes that go to the contract with the proof.
    pub data: Vec<u8>,
    /// The proof.
    pub proof: Proof<Bn254>,
}

/// Why a zone was not proven.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UptimeError {
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
/// [`UptimeError::Claim`] if the witness does not have the shape, [`UptimeError::Disagreement`] if the circuit computes
/// other public inputs than the statement's.
pub fn assignment(
    shape: &Shape,
    witness: &Witness,
    statement: &Statement,
) -> Result<Zeroizing<Vec<Fr>>, UptimeError> {
    shape.validate().map_err(ClaimError::from)?;
    witness.check_sizes(shape)?;
    let mut builder = Builder::witness();
    uptime::circuit(&mut builder, shape, witness, statement.z);
    let assignment = Zeroizing::new(builder.into_assignment());
    match disagreement(&assignment, statement) {
        Some(index) => Err(UptimeError::Disagreement { index }),
        None => Ok(assignment),
    }
}

/// The first public input of an assignment that is not the statement's.
pub(crate) fn disagreement(assignment: &[Fr], statement: &Statement) -> Option<usize> {
    let public = statement.public_inputs();
    (0..public.len()).find(|index| assignment.get(index + 1) != Some(&public[*index]))
}

/// Proves a zone with the key of its shape.
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
) -> Result<ProvenZone, UptimeError> {
    watch.phase(Phase::Witness);
    let outcome = witness.evaluate(shape)?;
    let data = outcome.settlement_data()?;
    let statement = outcome.statement(selector)?;
    let assignment = prover.assignment(&assignment(shape, witness, &statement)?);
    let proof = prover
        .prove(&assignment, rng, watch)
        .map_err(|error| explained(error, shape, &assignment))?;
    Ok(ProvenZone {
        outcome,
        statement,
        data,
        proof,
    })
}

/// An error of the prover, with the violated constraint named if that is why the proof did not verify.
pub fn explained(error: ProverError, shape: &Shape, assignment: &Assignment) -> ProverError {
    explained_by(error, || uptime::structure(shape), assignment)
}

/// The same for any circuit of ours, which is built only if it is needed.
pub(crate) fn explained_by(
    error: ProverError,
    structure: impl FnOnce() -> R1cs<Fr>,
    assignment: &Assignment,
) -> ProverError {
    if !matches!(error, ProverError::SelfVerification(_)) {
        return error;
    }
    first_violation(&structure(), &assignment.values()).unwrap_or(error)
}

/// The first constraint of a circuit of ours that an assignment violates, as an error.
pub fn first_violation(r1cs: &R1cs<Fr>, assignment: &[Fr]) -> Option<ProverError> {
    let row = *r1cs.violations_up_to(1, assignment).first()?;
    Some(ProverError::Unsatisfied {
        row,
        of: r1cs.constraints(),
    })
}
