//! From a witness of claim L1 to a proof, and the ways in which that is refused.

#![allow(clippy::unwrap_used)]

use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use popw_circuits::location::structure;
use popw_circuits::location::subject::{Case, parameter_sets};
use popw_claims::location::Shape;
use popw_prover::{DevKey, Options, Prover, Watch, claim, export};
use popw_verifier::Fr;
use std::path::PathBuf;

const SELECTOR: [u8; 4] = [1, 2, 3, 4];

fn shape() -> Shape {
    Shape {
        reports: 3,
        device_levels: 1,
        seat_levels: 1,
    }
}

fn prover() -> Prover {
    let (mut rng, options) = (StdRng::seed_from_u64(1), Options::default());
    let r1cs = export::r1cs_file(&structure(&shape())).unwrap();
    let key = DevKey::generate(&r1cs, &mut rng, &options, &Watch::silent()).unwrap();
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("location-{}.zkey", std::process::id()));
    key.save(&path).unwrap();
    let prover = Prover::open(&path, &options).unwrap();
    // The map outlives the file's name.
    std::fs::remove_file(popw_keys::hash::hash_path(&path)).unwrap();
    std::fs::remove_file(path).unwrap();
    prover
}

#[test]
fn a_device_is_proven_and_its_proof_fits_its_statement_only() {
    let (prover, mut rng) = (prover(), StdRng::seed_from_u64(2));
    let honest = Case::honest(shape(), parameter_sets(&shape())[1], 42);
    for case in [honest.clone(), honest.clone().without_ingestor()] {
        let proven = claim::prove(
            &prover,
            &shape(),
            &case.witness,
            SELECTOR,
            &mut rng,
            &Watch::silent(),
        )
        .unwrap();
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
        assert_eq!(proven.data.len(), 56);
        assert_eq!(proven.outcome.score > 0, case.witness.ingestor.seat.present);
    }

    let mut forged = honest;
    forged.witness.reports[0] = Some(forged.witness.device.fields.position);
    forged.witness.reports[1] = None;
    let refused = claim::prove(
        &prover,
        &shape(),
        &forged.witness,
        SELECTOR,
        &mut rng,
        &Watch::silent(),
    );
    assert!(
        refused
            .err()
            .unwrap()
            .to_string()
            .contains("the ingestor's attestation")
    );
}

#[test]
fn a_witness_of_another_shape_is_refused() {
    let witness = Case::honest(shape(), parameter_sets(&shape())[0], 42).witness;
    let statement = witness.evaluate(&shape()).unwrap().statement(SELECTOR).unwrap();
    let wider = Shape {
        reports: 4,
        ..shape()
    };
    let error = claim::assignment(&wider, &witness, &statement)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("reports: expected 4, got 3"), "{error}");
}
