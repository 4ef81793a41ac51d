//! The files around a Groth16 key over BN254, in the formats that the circom ecosystem reads.
//!
//! What it is for: a circuit of ours leaves as `.r1cs` and `.sym`, an assignment as `.wtns`, and files that
//! other tools made come in through readers with limits. A reader accepts a file only if it leaves nothing
//! open: no byte without a meaning, one encoding of each number; every refusal says what is wrong, in which
//! section, at which byte.
//!
//! Depends on: arkworks' BN254 scalar field.
//!
//! Where to go next: [`r1cs`] for constraint systems, [`wtns`] for assignments, [`sym`] for the names of
//! wires, [`error`] for what a refusal says; `container` is the binary frame that all iden3 formats share.

#![forbid(unsafe_code)]

mod container;
pub mod error;
pub mod r1cs;
pub mod sym;
pub mod wtns;

pub use error::{ReadError, WriteError};
pub use r1cs::{R1csFile, write_r1cs};
pub use sym::write_sym;
pub use wtns::{read_wtns, write_wtns};
