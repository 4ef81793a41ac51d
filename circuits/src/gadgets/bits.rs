//! Bits: booleans, decompositions, comparison with a constant, selection.
//!
//! **Relation and cost.** A [`Bit`] is one wire with `b (b - 1) = 0`. A decomposition into n bits allocates the upper
//! n - 1; the lowest is the linear rest `value - sum 2^i b_i` and its booleanity is the assertion that the value is
//! in range: n rows. [`bits_below`] adds about 62 rows that compare with a bound, [`canonical_bits`] with the field's modulus.
//!
//! **Why it is sound.** n boolean wires have a sum below 2^n; where 2^n exceeds the modulus, the comparison leaves
//! one representative. [`assert_below`] multiplies "equal so far" along the constant's one bits; in the zero
//! bits between them no bit may be set while the product is not 0; at the end the product must be 0.
//!
//! Source: Zcash protocol specification, appendix A.3.2.2 (range check by runs of bits), stopped after
//! [`TOP_BITS`]: an honest random value is refused with probability 2^-100, a dishonest one always.

use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ff::{BigInt, BigInteger, PrimeField};

/// How many of the highest bits [`assert_below`] looks at when it is used for a modulus.
pub const TOP_BITS: usize = 100;

/// A wire, or a combination of wires, that is 0 or 1.
#[derive(Clone, Debug)]
pub struct Bit<F>(Lc<F>);

impl<F: PrimeField> Bit<F> {
    /// A new boolean wire that follows from others: one row.
    pub fn hint(cs: &mut Builder<F>, name: &'static str, value: bool) -> Self {
        let bit = cs.hint(name, F::from(value));
        cs.enforce(&bit, &(bit.clone() + -F::ONE), &Lc::zero());
        Self(bit)
    }

    /// A new boolean wire that the prover chooses: one row.
    pub fn choice(cs: &mut Builder<F>, name: &'static str, value: bool) -> Self {
        let bit = cs.choice(name, F::from(value));
        cs.enforce(&bit, &(bit.clone() + -F::ONE), &Lc::zero());
        Self(bit)
    }

    /// A combination that the caller knows to be 0 or 1 from other constraints.
    pub fn known_boolean(lc: Lc<F>) -> Self {
        Self(lc)
    }

    /// Asserts that `lc` is 0 or 1: one row, no wire.
    pub fn assert(cs: &mut Builder<F>, lc: Lc<F>) -> Self {
        cs.assert(&lc, &(lc.clone() + -F::ONE), &Lc::zero());
        Self(lc)
    }

    /// As a combination.
    pub fn lc(&self) -> &Lc<F> {
        &self.0
    }

    /// `1 - self`, free.
    pub fn not(&self) -> Self {
        Self(-self.0.clone() + F::ONE)
    }

    /// The value under the assignment that is being built.
    pub fn value(&self) -> bool {
        !self.0.value().is_zero()
    }

    /// `self and other`: one row.
    pub fn and(&self, cs: &mut Builder<F>, other: &Self) -> Self {
        Self(cs.mul("and", &self.0, &other.0))
    }

    /// `if self { then } else { otherwise }`: one row.
    pub fn select(&self, cs: &mut Builder<F>, then: &Lc<F>, otherwise: &Lc<F>) -> Lc<F> {
        cs.mul("select", &self.0, &(then - otherwise)) + otherwise
    }
}

/// `sum 2^i bit_i`.
pub fn weigh_bits<'a, F: PrimeField>(bits: impl IntoIterator<Item = &'a Bit<F>>) -> Lc<F> {
    let mut weight = F::ONE;
    let mut sum = Lc::zero();
    for bit in bits {
        sum.add_scaled(&bit.0, weight);
        weight.double_in_place();
    }
    sum
}

/// The bits of `value`, lowest first, asserting `0 <= value < 2^width`: `width` rows. `2^width` must not exceed the
/// modulus, or the bits are not unique. Width 0 asserts that the value is 0.
pub fn decompose<F: PrimeField>(
    cs: &mut Builder<F>,
    name: &'static str,
    value: &Lc<F>,
    width: usize,
) -> Vec<Bit<F>> {
    if width == 0 {
        cs.assert_equal(value, &Lc::zero());
        return Vec::new();
    }
    let integer = value.value().into_bigint();
    let upper: Vec<Bit<F>> = (1..width)
        .map(|i| Bit::hint(cs, name, integer.get_bit(i)))
        .collect();
    let rest = value - &(weigh_bits(&upper) * F::from(2u64));
    let lowest = Bit::assert(cs, rest);
    std::iter::once(lowest).chain(upper).collect()
}

/// The bits of a field element as an integer below the modulus, lowest first: one row a bit and about 62 more.
pub fn canonical_bits(cs: &mut Builder<Fr>, name: &'static str, value: &Lc<Fr>) -> Vec<Bit<Fr>> {
    bits_below(cs, name, value, &Fr::MODULUS)
}

