//! From a witness of claim C1 to a proof, and the ways in which that is refused.

#![allow(clippy::unwrap_used)]

use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use popw_circuits::coverage::structure;
use popw_circuits::coverage::subject::{Case, parameter_sets};
use popw_claims::coverage::Shape;
use popw_prover::{DevKey, Options, Prover, Watch, claim, export};
use popw_verifier::Fr;
use std::path::PathBuf;

const SELECTOR: [u8; 4] = [1, 2, 3, 4];

fn shape() -> Shape {
    Shape {
        witnesses: 2,
        device_levels: 1,
        seat_levels: 1,
    }
}

fn prover() -> Prover {
    let (mut rng, options) = (StdRng::seed_from_u64(1), Options::default());
    let r1cs = export::r1cs_file(&structure(&shape())).unwrap();
    let key = DevKey::generate(&r1cs, &mut rng, &options, &Watch::silent()).unwrap();
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("coverage-{}.zkey", std::process::id()));
    key.save(&path).unwrap();
    let prover = Prover::open(&path, &options).unwrap();
    // The map outlives the file's name.
    std::fs::remove_file(popw_keys::hash::hash_path(&path)).unwrap();
    std::fs::remove_file(path).unwrap();
    prover
}

#[test]
fn a_window_is_proven_and_its_proof_fits_its_statement_only() {
    let (prover, mut rng) = (prover(), StdRng::seed_from_u64(2));
    let mut prove = |case: &Case| {
        let watch = Watch::silent();
        claim::prove(&prover, &shape(), &case.witness, SELECTOR, &mut rng, &watch)
    };
    // Both receipts are accepted; the second window is void.
    let honest = Case::honest(shape(), parameter_sets(&shape())[0].clone(), 5);
    for case in [honest.clone(), honest.clone().without_ingestor()] {
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
        assert_eq!(proven.data.len(), 32 * 4);
        let expected = if case.witness.ingestor.seat.present {
            5_000
        } else {
            0
        };
        assert_eq!(proven.outcome.rows[0].score, expected);
    }

    let mut forged = honest;
    forged.witness.receipts.swap(0, 1);
    let refused = prove(&forged).err().unwrap().to_string();
    assert!(refused.contains("the ingestor's attestation"), "{refused}");
}

#[test]
fn a_witness_of_another_shape_is_refused() {
    let witness = Case::honest(shape(), parameter_sets(&shape())[0].clone(), 42).witness;
    let statement = witness.evaluate(&shape()).unwrap().statement(SELECTOR).unwrap();
    let wider = Shape {
        witnesses: 3,
        ..shape()
    };
    let error = claim::assignment(&wider, &witness, &statement)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("receipts: expected 3, got 2"), "{error}");
}
