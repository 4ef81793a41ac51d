//! From a witness of claim V1 to a proof, and the ways in which that is refused.

#![allow(clippy::unwrap_used)]

use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use popw_circuits::vote::structure;
use popw_circuits::vote::subject::{Case, parameter_sets};
use popw_claims::vote::{Shape, read};
use popw_prover::{DevKey, Options, Prover, Watch, claim, export};
use popw_verifier::Fr;
use std::path::PathBuf;

const SELECTOR: [u8; 4] = [1, 2, 3, 4];

/// A vote of the demo's zone.
fn shape() -> Shape {
    Shape::new(16, 8, 144)
}

fn prover() -> Prover {
    let (mut rng, options) = (StdRng::seed_from_u64(1), Options::default());
    let r1cs = export::r1cs_file(&structure(&shape())).unwrap();
    let key = DevKey::generate(&r1cs, &mut rng, &options, &Watch::silent()).unwrap();
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("vote-{}.zkey", std::process::id()));
    key.save(&path).unwrap();
    let prover = Prover::open(&path, &options).unwrap();
    // The map outlives the file's name.
    std::fs::remove_file(popw_keys::hash::hash_path(&path)).unwrap();
    std::fs::remove_file(path).unwrap();
    prover
}

#[test]
fn a_vote_is_proven_and_its_proof_fits_its_statement_only() {
    let (prover, mut rng) = (prover(), StdRng::seed_from_u64(2));
    for seed in [41, 44] {
        let case = Case::honest(shape(), parameter_sets(&shape().uptime())[1], seed);
        let mut prove = |case: &Case| {
            claim::prove(
                &prover,
                &shape(),
                &case.witness,
                SELECTOR,
                &mut rng,
                &Watch::silent(),
            )
        };
        let proven = prove(&case).unwrap();
        let inputs = proven.statement.public_inputs();
        prover.verifier().verify(&inputs, &proven.proof).unwrap();
        for index in 0..7 {
            let mut other = inputs;
            other[index] += Fr::from(1u64);
            assert!(
                prover.verifier().verify(&other, &proven.proof).is_err(),
                "public input {index}"
            );
        }
        // Whoever reads the data has the vote.
        assert_eq!(proven.data.len(), 32 * shape().words());
        let vote = read(&proven.data, &shape(), case.witness.zone).unwrap();
        assert_eq!(vote.bitmap, case.witness.bitmap);
        assert_eq!(vote.attestation.signature, case.witness.signature);

        let mut forged = case;
        let old = forged.witness.bitmap.bit(15, 143);
        forged.witness.bitmap.set(15, 143, !old);
        let refused = prove(&forged).err().unwrap().to_string();
        assert!(refused.contains("the drawn watcher's attestation"), "{refused}");
    }
}

#[test]
fn a_witness_of_another_shape_is_refused() {
    let witness = Case::honest(shape(), parameter_sets(&shape().uptime())[0], 42).witness;
    let statement = witness.evaluate(&shape()).unwrap().statement(SELECTOR);
    let wider = Shape {
        slots: 145,
        ..shape()
    };
    let error = claim::assignment(&wider, &witness, &statement)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("slots of the bitmap: expected 145, got 144"),
        "{error}"
    );
}
