//! The binary with a GPU: what it says about adapters, and the demo with all the work on one. Built with the feature `gpu`.

#![cfg(feature = "gpu")]
#![allow(clippy::unwrap_used, reason = "a test that panics says where it failed")]

mod common;

use common::{Service, done, port, prove, temporary, witness};
use serde_json::Value;
use std::process::{Command, Output};

fn popw(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_popw"));
    command.args(arguments);
    command
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The self-test's answer; None, loudly, if this machine has no adapter.
fn self_test() -> Option<Output> {
    let output = popw(&["gpu", "selftest", "--json"]).output().unwrap();
    if output.status.code() == Some(2) {
        let reason = errors(&output);
        assert!(
            std::env::var_os("POPW_REQUIRE_ALL").is_none(),
            "a GPU test has no adapter: {reason}"
        );
        println!("SKIPPED: a GPU test has no adapter: {reason}");
        return None;
    }
    Some(output)
}

#[test]
fn adapters_are_listed_tested_and_measured() {
    let Some(tested) = self_test() else { return };
    assert!(tested.status.success(), "{}", errors(&tested));
    let tested = json(&tested);
    assert_eq!(tested["passed"], true);
    assert!(tested["kernels"].as_array().unwrap().len() > 15, "{tested}");
    let listed = json(&popw(&["gpu", "info", "--json"]).output().unwrap());
    assert!(!listed["adapters"].as_array().unwrap().is_empty());
    assert_eq!(listed["chosen"]["name"], tested["adapter"]);
    let bench = popw(&["gpu", "bench", "--sizes", "8", "--runs", "1", "--json"])
        .output()
        .unwrap();
    assert!(bench.status.success(), "{}", errors(&bench));
    let figures = json(&bench)["figures"].as_array().unwrap().clone();
    assert_eq!(figures.len(), 6);
    for figure in figures {
        assert!(
            figure["correct"] == true && figure["value"].as_f64().unwrap() > 0.0,
            "{figure}"
        );
    }
}

#[test]
fn adapters_that_are_not_there_are_an_inputs_failure() {
    for command in ["info", "selftest", "bench"] {
        let output = popw(&["gpu", command])
            .env("POPW_GPU_ADAPTER", "no such card")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(
            errors(&output).contains("no GPU adapter"),
            "{command}: {}",
            errors(&output)
        );
    }
}

#[test]
fn the_demo_passes_on_the_device() {
    if self_test().is_none() {
        return;
    }
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("gpu-demo");
    let output = popw(&["demo", "--json", "--out", folder.to_str().unwrap()])
        .env("POPW_BACKEND", "wgpu")
        .env("POPW_GPU_SCALARS_MIN", "0")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    assert!(
        !errors(&output).contains("warning"),
        "nothing fell to the CPU: {}",
        errors(&output)
    );
    assert_eq!(json(&output)["all_passed"], true);
}

/// A service whose worker computes on the GPU: the proof is verified like any other, and the worker says what it is.
#[test]
fn a_service_s_worker_proves_on_the_gpu() {
    if self_test().is_none() {
        return;
    }
    let (folder, port) = (temporary("gpu"), port());
    let url = format!("http://127.0.0.1:{port}");
    let witness = witness(&folder, 1);
    let service = Service::with(&folder.join("data"), port, &["--backend", "wgpu"]);
    let output = prove(&url, &witness, &folder, "gpu", "60").output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let workers = done(&["jobs", "workers", "--service", &url]);
    assert!(
        workers.starts_with("local  wgpu,") && workers.contains("1 proofs"),
        "{workers}"
    );
    service.kill();
}
