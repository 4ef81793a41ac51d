//! Which proofs the verifier takes and which it refuses, against ark-groth16's prover.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, PrimeField, UniformRand};
use ark_groth16::Proof;
use common::{key, prove, random_inputs, rerandomise, rng};
use popw_verifier::{
    ProofPoint, Verifier, VerifyError, WordError,
    words::{inputs_from_be_bytes, inputs_to_be_bytes, proof_from_words, proof_to_words},
};

const COUNTS: [usize; 5] = [1, 2, 4, 7, 8];

struct Case {
    verifier: Verifier,
    inputs: Vec<Fr>,
    proof: Proof<Bn254>,
}

fn case(count: usize) -> Case {
    let key = key(count, count as u64);
    let inputs = random_inputs(count, 100);
    let proof = prove(&key, &inputs, 200);
    Case {
        verifier: Verifier::new(key.vk).unwrap(),
        inputs,
        proof,
    }
}

#[test]
fn valid_proofs_are_accepted_and_every_other_input_is_refused() {
    for count in COUNTS {
        let Case {
            verifier,
            inputs,
            proof,
        } = case(count);
        assert_eq!(verifier.input_count(), count);
        assert_eq!(verifier.verify(&inputs, &proof), Ok(()));
        for index in 0..count {
            let mut other = inputs.clone();
            other[index] += Fr::from(1_u64);
            assert_eq!(
                verifier.verify(&other, &proof),
                Err(VerifyError::EquationFails),
                "{count} {index}"
            );
        }
        if count > 1 {
            let mut swapped = inputs.clone();
            swapped.swap(0, count - 1);
            assert_eq!(verifier.verify(&swapped, &proof), Err(VerifyError::EquationFails));
        }
    }
}

#[test]
fn the_extreme_inputs_are_inputs() {
    let key = key(2, 1);
    let inputs = [Fr::from(0_u64), -Fr::from(1_u64)];
    let proof = prove(&key, &inputs, 2);
    assert_eq!(Verifier::new(key.vk).unwrap().verify(&inputs, &proof), Ok(()));
}

#[test]
fn tampered_and_swapped_points_are_refused() {
    let Case {
        verifier,
        inputs,
        proof,
    } = case(4);
    let g1 = |point: G1Affine| (point + G1Affine::generator()).into_affine();
    let g2 = |point: G2Affine| (point + G2Affine::generator()).into_affine();
    let tampered = [
        Proof {
            a: g1(proof.a),
            ..proof.clone()
        },
        Proof {
            b: g2(proof.b),
            ..proof.clone()
        },
        Proof {
            c: g1(proof.c),
            ..proof.clone()
        },
        Proof {
            a: -proof.a,
            ..proof.clone()
        },
        Proof {
            b: -proof.b,
            ..proof.clone()
        },
        Proof {
            c: -proof.c,
            ..proof.clone()
        },
        Proof {
            a: proof.c,
            c: proof.a,
            ..proof.clone()
        },
    ];
    for proof in tampered {
        assert_eq!(verifier.verify(&inputs, &proof), Err(VerifyError::EquationFails));
    }
    // Two sign flips cancel: A and B appear as a product. This is a proof of the same statement.
    let negated = Proof {
        a: -proof.a,
        b: -proof.b,
        ..proof
    };
    assert_eq!(verifier.verify(&inputs, &negated), Ok(()));
}

#[test]
fn proofs_of_other_keys_are_refused() {
    let (one, other) = (key(2, 1), key(2, 2));
    let inputs = random_inputs(2, 3);
    let proof = prove(&one, &inputs, 4);
    assert_eq!(Verifier::new(one.vk).unwrap().verify(&inputs, &proof), Ok(()));
    assert_eq!(
        Verifier::new(other.vk).unwrap().verify(&inputs, &proof),
        Err(VerifyError::EquationFails)
    );
}

/// Proofs are malleable: without a witness anyone makes another proof of the same statement. It is *accepted*, and has
/// to be. So nothing may use proof bytes as an identifier; uniqueness is keyed on the statement.
#[test]
fn rerandomised_proofs_are_accepted() {
    let key = key(2, 1);
    let inputs = random_inputs(2, 2);
    let proof = prove(&key, &inputs, 3);
    let other = rerandomise(&key, &proof, 4);
    assert_ne!(proof, other);
    assert_eq!(Verifier::new(key.vk).unwrap().verify(&inputs, &other), Ok(()));
}

#[test]
fn another_number_of_inputs_is_refused() {
    let Case {
        verifier,
        inputs,
        proof,
    } = case(2);
    for wrong in [
        vec![],
        inputs[..1].to_vec(),
        [inputs.clone(), vec![Fr::from(0_u64)]].concat(),
    ] {
        let expected = VerifyError::InputCount {
            expected: 2,
            got: wrong.len(),
        };
        assert_eq!(verifier.verify(&wrong, &proof), Err(expected));
    }
}

