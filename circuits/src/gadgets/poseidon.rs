//! Poseidon with the circomlib parameters.
//!
//! **Relation.** `popw_claims::poseidon::hash` and `sponge`, the native twins.
//!
//! **Cost.** `3 (8 t + R_P) - 3` for width t = inputs + 1 (t = 3: 240, t = 17: 609), and 3 less for every constant input: an
//! S-box is three products, linear layers are free, S-boxes of constants vanish.
//!
//! **Why it is sound.** Every row is a product of combinations of earlier wires: the output is a function of the inputs.
//!
//! **How.** In the partial rounds only one element passes an S-box, so the state is an affine function of the last full
//! round's outputs and the partial outputs so far. Those functions depend on the width alone; they are computed once
//! ([`Template`]) and instantiated without symbolic algebra.
//!
//! Source: Grassi et al., "Poseidon", USENIX Security 2021; parameters as in circomlib.

use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use popw_claims::field::tag;
use popw_claims::poseidon::{Parameters, parameters};
use std::sync::OnceLock;

/// Width of the largest permutation.
const WIDTH_MAX: usize = 17;

/// An affine function: a constant and a coefficient for each variable.
#[derive(Clone)]
struct Affine {
    constant: Fr,
    coefficients: Vec<Fr>,
}

impl Affine {
    fn apply(&self, variables: &[Lc<Fr>]) -> Lc<Fr> {
        let mut sum = Lc::constant(self.constant);
        for (coefficient, variable) in self.coefficients.iter().zip(variables) {
            sum.add_scaled(variable, *coefficient);
        }
        sum
    }
}

/// The partial rounds of one width as affine functions of `[outputs of the full round before (width), outputs of the
/// partial S-boxes before]`.
struct Template {
    parameters: &'static Parameters,
    partial_inputs: Vec<Affine>,
    state_after: Vec<Affine>,
}

impl Template {
    fn of(width: usize) -> &'static Self {
        static TEMPLATES: [OnceLock<Template>; WIDTH_MAX + 1] = [const { OnceLock::new() }; WIDTH_MAX + 1];
        TEMPLATES[width].get_or_init(|| Self::new(parameters(width)))
    }

    fn new(parameters: &'static Parameters) -> Self {
        let Parameters {
            width,
            full_rounds,
            partial_rounds,
            ..
        } = *parameters;
        let unit = |at: usize| Affine {
            constant: Fr::ZERO,
            coefficients: (0..width).map(|i| Fr::from(u64::from(i == at))).collect(),
        };
        let mut state = mix(parameters, &(0..width).map(unit).collect::<Vec<_>>());
        let mut partial_inputs = Vec::with_capacity(partial_rounds);
        for partial_round in 0..partial_rounds {
            let round = full_rounds / 2 + partial_round;
            for (element, constant) in state.iter_mut().zip(&parameters.round_constants[round * width..]) {
                element.constant += constant;
            }
            let output = width + partial_round;
            let mut coefficients = vec![Fr::ZERO; output + 1];
            coefficients[output] = Fr::ONE;
            let output = Affine {
                constant: Fr::ZERO,
                coefficients,
            };
            partial_inputs.push(std::mem::replace(&mut state[0], output));
            state = mix(parameters, &state);
        }
        Self {
            parameters,
            partial_inputs,
            state_after: state,
        }
    }
}

fn mix(parameters: &Parameters, state: &[Affine]) -> Vec<Affine> {
    let variables = state
        .iter()
        .map(|element| element.coefficients.len())
        .max()
        .unwrap_or(0);
    parameters
        .mds
        .iter()
        .map(|row| {
            let mut sum = Affine {
                constant: Fr::ZERO,
                coefficients: vec![Fr::ZERO; variables],
            };
            for (weight, element) in row.iter().zip(state) {
                sum.constant += element.constant * weight;
                for (total, coefficient) in sum.coefficients.iter_mut().zip(&element.coefficients) {
                    *total += *coefficient * weight;
                }
            }
            sum
        })
        .collect()
}

/// `x^5`: three rows, none for a constant.
fn s_box(cs: &mut Builder<Fr>, x: &Lc<Fr>) -> Lc<Fr> {
    let square = cs.mul("x2", x, x);
    let fourth = cs.mul("x4", &square, &square);
    cs.mul("x5", &fourth, x)
}

/// Adds the round's constants and applies the S-box to every element.
fn full_round_outputs(
    cs: &mut Builder<Fr>,
    parameters: &Parameters,
    round: usize,
    state: Vec<Lc<Fr>>,
) -> Vec<Lc<Fr>> {
    let constants = &parameters.round_constants[round * parameters.width..];
    state
        .into_iter()
        .zip(constants)
        .map(|(element, constant)| s_box(cs, &(element + *constant)))
        .collect()
}

fn mix_row(row: &[Fr], outputs: &[Lc<Fr>]) -> Lc<Fr> {
    Lc::weighted_sum(outputs.iter().zip(row.iter().copied()))
}

/// `P_n(inputs)` for 1 to 16 inputs.
///
/// # Panics
/// For another number of inputs: a mistake in the circuit.
pub fn hash(cs: &mut Builder<Fr>, inputs: &[Lc<Fr>]) -> Lc<Fr> {
    let template = Template::of(inputs.len() + 1);
    let parameters = template.parameters;
    let half = parameters.full_rounds / 2;
    cs.scope("poseidon", None, |cs| {
        let mut state: Vec<Lc<Fr>> = std::iter::once(Lc::zero())
            .chain(inputs.iter().cloned())
            .collect();
        let mut outputs = Vec::new();
        for round in 0..half {
            outputs = full_round_outputs(cs, parameters, round, state);
            state = match round + 1 == half {
                true => Vec::new(),
                false => parameters.mds.iter().map(|row| mix_row(row, &outputs)).collect(),
            };
        }
        // `outputs` now holds the variables of the template.
        for input in &template.partial_inputs {
            let input = input.apply(&outputs);
            outputs.push(s_box(cs, &input));
        }
        state = template
            .state_after
            .iter()
            .map(|element| element.apply(&outputs))
            .collect();
        for round in 0..half {
            outputs = full_round_outputs(cs, parameters, half + parameters.partial_rounds + round, state);
            state = match round + 1 == half {
                true => Vec::new(),
                false => parameters.mds.iter().map(|row| mix_row(row, &outputs)).collect(),
            };
        }
        mix_row(&parameters.mds[0], &outputs)
    })
}

/// `P(tag(name), inputs)`.
pub fn tagged_hash(cs: &mut Builder<Fr>, name: &str, inputs: &[&Lc<Fr>]) -> Lc<Fr> {
    let tagged: Vec<Lc<Fr>> = std::iter::once(Lc::constant(tag(name)))
        .chain(inputs.iter().map(|input| (*input).clone()))
        .collect();
    hash(cs, &tagged)
}

/// The sponge of `docs/protocol.md`, section 1: `P_16(tag, count, 14 elements)`, then `P_16(state, 15 elements)`.
pub fn sponge(cs: &mut Builder<Fr>, name: &str, elements: &[Lc<Fr>]) -> Lc<Fr> {
    let mut block = vec![
        Lc::constant(tag(name)),
        Lc::constant(Fr::from(elements.len() as u64)),
    ];
    let mut rest = elements.iter();
    loop {
        block.extend(rest.by_ref().take(WIDTH_MAX - 1 - block.len()).cloned());
        block.resize(WIDTH_MAX - 1, Lc::zero());
        let state = hash(cs, &block);
        if rest.len() == 0 {
            return state;
        }
        block = vec![state];
    }
}
