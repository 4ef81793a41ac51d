//! The files around a Groth16 key over BN254, in the formats that the circom ecosystem reads.
//!
//! What it is for: a circuit of ours leaves as `.r1cs` and `.sym`, an assignment as `.wtns`, a key as `.zkey`,
//! and files that other tools made come in through readers with limits. A reader accepts a file only if it
//! leaves nothing open: no byte without a meaning, one encoding of each number; every refusal says what is
//! wrong, in which section, at which byte.
//!
//! | module | what it is for |
//! |---|---|
//! | [`zkey`] | proving keys: mapped, never parsed as a whole; written; checked |
//! | [`ceremony`] | phase 2: initial keys, contributions, beacons, transcripts, manifests |
//! | [`ptau`] | phase 1: powers of tau |
//! | [`r1cs`] | constraint systems |
//! | [`wtns`] | assignments |
//! | [`sym`] | the names of wires |
//! | [`verify`] | a key file, its structure, its points and its hash: what `popw keys verify` says |
//! | [`hash`] | the hash of a key in a file beside it |
//! | [`file`](mod@file) | mapping a file, writing one so that no half file is ever seen |
//! | [`error`] | what a refusal says |
//!
//! `container` is the binary frame that all iden3 formats share. snarkjs's JSON files are in `popw-verifier`.
//!
//! Depends on: arkworks' BN254, `popw-kernels` for the bytes of a point and the work of a ceremony, rayon.

#![deny(unsafe_code)]

pub mod ceremony;
mod container;
pub mod error;
pub mod file;
pub mod hash;
pub mod ptau;
pub mod r1cs;
pub mod sym;
pub mod verify;
pub mod wtns;
pub mod zkey;

pub use error::{FileError, ReadError, WriteError};
pub use file::write_file;
pub use r1cs::{R1csFile, write_r1cs};
pub use sym::write_sym;
pub use verify::verify_file;
pub use wtns::{open_wtns, read_wtns, read_wtns_scalars, write_wtns};
pub use zkey::{Zkey, write_zkey};
