//! Affine forms `sum coefficient * wire`, the constant at wire 0: what one matrix has in one row.

use crate::lc::merge_terms;
use crate::r1cs::R1cs;
use ark_ff::PrimeField;

/// By ascending wire, each once, without zeros.
pub(super) type Form<F> = Vec<(usize, F)>;

/// The form of a row in a matrix.
pub(super) fn form<F: PrimeField>(r1cs: &R1cs<F>, matrix: usize, row: usize) -> Form<F> {
    r1cs.terms(matrix, row).collect()
}

/// `a + b * by`.
pub(super) fn sum<F: PrimeField>(a: &[(usize, F)], b: &[(usize, F)], by: F) -> Form<F> {
    let mut form = a.to_vec();
    form.extend(b.iter().map(|(wire, coefficient)| (*wire, *coefficient * by)));
    merge_terms(&mut form);
    form
}

/// `form * by`, for a non-zero factor.
pub(super) fn scaled<F: PrimeField>(form: &[(usize, F)], by: F) -> Form<F> {
    form.iter()
        .map(|(wire, coefficient)| (*wire, *coefficient * by))
        .collect()
}

/// The multiple whose first coefficient is 1.
pub(super) fn normalised<F: PrimeField>(form: &[(usize, F)]) -> Form<F> {
    match form.first().and_then(|(_, first)| first.inverse()) {
        Some(inverse) => scaled(form, inverse),
        None => Vec::new(),
    }
}

/// The value of a form without wires.
pub(super) fn constant<F: PrimeField>(form: &[(usize, F)]) -> Option<F> {
    match form {
        [] => Some(F::ZERO),
        [(0, value)] => Some(*value),
        _ => None,
    }
}

/// The constant, and the rest.
pub(super) fn split_constant<F: PrimeField>(form: &[(usize, F)]) -> (F, &[(usize, F)]) {
    match form {
        [(0, value), rest @ ..] => (*value, rest),
        rest => (F::ZERO, rest),
    }
}

/// The wire and the coefficient of a form that is a multiple of one wire.
pub(super) fn single<F: PrimeField>(form: &[(usize, F)]) -> Option<(usize, F)> {
    match form {
        [(wire, coefficient)] if *wire != 0 => Some((*wire, *coefficient)),
        _ => None,
    }
}

/// `k` with `a = k b`, for forms that are not 0.
pub(super) fn ratio<F: PrimeField>(a: &[(usize, F)], b: &[(usize, F)]) -> Option<F> {
    let ratio = a.first()?.1 * b.first()?.1.inverse()?;
    let equal = a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|((wire, one), (other, two))| wire == other && *one == ratio * two);
    equal.then_some(ratio)
}
