//! Propagation against the truth: over small fields every satisfying assignment is known, so each claim "this wire is determined" can
//! be checked; and each rule must reach what it is for.

#![allow(clippy::unwrap_used)]

use super::propagate;
use crate::soundness::exhaustive::fields::{F17, F19, F101};
use crate::soundness::exhaustive::{ambiguous, satisfying};
use crate::{Builder, Lc, R1cs};
use ark_ff::{AdditiveGroup, Field, PrimeField};
use ark_std::rand::rngs::StdRng;
use ark_std::rand::{Rng, SeedableRng};

fn structure<F: PrimeField>(circuit: impl FnOnce(&mut Builder<F>)) -> R1cs<F> {
    let mut cs = Builder::structure();
    circuit(&mut cs);
    cs.finish().0
}

/// A random row over the wires so far: products, sums of bits, inverses, zero tests and nonsense, with small coefficients, so that
/// rules apply often and often by a hair not.
fn random_row<F: PrimeField>(cs: &mut Builder<F>, rng: &mut StdRng, wires: &[Lc<F>]) {
    let mut lc = |terms: usize| {
        let mut sum = Lc::constant(F::from(rng.gen_range(0u64..2)));
        for _ in 0..rng.gen_range(0..=terms) {
            let coefficient = [
                1u64,
                1,
                2,
                4,
                F::MODULUS.as_ref()[0] - 1,
                F::MODULUS.as_ref()[0] - 2,
            ][rng.gen_range(0..6)];
            sum.add_scaled(&wires[rng.gen_range(0..wires.len())], F::from(coefficient));
        }
        sum
    };
    let (a, b, c) = (lc(3), lc(2), lc(3));
    match rng.gen_range(0..6) {
        0 => cs.assert(&a, &(a.clone() + -F::ONE), &Lc::zero()),
        1 => cs.assert(&a, &b, &Lc::zero()),
        2 => cs.assert(&a, &b, &Lc::one()),
        3 => cs.assert(&a, &Lc::one(), &c),
        4 => cs.assert(&a, &a, &c),
        _ => cs.assert(&a, &b, &c),
    }
}

fn random_circuit<F: PrimeField>(rng: &mut StdRng) -> R1cs<F> {
    structure(|cs| {
        let mut wires = vec![cs.public("in", F::ZERO), cs.input("in", F::ZERO)];
        for _ in 0..rng.gen_range(1..=3) {
            let wire = cs.hint("hint", F::ZERO);
            if rng.gen_bool(0.5) {
                cs.enforce(&wire, &(wire.clone() + -F::ONE), &Lc::zero());
            }
            wires.push(wire);
        }
        for _ in 0..rng.gen_range(1..=4) {
            random_row(cs, rng, &wires);
        }
    })
}

#[test]
fn what_propagation_calls_determined_is_determined() {
    let rounds: usize = std::env::var("POPW_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(1);
    let mut rng = StdRng::seed_from_u64(7);
    let (mut reached, mut left) = (0, 0);
    for _ in 0..3000 * rounds {
        let r1cs = random_circuit::<F17>(&mut rng);
        let outcome = propagate(&r1cs);
        let undetermined = ambiguous(&r1cs, &satisfying(&r1cs));
        for wire in &undetermined {
            assert!(outcome.leftovers.contains(wire), "{}", r1cs.wire_name(*wire));
        }
        reached += outcome.determined;
        left += outcome.leftovers.len();
    }
    assert!(
        reached > 1000 && left > 1000,
        "both kinds occur: {reached} and {left}"
    );
}

/// Builds a circuit over a small field, checks the verdict on its hints against the truth, and returns how many are left over.
fn leftovers<F: PrimeField>(circuit: impl FnOnce(&mut Builder<F>)) -> usize {
    let r1cs = structure(circuit);
    let left = propagate(&r1cs).leftovers;
    let ambiguous = ambiguous(&r1cs, &satisfying(&r1cs));
    assert!(ambiguous.iter().all(|wire| left.contains(wire)));
    left.len()
}

fn boolean<F: PrimeField>(cs: &mut Builder<F>) -> Lc<F> {
    let bit = cs.hint("bit", F::ZERO);
    cs.enforce(&bit, &(bit.clone() + -F::ONE), &Lc::zero());
    bit
}

/// `value - sum 2^i bit_i` is 0 or 1: the value has `bits` bits.
fn range<F: PrimeField>(cs: &mut Builder<F>, value: &Lc<F>, bits: usize) {
    let mut rest = value.clone();
    for i in 1..bits {
        let bit = boolean(cs);
        rest.add_scaled(&bit, -F::from(1u64 << i));
    }
    cs.assert(&rest, &(rest.clone() + -F::ONE), &Lc::zero());
}

#[test]
fn a_quotient_needs_a_factor_that_is_not_zero() {
    let quotient = |excluded: bool| {
        leftovers::<F17>(|cs| {
            let [a, b] = [(); 2].map(|()| cs.input("in", F17::ZERO));
            if excluded {
                cs.assert_nonzero("inverse", &b);
            }
            cs.divide("quotient", &a, &b);
        })
    };
    assert_eq!((quotient(true), quotient(false)), (0, 1));
}

#[test]
fn digits_need_weights_that_grow_and_fit() {
    let digits = |weights: &'static [u64]| {
        leftovers::<F19>(|cs| {
            let mut sum = -cs.input("sum", F19::ZERO);
            for weight in weights {
                let bit = boolean(cs);
                sum.add_scaled(&bit, F19::from(*weight));
            }
            cs.assert(&sum, &Lc::one(), &Lc::zero());
        })
    };
    assert_eq!(digits(&[1, 2, 4, 8]), 0);
    assert_eq!(digits(&[3, 6, 12, 24]), 0, "a common factor");
    assert_eq!(digits(&[1, 18 - 1, 4]), 0, "a negative weight: 17 is -2");
    assert_eq!(digits(&[1, 2, 3]), 3, "1 + 2 = 3");
    assert_eq!(digits(&[1, 2, 4, 8, 16]), 5, "31 > 19");
}

