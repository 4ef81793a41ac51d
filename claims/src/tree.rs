//! 16-ary Poseidon trees of a fixed number of levels (`docs/protocol.md` section 1): `node = P_16(children)`,
//! an empty leaf is 0. Only nodes that differ from an empty subtree are stored, so that a tree of 16^5 leaves
//! with a handful of devices costs a handful of hashes.
//!
//! Depends on [`crate::poseidon`]. Next: [`crate::registry`], which fills such trees.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rayon::prelude::*;

use crate::field::Fr;
use crate::poseidon::hash;

/// Children of a node.
pub const ARITY: usize = 16;
/// Bits of an index that choose a child.
const ARITY_BITS: usize = 4;
/// Most levels of a tree: leaf indices stay below 2^60.
pub const LEVELS_MAX: usize = 15;

/// For each level between a node and the root, bottom up: all sixteen children of the parent, the node among
/// them.
pub type Path = Vec<[Fr; ARITY]>;

/// Why a tree or a path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// More levels than [`LEVELS_MAX`].
    #[error("a tree has at most {LEVELS_MAX} levels, got {got}")]
    TooManyLevels {
        /// Levels asked for.
        got: usize,
    },
    /// The index is not in the tree.
    #[error("index {index} is outside a level of {size} nodes")]
    IndexOutOfRange {
        /// The refused index.
        index: u64,
        /// Nodes at that level.
        size: u64,
    },
    /// Two leaves have the same index.
    #[error("two leaves have index {index}")]
    RepeatedIndex {
        /// The index.
        index: u64,
    },
    /// The path does not contain the node where the index says.
    #[error("level {level} of the path (0 next to the node): child {child} is not the node below")]
    PathMismatch {
        /// Level counted from the node.
        level: usize,
        /// Position among the sixteen children.
        child: usize,
    },
    /// The path is sound in itself but ends in another root.
    #[error("the path leads to another root than the one expected")]
    RootMismatch,
}

/// Root of a subtree of that many levels whose leaves are all empty; `level` is at most [`LEVELS_MAX`].
#[must_use]
pub fn empty_subtree(level: usize) -> Fr {
    static EMPTY: LazyLock<[Fr; LEVELS_MAX + 1]> = LazyLock::new(|| {
        let mut roots = [Fr::from(0u64); LEVELS_MAX + 1];
        for level in 1..=LEVELS_MAX {
            roots[level] = hash(&[roots[level - 1]; ARITY]);
        }
        roots
    });
    EMPTY[level.min(LEVELS_MAX)]
}

/// Leaves below a node of that level: `16^level`, for at most [`LEVELS_MAX`] levels.
#[must_use]
pub fn width(level: usize) -> u64 {
    1u64.checked_shl(u32::try_from(ARITY_BITS * level).unwrap_or(u32::MAX))
        .unwrap_or(0)
}

/// Which of its parent's sixteen children the ancestor of a node is, `level` levels above the node.
fn digit(index: u64, level: usize) -> usize {
    let shifted = if level <= LEVELS_MAX {
        index >> (ARITY_BITS * level)
    } else {
        0
    };
    usize::from(shifted.to_le_bytes()[0]) % ARITY
}

/// Root of the least deep tree that holds the leaves, missing leaves being 0. A single leaf is its own root,
/// no leaf is 0.
#[must_use]
pub fn root_of(leaves: &[Fr]) -> Fr {
    let mut nodes = leaves.to_vec();
    let mut level = 0;
    while nodes.len() > 1 {
        nodes = nodes
            .chunks(ARITY)
            .map(|chunk| {
                let mut children = [empty_subtree(level); ARITY];
                children[..chunk.len()].copy_from_slice(chunk);
                hash(&children)
            })
            .collect();
        level += 1;
    }
    nodes.first().copied().unwrap_or_default()
}

/// The root that a node reaches along a path. As in the circuit, the child at the node's place is not read:
/// the value that climbs takes its place, so that a path cannot show another node.
#[must_use]
pub fn climb(node: Fr, index: u64, path: &[[Fr; ARITY]]) -> Fr {
    path.iter().enumerate().fold(node, |node, (level, children)| {
        let mut children = *children;
        children[digit(index, level)] = node;
        hash(&children)
    })
}

