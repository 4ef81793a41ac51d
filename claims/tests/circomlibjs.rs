//! Poseidon and EdDSA against numbers that circomlibjs printed (`testdata/vectors/MANIFEST.md`).

#![allow(clippy::unwrap_used)]

use popw_claims::babyjubjub::parse_point;
use popw_claims::eddsa::{SecretKey, Signature, verify};
use popw_claims::field::{Fr, from_decimal, to_be_bytes};
use popw_claims::poseidon::hash;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    poseidon: Vec<HashVector>,
    eddsa: Vec<SignatureVector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashVector {
    inputs: Vec<String>,
    hash: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureVector {
    secret_key: String,
    public_key: [String; 2],
    message: String,
    r8: [String; 2],
    s: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../testdata/vectors/circomlibjs.json")).unwrap()
}

fn element(text: &str) -> Fr {
    from_decimal(text).unwrap()
}

#[test]
fn poseidon_of_every_arity() {
    let vectors = vectors().poseidon;
    for arity in 1..=16 {
        assert!(
            vectors
                .iter()
                .filter(|vector| vector.inputs.len() == arity)
                .count()
                >= 4
        );
    }
    for vector in vectors {
        let inputs: Vec<Fr> = vector.inputs.iter().map(|text| element(text)).collect();
        assert_eq!(hash(&inputs), element(&vector.hash), "{:?}", vector.inputs);
    }
}

#[test]
fn keys_and_signatures() {
    let vectors = vectors().eddsa;
    assert!(vectors.len() >= 16);
    for vector in vectors {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&vector.secret_key, &mut bytes).unwrap();
        let secret = SecretKey::from_bytes(&bytes);
        let [x, y] = vector.public_key.map(|text| element(&text));
        assert_eq!(parse_point(x, y), Ok(secret.public_key()));
        let [x, y] = vector.r8.map(|text| element(&text));
        let expected = Signature::parse(x, y, &to_be_bytes(&element(&vector.s))).unwrap();
        assert_eq!(secret.sign(element(&vector.message)), expected);
        assert_eq!(
            verify(&secret.public_key(), element(&vector.message), &expected),
            Ok(())
        );
    }
}
