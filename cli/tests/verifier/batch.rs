//! Batches: what holds, what a batch could let through that single proofs cannot, and why the coefficients stop it.

use super::{CHAIN, Claim, STRANGER, Scene, uint};
use crate::common::{key, prove, random_inputs};
use alloy_primitives::{U256, keccak256};
use alloy_sol_types::SolCall;
use ark_bn254::{Bn254, Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, pairing::Pairing};
use ark_ff::{PrimeField, Zero};
use ark_groth16::{Proof, VerifyingKey};
use popw::contracts::{
    Groth16Verifier7 as V, Groth16Verifier7::Groth16Verifier7Errors as VerifierError, Refusal,
};
use popw::evm::EvmError;
use popw_verifier::{
    Word,
    solidity::{BYTECODE_INPUTS_MAX, batch_calldata},
    words::{inputs_from_be_bytes, inputs_to_be_bytes, proof_from_words, proof_to_words},
};

const INVALID: VerifierError = VerifierError::ProofInvalid(V::ProofInvalid {});

fn scene() -> Scene {
    Scene::new(key(7, 1))
}

#[test]
fn honest_batches_hold() {
    for count in 1..=BYTECODE_INPUTS_MAX {
        let mut scene = Scene::new(key(count, 1));
        let claims = scene.claims(20..25);
        for size in 1..=claims.len() {
            scene.batch_verdict(&claims[..size]).unwrap();
        }
        let mut reversed = claims;
        reversed.reverse();
        scene.batch_verdict(&reversed).unwrap();
    }
}

/// Zero is an input as any other.
#[test]
fn inputs_at_the_edges_of_the_field_hold() {
    let mut scene = scene();
    let edges = [
        vec![Fr::zero(); 7],
        vec![-Fr::from(1_u64); 7],
        vec![Fr::from(1_u64); 7],
    ];
    let claims = edges.map(|inputs| Claim::new(&prove(&scene.key, &inputs, 3), &inputs));
    scene.batch_verdict(&claims).unwrap();
}

/// Our calldata against that of another encoder.
#[test]
fn calldata_is_that_of_the_abi() {
    let scene = scene();
    let inputs: Vec<_> = (2..5).map(|seed| random_inputs(7, seed)).collect();
    let proofs: Vec<_> = inputs.iter().map(|inputs| prove(&scene.key, inputs, 9)).collect();
    let words = |words: Vec<Word>| words.into_iter().map(U256::from_be_bytes).collect::<Vec<_>>();
    let call = V::verifyBatchCall {
        proofs: proofs
            .iter()
            .map(|proof| proof_to_words(proof).map(U256::from_be_bytes))
            .collect(),
        inputs: inputs
            .iter()
            .map(|inputs| words(inputs_to_be_bytes(inputs)).try_into().unwrap())
            .collect(),
    };
    let data = batch_calldata(&proofs, &inputs).unwrap();
    assert_eq!(data, call.abi_encode());
    let [proofs, inputs] = [
        proofs
            .iter()
            .map(proof_to_words)
            .map(Vec::from)
            .collect::<Vec<_>>(),
        inputs.iter().map(|inputs| inputs_to_be_bytes(inputs)).collect(),
    ];
    let proofs: Vec<_> = proofs
        .into_iter()
        .map(|words| words.try_into().unwrap())
        .collect();
    assert_eq!(data, scene.batch_data("verifyBatch", &proofs, &inputs));
}

#[test]
fn an_empty_batch_is_refused() {
    let mut scene = scene();
    assert_eq!(
        scene.batch_verdict(&[]),
        Err(VerifierError::BatchEmpty(V::BatchEmpty {}))
    );
}

#[test]
fn as_many_rows_of_inputs_as_proofs() {
    let mut scene = scene();
    let claims = scene.claims(20..23);
    let proofs: Vec<_> = claims.iter().map(|claim| claim.proof).collect();
    let inputs: Vec<_> = claims.iter().map(|claim| claim.inputs.clone()).collect();
    for (p, i) in [(3, 2), (2, 3), (0, 1), (1, 0), (3, 1)] {
        let entries = ["verifyBatch", "isValidBatch"]
            .map(|function| scene.batch_data(function, &proofs[..p], &inputs[..i]));
        let lengths = V::BatchLengths {
            proofs: U256::from(p),
            inputs: U256::from(i),
        };
        scene.agreed(&entries, Err(VerifierError::BatchLengths(lengths)));
    }
}

