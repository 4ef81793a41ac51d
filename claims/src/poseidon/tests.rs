//! Tests of [`crate::poseidon`].

#![allow(clippy::unwrap_used)]

use super::*;
use crate::field::{from_decimal, reduce_be_bytes};
use ark_ff::{AdditiveGroup, Field};
use light_poseidon::PoseidonHasher;
use proptest::prelude::*;

/// The permutation as the paper writes it.
fn textbook(inputs: &[Fr]) -> Fr {
    let parameters = parameters(inputs.len() + 1);
    let mut state = vec![Fr::ZERO];
    state.extend(inputs);
    let first_partial = parameters.full_rounds / 2;
    let partial = first_partial..first_partial + parameters.partial_rounds;
    for (round, constants) in parameters.round_constants.chunks(parameters.width).enumerate() {
        for (i, constant) in constants.iter().enumerate() {
            state[i] += constant;
            if i == 0 || !partial.contains(&round) {
                state[i] = state[i].pow([5]);
            }
        }
        state = parameters
            .mds
            .iter()
            .map(|row| row.iter().zip(&state).map(|(m, x)| *m * x).sum())
            .collect();
    }
    state[0]
}

fn element() -> impl Strategy<Value = Fr> {
    prop_oneof![
        4 => any::<[u8; 32]>().prop_map(|bytes| reduce_be_bytes(&bytes)),
        1 => Just(Fr::ZERO),
        1 => Just(Fr::ONE),
        1 => Just(-Fr::ONE),
    ]
}

proptest! {
    #![proptest_config(crate::cases(48))]

    #[test]
    fn evaluated_form_equals_the_textbook(inputs in prop::collection::vec(element(), 1..=16)) {
        prop_assert_eq!(hash(&inputs), textbook(&inputs));
    }

    #[test]
    fn agrees_with_light_poseidon(inputs in prop::collection::vec(element(), 1..=12)) {
        let theirs = light_poseidon::Poseidon::<Fr>::new_circom(inputs.len()).unwrap().hash(&inputs).unwrap();
        prop_assert_eq!(hash(&inputs), theirs);
    }
}

#[test]
fn every_width_equals_the_textbook_on_edge_inputs() {
    for inputs in 1..=INPUTS_MAX {
        for value in [Fr::ZERO, Fr::ONE, -Fr::ONE] {
            assert_eq!(
                hash(&vec![value; inputs]),
                textbook(&vec![value; inputs]),
                "{inputs} inputs"
            );
        }
    }
}

#[test]
fn published_vectors() {
    let vectors = [
        (
            1,
            "18586133768512220936620570745912940619677854269274689475585506675881198879027",
        ),
        (
            2,
            "7853200120776062878684798364095072458815029376092732009249414926327459813530",
        ),
        (
            4,
            "18821383157269793795438455681495246036402687001665670618754263018637548127333",
        ),
        (
            5,
            "6183221330272524995739186171720101788151706631170188140075976616310159254464",
        ),
        (
            12,
            "2501997477381648492950318384533644783248002172679259592360114615426357826485",
        ),
        (
            16,
            "9989051620750914585850546081941653841776809718687451684622678807385399211877",
        ),
    ];
    for (inputs, expected) in vectors {
        let inputs: Vec<Fr> = (1..=inputs).map(Fr::from).collect::<Vec<_>>();
        assert_eq!(
            hash(&inputs),
            from_decimal(expected).unwrap(),
            "{} inputs",
            inputs.len()
        );
    }
}

#[test]
fn parameters_have_the_documented_sizes() {
    for (index, partial_rounds) in PARTIAL_ROUNDS.into_iter().enumerate() {
        let parameters = parameters(index + 2);
        assert_eq!(parameters.width, index + 2);
        assert_eq!(
            (parameters.full_rounds, parameters.partial_rounds),
            (8, partial_rounds)
        );
        assert_eq!(
            parameters.round_constants.len(),
            parameters.width * (8 + partial_rounds)
        );
        assert!(parameters.mds.len() == parameters.width);
        assert!(parameters.mds.iter().all(|row| row.len() == parameters.width));
    }
}

#[test]
fn sponge_blocks_and_padding() {
    let elements: Vec<Fr> = (1..=40).map(Fr::from).collect::<Vec<_>>();
    for n in [0usize, 1, 13, 14, 15, 28, 29, 30, 40] {
        let mut padded = elements[..n].to_vec();
        while padded.len() < 14 || !(padded.len() - 14).is_multiple_of(15) {
            padded.push(Fr::ZERO);
        }
        let mut state = hash(&[&[tag("out"), Fr::from(n as u64)], &padded[..14]].concat());
        for chunk in padded[14..].chunks(15) {
            state = hash(&[&[state], chunk].concat());
        }
        assert_eq!(sponge("out", &elements[..n]), state, "{n} elements");
    }
}

#[test]
fn sponge_separates_names_and_lengths() {
    assert_ne!(sponge("out", &[]), sponge("parameters", &[]));
    assert_ne!(sponge("out", &[]), sponge("out", &[Fr::ZERO]));
    assert_ne!(sponge("out", &[Fr::ZERO; 14]), sponge("out", &[Fr::ZERO; 15]));
}

#[test]
#[should_panic(expected = "widths 2 to 17")]
fn no_inputs_is_a_programming_error() {
    let _ = hash(&[]);
}
