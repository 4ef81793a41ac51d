//! Propagation: do the inputs determine every output? The algorithm of Ecne (Wang, 2022), with the rules that our gadgets need.
//!
//! A wire is *determined* if any two satisfying assignments that agree on the public inputs, the declared private inputs and the
//! choices agree on it. All constraints count here, assertions as well. Each rule below is a proof of that; a wire that no rule
//! reaches is left over, which is no proof of the opposite. An output that is left over is a finding; other leftovers are
//! listed. In this project they are the insides of signatures, on whose values nothing depends: S and R8 are in effect
//! inputs, and that they fit is what the gadget asserts.
//!
//! Rules of one row, from a worklist, each row tried when its number of unknown wires falls:
//! - *linear solve*: the one unknown wire has a factor that is provably not 0 (a constant, or a form that a row `a * b = constant`
//!   excludes from being 0);
//! - *sum of digits*: the unknown wires are booleans and a known sum fixes them (`digits.rs`), because their weights grow fast enough
//!   or because comparisons hold the number below the modulus (`Search::is_below_modulus`).
//!
//! Rules of several rows, once nothing else moves (`settle.rs`): zero test, inverse or zero, root with a known sign, division with
//! remainder.
//!
//! Cost: linear in the entries of the matrices, times the passes of `settle.rs` (one for each division that needs the quotient of another).

mod digits;
mod form;
mod settle;
#[cfg(test)]
mod tests;

use super::occurrences::Occurrences;
use crate::r1cs::{R1cs, WireKind};
use ark_ff::{BigInteger, PrimeField};
use form::{Form, constant, form, normalised, ratio, scaled, single, split_constant, sum};
use std::collections::{BTreeSet, HashSet};

/// The result of [`propagate`].
pub struct Propagation {
    /// Wires that are not inputs and that the rules reached.
    pub determined: usize,
    /// Wires that no rule reached, ascending; an output among them is a finding.
    pub leftovers: Vec<usize>,
}

/// Propagates from the inputs until nothing moves.
pub fn propagate<F: PrimeField>(r1cs: &R1cs<F>) -> Propagation {
    propagate_with(r1cs, &Occurrences::new(r1cs))
}

pub(super) fn propagate_with<F: PrimeField>(r1cs: &R1cs<F>, occurrences: &Occurrences) -> Propagation {
    let mut search = Search::new(r1cs, occurrences);
    loop {
        search.drain();
        if !settle::settle(&mut search) {
            break;
        }
    }
    let leftovers: Vec<usize> = (0..r1cs.wires()).filter(|wire| !search.known[*wire]).collect();
    let inputs = (0..r1cs.wires()).filter(|wire| is_input(r1cs, *wire)).count();
    Propagation {
        determined: r1cs.wires() - inputs - leftovers.len(),
        leftovers,
    }
}

fn is_input<F: PrimeField>(r1cs: &R1cs<F>, wire: usize) -> bool {
    matches!(
        r1cs.wire_kind(wire),
        WireKind::Public | WireKind::Input | WireKind::Choice
    )
}

struct Search<'a, F: PrimeField> {
    r1cs: &'a R1cs<F>,
    occurrences: &'a Occurrences,
    known: Vec<bool>,
    boolean: Vec<bool>,
    /// Per row: its wires that are unknown.
    unknown: Vec<u32>,
    /// Those of them that are not booleans.
    unbounded: Vec<u32>,
    /// Forms that are 0 in no satisfying assignment, normalised.
    nonzero: HashSet<Form<F>>,
    ready: Vec<usize>,
}

impl<'a, F: PrimeField> Search<'a, F> {
    fn new(r1cs: &'a R1cs<F>, occurrences: &'a Occurrences) -> Self {
        let rows = r1cs.constraints();
        let mut search = Self {
            r1cs,
            occurrences,
            known: (0..r1cs.wires()).map(|wire| is_input(r1cs, wire)).collect(),
            boolean: vec![false; r1cs.wires()],
            unknown: vec![0; rows],
            unbounded: vec![0; rows],
            nonzero: HashSet::new(),
            ready: Vec::new(),
        };
        for row in 0..rows {
            if let Some((wire, coefficient)) = search.two_valued(row).as_deref().and_then(single)
                && coefficient.is_one()
            {
                search.boolean[wire] = true;
            }
            if constant(&form(r1cs, 2, row)).is_some_and(|value| !value.is_zero()) {
                for matrix in [0, 1] {
                    search.nonzero.insert(normalised(&form(r1cs, matrix, row)));
                }
            }
        }
        for wire in (0..r1cs.wires()).filter(|wire| !search.known[*wire]) {
            for row in occurrences.rows(wire) {
                search.unknown[row] += 1;
                search.unbounded[row] += u32::from(!search.boolean[wire]);
            }
        }
        search.ready = (0..rows)
            .filter(|row| search.unknown[*row] == 1 || search.unbounded[*row] == 0)
            .collect();
        search
    }

