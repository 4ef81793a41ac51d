//! The generic gadgets over fields of five to eight bits, where every assignment of every wire can be tried: exactly the native
//! relation is accepted, and in one way.

use super::bits::{Bit, assert_below, decompose, is_nonzero, one_hot_16};
use super::int::Int;
use crate::builder::Output;
use crate::soundness::exhaustive::fields::{F17, F19, F101, F251};
use crate::soundness::exhaustive::{ambiguous, satisfying};
use crate::soundness::propagation::propagate;
use crate::{Builder, Lc, R1cs};
use ark_ff::{BigInteger, PrimeField};
use std::collections::BTreeSet;

fn structure<F: PrimeField>(circuit: impl FnOnce(&mut Builder<F>)) -> R1cs<F> {
    let mut cs = Builder::structure();
    circuit(&mut cs);
    cs.finish().0
}

/// What all satisfying assignments have in the first `wires` wires after the constant, as integers; every other wire must follow
/// from them, and propagation must say so.
fn relation<F: PrimeField>(r1cs: &R1cs<F>, wires: usize) -> BTreeSet<Vec<u64>> {
    let found = satisfying(r1cs);
    assert_eq!(
        ambiguous(r1cs, &found),
        Vec::<usize>::new(),
        "one way to satisfy it"
    );
    assert_eq!(propagate(r1cs).leftovers, Vec::<usize>::new());
    let shown: BTreeSet<Vec<u64>> = found
        .iter()
        .map(|assignment| {
            assignment[1..=wires]
                .iter()
                .map(|value| integer(*value))
                .collect()
        })
        .collect();
    assert_eq!(shown.len(), found.len());
    shown
}

fn integer<F: PrimeField>(value: F) -> u64 {
    value.into_bigint().as_ref()[0]
}

/// A signed integer as the least non-negative representative.
fn representative<F: PrimeField>(value: i64) -> u64 {
    let modulus = F::MODULUS.as_ref()[0].cast_signed();
    value.rem_euclid(modulus).cast_unsigned()
}

fn outputs<F: PrimeField>(cs: &mut Builder<F>, count: usize) -> Vec<Output> {
    (0..count).map(|_| cs.public_output("out")).collect()
}

fn bind<F: PrimeField>(cs: &mut Builder<F>, outputs: Vec<Output>, results: &[Lc<F>]) {
    for (output, result) in outputs.into_iter().zip(results) {
        cs.bind_output(output, result);
    }
}

fn lcs<F: PrimeField>(bits: &[Bit<F>]) -> Vec<Lc<F>> {
    bits.iter().map(|bit| bit.lc().clone()).collect()
}

/// Numbers of `width` bits, lowest first, after the number itself.
fn with_bits(numbers: impl Iterator<Item = u64>, width: usize) -> BTreeSet<Vec<u64>> {
    let bits = |number: u64| (0..width).map(move |i| number >> i & 1);
    numbers
        .map(|number| std::iter::once(number).chain(bits(number)).collect())
        .collect()
}

fn decompositions<F: PrimeField>(width: usize) {
    let r1cs = structure::<F>(|cs| {
        let value = cs.public("value", F::ZERO);
        let outputs = outputs(cs, width);
        let bits = decompose(cs, "bit", &value, width);
        bind(cs, outputs, &lcs(&bits));
    });
    let modulus = integer(-F::ONE) + 1;
    assert!(1u64 << width <= modulus, "wider decompositions need a comparison");
    assert_eq!(
        relation(&r1cs, 1 + width),
        with_bits(0..1 << width, width),
        "{width} bits"
    );
}

#[test]
fn decompose_is_exact() {
    (0..=4).for_each(decompositions::<F17>);
    (0..=4).for_each(decompositions::<F19>);
    (0..=6).for_each(decompositions::<F101>);
    (0..=7).for_each(decompositions::<F251>);
}

