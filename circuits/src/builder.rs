//! The builder: wires and constraints, their names, and the assignment, made in one pass.
//!
//! A circuit is a function that drives a [`Builder`]. [`Builder::structure`] records the constraints (and, as
//! values are computed anyway, an assignment); [`Builder::witness`] computes the assignment alone and rebuilds
//! no matrix. Both run the same code, so they cannot disagree.
//!
//! Two kinds of constraints keep soundness checkable (see [`crate::soundness`]):
//! - a *determining* row fixes one new wire (a product, a bit, an inverse): [`Builder::mul`],
//!   [`Builder::hint`] followed by [`Builder::enforce`], [`Builder::bind_output`];
//! - an *assertion* restricts wires that other rows fix already (a range, an equality): [`Builder::assert`].
//!
//! A circuit has exactly one determining row for every wire that is not an input, so a forgotten constraint
//! shows as a column without a row.

use crate::lc::{Lc, merge_terms};
use crate::r1cs::{Matrix, R1cs, RowKind, Scope, ScopeId, WireKind, WireName};
use ark_ff::PrimeField;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use zeroize::Zeroize;

/// [`Builder::each`] cuts its work into so many pieces for each thread, so that uneven pieces even out.
const PIECES_PER_THREAD: usize = 4;

/// Builds an assignment and, if asked, the constraints of a circuit.
pub struct Builder<F: PrimeField> {
    assignment: Vec<F>,
    overrides: BTreeMap<u32, F>,
    rows: usize,
    /// An assignment whose quotients may be right here too.
    guess: Arc<[F]>,
    scope: ScopeId,
    structure: Option<Structure<F>>,
}

struct Structure<F: PrimeField> {
    r1cs: R1cs<F>,
    coefficient_ids: HashMap<F, u32>,
    scope_ids: HashMap<Scope, ScopeId>,
    merged: Vec<(u32, F)>,
}

/// How large a circuit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Constraints.
    pub constraints: usize,
    /// Wires, the constant one included.
    pub wires: usize,
}

/// A public input that the circuit computes itself and has yet to bind.
#[must_use = "an output that is not bound is an unconstrained public input"]
pub struct Output {
    wire: u32,
}

impl<F: PrimeField> Builder<F> {
    /// A builder that computes an assignment and records no constraint.
    pub fn witness() -> Self {
        Self {
            assignment: vec![F::ONE],
            overrides: BTreeMap::new(),
            rows: 0,
            guess: [].into(),
            scope: ScopeId::ROOT,
            structure: None,
        }
    }

    /// A builder that records the constraints as well.
    pub fn structure() -> Self {
        let structure = Structure {
            r1cs: R1cs::new(),
            coefficient_ids: HashMap::new(),
            scope_ids: HashMap::new(),
            merged: Vec::new(),
        };
        Self {
            structure: Some(structure),
            ..Self::witness()
        }
    }

    /// A witness builder that gives the listed hints and inputs another value than the circuit asks for; whatever
    /// depends on them is computed from the new values. This is how the soundness regime plays the dishonest prover.
    /// `honest`, the assignment without them (or an empty one), saves inversions where quotients stay the same.
    pub fn dishonest(overrides: BTreeMap<u32, F>, honest: Arc<[F]>) -> Self {
        Self {
            overrides,
            guess: honest,
            ..Self::witness()
        }
    }

    /// The constraints and the assignment.
    ///
    /// # Panics
    /// If the builder was made by [`Builder::witness`]: it has recorded no constraints.
    #[allow(clippy::expect_used)] // a programmer's error, documented
    pub fn finish(self) -> (R1cs<F>, Vec<F>) {
        let structure = self
            .structure
            .expect("constraints are recorded by Builder::structure only");
        (structure.r1cs, self.assignment)
    }

    /// How large the circuit is so far; [`Builder::witness`] counts as well, without the memory of the matrices.
    pub fn size(&self) -> Size {
        Size {
            constraints: self.rows,
            wires: self.assignment.len(),
        }
    }

    /// The assignment: wire 0 is one, then the public inputs, then the private wires.
    pub fn into_assignment(self) -> Vec<F> {
        self.assignment
    }

    /// Runs `body` with `name` (and `index`, for one of many) added to the names of wires and rows.
    pub fn scope<T>(
        &mut self,
        name: &'static str,
        index: impl Into<Option<usize>>,
        body: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let outer = self.scope;
        if let Some(structure) = &mut self.structure {
            let scope = Scope {
                parent: outer,
                name,
                index: index.into(),
            };
            self.scope = *structure
                .scope_ids
                .entry(scope.clone())
                .or_insert_with(|| structure.r1cs.add_scope(scope));
        }
        let result = body(self);
        self.scope = outer;
        result
    }

