//! The engine against arkworks, on keys of other tools, and in every way in which it must refuse.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that panics says where it failed"
)]

mod common;

use ark_bn254::Fr;
use ark_ff::{One, PrimeField, UniformRand};
use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use common::{
    Circuit, arkworks_key, arkworks_proof, contributed, foreign_pairs, read_assignment, rounds, scratch,
};
use popw_kernels::backend::available;
use popw_keys::Zkey;
use popw_keys::hash::write_hash;
use popw_prover::{
    Assignment, CancelToken, DevKey, Options, Phase, Progress, Prover, ProverError, TableFile, Tables, Watch,
};
use popw_verifier::{Verifier, snarkjs};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

fn dev_key(circuit: &Circuit, seed: u64) -> DevKey {
    let mut rng = StdRng::seed_from_u64(seed);
    DevKey::generate(&circuit.r1cs, &mut rng, &Options::default(), &Watch::silent()).unwrap()
}

fn zkey(circuit: &Circuit, seed: u64) -> Zkey {
    Zkey::from_bytes(dev_key(circuit, seed).to_bytes().unwrap()).unwrap()
}

fn two_threads() -> Options {
    Options {
        threads: Some(2),
        ..Options::default()
    }
}

fn medium() -> Circuit {
    Circuit::of_size(&mut StdRng::seed_from_u64(9), 200, 2, 3)
}

#[test]
fn provers_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Prover>();
    shared::<Assignment>();
    shared::<Tables>();
}

/// The same blinding, the same proof: arkworks with snarkjs's reduction, and every backend of this machine.
#[test]
fn random_circuits_prove_as_arkworks_proves_them() {
    let rounds = rounds(50);
    for round in 0..rounds {
        let circuit = Circuit::random(round);
        let bytes = dev_key(&circuit, round).to_bytes().unwrap();
        let key = Zkey::from_bytes(bytes.clone()).unwrap();
        let mut rng = StdRng::seed_from_u64(round);
        let blinding = [Fr::rand(&mut rng), Fr::rand(&mut rng)];
        let expected = arkworks_proof(&arkworks_key(&key), &circuit.file(), &circuit.values, blinding);
        for backend in available() {
            let name = backend.name();
            let key = Zkey::from_bytes(bytes.clone()).unwrap();
            let prover = Prover::with_key(key, &two_threads().with_backend(backend)).unwrap();
            let assignment = prover.assignment(&circuit.values);
            let mut rng = StdRng::seed_from_u64(round);
            let proof = prover.prove(&assignment, &mut rng, &Watch::silent());
            assert_eq!(proof.unwrap(), expected, "round {round} with {name}");
        }
    }
    println!("{rounds} circuits, {} backends", available().len());
}

/// Keys made by other people with other tools, their witnesses, our proofs, snarkjs's verdict.
#[test]
fn foreign_keys_prove_and_snarkjs_accepts_the_proofs() {
    let folder = scratch("foreign");
    let tool = common::snarkjs();
    for (key, witness) in foreign_pairs() {
        for backend in available() {
            let name = format!("{} with {}", key.display(), backend.name());
            let options = two_threads().with_backend(backend);
            let prover = match Prover::open(&key, &options) {
                // Published without a contribution: the same key with one of ours.
                Err(ProverError::Degenerate(_)) => {
                    Prover::with_key(contributed(&Zkey::open(&key).unwrap()), &options).unwrap()
                }
                opened => opened.unwrap(),
            };
            let assignment = read_assignment(&witness);
            let mut rng = StdRng::seed_from_u64(1);
            let proof = prover.prove(&assignment, &mut rng, &Watch::silent()).unwrap();
            let public = assignment.public(prover.verifier().input_count());
            prover.verifier().verify(&public, &proof).unwrap();
            let Some(tool) = &tool else { continue };
            let file = |name: &str, text: String| {
                let path = folder.join(name);
                std::fs::write(&path, text).unwrap();
                path
            };
            let output = Command::new("node")
                .arg(tool)
                .args(["groth16", "verify"])
                .arg(file(
                    "vk.json",
                    snarkjs::write_verifying_key(prover.verifier().key()).unwrap(),
                ))
                .arg(file("public.json", snarkjs::write_public(&public).unwrap()))
                .arg(file("proof.json", snarkjs::write_proof(&proof).unwrap()))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("OK!"), "{name}: {said}");
        }
        println!("{}", key.display());
    }
}

#[test]
fn published_keys_without_a_contribution_are_refused() {
    let keys: Vec<PathBuf> = common::interop()
        .iter()
        .flat_map(|folder| {
            ["unirep/startTransition.zkey", "circom-compat/test.zkey"].map(|name| folder.join(name))
        })
        .filter(|path| path.exists())
        .collect();
    assert!(!keys.is_empty());
    for key in keys {
        let refused = Prover::open(&key, &two_threads()).err();
        assert!(
            matches!(refused, Some(ProverError::Degenerate(_))),
            "{}: {refused:?}",
            key.display()
        );
    }
}

