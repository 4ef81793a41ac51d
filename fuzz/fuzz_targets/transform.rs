//! Transforms and the quotient: every backend of this machine agrees with the reference.
//!
//! The first byte is the logarithm of the size, the rest are field elements of as many bytes as there are for each.
#![no_main]

use ark_bn254::Fr;
use ark_ff::PrimeField;
use libfuzzer_sys::fuzz_target;
use popw_kernels::backend::{available, by_name};
use popw_kernels::{CancelToken, Control, Transform};
use std::ops::Range;

fuzz_target!(|bytes: &[u8]| {
    let Some((log2, rest)) = bytes.split_first() else {
        return;
    };
    let size = 1 << (log2 % 11);
    let values: Vec<Fr> = match rest.len().div_ceil(size) {
        0 => vec![Fr::from(0u64); size],
        each => {
            let mut values: Vec<Fr> = rest.chunks(each).map(Fr::from_le_bytes_mod_order).collect();
            values.resize(size, -Fr::from(1u64));
            values
        }
    };
    let token = CancelToken::new();
    let control = Control::silent(&token);
    let reference = by_name("reference").unwrap();
    for transform in [Transform::Forward, Transform::Inverse, Transform::OddCoset] {
        let mut expected = values.clone();
        reference.ntt(&mut expected, transform, &control).unwrap();
        for backend in available() {
            let mut got = values.clone();
            backend.ntt(&mut got, transform, &control).unwrap();
            assert!(got == expected, "{transform:?} on {}", backend.name());
        }
    }
    let rows = |range: Range<usize>, a: &mut [Fr], b: &mut [Fr]| {
        a.copy_from_slice(&values[range.clone()]);
        b.iter_mut()
            .zip(range)
            .for_each(|(b, row)| *b = values[size - 1 - row]);
    };
    let expected = reference.quotient(size, &rows, &control).unwrap();
    for backend in available() {
        assert!(
            backend.quotient(size, &rows, &control).unwrap() == expected,
            "{}",
            backend.name()
        );
    }
});