    /// Runs `body` for 0, 1, .. below `count`, each in a scope of its own, and returns the results in this order.
    ///
    /// Values are computed in parallel by the threads of the current pool when nothing else is wanted: wires keep the
    /// order, and so the numbers, that they have one after the other. `body` must not bind outputs or allocate public
    /// inputs.
    pub fn each<T: Send>(
        &mut self,
        name: &'static str,
        count: usize,
        body: impl Fn(&mut Self, usize) -> T + Sync,
    ) -> Vec<T> {
        if self.structure.is_some() || !self.overrides.is_empty() || !self.guess.is_empty() || count < 2 {
            return (0..count)
                .map(|index| self.scope(name, index, |cs| body(cs, index)))
                .collect();
        }
        let pieces = count.min(PIECES_PER_THREAD * rayon::current_num_threads());
        let piece = |number: usize| number * count / pieces..(number + 1) * count / pieces;
        let parts: Vec<(Self, Vec<T>)> = (0..pieces)
            .into_par_iter()
            .map(|number| {
                let mut part = Self::witness();
                part.assignment.clear();
                let results = piece(number).map(|index| body(&mut part, index)).collect();
                (part, results)
            })
            .collect();
        let wires: usize = parts.iter().map(|(part, _)| part.assignment.len()).sum();
        self.assignment.reserve(wires);
        let mut results = Vec::with_capacity(count);
        for (mut part, values) in parts {
            self.rows += part.rows;
            self.assignment.extend_from_slice(&part.assignment);
            // An assignment is secret; its owner erases the whole, nobody else would erase the parts.
            part.assignment.zeroize();
            results.extend(values);
        }
        results
    }

    /// A public input. All public wires come before the first private one.
    ///
    /// # Panics
    /// If a private wire was allocated before.
    pub fn public(&mut self, name: &'static str, value: F) -> Lc<F> {
        self.allocate_public(WireKind::Public, name, value)
    }

    /// A public input whose value the circuit computes: bind it with [`Builder::bind_output`].
    pub fn public_output(&mut self, name: &'static str) -> Output {
        self.allocate_public(WireKind::Output, name, F::ZERO);
        Output {
            wire: wire_number(self.assignment.len() - 1),
        }
    }

    /// Sets a public output to `lc`, in one determining row `lc * 1 = output`.
    pub fn bind_output(&mut self, output: Output, lc: &Lc<F>) {
        self.assignment[output.wire as usize] = lc.value;
        let wire = self.wire(output.wire);
        self.enforce(lc, &Lc::one(), &wire);
    }

    /// A private input: the prover chooses it freely and no row has to fix it.
    pub fn input(&mut self, name: &'static str, value: F) -> Lc<F> {
        self.allocate(WireKind::Input, name, value)
    }

    /// A private input of which the caller's row allows only some values, such as a bit.
    pub fn choice(&mut self, name: &'static str, value: F) -> Lc<F> {
        self.allocate(WireKind::Choice, name, value)
    }

    /// A private wire whose value the prover computes outside the constraints; the caller adds the row that fixes it.
    pub fn hint(&mut self, name: &'static str, value: F) -> Lc<F> {
        self.allocate(WireKind::Hint, name, value)
    }

    /// `a * b`: a new wire and its row, or no row when a factor is constant.
    pub fn mul(&mut self, name: &'static str, a: &Lc<F>, b: &Lc<F>) -> Lc<F> {
        if a.is_constant {
            return b.clone().scaled(a.value);
        }
        if b.is_constant {
            return a.clone().scaled(b.value);
        }
        let product = self.allocate(WireKind::Product, name, a.value * b.value);
        self.enforce(a, b, &product);
        product
    }

    /// `a * b - c`: a new wire and its row `a * b = wire + c`. It keeps combinations short where results feed back.
    pub fn mul_sub(&mut self, name: &'static str, a: &Lc<F>, b: &Lc<F>, c: &Lc<F>) -> Lc<F> {
        let wire = self.allocate(WireKind::Product, name, a.value * b.value - c.value);
        self.enforce(a, b, &(&wire + c));
        wire
    }

    /// `a / b` for a non-zero b: a hint q with the row `q * b = a`. If b is 0 the row has no solution, unless a is 0 too:
    /// the caller must know that b and a are not both 0.
    pub fn divide(&mut self, name: &'static str, a: &Lc<F>, b: &Lc<F>) -> Lc<F> {
        self.divide_knowing(name, a, b, F::ZERO)
    }

