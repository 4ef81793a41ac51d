//! snarkjs's files: read, written back, refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use ark_bn254::{G1Affine, G2Affine};
use common::{key, prove, random_inputs, tools};
use popw_verifier::{
    KeyError, Verifier, VerifyError,
    snarkjs::{
        FILE_BYTES_MAX, INPUTS_MAX, SnarkjsError, read_proof, read_public, read_verifying_key, write_proof,
        write_public, write_verifying_key,
    },
    solidity,
};
use serde_json::Value;
use std::fs;

const SEMAPHORE: [&str; 3] = [
    include_str!("data/semaphore-10.json"),
    include_str!("data/semaphore-10.proof.json"),
    include_str!("data/semaphore-10.public.json"),
];
const DARKFOREST: [&str; 3] = [
    include_str!("data/df-whitelist.vk.json"),
    include_str!("data/df-whitelist.proof.json"),
    include_str!("data/df-whitelist.public.json"),
];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn files_of_snarkjs_verify_and_are_written_back_unchanged() {
    for [vk, proof, public] in [SEMAPHORE, DARKFOREST] {
        let key = read_verifying_key(vk).unwrap();
        assert_eq!(json(&write_verifying_key(&key).unwrap()), json(vk));
        let parsed = read_proof(proof).unwrap();
        assert_eq!(json(&write_proof(&parsed).unwrap()), json(proof));
        let mut inputs = read_public(public).unwrap();
        assert_eq!(json(&write_public(&inputs).unwrap()), json(public));

        let verifier = Verifier::new(key).unwrap();
        assert_eq!(verifier.verify(&inputs, &parsed), Ok(()));
        inputs.reverse();
        assert_eq!(verifier.verify(&inputs, &parsed), Err(VerifyError::EquationFails));
    }
    // snarkjs's own formatting too.
    let [vk, proof, _] = DARKFOREST;
    assert_eq!(
        write_verifying_key(&read_verifying_key(vk).unwrap()).unwrap(),
        vk.trim_end()
    );
    assert_eq!(
        write_proof(&read_proof(proof).unwrap()).unwrap(),
        proof.trim_end()
    );
}

#[test]
fn calldata_is_that_of_snarkjs() {
    let [_, proof, public] = DARKFOREST;
    let ours = solidity::calldata(&read_proof(proof).unwrap(), &read_public(public).unwrap());
    let theirs: String = include_str!("data/df-whitelist.calldata.txt")
        .split('"')
        .filter_map(|part| part.strip_prefix("0x"))
        .map(|word| format!("{word:0>64}"))
        .collect();
    assert_eq!(hex::encode(&ours[4..]), theirs);
}

#[test]
fn the_published_key_without_a_contribution_is_readable_and_refused() {
    let key = read_verifying_key(include_str!("data/startTransition.vkey.json")).unwrap();
    assert_eq!(Verifier::new(key).err(), Some(KeyError::GammaEqualsDelta));
}

/// Every key of the corpus: written back unchanged; refused only where gamma = delta.
#[test]
fn every_key_of_the_corpus() {
    let Some(corpus) = tools::corpus() else { return };
    let sound = [
        "semaphore/semaphore-1.json",
        "semaphore/semaphore-10.json",
        "darkforest/df-whitelist.vk.json",
        "phase2/vk.json",
    ];
    let initial = [
        "unirep/startTransition.vkey.json",
        "circom-compat/verification_key.json",
    ];
    let co_snarks = "co-snarks/multiplier2_verification_key.json";
    for (path, expected) in sound.iter().chain([&co_snarks]).map(|path| (path, None)).chain(
        initial
            .iter()
            .map(|path| (path, Some(KeyError::GammaEqualsDelta))),
    ) {
        let text = fs::read_to_string(corpus.join("interop").join(path)).unwrap();
        let key = read_verifying_key(&text).unwrap();
        assert_eq!(json(&write_verifying_key(&key).unwrap()), json(&text), "{path}");
        assert_eq!(Verifier::new(key).err(), expected, "{path}");
    }
}

