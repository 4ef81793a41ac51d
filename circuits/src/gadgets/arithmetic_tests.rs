//! Tables and truncation: against their native twins, value by value, and at their pinned cost.

#![allow(clippy::unwrap_used)]

use super::int::Int;
use super::table::Table;
use super::truncation::truncated;
use crate::Builder;
use crate::soundness::build;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use popw_claims::coverage::free_space_table;

fn values(count: usize) -> Vec<Fr> {
    (0..count as u64)
        .map(|i| Fr::from(i * i * i + 7).inverse().unwrap())
        .collect()
}

#[test]
fn a_table_of_any_size_gives_its_entries() {
    for (count, rows) in [
        (1, 0),
        (2, 1),
        (3, 2),
        (4, 2),
        (5, 3),
        (9, 4),
        (10, 5),
        (16, 6),
        (17, 7),
        (100, 18),
    ] {
        let values = values(count);
        let table = Table::new(&values);
        for (index, value) in values.iter().enumerate() {
            let mut cs = Builder::structure();
            let index = cs.input("index", Fr::from(index as u64));
            assert_eq!(table.lookup(&mut cs, &index).value(), *value);
            let (r1cs, assignment) = cs.finish();
            assert_eq!(r1cs.constraints(), rows, "{count} entries");
            assert!(r1cs.violations(&assignment).is_empty());
        }
    }
}

#[test]
fn every_entry_of_the_free_space_table_is_read() {
    let values = free_space_table().map(Fr::from);
    let table = Table::new(&values);
    for (index, value) in values.iter().enumerate() {
        let mut cs = Builder::witness();
        let index = cs.input("index", Fr::from(index as u64));
        assert_eq!(table.lookup(&mut cs, &index).value(), *value);
    }
    let mut cs = Builder::structure();
    let index = cs.input("index", Fr::ZERO);
    table.lookup(&mut cs, &index);
    assert_eq!(cs.finish().0.constraints(), 71);
}

/// Each value, divided by each of several constants.
#[test]
fn truncation_is_rusts_division() {
    for (min, max, divisors) in [
        (-1_000, 1_000, vec![1, 2, 9, 10, 11, 1_000, 1_001]),
        (-7, 3, vec![1, 3, 10]),
        (0, 50, vec![7]),
        (-50, -1, vec![7, 10]),
        (0, 0, vec![10]),
    ] {
        for divisor in divisors {
            let circuit = |cs: &mut Builder<Fr>, value: &i128| {
                let value = Int::input_between(cs, "value", *value, min, max);
                truncated(cs, &value, divisor);
            };
            let step = if max - min > 100 && divisor != 10 { 17 } else { 1 };
            for value in (min..=max).step_by(step).chain([max]) {
                let (r1cs, assignment) = build(&circuit, &value);
                assert!(r1cs.violations(&assignment).is_empty(), "{value} / {divisor}");
                let mut cs = Builder::<Fr>::witness();
                let input = Int::input_between(&mut cs, "value", value, min, max);
                let quotient = truncated(&mut cs, &input, divisor);
                assert_eq!(quotient.value(), value / divisor, "{value} / {divisor}");
                assert!(quotient.min() <= min / divisor && quotient.max() >= max / divisor);
            }
        }
    }
}
