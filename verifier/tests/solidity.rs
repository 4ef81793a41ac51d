//! The exported text and the committed bytecode, as far as this crate can see: `cli/tests/evm.rs` runs them,
//! `tests/compiler.rs` compares them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{key, prove, random_inputs, tools};
use popw_verifier::{
    solidity::{
        Contract, ExportError, Grade, calldata, contract_bytecode, contract_name, creation_bytecode, export,
    },
    words::{g1_to_words, g2_to_words},
};
use sha2::{Digest, Sha256};
use std::fs;

#[test]
fn the_text_has_the_name_the_key_and_no_blanks() {
    for count in [1, 2, 7, 8, 20] {
        let vk = key(count, 1).vk;
        let text = export(&vk, "UptimeVerifier", Grade::Ceremony).unwrap();
        assert!(text.contains("\ncontract UptimeVerifier {\n"));
        assert!(text.contains(&format!("uint256[{count}] calldata inputs")));
        assert!(!text.contains("{{") && !text.contains("}}"));
        assert!(!text.contains("INSECURE"));
        let words = [
            g1_to_words(&vk.alpha_g1).to_vec(),
            g2_to_words(&-vk.beta_g2).to_vec(),
        ]
        .concat();
        for word in words.iter().chain(
            vk.gamma_abc_g1
                .iter()
                .map(g1_to_words)
                .collect::<Vec<_>>()
                .as_flattened(),
        ) {
            assert_eq!(text.matches(&format!("hex\"{}\"", hex::encode(word))).count(), 1);
        }
        assert_eq!(text.matches("hex\"").count(), 18 + 2 * count);
    }
}

#[test]
fn a_dev_key_says_so_in_the_name_and_in_the_contract() {
    assert_eq!(contract_name("Verifier", Grade::Dev), "DevVerifier");
    let text = export(&key(2, 1).vk, "Verifier", Grade::Dev).unwrap();
    assert!(text.contains("\ncontract DevVerifier {\n"));
    assert!(text.contains("bool public constant INSECURE_SETUP = true;"));
    assert!(text.contains("NOT SECURE"));
    assert!(!text.contains("contract Verifier "));
}

#[test]
fn names_that_are_no_contract_names_are_refused() {
    let vk = key(1, 1).vk;
    for name in [
        "",
        "verifier",
        "1Verifier",
        "_Verifier",
        "Veri fier",
        "V{",
        "Vérifier",
        "V\n",
        &"V".repeat(65),
    ] {
        assert_eq!(
            export(&vk, name, Grade::Ceremony),
            Err(ExportError::Name { got: name.into() })
        );
    }
    assert!(export(&vk, &"V".repeat(64), Grade::Ceremony).is_ok());
}

#[test]
fn contracts_need_a_reasonable_number_of_inputs() {
    for got in [0, 257] {
        assert_eq!(
            export(&key(got, 1).vk, "V", Grade::Dev),
            Err(ExportError::InputCount { got })
        );
    }
    assert_eq!(
        creation_bytecode(&key(3, 1).vk, Grade::Dev),
        Err(ExportError::NoArtifact { got: 3 })
    );
}

#[test]
fn calldata_has_one_length() {
    let key = key(2, 1);
    let inputs = random_inputs(2, 2);
    let data = calldata(&prove(&key, &inputs, 3), &inputs);
    assert_eq!(data.len(), 4 + 32 * (8 + 2));
}

#[test]
fn bytecode_of_two_keys_differs_in_the_key_only() {
    for count in [1, 2, 4, 7] {
        for grade in [Grade::Dev, Grade::Ceremony] {
            let one = creation_bytecode(&key(count, 1).vk, grade).unwrap();
            let other = creation_bytecode(&key(count, 2).vk, grade).unwrap();
            assert_eq!(one.len(), other.len());
            let different: Vec<usize> = (0..one.len()).filter(|i| one[*i] != other[*i]).collect();
            let span = different.last().unwrap() - different.first().unwrap() + 1;
            assert!(span <= 32 * (18 + 2 * count));
        }
    }
}

/// Needs no compiler: an edited contract whose artifact was not remade is noticed everywhere.
#[test]
fn artifacts_were_compiled_from_the_committed_sources() {
    for contract in Contract::ALL {
        assert!(!contract_bytecode(contract).unwrap().is_empty());
    }
    let lock = fs::read_to_string(tools::contracts().join("package-lock.json")).unwrap();
    let lock: serde_json::Value = serde_json::from_str(&lock).unwrap();
    let mut files = 0;
    for entry in fs::read_dir(tools::contracts().join("artifacts")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let artifact: serde_json::Value = serde_json::from_str(&text).unwrap();
        let sources = artifact["sources"].as_object().unwrap();
        let packages = artifact["packages"].as_object().unwrap();
        assert!(!sources.is_empty() || !packages.is_empty());
        for (path, hash) in sources {
            let source = fs::read(tools::contracts().join(path)).unwrap();
            assert_eq!(*hash, hex::encode(Sha256::digest(source)), "run node compile.cjs");
        }
        for (package, version) in packages {
            let locked = &lock["packages"][format!("node_modules/{package}")]["version"];
            assert_eq!(version, locked, "run node compile.cjs");
        }
        files += 1;
    }
    assert_eq!(files, 4 + Contract::ALL.len());
}
