//! Exports for Solana, Sui and IOTA: what the chains' own libraries say of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

/// What [`solana::export`] writes for the key of [`case`]; `POPW_BLESS=1` writes it anew.
#[path = "exported/solana_key.rs"]
#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, reason = "written by popw")]
mod solana_key;

use ark_bn254::{Bn254, Fr, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, Field, PrimeField};
use ark_groth16::{Groth16, Proof, VerifyingKey, prepare_verifying_key};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use common::{key, prove, random_inputs};
use groth16_solana::{errors::Groth16Error, groth16::Groth16Verifier};
use popw_verifier::{KeyError, KeyPoint, Verifier, VerifyError, solana, solidity::Grade, sui};
use solana_key::{INSECURE_SETUP, VERIFYING_KEY};
use std::{fs, path::Path};

struct Case {
    key: VerifyingKey<Bn254>,
    inputs: Vec<Fr>,
    proof: Proof<Bn254>,
}

/// Seven public inputs, as every claim has.
fn case() -> Case {
    let key = key(7, 1);
    let inputs = random_inputs(7, 2);
    Case {
        proof: prove(&key, &inputs, 3),
        key: key.vk,
        inputs,
    }
}

/// The library's verdict under the exported key.
fn solana_says(proof: &solana::ProofBytes, inputs: &[[u8; 32]]) -> Result<(), Groth16Error> {
    let inputs: [[u8; 32]; 7] = inputs.try_into().unwrap();
    Groth16Verifier::new(&proof.minus_a, &proof.b, &proof.c, &inputs, &VERIFYING_KEY)?.verify()
}

/// The committed module is compiled into this test, so the text is Rust and its constants are the library's.
#[test]
fn the_module_for_solana_is_what_was_compiled() {
    let text = solana::export(&case().key, Grade::Dev).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exported/solana_key.rs");
    if std::env::var_os("POPW_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(path).unwrap() == text,
        "if the change is meant: POPW_BLESS=1"
    );
    assert!(INSECURE_SETUP && text.contains("NOT SECURE"));
    let ceremony = solana::export(&case().key, Grade::Ceremony).unwrap();
    assert!(ceremony.contains("INSECURE_SETUP: bool = false") && !ceremony.contains("NOT SECURE"));
    assert_eq!(ceremony.lines().count(), text.lines().count());
}

#[test]
fn solana_s_library_takes_our_proofs_and_no_others() {
    let Case { inputs, proof, key } = case();
    assert_eq!(VERIFYING_KEY.nr_pubinputs, 7);
    let bytes = solana::proof_bytes(&proof);
    assert_eq!(solana_says(&bytes, &solana::input_bytes(&inputs)), Ok(()));
    // The sign of A matters.
    let plus_a = solana::proof_bytes(&Proof {
        a: -proof.a,
        ..proof.clone()
    });
    assert_eq!(
        solana_says(&plus_a, &solana::input_bytes(&inputs)),
        Err(Groth16Error::ProofVerificationFailed)
    );
    for index in 0..7 {
        let mut wrong = inputs.clone();
        wrong[index] += Fr::ONE;
        assert_eq!(
            solana_says(&bytes, &solana::input_bytes(&wrong)),
            Err(Groth16Error::ProofVerificationFailed)
        );
        // x + r is another spelling of x: below 2^256 for every x.
        let mut aliased = solana::input_bytes(&inputs);
        let mut sum = inputs[index].into_bigint();
        assert!(!sum.add_with_carry(&Fr::MODULUS));
        aliased[index] = sum.to_bytes_be().try_into().unwrap();
        assert_eq!(
            solana_says(&bytes, &aliased),
            Err(Groth16Error::PublicInputGreaterThanFieldSize)
        );
    }
    let other = prove(&common::key(7, 9), &inputs, 3);
    assert_eq!(
        solana_says(&solana::proof_bytes(&other), &solana::input_bytes(&inputs)),
        Err(Groth16Error::ProofVerificationFailed)
    );
    assert_eq!(
        Verifier::new(key).unwrap().verify(&inputs, &other),
        Err(VerifyError::EquationFails)
    );
}