/// The root that a node reaches along a path that shows it: at every level the child at the node's place is
/// compared, and all sixteen are hashed. [`climb`] needs no comparison, this no replacement.
///
/// # Errors
/// [`TreeError::PathMismatch`], [`TreeError::TooManyLevels`], [`TreeError::IndexOutOfRange`] for an index with
/// more digits than the path has levels.
pub fn open_path(node: Fr, index: u64, path: &[[Fr; ARITY]]) -> Result<Fr, TreeError> {
    check_index(index, path.len())?;
    let mut node = node;
    for (level, children) in path.iter().enumerate() {
        let child = digit(index, level);
        if children[child] != node {
            return Err(TreeError::PathMismatch { level, child });
        }
        node = hash(children);
    }
    Ok(node)
}

/// Checks a path in full: [`open_path`], and the last parent is the root.
///
/// # Errors
/// As [`open_path`], and [`TreeError::RootMismatch`].
pub fn verify_path(node: Fr, index: u64, path: &[[Fr; ARITY]], root: Fr) -> Result<(), TreeError> {
    if open_path(node, index, path)? == root {
        Ok(())
    } else {
        Err(TreeError::RootMismatch)
    }
}

fn check_index(index: u64, levels: usize) -> Result<(), TreeError> {
    if levels > LEVELS_MAX {
        return Err(TreeError::TooManyLevels { got: levels });
    }
    let size = width(levels);
    if index < size {
        Ok(())
    } else {
        Err(TreeError::IndexOutOfRange { index, size })
    }
}

/// A tree of `16^levels` leaves, most of them empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// `nodes[l]`: the nodes of level l that have a leaf below them, by index; level 0 holds the leaves.
    nodes: Vec<BTreeMap<u64, Fr>>,
}

impl Tree {
    /// Builds a tree from the leaves that are not empty, in any order.
    ///
    /// # Errors
    /// [`TreeError::TooManyLevels`], [`TreeError::IndexOutOfRange`], [`TreeError::RepeatedIndex`].
    pub fn new(levels: usize, leaves: impl IntoIterator<Item = (u64, Fr)>) -> Result<Self, TreeError> {
        check_index(0, levels)?;
        let mut bottom = BTreeMap::new();
        for (index, leaf) in leaves {
            check_index(index, levels)?;
            if bottom.insert(index, leaf).is_some() {
                return Err(TreeError::RepeatedIndex { index });
            }
        }
        let mut nodes = vec![bottom];
        for level in 0..levels {
            let parents = parents(level, &nodes[level]);
            nodes.push(parents);
        }
        Ok(Self { nodes })
    }

    /// Levels between the leaves and the root.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.nodes.len() - 1
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Fr {
        self.node(self.levels(), 0)
    }

    /// A node; the root of an empty subtree where nothing is stored, inside the tree or not.
    #[must_use]
    pub fn node(&self, level: usize, index: u64) -> Fr {
        self.nodes
            .get(level)
            .and_then(|nodes| nodes.get(&index))
            .copied()
            .unwrap_or_else(|| empty_subtree(level))
    }

    /// The path from a node up to the root.
    ///
    /// # Errors
    /// [`TreeError::TooManyLevels`] for a level above the root, [`TreeError::IndexOutOfRange`].
    pub fn path(&self, level: usize, index: u64) -> Result<Path, TreeError> {
        let above = self
            .levels()
            .checked_sub(level)
            .ok_or(TreeError::TooManyLevels { got: level })?;
        check_index(index, above)?;
        Ok((0..above)
            .map(|step| {
                let first = index >> (ARITY_BITS * (step + 1)) << ARITY_BITS;
                let mut children = [Fr::from(0u64); ARITY];
                for (child, index) in children.iter_mut().zip(first..) {
                    *child = self.node(level + step, index);
                }
                children
            })
            .collect())
    }
}

