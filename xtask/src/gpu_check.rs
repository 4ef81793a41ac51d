//! `gpu-check`: correctness and speed of the prover on this machine's GPU, as JSON.
//!
//! With `--kit` the program that checks is copied into a folder instead, to be carried to a machine that has a GPU and its driver and
//! nothing else.
//!
//! Depends on: `popw-benches` with its feature `gpu`. Where to go next: benches/src/gpu_check.rs.

use crate::args::Args;
use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The program.
const PROGRAM: &str = "gpu-check";

/// The command.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<(), Error> {
    let kit = args.value("--kit")?.map(PathBuf::from);
    let rest = args.all();
    let build = [
        "build",
        "--release",
        "--package",
        "popw-benches",
        "--features",
        "gpu",
        "--bin",
        PROGRAM,
    ];
    process::run(&mut workspace.cargo(&build))?;
    let program = workspace.target.join("release").join(PROGRAM);
    let Some(kit) = kit else {
        return process::run(Command::new(program).args(rest));
    };
    fs::create_dir_all(&kit).map_err(Error::file("make", &kit))?;
    let copy = kit.join(PROGRAM);
    fs::copy(&program, &copy).map_err(Error::file("write", &copy))?;
    println!(
        "{}: runs where there is a driver; --help lists its arguments",
        copy.display()
    );
    Ok(())
}
