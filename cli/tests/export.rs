//! `popw export`: the keys of which no contract is made, and calldata of one proof and of a batch.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../../verifier/tests/common/mod.rs"]
mod common;

use ark_bn254::{Bn254, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_groth16::VerifyingKey;
use common::{key, prove, random_inputs, tools};
use popw_verifier::{
    snarkjs::{write_proof, write_public, write_verifying_key},
    solidity::{batch_calldata, calldata},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What the binary says, and that it exits with this code.
fn popw<S: AsRef<std::ffi::OsStr>>(arguments: &[S], code: i32) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_popw"))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

/// What `popw export solidity` says of a key: of grade dev (exit code `code`), and without a grade, which is refused always.
fn exported(folder: &Path, vk: &VerifyingKey<Bn254>, code: i32) -> String {
    let path = folder.join("vk.json");
    fs::write(&path, write_verifying_key(vk).unwrap()).unwrap();
    let path = path.to_str().unwrap();
    let without_grade = popw(&["export", "solidity", path], code.max(1));
    let said = popw(&["export", "solidity", path, "--dev"], code);
    // A degenerate key is refused for what it is, whatever its grade.
    assert_eq!(without_grade == said, code != 0, "{without_grade}{said}");
    said
}

type Change = fn(&mut VerifyingKey<Bn254>);

#[test]
fn degenerate_keys_become_no_contract() {
    let folder = tools::scratch("export-degenerate");
    let sound = key(4, 1).vk;
    assert!(exported(&folder, &sound, 0).contains("contract DevVerifier"));
    let cases: [(&str, Change); 17] = [
        ("gamma equals delta", |vk| vk.gamma_g2 = vk.delta_g2),
        ("gamma equals delta", |vk| vk.gamma_g2 = -vk.delta_g2),
        ("gamma equals delta", |vk| {
            (vk.gamma_g2, vk.delta_g2) = (G2Affine::generator(), G2Affine::generator());
        }),
        ("beta equals gamma", |vk| vk.beta_g2 = vk.gamma_g2),
        ("beta equals delta", |vk| vk.beta_g2 = -vk.delta_g2),
        ("alpha is the generator", |vk| vk.alpha_g1 = G1Affine::generator()),
        ("beta is the generator", |vk| vk.beta_g2 = G2Affine::generator()),
        ("delta is the generator", |vk| vk.delta_g2 = G2Affine::generator()),
        ("delta is the generator", |vk| {
            vk.delta_g2 = -G2Affine::generator()
        }),
        ("alpha is the identity", |vk| vk.alpha_g1 = G1Affine::identity()),
        ("beta is the identity", |vk| vk.beta_g2 = G2Affine::identity()),
        ("gamma is the identity", |vk| vk.gamma_g2 = G2Affine::identity()),
        ("delta is the identity", |vk| vk.delta_g2 = G2Affine::identity()),
        ("IC[0] is the identity", |vk| {
            vk.gamma_abc_g1[0] = G1Affine::identity()
        }),
        ("IC[4] is the identity", |vk| {
            vk.gamma_abc_g1[4] = G1Affine::identity()
        }),
        ("IC[1] equals IC[3]", |vk| vk.gamma_abc_g1[3] = vk.gamma_abc_g1[1]),
        ("IC[1] is the negative of IC[3]", |vk| {
            vk.gamma_abc_g1[3] = -vk.gamma_abc_g1[1]
        }),
    ];
    for (reason, change) in cases {
        let mut vk = sound.clone();
        change(&mut vk);
        let said = exported(&folder, &vk, 1);
        assert!(said.contains(reason), "{reason}: {said}");
    }
    // Every key of a ceremony has gamma = 1: only with delta = 1 nobody contributed.
    let mut vk = sound;
    vk.gamma_g2 = G2Affine::generator();
    exported(&folder, &vk, 0);
}

/// They are no keys: the file is refused as it is read.
#[test]
fn points_off_the_curve_or_the_subgroup_become_no_contract() {
    let folder = tools::scratch("export-points");
    let sound = key(4, 1).vk;
    let outside = (0..)
        .find_map(|x: u64| G2Affine::get_point_from_x_unchecked(Fq2::from(x), true))
        .unwrap();
    let off_g1 = G1Affine::new_unchecked(1.into(), 1.into());
    for (field, change) in [
        (
            "vk_beta_2",
            (|vk, g2, _| vk.beta_g2 = g2) as fn(&mut VerifyingKey<Bn254>, G2Affine, G1Affine),
        ),
        ("vk_gamma_2", |vk, g2, _| vk.gamma_g2 = g2),
        ("vk_delta_2", |vk, g2, _| vk.delta_g2 = g2),
        ("vk_alpha_1", |vk, _, g1| vk.alpha_g1 = g1),
        ("IC[2]", |vk, _, g1| vk.gamma_abc_g1[2] = g1),
    ] {
        let mut vk = sound.clone();
        change(&mut vk, outside, off_g1);
        let said = exported(&folder, &vk, 2);
        let reason = if field.ends_with("_2") {
            "subgroup"
        } else {
            "curve"
        };
        assert!(said.contains(field) && said.contains(reason), "{said}");
    }
}

#[test]
fn calldata_of_one_proof_and_of_a_batch() {
    let folder = tools::scratch("export-calldata");
    let key = key(3, 1);
    let inputs: Vec<_> = (2..5).map(|seed| random_inputs(3, seed)).collect();
    let proofs: Vec<_> = inputs.iter().map(|inputs| prove(&key, inputs, 9)).collect();
    let mut files = Vec::new();
    for (number, (proof, inputs)) in proofs.iter().zip(&inputs).enumerate() {
        let [proof_file, public] =
            ["proof", "public"].map(|name| folder.join(format!("{name}{number}.json")));
        fs::write(&proof_file, write_proof(proof).unwrap()).unwrap();
        fs::write(&public, write_public(inputs).unwrap()).unwrap();
        files.extend([proof_file, public]);
    }
    let run = |files: &[PathBuf], code| {
        let arguments = ["export", "calldata"].map(PathBuf::from);
        popw(&[&arguments, files].concat(), code).trim().to_owned()
    };
    let hex = |data: Vec<u8>| format!("0x{}", hex::encode(data));
    assert_eq!(run(&files[..2], 0), hex(calldata(&proofs[0], &inputs[0])));
    assert_eq!(run(&files, 0), hex(batch_calldata(&proofs, &inputs).unwrap()));
    assert!(run(&files[..3], 2).contains("no public.json follows"));
    run(&files[..1], 2);
    // A proof of another number of inputs does not fit into the batch.
    fs::write(&files[3], write_public(&inputs[1][..2]).unwrap()).unwrap();
    assert!(run(&files, 2).contains("proof 1 has 2 public inputs, expected 3"));
}
