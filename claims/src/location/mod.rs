//! L1, location consistency: over a day a device reports where it is, and is paid by how well that fits where
//! it said it stands (`docs/protocol.md` section 8). One device a proof.
//!
//! - [`params`]: the shape of a circuit and the parameters of a rule.
//! - [`reports`]: what a device signs, what its ingestor receives and attests.
//! - [`rule`]: the rule, in plain integers.
//! - [`statement`]: what is proven: witness, outcome, public inputs; [`Witness::evaluate`] is the native twin
//!   of the circuit.
//!
//! [`Network::witness`] puts a witness together from registries and an attestation.
//!
//! Evidence class E1, with the ingestor's time. Does not prove that the device was there: it reports its own
//! position.
//!
//! Depends on [`crate::opening`], [`crate::statement`]. The circuit is `popw_circuits::location`.

mod assembly;
pub mod params;
pub mod reports;
pub mod rule;
pub mod statement;

pub use assembly::{AssemblyError, Network};
pub use params::{ParameterError, Parameters, Preset, Shape};
pub use reports::{Received, Reception, Refusal, Refusals, Report, SignedReport};
pub use rule::{score, squared_distance};
pub use statement::{ClaimError, Outcome, Witness};
