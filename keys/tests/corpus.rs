//! Every `.r1cs`, `.wtns` and `.zkey` that other tools made is read and written back byte for byte, and their
//! JSON is read.
//!
//! Depends on the crate's public API only. Where to go next: `formats.rs`, the same readers on damaged files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that panics says where it failed"
)]
#![forbid(unsafe_code)]

mod common;

use ark_bn254::Fr;
use ark_ff::{One, PrimeField, Zero};
use common::{copy, corpus, files};
use popw_keys::error::{FileError, MatrixName, Problem};
use popw_keys::r1cs::{self, Constraint, R1csFile, TermOrder, Terms};
use popw_keys::zkey::{Coefficient, ContributionKind, Part};
use popw_keys::{Zkey, open_wtns, read_wtns, read_wtns_scalars, write_wtns, write_zkey};
use popw_verifier::snarkjs::{self, SnarkjsError};
use std::path::{Path, PathBuf};

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
        constraints_first += usize::from(file.layout().sections[0] == r1cs::Part::Constraints);
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
        let integers: Vec<_> = values.iter().map(|value| value.into_bigint()).collect();
        assert_eq!(read_wtns_scalars(&bytes).unwrap(), integers);
        assert_eq!(open_wtns(&path).unwrap(), integers);
    }
}

/// What stands against a key for another prover.
fn foreign(path: &Path) -> Option<Problem> {
    match path.file_name()?.to_str()? {
        "test_circuit2_circuit.zkey" | "multiplier2_plonk.zkey" => Some(Problem::Protocol { got: 2 }),
        // The first number of the header is the length of BLS12-381's base field.
        "multiplier2_bls12_381.zkey" => Some(Problem::Prime {
            field: "base",
            got: concat!(
                "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf",
                "6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab"
            )
            .into(),
        }),
        _ => None,
    }
}

#[test]
fn keys_are_checked_and_written_back_byte_for_byte() {
    let (mut from_setup, mut wires_ascend, mut count) = (0, 0, 0);
    for path in files("zkey") {
        let opened = Zkey::open(&path);
        if let Some(expected) = foreign(&path) {
            match opened {
                Err(FileError::Read { source, .. }) => assert_eq!(source.problem, expected),
                other => panic!("{}: {other:?}", path.display()),
            }
            continue;
        }
        let key = opened.unwrap_or_else(|error| panic!("{error}"));
        key.check(&|_, _| {})
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));

        // The order that the module's documentation tells of.
        let all: Vec<Coefficient> = key.coefficients().iter().map(Result::unwrap).collect();
        let place = |entry: &Coefficient| (entry.row, entry.matrix as u8);
        assert!(all.is_sorted_by_key(place), "{}", path.display());
        wires_ascend += usize::from(all.is_sorted_by_key(|entry| (place(entry), entry.wire)));

        let mut out = Vec::new();
        write_zkey(&mut out, &key.parts(), all.iter().copied()).unwrap();
        assert!(out == key.bytes(), "{}: written back differently", path.display());
        assert_eq!(Zkey::from_bytes(out).unwrap().sha256(), key.sha256());
        let order = key.layout().0.map(Part::id);
        match order {
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] => {}
            [1, 2, 4, 3, 9, 8, 5, 6, 7, 10] => from_setup += 1,
            _ => panic!("{}: sections {order:?}", path.display()),
        }
        count += 1;
    }
    println!("{count} keys: {from_setup} in the order of a setup, {wires_ascend} with ascending wires");
}

#[test]
fn keys_fit_their_systems() {
    let pairs = [
        (
            "co-snarks/multiplier2_circuit.r1cs",
            "co-snarks/multiplier2_circuit.zkey",
        ),
        (
            "co-snarks/poseidon_circuit.r1cs",
            "co-snarks/poseidon_circuit.zkey",
        ),
        ("circom-compat/mycircuit.r1cs", "circom-compat/test.zkey"),
        ("darkforest/whitelist.r1cs", "darkforest/whitelist.zkey"),
        ("unirep/startTransition.r1cs", "unirep/startTransition.zkey"),
        ("phase2/epochKeyLite.r1cs", "phase2/epochKeyLite_0001.zkey"),
        ("phase2/epochKeyLite.r1cs", "phase2/epochKeyLite_0002.zkey"),
        ("phase2/epochKeyLite.r1cs", "phase2/epochKeyLite_beacon.zkey"),
    ];
    let interop = corpus();
    for (system, key) in pairs {
        let find = |name: &str| {
            let places = [
                Some(copy(name)),
                interop.as_ref().map(|interop| interop.join(name)),
            ];
            places.into_iter().flatten().find(|path| path.is_file())
        };
        let (Some(system), Some(key)) = (find(system), find(key)) else {
            assert!(interop.is_none(), "no {key}");
            continue;
        };
        let (_, file) = read(&system);
        let name = key.display().to_string();
        let key = Zkey::open(&key).unwrap();
        let header = key.header();
        assert_eq!(header.wires, file.header().wires, "{name}");
        assert_eq!(u64::from(header.public), file.header().public(), "{name}");
        let constraints = file.header().constraints;
        assert_eq!(key.coefficients().constraints().unwrap(), constraints, "{name}");
        assert_eq!(
            header.domain_size,
            (constraints + header.public + 1).next_power_of_two(),
            "{name}"
        );

        let mut expected: Vec<(u32, u8, u32, Fr)> = Vec::new();
        for (row, [a, b, _]) in (0..).zip(file.constraints()) {
            for (matrix, terms) in [(MatrixName::A, a), (MatrixName::B, b)] {
                expected.extend(
                    terms
                        .iter()
                        .map(|(wire, value)| (row, matrix as u8, *wire, *value)),
                );
            }
        }
        for wire in 0..=header.public {
            expected.push((constraints + wire, MatrixName::A as u8, wire, Fr::one()));
        }
        let mut found = Vec::new();
        for coefficient in key.coefficients().iter() {
            let Coefficient {
                matrix, row, wire, ..
            } = coefficient.clone().unwrap();
            let coefficient = coefficient.unwrap();
            assert_eq!(
                Coefficient::new(matrix, row, wire, coefficient.value()),
                coefficient
            );
            found.push((row, matrix as u8, wire, coefficient.value()));

            // A witness integer, as it stands in a file, times a coefficient, as it stands in a file.
            let witness = Fr::from(0x1234_5678_9abc_def0_u64) - coefficient.value();
            let product = coefficient.lifted() * Fr::new_unchecked(witness.into_bigint());
            assert_eq!(product, coefficient.value() * witness);
        }
        expected.sort();
        found.sort();
        assert!(found == expected, "{name}: other coefficients");
    }
}

