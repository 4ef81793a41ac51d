//! One proof: contract and Rust verifier agree on every word and on other points.

use super::{Claim, Scene};
use crate::common::{alias, key, prove, random_inputs, rerandomise};
use ark_bn254::{Bn254, Fq, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_groth16::{Proof, ProvingKey, VerifyingKey};
use popw_verifier::{
    ProofPoint, VerifyError, WordError,
    solidity::BYTECODE_INPUTS_MAX,
    words::{g1_to_words, proof_to_words},
};

/// The first key of `count` inputs, from this seed on, in which some word starts with a zero byte.
fn key_with_leading_zero(count: usize) -> ProvingKey<Bn254> {
    let short = |point: &G1Affine| g1_to_words(point).iter().any(|word| word[0] == 0);
    (50..)
        .map(|seed| key(count, seed))
        .find(|key| key.vk.gamma_abc_g1.iter().any(short))
        .unwrap()
}

#[test]
fn contract_and_rust_agree_on_mutations_of_every_word() {
    for count in 1..=BYTECODE_INPUTS_MAX {
        for key in [key(count, 1), key_with_leading_zero(count)] {
            let inputs = random_inputs(count, 3);
            let proof = prove(&key, &inputs, 4);
            let claim = Claim::new(&proof, &inputs);
            let again = Claim::new(&rerandomise(&key, &proof, 5), &inputs);
            let mut scene = Scene::new(key);
            scene.verdict(&claim).unwrap();
            scene.verdict(&again).unwrap();

            for index in 0..count {
                let mut other = claim.clone();
                other.inputs[index][31] ^= 1;
                assert_eq!(scene.verdict(&other), Err(VerifyError::EquationFails));
                for times in 1..=5 {
                    let Some(aliased) = alias::<Fr>(&claim.inputs[index], times) else {
                        break;
                    };
                    other.inputs[index] = aliased;
                    let expected = WordError::InputNotInField { index };
                    assert_eq!(scene.verdict(&other), Err(expected.into()));
                }
            }
            for index in 0..8 {
                let mut other = claim.clone();
                other.proof[index][31] ^= 1;
                let error = scene.verdict(&other).unwrap_err();
                assert!(matches!(error, VerifyError::NotOnCurve { .. }), "{error}");
                other.proof[index] = alias::<Fq>(&claim.proof[index], 1).unwrap();
                let expected = WordError::CoordinateNotInField { index };
                assert_eq!(scene.verdict(&other), Err(expected.into()));
            }
        }
    }
}

#[test]
fn contract_and_rust_agree_on_other_points() {
    let mut scene = Scene::new(key(2, 1));
    let inputs = random_inputs(2, 3);
    let proof = prove(&scene.key, &inputs, 4);
    let exchanged = Proof {
        a: proof.c,
        c: proof.a,
        ..proof.clone()
    };
    let negated = Proof {
        a: -proof.a,
        ..proof.clone()
    };
    for other in [exchanged, negated] {
        let claim = Claim::new(&other, &inputs);
        assert_eq!(scene.verdict(&claim), Err(VerifyError::EquationFails));
    }
    let negated_twice = Proof {
        a: -proof.a,
        b: -proof.b,
        ..proof
    };
    scene.verdict(&Claim::new(&negated_twice, &inputs)).unwrap();
}

/// Whoever knows a key's secrets can satisfy the equation with points at infinity. Nobody else can, and no honest prover
/// makes such a proof: it is refused by both, in every spelling, alone and in a batch.
#[test]
fn points_at_infinity_are_refused_even_if_the_equation_holds() {
    let scalars = random_inputs(6, 1);
    let [alpha, beta, gamma, delta, ic0, ic1] = scalars[..] else {
        panic!()
    };
    let g1 = |scalar: Fr| (G1Affine::generator() * scalar).into_affine();
    let g2 = |scalar: Fr| (G2Affine::generator() * scalar).into_affine();
    let vk = VerifyingKey {
        alpha_g1: g1(alpha),
        beta_g2: g2(beta),
        gamma_g2: g2(gamma),
        delta_g2: g2(delta),
        gamma_abc_g1: vec![g1(ic0), g1(ic1)],
    };
    let mut scene = Scene::new(ProvingKey { vk, ..key(1, 1) });
    let input = Fr::from(5_u64);
    // e(A, B) = this + delta C, in exponents.
    let fixed = alpha * beta + gamma * (ic0 + ic1 * input);
    let t = Fr::from(7_u64);
    let claim = |a: Fr, b: Fr, c: Fr| {
        let proof = Proof {
            a: g1(a),
            b: g2(b),
            c: g1(c),
        };
        Claim::new(&proof, &[input])
    };
    let c = |a: Fr, b: Fr| (a * b - fixed) / delta;
    let zero = Fr::from(0_u64);

    let honest = claim(t, t, c(t, t));
    scene.verdict(&honest).unwrap();
    scene.batch_verdict(&[honest.clone(), honest.clone()]).unwrap();
    for (claim, point) in [
        (claim(zero, t, c(zero, t)), ProofPoint::A),
        (claim(t, zero, c(t, zero)), ProofPoint::B),
        (claim(fixed / t, t, zero), ProofPoint::C),
    ] {
        assert_eq!(scene.verdict(&claim), Err(VerifyError::AtInfinity { point }));
        assert!(scene.batch_verdict(&[honest.clone(), claim.clone()]).is_err());
        for index in 0..8 {
            if claim.proof[index] == [0; 32] {
                let mut spelled = claim.clone();
                spelled.proof[index] = alias::<Fq>(&claim.proof[index], 1).unwrap();
                assert!(scene.verdict(&spelled).is_err());
                assert!(scene.batch_verdict(&[spelled, honest.clone()]).is_err());
            }
        }
    }
    assert_ne!(honest.proof, proof_to_words(&Proof::default()));
}
