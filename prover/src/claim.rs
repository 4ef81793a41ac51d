//! A claim from a witness to a proof: what a gateway or an operator calls. One road for U1, C1, L1 and V1.
//!
//! [`prove`] evaluates the claim natively first, so that a false claim is refused with the rule that it breaks, not with the
//! number of a constraint; then the circuit is run, and its public inputs must be the native statement's. If the proof does not
//! verify all the same, the circuit is built to name the constraint: only a failure pays for that.
//!
//! [`Claim`] is implemented by the shape of each claim: whoever has a shape has the claim.
//!
//! Depends on: `popw_claims` for the native rules, `popw_circuits` for the circuits. Where to go next: [`crate::prover`].

use crate::assignment::Assignment;
use crate::progress::{Phase, Watch};
use crate::prover::{Prover, ProverError};
use ark_bn254::{Bn254, Fr};
use ark_groth16::Proof;
use ark_std::rand::{CryptoRng, RngCore};
use popw_circuits::{Builder, R1cs};
use popw_claims::statement::Statement;
use popw_claims::{coverage, location, uptime, vote};
use zeroize::Zeroizing;

/// A claim, by the shape of its circuit.
pub trait Claim {
    /// What the circuit is given.
    type Witness;
    /// What it leads to.
    type Outcome;
    /// Which rule a witness breaks.
    type Error: std::error::Error + 'static;

    /// Does the witness have the shape's sizes?
    ///
    /// # Errors
    /// If not, or if the shape itself is outside its limits.
    fn check_sizes(&self, witness: &Self::Witness) -> Result<(), Self::Error>;

    /// The native rule, with the bytes that go to the contract and the statement for a verifier's selector.
    ///
    /// # Errors
    /// The first rule that is broken.
    fn evaluate(
        &self,
        witness: &Self::Witness,
        selector: [u8; 4],
    ) -> Result<(Self::Outcome, Vec<u8>, Statement), Self::Error>;

    /// The circuit, run on a witness.
    fn circuit(&self, cs: &mut Builder<Fr>, witness: &Self::Witness, z: Fr);

    /// The circuit's constraints.
    fn structure(&self) -> R1cs<Fr>;
}

/// The claims have the same functions in modules of their own. `?` where an outcome may have no data: a payee that is no address.
macro_rules! claim {
    ($claim:ident $($fallible:tt)?) => {
        impl Claim for $claim::Shape {
            type Witness = $claim::Witness;
            type Outcome = $claim::Outcome;
            type Error = $claim::ClaimError;

            fn check_sizes(&self, witness: &Self::Witness) -> Result<(), Self::Error> {
                self.validate()?;
                witness.check_sizes(self)
            }

            fn evaluate(
                &self,
                witness: &Self::Witness,
                selector: [u8; 4],
            ) -> Result<(Self::Outcome, Vec<u8>, Statement), Self::Error> {
                let outcome = witness.evaluate(self)?;
                let data = outcome.settlement_data() $($fallible)?;
                let statement = outcome.statement(selector) $($fallible)?;
                Ok((outcome, data, statement))
            }

            fn circuit(&self, cs: &mut Builder<Fr>, witness: &Self::Witness, z: Fr) {
                popw_circuits::$claim::circuit(cs, self, witness, z);
            }

            fn structure(&self) -> R1cs<Fr> {
                popw_circuits::$claim::structure(self)
            }
        }
    };
}

claim!(uptime?);
claim!(coverage?);
claim!(location?);
claim!(vote);

/// A proven claim: everything that settles it.
pub struct Proven<O> {
    /// What the witness leads to.
    pub outcome: O,
    /// The public inputs.
    pub statement: Statement,
    /// The bytes that go to the contract with the proof.
    pub data: Vec<u8>,
    /// The proof.
    pub proof: Proof<Bn254>,
}

/// Why a claim was not proven.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotProven<E: std::error::Error + 'static> {
    /// The claim is false, or the witness does not have the shape.
    #[error("the claim is refused: {0}")]
    Claim(E),
    /// The circuit computed other public inputs than the native rule: a bug, never hidden.
    #[error("circuit and native rule disagree on public input {index}: please report this")]
    Disagreement {
        /// Which of the seven.
        index: usize,
    },
    /// The prover refused.
    #[error(transparent)]
    Prover(ProverError),
}

/// The assignment of a claim whose statement is known: every wire's value, erased when dropped.
///
/// # Errors
/// [`NotProven::Claim`] if the witness does not have the shape, [`NotProven::Disagreement`] if the circuit computes
/// other public inputs than the statement's.
pub fn assignment<C: Claim>(
    shape: &C,
    witness: &C::Witness,
    statement: &Statement,
) -> Result<Zeroizing<Vec<Fr>>, NotProven<C::Error>> {
    shape.check_sizes(witness).map_err(NotProven::Claim)?;
    let mut builder = Builder::witness();
    shape.circuit(&mut builder, witness, statement.z);
    let assignment = Zeroizing::new(builder.into_assignment());
    let public = statement.public_inputs();
    match (0..public.len()).find(|index| assignment.get(index + 1) != Some(&public[*index])) {
        Some(index) => Err(NotProven::Disagreement { index }),
        None => Ok(assignment),
    }
}

/// Proves a claim with the key of its shape.
///
/// # Errors
/// If the claim is false or the proof cannot be made.
pub fn prove<C: Claim>(
    prover: &Prover,
    shape: &C,
    witness: &C::Witness,
    selector: [u8; 4],
    rng: &mut (impl RngCore + CryptoRng),
    watch: &Watch<'_>,
) -> Result<Proven<C::Outcome>, NotProven<C::Error>> {
    watch.phase(Phase::Witness);
    let (outcome, data, statement) = shape.evaluate(witness, selector).map_err(NotProven::Claim)?;
    let assignment = prover.assignment(&assignment(shape, witness, &statement)?);
    let proof = prover
        .prove(&assignment, rng, watch)
        .map_err(|error| NotProven::Prover(explained(error, shape, &assignment)))?;
    Ok(Proven {
        outcome,
        statement,
        data,
        proof,
    })
}

/// An error of the prover, with the violated constraint named if that is why the proof did not verify.
pub fn explained(error: ProverError, shape: &impl Claim, assignment: &Assignment) -> ProverError {
    if !matches!(error, ProverError::SelfVerification(_)) {
        return error;
    }
    first_violation(&shape.structure(), &assignment.values()).unwrap_or(error)
}

/// The first constraint of a circuit of ours that an assignment violates, as an error.
pub fn first_violation(r1cs: &R1cs<Fr>, assignment: &[Fr]) -> Option<ProverError> {
    let row = *r1cs.violations_up_to(1, assignment).first()?;
    Some(ProverError::Unsatisfied {
        row,
        of: r1cs.constraints(),
    })
}
