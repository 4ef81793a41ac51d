//! `.zkey`: bytes are refused, or open; a key that opens is refused by its check, or is written back byte for
//! byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use popw_keys::zkey::Coefficient;
use popw_keys::{Zkey, write_zkey};

fuzz_target!(|bytes: &[u8]| {
    let key = match Zkey::from_bytes(bytes.to_vec()) {
        Ok(key) => key,
        Err(error) => {
            assert!(error.offset <= bytes.len() as u64, "{error}");
            return;
        }
    };
    match key.check(&|done, total| assert!(done <= total)) {
        Ok(()) => {
            let all: Vec<Coefficient> = key.coefficients().iter().map(|entry| entry.unwrap()).collect();
            let mut out = Vec::new();
            write_zkey(&mut out, &key.parts(), all.into_iter()).unwrap();
            assert!(out == bytes);
        }
        Err(error) => assert!(error.offset <= bytes.len() as u64, "{error}"),
    }
});
