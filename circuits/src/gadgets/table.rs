//! Reading a public table: the polynomial through its entries, at the index.
//!
//! **Relation.** `lookup(i) = values[i]` for an index the caller knows to be one of `0 .. values.len()`.
//!
//! **Cost.** For n entries, with m the square root of n rounded up: `m - 1` rows for the powers of the index and
//! `ceil(n / m) - 1` for the sum. 1,327 entries: 71 rows.
//!
//! **Why it is sound.** One polynomial of degree below n passes through n points; its coefficients are constants of the circuit. Every
//! row is a product of earlier wires, so the result is a function of the index, and at the n points it is the entry. Outside of them it
//! is some field element: the caller must have asserted the range.
//!
//! Source: Newton's interpolation; Paterson, Stockmeyer, "On the number of nonscalar multiplications necessary to evaluate
//! polynomials", SIAM J. Comput. 2, 1973.

use crate::{Builder, Lc};
use ark_ff::PrimeField;

/// A table of constants.
pub struct Table<F> {
    /// Of the polynomial, lowest first; as many as entries.
    coefficients: Vec<F>,
}

impl<F: PrimeField> Table<F> {
    /// A table of fewer entries than the field's characteristic.
    pub fn new(values: &[F]) -> Self {
        // Newton's form at 0, 1, 2, ..: coefficient k is the k-th forward difference over k!.
        let mut newton = values.to_vec();
        let mut factorial = F::ONE;
        for k in 1..newton.len() {
            for at in (k..newton.len()).rev() {
                let before = newton[at - 1];
                newton[at] -= before;
            }
        }
        for (k, coefficient) in newton.iter_mut().enumerate().skip(1) {
            factorial *= F::from(k as u64);
            *coefficient *= factorial.inverse().unwrap_or(F::ZERO);
        }
        // p = p (x - k) + coefficient, from the highest k down.
        let mut coefficients: Vec<F> = Vec::with_capacity(newton.len());
        for (k, coefficient) in newton.iter().enumerate().rev() {
            let k = F::from(k as u64);
            coefficients.insert(0, *coefficient);
            for at in 0..coefficients.len() - 1 {
                let next = coefficients[at + 1];
                coefficients[at] -= next * k;
            }
        }
        Self { coefficients }
    }

    /// The entry at an index that is known to be in the table.
    pub fn lookup(&self, cs: &mut Builder<F>, index: &Lc<F>) -> Lc<F> {
        let width = self.coefficients.len().isqrt().max(1);
        let width = width + usize::from(width * width < self.coefficients.len());
        let mut powers = vec![Lc::one(), index.clone()];
        while powers.len() <= width {
            let power = cs.mul("power", &powers[powers.len() - 1], index);
            powers.push(power);
        }
        let mut value = Lc::zero();
        for block in self.coefficients.chunks(width).rev() {
            let block = Lc::weighted_sum(powers.iter().zip(block.iter().copied()));
            value = cs.mul("value", &value, &powers[width]) + &block;
        }
        value
    }
}