#[test]
fn our_keys_and_proofs_survive_the_round_trip() {
    for count in [0, 1, 7] {
        let key = key(count, 1);
        let inputs = random_inputs(count, 2);
        let proof = prove(&key, &inputs, 3);
        assert_eq!(
            read_verifying_key(&write_verifying_key(&key.vk).unwrap()),
            Ok(key.vk)
        );
        assert_eq!(read_proof(&write_proof(&proof).unwrap()), Ok(proof));
        assert_eq!(read_public(&write_public(&inputs).unwrap()), Ok(inputs));
    }
    let mut vk = key(1, 1).vk;
    vk.gamma_abc_g1[1] = G1Affine::identity();
    vk.delta_g2 = G2Affine::identity();
    assert_eq!(read_verifying_key(&write_verifying_key(&vk).unwrap()), Ok(vk));
}

/// The error of the darkforest key after a change.
fn refused(change: impl Fn(&mut Value)) -> SnarkjsError {
    let mut value = json(DARKFOREST[0]);
    change(&mut value);
    read_verifying_key(&value.to_string()).unwrap_err()
}

#[test]
fn numbers_have_one_spelling() {
    let spelled = |text: &str| {
        let text = text.to_string();
        refused(move |vk| vk["IC"][1][0] = text.clone().into())
    };
    let field = "IC[1][0]".to_string();
    for text in [
        "", " 1", "1 ", "+1", "-1", "01", "00", "0x1", "1e3", "1.0", "\u{663}",
    ] {
        assert_eq!(
            spelled(text),
            SnarkjsError::NotDecimal {
                field: field.clone(),
                got: text.into()
            }
        );
    }
    let p = "21888242871839275222246405745257275088696311157297823662689037894645226208583";
    let two_to_256 = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    for text in [
        p,
        two_to_256,
        &"9".repeat(77),
        &"9".repeat(78),
        &"1".repeat(10_000),
    ] {
        assert_eq!(spelled(text), SnarkjsError::NotReduced { field: field.clone() });
    }
    assert!(matches!(
        refused(|vk| vk["IC"][1][0] = 1.into()),
        SnarkjsError::Json { .. }
    ));

    let r = "21888242871839275222246405745257275088548364400416034343698204186575808495617";
    let reduced = SnarkjsError::NotReduced {
        field: "public[1]".into(),
    };
    assert_eq!(read_public(&format!("[\"0\",\"{r}\"]")), Err(reduced));
}

#[test]
fn points_are_on_their_curve_and_in_the_subgroup() {
    let at = |field: &str| field.to_string();
    assert_eq!(
        refused(|vk| vk["vk_alpha_1"][0] = "1".into()),
        SnarkjsError::NotOnCurve {
            field: at("vk_alpha_1")
        }
    );
    assert_eq!(
        refused(|vk| vk["vk_delta_2"][1][1] = "1".into()),
        SnarkjsError::NotOnCurve {
            field: at("vk_delta_2")
        }
    );
    assert_eq!(
        refused(|vk| vk["IC"][2][2] = "2".into()),
        SnarkjsError::NotAffine { field: at("IC[2]") }
    );
    assert_eq!(
        refused(|vk| vk["IC"][2][2] = "0".into()),
        SnarkjsError::NotAffine { field: at("IC[2]") }
    );
    assert_eq!(
        refused(|vk| vk["vk_beta_2"][2][1] = "1".into()),
        SnarkjsError::NotAffine {
            field: at("vk_beta_2")
        }
    );

    let mut value = json(DARKFOREST[0]);
    let outside = (0..)
        .find_map(|x: u64| G2Affine::get_point_from_x_unchecked(x.into(), true))
        .unwrap();
    assert!(!outside.is_in_correct_subgroup_assuming_on_curve());
    let number = |element: ark_bn254::Fq| Value::from(element.to_string());
    for (index, c) in [outside.x, outside.y].into_iter().enumerate() {
        value["vk_gamma_2"][index] = vec![number(c.c0), number(c.c1)].into();
    }
    let expected = SnarkjsError::NotInSubgroup {
        field: at("vk_gamma_2"),
    };
    assert_eq!(read_verifying_key(&value.to_string()), Err(expected));
}

