//! C1, challenged radio coverage: the circuit. Native twin: `popw_claims::coverage`. Relation, constraint table and soundness
//! argument: `docs/circuits/coverage.md`.

mod circuit;
pub mod forgeries;
pub mod rule;
pub mod subject;
#[cfg(test)]
mod tests;

pub use circuit::{blank_witness, circuit, structure};
