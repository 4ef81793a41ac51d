//! Batches against single verification: the same proofs are refused, for the same reasons.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, pairing::Pairing};
use ark_ff::Field;
use ark_groth16::Proof;
use common::{key, prove, random_inputs, rerandomise};
use popw_verifier::{BatchError, Entry, ProofPoint, Refusal, Verifier, VerifyError};
use proptest::prelude::*;
use std::sync::LazyLock;

/// Public inputs, as many as every claim has.
const INPUTS: usize = 7;
/// Sizes of batches: the smallest, one that is no power of 2, one more than a power of 2 and of any group.
const SIZES: [usize; 4] = [1, 2, 7, 33];

type Claimed = (Vec<Fr>, Proof<Bn254>);

/// A verifier and true proofs for it.
static HONEST: LazyLock<(Verifier, Vec<Claimed>)> = LazyLock::new(|| {
    let key = key(INPUTS, 1);
    let proofs = (0..33)
        .map(|seed| {
            let inputs = random_inputs(INPUTS, 100 + seed);
            let proof = prove(&key, &inputs, 200 + seed);
            (inputs, proof)
        })
        .collect();
    (Verifier::new(key.vk).unwrap(), proofs)
});

fn honest(count: usize) -> (&'static Verifier, Vec<Claimed>) {
    let (verifier, proofs) = &*HONEST;
    (verifier, proofs[..count].to_vec())
}

fn verify(verifier: &Verifier, batch: &[Claimed]) -> Result<(), BatchError> {
    let entries: Vec<_> = batch
        .iter()
        .map(|(inputs, proof)| Entry { inputs, proof })
        .collect();
    verifier.verify_batch(&entries)
}

/// What single verification says of the same proofs.
fn one_by_one(verifier: &Verifier, batch: &[Claimed]) -> Result<(), BatchError> {
    let refused: Vec<_> = batch
        .iter()
        .enumerate()
        .filter_map(|(index, (inputs, proof))| {
            let error = verifier.verify(inputs, proof).err()?;
            Some(Refusal { index, error })
        })
        .collect();
    match refused.is_empty() {
        true => Ok(()),
        false => Err(BatchError::Refused {
            count: batch.len(),
            refused,
        }),
    }
}

fn refused(count: usize, indices: &[usize], error: &VerifyError) -> Result<(), BatchError> {
    let refusal = |index: &usize| Refusal {
        index: *index,
        error: error.clone(),
    };
    Err(BatchError::Refused {
        count,
        refused: indices.iter().map(refusal).collect(),
    })
}

/// Everything that can be wrong with a proof: each is refused by the single check for a reason of its own.
const DEFECTS: [fn(&mut Claimed); 9] = [
    |(inputs, _)| inputs[INPUTS - 1] += Fr::ONE,
    |(_, proof)| proof.c = (proof.c + G1Affine::generator()).into_affine(),
    |(_, proof)| proof.a = -proof.a,
    |(_, proof)| proof.b = (proof.b + G2Affine::generator()).into_affine(),
    |(inputs, _)| inputs.truncate(INPUTS - 1),
    |(inputs, _)| inputs.push(Fr::ONE),
    |(_, proof)| proof.a = G1Affine::identity(),
    |(_, proof)| proof.c.y += Fq::ONE,
    |(_, proof)| proof.b = outside_subgroup(),
];

/// A point of the twist outside the subgroup of order r: nearly every point is one.
fn outside_subgroup() -> G2Affine {
    (1_u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::from(x), true))
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap()
}

#[test]
fn a_batch_of_nothing_is_refused() {
    assert_eq!(verify(honest(0).0, &[]), Err(BatchError::Empty));
}

#[test]
fn true_proofs_are_accepted() {
    for count in SIZES.into_iter().chain([3, 4, 5, 8, 9]) {
        let (verifier, batch) = honest(count);
        assert_eq!(verify(verifier, &batch), Ok(()), "{count}");
    }
}

#[test]
fn a_false_proof_is_found_wherever_it_stands() {
    for count in SIZES {
        let (verifier, batch) = honest(count);
        for index in 0..count {
            // The equation fails for the first four.
            let mut batch = batch.clone();
            DEFECTS[index % 4](&mut batch[index]);
            let expected = refused(count, &[index], &VerifyError::EquationFails);
            assert_eq!(verify(verifier, &batch), expected, "{count} {index}");
        }
    }
}

#[test]
fn several_false_proofs_are_all_found() {
    let (verifier, batch) = honest(33);
    let all: Vec<_> = (0..33).collect();
    for indices in [&[0, 32][..], &[3, 4], &[8, 9, 10, 11], &[1, 2, 16, 17, 31], &all] {
        let mut batch = batch.clone();
        for index in indices {
            batch[*index].0[0] += Fr::ONE;
        }
        let expected = refused(33, indices, &VerifyError::EquationFails);
        assert_eq!(verify(verifier, &batch), expected, "{indices:?}");
    }
}

/// What one proof has too much the other lacks: the product of both equations holds, and only random powers tell.
#[test]
fn false_proofs_that_cancel_are_found() {
    let (verifier, mut batch) = honest(7);
    let excess = G1Affine::generator();
    batch[2].1.c = (batch[2].1.c + excess).into_affine();
    batch[5].1.c = (batch[5].1.c - excess).into_affine();
    assert!(equal_powers_are_fooled(verifier, &batch));
    let expected = refused(7, &[2, 5], &VerifyError::EquationFails);
    assert_eq!(verify(verifier, &batch), expected);
}

