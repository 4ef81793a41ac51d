//! The rules of several rows. [`settle`] is one pass over the rows that still have unknown wires.
//!
//! - *Zero test*: `x u = v` and `x w = 0`, where x is known and v and w are forms of one unknown wire. If x is 0 the first row fixes
//!   it, if not the second does.
//! - *Inverse or zero*: `x u = v` and `y u = ..`, where all but u is known. If x is 0, so is v; if then y cannot be 0 (`y + k v` is a
//!   non-zero constant), one of the rows fixes u.
//! - *Root with a known sign*: `x^2` is known, and a range row says `0 <= x < 2^n` below half the modulus.
//! - *Division with remainder*: range rows say that a remainder `known - X` and its distance `X - known'` from the divisor's
//!   predecessor are both at least 0, where X is a number of unknown bits times the divisor, a constant or a known form. Two
//!   quotients would put the remainders a divisor apart.
//!
//! A *range row* is the last row of a decomposition: "`L - sum 2^i b_i` is 0 or 1" with booleans b_1 .. b_(n-1) says `0 <= L < 2^n`.

use super::Search;
use super::digits::{are_unique, total};
use super::form::{Form, constant, ratio, scaled, single, split_constant, sum};
use ark_ff::{BigInteger, PrimeField};
use std::collections::HashMap;

/// How many range rows about the same unknown form are looked at.
const PARTNERS_MAX: usize = 4;

/// `known + unknown` is an integer of `bits` bits.
struct Range<F> {
    known: Form<F>,
    unknown: Form<F>,
    bits: usize,
}

/// Applies every rule once to every row with unknown wires. Did one of them reach a wire?
pub(super) fn settle<F: PrimeField>(search: &mut Search<'_, F>) -> bool {
    let mut reached = Vec::new();
    let mut ranges = Vec::new();
    for row in (0..search.r1cs.constraints()).filter(|row| search.unknown[*row] > 0) {
        reached.extend(zero_test(search, row));
        reached.extend(inverse_or_zero(search, row));
        if search.unbounded[row] == 0 {
            reached.extend(search.solve_digits(row));
        }
        ranges.extend(range(search, row));
    }
    let mut about: HashMap<&Form<F>, Vec<&Range<F>>> = HashMap::new();
    for range in &ranges {
        about.entry(&range.unknown).or_default().push(range);
    }
    for range in &ranges {
        reached.extend(root(search, range));
        let opposite = scaled(&range.unknown, -F::ONE);
        for partner in about.get(&opposite).into_iter().flatten().take(PARTNERS_MAX) {
            reached.extend(quotient(search, range, partner));
        }
    }
    let progress = !reached.is_empty();
    reached.into_iter().for_each(|wire| search.learn(wire));
    progress
}

/// The rows of a wire's column but one.
fn other_rows<'a, F: PrimeField>(
    search: &'a Search<'_, F>,
    wire: usize,
    row: usize,
) -> impl Iterator<Item = [Form<F>; 3]> + 'a {
    let rows = search.occurrences.rows(wire);
    rows.filter(move |other| *other != row).map(|row| search.row(row))
}

/// A row `x w = 0` with known x and one unknown wire in w: its other row `x u = v`.
fn zero_test<F: PrimeField>(search: &Search<'_, F>, row: usize) -> Option<usize> {
    if search.unknown[row] != 1 {
        return None;
    }
    let [a, b, c] = search.row(row);
    let (x, w) = if search.is_known(&a) { (a, b) } else { (b, a) };
    let (wire, _) = *search.unknowns(&w).first()?;
    let fixes = |[a, b, c]: [Form<F>; 3]| {
        let only_wire = matches!(search.unknowns(&c)[..], [(unknown, _)] if unknown == wire);
        only_wire && (ratio(&a, &x).is_some() || ratio(&b, &x).is_some())
    };
    let found = c.is_empty() && search.is_known(&x) && other_rows(search, wire, row).any(fixes);
    found.then_some(wire)
}

/// A row as `(x, u, v)` for `x u = v` with known x and v and the one unknown wire u.
fn inverse_row<F: PrimeField>(
    search: &Search<'_, F>,
    [a, b, c]: [Form<F>; 3],
) -> Option<(Form<F>, usize, Form<F>)> {
    let (x, u) = if search.is_known(&a) { (a, b) } else { (b, a) };
    let (wire, _) = single(&u)?;
    let known = search.is_known(&x) && search.is_known(&c) && !search.known[wire];
    known.then_some((x, wire, c))
}

