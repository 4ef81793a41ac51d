//! `setup`: installs, by package name, what the tests need beyond Rust.
//!
//! That is the Solidity compiler and its libraries, pinned in the contracts' lock file. They are installed
//! again only when that file changed: a copy of it under the target folder is the stamp. And a browser and a software GPU, from
//! the system's packages, where that is possible: on Debian, as root.
//!
//! Depends on: npm, apt-get, dpkg-query. Where to go next: `contracts`, which uses what was installed.

use crate::args::Args;
use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;
use std::env;
use std::fs;
use std::process::Command;

/// The folder of the contracts, from the root.
const CONTRACTS: &str = "verifier/contracts";

/// Names of browsers that the tests can use.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Vulkan and GL on the CPU, Debian's names.
const GPU: [&str; 4] = ["libegl1", "libgl1-mesa-dri", "libvulkan1", "mesa-vulkan-drivers"];

/// The service's other store, Debian's name.
const DATABASE: &str = "postgresql-15";

/// What the Python client is installed with, Debian's name.
const PYTHON: &str = "python3-venv";

/// The command.
pub(crate) fn run(workspace: &Workspace, args: Args) -> Result<(), Error> {
    args.rest(0)?;
    install(workspace)
}

/// Installs what is missing or out of date.
pub(crate) fn install(workspace: &Workspace) -> Result<(), Error> {
    install_system_packages();
    install_packages(workspace)
}

/// A browser, if there is none, and what is missing of the software GPU, of the database and of Python. A machine where it cannot be installed has to do without: the tests that need
/// it say so.
fn install_system_packages() {
    let folders = env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &str| env::split_paths(&folders).any(|folder| folder.join(name).is_file());
    if !is_there("apt-get") {
        return;
    }
    let mut missing: Vec<&str> = GPU
        .into_iter()
        .chain([DATABASE, PYTHON])
        .filter(|package| !is_installed(package))
        .collect();
    if !BROWSERS.into_iter().any(is_there) {
        missing.push("chromium");
    }
    if missing.is_empty() {
        return;
    }
    let install = [
        &["install", "--yes", "--no-install-recommends"],
        missing.as_slice(),
    ]
    .concat();
    for arguments in [&["update"][..], &install] {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        if let Err(error) = process::run(&mut command) {
            println!("setup: without {}: {error}", missing.join(", "));
            return;
        }
    }
}

/// Is this package of Debian's installed?
fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}", package]);
    query.output().is_ok_and(|output| output.stdout == b"installed")
}

fn install_packages(workspace: &Workspace) -> Result<(), Error> {
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
