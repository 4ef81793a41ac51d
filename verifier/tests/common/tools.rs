//! What some tests need and a bare machine may lack. A test without it says so, and fails if `POPW_REQUIRE_ALL` is set
//! (`POPW_REQUIRE_CORPUS` for the corpus, which no bare clone has).
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests, each using a part"
)]

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// `verifier/contracts/`.
pub fn contracts() -> PathBuf {
    workspace().join("verifier/contracts")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// True if node runs and the npm package is installed in `verifier/contracts/`.
pub fn node_has(package: &str) -> bool {
    let node = Command::new("node")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    let present = node && contracts().join("node_modules").join(package).is_dir();
    if !present {
        skip(
            "POPW_REQUIRE_ALL",
            &format!(": needs node and {package}; `cargo xtask setup` installs it"),
        );
    }
    present
}

/// The corpus of foreign files: `POPW_CORPUS`, or `../shared/corpus` beside the checkout.
pub fn corpus() -> Option<PathBuf> {
    let path = env::var_os("POPW_CORPUS").map_or_else(|| workspace().join("../shared/corpus"), PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    skip("POPW_REQUIRE_CORPUS", " (corpus): POPW_CORPUS names no folder");
    None
}

fn skip(required_by: &str, why: &str) {
    let test = std::thread::current().name().unwrap_or("?").to_string();
    assert!(
        env::var_os(required_by).is_none(),
        "{test} cannot run and {required_by} is set{why}"
    );
    println!("SKIPPED{why} ({test})");
}

/// Runs node in `verifier/contracts/`.
pub fn node<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> std::process::Output {
    Command::new("node")
        .args(args)
        .current_dir(contracts())
        .output()
        .unwrap()
}

/// A fresh folder below the build's scratch folder.
pub fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Chromium, by one of its usual names.
pub fn chromium() -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders)
        .flat_map(|folder| ["chromium", "chromium-browser", "google-chrome"].map(|name| folder.join(name)))
        .find(|path| path.is_file());
    if found.is_none() {
        skip(
            "POPW_REQUIRE_ALL",
            " (the browser): needs chromium; `cargo xtask setup` installs it on Debian",
        );
    }
    found
}