fn refusal(prover: &Prover, assignment: &Assignment) -> ProverError {
    let mut rng = StdRng::seed_from_u64(1);
    prover
        .prove(assignment, &mut rng, &Watch::silent())
        .err()
        .unwrap()
}

#[test]
fn every_wrong_assignment_has_its_own_error() {
    let circuit = medium();
    let prover = Prover::with_key(zkey(&circuit, 1), &two_threads()).unwrap();
    let change = |edit: &dyn Fn(&mut Vec<Fr>)| {
        let mut values = circuit.values.clone();
        edit(&mut values);
        Assignment::from_field(&values)
    };
    let longer = change(&|values| values.push(Fr::one()));
    let shorter = change(&|values| values.truncate(values.len() - 1));
    for other in [longer, shorter, change(&Vec::clear)] {
        assert!(matches!(refusal(&prover, &other), ProverError::Wires { .. }));
    }
    let no_one = change(&|values| values[0] = Fr::from(2u64));
    assert!(matches!(refusal(&prover, &no_one), ProverError::ConstantWire));

    // A value that a constraint fixes, and a public input.
    for wire in [1, 6, 100, 205] {
        let wrong = change(&|values| values[wire] += Fr::one());
        let error = refusal(&prover, &wrong);
        assert!(
            matches!(error, ProverError::SelfVerification(_)),
            "wire {wire}: {error}"
        );
        let text = error.to_string();
        assert!(
            text.contains("does not satisfy the circuit") && text.contains("popw keys verify"),
            "{text}"
        );
        let explained = prover.explain(&circuit.file(), &wrong).unwrap();
        assert!(
            matches!(explained, ProverError::Unsatisfied { of: 200, .. }),
            "{explained}"
        );
    }
    assert!(prover.explain(&circuit.file(), &circuit.assignment()).is_none());

    let mut scalars = circuit.assignment().scalars().to_vec();
    scalars[3] = Fr::MODULUS;
    assert_eq!(Assignment::new(scalars).err().unwrap().wire, 3);
}

#[test]
fn a_cut_key_is_refused_with_the_place() {
    let circuit = medium();
    let path = scratch("cut").join("key.zkey");
    let bytes = dev_key(&circuit, 1).to_bytes().unwrap();
    for length in (0..bytes.len()).step_by(bytes.len() / 50) {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let error = Prover::open(&path, &two_threads()).err();
        let text = error
            .unwrap_or_else(|| panic!("{length} bytes are accepted"))
            .to_string();
        assert!(text.contains("key.zkey") && text.contains("byte "), "{text}");
    }
    let error = Prover::open(path.with_extension("none"), &two_threads())
        .err()
        .unwrap();
    assert!(error.to_string().contains("key.none"), "{error}");
}

/// One flipped bit anywhere: refused at opening, or by the proof's own verification, which names the key's hash; or it
/// touched nothing that the proof needs. `popw keys verify` finds every one.
#[test]
fn a_flipped_bit_never_leads_to_a_false_proof() {
    let circuit = medium();
    let folder = scratch("flipped");
    let path = folder.join("key.zkey");
    let key = dev_key(&circuit, 1);
    let hash = key.save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let honest = Verifier::new(Zkey::open(&path).unwrap().verifying_key().clone()).unwrap();
    let assignment = circuit.assignment();
    let public = assignment.public(honest.input_count());
    let (mut refused, mut damaged, mut harmless) = (0, 0, 0);
    let step = bytes.len() / rounds(120) as usize;
    for at in (0..bytes.len()).step_by(step) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&path, &flipped).unwrap();
        assert!(
            popw_keys::verify_file(&path, None, &|_, _| {}).is_err(),
            "byte {at}"
        );
        let Ok(prover) = Prover::open(&path, &two_threads()) else {
            refused += 1;
            continue;
        };
        let mut rng = StdRng::seed_from_u64(1);
        match prover.prove(&assignment, &mut rng, &Watch::silent()) {
            Ok(proof) => {
                honest.verify(&public, &proof).unwrap();
                harmless += 1;
            }
            Err(ProverError::Damaged { expected, .. }) => {
                assert_eq!(expected, hash);
                damaged += 1;
            }
            Err(ProverError::Key(error)) => {
                assert!(error.to_string().contains("coefficient"), "{error}");
                refused += 1;
            }
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
    println!(
        "{refused} refused when opened or read, {damaged} found by the proof's verification, {harmless} harmless"
    );
    assert!(damaged > 0);

    // Without a known hash the error still says what to do.
    std::fs::remove_file(popw_keys::hash::hash_path(&path)).unwrap();
    let mut flipped = bytes;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    if let Ok(prover) = Prover::open(&path, &two_threads()) {
        let text = refusal(&prover, &assignment).to_string();
        assert!(text.contains("popw keys verify"), "{text}");
    }
}

