//! Degenerate keys: the forgeries they allow satisfy the bare pairing equation, and no door of this crate takes the
//! key.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, pairing::Pairing};
use ark_ff::UniformRand;
use ark_groth16::{Proof, VerifyingKey};
use common::{key, random_inputs, rng};
use popw_verifier::{
    KeyError, KeyPoint, Verifier,
    solidity::{ExportError, Grade, creation_bytecode, export},
};

/// The equation and nothing else: what a verifier without key checks computes.
fn equation_holds(vk: &VerifyingKey<Bn254>, inputs: &[Fr], proof: &Proof<Bn254>) -> bool {
    Bn254::pairing(proof.a, proof.b)
        == Bn254::pairing(vk.alpha_g1, vk.beta_g2)
            + Bn254::pairing(combine(vk, inputs), vk.gamma_g2)
            + Bn254::pairing(proof.c, vk.delta_g2)
}

fn combine(vk: &VerifyingKey<Bn254>, inputs: &[Fr]) -> G1Affine {
    let terms = vk.gamma_abc_g1[1..]
        .iter()
        .zip(inputs)
        .map(|(base, input)| *base * input);
    (terms.sum::<G1Projective>() + vk.gamma_abc_g1[0]).into_affine()
}

fn refused_everywhere(vk: &VerifyingKey<Bn254>, expected: &KeyError) {
    assert_eq!(Verifier::new(vk.clone()).err().as_ref(), Some(expected));
    for grade in [Grade::Dev, Grade::Ceremony] {
        let expected = ExportError::Key(expected.clone());
        assert_eq!(export(vk, "Verifier", grade), Err(expected.clone()));
        assert_eq!(creation_bytecode(vk, grade), Err(expected));
    }
}

fn sum<P: AffineRepr<Group: CurveGroup<Affine = P>>>(left: P, right: P) -> P {
    (left + right).into_affine()
}

/// gamma = delta: A = alpha, B = beta, C = -L. Two deployed protocols were emptied this way in 2026.
#[test]
fn gamma_equal_to_delta_forges_any_statement() {
    let mut vk = key(4, 1).vk;
    vk.gamma_g2 = vk.delta_g2;
    for seed in 0..3 {
        let inputs = random_inputs(4, seed);
        let forged = Proof {
            a: vk.alpha_g1,
            b: vk.beta_g2,
            c: -combine(&vk, &inputs),
        };
        assert!(equation_holds(&vk, &inputs, &forged));
    }
    refused_everywhere(&vk, &KeyError::GammaEqualsDelta);
}

#[test]
fn the_other_coincidences_forge_too() {
    let inputs = random_inputs(4, 7);
    let sound = key(4, 1).vk;
    let l = combine(&sound, &inputs);
    let check = |vk: VerifyingKey<Bn254>, proof: Proof<Bn254>, expected: KeyError| {
        assert!(equation_holds(&vk, &inputs, &proof), "{expected}");
        refused_everywhere(&vk, &expected);
    };

    let vk = VerifyingKey {
        gamma_g2: -sound.delta_g2,
        ..sound.clone()
    };
    let proof = Proof {
        a: vk.alpha_g1,
        b: vk.beta_g2,
        c: l,
    };
    check(vk, proof, KeyError::GammaEqualsDelta);

    let vk = VerifyingKey {
        beta_g2: sound.delta_g2,
        ..sound.clone()
    };
    let proof = Proof {
        a: l,
        b: vk.gamma_g2,
        c: -vk.alpha_g1,
    };
    check(
        vk,
        proof,
        KeyError::BetaEquals {
            other: KeyPoint::Delta,
        },
    );

    let vk = VerifyingKey {
        beta_g2: -sound.delta_g2,
        ..sound.clone()
    };
    let proof = Proof {
        a: l,
        b: vk.gamma_g2,
        c: vk.alpha_g1,
    };
    check(
        vk,
        proof,
        KeyError::BetaEquals {
            other: KeyPoint::Delta,
        },
    );

    let vk = VerifyingKey {
        beta_g2: sound.gamma_g2,
        ..sound.clone()
    };
    let a = sum(vk.alpha_g1, l);
    let proof = Proof {
        a,
        b: sum(vk.beta_g2, vk.delta_g2),
        c: a,
    };
    check(
        vk,
        proof,
        KeyError::BetaEquals {
            other: KeyPoint::Gamma,
        },
    );

    let vk = VerifyingKey {
        beta_g2: -sound.gamma_g2,
        ..sound.clone()
    };
    let a = sum(vk.alpha_g1, -l);
    let proof = Proof {
        a,
        b: sum(vk.beta_g2, vk.delta_g2),
        c: a,
    };
    check(
        vk,
        proof,
        KeyError::BetaEquals {
            other: KeyPoint::Gamma,
        },
    );

    let vk = VerifyingKey {
        alpha_g1: G1Affine::identity(),
        ..sound.clone()
    };
    let proof = Proof {
        a: l,
        b: sum(vk.gamma_g2, vk.delta_g2),
        c: l,
    };
    check(
        vk,
        proof,
        KeyError::Identity {
            point: KeyPoint::Alpha,
        },
    );

    let vk = VerifyingKey {
        gamma_g2: G2Affine::identity(),
        ..sound
    };
    let proof = Proof {
        a: vk.alpha_g1,
        b: sum(vk.beta_g2, vk.delta_g2),
        c: vk.alpha_g1,
    };
    check(
        vk,
        proof,
        KeyError::Identity {
            point: KeyPoint::Gamma,
        },
    );
}

