//! Poseidon, the sponge, trees.

use super::{bind, boundary_values, inputs, outputs};
use crate::Builder;
use crate::gadgets::bits::Bit;
use crate::gadgets::{poseidon, tree};
use crate::soundness::{Draw, Subject};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

fn poseidon_circuit(cs: &mut Builder<Fr>, values: &[Fr]) {
    let outputs = outputs(cs, "hash", 1);
    let inputs = inputs(cs, values);
    let hash = poseidon::hash(cs, &inputs);
    bind(cs, outputs, [&hash]);
}

/// Inputs at random, all 0, and boundary values.
fn vectors(count: usize) -> [Vec<Fr>; 3] {
    let edges = boundary_values();
    [
        Draw::new(3).elements(count),
        vec![Fr::ZERO; count],
        edges.into_iter().cycle().take(count).collect(),
    ]
}

pub(super) fn poseidon(count: usize) -> Subject<'static, Fr, Vec<Fr>> {
    Subject::new(format!("poseidon inputs={count}"), &|cs, values: &Vec<Fr>| {
        poseidon_circuit(cs, values)
    })
    .twin(&|values| Some(vec![popw_claims::poseidon::hash(values)]))
    .valid(vectors(count))
}

fn sponge_circuit(cs: &mut Builder<Fr>, values: &[Fr]) {
    let outputs = outputs(cs, "sponge", 1);
    let inputs = inputs(cs, values);
    let sponge = poseidon::sponge(cs, "out", &inputs);
    bind(cs, outputs, [&sponge]);
}

/// Two blocks: 14 elements fit the first.
pub(super) fn sponge() -> Subject<'static, Fr, Vec<Fr>> {
    Subject::new("sponge elements=16", &|cs, values: &Vec<Fr>| {
        sponge_circuit(cs, values)
    })
    .twin(&|values| Some(vec![popw_claims::poseidon::sponge("out", values)]))
    .valid(vectors(16))
}

fn root_circuit(cs: &mut Builder<Fr>, leaves: &[Fr]) {
    let outputs = outputs(cs, "root", 1);
    let leaves = inputs(cs, leaves);
    let root = tree::root(cs, leaves);
    bind(cs, outputs, [&root]);
}

/// Two levels, the second node with one leaf.
pub(super) fn root() -> Subject<'static, Fr, Vec<Fr>> {
    Subject::new("root leaves=17", &|cs, values: &Vec<Fr>| root_circuit(cs, values))
        .twin(&|leaves| Some(vec![popw_claims::tree::root_of(leaves)]))
        .valid(vectors(17))
}

/// A leaf, its place and its path.
pub(super) struct Climb {
    leaf: Fr,
    index: u64,
    path: Vec<[Fr; 16]>,
}

fn climb_circuit(cs: &mut Builder<Fr>, climb: &Climb) {
    let outputs = outputs(cs, "root", 1);
    let leaf = cs.input("leaf", climb.leaf);
    let index: Vec<Bit<Fr>> = (0..8)
        .map(|i| Bit::choice(cs, "index", climb.index >> i & 1 == 1))
        .collect();
    let node = tree::climb(cs, leaf, &index, &climb.path);
    bind(cs, outputs, [&node]);
}

pub(super) fn climb() -> Subject<'static, Fr, Climb> {
    let climb = |index| {
        let mut draw = Draw::new(index);
        Climb {
            leaf: draw.element(),
            index,
            path: draw.path(2),
        }
    };
    Subject::new("climb levels=2", &climb_circuit)
        .twin(&|climb| {
            Some(vec![popw_claims::tree::climb(
                climb.leaf,
                climb.index,
                &climb.path,
            )])
        })
        .valid([0, 100, 255].map(climb))
        .probes([1, 15, 16, 17, 170].map(climb))
}