    fn drain(&mut self) {
        while let Some(row) = self.ready.pop() {
            if self.unknown[row] == 1
                && let Some(wire) = self.solve(row)
            {
                self.learn(wire);
            } else if self.unknown[row] > 0 && self.unbounded[row] == 0 {
                for wire in self.solve_digits(row) {
                    self.learn(wire);
                }
            }
        }
    }

    fn learn(&mut self, wire: usize) {
        if std::mem::replace(&mut self.known[wire], true) {
            return;
        }
        for row in self.occurrences.rows(wire) {
            self.unknown[row] -= 1;
            self.unbounded[row] -= u32::from(!self.boolean[wire]);
            let turns_bounded = self.unbounded[row] == 0 && !self.boolean[wire];
            if self.unknown[row] == 1 || (self.unknown[row] > 0 && turns_bounded) {
                self.ready.push(row);
            }
        }
    }

    fn row(&self, row: usize) -> [Form<F>; 3] {
        [0, 1, 2].map(|matrix| form(self.r1cs, matrix, row))
    }

    /// The unknown part of a form.
    fn unknowns(&self, form: &[(usize, F)]) -> Form<F> {
        let unknown = form.iter().filter(|(wire, _)| !self.known[*wire]);
        unknown.copied().collect()
    }

    fn is_known(&self, form: &[(usize, F)]) -> bool {
        form.iter().all(|(wire, _)| self.known[*wire])
    }

    fn is_nonzero(&self, form: &[(usize, F)]) -> bool {
        match constant(form) {
            Some(value) => !value.is_zero(),
            None => self.nonzero.contains(&normalised(form)),
        }
    }

    /// The form of a row that says "this is 0 or 1": `F * (F - 1) = 0` up to factors.
    fn two_valued(&self, row: usize) -> Option<Form<F>> {
        if !self.r1cs.matrices[2].row(row).is_empty() {
            return None;
        }
        let [a, b, _] = self.row(row);
        let ((zero, a_wires), (one, b_wires)) = (split_constant(&a), split_constant(&b));
        // A is 0, or B is, and then A has the value k.
        let k = zero - one * ratio(a_wires, b_wires)?;
        Some(scaled(&a, k.inverse()?))
    }

    /// The one unknown wire of a row, if the row fixes it.
    fn solve(&self, row: usize) -> Option<usize> {
        let [a, b, c] = self.row(row);
        let [in_a, in_b, in_c] = [&a, &b, &c].map(|form| self.unknowns(form).first().copied());
        let (wire, coefficient, other) = match (in_a, in_b) {
            (None, None) => return in_c.map(|(wire, _)| wire),
            (Some((wire, coefficient)), None) => (wire, coefficient, &b),
            (None, Some((wire, coefficient))) => (wire, coefficient, &a),
            (Some(_), Some(_)) => return None,
        };
        let fixed = match in_c {
            // coefficient * wire * other = c - ..
            None => self.is_nonzero(other) || self.is_nonzero(&c),
            Some((_, at_c)) => self.is_nonzero(&sum(&scaled(other, coefficient), &[(0, F::ONE)], -at_c)),
        };
        fixed.then_some(wire)
    }

