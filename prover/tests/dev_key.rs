//! The setup against arkworks, point by point, and its files.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test that panics says where it failed"
)]

mod common;

use ark_bn254::Fr;
use ark_ff::UniformRand;
use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use common::{Circuit, arkworks_key, arkworks_setup, rounds, scratch};
use popw_kernels::backend::available;
use popw_keys::Zkey;
use popw_prover::dev_key::is_dev;
use popw_prover::{CancelToken, CircuitId, DevKey, Options, Phase, Progress, Watch};

#[test]
fn a_setup_equals_arkworks_point_by_point() {
    for round in 0..rounds(20) {
        let circuit = Circuit::random(round);
        let file = circuit.file();
        if file.header().constraints == 0 && file.header().public() == 0 {
            // A single row: arkworks takes a domain of one, snarkjs of two.
            continue;
        }
        let mut rng = StdRng::seed_from_u64(round);
        let secrets = [(); 4].map(|()| Fr::rand(&mut rng));
        let expected = arkworks_setup(&file, secrets);
        for backend in available() {
            let options = Options::default().with_backend(backend);
            let mut rng = StdRng::seed_from_u64(round);
            let key = DevKey::generate(&circuit.r1cs, &mut rng, &options, &Watch::silent()).unwrap();
            let key = Zkey::from_bytes(key.to_bytes().unwrap()).unwrap();
            assert_eq!(arkworks_key(&key), expected, "round {round}");
        }
    }
}

#[test]
fn a_dev_key_passes_every_check_of_a_key_and_says_what_it_is() {
    let circuit = Circuit::of_size(&mut StdRng::seed_from_u64(4), 100, 3, 2);
    let mut rng = StdRng::seed_from_u64(1);
    let key = DevKey::generate(&circuit.r1cs, &mut rng, &Options::default(), &Watch::silent()).unwrap();
    let path = scratch("dev-key").join("key.zkey");
    let hash = key.save(&path).unwrap();
    let report = popw_keys::verify_file(&path, Some(hash), &|_, _| {}).unwrap();
    assert_eq!((report.constraints, report.contributions), (100, 0));
    let read = Zkey::open(&path).unwrap();
    assert!(is_dev(&read));
    let id = CircuitId::of(&circuit.r1cs);
    assert_eq!(read.contributions().circuit_hash()[..32], id.0);
    assert_eq!(std::fs::read(&path).unwrap(), key.to_bytes().unwrap());
    // The same seed, the same key; another seed, another key.
    for (seed, same) in [(1, true), (2, false)] {
        let mut rng = StdRng::seed_from_u64(seed);
        let other = DevKey::generate(&circuit.r1cs, &mut rng, &Options::default(), &Watch::silent()).unwrap();
        assert_eq!(other.to_bytes().unwrap() == key.to_bytes().unwrap(), same);
    }
}

#[test]
fn what_is_no_circuit_is_refused() {
    let circuit = Circuit::random(5);
    let mut rng = StdRng::seed_from_u64(1);
    let cut = &circuit.r1cs[..circuit.r1cs.len() - 1];
    let error = DevKey::generate(cut, &mut rng, &Options::default(), &Watch::silent())
        .err()
        .unwrap();
    assert!(error.to_string().contains(".r1cs"), "{error}");
}

#[test]
fn another_thread_cancels_a_setup() {
    struct Canceller(CancelToken);
    impl Progress for Canceller {
        fn phase(&self, _: Phase) {
            let token = self.0.clone();
            std::thread::spawn(move || token.cancel());
        }
    }
    let circuit = Circuit::of_size(&mut StdRng::seed_from_u64(6), 30_000, 2, 2);
    let canceller = Canceller(CancelToken::new());
    let watch = Watch::new(&canceller).with_cancel(canceller.0.clone());
    let mut rng = StdRng::seed_from_u64(1);
    let result = DevKey::generate(&circuit.r1cs, &mut rng, &Options::default(), &watch);
    assert_eq!(result.err().unwrap().to_string(), "cancelled");
}
