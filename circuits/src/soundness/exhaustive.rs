//! Every satisfying assignment of a small circuit over a small field, by backtracking: what tests compare with.

use crate::r1cs::{R1cs, WireKind};
use ark_ff::PrimeField;
use std::collections::HashMap;

/// Fields of five to eight bits.
pub(crate) mod fields {
    use ark_ff::{Fp64, MontBackend, MontConfig};

    macro_rules! field {
        ($name:ident, $config:ident, $modulus:literal, $generator:literal) => {
            #[derive(MontConfig)]
            #[modulus = $modulus]
            #[generator = $generator]
            pub(crate) struct $config;
            pub(crate) type $name = Fp64<MontBackend<$config, 1>>;
        };
    }
    field!(F17, Config17, "17", "3");
    field!(F19, Config19, "19", "2");
    field!(F101, Config101, "101", "2");
    field!(F251, Config251, "251", "6");
}

/// All elements of a small field.
pub(crate) fn elements<F: PrimeField>() -> impl Iterator<Item = F> + Clone {
    let modulus = F::MODULUS.as_ref()[0];
    (0..modulus).map(F::from)
}

/// Every satisfying assignment. Wires take all values in order, outputs last; a row is checked as soon as all its wires have one.
pub(crate) fn satisfying<F: PrimeField>(r1cs: &R1cs<F>) -> Vec<Vec<F>> {
    let is_output = |wire: &usize| r1cs.wire_kind(*wire) == WireKind::Output;
    let (outputs, mut order): (Vec<usize>, Vec<usize>) = (1..r1cs.wires()).partition(is_output);
    order.extend(outputs);
    let place = |wire: usize| {
        order
            .iter()
            .position(|at| *at == wire)
            .map_or(0, |place| place + 1)
    };
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); r1cs.wires()];
    for row in 0..r1cs.constraints() {
        let wires = (0..3).flat_map(|matrix| r1cs.terms(matrix, row).map(|(wire, _)| wire));
        rows[wires.map(place).max().unwrap_or(0)].push(row);
    }
    let mut search = Backtracking {
        r1cs,
        order,
        rows,
        assignment: vec![F::ZERO; r1cs.wires()],
        found: Vec::new(),
    };
    search.assignment[0] = F::ONE;
    if search.accepts(0) {
        search.extend(0);
    }
    search.found
}

struct Backtracking<'a, F: PrimeField> {
    r1cs: &'a R1cs<F>,
    order: Vec<usize>,
    /// The rows whose last wire stands at this place of the order, from 1; at 0 those without wires.
    rows: Vec<Vec<usize>>,
    assignment: Vec<F>,
    found: Vec<Vec<F>>,
}

impl<F: PrimeField> Backtracking<'_, F> {
    fn accepts(&self, place: usize) -> bool {
        let mut rows = self.rows[place].iter();
        rows.all(|row| self.r1cs.is_satisfied(*row, &self.assignment))
    }

    fn extend(&mut self, place: usize) {
        let Some(wire) = self.order.get(place).copied() else {
            self.found.push(self.assignment.clone());
            return;
        };
        for value in elements() {
            self.assignment[wire] = value;
            if self.accepts(place + 1) {
                self.extend(place + 1);
            }
        }
    }
}

/// The wires on which two of the assignments differ although they agree on public inputs, private inputs and choices.
pub(crate) fn ambiguous<F: PrimeField>(r1cs: &R1cs<F>, assignments: &[Vec<F>]) -> Vec<usize> {
    let is_input = |wire: &usize| {
        matches!(
            r1cs.wire_kind(*wire),
            WireKind::Public | WireKind::Input | WireKind::Choice
        )
    };
    let inputs: Vec<usize> = (0..r1cs.wires()).filter(is_input).collect();
    let mut first_with: HashMap<Vec<F>, &Vec<F>> = HashMap::new();
    let mut differs = vec![false; r1cs.wires()];
    for assignment in assignments {
        let key = inputs.iter().map(|wire| assignment[*wire]).collect();
        let first = first_with.entry(key).or_insert(assignment);
        for wire in 0..r1cs.wires() {
            differs[wire] |= first[wire] != assignment[wire];
        }
    }
    (0..r1cs.wires()).filter(|wire| differs[*wire]).collect()
}