fn inverse_or_zero<F: PrimeField>(search: &Search<'_, F>, row: usize) -> Option<usize> {
    if search.unknown[row] != 1 {
        return None;
    }
    let (_, wire, v) = inverse_row(search, search.row(row))?;
    let (at_zero, v_wires) = split_constant(&v);
    let fixes = |other: [Form<F>; 3]| {
        let Some((y, _, _)) = inverse_row(search, other).filter(|(_, other, _)| *other == wire) else {
            return false;
        };
        let (y_constant, y_wires) = split_constant(&y);
        // y - k v is y_constant - k at_zero, and v is 0.
        ratio(y_wires, v_wires).is_some_and(|k| y_constant != k * at_zero)
    };
    other_rows(search, wire, row).any(fixes).then_some(wire)
}

/// The range that a row states.
fn range<F: PrimeField>(search: &Search<'_, F>, row: usize) -> Option<Range<F>> {
    let mut form = search.two_valued(row)?;
    let mut bits = 1;
    let mut weight = F::from(2u64);
    // Of several booleans with the weight of the next bit, the bit is the one that was made last.
    while let Some(at) = form.iter().rposition(|(wire, coefficient)| {
        *coefficient == -weight && search.boolean[*wire] && !search.known[*wire]
    }) {
        form.remove(at);
        bits += 1;
        weight.double_in_place();
    }
    let unknown = search.unknowns(&form);
    let known = form.into_iter().filter(|(wire, _)| search.known[*wire]).collect();
    let fits = bits + 2 < F::MODULUS_BIT_SIZE as usize && !unknown.is_empty();
    fits.then_some(Range { known, unknown, bits })
}

/// `0 <= x`, and a row with a known `x^2`.
fn root<F: PrimeField>(search: &Search<'_, F>, range: &Range<F>) -> Option<usize> {
    let (wire, coefficient) = single(&range.unknown)?;
    let square = |row: usize| {
        let [a, b, c] = search.row(row);
        let is_root = |form: &[(usize, F)]| single(form).is_some_and(|(root, _)| root == wire);
        is_root(&a) && is_root(&b) && search.is_known(&c)
    };
    let found = range.known.is_empty() && coefficient.is_one() && search.occurrences.rows(wire).any(square);
    found.then_some(wire)
}

/// The bits of a quotient, and its product with the divisor, from the ranges of the remainder and of its distance from the
/// divisor's predecessor.
fn quotient<F: PrimeField>(search: &Search<'_, F>, remainder: &Range<F>, distance: &Range<F>) -> Vec<usize> {
    // remainder + distance = divisor - 1, as integers, since both are below 2^bits.
    let last = sum(&remainder.known, &distance.known, F::ONE);
    if let Some(last) = constant(&last) {
        let booleans = remainder.unknown.iter().all(|(wire, _)| search.boolean[*wire]);
        let weights = remainder.unknown.iter().map(|(_, weight)| *weight);
        return match booleans && are_unique(last.into_bigint(), weights) {
            true => remainder.unknown.iter().map(|(wire, _)| *wire).collect(),
            false => Vec::new(),
        };
    }
    let Some((product, weight)) = single(&remainder.unknown) else {
        return Vec::new();
    };
    let divisor = sum(&last, &[(0, F::ONE)], F::ONE);
    let below = remainder.bits.max(distance.bits) + 1;
    for row in search.occurrences.rows(product) {
        let [a, b, c] = search.row(row);
        let Some((_, at_c)) = single(&c).filter(|(wire, _)| *wire == product) else {
            continue;
        };
        for (factor, number) in [(&a, &b), (&b, &a)] {
            let Some(multiple) = ratio(factor, &divisor) else {
                continue;
            };
            // The quotient, scaled so that the remainder is known + quotient * divisor.
            let Some(scale) = at_c.inverse().map(|inverse| weight * multiple * inverse) else {
                continue;
            };
            let bits = search.unknowns(number);
            let booleans = bits.iter().all(|(wire, _)| search.boolean[*wire]);
            let weights = || bits.iter().map(|(_, weight)| *weight * scale);
            // (total + 1) * divisor stays below half the modulus.
            let fits = total(weights()).is_some_and(|mut total: F::BigInt| {
                total.add_with_carry(&F::BigInt::from(1u8));
                total.num_bits() as usize + below < F::MODULUS_BIT_SIZE as usize
            });
            if booleans && fits && are_unique(F::BigInt::from(0u8), weights()) {
                return bits.iter().map(|(wire, _)| *wire).chain([product]).collect();
            }
        }
    }
    Vec::new()
}