/// Cancels when a phase begins, from inside or, with a delay, from another thread.
struct Canceller {
    token: CancelToken,
    at: Phase,
    seen: Mutex<Vec<(Phase, f64)>>,
}

impl Progress for Canceller {
    fn phase(&self, phase: Phase) {
        if phase == self.at {
            let token = self.token.clone();
            std::thread::spawn(move || token.cancel());
        }
        self.seen.lock().unwrap().push((phase, 0.0));
    }

    fn advance(&self, phase: Phase, done: f64) {
        self.seen.lock().unwrap().push((phase, done));
    }
}

#[test]
fn another_thread_cancels_a_proof_in_every_phase() {
    let circuit = Circuit::of_size(&mut StdRng::seed_from_u64(3), 30_000, 2, 3);
    let prover = Prover::with_key(zkey(&circuit, 1), &two_threads()).unwrap();
    let assignment = circuit.assignment();
    for at in [Phase::Quotient, Phase::WitnessSums] {
        let token = CancelToken::new();
        let canceller = Canceller {
            token: token.clone(),
            at,
            seen: Mutex::default(),
        };
        let watch = Watch::new(&canceller).with_cancel(token);
        let mut rng = StdRng::seed_from_u64(1);
        let result = prover.prove(&assignment, &mut rng, &watch);
        assert!(matches!(result, Err(ProverError::Cancelled)), "{at:?}");
        let seen = canceller.seen.into_inner().unwrap();
        assert_eq!(
            seen.last().unwrap().0,
            at,
            "nothing begins after the phase that was cancelled"
        );
    }
    // A cancelled proof leaves the prover as it was.
    let mut rng = StdRng::seed_from_u64(1);
    prover.prove(&assignment, &mut rng, &Watch::silent()).unwrap();
}

#[test]
fn a_cancelled_token_stops_everything_before_it_starts() {
    let circuit = medium();
    let token = CancelToken::new();
    token.cancel();
    let watch = Watch::silent().with_cancel(token);
    let mut rng = StdRng::seed_from_u64(1);
    let prover = Prover::with_key(zkey(&circuit, 1), &two_threads()).unwrap();
    assert!(matches!(
        prover.prove(&circuit.assignment(), &mut rng, &watch),
        Err(ProverError::Cancelled)
    ));
    let error = DevKey::generate(&circuit.r1cs, &mut rng, &two_threads(), &watch)
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "cancelled");
    let out = scratch("cancelled").join("key.tables");
    let key = zkey(&circuit, 1);
    let error = Tables::write(&out, &key, &key.sha256(), 4, &two_threads(), &watch)
        .err()
        .unwrap();
    assert!(matches!(error, ProverError::Cancelled), "{error}");
    assert!(!out.exists());
}

#[test]
fn progress_is_told_phase_by_phase_up_to_one() {
    let circuit = medium();
    let canceller = Canceller {
        token: CancelToken::new(),
        at: Phase::Tables,
        seen: Mutex::default(),
    };
    let prover = Prover::with_key(zkey(&circuit, 1), &two_threads()).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    prover
        .prove(&circuit.assignment(), &mut rng, &Watch::new(&canceller))
        .unwrap();
    let seen = canceller.seen.into_inner().unwrap();
    let mut order: Vec<Phase> = seen.iter().map(|(phase, _)| *phase).collect();
    order.dedup();
    assert_eq!(
        order,
        [Phase::Quotient, Phase::WitnessSums, Phase::SelfVerification]
    );
    for phase in &order[..2] {
        let parts: Vec<f64> = seen
            .iter()
            .filter(|(seen, _)| seen == phase)
            .map(|(_, done)| *done)
            .collect();
        assert!(
            parts.is_sorted() && parts.iter().all(|done| (0.0..=1.0).contains(done)),
            "{phase:?} {parts:?}"
        );
        assert!(parts.last().unwrap() > &0.9, "{phase:?} {parts:?}");
    }
}

fn saved(circuit: &Circuit, name: &str) -> PathBuf {
    let path = scratch(name).join("key.zkey");
    dev_key(circuit, 1).save(&path).unwrap();
    path
}

fn write_tables(key: &Path, out: &Path, factor: u32) {
    let key = Zkey::open(key).unwrap();
    Tables::write(out, &key, &key.sha256(), factor, &two_threads(), &Watch::silent()).unwrap();
}