#[test]
fn inputs_that_changed_places_are_found() {
    let (verifier, mut batch) = honest(7);
    let inputs = batch[1].0.clone();
    batch[1].0 = std::mem::replace(&mut batch[6].0, inputs);
    // L is a sum, so this too leaves the product of the equations as it was.
    assert!(equal_powers_are_fooled(verifier, &batch));
    let expected = refused(7, &[1, 6], &VerifyError::EquationFails);
    assert_eq!(verify(verifier, &batch), expected);
}

/// The product of the equations, each to the power 1.
fn equal_powers_are_fooled(verifier: &Verifier, batch: &[Claimed]) -> bool {
    let key = verifier.key();
    let side = |(inputs, proof): &Claimed| {
        let l = inputs
            .iter()
            .zip(&key.gamma_abc_g1[1..])
            .fold(key.gamma_abc_g1[0].into_group(), |sum, (x, ic)| sum + *ic * x);
        Bn254::pairing(proof.a, proof.b)
            - Bn254::pairing(key.alpha_g1, key.beta_g2)
            - Bn254::pairing(l, key.gamma_g2)
            - Bn254::pairing(proof.c, key.delta_g2)
    };
    let sides: Vec<_> = batch.iter().map(side).collect();
    assert!(sides.iter().any(|side| *side != Default::default()));
    sides.into_iter().sum::<ark_ec::pairing::PairingOutput<Bn254>>() == Default::default()
}

#[test]
fn proofs_that_are_malformed_are_refused_as_singles_are() {
    let (verifier, batch) = honest(7);
    let expected = [
        VerifyError::InputCount {
            expected: INPUTS,
            got: INPUTS - 1,
        },
        VerifyError::InputCount {
            expected: INPUTS,
            got: INPUTS + 1,
        },
        VerifyError::AtInfinity { point: ProofPoint::A },
        VerifyError::NotOnCurve { point: ProofPoint::C },
        VerifyError::NotInSubgroup { point: ProofPoint::B },
    ];
    for (defect, error) in DEFECTS[4..].iter().zip(expected) {
        // Beside one whose equation fails, so that both kinds are named.
        let mut batch = batch.clone();
        defect(&mut batch[3]);
        assert_eq!(verify(verifier, &batch), refused(7, &[3], &error));
        batch[4].0[0] += Fr::ONE;
        assert_eq!(verify(verifier, &batch), one_by_one(verifier, &batch));
        // And if no proof is left for the equation.
        assert_eq!(verify(verifier, &batch[3..4]), refused(1, &[0], &error));
    }
}

/// A batch is a list, not a set, and proofs are malleable.
#[test]
fn proofs_may_stand_there_twice() {
    let key = key(2, 1);
    let inputs = random_inputs(2, 2);
    let proof = prove(&key, &inputs, 3);
    let other = rerandomise(&key, &proof, 4);
    let verifier = Verifier::new(key.vk).unwrap();
    let mut batch = vec![
        (inputs.clone(), proof.clone()),
        (inputs.clone(), proof),
        (inputs, other),
    ];
    assert_eq!(verify(&verifier, &batch), Ok(()));
    batch.push((random_inputs(2, 5), batch[0].1.clone()));
    batch.push(batch[3].clone());
    let expected = refused(5, &[3, 4], &VerifyError::EquationFails);
    assert_eq!(verify(&verifier, &batch), expected);
}

#[test]
fn proofs_of_another_key_are_refused() {
    let (verifier, mut batch) = honest(3);
    let other = key(INPUTS, 2);
    batch[1].1 = prove(&other, &batch[1].0, 3);
    let expected = refused(3, &[1], &VerifyError::EquationFails);
    assert_eq!(verify(verifier, &batch), expected);
    let other = Verifier::new(other.vk).unwrap();
    let expected = refused(3, &[0, 2], &VerifyError::EquationFails);
    assert_eq!(verify(&other, &batch), expected);
}

/// The message names the first reason and how many there are.
#[test]
fn the_message_says_how_many_and_which_first() {
    let (verifier, mut batch) = honest(7);
    batch[2].0.clear();
    batch[5].0[0] += Fr::ONE;
    let said = verify(verifier, &batch).unwrap_err().to_string();
    let expected = "batch: 2 of 7 proofs are refused, the first: proof 2 of the batch: proof: the key has 7 public inputs, got 0";
    assert_eq!(said, expected);
}

/// How many cases a property test runs: its usual number times `POPW_ROUNDS`.
fn cases(usual: u32) -> proptest::test_runner::Config {
    let rounds = std::env::var("POPW_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok());
    proptest::test_runner::Config {
        failure_persistence: None,
        ..proptest::test_runner::Config::with_cases(usual.saturating_mul(rounds.unwrap_or(1)))
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn a_batch_says_what_single_verification_says(
        count in 1_usize..=33,
        defects in prop::collection::vec((0_usize..33, 0..DEFECTS.len()), 0..8),
    ) {
        let (verifier, mut batch) = honest(count);
        let mut damaged = vec![false; count];
        for (index, defect) in defects {
            // One each: two may cancel, or cut inputs that are not there.
            if index < count && !std::mem::replace(&mut damaged[index], true) {
                DEFECTS[defect](&mut batch[index]);
            }
        }
        prop_assert_eq!(verify(verifier, &batch), one_by_one(verifier, &batch));
    }
}
