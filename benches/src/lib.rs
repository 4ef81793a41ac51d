//! What the programs of the benchmark share: the statements, the inputs of the kernels, and the talk between the
//! orchestrator and the processes that it measures.
//!
//! | module | what it is for |
//! |---|---|
//! | [`child`] | a measured process: prepares once, then obeys lines on standard input. Start here |
//! | [`statement`] | `chain` and `bits`, as constraints and witness |
//! | [`kernel`] | random inputs of a kernel, and the result that is right |
//!
//! Two programs use it. `popw-benches` is the orchestrator and the child that runs our own provers: it is built as the product
//! is. `rivals` holds arkworks and halo2curves and is built by the orchestrator for this very CPU. The third child is Go
//! (`peers/gnark`), the fourth JavaScript (`peers/snarkjs`). How to run and read it all: `benches/README.md`.
//!
//! Depends on: everything of ours but the binary; arkworks for field and curve types.

#![forbid(unsafe_code)]

pub mod child;
pub mod kernel;
pub mod statement;