#[test]
fn a_zero_test_needs_both_rows() {
    let test = |rows: [bool; 3]| {
        leftovers::<F17>(|cs| {
            let x = cs.input("x", F17::ZERO);
            let [inverse, zero] = ["inverse", "zero"].map(|name| cs.hint(name, F17::ZERO));
            let nonzero = -zero.clone() + F17::ONE;
            if rows[0] {
                cs.enforce(&x, &inverse, &nonzero);
            }
            if rows[1] {
                cs.assert(&x, &zero, &Lc::zero());
            }
            if rows[2] {
                cs.enforce(&zero, &inverse, &Lc::zero());
            }
        })
    };
    assert_eq!(test([true, true, true]), 0);
    assert_eq!(
        test([true, true, false]),
        1,
        "circomlib's IsZero: the inverse of 0 is free"
    );
    assert_eq!(test([true, false, true]), 2);
    assert_eq!(test([false, true, true]), 2);
}

#[test]
fn a_root_needs_a_sign() {
    let root = |bits: usize| {
        leftovers::<F101>(|cs| {
            let square = cs.input("square", F101::ZERO);
            let root = cs.hint("root", F101::ZERO);
            cs.enforce(&root, &root, &square);
            range(cs, &root, bits);
        })
    };
    assert_eq!(root(4), 0);
    assert_eq!(root(6), 6, "50 and 51 are opposite");
}

#[test]
fn a_division_needs_both_ranges_and_room() {
    let division = |quotient_bits: usize, both: bool| {
        leftovers::<F101>(|cs| {
            let [a, b] = [(); 2].map(|()| cs.input("in", F101::ZERO));
            let mut quotient = Lc::zero();
            for i in 0..quotient_bits {
                let bit = boolean(cs);
                quotient.add_scaled(&bit, F101::from(1u64 << i));
            }
            let remainder = &a - &cs.mul("whole", &quotient, &b);
            range(cs, &remainder, 1);
            if both {
                range(cs, &(&b - &remainder + -F101::ONE), 1);
            }
        })
    };
    assert_eq!(division(2, true), 0);
    assert_eq!(division(2, false), 3);
    // 2^6 quotients of a divisor up to 2 pass half of 101.
    assert_eq!(division(6, true), 7);
    let by_three = |both: bool| {
        leftovers::<F101>(|cs| {
            let a = cs.input("a", F101::ZERO);
            let [low, high] = [(); 2].map(|()| boolean(cs));
            let mut remainder = a;
            remainder.add_scaled(&low, -F101::from(3u64));
            remainder.add_scaled(&high, -F101::from(6u64));
            range(cs, &remainder, 2);
            if both {
                range(cs, &(-remainder + F101::from(2u64)), 2);
            }
        })
    };
    assert_eq!((by_three(true), by_three(false)), (0, 3));
}
