//! The proving service, its workers and its clients.
//!
//! | module | what it is for |
//! |---|---|
//! | [`serve`] | `popw serve`: the service, in one process. Start here |
//! | [`worker`] | `popw worker`: a worker on another machine |
//! | [`jobs`] | `popw jobs`: what tenants and administrators ask of a service |
//! | [`load`] | `popw load`: a service under load |
//! | [`callers`] | `popw callers`: new API keys |
//! | [`config`] | files of options for `serve` and `worker` |
//! | [`client`] | a connection, its errors, messages as JSON |
//! | [`log`] | what a service and a worker tell of themselves |
//! | `traces` | traces for OpenTelemetry, with the feature `otel` |
//! | [`proving`] | what `serve` and `worker` have in common: keys and memory; being told to stop |
//!
//! Depends on: `popw-service`. Where to go next: `docs/service.md`, for operators.

pub mod callers;
pub mod client;
pub mod config;
pub mod jobs;
pub mod load;
pub mod log;
pub mod proving;
pub mod serve;
#[cfg(feature = "otel")]
pub mod traces;
pub mod worker;