    /// `a / b` as [`Builder::divide`], the same wire and row, with what should be the inverse of b's value: many inverses
    /// together cost less than each alone. If it is not (a dishonest value came before), it is computed.
    pub fn divide_knowing(&mut self, name: &'static str, a: &Lc<F>, b: &Lc<F>, inverse: F) -> Lc<F> {
        let guess = self.guess.get(self.assignment.len());
        let quotient = match guess.filter(|guess| !b.value.is_zero() && **guess * b.value == a.value) {
            Some(guess) => *guess,
            None if (b.value * inverse).is_one() => inverse * a.value,
            None => b.value.inverse().unwrap_or(F::ZERO) * a.value,
        };
        let quotient = self.hint(name, quotient);
        self.enforce(&quotient, b, a);
        quotient
    }

    /// `a != 0`, by an inverse: one wire, one row.
    pub fn assert_nonzero(&mut self, name: &'static str, a: &Lc<F>) {
        self.divide(name, &Lc::one(), a);
    }

    /// The determining row `a * b = c`.
    pub fn enforce(&mut self, a: &Lc<F>, b: &Lc<F>, c: &Lc<F>) {
        self.row(RowKind::Determining, a, b, c);
    }

    /// The assertion `a * b = c`.
    pub fn assert(&mut self, a: &Lc<F>, b: &Lc<F>, c: &Lc<F>) {
        self.row(RowKind::Assertion, a, b, c);
    }

    /// The assertion `a = b`.
    pub fn assert_equal(&mut self, a: &Lc<F>, b: &Lc<F>) {
        self.row(RowKind::Assertion, &(a - b), &Lc::one(), &Lc::zero());
    }

    fn allocate_public(&mut self, kind: WireKind, name: &'static str, value: F) -> Lc<F> {
        if let Some(structure) = &self.structure {
            assert_eq!(
                structure.r1cs.public_inputs() + 1,
                self.assignment.len(),
                "public input {name} is allocated after a private wire"
            );
        }
        self.allocate(kind, name, value)
    }

    fn allocate(&mut self, kind: WireKind, name: &'static str, value: F) -> Lc<F> {
        let wire = wire_number(self.assignment.len());
        let value = if self.overrides.is_empty() {
            value
        } else {
            *self.overrides.get(&wire).unwrap_or(&value)
        };
        self.assignment.push(value);
        if let Some(structure) = &mut self.structure {
            structure.r1cs.add_wire(
                kind,
                WireName {
                    scope: self.scope,
                    name,
                },
            );
        }
        self.wire(wire)
    }

    fn wire(&self, wire: u32) -> Lc<F> {
        Lc {
            value: self.assignment[wire as usize],
            constant: F::ZERO,
            is_constant: false,
            terms: if self.structure.is_some() {
                vec![(wire, F::ONE)]
            } else {
                Vec::new()
            },
        }
    }

    fn row(&mut self, kind: RowKind, a: &Lc<F>, b: &Lc<F>, c: &Lc<F>) {
        self.rows += 1;
        let Some(structure) = &mut self.structure else {
            return;
        };
        for (which, lc) in [a, b, c].into_iter().enumerate() {
            structure.merge(lc);
            let Structure {
                r1cs,
                coefficient_ids,
                merged,
                ..
            } = structure;
            let matrix: &mut Matrix = &mut r1cs.matrices[which];
            for (wire, coefficient) in merged.iter() {
                let id = *coefficient_ids.entry(*coefficient).or_insert_with(|| {
                    r1cs.coefficients.push(*coefficient);
                    wire_number(r1cs.coefficients.len() - 1)
                });
                matrix.push_term(*wire, id);
            }
            matrix.end_row();
        }
        structure.r1cs.add_row(kind, self.scope);
    }
}

impl<F: PrimeField> Structure<F> {
    /// `self.merged` := the terms of `lc` by ascending wire, each wire once, no zero coefficient.
    fn merge(&mut self, lc: &Lc<F>) {
        let merged = &mut self.merged;
        merged.clear();
        merged.push((0, lc.constant));
        merged.extend_from_slice(&lc.terms);
        merge_terms(merged);
    }
}

#[allow(clippy::expect_used)] // 2^32 wires would need 128 GiB for the assignment alone
fn wire_number(index: usize) -> u32 {
    u32::try_from(index).expect("a circuit has fewer than 2^32 wires")
}
