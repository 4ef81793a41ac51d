//! Groth16 over BN254 for popw: the library that a gateway embeds.
//!
//! `log -> claim -> witness -> proof`: `popw_claims` turns logs into claims, `popw_circuits` a claim into an assignment, this crate an
//! assignment into a [`Proof`](popw_verifier::Proof), with any `.zkey` that snarkjs could use.
//!
//! | module | what it is for |
//! |---|---|
//! | [`prover`] | [`Prover`]: a mapped key, then proofs; each is verified before it leaves. Start here |
//! | [`backend`] | choosing the compute by name: the CPU's kinds and, with the feature `gpu`, `wgpu` |
//! | [`options`], [`progress`] | what a caller may choose; how it watches and cancels |
//! | [`assignment`] | the values of the wires, erased when dropped |
//! | `rows` | A w and B w straight from the key's coefficients |
//! | [`estimate`] | memory and time of a proof, before it is made |
//! | [`tables`] | precomputed multiples beside a key: memory for time |
//! | [`dev_key`] | keys made on one machine, grade `dev`, and their cache |
//! | [`export`] | a circuit as `.r1cs` and `.sym`, and its identity |
//! | [`claim`] | a claim, U1, C1 or L1, from a witness to a proof |
//!
//! Depends on: `popw-keys` for files, `popw-kernels` for multi-scalar multiplications and transforms, `popw-verifier`.

#![forbid(unsafe_code)]

pub mod assignment;
pub mod backend;
pub mod claim;
pub mod dev_key;
pub mod estimate;
pub mod export;
pub mod options;
pub mod progress;
pub mod prover;
mod rows;
pub mod tables;

pub use assignment::Assignment;
pub use dev_key::DevKey;
pub use estimate::Estimate;
pub use export::CircuitId;
pub use options::{Options, TableFile};
pub use popw_kernels::CancelToken;
pub use progress::{Phase, Progress, Silent, Watch};
pub use prover::{Prover, ProverError};
pub use tables::Tables;
