//! `.r1cs`: bytes are refused, or are a file that is written back byte for byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use popw_keys::R1csFile;

fuzz_target!(|bytes: &[u8]| {
    match R1csFile::read(bytes) {
        Ok(file) => {
            let mut out = Vec::new();
            file.write(&mut out).unwrap();
            assert!(out == bytes);
        }
        Err(error) => assert!(error.offset <= bytes.len() as u64, "{error}"),
    }
});
