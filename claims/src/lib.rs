//! What is claimed: registry, epochs, records, attestations and the native rules of popw, in integers, bytes
//! and field elements only. This is what a device, a watcher or an auditor re-implements; there is no proving
//! here.
//!
//! The normative text is `docs/protocol.md`; vectors of every tag, hash and layout are in
//! `testdata/protocol/`.
//!
//! From bytes to a statement, in reading order (arrows between modules only go back up this list):
//!
//! - [`field`], [`poseidon`], [`babyjubjub`], [`eddsa`]: elements, hash, curve, signatures, as circomlib has
//!   them.
//! - [`tree`], [`delegation`], [`registry`]: who may be paid, who may watch.
//! - [`epoch`], [`committee`]: when, and who watches whom.
//! - [`log`], [`record`], [`attestation`]: what a station logs and signs, what watchers saw and signed.
//! - [`shape`], [`opening`], [`statement`]: what claims share: the depths of trees, what they open of the registry,
//!   and the public inputs that they end in.
//! - [`uptime`], [`location`], [`coverage`]: the claims; [`uptime::Witness::evaluate`] is the native twin of the
//!   circuit. [`vote`] opens a watcher's vote, so that others can claim with it.
//! - [`settlement`], [`fleet`]: what the contract hashes, and the files of a network.
//!
//! A type's name carries its level of trust: [`log::RawLog`] is unsigned, [`record::SignedRecord`] unchecked,
//! [`record::VerifiedRecord`] exists only after the check.

#![forbid(unsafe_code)]

pub mod attestation;
pub mod babyjubjub;
pub mod committee;
pub mod coverage;
pub mod delegation;
pub mod eddsa;
pub mod epoch;
pub mod field;
pub mod fleet;
pub mod location;
pub mod log;
pub mod opening;
pub mod poseidon;
pub mod record;
pub mod registry;
pub mod settlement;
pub mod shape;
pub mod statement;
pub mod tree;
pub mod uptime;
pub mod vote;

/// How many cases a property test runs: its usual number times `POPW_ROUNDS`.
#[cfg(test)]
fn cases(usual: u32) -> proptest::test_runner::Config {
    let rounds = std::env::var("POPW_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok());
    proptest::test_runner::Config::with_cases(usual.saturating_mul(rounds.unwrap_or(1)))
}
