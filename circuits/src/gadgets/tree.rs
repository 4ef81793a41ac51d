//! 16-ary Poseidon trees.
//!
//! **Relation.** `popw_claims::tree`: a node is `P_16` of its children; an index selects a child by four bits a level.
//!
//! **Cost.** A subtree of 16^l leaves: 609 for each inner node, 40.6 a leaf. A path: 609 + 11 + 16 a level with [`climb`], 609 + 15
//! with [`open`].
//!
//! **Why it is sound.** With [`climb`] the child at the index is replaced by the value that climbs, so the path cannot show another;
//! with [`open`] it is asserted to be that value, and all sixteen children are hashed. Depth is fixed by the circuit, leaves are
//! tagged and of another arity than 16. [`open`] is cheaper, but a path without meaning satisfies [`climb`] only.

use super::bits::{Bit, assert_selected_16, one_hot_16};
use super::poseidon::hash;
use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use popw_claims::tree::empty_subtree;

/// The root of the least deep tree that holds the leaves; missing leaves are 0, missing nodes the roots of empty subtrees. A
/// single leaf is its own root.
pub fn root(cs: &mut Builder<Fr>, leaves: Vec<Lc<Fr>>) -> Lc<Fr> {
    let mut nodes = leaves;
    let mut level = 0;
    while nodes.len() > 1 {
        nodes.resize(
            nodes.len().next_multiple_of(16),
            Lc::constant(empty_subtree(level)),
        );
        nodes = nodes.chunks(16).map(|children| hash(cs, children)).collect();
        level += 1;
    }
    nodes.pop().unwrap_or_else(Lc::zero)
}

/// The root that a node reaches along `path` (the sixteen children of each ancestor, bottom up; the one at the index is
/// ignored), with the index as four bits a level, lowest first.
pub fn climb(cs: &mut Builder<Fr>, node: Lc<Fr>, index: &[Bit<Fr>], path: &[[Fr; 16]]) -> Lc<Fr> {
    let mut node = node;
    for (level, (digit, children)) in index.as_chunks().0.iter().zip(path).enumerate() {
        node = cs.scope("level", level, |cs| {
            let hot = one_hot_16(cs, digit);
            let mut nodes = Vec::with_capacity(16);
            for (indicator, child) in hot.iter().zip(children) {
                let sibling = cs.input("sibling", *child);
                nodes.push(cs.mul("child", indicator, &(&node - &sibling)) + &sibling);
            }
            hash(cs, &nodes)
        });
    }
    node
}

/// The root that a node reaches along `path`, in which it stands: `popw_claims::tree::open_path`. The index is given as for [`climb`].
pub fn open(cs: &mut Builder<Fr>, node: Lc<Fr>, index: &[Bit<Fr>], path: &[[Fr; 16]]) -> Lc<Fr> {
    let mut node = node;
    for (level, (digit, children)) in index.as_chunks().0.iter().zip(path).enumerate() {
        node = cs.scope("level", level, |cs| {
            let children = children.map(|child| cs.input("child", child));
            assert_selected_16(cs, digit, &children, &node);
            hash(cs, &children)
        });
    }
    node
}

/// Placeholder siblings for a structure without a witness.
pub fn empty_path(levels: usize) -> Vec<[Fr; 16]> {
    vec![[Fr::ZERO; 16]; levels]
}
