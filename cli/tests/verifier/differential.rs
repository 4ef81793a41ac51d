//! Rust verifier = contract = snarkjs, on mutated proofs and inputs of several keys. Needs node and snarkjs for the third;
//! without them it says SKIPPED, and fails if `POPW_REQUIRE_ALL` is set.
//!
//! snarkjs reduces a coordinate that is not below p where the two others refuse it: so of a proof with such words it gets
//! the verdict that the Rust verifier has for the reduced proof.

use super::{Claim, Scene, cases};
use crate::common::{alias, key, prove, random_inputs, rerandomise, rng, tools};
use alloy_primitives::U256;
use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, PrimeField, UniformRand};
use ark_groth16::Proof;
use popw_verifier::{
    Word,
    snarkjs::write_verifying_key,
    words::{
        g1_to_words, g2_to_words, inputs_from_be_bytes, inputs_to_be_bytes, proof_from_words, proof_to_words,
    },
};
use rand_chacha::{ChaCha20Rng, rand_core::RngCore};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs};

/// Inputs of each key.
const COUNTS: [usize; 4] = [1, 3, 7, 8];

/// At the default at least a hundred cases, at `POPW_ROUNDS=10` a thousand.
const CASES: usize = 120;

/// A change of a claim. `other` is an honest claim of the same key.
type Mutation = fn(&mut Claim, other: &Claim, scene: &Scene, rng: &mut ChaCha20Rng);

const MUTATIONS: [(&str, Mutation); 22] = [
    ("none", |_, _, _, _| {}),
    ("re-randomised", |claim, _, scene, rng| {
        let proof = proof_from_words(&claim.proof).unwrap();
        claim.proof = proof_to_words(&rerandomise(&scene.key, &proof, rng.next_u64()));
    }),
    ("A and B negated", |claim, _, _, _| {
        edit(claim, |proof| (proof.a, proof.b) = (-proof.a, -proof.b));
    }),
    ("A negated", |claim, _, _, _| {
        edit(claim, |proof| proof.a = -proof.a)
    }),
    ("C negated", |claim, _, _, _| {
        edit(claim, |proof| proof.c = -proof.c)
    }),
    ("A and C negated", |claim, _, _, _| {
        edit(claim, |proof| (proof.a, proof.c) = (-proof.a, -proof.c));
    }),
    ("A and C exchanged", |claim, _, _, _| {
        edit(claim, |proof| std::mem::swap(&mut proof.a, &mut proof.c));
    }),
    ("a bit of a proof word", |claim, _, _, rng| {
        flip(&mut claim.proof[below(rng, 8)], rng);
    }),
    ("a bit of an input", |claim, _, _, rng| {
        let index = below(rng, claim.inputs.len());
        flip(&mut claim.inputs[index], rng);
    }),
    ("a proof word + p", |claim, _, _, rng| {
        let index = below(rng, 8);
        claim.proof[index] = alias::<Fq>(&claim.proof[index], 1).unwrap();
    }),
    ("all proof words + p", |claim, _, _, _| {
        claim.proof = claim.proof.map(|word| alias::<Fq>(&word, 1).unwrap());
    }),
    ("an input + r", |claim, _, _, rng| {
        let index = below(rng, claim.inputs.len());
        claim.inputs[index] = alias::<Fr>(&claim.inputs[index], 1).unwrap();
    }),
    ("an input + 1", |claim, _, _, rng| {
        shift(claim, rng, Fr::from(1_u64))
    }),
    ("an input - 1", |claim, _, _, rng| {
        shift(claim, rng, -Fr::from(1_u64))
    }),
    ("an input zero", |claim, _, _, rng| {
        let index = below(rng, claim.inputs.len());
        claim.inputs[index] = [0; 32];
    }),
    ("the inputs rotated", |claim, _, _, _| claim.inputs.rotate_left(1)),
    ("the inputs of another claim", |claim, other, _, _| {
        claim.inputs.clone_from(&other.inputs);
    }),
    ("a point of another proof", |claim, other, _, rng| {
        let place = [0..2, 2..6, 6..8][below(rng, 3)].clone();
        claim.proof[place.clone()].copy_from_slice(&other.proof[place]);
    }),
    ("two proof words exchanged", |claim, _, _, rng| {
        let first = below(rng, 7);
        claim.proof.swap(first, first + 1);
    }),
    ("zeros", |claim, _, _, rng| {
        let place = [0..2, 2..6, 6..8, 0..8, 0..1, 5..6][below(rng, 6)].clone();
        claim.proof[place].fill([0; 32]);
    }),
    ("other points of the groups", |claim, _, _, rng| {
        let (g1, g2) = (
            (G1Affine::generator() * Fr::rand(rng)).into_affine(),
            (G2Affine::generator() * Fr::rand(rng)).into_affine(),
        );
        match below(rng, 3) {
            0 => claim.proof[..2].copy_from_slice(&g1_to_words(&g1)),
            1 => claim.proof[2..6].copy_from_slice(&g2_to_words(&g2)),
            _ => claim.proof[6..].copy_from_slice(&g1_to_words(&g1)),
        }
    }),
    ("B off the subgroup", |claim, _, _, rng| {
        let outside = std::iter::repeat_with(|| ark_bn254::Fq2::rand(rng))
            .find_map(|x| G2Affine::get_point_from_x_unchecked(x, true))
            .unwrap();
        claim.proof[2..6].copy_from_slice(&g2_to_words(&outside));
    }),
];

