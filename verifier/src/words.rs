//! Proofs and inputs as the EVM's words: 32 bytes, big-endian.
//!
//! The order of a proof's eight words is that of EIP-197: `A.x, A.y, B.x imaginary, B.x real, B.y imaginary, B.y real,
//! C.x, C.y`; a point at infinity is all zero. Everything that reads words refuses values that are not below their
//! modulus, so that one value has one spelling. Used by [`crate::verify`] and [`crate::solidity`].

use alloc::vec::Vec;
use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger256, PrimeField, Zero};
use ark_groth16::Proof;
use thiserror::Error;

/// 32 bytes, big-endian.
pub type Word = [u8; 32];

/// A proof in the order of EIP-197.
pub type ProofWords = [Word; 8];

/// A word is not the canonical spelling of a field element.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WordError {
    /// A public input is not below r: it would alias the input that is smaller by r.
    #[error("public input {index} is not below the order of the scalar field")]
    InputNotInField {
        /// Index of the input.
        index: usize,
    },
    /// A coordinate is not below p.
    #[error("word {index} of the proof is not below the modulus of the base field")]
    CoordinateNotInField {
        /// Index of the word.
        index: usize,
    },
}

/// Public inputs from words.
///
/// # Errors
/// [`WordError::InputNotInField`] for the first word that is not below r.
pub fn inputs_from_be_bytes(words: &[Word]) -> Result<Vec<Fr>, WordError> {
    let input = |(index, word)| Fr::from_bigint(integer(word)).ok_or(WordError::InputNotInField { index });
    words.iter().enumerate().map(input).collect()
}

/// Public inputs as words.
#[must_use]
pub fn inputs_to_be_bytes(inputs: &[Fr]) -> Vec<Word> {
    inputs.iter().map(to_word).collect()
}

/// A proof from words. Says nothing about curves and subgroups: [`crate::Verifier::verify`] checks them.
///
/// # Errors
/// [`WordError::CoordinateNotInField`] for the first word that is not below p.
pub fn proof_from_words(words: &ProofWords) -> Result<Proof<Bn254>, WordError> {
    let mut c = [Fq::zero(); 8];
    for (index, word) in words.iter().enumerate() {
        c[index] = Fq::from_bigint(integer(word)).ok_or(WordError::CoordinateNotInField { index })?;
    }
    let g1 = |x: Fq, y: Fq| {
        if x.is_zero() && y.is_zero() {
            G1Affine::identity()
        } else {
            G1Affine::new_unchecked(x, y)
        }
    };
    let g2 = |x: Fq2, y: Fq2| {
        if x.is_zero() && y.is_zero() {
            G2Affine::identity()
        } else {
            G2Affine::new_unchecked(x, y)
        }
    };
    Ok(Proof {
        a: g1(c[0], c[1]),
        b: g2(Fq2::new(c[3], c[2]), Fq2::new(c[5], c[4])),
        c: g1(c[6], c[7]),
    })
}

/// A proof as words.
#[must_use]
pub fn proof_to_words(proof: &Proof<Bn254>) -> ProofWords {
    let [ax, ay] = g1_to_words(&proof.a);
    let [bx1, bx0, by1, by0] = g2_to_words(&proof.b);
    let [cx, cy] = g1_to_words(&proof.c);
    [ax, ay, bx1, bx0, by1, by0, cx, cy]
}

/// A point of G1: x, y; zeros for the identity.
#[must_use]
pub fn g1_to_words(point: &G1Affine) -> [Word; 2] {
    let (x, y) = point.xy().unwrap_or_default();
    [to_word(&x), to_word(&y)]
}

/// A point of G2: x imaginary, x real, y imaginary, y real; zeros for the identity.
#[must_use]
pub fn g2_to_words(point: &G2Affine) -> [Word; 4] {
    let (x, y) = point.xy().unwrap_or_default();
    [to_word(&x.c1), to_word(&x.c0), to_word(&y.c1), to_word(&y.c0)]
}

/// The canonical word of an element of either field.
fn to_word<F: PrimeField<BigInt = BigInteger256>>(element: &F) -> Word {
    let mut word = [0; 32];
    for (bytes, limb) in word.rchunks_exact_mut(8).zip(element.into_bigint().0) {
        bytes.copy_from_slice(&limb.to_be_bytes());
    }
    word
}

fn integer(word: &Word) -> BigInteger256 {
    let mut limbs = [0; 4];
    for (limb, bytes) in limbs.iter_mut().zip(word.rchunks_exact(8)) {
        *limb = bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    }
    BigInteger256::new(limbs)
}
