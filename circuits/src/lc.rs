//! Linear combinations of wires, the values that circuits compute with.
//!
//! An [`Lc`] carries its value, so that a witness follows from running the circuit once, and, when the
//! structure is wanted, its terms. Addition and scaling cost no constraint; products are made by
//! [`Builder::mul`](crate::Builder::mul).

use ark_ff::PrimeField;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

/// `constant + sum coefficient * wire`, with its value under the current assignment.
///
/// Whether a combination is constant is part of the circuit and never depends on values or on whether
/// terms are recorded, so structure and witness always agree.
#[derive(Clone, Debug)]
pub struct Lc<F> {
    pub(crate) value: F,
    pub(crate) constant: F,
    pub(crate) is_constant: bool,
    /// (wire, coefficient), unsorted, wires may repeat; empty when only values are computed.
    pub(crate) terms: Vec<(u32, F)>,
}

impl<F: PrimeField> Lc<F> {
    /// The constant `c`.
    pub fn constant(c: F) -> Self {
        Self {
            value: c,
            constant: c,
            is_constant: true,
            terms: Vec::new(),
        }
    }

    /// Zero.
    pub fn zero() -> Self {
        Self::constant(F::ZERO)
    }

    /// One.
    pub fn one() -> Self {
        Self::constant(F::ONE)
    }

    /// The value under the assignment that is being built.
    pub fn value(&self) -> F {
        self.value
    }

    /// Does the combination involve no wire?
    pub fn is_constant(&self) -> bool {
        self.is_constant
    }

    /// `self * by`.
    pub fn scaled(mut self, by: F) -> Self {
        self.value = product(self.value, by);
        self.constant = product(self.constant, by);
        for (_, coefficient) in &mut self.terms {
            *coefficient *= by;
        }
        self
    }

    /// `self += other * by`, without a temporary.
    pub fn add_scaled(&mut self, other: &Self, by: F) {
        self.value += product(other.value, by);
        self.constant += product(other.constant, by);
        self.is_constant &= other.is_constant;
        self.terms.extend(
            other
                .terms
                .iter()
                .map(|(wire, coefficient)| (*wire, *coefficient * by)),
        );
    }

    /// `sum weight * lc`.
    pub fn weighted_sum<'a>(items: impl IntoIterator<Item = (&'a Self, F)>) -> Self {
        let mut sum = Self::zero();
        for (lc, weight) in items {
            sum.add_scaled(lc, weight);
        }
        sum
    }

    /// `sum lc`.
    pub fn sum<'a>(items: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::zero();
        for lc in items {
            sum += lc;
        }
        sum
    }
}

/// `a * by`. Most combinations have no constant and most wires are bits, so that the branches save more products than they cost.
fn product<F: PrimeField>(a: F, by: F) -> F {
    if a.is_zero() { F::ZERO } else { a * by }
}

impl<F: PrimeField> AddAssign<&Lc<F>> for Lc<F> {
    fn add_assign(&mut self, other: &Lc<F>) {
        self.value += other.value;
        self.constant += other.constant;
        self.is_constant &= other.is_constant;
        self.terms.extend_from_slice(&other.terms);
    }
}

impl<F: PrimeField> SubAssign<&Lc<F>> for Lc<F> {
    fn sub_assign(&mut self, other: &Lc<F>) {
        self.add_scaled(other, -F::ONE);
    }
}

impl<F: PrimeField> AddAssign<F> for Lc<F> {
    fn add_assign(&mut self, c: F) {
        self.value += c;
        self.constant += c;
    }
}

impl<F: PrimeField> Add<&Lc<F>> for Lc<F> {
    type Output = Lc<F>;
    fn add(mut self, other: &Lc<F>) -> Lc<F> {
        self += other;
        self
    }
}

impl<F: PrimeField> Add<F> for Lc<F> {
    type Output = Lc<F>;
    fn add(mut self, c: F) -> Lc<F> {
        self += c;
        self
    }
}

impl<F: PrimeField> Sub<&Lc<F>> for Lc<F> {
    type Output = Lc<F>;
    fn sub(mut self, other: &Lc<F>) -> Lc<F> {
        self -= other;
        self
    }
}

impl<F: PrimeField> Neg for Lc<F> {
    type Output = Lc<F>;
    fn neg(self) -> Lc<F> {
        self.scaled(-F::ONE)
    }
}

impl<F: PrimeField> Mul<F> for Lc<F> {
    type Output = Lc<F>;
    fn mul(self, by: F) -> Lc<F> {
        self.scaled(by)
    }
}

/// References add and subtract too: `&a + &b`.
impl<F: PrimeField> Add<&Lc<F>> for &Lc<F> {
    type Output = Lc<F>;
    fn add(self, other: &Lc<F>) -> Lc<F> {
        self.clone() + other
    }
}

impl<F: PrimeField> Sub<&Lc<F>> for &Lc<F> {
    type Output = Lc<F>;
    fn sub(self, other: &Lc<F>) -> Lc<F> {
        self.clone() - other
    }
}

/// Sorts terms by wire, adds up those of the same wire and drops zeros.
pub(crate) fn merge_terms<W: Ord + Copy, F: PrimeField>(terms: &mut Vec<(W, F)>) {
    terms.sort_by_key(|(wire, _)| *wire);
    terms.dedup_by(|next, first| {
        let same = next.0 == first.0;
        if same {
            first.1 += next.1;
        }
        same
    });
    terms.retain(|(_, coefficient)| !coefficient.is_zero());
}
