//! The law suite of the transforms, the quotient's numerator and the field vectors: every backend that this machine runs against the
//! reference.

#![allow(clippy::unwrap_used, reason = "a test that panics says where it failed")]

mod common;

use ark_bn254::Fr;
use ark_ff::{One, PrimeField, UniformRand, Zero};
use ark_std::rand::rngs::StdRng;
use ark_std::rand::{Rng, SeedableRng};
use common::{fast, reference, rounds};
use popw_kernels::backend::available;
use popw_kernels::{Backend, CancelToken, Control, KernelError, Scalar, Transform};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const ALL: [Transform; 3] = [Transform::Forward, Transform::Inverse, Transform::OddCoset];

/// Values of each kind: random, zeros, all r - 1, a single one, bits.
fn kinds(rng: &mut StdRng, size: usize) -> [Vec<Fr>; 5] {
    let mut single = vec![Fr::zero(); size];
    single[rng.gen_range(0..size)] = Fr::one();
    [
        (0..size).map(|_| Fr::rand(rng)).collect(),
        vec![Fr::zero(); size],
        vec![-Fr::one(); size],
        single,
        (0..size).map(|_| Fr::from(rng.r#gen::<bool>())).collect(),
    ]
}

fn transformed(backend: &dyn Backend, values: &[Fr], transform: Transform) -> Vec<Fr> {
    let token = CancelToken::new();
    let mut values = values.to_vec();
    backend
        .ntt(&mut values, transform, &Control::silent(&token))
        .unwrap();
    values
}

fn quotient(backend: &dyn Backend, a: &[Fr], b: &[Fr]) -> Vec<Scalar> {
    let token = CancelToken::new();
    let asked = AtomicUsize::new(0);
    let rows = |range: Range<usize>, left: &mut [Fr], right: &mut [Fr]| {
        asked.fetch_add(range.len(), Ordering::Relaxed);
        left.copy_from_slice(&a[range.clone()]);
        right.copy_from_slice(&b[range]);
    };
    let result = backend
        .quotient(a.len(), &rows, &Control::silent(&token))
        .unwrap();
    assert_eq!(asked.into_inner(), a.len(), "every row is asked for once");
    result
}

#[test]
fn transforms_are_those_of_the_reference() {
    let mut rng = StdRng::seed_from_u64(1);
    for bits in (0..=12).chain([14, 16]) {
        for values in kinds(&mut rng, 1 << bits) {
            for transform in ALL {
                let expected = transformed(&*reference(), &values, transform);
                for backend in fast() {
                    let result = transformed(&*backend, &values, transform);
                    assert!(result == expected, "{} {transform:?} 2^{bits}", backend.name());
                }
            }
        }
    }
}

#[test]
fn numerators_are_those_of_the_reference() {
    let mut rng = StdRng::seed_from_u64(2);
    for bits in (0..=12).chain([14, 16]) {
        let (left, right) = (kinds(&mut rng, 1 << bits), kinds(&mut rng, 1 << bits));
        for (a, b) in [(0, 0), (0, 4), (1, 0), (2, 2), (3, 2), (4, 4)] {
            let expected = quotient(&*reference(), &left[a], &right[b]);
            for backend in fast() {
                let result = quotient(&*backend, &left[a], &right[b]);
                assert!(result == expected, "{} 2^{bits} kinds {a} {b}", backend.name());
            }
        }
    }
}

#[test]
fn the_inverse_undoes_and_sums_go_through() {
    let mut rng = StdRng::seed_from_u64(3);
    for _ in 0..rounds(3) {
        let size = 1 << rng.gen_range(0..15);
        let [x, .., y] = kinds(&mut rng, size);
        let factor = Fr::rand(&mut rng);
        let combined: Vec<Fr> = x.iter().zip(&y).map(|(x, y)| *x + factor * y).collect();
        for backend in fast() {
            let values = transformed(&*backend, &x, Transform::Forward);
            assert!(
                transformed(&*backend, &values, Transform::Inverse) == x,
                "{} {size}",
                backend.name()
            );
            for transform in ALL {
                let (x, y) = (
                    transformed(&*backend, &x, transform),
                    transformed(&*backend, &y, transform),
                );
                let expected: Vec<Fr> = x.iter().zip(&y).map(|(x, y)| *x + factor * y).collect();
                assert!(
                    transformed(&*backend, &combined, transform) == expected,
                    "{} {transform:?} {size}",
                    backend.name()
                );
            }
        }
    }
}

#[test]
fn vectors_of_any_length() {
    let mut rng = StdRng::seed_from_u64(4);
    for length in [0, 1, 7, 8, 9, 63, 1000, 4096, 4097, 10_000] {
        let left: Vec<Fr> = kinds(&mut rng, length.max(1))[0][..length].to_vec();
        for right in kinds(&mut rng, length + 1) {
            for right in [&right[..length], &right, &right[..length / 2]] {
                let mut expected = left.clone();
                reference().multiply(&mut expected, right);
                for backend in fast() {
                    let mut result = left.clone();
                    backend.multiply(&mut result, right);
                    assert!(result == expected, "{} {length}", backend.name());
                    let integers: Vec<Scalar> = right.iter().map(|value| value.into_bigint()).collect();
                    assert!(
                        backend.canonical(right) == integers,
                        "{} {length}",
                        backend.name()
                    );
                }
            }
        }
    }
}

#[test]
fn sizes_without_a_transform_are_errors() {
    let token = CancelToken::new();
    let control = Control::silent(&token);
    let rows = |_: Range<usize>, _: &mut [Fr], _: &mut [Fr]| {};
    for backend in available() {
        for size in [0, 3, 63, 65, 96, 1000] {
            let expected = KernelError::Domain { got: size };
            let mut values = vec![Fr::one(); size];
            for transform in ALL {
                assert_eq!(
                    backend.ntt(&mut values, transform, &control),
                    Err(expected.clone()),
                    "{}",
                    backend.name()
                );
            }
            assert_eq!(backend.quotient(size, &rows, &control), Err(expected));
        }
    }
    // Refused before anything is allocated.
    for backend in fast() {
        let size = 1 << 28;
        assert_eq!(
            backend.quotient(size, &rows, &control),
            Err(KernelError::Domain { got: size })
        );
    }
}

/// A call under a control.
type Work<'a> = dyn Fn(&Control<'_>) -> Result<(), KernelError> + 'a;

#[test]
fn cancelling_stops_every_pass() {
    let size = 1 << 12;
    let values = kinds(&mut StdRng::seed_from_u64(5), size)[0].clone();
    let rows = |range: Range<usize>, a: &mut [Fr], b: &mut [Fr]| {
        a.copy_from_slice(&values[range.clone()]);
        b.copy_from_slice(&values[range]);
    };
    for backend in fast() {
        // Each time after one more report of work, until it is through.
        let run = |stop: usize, run: &Work<'_>| {
            let token = CancelToken::new();
            let reports = Mutex::new((0, 0.0));
            let result = run(&Control::new(&token, &|part| {
                let mut reports = reports.lock().unwrap();
                *reports = (reports.0 + 1, reports.1 + part);
                if reports.0 > stop {
                    token.cancel();
                }
            }));
            let (count, sum) = reports.into_inner().unwrap();
            match &result {
                Ok(()) => assert!(
                    (sum - 1.0f64).abs() < 1e-6,
                    "{}: parts add up to {sum}",
                    backend.name()
                ),
                Err(error) => assert_eq!(*error, KernelError::Cancelled),
            }
            (result.is_ok(), count)
        };
        let tasks: [&Work<'_>; 2] = [
            &|control| backend.ntt(&mut values.clone(), Transform::OddCoset, control),
            &|control| backend.quotient(size, &rows, control).map(|_| ()),
        ];
        for task in tasks {
            let (through, all) = run(usize::MAX, task);
            assert!(through && all > 8, "{}: {all} reports", backend.name());
            for stop in 0..all - 1 {
                let (through, count) = run(stop, task);
                assert!(!through, "{}: not stopped at {stop} of {all}", backend.name());
                assert!(count <= stop + 1 + rayon_threads(), "{}", backend.name());
            }
        }
    }
}

/// Each thread may finish the piece that it is in.
fn rayon_threads() -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .max(64)
}
