//! `setup`: installs, by package name, what the tests need beyond Rust.
//!
//! That is the Solidity compiler and its libraries, pinned in the contracts' lock file. They are installed
//! again only when that file changed: a copy of it under the target folder is the stamp.
//!
//! Depends on: npm. Where to go next: `contracts`, which uses what was installed.

use crate::args::Args;
use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;
use std::fs;
use std::process::Command;

/// The folder of the contracts, from the root.
const CONTRACTS: &str = "verifier/contracts";

/// The command.
pub(crate) fn run(workspace: &Workspace, args: Args) -> Result<(), Error> {
    args.rest(0)?;
    install(workspace)
}

/// Installs what is missing or out of date.
pub(crate) fn install(workspace: &Workspace) -> Result<(), Error> {
    let contracts = workspace.root.join(CONTRACTS);
    let stamps = workspace.target.join("xtask");
    let (lock_file, stamp) = (
        contracts.join("package-lock.json"),
        stamps.join("package-lock.json"),
    );
    let lock = fs::read(&lock_file).map_err(Error::file("read", &lock_file))?;
    if contracts.join("node_modules").is_dir() && fs::read(&stamp).is_ok_and(|stamp| stamp == lock) {
        println!("setup: up to date");
        return Ok(());
    }
    // An installation that is cut short must not look finished.
    fs::create_dir_all(&stamps).map_err(Error::file("make", &stamps))?;
    fs::write(&stamp, []).map_err(Error::file("write", &stamp))?;
    let mut npm = Command::new("npm");
    npm.args([
        "ci",
        "--prefix",
        CONTRACTS,
        "--ignore-scripts",
        "--no-fund",
        "--no-audit",
    ]);
    process::run(npm.current_dir(&workspace.root))?;
    fs::write(&stamp, lock).map_err(Error::file("write", &stamp))
}
