//! Every gadget at its pinned cost, exhaustively over a small field where it is generic, and in the cases that the subjects of the
//! regime ([`super::subjects`]) do not reach.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::bits::canonical_bits;
use super::device::Device;
use super::int::Int;
use super::poseidon;
use super::subjects::{BELOW_BITS, Below, Signed, below_circuit, eddsa_circuit};
use super::tree::root;
use super::truncation::truncated;
use crate::catalog;
use crate::soundness::build;
use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use popw_claims::babyjubjub::{Scalar, base8};
use popw_claims::eddsa::{SecretKey, Signature, challenge};
use popw_claims::opening::OpenedDevice;

fn satisfied<W>(circuit: &dyn Fn(&mut Builder<Fr>, &W), witness: &W) -> bool {
    let mut cs = Builder::structure();
    circuit(&mut cs, witness);
    let (r1cs, assignment) = cs.finish();
    r1cs.violations(&assignment).is_empty()
}

#[test]
fn a_structure_does_not_depend_on_values_and_the_witness_builder_agrees_with_it() {
    let circuit = |cs: &mut Builder<Fr>, inputs: &Vec<Fr>| {
        let inputs: Vec<Lc<Fr>> = inputs.iter().map(|value| cs.input("x", *value)).collect();
        poseidon::hash(cs, &inputs);
        canonical_bits(cs, "bits", &inputs[0]);
    };
    let (first, _) = build(&circuit, &vec![Fr::ZERO, Fr::ZERO]);
    let (second, assignment) = build(&circuit, &vec![Fr::from(7u64), -Fr::ONE]);
    assert_eq!(first.constraints(), second.constraints());
    for row in 0..first.constraints() {
        for matrix in 0..3 {
            assert!(first.terms(matrix, row).eq(second.terms(matrix, row)));
        }
    }
    let mut cs = Builder::witness();
    circuit(&mut cs, &vec![Fr::from(7u64), -Fr::ONE]);
    assert_eq!(cs.into_assignment(), assignment);
}

/// The rows of a device of five levels with its position.
fn position_cost() -> usize {
    let mut cs = Builder::structure();
    let index = cs.input("index", Fr::ZERO);
    let device = Device::open(&mut cs, &index, &OpenedDevice::stand_in(Fr::ZERO, 5));
    device.position(&mut cs);
    cs.finish().0.constraints()
}

/// The rows of a number of -1,000..1,000 divided by ten, without those of its range.
fn truncation_cost() -> usize {
    let mut cs = Builder::<Fr>::structure();
    let value = cs.input("value", Fr::ZERO);
    truncated(&mut cs, &Int::known(value, -1_000, 1_000), 10);
    cs.finish().0.constraints()
}

#[test]
fn costs_are_the_known_ones() {
    let constraints = |name: &str, parameters: &str| {
        let entry = catalog::entries()
            .into_iter()
            .find(|entry| entry.name == name && entry.parameters == parameters);
        entry.unwrap().build().constraints()
    };
    for (inputs, cost) in [
        (1, 213),
        (2, 240),
        (3, 261),
        (4, 297),
        (5, 321),
        (8, 402),
        (12, 504),
        (16, 609),
    ] {
        assert_eq!(constraints("poseidon", &format!("inputs={inputs}")), cost);
    }
    assert_eq!(constraints("canonical_bits", "bits=254"), 254 + 62);
    assert_eq!(constraints("climb", "levels=1"), 609 + 11 + 16 + 4);
    assert_eq!(constraints("open", "levels=1"), 609 + 15 + 4);
    assert_eq!(constraints("eddsa", ""), 2538);
    assert_eq!(constraints("device", "levels=5"), 714 + 5 * 628);
    assert_eq!(constraints("ingestor", "levels=3"), 6264);
    assert_eq!(position_cost(), 714 + 5 * 628 + 84);
    assert_eq!(truncation_cost(), 27);
    for (leaves, nodes) in [(1, 0), (16, 1), (256, 17)] {
        let mut cs = Builder::<Fr>::structure();
        let leaves = (0..leaves).map(|_| cs.input("leaf", Fr::ZERO)).collect();
        root(&mut cs, leaves);
        assert_eq!(cs.finish().0.constraints(), nodes * 609);
    }
}

