//! Export: every circuit is written as `.r1cs` and `.sym`, and what is read back is the circuit.
//! The structural hash of every circuit is pinned in `circuits/ids.csv`: a change of any coefficient shows in a diff, also where
//! the counts of `circuits/counts.csv` stay the same. `POPW_BLESS=1` writes the file anew.

#![allow(clippy::unwrap_used)]

use ark_bn254::Fr;
use popw_circuits::{R1cs, catalog};
use popw_keys::r1cs::R1csFile;
use popw_prover::{CircuitId, export};
use std::collections::HashSet;
use std::path::Path;

#[test]
fn every_circuit_is_exported_and_its_id_is_the_pinned_one() {
    let mut ids = "name,parameters,circuit_id\n".to_owned();
    for entry in catalog::entries() {
        let r1cs = entry.build();
        let file = export::r1cs_file(&r1cs).unwrap();
        assert_reads_back(&r1cs, &file);
        assert_names_every_wire(&r1cs);
        ids.push_str(&format!(
            "{},{},{}\n",
            entry.name,
            entry.parameters,
            CircuitId::of(&file)
        ));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../circuits/ids.csv");
    if std::env::var_os("POPW_BLESS").is_some() {
        std::fs::write(&path, &ids).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        ids,
        "if the change is meant: POPW_BLESS=1"
    );
}

/// The matrices in the file are the circuit's, entry by entry.
fn assert_reads_back(r1cs: &R1cs<Fr>, file: &[u8]) {
    let read = R1csFile::read(file).unwrap();
    assert_eq!(read.header().wires as usize, r1cs.wires());
    assert_eq!(read.header().public(), r1cs.public_inputs() as u64);
    assert_eq!(read.constraints().count(), r1cs.constraints());
    for (row, constraint) in read.constraints().enumerate() {
        for (matrix, terms) in constraint.into_iter().enumerate() {
            let written = terms
                .iter()
                .map(|(wire, coefficient)| (*wire as usize, *coefficient));
            assert!(
                written.eq(r1cs.terms(matrix, row)),
                "row {row} of matrix {matrix}"
            );
        }
    }
}

/// One line for each wire but the constant one: `label,wire,component,name`, each name once.
fn assert_names_every_wire(r1cs: &R1cs<Fr>) {
    let mut file = Vec::new();
    export::sym_file(r1cs, &mut file).unwrap();
    let text = String::from_utf8(file).unwrap();
    let mut names = HashSet::new();
    for (wire, line) in (1usize..).zip(text.lines()) {
        let [label, column, component, name] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(
            [label, column, component],
            [wire.to_string().as_str(), &wire.to_string(), "0"]
        );
        assert!(name.starts_with("main.") && names.insert(name), "{name}");
    }
    assert_eq!(names.len() + 1, r1cs.wires());
}
