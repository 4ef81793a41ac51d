//! Forgeries by name: each is refused by the Rust verifier and by the contract, alone and at every place of a batch. What
//! only a batch allows is in `batch`; a key under which anything can be proven is refused before it becomes a contract.

use super::{Claim, STRANGER, Scene, uint};
use crate::common::{alias, key, prove, random_inputs, rerandomise};
use alloy_primitives::keccak256;
use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::CurveGroup;
use ark_groth16::Proof;
use popw::contracts::Refusal;
use popw::evm::EvmError;
use popw_verifier::{
    KeyError, ProofPoint, Verifier, VerifyError, WordError,
    solidity::{ExportError, Grade, batch_calldata, calldata, creation_bytecode},
    words::{g2_to_words, inputs_from_be_bytes, proof_from_words},
};

const COUNT: usize = 4;

/// An honest proof, its inputs, and the scene.
fn scene() -> (Scene, Proof<Bn254>, Vec<Fr>) {
    let scene = Scene::new(key(COUNT, 1));
    let inputs = random_inputs(COUNT, 2);
    let proof = prove(&scene.key, &inputs, 3);
    (scene, proof, inputs)
}

/// x and x + r are the same scalar to ecMul, and would be two statements to whoever keys something on the inputs.
#[test]
fn aliased_inputs() {
    let (mut scene, proof, inputs) = scene();
    let honest = Claim::new(&proof, &inputs);
    for index in 0..COUNT {
        let mut claim = honest.clone();
        claim.inputs[index] = alias::<Fr>(&honest.inputs[index], 1).unwrap();
        scene.refused(&claim, &WordError::InputNotInField { index }.into());
    }
    for bad in [[0xff; 32], alias::<Fr>(&uint(0), 1).unwrap()] {
        let mut claim = honest.clone();
        claim.inputs[0] = bad;
        scene.refused(&claim, &WordError::InputNotInField { index: 0 }.into());
    }
}

/// Not a forgery, and no verifier can refuse it: another proof of the same statement, made without a witness. So an
/// identifier is never made of proof bytes.
#[test]
fn a_rerandomised_proof_is_accepted() {
    let (mut scene, proof, inputs) = scene();
    let honest = Claim::new(&proof, &inputs);
    let again = Claim::new(&rerandomise(&scene.key, &proof, 5), &inputs);
    for index in 0..8 {
        assert_ne!(honest.proof[index], again.proof[index]);
    }
    scene.verdict(&again).unwrap();
    scene.batch_verdict(&[honest, again]).unwrap();
}

/// The forgery that emptied two protocols in 2026: A = alpha, B = beta, C = -L. A contract with such a key takes it, for
/// any inputs, alone and in a batch; so no contract is made of such a key.
#[test]
fn gamma_equal_to_delta() {
    let key = key(COUNT, 1);
    let minus_gamma = g2_to_words(&-key.vk.gamma_g2).concat();
    let minus_delta = g2_to_words(&-key.vk.delta_g2).concat();
    let mut code = creation_bytecode(&key.vk, Grade::Dev).unwrap();
    let place = code
        .windows(minus_gamma.len())
        .position(|window| window == minus_gamma)
        .unwrap();
    code[place..][..minus_gamma.len()].copy_from_slice(&minus_delta);

    let vk = key.vk.clone();
    let sound = Verifier::new(vk.clone()).unwrap();
    let mut scene = Scene::with_code(key, sound, &code);
    let forged = |seed| {
        let inputs = random_inputs(COUNT, seed);
        let terms = vk.gamma_abc_g1[1..]
            .iter()
            .zip(&inputs)
            .map(|(base, input)| *base * input);
        let l = (terms.sum::<G1Projective>() + vk.gamma_abc_g1[0]).into_affine();
        let proof = Proof {
            a: vk.alpha_g1,
            b: vk.beta_g2,
            c: -l,
        };
        (proof, inputs)
    };
    let (proofs, inputs): (Vec<_>, Vec<_>) = (2..5).map(forged).unzip();
    for data in [
        calldata(&proofs[0], &inputs[0]),
        batch_calldata(&proofs, &inputs).unwrap(),
    ] {
        assert!(scene.evm.view(STRANGER, scene.contract, &data).is_ok());
    }

    let mut bad = vk.clone();
    bad.gamma_g2 = bad.delta_g2;
    assert_eq!(Verifier::new(bad.clone()).err(), Some(KeyError::GammaEqualsDelta));
    assert_eq!(
        creation_bytecode(&bad, Grade::Dev),
        Err(ExportError::Key(KeyError::GammaEqualsDelta))
    );
    // Under the sound key the forgery is none.
    let mut honest = Scene::new(scene.key);
    honest.refused(&Claim::new(&proofs[0], &inputs[0]), &VerifyError::EquationFails);
}

#[test]
fn swapped_inputs() {
    let (mut scene, proof, mut inputs) = scene();
    inputs.swap(0, 1);
    scene.refused(&Claim::new(&proof, &inputs), &VerifyError::EquationFails);
    inputs.swap(0, 1);
    inputs.rotate_left(1);
    scene.refused(&Claim::new(&proof, &inputs), &VerifyError::EquationFails);
}

#[test]
fn a_proof_of_another_key() {
    let (mut scene, _, inputs) = scene();
    let proof = prove(&key(COUNT, 9), &inputs, 3);
    scene.refused(&Claim::new(&proof, &inputs), &VerifyError::EquationFails);
}

