//! The engine with the backend `wgpu`: the same proofs, also when the device fails in the middle of one. Built with the feature `gpu`.

#![cfg(feature = "gpu")]
#![allow(clippy::unwrap_used, reason = "a test that panics says where it failed")]

mod common;

use ark_ff::One;
use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use common::{Circuit, contributed, foreign_pairs, read_assignment};
use popw_gpu::{FailPoint, GpuError, GpuOptions, Wgpu};
use popw_kernels::Backend;
use popw_kernels::backend::fastest;
use popw_keys::Zkey;
use popw_prover::backend::{GPU, by_name};
use popw_prover::{Assignment, DevKey, Options, Prover, ProverError, Watch};
use std::path::Path;
use std::sync::{Arc, Mutex};

type Warnings = Arc<Mutex<Vec<GpuError>>>;

/// A device that does all the work that it can, or a loud word that there is none.
fn device(fail: Option<FailPoint>) -> Option<(Arc<Wgpu>, Warnings)> {
    let warnings = Warnings::default();
    let kept = warnings.clone();
    let warn = Arc::new(move |error: &GpuError| kept.lock().unwrap().push(error.clone()));
    let options = GpuOptions {
        scalars_min: Some(0),
        fail,
        cache: None,
        ..GpuOptions::from_env()
    };
    match Wgpu::with_warnings(&options, warn) {
        Ok(wgpu) => Some((wgpu, warnings)),
        Err(error) => {
            no_adapter(error);
            None
        }
    }
}

fn no_adapter(error: impl std::fmt::Display) {
    let required = std::env::var_os("POPW_REQUIRE_ALL").is_some();
    assert!(!required, "a GPU test has no adapter: {error}");
    println!("SKIPPED: a GPU test has no adapter: {error}");
}

fn options(backend: Arc<dyn Backend>) -> Options {
    Options {
        threads: Some(2),
        ..Options::default()
    }
    .with_backend(backend)
}

fn medium() -> (Circuit, Vec<u8>) {
    let mut rng = StdRng::seed_from_u64(9);
    let circuit = Circuit::of_size(&mut rng, 200, 2, 3);
    let key = DevKey::generate(&circuit.r1cs, &mut rng, &Options::default(), &Watch::silent()).unwrap();
    let key = key.to_bytes().unwrap();
    (circuit, key)
}

fn prover(key: &[u8], backend: Arc<dyn Backend>) -> Prover {
    Prover::with_key(Zkey::from_bytes(key.to_vec()).unwrap(), &options(backend)).unwrap()
}

fn open(key: &Path, backend: Arc<dyn Backend>) -> Prover {
    let options = options(backend);
    match Prover::open(key, &options) {
        // Published without a contribution: the same key with one of ours.
        Err(ProverError::Degenerate(_)) => {
            Prover::with_key(contributed(&Zkey::open(key).unwrap()), &options).unwrap()
        }
        opened => opened.unwrap(),
    }
}

fn prove(prover: &Prover, assignment: &Assignment, seed: u64) -> String {
    let mut rng = StdRng::seed_from_u64(seed);
    let proof = prover.prove(assignment, &mut rng, &Watch::silent()).unwrap();
    popw_verifier::snarkjs::write_proof(&proof).unwrap()
}

#[test]
fn circuits_of_the_corpus_have_the_proofs_of_the_cpu() {
    let Some((wgpu, warnings)) = device(None) else {
        return;
    };
    for (key, witness) in foreign_pairs() {
        let assignment = read_assignment(&witness);
        let (device, cpu) = (open(&key, wgpu.clone()), open(&key, fastest()));
        let expected = prove(&cpu, &assignment, 1);
        // The second finds the key on the device.
        for _ in 0..2 {
            assert_eq!(prove(&device, &assignment, 1), expected, "{}", key.display());
        }
        println!("{}", key.display());
    }
    assert!(wgpu.is_in_use() && warnings.lock().unwrap().is_empty());
}