/// Wide enough for small elements twice: without the comparison they have two decompositions, with it one. The comparison looks at
/// all bits but the lowest, so that of all elements only the largest is refused (as 2^-100 of them are by `canonical_bits`).
#[test]
fn a_wide_decomposition_is_exact_with_its_comparison() {
    fn wide<F: PrimeField>(compared: bool) -> R1cs<F> {
        let width = F::MODULUS_BIT_SIZE as usize;
        structure(|cs| {
            let value = cs.public("value", F::ZERO);
            let outputs = outputs(cs, width);
            let bits = decompose(cs, "bit", &value, width);
            if compared {
                let highest_first: Vec<Lc<F>> = lcs(&bits[1..]).into_iter().rev().collect();
                let modulus: Vec<bool> = (1..width).rev().map(|i| F::MODULUS.get_bit(i)).collect();
                assert_below(cs, &highest_first, &modulus);
            }
            bind(cs, outputs, &lcs(&bits));
        })
    }
    fn exact<F: PrimeField>() {
        let (width, modulus) = (F::MODULUS_BIT_SIZE as usize, integer(-F::ONE) + 1);
        assert_eq!(
            relation(&wide::<F>(true), 1 + width),
            with_bits(0..modulus - 1, width)
        );
        let loose = wide::<F>(false);
        assert_eq!(satisfying(&loose).len(), 1 << width);
        let leftovers = propagate(&loose).leftovers;
        assert!(
            ambiguous(&loose, &satisfying(&loose))
                .iter()
                .all(|wire| leftovers.contains(wire))
        );
    }
    exact::<F17>();
    exact::<F19>();
    exact::<F101>();
    exact::<F251>();
}

#[test]
fn assert_below_is_exact() {
    for bound in 0u64..32 {
        let r1cs = structure::<F101>(|cs| {
            let bits: Vec<Lc<F101>> = (0..5)
                .map(|_| Bit::choice(cs, "bit", false).lc().clone())
                .collect();
            let bound: Vec<bool> = (0..5).rev().map(|i| bound >> i & 1 == 1).collect();
            assert_below(cs, &bits, &bound);
        });
        let highest_first = |number: u64| (0..5).rev().map(|i| number >> i & 1).collect();
        assert_eq!(
            relation(&r1cs, 5),
            (0..bound).map(highest_first).collect(),
            "below {bound}"
        );
    }
}

#[test]
fn one_hot_is_exact() {
    let r1cs = structure::<F17>(|cs| {
        let bits: [Bit<F17>; 4] = std::array::from_fn(|_| Bit::choice(cs, "bit", false));
        for indicator in one_hot_16(cs, &bits) {
            let wire = cs.hint("indicator", indicator.value());
            cs.enforce(&indicator, &Lc::one(), &wire);
        }
    });
    let found = satisfying(&r1cs);
    assert_eq!(ambiguous(&r1cs, &found), Vec::<usize>::new());
    let of = |assignment: &Vec<F17>| {
        let number: u64 = (0..4).map(|i| integer(assignment[1 + i]) << i).sum();
        let hot: Vec<u64> = assignment[assignment.len() - 16..]
            .iter()
            .map(|value| integer(*value))
            .collect();
        (number, hot)
    };
    let expected = |number: u64| (number, (0..16).map(|i| u64::from(i == number)).collect());
    assert_eq!(
        found.iter().map(of).collect::<BTreeSet<_>>(),
        (0..16).map(expected).collect()
    );
    assert_eq!(found.len(), 16);
}

#[test]
fn bit_operations_are_exact() {
    let r1cs = structure::<F101>(|cs| {
        let outputs = outputs(cs, 3);
        let [a, b] = [(); 2].map(|()| Bit::choice(cs, "bit", false));
        let value = cs.input("value", F101::from(7u64));
        let and = a.and(cs, &b);
        let selected = a.select(cs, &value, b.lc());
        bind(cs, outputs, &[and.lc().clone(), selected, a.not().lc().clone()]);
    });
    let mut expected = BTreeSet::new();
    for (a, b) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for value in 0..101 {
            expected.insert(vec![a * b, if a == 1 { value } else { b }, 1 - a, a, b, value]);
        }
    }
    assert_eq!(relation(&r1cs, 6), expected);
}

#[test]
fn is_nonzero_is_exact() {
    let r1cs = structure::<F251>(|cs| {
        let value = cs.public("value", F251::from(0u64));
        let outputs = outputs(cs, 1);
        let nonzero = is_nonzero(cs, &value);
        bind(cs, outputs, &[nonzero.lc().clone()]);
    });
    let expected = |value: u64| vec![value, u64::from(value != 0)];
    assert_eq!(relation(&r1cs, 2), (0..251).map(expected).collect());
}

#[test]
fn signs_and_ranges_are_exact() {
    let r1cs = structure::<F251>(|cs| {
        let outputs = outputs(cs, 1);
        let value = Int::input_between(cs, "value", 0, -20, 11);
        let sign = value.is_nonnegative(cs, "sign");
        bind(cs, outputs, &[sign.lc().clone()]);
    });
    let expected = |value: i64| vec![u64::from(value >= 0), representative::<F251>(value)];
    assert_eq!(relation(&r1cs, 2), (-20..=11).map(expected).collect());
    // Any interval, whether its length is a power of two or not.
    for (min, max) in [(0, 0), (-1, 1), (3, 10), (-7, 24), (-30, 30), (-31, 32)] {
        let r1cs = structure::<F251>(|cs| {
            Int::input_between(cs, "value", 0, min, max);
        });
        let within: BTreeSet<u64> = satisfying(&r1cs).iter().map(|found| integer(found[1])).collect();
        let expected = |value: i128| representative::<F251>(i64::try_from(value).unwrap_or_default());
        assert_eq!(within, (min..=max).map(expected).collect(), "{min}..={max}");
    }
}

