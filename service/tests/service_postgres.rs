//! The tests of `service.rs` once more, on a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "service.rs"]
mod service;
