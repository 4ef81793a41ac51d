//! snarkjs's JSON: a text is refused by each of the three readers, or what was read survives being written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use popw_verifier::snarkjs;

fuzz_target!(|text: &str| {
    if let Ok(key) = snarkjs::read_verifying_key(text) {
        let written = snarkjs::write_verifying_key(&key).unwrap();
        assert_eq!(snarkjs::read_verifying_key(&written), Ok(key));
    }
    if let Ok(proof) = snarkjs::read_proof(text) {
        let written = snarkjs::write_proof(&proof).unwrap();
        assert_eq!(snarkjs::read_proof(&written), Ok(proof));
    }
    if let Ok(inputs) = snarkjs::read_public(text) {
        let written = snarkjs::write_public(&inputs).unwrap();
        assert_eq!(snarkjs::read_public(&written), Ok(inputs));
    }
});
