//! What the real compiler and the real snarkjs say. Needs node and
//! `npm ci --prefix verifier/contracts --ignore-scripts`; without them these tests say SKIPPED, and fail if
//! `POPW_REQUIRE_ALL` is set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use ark_bn254::{Bn254, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_groth16::VerifyingKey;
use common::{key, prove, random_inputs, tools};
use popw_verifier::{
    snarkjs::{write_proof, write_public, write_verifying_key},
    solidity::{BYTECODE_INPUTS_MAX, Grade, contract_name, creation_bytecode, export},
    words::g1_to_words,
};
use std::{fs, path::PathBuf};

/// A key some of whose words start with zero bytes, which a compiler would shorten if they were numbers.
fn key_with_leading_zeros(count: usize) -> VerifyingKey<Bn254> {
    let mut vk = key(count, 1).vk;
    vk.gamma_abc_g1[1] = G1Affine::generator(); // (1, 2): 31 zero bytes each
    let short = (2..)
        .map(|seed| key(1, seed).vk.alpha_g1)
        .find(|point| g1_to_words(point)[0][0] == 0);
    vk.alpha_g1 = short.unwrap();
    vk
}

#[test]
fn compiled_text_equals_filled_bytecode() {
    if !tools::node_has("solc") {
        return;
    }
    let folder = tools::scratch("solidity");
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut expected = Vec::new();
    for count in 1..=BYTECODE_INPUTS_MAX {
        for (which, vk) in [
            ("Fresh", key(count, 7).vk),
            ("Zeros", key_with_leading_zeros(count)),
        ] {
            for grade in [Grade::Dev, Grade::Ceremony] {
                let name = format!("{which}{count}");
                let path = folder.join(format!("{name}{grade}.sol"));
                fs::write(&path, export(&vk, &name, grade).unwrap()).unwrap();
                paths.push(path);
                expected.push((
                    contract_name(&name, grade),
                    Some(creation_bytecode(&vk, grade).unwrap()),
                ));
            }
        }
    }
    // No artifact, but the text has to compile without a warning.
    for count in [9, 32, 256] {
        let path = folder.join(format!("Large{count}.sol"));
        fs::write(
            &path,
            export(&key(count, 7).vk, &format!("Large{count}"), Grade::Ceremony).unwrap(),
        )
        .unwrap();
        paths.push(path);
        expected.push((format!("Large{count}"), None));
    }
    let output = tools::node(
        ["compile.cjs", "--creation"]
            .map(PathBuf::from)
            .iter()
            .chain(&paths),
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let compiled: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, bytecode) in expected {
        let compiled = compiled[&name].as_str().unwrap();
        if let Some(bytecode) = bytecode {
            assert_eq!(compiled, hex::encode(bytecode), "{name}");
        }
    }
}

#[test]
fn committed_artifacts_are_what_the_sources_compile_to() {
    if tools::node_has("solc") {
        let output = tools::node(["compile.cjs", "--check"]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn snarkjs_accepts_our_files_and_refuses_another_statement() {
    if !tools::node_has("snarkjs") {
        return;
    }
    let folder = tools::scratch("snarkjs");
    let [vk, proof, public] = ["vk.json", "proof.json", "public.json"].map(|name| folder.join(name));
    let key = key(7, 1);
    let mut inputs = random_inputs(7, 2);
    fs::write(&vk, write_verifying_key(&key.vk).unwrap()).unwrap();
    fs::write(&proof, write_proof(&prove(&key, &inputs, 3)).unwrap()).unwrap();
    for (holds, change) in [(true, 0), (false, 1)] {
        inputs[6] += Fr::from(change);
        fs::write(&public, write_public(&inputs).unwrap()).unwrap();
        let cli = PathBuf::from("node_modules/snarkjs/build/cli.cjs");
        let args = ["groth16", "verify"].map(PathBuf::from);
        let output = tools::node([cli].iter().chain(&args).chain([&vk, &public, &proof]));
        assert_eq!(
            output.status.success(),
            holds,
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        assert_eq!(String::from_utf8_lossy(&output.stdout).contains("OK!"), holds);
    }
}
