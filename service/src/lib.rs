//! popw's proving service: jobs over gRPC, a durable queue, workers here and on other machines.
//!
//! `submit -> store -> lease -> proof -> verified -> store -> whoever waits`
//!
//! | module | what it is for |
//! |---|---|
//! | [`job`] | the life of a job, as rules without a database, a clock or a network. Start here |
//! | [`store`] | where jobs are kept: SQLite, PostgreSQL, and the model that both are compared with |
//! | [`queue`] | everything that happens to a job: who may, with which key, with which file, and who is told |
//! | [`workers`] | who the workers are, and whose proofs are not trusted |
//! | [`hub`] | who watches which job, and progress |
//! | [`keys`], [`memory`] | the proving keys of a process; its memory for proofs |
//! | [`board`], [`worker`], [`proving`] | what a worker asks of a coordinator; its threads; what it does with a job |
//! | [`metrics`] | what a service measures of itself |
//! | [`grpc`], [`auth`] | the protocol on top of the queue; who calls, and what they may |
//! | [`http`] | the status page, metrics and probes for browsers and monitors |
//! | [`client`], [`remote`] | what tenants use; a connection, and the board of a worker on another machine |
//! | [`server`] | all of it in one process, started and stopped |
//! | [`id`] | names |
//! | [`failpoint`] | where tests have the process killed |
//!
//! Depends on: `popw-prover` for proofs, tonic for gRPC, rusqlite and tokio-postgres for the stores.

#![forbid(unsafe_code)]

pub mod auth;
pub mod board;
pub mod client;
mod clock;
pub mod failpoint;
pub mod grpc;
pub mod http;
pub mod hub;
pub mod id;
pub mod job;
pub mod keys;
pub mod memory;
pub mod metrics;
pub mod proto;
pub mod proving;
pub mod queue;
pub mod remote;
pub mod server;
pub mod store;
pub mod worker;
pub mod workers;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Nothing that a mutex of this crate guards is left half changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error with its causes: the outermost often says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
