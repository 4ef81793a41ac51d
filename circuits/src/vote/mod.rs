//! V1, the opened vote: the circuit. Native twin: `popw_claims::vote`. Relation, constraint table and soundness
//! argument: `docs/circuits/vote.md`.

mod circuit;
pub mod subject;
#[cfg(test)]
mod tests;

pub use circuit::{blank_witness, circuit, structure};
