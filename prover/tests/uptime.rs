//! From a witness of claim U1 to a proof, and the ways in which that is refused.

#![allow(clippy::unwrap_used, clippy::panic)]

use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use popw_circuits::uptime::structure;
use popw_circuits::uptime::subject::{Case, parameter_sets};
use popw_claims::uptime::Shape;
use popw_prover::{DevKey, Prover, ProverError, Silent, export, uptime};
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

/// One key for all tests of this file; it also goes through a file.
fn prover() -> &'static Prover {
    static PROVER: OnceLock<Prover> = OnceLock::new();
    PROVER.get_or_init(|| {
        let r1cs = export::r1cs_file(&structure(&shape())).unwrap();
        let key = DevKey::generate(&r1cs, &mut StdRng::seed_from_u64(1), &Silent).unwrap();
        let path = folder().join(format!("uptime-{}.dev-key", std::process::id()));
        key.save(&path).unwrap();
        let prover = Prover::open(&path).unwrap();
        assert_eq!(prover.key().circuit_id(), export::CircuitId::of(&r1cs));
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
    let zone = uptime::prove(prover(), &shape(), &honest().witness, SELECTOR, &mut rng, &Silent).unwrap();
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
    let refused = uptime::prove(prover(), &shape(), &case.witness, SELECTOR, &mut rng, &Silent);
    assert!(refused.err().unwrap().to_string().contains("seat 0"));
}

#[test]
fn a_wrong_assignment_is_refused_before_it_is_proven() {
    let mut rng = StdRng::seed_from_u64(4);
    let witness = honest().witness;
    let statement = witness.evaluate(&shape()).unwrap().statement(SELECTOR).unwrap();
    let assignment = uptime::assignment(&shape(), &witness, &statement).unwrap();
    let prove = |assignment: &[Fr], rng: &mut StdRng| prover().prove(assignment, rng, &Silent).err().unwrap();
    assert!(matches!(
        prove(&assignment[1..], &mut rng),
        ProverError::Wires { .. }
    ));
    let mut changed = assignment.clone();
    changed[0] = Fr::from(2u64);
    assert!(matches!(prove(&changed, &mut rng), ProverError::ConstantWire));
    let mut changed = assignment;
    *changed.last_mut().unwrap() += Fr::from(1u64);
    assert!(matches!(
        prove(&changed, &mut rng),
        ProverError::Unsatisfied { .. }
    ));
}

#[test]
fn a_witness_of_another_shape_is_refused() {
    let witness = honest().witness;
    let statement = witness.evaluate(&shape()).unwrap().statement(SELECTOR).unwrap();
    let wider = Shape { slots: 7, ..shape() };
    let error = uptime::assignment(&wider, &witness, &statement)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("slots of a seat's bitmap"), "{error}");
}

#[test]
fn a_damaged_key_file_is_refused() {
    let path = folder().join(format!("damaged-{}.dev-key", std::process::id()));
    prover().key().save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let step = bytes.len() / 40;
    let mut damaged: Vec<Vec<u8>> = (0..bytes.len())
        .step_by(step)
        .map(|length| bytes[..length].to_vec())
        .collect();
    for at in (0..bytes.len()).step_by(step) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        damaged.push(flipped);
    }
    for (number, damage) in damaged.into_iter().enumerate() {
        std::fs::write(&path, damage).unwrap();
        let error = DevKey::load(&path)
            .err()
            .unwrap_or_else(|| panic!("damage {number} is accepted"))
            .to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
    std::fs::remove_file(path).unwrap();
}
