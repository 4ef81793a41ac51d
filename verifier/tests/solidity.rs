//! The exported text and the committed bytecode, as far as this crate can see: `cli/tests/verifier/` runs them,
//! `tests/compiler.rs` compares them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{key, prove, random_inputs, tools};
use popw_verifier::{
    solidity::{
        BYTECODE_INPUTS_MAX, CalldataError, Contract, ExportError, Grade, batch_calldata, calldata,
        contract_bytecode, contract_name, creation_bytecode, export, key_hash, selector,
    },
    words::{g1_to_words, g2_to_words},
};
use sha2::{Digest, Sha256};
use sha3::Keccak256;
use std::fs;

#[test]
fn the_text_has_the_name_the_key_and_no_blanks() {
    for count in [1, 2, 7, 8, 20] {
        let vk = key(count, 1).vk;
        let text = export(&vk, "UptimeVerifier", Grade::Ceremony).unwrap();
        assert!(text.contains("\ncontract UptimeVerifier {\n"));
        assert!(text.contains(&format!("uint256[{count}] calldata inputs")));
        assert!(!text.contains("{{") && !text.contains("}}"));
        assert!(text.contains("bool public constant INSECURE_SETUP = false;"));
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

/// The grades differ in the name (twice), the provenance and one value; in the bytecode, in that value.
#[test]
fn the_grades_differ_in_what_they_say_of_the_key_only() {
    let vk = key(2, 1).vk;
    let [dev, ceremony] = [Grade::Dev, Grade::Ceremony].map(|grade| export(&vk, "Verifier", grade).unwrap());
    assert_eq!(dev.lines().count(), ceremony.lines().count());
    let different: Vec<_> = dev
        .lines()
        .zip(ceremony.lines())
        .filter(|(dev, ceremony)| dev != ceremony)
        .map(|(dev, _)| dev.trim())
        .collect();
    assert!(
        matches!(
            different[..],
            [
                "/// @title DevVerifier",
                provenance,
                "contract DevVerifier {",
                "bool public constant INSECURE_SETUP = true;"
            ] if provenance.contains("the key is a dev key")
        ),
        "{different:?}"
    );
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
    let got = BYTECODE_INPUTS_MAX + 1;
    assert_eq!(
        creation_bytecode(&key(got, 1).vk, Grade::Dev),
        Err(ExportError::NoArtifact { got })
    );
}

#[test]
fn calldata_has_one_length() {
    let key = key(2, 1);
    let inputs = random_inputs(2, 2);
    let data = calldata(&prove(&key, &inputs, 3), &inputs);
    assert_eq!(data.len(), 4 + 32 * (8 + 2));
}

/// `cli/tests/verifier/batch.rs` compares it with another encoder.
#[test]
fn calldata_of_a_batch_needs_a_row_of_inputs_a_proof() {
    let key = key(2, 1);
    let inputs = vec![random_inputs(2, 2), random_inputs(2, 3)];
    let proofs: Vec<_> = inputs.iter().map(|inputs| prove(&key, inputs, 4)).collect();
    let data = batch_calldata(&proofs, &inputs).unwrap();
    assert_eq!(data.len(), 4 + 32 * (2 + 1 + 2 * 8 + 1 + 2 * 2));
    assert_eq!(batch_calldata(&[], &[]), Err(CalldataError::Empty));
    let lengths = CalldataError::Lengths { proofs: 2, inputs: 1 };
    assert_eq!(batch_calldata(&proofs, &inputs[..1]), Err(lengths));
    let count = CalldataError::InputCount {
        proof: 1,
        expected: 2,
        got: 1,
    };
    let ragged = [inputs[0].clone(), random_inputs(1, 3)];
    assert_eq!(batch_calldata(&proofs, &ragged), Err(count));
}

/// From the exported text, as a reader of the contract would compute it.
#[test]
fn key_hash_and_selector_are_those_of_the_text() {
    let vk = key(3, 1).vk;
    let text = export(&vk, "Verifier", Grade::Ceremony).unwrap();
    let words: String = text
        .split("hex\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let hash: [u8; 32] = Keccak256::digest(hex::decode(words).unwrap()).into();
    assert_eq!(key_hash(&vk), hash);

    let circuit_id = [7; 32];
    let expected = Keccak256::digest([hash, circuit_id].concat());
    assert_eq!(selector(&vk, &circuit_id), expected[..4]);
    assert_ne!(selector(&vk, &[8; 32]), expected[..4]);
    assert_ne!(selector(&key(3, 2).vk, &circuit_id), expected[..4]);
}

#[test]
fn bytecode_of_two_keys_differs_in_the_key_only() {
    for count in 1..=BYTECODE_INPUTS_MAX {
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
    assert_eq!(files, BYTECODE_INPUTS_MAX + Contract::ALL.len());
}