#[test]
fn sui_s_bytes_are_arkworks_own_and_verify() {
    for count in [1, 2, 7, 8] {
        let proving_key = key(count, 4);
        let inputs = random_inputs(count, 5);
        let proof = prove(&proving_key, &inputs, 6);
        let bytes = sui::verifying_key(&proving_key.vk).unwrap();
        assert_eq!(bytes.len(), 264 + 32 * count);
        let points = sui::proof_points(&proof).unwrap();
        assert_eq!(points.len(), 128);
        let words = sui::public_inputs(&inputs).unwrap();
        assert_eq!(words.len(), 32 * count);

        let read_key = VerifyingKey::<Bn254>::deserialize_compressed(&*bytes).unwrap();
        assert_eq!(read_key, proving_key.vk);
        let read_proof = Proof::<Bn254>::deserialize_compressed(&*points).unwrap();
        let read_inputs: Vec<_> = words
            .chunks(32)
            .map(|word| Fr::deserialize_compressed(word).unwrap())
            .collect();
        assert_eq!(read_inputs, inputs);
        let verify = |inputs: &[Fr]| {
            Groth16::<Bn254>::verify_proof(&prepare_verifying_key(&read_key), &read_proof, inputs).unwrap()
        };
        assert!(verify(&read_inputs));
        let mut wrong = read_inputs.clone();
        wrong[count - 1] += Fr::ONE;
        assert!(!verify(&wrong));
    }
}

/// The parts one after another, so that the table in the module's documentation is what is written.
#[test]
fn sui_s_key_is_the_concatenation_of_its_points() {
    let key = case().key;
    let mut expected = Vec::new();
    let mut put = |value: &dyn Fn(&mut Vec<u8>)| value(&mut expected);
    put(&|bytes| key.alpha_g1.serialize_compressed(bytes).unwrap());
    for point in [&key.beta_g2, &key.gamma_g2, &key.delta_g2] {
        put(&|bytes| point.serialize_compressed(bytes).unwrap());
    }
    put(&|bytes| bytes.extend(8_u64.to_le_bytes()));
    for point in &key.gamma_abc_g1 {
        put(&|bytes| point.serialize_compressed(bytes).unwrap());
    }
    assert_eq!(sui::verifying_key(&key).unwrap(), expected);
}

#[test]
fn nine_inputs_are_too_many_for_sui() {
    let refused = |error| matches!(error, sui::ExportError::InputCount { got: 9 });
    assert!(refused(sui::verifying_key(&key(9, 1).vk).unwrap_err()));
    assert!(refused(sui::public_inputs(&random_inputs(9, 1)).unwrap_err()));
    assert!(solana::export(&key(9, 1).vk, Grade::Dev).is_ok());
}

#[test]
fn degenerate_keys_are_exported_to_no_chain() {
    let refused = |change: &dyn Fn(&mut VerifyingKey<Bn254>), expected: KeyError| {
        let mut key = case().key;
        change(&mut key);
        assert_eq!(solana::export(&key, Grade::Dev), Err(expected.clone()));
        assert_eq!(solana::export(&key, Grade::Ceremony), Err(expected.clone()));
        assert!(
            matches!(sui::verifying_key(&key), Err(sui::ExportError::Key(error)) if error == expected),
            "{expected}"
        );
    };
    refused(&|key| key.gamma_g2 = key.delta_g2, KeyError::GammaEqualsDelta);
    refused(
        &|key| key.delta_g2 = G2Affine::generator(),
        KeyError::Generator {
            point: KeyPoint::Delta,
        },
    );
    refused(
        &|key| key.gamma_abc_g1[3] = key.gamma_abc_g1[1],
        KeyError::DuplicateIc { first: 1, second: 3 },
    );
    refused(&|key| key.gamma_abc_g1.clear(), KeyError::EmptyIc);
}
