//! Tests of [`crate::eddsa`].

#![allow(clippy::unwrap_used)]

use super::*;
use crate::field::{from_decimal, reduce_be_bytes};
use ark_ff::{AdditiveGroup, Field};
use proptest::prelude::*;

fn dec(text: &str) -> Fr {
    from_decimal(text).unwrap()
}

/// circomlibjs `packSignature`: y of R8 with the sign of x in the top bit, then S, little-endian.
fn packed(signature: &Signature) -> Vec<u8> {
    let mut bytes = to_be_bytes(&signature.r8.y).to_vec();
    bytes.reverse();
    let half = (-Fr::ONE).into_bigint();
    let mut half = half;
    half.div2();
    if signature.r8.x.into_bigint() > half {
        bytes[31] |= 0x80;
    }
    let mut s = signature.s_bytes();
    s.reverse();
    bytes.extend(s);
    bytes
}

proptest! {
    #![proptest_config(crate::cases(12))]

    #[test]
    fn signs_as_babyjubjub_rs(key: [u8; 32], message: [u8; 32]) {
        let message = reduce_be_bytes(&message);
        let ours = SecretKey::from_bytes(&key);
        let theirs = babyjubjub_rs::PrivateKey::import(key.to_vec()).unwrap();
        let text = crate::field::to_decimal(&message);
        let signature = ours.sign(message);
        prop_assert_eq!(ours.sign_vartime(message), signature);
        prop_assert_eq!(packed(&signature), theirs.sign(text.parse().unwrap()).unwrap().compress().to_vec());
        prop_assert_eq!(verify(&ours.public_key(), message, &signature), Ok(()));
    }

    #[test]
    fn nothing_else_verifies(key: [u8; 32], other: [u8; 32], message: [u8; 32]) {
        let message = reduce_be_bytes(&message);
        let secret = SecretKey::from_bytes(&key);
        let key = secret.public_key();
        let good = secret.sign(message);
        prop_assert_eq!(verify(&key, message, &good), Ok(()));
        prop_assert_eq!(verify(&key, message + Fr::ONE, &good), Err(EddsaError::Mismatch));
        prop_assert_eq!(verify(&-key, message, &good), Err(EddsaError::Mismatch));
        let stranger = SecretKey::from_bytes(&other).public_key();
        prop_assert_eq!(verify(&stranger, message, &good), Err(EddsaError::Mismatch));
        let forged = Signature { s: good.s + Scalar::ONE, ..good };
        prop_assert_eq!(verify(&key, message, &forged), Err(EddsaError::Mismatch));
        let forged = Signature { r8: -good.r8, ..good };
        prop_assert_eq!(verify(&key, message, &forged), Err(EddsaError::Mismatch));
    }
}

#[test]
fn bad_keys_and_nonce_points_are_named() {
    let message = Fr::from(5u64);
    let secret = SecretKey::from_bytes(&[7; 32]);
    let good = secret.sign(message);
    let order_2 = Point::new_unchecked(Fr::ZERO, -Fr::ONE);
    let off_curve = Point::new_unchecked(Fr::ONE, Fr::ONE);
    for key in [
        Point::zero(),
        order_2,
        off_curve,
        (secret.public_key() + order_2).into_affine(),
    ] {
        assert_eq!(verify(&key, message, &good), Err(EddsaError::InvalidKey));
    }
    let bad = Signature {
        r8: off_curve,
        ..good
    };
    assert_eq!(
        verify(&secret.public_key(), message, &bad),
        Err(EddsaError::InvalidR8)
    );
    let bad = Signature {
        r8: (good.r8 + order_2).into_affine(),
        ..good
    };
    assert_eq!(
        verify(&secret.public_key(), message, &bad),
        Err(EddsaError::Mismatch)
    );
}

#[test]
fn encodings_are_strict() {
    let good = SecretKey::from_bytes(&[7; 32]).sign(Fr::from(5u64));
    let (x, y, s) = (good.r8.x, good.r8.y, good.s_bytes());
    assert_eq!(Signature::parse(x, y, &s), Ok(good));
    assert_eq!(Signature::parse(x, x, &s), Err(EddsaError::InvalidR8));
    let mut order = [0; 32];
    order.copy_from_slice(&Scalar::MODULUS.to_bytes_be());
    for bytes in [order, [0xff; 32]] {
        assert!(matches!(
            Signature::parse(x, y, &bytes),
            Err(EddsaError::ScalarNotCanonical { .. })
        ));
    }
}

#[test]
fn the_scalar_makes_the_public_key() {
    let secret = SecretKey::from_bytes(&[9; 32]);
    assert_eq!((base8() * secret.scalar()).into_affine(), secret.public_key());
    assert!(!format!("{secret:?}").contains(&secret.scalar().to_string()));
}

#[test]
fn published_vector() {
    let mut key = [0; 32];
    for (i, byte) in key.iter_mut().enumerate() {
        *byte = u8::try_from(i % 10).unwrap();
    }
    key[30..].copy_from_slice(&[0, 1]);
    let secret = SecretKey::from_bytes(&key);
    let public = secret.public_key();
    assert_eq!(
        public.x,
        dec("13277427435165878497778222415993513565335242147425444199013288855685581939618")
    );
    assert_eq!(
        public.y,
        dec("13622229784656158136036771217484571176836296686641868549125388198837476602820")
    );
    let signature = secret.sign(Fr::from(1234u64));
    assert_eq!(
        signature.r8.x,
        dec("11220723668893468001994760120794694848178115379170651044669708829805665054484")
    );
    assert_eq!(
        signature.r8.y,
        dec("2367470421002446880004241260470975644531657398480773647535134774673409612366")
    );
    assert_eq!(
        to_be_bytes(&dec(
            "2010143491207902444122668013146870263468969134090678646686512037244361350365"
        )),
        signature.s_bytes()
    );
}
