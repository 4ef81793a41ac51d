//! Poseidon over BN254 with the parameters of circomlib (x^5; widths 2 to 17), and the sponge built on it.
//!
//! The parameters are not copied from anywhere: they are generated, once per width, by the Grain LFSR of the
//! Hades reference script `generate_parameters_grain.sage` (Grassi et al., eprint 2019/458, appendix E), and
//! the vectors in `testdata/vectors` pin the result to circomlibjs. [`hash()`] does not evaluate the textbook
//! rounds but an equivalent form with sparse matrices (appendix B of the same paper); the tests compare the
//! two.
//!
//! Depends on [`crate::field`]. Next: [`crate::tree`].

mod grain;
mod sparse;

use std::sync::OnceLock;

use crate::field::{Fr, tag};
use sparse::Permutation;

/// Most inputs of one hash.
pub const INPUTS_MAX: usize = 16;
/// Smallest and largest width of the state: one element more than the inputs.
const WIDTH_MIN: usize = 2;
const WIDTH_MAX: usize = INPUTS_MAX + 1;
/// Full rounds, half of them before and half after the partial ones (circomlib, all widths).
const FULL_ROUNDS: usize = 8;
/// Partial rounds for the widths 2 to 17 (circomlib `N_ROUNDS_P`; the same table in iden3 and Semaphore).
const PARTIAL_ROUNDS: [usize; INPUTS_MAX] = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68];

/// The textbook parameters of one width: what a circuit or a second implementation needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// Elements of the state.
    pub width: usize,
    /// Rounds in which every element passes the S-box; half of them come first, half last.
    pub full_rounds: usize,
    /// Rounds in which only element 0 passes the S-box.
    pub partial_rounds: usize,
    /// `width * (full_rounds + partial_rounds)` constants; round k adds number `k * width + i` to element i.
    pub round_constants: Vec<Fr>,
    /// After the S-boxes, element i becomes `sum_j mds[i][j] * state[j]`.
    pub mds: Vec<Vec<Fr>>,
}

/// The parameters of a width between 2 and 17, generated on first use.
///
/// # Panics
/// On any other width: widths are constants of the code that asks, never input.
#[must_use]
pub fn parameters(width: usize) -> &'static Parameters {
    assert!(
        (WIDTH_MIN..=WIDTH_MAX).contains(&width),
        "Poseidon has widths 2 to 17, not {width}"
    );
    static CACHE: [OnceLock<Parameters>; INPUTS_MAX] = [const { OnceLock::new() }; INPUTS_MAX];
    CACHE[width - WIDTH_MIN]
        .get_or_init(|| grain::generate(width, FULL_ROUNDS, PARTIAL_ROUNDS[width - WIDTH_MIN]))
}

/// `P_n(inputs)`: the permutation of `[0, inputs]`, element 0 of the result.
///
/// # Panics
/// With no inputs or more than 16. The number of inputs is a constant of the calling code; data of variable
/// length goes through [`sponge`].
#[must_use]
pub fn hash(inputs: &[Fr]) -> Fr {
    let width = inputs.len() + 1;
    let parameters = parameters(width);
    static CACHE: [OnceLock<Permutation>; INPUTS_MAX] = [const { OnceLock::new() }; INPUTS_MAX];
    let permutation = CACHE[width - WIDTH_MIN].get_or_init(|| Permutation::new(parameters));
    let mut state = [Fr::from(0u64); WIDTH_MAX];
    state[1..width].copy_from_slice(inputs);
    permutation.first_of(&mut state[..width])
}

/// Hash of any number of elements, bound to a domain and to the number of elements:
/// `h = P_16(tag(name), n, e_1..e_14)`, then `h = P_16(h, next 15)`; the last block is filled with zeros.
#[must_use]
pub fn sponge(name: &str, elements: &[Fr]) -> Fr {
    const FIRST: usize = INPUTS_MAX - 2;
    const NEXT: usize = INPUTS_MAX - 1;
    let (first, rest) = elements.split_at(elements.len().min(FIRST));
    let mut block = [Fr::from(0u64); INPUTS_MAX];
    block[0] = tag(name);
    block[1] = Fr::from(elements.len() as u64);
    block[2..2 + first.len()].copy_from_slice(first);
    rest.chunks(NEXT).fold(hash(&block), |state, chunk| {
        let mut block = [Fr::from(0u64); INPUTS_MAX];
        block[0] = state;
        block[1..=chunk.len()].copy_from_slice(chunk);
        hash(&block)
    })
}

#[cfg(test)]
mod tests;
