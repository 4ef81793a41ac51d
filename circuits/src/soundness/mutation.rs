//! Mutation: can a wire take another value?

use super::Overrides;
use super::occurrences::Occurrences;
use crate::r1cs::{R1cs, ScopeId, WireKind};
use ark_ff::{BigInteger, PrimeField};
use std::collections::HashSet;

/// Sets every wire but the constant one to 0, 1, its successor and its opposite, one at a time, and returns how many changes were tried
/// and which no constraint refuses.
///
/// Private inputs are tried as well but may survive where the circuit ignores them (the siblings that a path replaces), a choice
/// also where it takes its other allowed value; those are not reported.
pub(super) fn single_wires<F: PrimeField>(
    r1cs: &R1cs<F>,
    occurrences: &Occurrences,
    assignment: &[F],
) -> (usize, Vec<(usize, F)>) {
    let products: Vec<[F; 3]> = (0..r1cs.constraints())
        .map(|row| r1cs.products(row, assignment))
        .collect();
    let mut tried = 0;
    let mut survivors = Vec::new();
    for (wire, value) in assignment.iter().copied().enumerate().skip(1) {
        for changed in other_values(value) {
            tried += 1;
            let delta = changed - value;
            let mut rows = occurrences.of(wire).chunk_by(|one, next| one.row() == next.row());
            let refused = rows.any(|entries| {
                let mut product = products[entries[0].row()];
                for entry in entries {
                    product[usize::from(entry.matrix)] += delta * entry.coefficient(r1cs);
                }
                let [a, b, c] = product;
                a * b != c
            });
            let allowed = match r1cs.wire_kind(wire) {
                WireKind::Input => true,
                WireKind::Choice => changed == second_root(value),
                _ => false,
            };
            if !refused && !allowed {
                survivors.push((wire, changed));
            }
        }
    }
    (tried, survivors)
}

/// 0, 1, the successor and the opposite, without the value itself.
fn other_values<F: PrimeField>(value: F) -> impl Iterator<Item = F> {
    let mut values = vec![F::ZERO, F::ONE, value + F::ONE, -value];
    values.retain(|other| *other != value);
    values.sort_unstable();
    values.dedup();
    values.into_iter()
}

/// What a dishonest prover may choose: the hints, and the numbers that consecutive hints of one name spell in bits.
pub struct Hints {
    /// One of each family first.
    singles: Vec<usize>,
    /// Lowest bit first; one of each family first.
    numbers: Vec<Vec<usize>>,
}

impl Hints {
    /// The hints of a circuit.
    pub fn of<F: PrimeField>(r1cs: &R1cs<F>) -> Self {
        let hints: Vec<usize> = (0..r1cs.wires())
            .filter(|wire| r1cs.wire_kind(*wire) == WireKind::Hint)
            .collect();
        let name = |wire: usize| (r1cs.wire_scope(wire), r1cs.wire_label(wire));
        let numbers = hints
            .chunk_by(|one, next| one + 1 == *next && name(*one) == name(*next))
            .filter(|bits| bits.len() > 1)
            .map(<[usize]>::to_vec)
            .collect();
        Self {
            numbers: representatives_first(r1cs, numbers, |bits: &Vec<usize>| bits[0]),
            singles: representatives_first(r1cs, hints, |wire| *wire),
        }
    }

    /// Other values that the rows of the hints themselves accept at first sight: the second root of a boolean or of a square, 0
    /// for a quotient; and of numbers the next, the one before (a quotient off by one, a borrow between bits), and those that the
    /// modulus is added to, with or without the lowest bit (a decomposition leaves it to the rest).
    ///
    /// At most `most` hints and as many numbers; in each round others, if there are more.
    pub(super) fn alternatives<F: PrimeField>(
        &self,
        assignment: &[F],
        most: usize,
        round: usize,
    ) -> Vec<Overrides<F>> {
        let singles = turn(&self.singles, most, round).flat_map(|wire| {
            let value = assignment[*wire];
            let mut others = vec![second_root(value), F::ZERO];
            others.dedup();
            others.retain(|other| *other != value);
            others.into_iter().map(|other| Overrides::from([(*wire, other)]))
        });
        let numbers = turn(&self.numbers, most, round).flat_map(|bits| other_numbers(bits, assignment));
        singles.chain(numbers).collect()
    }
}

/// `most` of the items, in each round others.
fn turn<T>(items: &[T], most: usize, round: usize) -> impl Iterator<Item = &T> {
    let skipped = match items.len() > most {
        true => round * most % items.len(),
        false => 0,
    };
    items.iter().cycle().skip(skipped).take(most.min(items.len()))
}

/// The first of each family (the same name in the same scope, whatever its number), then the others, those far apart first.
fn representatives_first<F: PrimeField, T>(
    r1cs: &R1cs<F>,
    items: Vec<T>,
    wire: impl Fn(&T) -> usize,
) -> Vec<T> {
    let mut seen: HashSet<(ScopeId, &str)> = HashSet::new();
    let mut families = HashSet::new();
    let (mut ordered, others): (Vec<T>, Vec<T>) = items.into_iter().partition(|item| {
        let (scope, label) = (r1cs.wire_scope(wire(item)), r1cs.wire_label(wire(item)));
        seen.insert((scope, label)) && families.insert((r1cs.scope_family(scope), label))
    });
    let mut numbered: Vec<(usize, T)> = others.into_iter().enumerate().collect();
    // Reversing the bits of the places visits the circuit evenly, whatever number is taken.
    numbered.sort_by_key(|(place, _)| place.reverse_bits());
    ordered.extend(numbered.into_iter().map(|(_, item)| item));
    ordered
}

/// A number of bits replaced by neighbours and by other representatives of the same field element.
fn other_numbers<F: PrimeField>(bits: &[usize], assignment: &[F]) -> Vec<Overrides<F>> {
    let values: Vec<F> = bits.iter().map(|wire| assignment[*wire]).collect();
    if bits.len() > F::MODULUS_BIT_SIZE as usize
        || values.iter().any(|value| !value.is_zero() && !value.is_one())
    {
        return Vec::new();
    }
    let set: Vec<bool> = values.iter().map(F::is_one).collect();
    let number = F::BigInt::from_bits_le(&set);
    let one = F::BigInt::from(1u8);
    let sum = |by: &F::BigInt| {
        let mut sum = number;
        (!sum.add_with_carry(by)).then_some(sum)
    };
    let before = || {
        let mut before = number;
        (!before.sub_with_borrow(&one)).then_some(before)
    };
    let half = F::MODULUS_MINUS_ONE_DIV_TWO;
    let mut half_up = half;
    half_up.add_with_carry(&one);
    [sum(&one), before(), sum(&F::MODULUS), sum(&half), sum(&half_up)]
        .into_iter()
        .flatten()
        .filter(|other| other.num_bits() as usize <= bits.len())
        .map(|other| {
            let changed = bits
                .iter()
                .enumerate()
                .filter(|(i, _)| other.get_bit(*i) != set[*i]);
            changed
                .map(|(i, wire)| (*wire, F::from(other.get_bit(i))))
                .collect()
        })
        .collect()
}

/// `1 - x` for a bit, `-x` for anything else.
pub(crate) fn second_root<F: PrimeField>(value: F) -> F {
    if value.is_zero() || value.is_one() {
        F::ONE - value
    } else {
        -value
    }
}
