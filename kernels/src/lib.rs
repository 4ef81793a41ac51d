//! The compute of a Groth16 prover over BN254, behind one seam: [`Backend`].
//!
//! What it is for: multi-scalar multiplication, number-theoretic transforms and field vectors, several times faster than
//! a general library has them, since the curve, the layout of a key and the shape of the work are known. This crate knows
//! fields and groups; it never hears of a circuit, a key file or a claim.
//!
//! | module | what it is for |
//! |---|---|
//! | [`backend`] | [`Backend`], the seam, and its choice at run time: [`backend::detect`], [`backend::by_name`]. Start here |
//! | [`bases`] | [`Bases`] and [`Lists`]: points as a key stores them, borrowed, never parsed |
//! | [`control`] | cancelling long work and watching it |
//! | `msm`, `ntt` | the algorithms, each written once, over the lanes of `field` |
//! | [`reference`](mod@reference) | the backend that is obviously right: arkworks, one call each |
//!
//! Depends on: arkworks' fields and curves for types at the border, rayon for threads (of the pool that the caller runs in).

// Limb arithmetic cuts words on purpose, and indices name limbs of several arrays at once.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::needless_range_loop,
    clippy::precedence
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod backend;
pub mod bases;
pub mod control;
mod fast;
mod field;
mod memory;
mod msm;
mod ntt;
pub mod reference;

pub use backend::{Backend, KernelError, Rows, Scalar, Sums, Transform};
pub use bases::{Bases, BasesError, Curve, G1, G2, Lists, ListsError, Residence};
pub use control::{CancelToken, Control};