#[test]
fn points_at_infinity_are_refused() {
    let Case {
        verifier,
        inputs,
        proof,
    } = case(1);
    let cases = [
        (
            ProofPoint::A,
            Proof {
                a: G1Affine::identity(),
                ..proof.clone()
            },
        ),
        (
            ProofPoint::B,
            Proof {
                b: G2Affine::identity(),
                ..proof.clone()
            },
        ),
        (
            ProofPoint::C,
            Proof {
                c: G1Affine::identity(),
                ..proof
            },
        ),
    ];
    for (point, proof) in cases {
        assert_eq!(
            verifier.verify(&inputs, &proof),
            Err(VerifyError::AtInfinity { point })
        );
    }
}

#[test]
fn points_off_their_curve_or_subgroup_are_refused() {
    let Case {
        verifier,
        inputs,
        proof,
    } = case(1);
    let off_g1 = G1Affine::new_unchecked(proof.a.x, proof.a.y + Fq::from(1_u64));
    let off_g2 = G2Affine::new_unchecked(proof.b.x + Fq2::from(1_u64), proof.b.y);
    let cases = [
        (
            ProofPoint::A,
            Proof {
                a: off_g1,
                ..proof.clone()
            },
        ),
        (
            ProofPoint::B,
            Proof {
                b: off_g2,
                ..proof.clone()
            },
        ),
        (
            ProofPoint::C,
            Proof {
                c: off_g1,
                ..proof.clone()
            },
        ),
    ];
    for (point, proof) in cases {
        assert_eq!(
            verifier.verify(&inputs, &proof),
            Err(VerifyError::NotOnCurve { point })
        );
    }
    let outside = Proof {
        b: off_subgroup(),
        ..proof
    };
    let expected = VerifyError::NotInSubgroup { point: ProofPoint::B };
    assert_eq!(verifier.verify(&inputs, &outside), Err(expected));
}

/// A point of the twist outside the subgroup of order r: nearly every point is one.
fn off_subgroup() -> G2Affine {
    let mut rng = rng(5);
    loop {
        let x = Fq2::rand(&mut rng);
        if let Some(point) = G2Affine::get_point_from_x_unchecked(x, true)
            && !point.is_in_correct_subgroup_assuming_on_curve()
        {
            return point;
        }
    }
}

#[test]
fn words_carry_proofs_and_inputs() {
    let Case {
        verifier,
        inputs,
        proof,
    } = case(4);
    let (input_words, proof_words) = (inputs_to_be_bytes(&inputs), proof_to_words(&proof));
    assert_eq!(inputs_from_be_bytes(&input_words).as_ref(), Ok(&inputs));
    assert_eq!(proof_from_words(&proof_words).as_ref(), Ok(&proof));
    assert_eq!(verifier.verify_words(&input_words, &proof_words), Ok(()));

    let infinity = Proof {
        a: G1Affine::identity(),
        b: G2Affine::identity(),
        c: G1Affine::identity(),
    };
    assert_eq!(proof_to_words(&infinity), [[0; 32]; 8]);
    assert_eq!(proof_from_words(&[[0; 32]; 8]), Ok(infinity));
}

#[test]
fn aliased_inputs_and_coordinates_are_refused() {
    let Case {
        verifier,
        inputs,
        proof,
    } = case(4);
    let (input_words, proof_words) = (inputs_to_be_bytes(&inputs), proof_to_words(&proof));
    for index in 0..input_words.len() {
        let mut aliased = input_words.clone();
        aliased[index] = plus(aliased[index], &Fr::MODULUS.to_bytes_be());
        let expected = WordError::InputNotInField { index };
        assert_eq!(inputs_from_be_bytes(&aliased), Err(expected.clone()));
        assert_eq!(
            verifier.verify_words(&aliased, &proof_words),
            Err(expected.into())
        );
    }
    for index in 0..proof_words.len() {
        let mut aliased = proof_words;
        aliased[index] = plus(aliased[index], &Fq::MODULUS.to_bytes_be());
        let expected = WordError::CoordinateNotInField { index };
        assert_eq!(
            verifier.verify_words(&input_words, &aliased),
            Err(expected.into())
        );
    }
    let modulus: [u8; 32] = Fr::MODULUS.to_bytes_be().try_into().unwrap();
    assert_eq!(
        inputs_from_be_bytes(&[modulus]),
        Err(WordError::InputNotInField { index: 0 })
    );
    let largest = plus([0; 32], &(-Fr::from(1_u64)).into_bigint().to_bytes_be());
    assert_eq!(inputs_from_be_bytes(&[largest]), Ok(vec![-Fr::from(1_u64)]));
    assert_eq!(
        inputs_from_be_bytes(&[[0xff; 32]]),
        Err(WordError::InputNotInField { index: 0 })
    );
}

/// Sum of big-endian words; the tests' sums stay below 2^256.
fn plus(word: [u8; 32], other: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    let mut carry = 0;
    for i in (0..32).rev() {
        carry += u16::from(word[i]) + u16::from(other[i]);
        sum[i] = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    assert_eq!(carry, 0);
    sum
}
