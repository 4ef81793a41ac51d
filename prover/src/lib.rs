//! Groth16 over BN254 for popw: the library that a gateway embeds.
//!
//! `log -> claim -> witness -> proof`: `popw_claims` turns logs into claims, `popw_circuits` a claim into an assignment, this crate an
//! assignment into a [`Proof`](popw_verifier::Proof).
//!
//! | module | what it is for |
//! |---|---|
//! | [`prover`] | [`Prover`]: a key, then proofs; each is verified before it leaves. Start here |
//! | [`dev_key`] | keys made on one machine, marked `dev`, and their cache |
//! | [`export`] | a circuit as `.r1cs` and `.sym`, and its identity |
//! | [`uptime`] | claim U1 from a witness to a proof |
//!
//! The compute is arkworks' Groth16 for now, behind this crate's public types.

#![forbid(unsafe_code)]

pub mod dev_key;
pub mod export;
pub mod progress;
pub mod prover;
pub mod uptime;

pub use dev_key::DevKey;
pub use export::CircuitId;
pub use progress::{Phase, Progress, Silent};
pub use prover::{Prover, ProverError};