#[test]
fn assert_below_compares_with_any_constant() {
    for bound in 0..1 << BELOW_BITS {
        for value in 0..1 << BELOW_BITS {
            let below = Below { bound, value };
            assert_eq!(
                satisfied(&below_circuit, &below),
                value < bound,
                "{value} < {bound}"
            );
        }
    }
}

#[test]
fn sponges_of_every_number_of_blocks_equal_the_native_twin() {
    for count in [0u64, 1, 13, 14, 15, 28, 29, 30, 44, 45] {
        let values: Vec<Fr> = (0..count).map(|i| Fr::from(i * i + 7)).collect();
        let mut cs = Builder::witness();
        let inputs: Vec<Lc<Fr>> = values.iter().map(|value| cs.input("input", *value)).collect();
        let sponge = poseidon::sponge(&mut cs, "out", &inputs);
        assert_eq!(
            sponge.value(),
            popw_claims::poseidon::sponge("out", &values),
            "{count} elements"
        );
    }
}

#[test]
fn a_tree_of_any_size_has_the_native_root() {
    let leaves: Vec<Fr> = (1..=300u64).map(Fr::from).collect();
    for count in [1, 2, 15, 16, 17, 32, 128, 256, 257, 300] {
        let mut cs = Builder::witness();
        let inputs = leaves[..count]
            .iter()
            .map(|leaf| cs.input("leaf", *leaf))
            .collect();
        let root = root(&mut cs, inputs);
        assert_eq!(
            root.value(),
            popw_claims::tree::root_of(&leaves[..count]),
            "{count} leaves"
        );
    }
}

#[test]
#[should_panic(expected = "do not fit the field")]
fn an_integer_identity_that_could_wrap_does_not_build() {
    // A 5-bit field: 19.
    #[derive(ark_ff::MontConfig)]
    #[modulus = "19"]
    #[generator = "2"]
    struct Config;
    type Small = ark_ff::Fp64<ark_ff::MontBackend<Config, 1>>;
    let mut cs = Builder::<Small>::structure();
    let a = Int::from_new_bits(&mut cs, "a", 3, 5);
    let b = Int::from_new_bits(&mut cs, "b", 3, 5);
    a.mul(&mut cs, "product", &b);
}

#[test]
fn eddsa_accepts_both_parities_of_s() {
    let secret = SecretKey::from_bytes(&[9; 32]);
    let a = secret.scalar();
    let key = secret.public_key();
    let mut even = 0;
    for message in 0..40u64 {
        let nonce = Scalar::from(message * message + 1);
        let r8 = (base8() * nonce).into_affine();
        let h = challenge(&r8, &key, Fr::from(message));
        let h = Scalar::from_le_bytes_mod_order(&h.into_bigint().to_bytes_le());
        let s = nonce + h * a * Scalar::from(8u64);
        even += usize::from(s.into_bigint().is_even());
        let signed = Signed {
            key,
            message: Fr::from(message),
            signature: Signature { r8, s },
        };
        assert!(popw_claims::eddsa::verify(&key, signed.message, &signed.signature).is_ok());
        assert!(satisfied(&eddsa_circuit, &signed));
    }
    assert!((5..35).contains(&even), "both parities of S occur");
}

#[test]
fn the_fixed_base_refuses_a_collision_in_its_last_window() {
    // Window 62 with digit 7 meets the accumulator 7 * 2^248 - l, an odd number below 2^248 in magnitude.
    let collision = Scalar::from(7u64) * Scalar::from(2u64).pow([248]);
    // S = 7 * 2^248 + (7 * 2^248 - l) = 14 * 2^248 mod l; its odd representative has exactly these digits.
    let s = collision.double();
    let secret = SecretKey::from_bytes(&[3; 32]);
    let r8 = base8();
    let signed = Signed {
        key: secret.public_key(),
        message: Fr::ONE,
        signature: Signature { r8, s },
    };
    let (r1cs, assignment) = build(&eddsa_circuit, &signed);
    let violated: Vec<String> = r1cs
        .violations(&assignment)
        .iter()
        .map(|row| r1cs.scope_name(r1cs.row_scope(*row)))
        .collect();
    assert!(
        violated
            .iter()
            .any(|scope| scope == "eddsa.fixed_base.window[62]"),
        "{violated:?}"
    );
}
