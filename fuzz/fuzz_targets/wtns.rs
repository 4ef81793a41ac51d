//! `.wtns`: bytes are refused, or are a file that is written back byte for byte; both readers agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use popw_keys::{read_wtns, read_wtns_scalars, write_wtns};

fuzz_target!(|bytes: &[u8]| {
    let integers = read_wtns_scalars(bytes);
    match read_wtns(bytes) {
        Ok(values) => {
            let mut out = Vec::new();
            write_wtns(&mut out, &values).unwrap();
            assert!(out == bytes);
            assert_eq!(integers.unwrap().len(), values.len());
        }
        Err(error) => {
            assert!(error.offset <= bytes.len() as u64, "{error}");
            assert_eq!(integers, Err(error));
        }
    }
});
