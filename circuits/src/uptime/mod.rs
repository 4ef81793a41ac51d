//! U1, uptime by quorum: the circuit. Native twin: `popw_claims::uptime`. Relation, constraint table and soundness argument:
//! `docs/circuits/uptime.md`.

mod circuit;
pub mod plan;
pub mod subject;
#[cfg(test)]
mod tests;

pub use circuit::{blank_witness, circuit, size, structure};
pub use plan::{PUBLIC_INPUTS, Plan, SLOTS, SizeClass, plan, size_classes};