#[test]
fn tables_change_nothing_but_time() {
    let circuit = medium();
    let path = saved(&circuit, "tables");
    let prove = |prover: &Prover| {
        let mut rng = StdRng::seed_from_u64(1);
        prover
            .prove(&circuit.assignment(), &mut rng, &Watch::silent())
            .unwrap()
    };
    let plain = Prover::open(&path, &two_threads()).unwrap();
    assert!(plain.tables().is_none());
    let expected = prove(&plain);
    let beside = Tables::path_beside(&path);
    for factor in [2, 3, 4, 16] {
        write_tables(&path, &beside, factor);
        for backend in available() {
            let prover = Prover::open(&path, &two_threads().with_backend(backend)).unwrap();
            assert_eq!(prover.tables().unwrap().factor(), factor);
            assert_eq!(
                prove(&prover),
                expected,
                "factor {factor} with {}",
                prover.backend().name()
            );
        }
    }
    let none = Options {
        tables: TableFile::None,
        ..two_threads()
    };
    assert!(Prover::open(&path, &none).unwrap().tables().is_none());
    // Not enough memory for tables: none are used. Not enough for a proof: an error.
    let needed = plain.estimate().memory_bytes;
    let cap = |memory_cap| Options {
        memory_cap: Some(memory_cap),
        ..two_threads()
    };
    let tight = Prover::open(&path, &cap(needed)).unwrap();
    assert!(tight.tables().is_none());
    prove(&tight);
    let poor = Prover::open(&path, &cap(needed - 1)).unwrap();
    assert!(matches!(
        refusal(&poor, &circuit.assignment()),
        ProverError::Memory { .. }
    ));
}

#[test]
fn tables_of_another_key_or_damaged_ones_are_refused() {
    let circuit = medium();
    let path = saved(&circuit, "wrong-tables");
    let other = path.with_file_name("other.zkey");
    dev_key(&circuit, 2).save(&other).unwrap();
    let tables = path.with_file_name("t");
    write_tables(&other, &tables, 4);
    let named = |file: &Path| {
        let options = Options {
            tables: TableFile::Path(file.to_owned()),
            ..two_threads()
        };
        Prover::open(&path, &options)
    };
    let error = named(&tables).err().unwrap().to_string();
    assert!(error.contains("another key"), "{error}");
    // Beside the key, where nobody asked for it by name, it is as good as none.
    std::fs::copy(&tables, Tables::path_beside(&path)).unwrap();
    assert!(Prover::open(&path, &two_threads()).unwrap().tables().is_none());

    write_tables(&path, &tables, 4);
    let bytes = std::fs::read(&tables).unwrap();
    for length in [0, 7, 8, 63, 64, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&tables, &bytes[..length]).unwrap();
        let error = named(&tables)
            .err()
            .unwrap_or_else(|| panic!("{length} bytes are accepted"));
        assert!(matches!(error, ProverError::Tables(_)), "{error}");
    }
    for at in 0..64 {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        std::fs::write(&tables, &flipped).unwrap();
        assert!(named(&tables).is_err(), "byte {at}");
    }
    // A damaged point is found by the proof's verification, if a backend uses it.
    for factor in [1, 17] {
        let key = Zkey::open(&path).unwrap();
        let error = Tables::write(
            &tables,
            &key,
            &key.sha256(),
            factor,
            &two_threads(),
            &Watch::silent(),
        )
        .err()
        .unwrap();
        assert!(error.to_string().contains("factor"), "{error}");
    }
}

#[test]
fn opening_a_key_beside_a_wrong_hash_is_fine_until_a_proof_fails() {
    // The hash is looked at when it costs nothing extra: by `popw keys verify`, and when a proof does not verify.
    let circuit = medium();
    let path = saved(&circuit, "wrong-hash");
    write_hash(&path, &[7; 32]).unwrap();
    let prover = Prover::open(&path, &two_threads()).unwrap();
    let mut wrong = circuit.values.clone();
    wrong[100] += Fr::one();
    let error = refusal(&prover, &Assignment::from_field(&wrong));
    assert!(matches!(error, ProverError::Damaged { .. }), "{error}");
}

#[test]
fn one_prover_serves_many_threads() {
    let circuit = medium();
    let prover = Prover::with_key(zkey(&circuit, 1), &two_threads()).unwrap();
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (prover, circuit) = (&prover, &circuit);
            scope.spawn(move || {
                let mut rng = StdRng::seed_from_u64(seed);
                prover
                    .prove(&circuit.assignment(), &mut rng, &Watch::silent())
                    .unwrap();
            });
        }
    });
    assert_eq!(prover.threads(), 2);
    assert!(prover.estimate().time.as_secs() < 3600);
}
