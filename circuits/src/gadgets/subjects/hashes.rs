//! Poseidon, the sponge, trees.

use super::{bind, boundary_values, inputs, outputs};
use crate::gadgets::bits::Bit;
use crate::gadgets::{poseidon, tree};
use crate::soundness::{Draw, Forgery, Subject};
use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

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

/// A leaf, its place and its path of two levels.
#[derive(Clone)]
pub(super) struct Place {
    leaf: Fr,
    index: u64,
    path: Vec<[Fr; 16]>,
}

impl Place {
    /// With siblings at random, and the leaf where the path shows it.
    fn shown(index: u64) -> Self {
        let mut draw = Draw::new(index);
        let leaf = draw.element();
        Self {
            leaf,
            index,
            path: draw.path_of(leaf, index, 2),
        }
    }

    /// With another element where the path shows the leaf.
    fn hidden(index: u64) -> Self {
        let mut draw = Draw::new(index);
        Self {
            leaf: draw.element(),
            index,
            path: draw.path(2),
        }
    }
}

/// A leaf and the bits of its index.
fn leaf_and_index(cs: &mut Builder<Fr>, place: &Place) -> (Lc<Fr>, Vec<Bit<Fr>>) {
    let leaf = cs.input("leaf", place.leaf);
    let index = (0..8)
        .map(|i| Bit::choice(cs, "index", place.index >> i & 1 == 1))
        .collect();
    (leaf, index)
}

fn climb_circuit(cs: &mut Builder<Fr>, place: &Place) {
    let outputs = outputs(cs, "root", 1);
    let (leaf, index) = leaf_and_index(cs, place);
    let root = tree::climb(cs, leaf, &index, &place.path);
    bind(cs, outputs, [&root]);
}

pub(super) fn climb() -> Subject<'static, Fr, Place> {
    Subject::new("climb levels=2", &climb_circuit)
        .twin(&|place| {
            let root = popw_claims::tree::climb(place.leaf, place.index, &place.path);
            Some(vec![root])
        })
        .valid([0, 100, 255].map(Place::hidden))
        .probes([1, 15, 16, 17, 170].map(Place::hidden))
}

fn open_circuit(cs: &mut Builder<Fr>, place: &Place) {
    let outputs = outputs(cs, "root", 1);
    let (leaf, index) = leaf_and_index(cs, place);
    let root = tree::open(cs, leaf, &index, &place.path);
    bind(cs, outputs, [&root]);
}

pub(super) fn open() -> Subject<'static, Fr, Place> {
    let honest = Place::shown(100);
    let mut invalid = vec![Forgery::new("siblings alone", Place::hidden(100))];
    let mut forge = |name: &str, edit: &dyn Fn(&mut Place)| {
        let mut forged = honest.clone();
        edit(&mut forged);
        invalid.push(Forgery::new(name, forged));
    };
    forge("another leaf", &|place| place.leaf += Fr::ONE);
    forge("another index at level 0", &|place| place.index ^= 1);
    forge("another index at level 1", &|place| place.index ^= 16);
    // 100 is 4 at the lower level and 6 at the upper one.
    forge("another child at level 0", &|place| place.path[0][4] += Fr::ONE);
    forge("another child at level 1", &|place| place.path[1][6] += Fr::ONE);
    forge("another sibling at level 0", &|place| place.path[0][5] += Fr::ONE);
    Subject::new("open levels=2", &open_circuit)
        .twin(&|place| {
            let root = popw_claims::tree::open_path(place.leaf, place.index, &place.path);
            root.ok().map(|root| vec![root])
        })
        .valid([3, 100, 255].map(Place::shown))
        .invalid(invalid)
        .probes([0, 1, 15, 16, 17, 170].map(Place::shown))
}