#[test]
fn products_and_sums_are_exact() {
    let r1cs = structure::<F251>(|cs| {
        let outputs = outputs(cs, 2);
        let a = Int::input_between(cs, "a", 0, -5, 5);
        let b = Int::input_between(cs, "b", 0, 0, 7);
        let product = a.mul(cs, "product", &b);
        let sum = product.plus(&a.times(3)).minus(&b).plus(&Int::constant(2));
        bind(cs, outputs, &[product.lc().clone(), sum.lc().clone()]);
    });
    let found: BTreeSet<Vec<u64>> = satisfying(&r1cs)
        .iter()
        .map(|found| found[1..=2].iter().map(|value| integer(*value)).collect())
        .collect();
    let mut expected = BTreeSet::new();
    for a in -5..=5 {
        for b in 0..=7 {
            expected.insert(
                [a * b, a * b + 3 * a - b + 2]
                    .map(representative::<F251>)
                    .to_vec(),
            );
        }
    }
    assert_eq!(found, expected);
}

/// Every operation refuses, while the circuit is built, what could pass half the modulus, here 50.
#[test]
fn integers_stop_at_half_the_modulus() {
    type Operation = fn(&mut Builder<F101>) -> Int<F101>;
    fn up_to(cs: &mut Builder<F101>, max: i128) -> Int<F101> {
        let wire = cs.input("wire", F101::from(0u64));
        Int::known(wire, 0, max)
    }
    let fitting: [Operation; 6] = [
        |cs| up_to(cs, 50),
        |cs| up_to(cs, 25).plus(&up_to(cs, 25)),
        |cs| Int::constant(-25).minus(&up_to(cs, 25)),
        |cs| up_to(cs, 5).times(-10),
        |cs| Int::sum(&[up_to(cs, 49), Int::constant(1)]),
        |cs| {
            let [a, b] = [10, 5].map(|max| up_to(cs, max));
            a.mul(cs, "product", &b)
        },
    ];
    let passing: [Operation; 6] = [
        |cs| up_to(cs, 51),
        |cs| up_to(cs, 25).plus(&up_to(cs, 26)),
        |cs| Int::constant(-25).minus(&up_to(cs, 26)),
        |cs| up_to(cs, 3).times(-17),
        |cs| Int::sum(&[up_to(cs, 50), Int::constant(1)]),
        |cs| {
            let [a, b] = [17, 3].map(|max| up_to(cs, max));
            a.mul(cs, "product", &b)
        },
    ];
    let builds =
        |operation: Operation| std::panic::catch_unwind(|| operation(&mut Builder::structure())).is_ok();
    for (i, (fits, passes)) in fitting.into_iter().zip(passing).enumerate() {
        assert!(builds(fits) && !builds(passes), "operation {i}");
    }
}

/// `floor(a / b)` for a in 0..=20 and b in 1..=4: a quotient of bits with two range checks, as the scores are made.
#[test]
fn division_with_remainder_is_exact() {
    let r1cs = structure::<F251>(|cs| {
        let outputs = outputs(cs, 1);
        let a = Int::input_between(cs, "a", 0, 0, 20);
        let b = Int::input_between(cs, "b", 1, 1, 4);
        let quotient = Int::from_new_bits(cs, "quotient", 3, 0);
        let remainder = a.minus(&quotient.mul(cs, "whole", &b));
        remainder.assert_bits(cs, "remainder", 2);
        b.minus(&Int::constant(1))
            .minus(&remainder)
            .assert_bits(cs, "rest", 2);
        bind(cs, outputs, &[quotient.lc().clone()]);
    });
    let wires = ["a", "b", "out"].map(|name| r1cs.find_wire(name).unwrap_or_default());
    let found: BTreeSet<[u64; 3]> = satisfying(&r1cs)
        .iter()
        .map(|found| wires.map(|wire| integer(found[wire])))
        .collect();
    let pairs = (0..=20).flat_map(|a| (1..=4).map(move |b| [a, b, a / b]));
    let expected: BTreeSet<[u64; 3]> = pairs.filter(|[_, _, quotient]| *quotient < 8).collect();
    assert_eq!(found, expected);
    assert_eq!(propagate(&r1cs).leftovers, Vec::<usize>::new());
}
