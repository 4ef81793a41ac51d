//! Field arithmetic.

use super::gpus;
use crate::kernel::{Access, Batch, Kernel};
use crate::shader::field::Field;
use crate::{Form, Gpu};
use ark_bn254::{Fq, Fr};
use ark_ff::{BigInt, PrimeField};
use ark_std::test_rng;

fn words<F: PrimeField<BigInt = BigInt<4>>>(values: &[BigInt<4>]) -> Vec<u8> {
    let _ = std::marker::PhantomData::<F>;
    values
        .iter()
        .flat_map(|value| value.0)
        .flat_map(u64::to_le_bytes)
        .collect()
}

fn elements(bytes: &[u8]) -> Vec<BigInt<4>> {
    bytes
        .chunks_exact(32)
        .map(|bytes| {
            let word = |i: usize| u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().unwrap());
            BigInt([word(0), word(1), word(2), word(3)])
        })
        .collect()
}

/// Runs `out[i] = expression(a, b)` over pairs of integers below 2^256.
fn run<F: PrimeField<BigInt = BigInt<4>>>(
    gpu: &Gpu,
    expression: &str,
    left: &[BigInt<4>],
    right: &[BigInt<4>],
) -> Vec<BigInt<4>> {
    let source = format!(
        "{}
struct Given {{ count: u32 }}
var<immediate> given: Given;
@group(0) @binding(0) var<storage, read> left: array<array<vec4<u32>, 2>>;
@group(0) @binding(1) var<storage, read> right: array<array<vec4<u32>, 2>>;
@group(0) @binding(2) var<storage, read_write> result: array<array<vec4<u32>, 2>>;
@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {{
    let t = thread(group, groups, local);
    if t >= given.count {{ return; }}
    let a = f_unpack(left[t]);
    let b = f_unpack(right[t]);
    result[t] = f_pack({expression});
}}",
        Field::new::<F>(gpu.form(), "F").source()
    );
    let kernel = Kernel::new(
        gpu,
        "test",
        &source,
        &[Access::Read, Access::Read, Access::Write],
        64,
    )
    .unwrap();
    let bytes = 32 * left.len() as u64;
    let inputs = [
        gpu.upload("left", &words::<F>(left)).unwrap(),
        gpu.upload("right", &words::<F>(right)).unwrap(),
    ];
    let result = gpu.buffer("result", bytes).unwrap();
    let mut batch = Batch::new(gpu);
    batch.run(
        &kernel,
        &[&inputs[0], &inputs[1], &result],
        &[left.len() as u32],
        left.len() as u64,
    );
    batch.submit().unwrap();
    elements(&gpu.read(&result, bytes).unwrap())
}

fn laws<F: PrimeField<BigInt = BigInt<4>>>() {
    let mut rng = test_rng();
    let edges = [
        F::ZERO,
        F::one(),
        -F::one(),
        F::from(2u64),
        -F::from(2u64),
        F::from(u64::MAX),
    ];
    let mut left: Vec<F> = edges.iter().flat_map(|value| edges.map(|_| *value)).collect();
    let mut right: Vec<F> = edges.iter().flat_map(|_| edges).collect();
    for _ in 0..100_000 {
        left.push(F::rand(&mut rng));
        right.push(F::rand(&mut rng));
    }
    let integers = |values: &[F]| values.iter().map(|value| value.into_bigint()).collect::<Vec<_>>();
    let (a, b) = (integers(&left), integers(&right));
    let pairs = || left.iter().zip(&right);
    for gpu in gpus() {
        let inverse = F::from(2u64)
            .pow([u64::from(gpu.form().radix_bits())])
            .inverse()
            .unwrap();
        let shift = F::from(1u64 << gpu.form().key_shift());
        let check = |expression: &str, expected: Vec<F>| {
            let got = run::<F>(&gpu, expression, &a, &b);
            for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
                let message = format!(
                    "{expression} of {} and {}, {:?}",
                    left[index],
                    right[index],
                    gpu.form()
                );
                assert_eq!(
                    F::from_le_bytes_mod_order(&words::<F>(&[*got])),
                    *expected,
                    "{message}"
                );
            }
            got
        };
        check("f_mul(a, b)", pairs().map(|(a, b)| *a * b * inverse).collect());
        check("f_sqr(a)", left.iter().map(|a| a.square() * inverse).collect());
        check(
            "f_mul2(a, b, b, b)",
            pairs().map(|(a, b)| (*a + b) * b * inverse).collect(),
        );
        check("f_add(a, b)", pairs().map(|(a, b)| *a + b).collect());
        check("f_sub2(a, b)", pairs().map(|(a, b)| *a - b).collect());
        check("f_reduce(f_sub32(a, b))", pairs().map(|(a, b)| *a - b).collect());
        check(
            "f_reduce(f_sub16(f_neg8(a), b))",
            pairs().map(|(a, b)| -*a - b).collect(),
        );
        // The largest values that a square takes.
        check(
            "f_sqr(f_add(f_neg8(f_zero()), a))",
            left.iter().map(|a| a.square() * inverse).collect(),
        );
        let key = check(
            "f_mul(f_unpack_key(f_pack(a)), f_neg2(b))",
            pairs().map(|(a, b)| -*a * b * shift * inverse).collect(),
        );
        assert!(key.iter().all(|value| *value < BigInt([u64::MAX; 4])));
        let canonical = check("f_canonical(f_add(a, b))", pairs().map(|(a, b)| *a + b).collect());
        assert!(
            canonical.iter().all(|value| *value < F::MODULUS),
            "canonical values are below p"
        );
        let flags = run::<F>(
            &gpu,
            "f_select(f_zero(), f_one(), f_is_zero(f_add(a, b)))",
            &a,
            &b,
        );
        let zeros = pairs().map(|(a, b)| (*a + b).is_zero());
        assert!(
            flags.iter().map(|flag| *flag != BigInt([0; 4])).eq(zeros),
            "zeros are found"
        );
    }
}

#[test]
fn arithmetic_of_the_base_field_is_that_of_arkworks() {
    laws::<Fq>();
}

#[test]
fn arithmetic_of_the_scalar_field_is_that_of_arkworks() {
    laws::<Fr>();
}

#[test]
fn redundant_keys_fit_their_limbs() {
    for form in [Form::Wide, Form::Narrow] {
        assert!(form.radix_bits() > 256 && form.key_shift() <= 5);
    }
}
