//! The structural hash of every circuit is pinned in `circuits/ids.csv`: a change of any coefficient shows in a diff, also where
//! the counts of `circuits/counts.csv` stay the same. `POPW_BLESS=1` writes the file anew.

#![allow(clippy::unwrap_used)]

use popw_circuits::catalog;
use popw_prover::{CircuitId, export};
use std::path::Path;

#[test]
fn circuit_ids_are_the_pinned_ones() {
    let mut ids = "name,parameters,circuit_id\n".to_owned();
    for entry in catalog::entries() {
        let file = export::r1cs_file(&entry.build()).unwrap();
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
