//! The vectors in `testdata/protocol` are what this code computes. `POPW_BLESS=1` writes them anew; otherwise
//! a difference fails.

#![allow(clippy::unwrap_used, clippy::panic)]

mod coverage;
mod example;
mod pieces;

use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/protocol")
}

/// Compares a file with what it should be, or writes it.
#[track_caller]
fn check(name: &str, expected: &str) {
    let path = folder().join(name);
    if std::env::var_os("POPW_BLESS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if found == expected {
        return;
    }
    let lines = found.lines().zip(expected.lines()).enumerate();
    let (line, (found, expected)) = lines
        .into_iter()
        .find(|(_, (a, b))| a != b)
        .unwrap_or((0, ("(shorter or longer)", "")));
    panic!(
        "testdata/protocol/{name}, line {}: expected `{expected}`, found `{found}`; POPW_BLESS=1 accepts",
        line + 1
    );
}

#[track_caller]
fn check_json(name: &str, expected: &serde_json::Value) {
    check(name, &(serde_json::to_string_pretty(expected).unwrap() + "\n"));
}
