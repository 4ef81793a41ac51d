//! The claims of popw as rank-1 constraint systems over BN254.
//!
//! A circuit is a pure function of its shape and a witness that drives a [`Builder`]: no input or output, no
//! randomness, no keys. [`gadgets`] are the parts, [`statement`] is how every claim begins and ends, [`uptime`], [`coverage`], [`location`] and [`vote`] are claims U1,
//! C1, L1 and V1,
//! [`soundness`] is the regime that every circuit passes.
//! The native twin of each claim, in plain integers, stands in `popw_claims` under the same name.
//!
//! Next: [`builder`] for how constraints are made, [`uptime::circuit`](crate::uptime) for the claim, `docs/circuits/` for the relations,
//! constraint tables and soundness arguments.

#![forbid(unsafe_code)]

pub mod builder;
pub mod catalog;
pub mod coverage;
pub mod gadgets;
pub mod lc;
pub mod location;
pub mod r1cs;
pub mod soundness;
pub mod statement;
pub mod uptime;
pub mod vote;

pub use builder::Builder;
pub use lc::Lc;
pub use r1cs::R1cs;