/// The nodes one level up, from the nodes of `level` in order of their index.
fn parents(level: usize, nodes: &BTreeMap<u64, Fr>) -> BTreeMap<u64, Fr> {
    let mut families: BTreeMap<u64, [Fr; ARITY]> = BTreeMap::new();
    for (&index, &node) in nodes {
        let family = families
            .entry(index >> ARITY_BITS)
            .or_insert([empty_subtree(level); ARITY]);
        family[digit(index, 0)] = node;
    }
    let families: Vec<(u64, [Fr; ARITY])> = families.into_iter().collect();
    let parents: Vec<(u64, Fr)> = families
        .into_par_iter()
        .map(|(index, children)| (index, hash(&children)))
        .collect();
    parents.into_iter().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

    use super::*;
    use proptest::prelude::*;

    fn leaves(count: u64) -> Vec<Fr> {
        (1..=count).map(Fr::from).collect()
    }

    /// The definition, without any sparseness.
    fn dense_root(levels: usize, leaves: &[Fr]) -> Fr {
        let mut nodes = leaves.to_vec();
        nodes.resize(1 << (4 * levels), Fr::from(0u64));
        for _ in 0..levels {
            nodes = nodes.chunks(16).map(hash).collect();
        }
        nodes[0]
    }

    proptest! {
        #![proptest_config(crate::cases(12))]

        #[test]
        fn sparse_equals_dense_and_paths_verify(indices in prop::collection::btree_set(0u64..256, 0..6)) {
            let mut dense = vec![Fr::from(0u64); 256];
            for index in &indices {
                dense[*index as usize] = Fr::from(index + 1);
            }
            let tree = Tree::new(2, indices.iter().map(|i| (*i, Fr::from(i + 1)))).unwrap();
            prop_assert_eq!(tree.root(), dense_root(2, &dense));
            for index in [0, 17, 255] {
                let path = tree.path(0, index).unwrap();
                prop_assert_eq!(verify_path(dense[index as usize], index, &path, tree.root()), Ok(()));
                prop_assert_eq!(climb(dense[index as usize], index, &path), tree.root());
                prop_assert_eq!(
                    verify_path(Fr::from(999u64), index, &path, tree.root()),
                    Err(TreeError::PathMismatch { level: 0, child: index as usize % 16 })
                );
            }
        }
    }

    #[test]
    fn least_deep_root() {
        assert_eq!(root_of(&[]), Fr::from(0u64));
        assert_eq!(root_of(&leaves(1)), Fr::from(1u64));
        for (count, levels) in [(2, 1), (16, 1), (17, 2), (32, 2), (256, 2)] {
            assert_eq!(
                root_of(&leaves(count)),
                dense_root(levels, &leaves(count)),
                "{count} leaves"
            );
        }
    }

    #[test]
    fn a_deep_tree_with_a_far_subtree() {
        let zone = 4_095;
        let tree = Tree::new(5, (0..256).map(|i| (zone * 256 + i, Fr::from(i + 1)))).unwrap();
        assert_eq!(tree.node(2, zone), dense_root(2, &leaves(256)));
        assert_eq!(tree.node(2, 0), empty_subtree(2));
        let path = tree.path(2, zone).unwrap();
        assert_eq!(path.len(), 3);
        assert_eq!(verify_path(tree.node(2, zone), zone, &path, tree.root()), Ok(()));
        assert_eq!(
            verify_path(tree.root(), 0, &tree.path(5, 0).unwrap(), tree.root()),
            Ok(())
        );
    }

    #[test]
    fn refusals() {
        let tree = Tree::new(1, [(3, Fr::from(1u64))]).unwrap();
        assert_eq!(Tree::new(16, []), Err(TreeError::TooManyLevels { got: 16 }));
        assert_eq!(
            Tree::new(1, [(16, Fr::from(1u64))]),
            Err(TreeError::IndexOutOfRange { index: 16, size: 16 })
        );
        let twice = [(3, Fr::from(1u64)), (3, Fr::from(2u64))];
        assert_eq!(Tree::new(1, twice), Err(TreeError::RepeatedIndex { index: 3 }));
        assert_eq!(tree.path(2, 0), Err(TreeError::TooManyLevels { got: 2 }));
        assert_eq!(
            tree.path(0, 16),
            Err(TreeError::IndexOutOfRange { index: 16, size: 16 })
        );
        let path = tree.path(0, 3).unwrap();
        assert_eq!(
            verify_path(Fr::from(1u64), 3, &path, Fr::from(0u64)),
            Err(TreeError::RootMismatch)
        );
        assert_eq!(
            verify_path(Fr::from(1u64), 19, &path, tree.root()),
            Err(TreeError::IndexOutOfRange { index: 19, size: 16 })
        );
        let long = vec![[Fr::from(0u64); 16]; 16];
        assert_eq!(
            verify_path(Fr::from(1u64), 0, &long, tree.root()),
            Err(TreeError::TooManyLevels { got: 16 })
        );
    }

    #[test]
    fn sizes() {
        assert_eq!([width(0), width(5), width(15)], [1, 1 << 20, 1 << 60]);
    }
}
