//! Compiles the protocol, without `protoc`.

use std::error::Error;
use std::path::Path;

/// The folder of the protocol.
const PROTO: &str = "proto";

/// Its files.
const FILES: [&str; 4] = ["job.proto", "prover.proto", "worker.proto", "admin.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO}");
    let files = FILES.map(|file| Path::new(PROTO).join("popw/v1").join(file));
    let descriptors = protox::compile(files, [PROTO])?;
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    // For reflection.
    std::fs::write(
        Path::new(&out).join("descriptors.bin"),
        prost::Message::encode_to_vec(&descriptors),
    )?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