    /// The unknown booleans of a row that has no other unknown wires, if the row fixes all of them.
    fn solve_digits(&self, row: usize) -> Vec<usize> {
        let Some((gap, form)) = self.two_valued(row).map(|form| (1u8, form)).or_else(|| {
            let [a, b, c] = self.row(row);
            let linear = match (constant(&a), constant(&b)) {
                (Some(k), _) => sum(&scaled(&b, k), &c, -F::ONE),
                (_, Some(k)) => sum(&scaled(&a, k), &c, -F::ONE),
                _ if self.is_known(&a) && self.is_known(&b) => c,
                _ => return None,
            };
            Some((0, linear))
        }) else {
            return Vec::new();
        };
        let mut digits = self.unknowns(&form);
        if gap == 0 {
            digits = normalised(&digits);
        }
        let weights = || digits.iter().map(|(_, weight)| *weight);
        // "known - sum 2^i b_i is 0 or 1" has the opposite signs.
        let sign = if gap == 0 { F::ONE } else { -F::ONE };
        let places = weights().map(|weight| digits::power_of_two(weight * sign));
        let bits: Option<Vec<_>> = places
            .zip(&digits)
            .map(|(place, (wire, _))| Some((place?, *wire)))
            .collect();
        let fixed = digits::are_unique(gap.into(), weights())
            || bits.is_some_and(|bits| self.is_below_modulus(gap == 1, bits));
        match fixed {
            true => digits.into_iter().map(|(wire, _)| wire).collect(),
            false => Vec::new(),
        }
    }

    /// Do rows keep the number with these bits (place, wire) below the modulus? If `low_is_free`, the bit at place 0 is another.
    ///
    /// A number that is not below it equals it down to some place and exceeds it there, or equals it. Walking down, `ones` are the bits
    /// that are set in all such numbers; a row `(product of some of them) * (sum of bits) = 0` excludes those with a bit of the sum.
    fn is_below_modulus(&self, low_is_free: bool, mut bits: Vec<(usize, usize)>) -> bool {
        bits.sort_unstable();
        let width = F::MODULUS_BIT_SIZE as usize;
        let distinct = bits.windows(2).all(|pair| pair[0].0 != pair[1].0);
        let fits = bits.last().is_some_and(|(place, _)| *place < width);
        if !distinct || !fits || (low_is_free && bits[0].0 == 0) {
            return false;
        }
        let mut ones = BTreeSet::new();
        for place in (0..width).rev() {
            let at = bits.binary_search_by_key(&place, |(place, _)| *place);
            let wire = at.ok().map(|at| bits[at].1);
            let excluded = match wire {
                Some(wire) => self.is_excluded(wire, &ones),
                None => !(place == 0 && low_is_free),
            };
            match (F::MODULUS.get_bit(place), wire) {
                // The number would have to be set where it cannot be: it is below.
                (true, _) if excluded => return true,
                (true, Some(wire)) => ones.insert(wire),
                (false, _) if excluded => true,
                _ => return false,
            };
        }
        false
    }

    /// Does a row exclude that the boolean `wire` is 1 while all of `ones` are?
    fn is_excluded(&self, wire: usize, ones: &BTreeSet<usize>) -> bool {
        self.occurrences.rows(wire).any(|row| {
            let [a, b, c] = self.row(row);
            let excludes = |product: &[(usize, F)], sum: &[(usize, F)]| {
                let sum = normalised(sum);
                sum.iter()
                    .all(|(bit, weight)| self.boolean[*bit] && weight.is_one())
                    && F::MODULUS > (sum.len() as u64).into()
                    && sum.iter().any(|(bit, _)| *bit == wire)
                    && self.is_product_of(product, ones)
            };
            c.is_empty() && (excludes(&a, &b) || excludes(&b, &a))
        })
    }

    /// Is the form a non-zero constant, or a non-zero multiple of a product of wires among `ones`?
    fn is_product_of(&self, form: &[(usize, F)], ones: &BTreeSet<usize>) -> bool {
        if constant(form).is_some_and(|value| !value.is_zero()) {
            return true;
        }
        let mut pending = match single(form) {
            Some((wire, _)) => vec![wire],
            None => return false,
        };
        while let Some(wire) = pending.pop() {
            if ones.contains(&wire) {
                continue;
            }
            let factors = self.occurrences.rows(wire).find_map(|row| {
                let [a, b, c] = self.row(row);
                let (one, other) = (single(&a)?.0, single(&b)?.0);
                // A product is made after its factors, so this ends.
                (single(&c)?.0 == wire && one < wire && other < wire).then_some([one, other])
            });
            match factors {
                Some(factors) => pending.extend(factors),
                None => return false,
            }
        }
        true
    }
}
