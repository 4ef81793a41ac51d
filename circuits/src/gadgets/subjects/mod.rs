//! The gadgets as subjects of the soundness regime: each with its results as public outputs, its native twin, boundary values, and
//! forgeries.
//!
//! A new gadget is a function here and a line in [`all`]. Next: [`crate::soundness`] for what is done with them.

mod division;
mod eddsa;
mod hashes;
mod numbers;
mod openings;
mod polynomials;

pub use eddsa::{Signed, eddsa, eddsa_circuit};
pub use numbers::{BELOW_BITS, Below, below_circuit};

use crate::builder::Output;
use crate::soundness::Draw;
use crate::soundness::subjects::Entry;
use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, PrimeField};
use popw_claims::babyjubjub::Scalar;

/// Every gadget.
pub fn all() -> Vec<Entry> {
    let mut entries = vec![
        Entry::new(numbers::decompose()),
        Entry::new(numbers::canonical_bits()),
        Entry::new(numbers::scalar_bits()),
        Entry::new(numbers::one_hot_16()),
        Entry::new(numbers::assert_selected_16()),
        Entry::new(numbers::nonzero()),
        Entry::new(numbers::integers()),
    ];
    entries.extend([1, 37, 64, 127].map(|bound| Entry::new(numbers::assert_below(bound))));
    entries.push(Entry::new(division::divide_floor()));
    entries.extend(division::truncations().map(Entry::new));
    entries.extend([3, 11, 16].map(|count| Entry::new(polynomials::table(count))));
    entries.extend((1..=16).map(|inputs| Entry::new(hashes::poseidon(inputs))));
    entries.push(Entry::new(hashes::sponge()));
    entries.push(Entry::new(hashes::root()));
    entries.push(Entry::new(hashes::climb()));
    entries.push(Entry::new(hashes::open()));
    entries.push(Entry::new(eddsa()));
    entries.push(Entry::new(eddsa::published()));
    entries.push(Entry::new(openings::device()));
    entries.push(Entry::new(openings::ingestor()));
    entries.push(Entry::new(polynomials::statement()));
    entries
}

/// Values at which field and integer arithmetic tend to part, and two at random.
pub fn boundary_values() -> Vec<Fr> {
    let two = Fr::from(2u64);
    let mut values = vec![
        Fr::ZERO,
        Fr::ONE,
        -Fr::ONE,
        -two,
        two.pow([253]),
        two.pow([128]),
        two.pow([64]),
        two.pow([64]) - Fr::ONE,
        Fr::from(Scalar::MODULUS),
        Fr::from(Scalar::MODULUS) - Fr::ONE,
        Fr::from(Scalar::MODULUS) + Fr::ONE,
        Fr::MODULUS_MINUS_ONE_DIV_TWO.into(),
    ];
    values.extend(Draw::new(1).elements(2));
    values
}

/// Public outputs that [`bind`] fixes.
fn outputs(cs: &mut Builder<Fr>, name: &'static str, count: usize) -> Vec<Output> {
    (0..count).map(|_| cs.public_output(name)).collect()
}

fn bind<'a>(cs: &mut Builder<Fr>, outputs: Vec<Output>, results: impl IntoIterator<Item = &'a Lc<Fr>>) {
    for (output, result) in outputs.into_iter().zip(results) {
        cs.bind_output(output, result);
    }
}

fn inputs(cs: &mut Builder<Fr>, values: &[Fr]) -> Vec<Lc<Fr>> {
    values.iter().map(|value| cs.input("input", *value)).collect()
}