fn edit(claim: &mut Claim, change: impl FnOnce(&mut Proof<ark_bn254::Bn254>)) {
    let mut proof = proof_from_words(&claim.proof).unwrap();
    change(&mut proof);
    claim.proof = proof_to_words(&proof);
}

fn flip(word: &mut Word, rng: &mut ChaCha20Rng) {
    let bit = below(rng, 256);
    word[bit / 8] ^= 1 << (bit % 8);
}

fn shift(claim: &mut Claim, rng: &mut ChaCha20Rng, by: Fr) {
    let mut inputs = inputs_from_be_bytes(&claim.inputs).unwrap();
    let index = below(rng, inputs.len());
    inputs[index] += by;
    claim.inputs = inputs_to_be_bytes(&inputs);
}

fn below(rng: &mut ChaCha20Rng, limit: usize) -> usize {
    usize::try_from(rng.next_u32()).unwrap() % limit
}

/// A word as snarkjs's files spell it.
fn decimal(word: &Word) -> String {
    U256::from_be_bytes(*word).to_string()
}

fn snarkjs_case(key: usize, claim: &Claim) -> Value {
    let [ax, ay, bx1, bx0, by1, by0, cx, cy] = claim.proof.each_ref().map(decimal);
    json!({
        "key": key,
        "public": claim.inputs.iter().map(decimal).collect::<Vec<_>>(),
        "proof": {
            "pi_a": [ax, ay, "1"], "pi_b": [[bx0, bx1], [by0, by1], ["1", "0"]], "pi_c": [cx, cy, "1"],
            "protocol": "groth16", "curve": "bn128",
        },
    })
}

/// The verdict of the Rust verifier after every coordinate was reduced.
fn reduced_holds(scene: &Scene, claim: &Claim) -> bool {
    let p = U256::from_be_slice(&Fq::MODULUS.to_bytes_be());
    let reduced = claim
        .proof
        .map(|word| (U256::from_be_bytes(word) % p).to_be_bytes());
    scene.verifier.verify_words(&claim.inputs, &reduced).is_ok()
}

#[test]
fn rust_contract_and_snarkjs_agree() {
    let mut scenes = COUNTS.map(|count| Scene::new(key(count, 1)));
    let honest: Vec<Vec<Claim>> = scenes
        .iter()
        .map(|scene| {
            let claim = |seed| {
                let inputs = random_inputs(scene.input_count(), seed);
                Claim::new(&prove(&scene.key, &inputs, seed), &inputs)
            };
            (0..4).map(claim).collect()
        })
        .collect();
    let mut rng = rng(6);
    let (mut requests, mut expected) = (Vec::new(), Vec::new());
    // By mutation: how many were accepted and refused by Rust and the contract.
    let mut counts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for number in 0..cases(CASES) {
        let (name, mutation) = MUTATIONS[number % MUTATIONS.len()];
        let which = below(&mut rng, COUNTS.len());
        let first = below(&mut rng, honest[which].len());
        let other = &honest[which][(first + 1) % honest[which].len()];
        let mut claim = honest[which][first].clone();
        mutation(&mut claim, other, &scenes[which], &mut rng);

        let holds = scenes[which].verdict(&claim).is_ok();
        // A batch of it and an honest claim says the same, in either order.
        let mut batch = [claim.clone(), other.clone()];
        assert_eq!(scenes[which].batch_verdict(&batch).is_ok(), holds, "{name}");
        batch.swap(0, 1);
        assert_eq!(scenes[which].batch_verdict(&batch).is_ok(), holds, "{name}");
        counts.entry(name).or_default()[usize::from(!holds)] += 1;
        requests.push(snarkjs_case(which, &claim));
        expected.push((name, reduced_holds(&scenes[which], &claim)));
    }
    // The mutations do what they are named after.
    for (name, [accepted, refused]) in counts {
        let harmless = ["none", "re-randomised", "A and B negated"].contains(&name);
        match name {
            // Of a key with one input.
            "the inputs rotated" => assert!(refused > 0, "{name}"),
            _ => assert_eq!((accepted > 0, refused > 0), (harmless, !harmless), "{name}"),
        }
    }

    if !tools::node_has("snarkjs") {
        return;
    }
    let keys: Vec<Value> = scenes
        .iter()
        .map(|scene| serde_json::from_str(&write_verifying_key(&scene.key.vk).unwrap()).unwrap())
        .collect();
    let file = tools::scratch("differential").join("cases.json");
    fs::write(&file, json!({"keys": keys, "cases": requests}).to_string()).unwrap();
    let output = tools::node([std::path::Path::new("snarkjs.cjs"), &file]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let verdicts: Vec<bool> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdicts.len(), expected.len());
    for (number, (verdict, (name, expected))) in verdicts.into_iter().zip(expected).enumerate() {
        assert_eq!(verdict, expected, "case {number}: {name}");
    }
}