/// The bits of `value` as an integer, lowest first, asserting that it is below `bound`, a number of [`TOP_BITS`] bits or more and at
/// most the modulus: one row for each bit of the bound and about 62 more.
pub fn bits_below(
    cs: &mut Builder<Fr>,
    name: &'static str,
    value: &Lc<Fr>,
    bound: &BigInt<4>,
) -> Vec<Bit<Fr>> {
    let width = bound.num_bits() as usize;
    let bits = decompose(cs, name, value, width);
    let highest_first: Vec<Lc<Fr>> = bits
        .iter()
        .rev()
        .take(TOP_BITS)
        .map(|bit| bit.0.clone())
        .collect();
    assert_below(cs, &highest_first, &top_bits(bound, width));
    bits
}

/// The [`TOP_BITS`] highest of the `width` bits of `bound`, highest first.
pub fn top_bits(bound: &impl BigInteger, width: usize) -> Vec<bool> {
    (width - TOP_BITS..width)
        .rev()
        .map(|i| bound.get_bit(i))
        .collect()
}

/// Asserts that the number with these bits, highest first, is strictly below `bound`.
///
/// Each element of `bits` is 0 or one common non-zero value (1 for booleans; gadgets with scaled bits use it too).
/// One row for a one of the bound but the first, one for a run of zeros.
pub fn assert_below<F: PrimeField>(cs: &mut Builder<F>, bits: &[Lc<F>], bound: &[bool]) {
    debug_assert_eq!(bits.len(), bound.len());
    let Some(last_one) = bound.iter().rposition(|one| *one) else {
        // Nothing is below 0.
        return cs.assert_equal(&Lc::zero(), &Lc::one());
    };
    // Non-zero as long as the bits equal the bound's.
    let mut equal = Lc::one();
    let mut at = 0;
    while at < last_one {
        if bound[at] {
            equal = cs.mul("equal", &equal, &bits[at]);
            at += 1;
        } else {
            let run = bound[at..].iter().take_while(|one| !**one).count();
            cs.assert(&equal, &Lc::sum(&bits[at..at + run]), &Lc::zero());
            at += run;
        }
    }
    cs.assert(&equal, &bits[last_one], &Lc::zero());
}

/// `[x != 0]`, without a free hint: the inverse is 0 when x is. Three rows.
///
/// `x inverse = [x != 0]`; `[x = 0] inverse = 0` pins the inverse of 0 and, elsewhere, the indicator; `[x = 0] x = 0`.
pub fn is_nonzero<F: PrimeField>(cs: &mut Builder<F>, x: &Lc<F>) -> Bit<F> {
    let inverse = cs.hint("inverse", x.value().inverse().unwrap_or(F::ZERO));
    let nonzero = cs.mul("nonzero", x, &inverse);
    let zero = -nonzero.clone() + F::ONE;
    cs.enforce(&zero, &inverse, &Lc::zero());
    cs.assert(&zero, x, &Lc::zero());
    Bit::known_boolean(nonzero)
}

/// The sixteen indicators of a number of four bits (lowest first): element i is 1 iff the number is i. 11 rows.
pub fn one_hot_16<F: PrimeField>(cs: &mut Builder<F>, bits: &[Bit<F>; 4]) -> [Lc<F>; 16] {
    let mut pair = |low: &Bit<F>, high: &Bit<F>| -> [Lc<F>; 4] {
        let both = cs.mul("pair", &low.0, &high.0);
        let neither = &both - &low.0 - &high.0 + F::ONE;
        [neither, &low.0 - &both, &high.0 - &both, both]
    };
    let low = pair(&bits[0], &bits[1]);
    let high = pair(&bits[2], &bits[3]);
    let mut hot: [Lc<F>; 16] = std::array::from_fn(|_| Lc::zero());
    for h in 0..3 {
        for l in 0..3 {
            hot[4 * h + l] = cs.mul("hot", &low[l], &high[h]);
        }
        // The indicators of a row sum to high[h], those of a column to low[l].
        hot[4 * h + 3] = &high[h] - &Lc::sum(&hot[4 * h..4 * h + 3]);
    }
    for l in 0..4 {
        hot[12 + l] = &low[l] - &Lc::sum([&hot[l], &hot[4 + l], &hot[8 + l]]);
    }
    hot
}

/// Asserts that `value` is the element of `table` whose number has these four bits (lowest first): 14 selections in a tree,
/// and the last one is the assertion. 15 rows.
pub fn assert_selected_16<F: PrimeField>(
    cs: &mut Builder<F>,
    bits: &[Bit<F>; 4],
    table: &[Lc<F>; 16],
    value: &Lc<F>,
) {
    let [lower @ .., highest] = bits;
    let mut left: Vec<Lc<F>> = table.to_vec();
    for bit in lower {
        left = left
            .chunks_exact(2)
            .map(|pair| bit.select(cs, &pair[1], &pair[0]))
            .collect();
    }
    cs.assert(&highest.0, &(&left[1] - &left[0]), &(value - &left[0]));
}
