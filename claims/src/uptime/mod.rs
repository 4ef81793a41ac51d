//! U1, uptime by quorum: a slot counts when q of W watchers heard the device; a published policy turns the
//! count into a score (`docs/protocol.md` sections 3 to 5).
//!
//! - [`params`]: the shape of a circuit and the parameters of a rule.
//! - [`rule`]: the rule, in plain integers.
//! - [`statement`]: what is proven: witness, outcome, public inputs; [`Witness::evaluate`] is the native twin
//!   of the circuit.
//!
//! [`Network::witness`] puts a witness together from registries and attestations.
//!
//! Evidence class E2 (quorum). Does not prove: location, useful service, honest watchers.
//!
//! Depends on [`crate::attestation`], [`crate::registry`], [`crate::committee`]. Next: [`crate::settlement`]
//! for the on-chain trees; the circuit is `popw_circuits::uptime`.

mod assembly;
pub mod params;
pub mod rule;
pub mod statement;
#[cfg(test)]
mod vectors;

pub use assembly::{AssemblyError, Network, Vote};
pub use params::{ParameterError, Parameters, PolicyKind, Preset, Shape, ShapeError};
pub use rule::{SCORE_ONE, agreed_slots, longest_outage, score, up_slots};
pub use statement::{
    ClaimError, DeviceWitness, Outcome, SeatWitness, Statement, Witness, absent_seat_key,
    absent_seat_message, absent_seat_signature, fingerprint, fingerprint_point,
};