#[test]
fn contributions_are_read() {
    let key = Zkey::open(&copy("co-snarks/multiplier2_circuit.zkey")).unwrap();
    let contributions = key.contributions();
    let [only] = contributions.list() else {
        panic!("{contributions:?}")
    };
    assert_eq!(only.kind, ContributionKind::Contributor);
    assert_eq!(only.name.as_deref(), Some("1st Contributor Name"));
    assert_eq!((only.iterations_log2, &only.beacon), (None, &None));
    assert_eq!(contributions.bytes_of(only), &contributions.bytes()[68..]);
    assert_eq!(contributions.circuit_hash()[..4], [0xd1, 0x8d, 0x78, 0xa1]);

    let Some(corpus) = corpus() else { return };
    let count = |name: &str| {
        let key = Zkey::open(&corpus.join(name)).unwrap();
        key.contributions().list().len()
    };
    assert_eq!(count("semaphore/semaphore-1.zkey"), 1288);
    assert_eq!(count("semaphore/semaphore-10.zkey"), 419);
    assert_eq!(count("unirep/startTransition.zkey"), 0);
    let key = Zkey::open(&corpus.join("phase2/epochKeyLite_beacon.zkey")).unwrap();
    let found: Vec<_> = key
        .contributions()
        .list()
        .iter()
        .map(|one| one.name.as_deref())
        .collect();
    assert_eq!(found, [Some("alice"), Some("bob"), Some("beacon")]);
    let beacon = &key.contributions().list()[2];
    assert_eq!(beacon.kind, ContributionKind::Beacon);
    assert_eq!(beacon.iterations_log2, Some(10));
    assert_eq!(beacon.beacon.as_deref(), Some(&(1..=31).collect::<Vec<u8>>()[..]));
}

/// Verifying keys, proofs and public inputs, told from each other and from all other JSON by what they hold;
/// and a key's JSON is its own verifying key.
#[test]
fn json_is_read() {
    let mut counts = [0; 3];
    let mut paths = files("json");
    paths.extend(files("proof"));
    let mut verifying_keys = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let refused = |error: SnarkjsError| -> ! { panic!("{}: {error}", path.display()) };
        if text.contains("vk_alpha_1") {
            let key = snarkjs::read_verifying_key(&text).unwrap_or_else(|error| refused(error));
            verifying_keys.push(key);
            counts[0] += 1;
        } else if text.contains("pi_a") {
            snarkjs::read_proof(&text).unwrap_or_else(|error| refused(error));
            counts[1] += 1;
        } else if path.to_string_lossy().contains("public") {
            snarkjs::read_public(&text).unwrap_or_else(|error| refused(error));
            counts[2] += 1;
        }
    }
    println!(
        "{} verifying keys, {} proofs, {} public inputs",
        counts[0], counts[1], counts[2]
    );
    assert!(counts.iter().all(|count| *count >= 2));

    for path in files("zkey").iter().filter(|path| foreign(path).is_none()) {
        let key = Zkey::open(path).unwrap();
        // Phase 2 in between: only the last key of three was exported.
        if path.ends_with("epochKeyLite_0001.zkey") || path.ends_with("epochKeyLite_0002.zkey") {
            continue;
        }
        assert!(
            verifying_keys.contains(key.verifying_key()),
            "{}: no JSON",
            path.display()
        );
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
    let whole = corpus().is_some();
    for (system, assignment) in pairs {
        let find = |files: &[PathBuf], name: &str| files.iter().find(|path| path.ends_with(name)).cloned();
        let (Some(system_path), Some(assignment_path)) =
            (find(&systems, system), find(&assignments, assignment))
        else {
            assert!(!whole, "no {system}");
            continue;
        };
        let (_, file) = read(&system_path);
        let mut values = read_wtns(&std::fs::read(assignment_path).unwrap()).unwrap();
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
