//! The protocol, as `build.rs` makes it from `proto/popw/v1`.

// Generated code has its documentation in the protocol's files.
#![allow(missing_docs, clippy::all, unreachable_pub, unused_qualifications)]

tonic::include_proto!("popw.v1");

/// The protocol's files, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
