//! forge's unit, fuzz and invariant tests of the contracts (`verifier/contracts/test/`). Needs node and
//! `npm ci --prefix verifier/contracts --ignore-scripts`; without them this test says SKIPPED, and fails if
//! `POPW_REQUIRE_ALL` is set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::tools;
use popw_verifier::solidity::{Contract, contract_bytecode};
use std::{env, fs, path::Path, process::Command};

/// How many inputs a fuzz test gets, and how many sequences of calls an invariant; times `POPW_ROUNDS`.
const FUZZ_RUNS: u32 = 64;
const INVARIANT_RUNS: u32 = 16;

/// One test for both, because the second looks at what the first compiled.
#[test]
fn the_contracts_pass_their_own_tests_and_are_the_artifacts() {
    const FORGE: &str = "@foundry-rs/forge-linux-amd64";
    if !tools::node_has(FORGE) {
        return;
    }
    let rounds: u32 = env::var("POPW_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    let output = Command::new(
        tools::contracts()
            .join("node_modules")
            .join(FORGE)
            .join("bin/forge"),
    )
    .arg("test")
    .current_dir(tools::contracts())
    .env("FOUNDRY_FUZZ_RUNS", (FUZZ_RUNS * rounds).to_string())
    .env("FOUNDRY_INVARIANT_RUNS", (INVARIANT_RUNS * rounds).to_string())
    .env("NO_COLOR", "1")
    .output()
    .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success(),
        "forge test: {}{}",
        String::from_utf8_lossy(&output.stderr),
        said
    );
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/forge/out");
    for contract in Contract::ALL {
        let file = compiled.join(format!("{contract:?}.sol/{contract:?}.json"));
        let json: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let artifact = format!("0x{}", hex::encode(contract_bytecode(contract).unwrap()));
        assert_eq!(json["bytecode"]["object"], artifact, "{contract:?}");
    }
}
