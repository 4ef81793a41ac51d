//! L1, location consistency: the circuit. Native twin: `popw_claims::location`. Relation, constraint table and soundness
//! argument: `docs/circuits/location.md`.

mod circuit;
pub mod subject;
#[cfg(test)]
mod tests;

pub use circuit::{blank_witness, circuit, structure};