/// A proof repeated holds: the verifier keeps nothing, and what may happen once is for the settlement to say. A wrong one
/// repeated is refused.
#[test]
fn a_proof_repeated() {
    let mut scene = scene();
    let claim = scene.claim(20);
    scene.batch_verdict(&[claim.clone(), claim.clone()]).unwrap();
    let mut wrong = claim.clone();
    wrong.inputs[6][31] ^= 1;
    assert_eq!(scene.batch_verdict(&[wrong.clone(), wrong.clone()]), Err(INVALID));
    assert_eq!(
        scene.batch_verdict(&[claim.clone(), wrong.clone(), claim]),
        Err(INVALID)
    );
}

#[test]
fn inputs_swapped_between_two_proofs() {
    let mut scene = scene();
    let mut claims = scene.claims(20..23);
    let first = claims[0].inputs.clone();
    claims[0].inputs = std::mem::replace(&mut claims[2].inputs, first);
    assert_eq!(scene.batch_verdict(&claims), Err(INVALID));
    // One input alone.
    let mut claims = scene.claims(20..22);
    let word = claims[0].inputs[3];
    claims[0].inputs[3] = std::mem::replace(&mut claims[1].inputs[3], word);
    assert_eq!(scene.batch_verdict(&claims), Err(INVALID));
}

#[test]
fn the_first_input_outside_the_field_is_named() {
    let mut scene = scene();
    let mut claims = scene.claims(20..23);
    for (proof, index) in [(2, 6), (2, 0), (1, 5), (0, 0)] {
        claims[proof].inputs[index] = [0xff; 32];
        let expected = V::BatchInputNotInField {
            proof: U256::from(proof),
            index: U256::from(index),
        };
        assert_eq!(
            scene.batch_verdict(&claims),
            Err(VerifierError::BatchInputNotInField(expected))
        );
    }
}

// The same combination in Rust, from its description in the contract.

/// The seed, as the contract computes it.
fn seed(scene: &Scene, claims: &[Claim]) -> Word {
    let proofs: Vec<Word> = claims.iter().flat_map(|claim| claim.proof).collect();
    let inputs: Vec<Word> = claims.iter().flat_map(|claim| claim.inputs.clone()).collect();
    let words = [
        U256::from(CHAIN).to_be_bytes(),
        scene.contract.into_word().0,
        uint(claims.len()),
        uint(scene.input_count()),
        keccak256(proofs.as_flattened()).0,
        keccak256(inputs.as_flattened()).0,
    ];
    keccak256(words.as_flattened()).0
}

fn coefficients(seed: Word, count: usize) -> Vec<Fr> {
    let coefficient = |i| Fr::from_be_bytes_mod_order(&keccak256([seed, uint(i)].as_flattened())[..]);
    (0..count).map(coefficient).collect()
}

fn combination_holds(vk: &VerifyingKey<Bn254>, claims: &[Claim], coefficients: &[Fr]) -> bool {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let (mut l, mut c, mut s) = (G1Projective::zero(), G1Projective::zero(), Fr::zero());
    for (claim, rho) in claims.iter().zip(coefficients) {
        let (proof, inputs) = (
            proof_from_words(&claim.proof).unwrap(),
            inputs_from_be_bytes(&claim.inputs).unwrap(),
        );
        a.push((proof.a * rho).into_affine());
        b.push(proof.b);
        c += proof.c * rho;
        l += vk.gamma_abc_g1[0] * rho;
        for (base, input) in vk.gamma_abc_g1[1..].iter().zip(inputs) {
            l += *base * (input * rho);
        }
        s += rho;
    }
    a.extend(
        [vk.alpha_g1 * s, l, c]
            .map(CurveGroup::into_affine)
            .map(|point| -point),
    );
    b.extend([vk.beta_g2, vk.gamma_g2, vk.delta_g2]);
    Bn254::multi_pairing(a, b).is_zero()
}

