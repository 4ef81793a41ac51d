//! Every `.r1cs` and `.wtns` of the corpus of other tools' files is read and written back byte for byte.
//!
//! The corpus lies in the folder that POPW_CORPUS names, or else beside the repository in `shared/corpus`. A
//! bare clone has none: the tests say SKIPPED then, or fail if POPW_REQUIRE_CORPUS is set.
//!
//! Depends on the crate's public API only. Where to go next: `formats.rs`, the same readers on damaged files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that panics says where it failed"
)]
#![forbid(unsafe_code)]

use ark_bn254::Fr;
use ark_ff::{One, Zero};
use popw_keys::r1cs::{Constraint, Part, R1csFile, TermOrder, Terms};
use popw_keys::{read_wtns, write_wtns};
use std::path::{Path, PathBuf};

/// The corpus's files with this extension, in order; none, loudly, if there is no corpus.
fn files(extension: &str) -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os("POPW_CORPUS").map_or(beside, PathBuf::from);
    let mut found = Vec::new();
    let mut folders = vec![corpus.join("interop")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        let message = format!("SKIPPED (corpus): no .{extension} files in {}", corpus.display());
        assert!(std::env::var_os("POPW_REQUIRE_CORPUS").is_none(), "{message}");
        println!("{message}");
    }
    found
}

fn read(path: &Path) -> (Vec<u8>, R1csFile) {
    let bytes = std::fs::read(path).unwrap();
    let file = R1csFile::read(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (bytes, file)
}

#[test]
fn constraint_systems_are_written_back_byte_for_byte() {
    let (mut constraints_first, mut unsorted) = (0, 0);
    let files = files("r1cs");
    for path in &files {
        let (bytes, file) = read(path);
        let mut out = Vec::new();
        file.write(&mut out).unwrap();
        assert!(out == bytes, "{}: written back differently", path.display());
        assert_eq!(file.constraints().count(), file.header().constraints as usize);
        constraints_first += usize::from(file.layout().sections[0] == Part::Constraints);
        unsorted += usize::from(file.layout().terms == TermOrder::Free);
    }
    println!(
        "{} systems: {constraints_first} with the constraints first, {unsorted} unsorted",
        files.len()
    );
}

#[test]
fn assignments_are_written_back_byte_for_byte() {
    for path in files("wtns") {
        let bytes = std::fs::read(&path).unwrap();
        let values = read_wtns(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut out = Vec::new();
        write_wtns(&mut out, &values).unwrap();
        assert!(out == bytes, "{}: written back differently", path.display());
    }
}

#[test]
fn systems_and_assignments_fit_each_other() {
    let pairs = [
        (
            "circom-compat/circuit2.r1cs",
            "circom-compat/circuit2_js_witness.wtns",
        ),
        (
            "co-snarks/multiplier2_circuit.r1cs",
            "co-snarks/multiplier2_witness.wtns",
        ),
        (
            "co-snarks/poseidon_circuit.r1cs",
            "co-snarks/poseidon_witness.wtns",
        ),
        ("darkforest/whitelist.r1cs", "darkforest/df-whitelist.wtns"),
        (
            "snarkjs/test_circuit2_circuit.r1cs",
            "snarkjs/test_circuit2_witness.wtns",
        ),
        (
            "snarkjs/test_groth16_circuit.r1cs",
            "snarkjs/test_groth16_witness.wtns",
        ),
    ];
    let (systems, assignments) = (files("r1cs"), files("wtns"));
    if systems.is_empty() || assignments.is_empty() {
        return;
    }
    for (system, assignment) in pairs {
        let find = |files: &[PathBuf], name: &str| {
            files
                .iter()
                .find(|path| path.ends_with(name))
                .unwrap_or_else(|| panic!("no {name}"))
                .clone()
        };
        let (_, file) = read(&find(&systems, system));
        let mut values = read_wtns(&std::fs::read(find(&assignments, assignment)).unwrap()).unwrap();
        assert_eq!(values.len(), file.header().wires as usize, "{system}");
        assert_eq!(broken(&file, &values), 0, "{system}");
        *values.last_mut().unwrap() += Fr::one();
        assert!(broken(&file, &values) > 0, "{system}: the last wire is free");
    }
}

/// How many constraints an assignment breaks.
fn broken(file: &R1csFile, values: &[Fr]) -> usize {
    let sum = |terms: Terms<'_>| -> Fr {
        terms
            .iter()
            .map(|(wire, coefficient)| values[*wire as usize] * coefficient)
            .sum()
    };
    let holds = |[a, b, c]: Constraint<'_>| (sum(a) * sum(b) - sum(c)).is_zero();
    file.constraints()
        .filter(|constraint| !holds(*constraint))
        .count()
}