/// Keys that are closed leave the device.
#[test]
fn keys_stay_on_the_device_as_long_as_they_are_open() {
    let Some((wgpu, _)) = device(None) else { return };
    let (circuit, key) = medium();
    let mut kept = Vec::new();
    for _ in 0..3 {
        let prover = prover(&key, wgpu.clone());
        for seed in 0..2 {
            prove(&prover, &circuit.assignment(), seed);
            kept.push(wgpu.kept_bytes());
        }
    }
    assert!(
        kept[0] > 0 && kept.iter().all(|bytes| *bytes == kept[0]),
        "one key, once: {kept:?}"
    );
}

/// The fail-point goes from the self-test, which comes first, through a proof and beyond.
#[test]
fn a_device_that_is_lost_in_the_middle_of_a_proof_costs_no_proof() {
    let (circuit, key) = medium();
    let expected = prove(&prover(&key, fastest()), &circuit.assignment(), 1);
    let mut lost_in_a_proof = 0;
    for after in (8..40).step_by(2) {
        let Some((wgpu, warnings)) = device(Some(FailPoint::Lost(after))) else {
            return;
        };
        let was_in_use = wgpu.is_in_use();
        let prover = prover(&key, wgpu.clone());
        assert_eq!(
            prove(&prover, &circuit.assignment(), 1),
            expected,
            "after {after}"
        );
        lost_in_a_proof += u32::from(was_in_use && !wgpu.is_in_use());
        let warnings = warnings.lock().unwrap();
        let lost = matches!(warnings.as_slice(), [GpuError::Lost { .. }]);
        assert!(
            lost || warnings.is_empty() && wgpu.is_in_use(),
            "after {after}: {warnings:?}"
        );
    }
    assert!(
        lost_in_a_proof > 1,
        "the device was lost in {lost_in_a_proof} proofs"
    );
}

/// Its self-test passes, then its sums are wrong: the proof fails its verification, the CPU's does not.
#[test]
fn a_device_that_computes_wrongly_later_costs_no_proof() {
    let (circuit, key) = medium();
    let expected = prove(&prover(&key, fastest()), &circuit.assignment(), 1);
    let Some((wgpu, warnings)) = device(Some(FailPoint::Wrong(2))) else {
        return;
    };
    assert!(wgpu.is_in_use(), "the self-test has two sums");
    let prover = prover(&key, wgpu.clone());
    for _ in 0..2 {
        assert_eq!(prove(&prover, &circuit.assignment(), 1), expected);
    }
    assert!(!wgpu.is_in_use());
    assert!(matches!(
        warnings.lock().unwrap().as_slice(),
        [GpuError::SelfTest { .. }]
    ));
}

#[test]
fn a_wrong_witness_is_not_the_devices_fault() {
    let Some((wgpu, warnings)) = device(None) else {
        return;
    };
    let (circuit, key) = medium();
    let prover = prover(&key, wgpu.clone());
    let mut wrong = circuit.values.clone();
    wrong[100] += ark_bn254::Fr::one();
    let mut rng = StdRng::seed_from_u64(1);
    let error = prover
        .prove(&Assignment::from_field(&wrong), &mut rng, &Watch::silent())
        .unwrap_err();
    assert!(matches!(error, ProverError::SelfVerification(_)), "{error}");
    assert!(wgpu.is_in_use() && warnings.lock().unwrap().is_empty());
}

#[test]
fn several_small_proofs_at_once_have_the_proofs_of_the_cpu() {
    let Some((wgpu, warnings)) = device(None) else {
        return;
    };
    let (circuit, key) = medium();
    let (device, cpu) = (prover(&key, wgpu.clone()), prover(&key, fastest()));
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let (circuit, device, cpu) = (&circuit, &device, &cpu);
            scope.spawn(move || {
                let assignment = circuit.assignment();
                assert_eq!(prove(device, &assignment, seed), prove(cpu, &assignment, seed));
            });
        }
    });
    assert!(wgpu.is_in_use() && warnings.lock().unwrap().is_empty());
}

#[test]
fn it_has_a_name() {
    match by_name(GPU) {
        Ok(backend) => assert_eq!(backend.name(), GPU),
        Err(error) => no_adapter(error),
    }
}
