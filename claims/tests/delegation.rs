//! Delegations that OpenSSL signed (`testdata/vectors/MANIFEST.md`).

#![allow(clippy::unwrap_used)]

use popw_claims::babyjubjub::parse_point;
use popw_claims::delegation::{Delegation, DelegationError, HardwareClass, HardwareKey};
use popw_claims::field::from_decimal;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    class: String,
    hardware_key: String,
    device_id: String,
    session_key: [String; 2],
    first_epoch: u64,
    epochs: String,
    message: String,
    signature: String,
}

#[test]
fn signatures_of_openssl_verify() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../../testdata/vectors/delegation.json")).unwrap();
    assert!(vectors.len() >= 8);
    for vector in vectors {
        let class = match vector.class.as_str() {
            "p256" => HardwareClass::P256,
            _ => HardwareClass::Ed25519,
        };
        let key = HardwareKey::from_bytes(class, &hex::decode(vector.hardware_key).unwrap()).unwrap();
        let [x, y] = vector.session_key.map(|text| from_decimal(&text).unwrap());
        let delegation = Delegation {
            device_id: from_decimal(&vector.device_id).unwrap(),
            session_key: parse_point(x, y).unwrap(),
            first_epoch: vector.first_epoch,
            epochs: vector.epochs.parse().unwrap(),
        };
        assert_eq!(hex::encode(delegation.message()), vector.message);
        let mut signature = [0; 64];
        hex::decode_to_slice(&vector.signature, &mut signature).unwrap();
        assert_eq!(delegation.verify(&key, &signature), Ok(()));
        let other = Delegation {
            first_epoch: delegation.first_epoch + 1,
            ..delegation
        };
        assert_eq!(other.verify(&key, &signature), Err(DelegationError::Mismatch));
        signature[40] ^= 1;
        assert!(delegation.verify(&key, &signature).is_err());
    }
}
