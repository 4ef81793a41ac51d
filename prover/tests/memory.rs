//! The memory of a proof against its estimate. Each backend proves in a process of its own, so that nothing that was freed
//! before is taken again unseen.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that panics says where it failed"
)]

mod common;

use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use common::{Circuit, read_assignment, scratch};
use popw_kernels::backend::{BACKEND_VARIABLE, available};
use popw_keys::write_wtns;
use popw_prover::{DevKey, Options, Prover, Watch};
use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Names the folder with key and witness to the process that proves.
const CHILD: &str = "POPW_TEST_MEMORY_FOLDER";
const CONSTRAINTS: usize = (1 << 16) - 64;

/// Anonymous memory of this process, in bytes; none on systems that do not tell.
fn anonymous() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes << 10)
}

#[test]
fn a_proof_takes_no_more_memory_than_estimated() {
    if let Some(folder) = env::var_os(CHILD) {
        return prove(Path::new(&folder));
    }
    if anonymous().is_none() {
        println!("SKIPPED: this system does not tell how much memory a process has");
        return;
    }
    let folder = scratch("memory");
    let circuit = Circuit::of_size(&mut StdRng::seed_from_u64(1), CONSTRAINTS, 2, 3);
    let mut rng = StdRng::seed_from_u64(1);
    let key = DevKey::generate(&circuit.r1cs, &mut rng, &Options::default(), &Watch::silent()).unwrap();
    key.save(&folder.join("key.zkey")).unwrap();
    let witness = std::fs::File::create(folder.join("witness.wtns")).unwrap();
    write_wtns(witness, &circuit.values).unwrap();
    for backend in available() {
        let output = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "a_proof_takes_no_more_memory_than_estimated",
                "--nocapture",
            ])
            .env(CHILD, &folder)
            .env(BACKEND_VARIABLE, backend.name())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let figure = said.lines().find(|line| line.contains("bytes a constraint"));
        println!("{}: {}", backend.name(), figure.unwrap());
    }
    std::fs::remove_dir_all(folder).unwrap();
}

fn prove(folder: &Path) {
    let before = anonymous().unwrap();
    let prover = Prover::open(folder.join("key.zkey"), &Options::default()).unwrap();
    let (peak, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(anonymous().unwrap(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let assignment = read_assignment(&folder.join("witness.wtns"));
        let mut rng = StdRng::seed_from_u64(1);
        let proof = prover.prove(&assignment, &mut rng, &Watch::silent());
        done.store(true, Ordering::Relaxed);
        proof.unwrap();
    });
    let taken = peak.into_inner() - before;
    let estimate = prover.estimate();
    let each = |bytes: u64| bytes / CONSTRAINTS as u64;
    println!(
        "\n{} bytes a constraint, estimated {}",
        each(taken),
        each(estimate.memory_bytes)
    );
    assert!(
        taken <= estimate.memory_bytes,
        "{taken} of {}",
        estimate.memory_bytes
    );
    assert_eq!(estimate.mapped_bytes, prover.key().bytes().len() as u64);
}
