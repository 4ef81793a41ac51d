//! A circuit with any number of public inputs that proves any values of them, and keys and proofs for it.
//!
//! Shared by the tests of `verifier/` and of `cli/` (by path). Everything is a function of a seed.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests, each using a part"
)]

pub mod tools;

use ark_bn254::{Bn254, Fr};
use ark_ff::{BigInteger, PrimeField, UniformRand};
use ark_groth16::{Groth16, Proof, ProvingKey};
use ark_relations::{
    gr1cs::{ConstraintSynthesizer, ConstraintSystemRef, SynthesisError},
    lc,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

/// For each public input x: a witness w = x + 1 and a witness v = x w.
#[derive(Clone)]
struct AnyInputs(Vec<Fr>);

impl ConstraintSynthesizer<Fr> for AnyInputs {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        for value in self.0 {
            let x = cs.new_input_variable(|| Ok(value))?;
            let w = cs.new_witness_variable(|| Ok(value + Fr::from(1_u64)))?;
            let v = cs.new_witness_variable(|| Ok(value * (value + Fr::from(1_u64))))?;
            cs.enforce_r1cs_constraint(|| lc!() + x, || lc!() + w, || lc!() + v)?;
        }
        Ok(())
    }
}

pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A fresh key for `inputs` public inputs.
pub fn key(inputs: usize, seed: u64) -> ProvingKey<Bn254> {
    let circuit = AnyInputs(vec![Fr::from(0_u64); inputs]);
    Groth16::<Bn254>::generate_random_parameters_with_reduction(circuit, &mut rng(seed)).unwrap()
}

/// A proof for any inputs.
pub fn prove(key: &ProvingKey<Bn254>, inputs: &[Fr], seed: u64) -> Proof<Bn254> {
    let circuit = AnyInputs(inputs.to_vec());
    Groth16::<Bn254>::create_random_proof_with_reduction(circuit, key, &mut rng(seed)).unwrap()
}

/// Another proof of the same statement, made without a witness.
pub fn rerandomise(key: &ProvingKey<Bn254>, proof: &Proof<Bn254>, seed: u64) -> Proof<Bn254> {
    Groth16::<Bn254>::rerandomize_proof(&key.vk, proof, &mut rng(seed))
}

pub fn random_inputs(count: usize, seed: u64) -> Vec<Fr> {
    let mut rng = rng(seed);
    (0..count).map(|_| Fr::rand(&mut rng)).collect()
}

/// `word + times * modulus`, big-endian, if that fits: another spelling of the same element to whoever reduces it.
pub fn alias<F: PrimeField>(word: &[u8; 32], times: usize) -> Option<[u8; 32]> {
    let mut sum = *word;
    for _ in 0..times {
        let mut carry = 0;
        for (byte, more) in sum.iter_mut().rev().zip(F::MODULUS.to_bytes_le()) {
            carry += u16::from(*byte) + u16::from(more);
            [*byte, _] = carry.to_le_bytes();
            carry >>= 8;
        }
        if carry != 0 {
            return None;
        }
    }
    Some(sum)
}