fn with_c(claim: &Claim, change: G1Projective) -> Claim {
    let proof = proof_from_words(&claim.proof).unwrap();
    let changed = Proof {
        c: (proof.c + change).into_affine(),
        ..proof
    };
    Claim {
        proof: proof_to_words(&changed),
        ..claim.clone()
    }
}

/// What one proof lacks the other has too much of: their product is right, neither is a proof.
#[test]
fn two_wrong_proofs_that_cancel_without_coefficients() {
    let mut scene = scene();
    let honest = scene.claims(20..22);
    let moved = G1Affine::generator() * Fr::from(5_u64);
    let forged = [with_c(&honest[0], moved), with_c(&honest[1], -moved)];
    let ones = [Fr::from(1_u64); 2];
    assert!(combination_holds(&scene.key.vk, &forged, &ones));
    assert_eq!(scene.batch_verdict(&forged), Err(INVALID));

    // The inputs moved instead: the sum of each stays.
    let mut forged = honest.clone();
    for (claim, by) in forged.iter_mut().zip([Fr::from(5_u64), -Fr::from(5_u64)]) {
        move_input(claim, 3, by);
    }
    assert!(combination_holds(&scene.key.vk, &forged, &ones));
    assert_eq!(scene.batch_verdict(&forged), Err(INVALID));

    // The same statement twice, one proof wrong by as much as the other.
    let forged = [with_c(&honest[0], moved), with_c(&honest[0], -moved)];
    assert!(combination_holds(&scene.key.vk, &forged, &ones));
    assert_eq!(scene.batch_verdict(&forged), Err(INVALID));
}

fn move_input(claim: &mut Claim, index: usize, by: Fr) {
    let mut inputs = inputs_from_be_bytes(&claim.inputs).unwrap();
    inputs[index] += by;
    claim.inputs = inputs_to_be_bytes(&inputs);
}

/// Coefficients that do not depend on the proofs, or not on the inputs, could be known before these are chosen, and the
/// error shared out accordingly.
#[test]
fn coefficients_known_before_the_batch_is_chosen_would_allow_forgeries() {
    let mut scene = scene();
    let honest = scene.claims(20..22);
    let known = coefficients(seed(&scene, &honest), 2);
    assert!(combination_holds(&scene.key.vk, &honest, &known));

    let moved = G1Affine::generator() * Fr::from(5_u64);
    let by_proofs = vec![
        with_c(&honest[0], moved * known[1]),
        with_c(&honest[1], -moved * known[0]),
    ];
    let mut by_inputs = honest;
    move_input(&mut by_inputs[0], 3, known[1]);
    move_input(&mut by_inputs[1], 3, -known[0]);
    for forged in [by_proofs, by_inputs] {
        assert!(combination_holds(&scene.key.vk, &forged, &known));
        let actual = coefficients(seed(&scene, &forged), 2);
        assert!(!combination_holds(&scene.key.vk, &forged, &actual));
        assert_eq!(scene.batch_verdict(&forged), Err(INVALID));
    }
}

/// A point off its curve burns the gas of one precompile call. The batch ends there, however many more of its points are
/// bad, and what is left is enough to say so.
#[test]
fn bad_points_end_a_batch_with_a_reason() {
    let mut scene = scene();
    let mut claims = vec![scene.claim(20); 60];
    for claim in &mut claims[1..] {
        claim.proof[0][31] ^= 1;
        claim.proof[6][31] ^= 1;
    }
    let proofs: Vec<_> = claims.iter().map(|claim| claim.proof).collect();
    let inputs: Vec<_> = claims.iter().map(|claim| claim.inputs.clone()).collect();
    let data = scene.batch_data("verifyBatch", &proofs, &inputs);
    assert!(matches!(
        scene.evm.view(STRANGER, scene.contract, &data),
        Err(EvmError::Reverted {
            reason: Refusal::Verifier(INVALID),
            ..
        })
    ));
}