type Set<P> = fn(&mut VerifyingKey<Bn254>, P);
const G2_POINTS: [(KeyPoint, Set<G2Affine>); 3] = [
    (KeyPoint::Beta, |vk, value| vk.beta_g2 = value),
    (KeyPoint::Gamma, |vk, value| vk.gamma_g2 = value),
    (KeyPoint::Delta, |vk, value| vk.delta_g2 = value),
];

#[test]
fn generators_and_identities_are_refused() {
    let sound = key(2, 1).vk;
    let changed = |change: &dyn Fn(&mut VerifyingKey<Bn254>), expected: KeyError| {
        let mut vk = sound.clone();
        change(&mut vk);
        refused_everywhere(&vk, &expected);
    };
    for (point, set) in G2_POINTS {
        changed(&|vk| set(vk, G2Affine::identity()), KeyError::Identity { point });
        if point != KeyPoint::Gamma {
            changed(
                &|vk| set(vk, G2Affine::generator()),
                KeyError::Generator { point },
            );
            changed(
                &|vk| set(vk, -G2Affine::generator()),
                KeyError::Generator { point },
            );
        }
    }
    // Every key of a multi-party setup has gamma = 1, so this one has to pass.
    let gamma_one = VerifyingKey {
        gamma_g2: G2Affine::generator(),
        ..sound.clone()
    };
    assert!(Verifier::new(gamma_one).is_ok());
    let point = KeyPoint::Alpha;
    changed(
        &|vk| vk.alpha_g1 = G1Affine::generator(),
        KeyError::Generator { point },
    );
    changed(
        &|vk| vk.alpha_g1 = -G1Affine::generator(),
        KeyError::Generator { point },
    );
    changed(
        &|vk| vk.alpha_g1 = G1Affine::identity(),
        KeyError::Identity { point },
    );
}

#[test]
fn points_off_curve_or_subgroup_are_refused() {
    let sound = key(2, 1).vk;
    let off_g1 = G1Affine::new_unchecked(Fq::from(1_u64), Fq::from(1_u64));
    let off_g2 = G2Affine::new_unchecked(Fq2::from(1_u64), Fq2::from(1_u64));
    let mut rng = rng(9);
    let outside = core::iter::repeat_with(|| Fq2::rand(&mut rng))
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(x, false))
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap();
    for (point, set) in G2_POINTS {
        let mut vk = sound.clone();
        set(&mut vk, off_g2);
        refused_everywhere(&vk, &KeyError::NotOnCurve { point });
        set(&mut vk, outside);
        refused_everywhere(&vk, &KeyError::NotInSubgroup { point });
    }
    let vk = VerifyingKey {
        alpha_g1: off_g1,
        ..sound.clone()
    };
    refused_everywhere(
        &vk,
        &KeyError::NotOnCurve {
            point: KeyPoint::Alpha,
        },
    );
    let mut vk = sound;
    vk.gamma_abc_g1[2] = off_g1;
    refused_everywhere(
        &vk,
        &KeyError::NotOnCurve {
            point: KeyPoint::Ic(2),
        },
    );
}

#[test]
fn degenerate_ic_is_refused() {
    let sound = key(4, 1).vk;
    let changed = |change: &dyn Fn(&mut Vec<G1Affine>), expected: KeyError| {
        let mut vk = sound.clone();
        change(&mut vk.gamma_abc_g1);
        refused_everywhere(&vk, &expected);
    };
    changed(&Vec::clear, KeyError::EmptyIc);
    for index in 0..5 {
        changed(
            &|ic| ic[index] = G1Affine::identity(),
            KeyError::IdentityIc { index },
        );
    }
    changed(&|ic| ic[3] = ic[1], KeyError::DuplicateIc { first: 1, second: 3 });
    changed(&|ic| ic[4] = ic[0], KeyError::DuplicateIc { first: 0, second: 4 });
    changed(&|ic| ic[3] = -ic[1], KeyError::OppositeIc { first: 1, second: 3 });
    changed(&|ic| ic[4] = -ic[0], KeyError::OppositeIc { first: 0, second: 4 });
}

/// A phase 2 before its first contribution: gamma and delta are both the generator. The message names the cause.
#[test]
fn an_initial_phase_2_is_refused_by_its_cause() {
    let mut vk = key(2, 1).vk;
    vk.gamma_g2 = G2Affine::generator();
    vk.delta_g2 = G2Affine::generator();
    refused_everywhere(&vk, &KeyError::GammaEqualsDelta);
    assert!(KeyError::GammaEqualsDelta.to_string().contains("contribution"));
}
