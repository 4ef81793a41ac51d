//! The verifier builds without std, for WebAssembly, if this machine has that target.
//!
//! A target is something that rustup adds and a package manager's Rust may not have, so its absence is said, and is no
//! failure, whatever is required.
//!
//! Depends on: `process`, `workspace`. Where to go next: `report`, which shows what was left out.

use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;
use std::path::Path;
use std::process::Command;

/// A target without operating system, so without std's parts that need one.
const TARGET: &str = "wasm32-unknown-unknown";
/// The package that promises to build for it.
pub(super) const PACKAGE: &str = "popw-verifier";

/// Why the check is left out, if the target is not installed.
pub(super) fn missing() -> Result<Option<String>, Error> {
    let mut rustc = Command::new("rustc");
    let folder = process::output(rustc.args(["--print", "target-libdir", "--target", TARGET]))?;
    Ok((!Path::new(folder.trim()).is_dir()).then(|| {
        format!(
            "SKIPPED: {PACKAGE} was not built for {TARGET}: the target is not installed; `rustup target add {TARGET}` installs it"
        )
    }))
}

/// Builds the library alone.
pub(super) fn build(workspace: &Workspace) -> Result<(), Error> {
    let mut cargo = workspace.cargo(&["build", "--release", "--no-default-features"]);
    process::run(cargo.args(["--package", PACKAGE, "--target", TARGET]))
}
