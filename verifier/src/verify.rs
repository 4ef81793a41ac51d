//! One proof against one verifying key.
//!
//! [`Verifier`] holds a key that passed [`crate::key::check`], with the pairings of its constants done. It refuses what
//! the exported contract refuses: any other number of inputs, points at infinity, off their curve or subgroup.
//! Depends on [`crate::key`] and [`crate::words`]. Many proofs at once: [`crate::batch`]. The contract with the same
//! behaviour is in [`crate::solidity`].

use crate::{
    key::{self, KeyError},
    words::{self, ProofWords, Word, WordError},
};
use alloc::vec::Vec;
use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{
    AffineRepr, CurveGroup,
    pairing::{Pairing, PairingOutput},
};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, PrimeField, Zero};
use ark_groth16::{Proof, VerifyingKey};
use core::fmt;
use thiserror::Error;

/// A point of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofPoint {
    /// `A`, in G1.
    A,
    /// `B`, in G2.
    B,
    /// `C`, in G1.
    C,
}

impl fmt::Display for ProofPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a proof is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The key has another number of public inputs.
    #[error("proof: the key has {expected} public inputs, got {got}")]
    InputCount {
        /// What the key has.
        expected: usize,
        /// What was given.
        got: usize,
    },
    /// A point is the identity. No honest prover makes one.
    #[error("proof: {point} is the point at infinity")]
    AtInfinity {
        /// Which point.
        point: ProofPoint,
    },
    /// The coordinates do not satisfy the curve's equation.
    #[error("proof: {point} is not on its curve")]
    NotOnCurve {
        /// Which point.
        point: ProofPoint,
    },
    /// On the curve, but not in the subgroup of order r (`B` only).
    #[error("proof: {point} is not in the subgroup of order r")]
    NotInSubgroup {
        /// Which point.
        point: ProofPoint,
    },
    /// Well formed, but the pairing equation does not hold: another statement, another key, or no proof at all.
    #[error("proof: the pairing equation does not hold for these public inputs under this key")]
    EquationFails,
    /// The words do not stand for field elements.
    #[error(transparent)]
    Words(#[from] WordError),
}

/// A verifying key that passed [`crate::key::check`], ready to verify.
#[derive(Clone, Debug)]
pub struct Verifier {
    key: VerifyingKey<Bn254>,
    alpha_beta: PairingOutput<Bn254>,
    minus_beta: <Bn254 as Pairing>::G2Prepared,
    minus_gamma: <Bn254 as Pairing>::G2Prepared,
    minus_delta: <Bn254 as Pairing>::G2Prepared,
}

impl Verifier {
    /// Takes a key, unless it is degenerate.
    ///
    /// # Errors
    /// The key's defect.
    pub fn new(key: VerifyingKey<Bn254>) -> Result<Self, KeyError> {
        key::check(&key)?;
        Ok(Self {
            alpha_beta: Bn254::pairing(key.alpha_g1, key.beta_g2),
            minus_beta: (-key.beta_g2).into(),
            minus_gamma: (-key.gamma_g2).into(),
            minus_delta: (-key.delta_g2).into(),
            key,
        })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey<Bn254> {
        &self.key
    }

    /// How many public inputs the key has.
    #[must_use]
    pub fn input_count(&self) -> usize {
        // A key that passed the check has IC_0.
        self.key.gamma_abc_g1.len().saturating_sub(1)
    }

    /// `Ok` if the proof holds for the inputs.
    ///
    /// Anyone can turn a proof into another one of the same statement: never use its bytes as an identifier, key
    /// uniqueness on the statement.
    ///
    /// # Errors
    /// Why the proof is refused.
    pub fn verify(&self, inputs: &[Fr], proof: &Proof<Bn254>) -> Result<(), VerifyError> {
        self.check_count(inputs)?;
        check_points(proof)?;
        let pairs = Bn254::multi_miller_loop(
            [proof.a, self.combine(inputs), proof.c],
            [proof.b.into(), self.minus_gamma.clone(), self.minus_delta.clone()],
        );
        match Bn254::final_exponentiation(pairs) {
            Some(product) if product == self.alpha_beta => Ok(()),
            _ => Err(VerifyError::EquationFails),
        }
    }

    /// The same from what the contract gets: big-endian words, each of which has to be canonical.
    ///
    /// # Errors
    /// Why the proof is refused; [`VerifyError::Words`] if a word is not below its modulus.
    pub fn verify_words(&self, inputs: &[Word], proof: &ProofWords) -> Result<(), VerifyError> {
        let inputs = words::inputs_from_be_bytes(inputs)?;
        self.verify(&inputs, &words::proof_from_words(proof)?)
    }

    pub(crate) fn check_count(&self, inputs: &[Fr]) -> Result<(), VerifyError> {
        match (self.input_count(), inputs.len()) {
            (expected, got) if expected != got => Err(VerifyError::InputCount { expected, got }),
            _ => Ok(()),
        }
    }

    /// `-beta`, `-gamma`, `-delta`.
    pub(crate) fn minus_constants(&self) -> [<Bn254 as Pairing>::G2Prepared; 3] {
        [&self.minus_beta, &self.minus_gamma, &self.minus_delta].map(Clone::clone)
    }

    /// `L = IC_0 + sum x_i IC_(i+1)`.
    fn combine(&self, inputs: &[Fr]) -> G1Affine {
        let mut bases = self.key.gamma_abc_g1.iter();
        let constant = bases.next().copied().unwrap_or_default();
        let terms: Vec<_> = bases
            .zip(inputs)
            .map(|(base, input)| (*base, input.into_bigint()))
            .collect();
        (sum_of_multiples(&terms) + constant).into_affine()
    }
}

/// The sum of the points, each times its integer. All share their doublings (Straus), which is fastest for few points.
pub(crate) fn sum_of_multiples<const LIMBS: usize>(terms: &[(G1Affine, BigInt<LIMBS>)]) -> G1Projective {
    let bits = terms
        .iter()
        .map(|(_, multiple)| multiple.num_bits() as usize)
        .max();
    let mut sum = G1Projective::zero();
    for bit in (0..bits.unwrap_or(0)).rev() {
        sum.double_in_place();
        for (point, multiple) in terms {
            if multiple.get_bit(bit) {
                sum += point;
            }
        }
    }
    sum
}

pub(crate) fn check_points(proof: &Proof<Bn254>) -> Result<(), VerifyError> {
    for (point, value) in [(ProofPoint::A, &proof.a), (ProofPoint::C, &proof.c)] {
        if value.is_zero() {
            return Err(VerifyError::AtInfinity { point });
        }
        // All of the curve is G1.
        if !value.is_on_curve() {
            return Err(VerifyError::NotOnCurve { point });
        }
    }
    let (point, b): (_, &G2Affine) = (ProofPoint::B, &proof.b);
    if b.is_zero() {
        return Err(VerifyError::AtInfinity { point });
    }
    if !b.is_on_curve() {
        return Err(VerifyError::NotOnCurve { point });
    }
    if !b.is_in_correct_subgroup_assuming_on_curve() {
        return Err(VerifyError::NotInSubgroup { point });
    }
    Ok(())
}
