//! V1, the opened vote: the watcher that was drawn for a seat signed this digest, and here are its bitmap and its
//! signature (`docs/protocol.md` section 10). Whoever reads them on chain can prove the zone with U1.
//!
//! - [`shape`]: what a circuit is built for.
//! - [`data`]: the words that are published, and their reading back into a vote of [`crate::uptime`].
//! - [`statement`]: what is proven: witness, outcome, public inputs; [`Witness::evaluate`] is the native twin of the
//!   circuit.
//!
//! [`Witness::open`] puts a witness together from registries and votes; [`crate::fleet::Fleet::vote`] does it for a
//! fleet.
//!
//! Evidence class E2, of one watcher. Does not prove that the watcher saw what it signed.
//!
//! Depends on [`crate::uptime`], whose epoch, registry, parameters and votes these are. The circuit is
//! `popw_circuits::vote`.

mod assembly;
pub mod data;
pub mod shape;
pub mod statement;

pub use assembly::{AssemblyError, Claim};
pub use data::{DataError, read};
pub use shape::Shape;
pub use statement::{ClaimError, Outcome, Witness};
