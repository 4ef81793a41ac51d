//! `contracts`: compiles the Solidity with the pinned compiler.
//!
//! With `--check` nothing is written: the artifacts that are committed must be what the compiler makes of the
//! sources.
//!
//! Depends on: Node, `setup`. Where to go next: the script itself, beside the contracts.

use crate::args::Args;
use crate::error::Error;
use crate::workspace::Workspace;
use crate::{process, setup};
use std::process::Command;

/// The command.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<(), Error> {
    let check = args.flag("--check");
    args.rest(0)?;
    setup::install(workspace)?;
    let mut node = Command::new("node");
    node.arg("verifier/contracts/compile.cjs")
        .args(check.then_some("--check"));
    process::run(node.current_dir(&workspace.root))
}
