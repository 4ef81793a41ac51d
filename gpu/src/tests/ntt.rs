//! Transforms and quotients against the reference backend.

use super::gpus;
use crate::Gpu;
use crate::memory::scalars_of;
use crate::ntt::Transforms;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, UniformRand};
use ark_std::test_rng;
use popw_kernels::{Backend, CancelToken, Control, Transform, reference::Reference};
use std::ops::Range;

const ALL: [Transform; 3] = [Transform::Forward, Transform::Inverse, Transform::OddCoset];

fn inputs(size: usize) -> Vec<Vec<Fr>> {
    let mut rng = test_rng();
    let mut single = vec![Fr::ZERO; size];
    single[size / 3] = -Fr::from(1u64);
    vec![
        vec![Fr::ZERO; size],
        vec![-Fr::from(1u64); size],
        single,
        (0..size).map(|_| Fr::rand(&mut rng)).collect(),
    ]
}

fn check(gpu: &Gpu, transforms: &Transforms, size: usize, oracle: &dyn Backend) {
    let token = CancelToken::new();
    let control = Control::silent(&token);
    for (input, transform) in inputs(size)
        .iter()
        .flat_map(|input| ALL.map(|transform| (input, transform)))
    {
        let (mut got, mut expected) = (input.clone(), input.clone());
        oracle.ntt(&mut expected, transform, &control).unwrap();
        transforms.transform(gpu, &mut got, transform).unwrap();
        assert!(
            got == expected,
            "{transform:?} of {size} values, {:?}",
            gpu.form()
        );
    }
}

fn check_quotient(gpu: &Gpu, transforms: &Transforms, size: usize, oracle: &dyn Backend) {
    let token = CancelToken::new();
    let control = Control::silent(&token);
    for (a, b) in inputs(size)
        .iter()
        .flat_map(|a| inputs(size).into_iter().map(move |b| (a, b)))
    {
        let rows = |range: Range<usize>, left: &mut [Fr], right: &mut [Fr]| {
            left.copy_from_slice(&a[range.clone()]);
            right.copy_from_slice(&b[range]);
        };
        let expected = oracle.quotient(size, &rows, &control).unwrap();
        let buffer = transforms.quotient(gpu, size, &rows, &control).unwrap();
        let got = scalars_of(&gpu.read(&buffer, 32 * size as u64).unwrap());
        assert!(got == expected, "the quotient of {size} rows, {:?}", gpu.form());
    }
}

#[test]
fn transforms_are_those_of_the_reference() {
    for gpu in gpus() {
        let transforms = Transforms::new(&gpu).unwrap();
        for log_size in 0..=11 {
            check(&gpu, &transforms, 1 << log_size, &Reference);
        }
    }
}

#[test]
fn quotients_are_those_of_the_reference() {
    for gpu in gpus() {
        let transforms = Transforms::new(&gpu).unwrap();
        for log_size in 0..=8 {
            check_quotient(&gpu, &transforms, 1 << log_size, &Reference);
        }
    }
}

/// Several pieces of rows, several rows of groups.
#[test]
fn large_transforms_are_those_of_the_cpu() {
    let cpu = popw_kernels::backend::by_name("portable").unwrap();
    for gpu in gpus() {
        let transforms = Transforms::new(&gpu).unwrap();
        check(&gpu, &transforms, 1 << 16, cpu.as_ref());
        check_quotient(&gpu, &transforms, 1 << 15, cpu.as_ref());
    }
}
