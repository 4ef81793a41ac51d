//! Verifies popw's Groth16 proofs over BN254, and writes what other verifiers need.
//!
//! The types at the borders are arkworks': [`ark_groth16::VerifyingKey`] and [`ark_groth16::Proof`] over
//! [`ark_bn254::Bn254`]. This crate knows no circuit, no prover and no key file, depends on no other crate of popw, and
//! is `no_std` (with `alloc`): it runs in wasm, on a chain, in a gateway. Threads only with the feature `parallel`.
//!
//! | module | what it is for |
//! |---|---|
//! | [`key`] | which verifying keys are refused, and why; start here |
//! | [`verify`] | [`Verifier`]: one proof against a key that passed |
//! | [`batch`] | many proofs under one key, several times faster; names those that are refused |
//! | [`words`] | proofs and inputs as the EVM's 32-byte words |
//! | [`snarkjs`] | `verification_key.json`, `proof.json`, `public.json`, both ways |
//! | [`solidity`] | the verifier contract: its text, its creation bytecode, calldata |
//! | [`solana`] | key and proofs as `groth16-solana` takes them |
//! | [`sui`] | key and proofs as the Move module `groth16` of Sui and IOTA takes them |
//!
//! The contracts themselves are in `verifier/contracts/`; what the seven public inputs mean is in `docs/protocol.md`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod batch;
pub mod key;
pub mod snarkjs;
pub mod solana;
pub mod solidity;
pub mod sui;
pub mod verify;
pub mod words;

pub use ark_bn254::{Bn254, Fq, Fr, G1Affine, G2Affine};
pub use ark_groth16::{Proof, VerifyingKey};
pub use batch::{BatchError, Entry, Refusal};
pub use key::{KeyError, KeyPoint};
pub use verify::{ProofPoint, Verifier, VerifyError};
pub use words::{ProofWords, Word, WordError};
