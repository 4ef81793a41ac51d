//! A key and its proofs for programs on Solana, as the crate `groth16-solana` 0.3.1 takes them.
//!
//! | what | encoding |
//! |---|---|
//! | point of G1 | 64 bytes: x, y |
//! | point of G2 | 128 bytes: x imaginary, x real, y imaginary, y real |
//! | public input | 32 bytes |
//!
//! all numbers big-endian, the order of EIP-197, which Solana's `alt_bn128` system calls follow. The library multiplies
//! `e(A, B) e(L, gamma) e(C, delta) e(alpha, beta)` and expects 1, with every point as it is in the key: so `A` has to come
//! negated (its `src/groth16.rs`, and the example at its head). It refuses public inputs that are not below r. Other than
//! [`crate::Verifier`] it does not refuse points at infinity as such: no honest prover makes them, but the equation is all
//! that decides.
//!
//! Degenerate keys are refused by [`crate::key`] first. Tests let the library itself verify.

use crate::{
    key::{self, KeyError},
    solidity::Grade,
    words::{self, Word},
};
use alloc::{format, string::String, vec::Vec};
use ark_bn254::{Bn254, Fr};
use ark_groth16::{Proof, VerifyingKey};
use core::fmt::Write as _;

/// A proof as `Groth16Verifier::new` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofBytes {
    /// `-A`.
    pub minus_a: [u8; 64],
    /// `B`.
    pub b: [u8; 128],
    /// `C`.
    pub c: [u8; 64],
}

/// A Rust module with the constant `VERIFYING_KEY`, of the library's type `Groth16Verifyingkey`, and `INSECURE_SETUP`: true
/// under a dev key.
///
/// # Errors
/// The key's defect, if it is degenerate.
pub fn export(key: &VerifyingKey<Bn254>, grade: Grade) -> Result<String, KeyError> {
    key::check(key)?;
    let mut text = String::from(HEAD);
    let (insecure, says) = match grade {
        Grade::Dev => (true, "NOT SECURE: whoever made this key can forge proofs."),
        Grade::Ceremony => (false, "The key comes from a ceremony, says its manifest."),
    };
    let inputs = key.gamma_abc_g1.len().saturating_sub(1);
    let ic = key.gamma_abc_g1.iter().map(words::g1_to_words);
    let ic: String = ic.map(|point| array(&point, 8)).collect();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "/// {says}\n\
         pub const INSECURE_SETUP: bool = {insecure};\n\n\
         /// The key, with {inputs} public inputs.\n\
         pub const VERIFYING_KEY: Groth16Verifyingkey<'static> = Groth16Verifyingkey {{\n    \
             nr_pubinputs: {inputs},\n"
    );
    for (name, point) in [
        ("alpha_g1", words::g1_to_words(&key.alpha_g1).to_vec()),
        ("beta_g2", words::g2_to_words(&key.beta_g2).to_vec()),
        ("gamma_g2", words::g2_to_words(&key.gamma_g2).to_vec()),
        ("delta_g2", words::g2_to_words(&key.delta_g2).to_vec()),
    ] {
        let _ = write!(text, "    vk_{name}: {}", array(&point, 4).trim_start());
    }
    let _ = write!(text, "    vk_ic: &[\n{ic}    ],\n    vk_commitment: None,\n}};\n");
    Ok(text)
}

const HEAD: &str = "\
// A Groth16 verifying key over BN254, for groth16-solana 0.3.1. Written by popw: do not edit.
//
// Proofs come with A negated.

use groth16_solana::groth16::Groth16Verifyingkey;

";

/// An array of bytes, one word a line, at this indentation.
fn array(words: &[Word], indentation: usize) -> String {
    let line = |word: &Word| {
        let bytes: Vec<_> = word.iter().map(|byte| format!("{byte}")).collect();
        format!("{:indentation$}    {},\n", "", bytes.join(", "))
    };
    let lines: String = words.iter().map(line).collect();
    format!("{0:indentation$}[\n{lines}{0:indentation$}],\n", "")
}

/// A proof, with `A` negated.
#[must_use]
pub fn proof_bytes(proof: &Proof<Bn254>) -> ProofBytes {
    let mut bytes = ProofBytes {
        minus_a: [0; 64],
        b: [0; 128],
        c: [0; 64],
    };
    let put = |target: &mut [u8], words: &[Word]| target.copy_from_slice(words.as_flattened());
    put(&mut bytes.minus_a, &words::g1_to_words(&-proof.a));
    put(&mut bytes.b, &words::g2_to_words(&proof.b));
    put(&mut bytes.c, &words::g1_to_words(&proof.c));
    bytes
}

/// Public inputs.
#[must_use]
pub fn input_bytes(inputs: &[Fr]) -> Vec<[u8; 32]> {
    words::inputs_to_be_bytes(inputs)
}