#[test]
fn the_shape_is_checked() {
    let unsupported = |field, expected, got: &str| SnarkjsError::Unsupported {
        field,
        expected,
        got: got.into(),
    };
    assert_eq!(
        refused(|vk| vk["protocol"] = "plonk".into()),
        unsupported("protocol", "groth16", "plonk")
    );
    assert_eq!(
        refused(|vk| vk["curve"] = "bls12381".into()),
        unsupported("curve", "bn128", "bls12381")
    );
    assert_eq!(
        refused(|vk| vk["nPublic"] = 3.into()),
        SnarkjsError::IcLength { expected: 4, got: 3 }
    );
    assert_eq!(
        refused(|vk| vk["nPublic"] = 1.into()),
        SnarkjsError::IcLength { expected: 2, got: 3 }
    );
    let got = INPUTS_MAX + 1;
    assert_eq!(
        refused(|vk| vk["nPublic"] = got.into()),
        SnarkjsError::TooManyInputs {
            field: "nPublic",
            got
        }
    );
    let changed = refused(|vk| vk["vk_alphabeta_12"][1][2][0] = "5".into());
    assert_eq!(changed, SnarkjsError::AlphaBeta);
    for broken in [
        refused(|vk| vk["unknown"] = 1.into()),
        refused(|vk| vk["nPublic"] = (-1).into()),
        refused(|vk| vk["IC"][0] = vec!["1", "2"].into()),
        refused(|vk| *vk = vk["IC"].clone()),
        refused(|vk| drop(vk.as_object_mut().unwrap().remove("vk_delta_2"))),
    ] {
        assert!(
            matches!(
                broken,
                SnarkjsError::Json {
                    file: "verification_key.json",
                    ..
                }
            ),
            "{broken}"
        );
    }
    let twice = DARKFOREST[1].replacen('{', "{\"curve\": \"bn128\",", 1);
    assert!(matches!(
        read_proof(&twice),
        Err(SnarkjsError::Json {
            file: "proof.json",
            ..
        })
    ));

    // What others leave out.
    let mut value = json(DARKFOREST[0]);
    value.as_object_mut().unwrap().remove("vk_alphabeta_12");
    assert_eq!(
        read_verifying_key(&value.to_string()),
        read_verifying_key(DARKFOREST[0])
    );
    let mut value = json(DARKFOREST[1]);
    value.as_object_mut().unwrap().remove("curve");
    assert_eq!(read_proof(&value.to_string()), read_proof(DARKFOREST[1]));
}

#[test]
fn sizes_are_limited() {
    let got = FILE_BYTES_MAX + 1;
    let long = " ".repeat(got);
    assert_eq!(
        read_verifying_key(&long),
        Err(SnarkjsError::TooLong {
            file: "verification_key.json",
            got
        })
    );
    assert_eq!(
        read_proof(&long),
        Err(SnarkjsError::TooLong {
            file: "proof.json",
            got
        })
    );
    assert_eq!(
        read_public(&long),
        Err(SnarkjsError::TooLong {
            file: "public.json",
            got
        })
    );
    let got = INPUTS_MAX + 1;
    let many = serde_json::to_string(&vec!["1"; got]).unwrap();
    assert_eq!(
        read_public(&many),
        Err(SnarkjsError::TooManyInputs {
            field: "public.json",
            got
        })
    );
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = write_verifying_key(&key(1, 1).vk).unwrap();
    for end in 0..whole.len() {
        assert!(
            matches!(read_verifying_key(&whole[..end]), Err(SnarkjsError::Json { .. })),
            "{end}"
        );
    }
}
