//! C1, challenged radio coverage: a device proves by the receipts of others that it was on air in a window of
//! six hours; a published rule says which receipts count and what they earn (`docs/protocol.md` section 9).
//!
//! In reading order:
//!
//! - [`params`]: the shape of a circuit and the parameters of a rule.
//! - [`radio`]: challenge, payload, and what beaconers and witnesses sign.
//! - [`selection`]: what the ingestor makes of the reports, and its digest.
//! - [`free_space`], [`rule`]: whether a receipt is accepted, and what follows, in plain integers.
//! - [`statement`]: what is proven: witness, outcome, public inputs; [`Witness::evaluate`] is the native twin
//!   of the circuit.
//!
//! [`Network::witness`] puts a witness together from registries and an attested receipt set.
//!
//! Evidence class E2 (quorum of radio witnesses, one ingestor). Does not prove real propagation: a room of
//! radios with attenuators satisfies everything. It does not prove either that the ingestor was honest about
//! what it received and when.
//!
//! Depends on [`crate::opening`], [`crate::statement`], [`crate::registry`]. Next: the circuit is
//! `popw_circuits::coverage`.

mod assembly;
pub mod free_space;
pub mod params;
pub mod radio;
pub mod rule;
pub mod selection;
pub mod statement;
#[cfg(test)]
mod vectors;

pub use assembly::{AssemblyError, Network};
pub use free_space::free_space_table;
pub use params::{ParameterError, Parameters, Preset, Shape};
pub use radio::{Beacon, Receipt, Report, ReportError, challenge, payload};
pub use rule::{Arrivals, Link, Refusal, Site, within_free_space};
pub use selection::{BeaconError, Discard, Discards, ReceiptSet, Received, ReceivedReceipt};
pub use statement::{ClaimError, Outcome, ReceiptWitness, RowOutcome, Witness};
