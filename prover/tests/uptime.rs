//! From a witness of claim U1 to a proof, and the ways in which that is refused.

#![allow(clippy::unwrap_used)]

use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use popw_circuits::uptime::structure;
use popw_circuits::uptime::subject::{Case, parameter_sets};
use popw_claims::uptime::Shape;
use popw_keys::R1csFile;
use popw_prover::{DevKey, Options, Prover, ProverError, Watch, claim, export};
use popw_verifier::Fr;
use std::path::PathBuf;
use std::sync::OnceLock;

const SELECTOR: [u8; 4] = [1, 2, 3, 4];

fn shape() -> Shape {
    Shape {
        devices: 1,
        watchers: 2,
        slots: 6,
        device_levels: 1,
        seat_levels: 1,
        outage_rule: true,
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

fn r1cs() -> Vec<u8> {
    export::r1cs_file(&structure(&shape())).unwrap()
}

/// One key for all tests of this file; it also goes through a file.
fn prover() -> &'static Prover {
    static PROVER: OnceLock<Prover> = OnceLock::new();
    PROVER.get_or_init(|| {
        let (mut rng, options) = (StdRng::seed_from_u64(1), Options::default());
        let key = DevKey::generate(&r1cs(), &mut rng, &options, &Watch::silent()).unwrap();
        let path = folder().join(format!("uptime-{}.zkey", std::process::id()));
        key.save(&path).unwrap();
        let prover = Prover::open(&path, &options).unwrap();
        // The map outlives the file's name.
        std::fs::remove_file(popw_keys::hash::hash_path(&path)).unwrap();
        std::fs::remove_file(path).unwrap();
        prover
    })
}

fn honest() -> Case {
    Case::honest(shape(), parameter_sets(&shape())[1], 42)
}

#[test]
fn a_zone_is_proven_and_its_proof_fits_its_statement_only() {
    let mut rng = StdRng::seed_from_u64(2);
    let zone = claim::prove(
        prover(),
        &shape(),
        &honest().witness,
        SELECTOR,
        &mut rng,
        &Watch::silent(),
    )
    .unwrap();
    let inputs = zone.statement.public_inputs();
    prover().verifier().verify(&inputs, &zone.proof).unwrap();
    for index in 0..7 {
        let mut other = inputs;
        other[index] += Fr::from(1u64);
        assert!(
            prover().verifier().verify(&other, &zone.proof).is_err(),
            "public input {index}"
        );
    }
    assert_eq!(zone.data.len(), 24 + 2 * 32);
}

#[test]
fn a_false_claim_is_refused_with_the_rule_that_it_breaks() {
    let mut rng = StdRng::seed_from_u64(3);
    let mut case = honest();
    let old = case.witness.seats[0].bitmap.bit(0, 0);
    case.witness.seats[0].bitmap.set(0, 0, !old);
    let refused = claim::prove(
        prover(),
        &shape(),
        &case.witness,
        SELECTOR,
        &mut rng,
        &Watch::silent(),
    );
    assert!(refused.err().unwrap().to_string().contains("seat 0"));
}

#[test]
fn a_wrong_assignment_is_refused_and_its_constraint_named() {
    let mut rng = StdRng::seed_from_u64(4);
    let witness = honest().witness;
    let statement = witness.evaluate(&shape()).unwrap().statement(SELECTOR).unwrap();
    let values = claim::assignment(&shape(), &witness, &statement).unwrap();
    let mut prove = |values: &[Fr]| {
        let assignment = prover().assignment(values);
        let refused = prover().prove(&assignment, &mut rng, &Watch::silent());
        (refused.err().unwrap(), assignment)
    };
    assert!(matches!(prove(&values[1..]).0, ProverError::Wires { .. }));
    let mut changed = values.clone();
    changed[0] = Fr::from(2u64);
    assert!(matches!(prove(&changed).0, ProverError::ConstantWire));
    let mut changed = values;
    *changed.last_mut().unwrap() += Fr::from(1u64);
    let (refused, assignment) = prove(&changed);
    assert!(matches!(refused, ProverError::SelfVerification(_)));
    let file = R1csFile::read(&r1cs()).unwrap();
    let by_file = prover().explain(&file, &assignment).unwrap().to_string();
    let by_shape = claim::explained(refused, &shape(), &assignment).to_string();
    assert!(by_shape.contains("violates constraint"), "{by_shape}");
    assert_eq!(by_file, by_shape);
}

#[test]
fn a_witness_of_another_shape_is_refused() {
    let witness = honest().witness;
    let statement = witness.evaluate(&shape()).unwrap().statement(SELECTOR).unwrap();
    let wider = Shape { slots: 7, ..shape() };
    let error = claim::assignment(&wider, &witness, &statement)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("slots of a seat's bitmap"), "{error}");
}