#[test]
fn points_off_their_curve() {
    let (mut scene, proof, inputs) = scene();
    let off_g1 = G1Affine::new_unchecked(Fq::from(1_u64), Fq::from(1_u64));
    let off_g2 = G2Affine::new_unchecked(Fq2::from(1_u64), Fq2::from(1_u64));
    for (point, change) in [
        (
            ProofPoint::A,
            (|proof, g1, _| proof.a = g1) as fn(&mut Proof<_>, G1Affine, G2Affine),
        ),
        (ProofPoint::B, |proof, _, g2| proof.b = g2),
        (ProofPoint::C, |proof, g1, _| proof.c = g1),
    ] {
        let mut other = proof.clone();
        change(&mut other, off_g1, off_g2);
        scene.refused(&Claim::new(&other, &inputs), &VerifyError::NotOnCurve { point });
    }
}

#[test]
fn a_b_off_the_subgroup() {
    let (mut scene, proof, inputs) = scene();
    let outside = (0..)
        .find_map(|x: u64| G2Affine::get_point_from_x_unchecked(Fq2::from(x), true))
        .unwrap();
    // Alone, and as what is added to the honest B.
    for b in [outside, (proof.b + outside).into_affine()] {
        let other = Proof { b, ..proof.clone() };
        let expected = VerifyError::NotInSubgroup { point: ProofPoint::B };
        scene.refused(&Claim::new(&other, &inputs), &expected);
    }
}

/// Where the equation holds all the same: `single`.
#[test]
fn points_at_infinity() {
    let (mut scene, proof, inputs) = scene();
    let (g1, g2) = (G1Affine::identity(), G2Affine::identity());
    let all = Proof { a: g1, b: g2, c: g1 };
    for (other, point) in [
        (
            Proof {
                a: g1,
                ..proof.clone()
            },
            ProofPoint::A,
        ),
        (
            Proof {
                b: g2,
                ..proof.clone()
            },
            ProofPoint::B,
        ),
        (
            Proof {
                c: g1,
                ..proof.clone()
            },
            ProofPoint::C,
        ),
        (all, ProofPoint::A),
    ] {
        scene.refused(&Claim::new(&other, &inputs), &VerifyError::AtInfinity { point });
    }
}

/// Calldata for another function: the contract has no fallback.
#[test]
fn wrong_selectors() {
    let (mut scene, proof, inputs) = scene();
    let single = calldata(&proof, &inputs);
    let batch = batch_calldata(&[proof], &[inputs]).unwrap();
    for signature in [
        "verifyProof(uint256[8],uint256[5])",
        "verifyProof(uint256[8],uint256[3])",
        "verifyBatch(uint256[8][],uint256[5][])",
        "verifyProof(uint[2],uint[2][2],uint[2],uint[4])",
        "fallback()",
    ] {
        for data in [&single, &batch] {
            let data = [&keccak256(signature)[..4], &data[4..]].concat();
            refused_without_a_reason(&mut scene, &data);
        }
    }
    // The arguments of one under the name of the other. A batch's reading of a proof finds no array.
    let exchanged = [&batch[..4], &single[4..]].concat();
    refused_without_a_reason(&mut scene, &exchanged);
    let exchanged = [&single[..4], &batch[4..]].concat();
    assert!(scene.evm.view(STRANGER, scene.contract, &exchanged).is_err());
}

#[test]
fn truncated_calldata() {
    let (mut scene, proof, inputs) = scene();
    let other = random_inputs(COUNT, 7);
    let proofs = [proof.clone(), prove(&scene.key, &other, 8)];
    let batch = batch_calldata(&proofs, &[inputs.clone(), other]).unwrap();
    for data in [calldata(&proof, &inputs), batch] {
        assert!(scene.evm.view(STRANGER, scene.contract, &data).is_ok());
        for length in 0..data.len() {
            refused_without_a_reason(&mut scene, &data[..length]);
        }
        // The ABI ignores what follows the arguments.
        let longer = [data, vec![1]].concat();
        assert!(scene.evm.view(STRANGER, scene.contract, &longer).is_ok());
    }
}

/// Lengths and positions in a batch's calldata that point outside of it, or do not fit a word of 64 bits.
#[test]
fn batches_that_point_outside_of_the_calldata() {
    let (mut scene, proof, inputs) = scene();
    let data = batch_calldata(&[proof], &[inputs]).unwrap();
    // Positions of the two arrays, length of the first, length of the second.
    for word in [0, 1, 2, 2 + 1 + 8] {
        for value in [[0xff; 32], uint(usize::MAX), uint(1 << 40), uint(data.len())] {
            let mut other = data.clone();
            other[4 + 32 * word..][..32].copy_from_slice(&value);
            refused_without_a_reason(&mut scene, &other);
        }
    }
}

fn refused_without_a_reason(scene: &mut Scene, data: &[u8]) {
    let outcome = scene.evm.view(STRANGER, scene.contract, data);
    assert!(
        matches!(
            outcome,
            Err(EvmError::Reverted {
                reason: Refusal::Empty,
                ..
            })
        ),
        "{}: {outcome:?}",
        data.len()
    );
}

/// The honest claims of these tests are what they say they are.
#[test]
fn words_are_read_back() {
    let (_, proof, inputs) = scene();
    let claim = Claim::new(&proof, &inputs);
    assert_eq!(proof_from_words(&claim.proof), Ok(proof));
    assert_eq!(inputs_from_be_bytes(&claim.inputs), Ok(inputs));
}
