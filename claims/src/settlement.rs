//! What the contract keeps of a zone, in keccak: the word that its digests are, and the tree of its claims
//! (`docs/protocol.md` section 5). Pairs are sorted, so that OpenZeppelin's `MerkleProof` verifies the paths.
//!
//! Depends on [`crate::field`]. Next: the contract itself, `verifier/contracts/`.

use crate::field::{Fr, keccak256, to_be_bytes};

/// Rows of the settlement data in a leaf of the claim tree; a zone of fewer devices is one leaf.
pub const ROWS_PER_LEAF: usize = 8;

/// Bytes of a row: payee (20), score (4).
pub const ROW_BYTES: usize = 24;

/// The highest bit of a zone's word on chain, in its first byte: set if the word is a claim root.
const SETTLED: u8 = 0x80;

/// Why a tree or a path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettlementError {
    /// The number of leaves is not a power of two.
    #[error("{leaves} leaves; expected a power of two")]
    LeafCount {
        /// The refused number.
        leaves: usize,
    },
    /// The rows are not those of 1, 16, 256 or 4,096 devices.
    #[error(
        "{bytes} bytes of rows; expected {ROW_BYTES} for each of 1 or a power of two, 8 at least, devices"
    )]
    RowBytes {
        /// The refused length.
        bytes: usize,
    },
    /// No leaf has this number.
    #[error("leaf {index}: expected a leaf below {leaves}")]
    NoSuchLeaf {
        /// The refused number.
        index: usize,
        /// Leaves of the tree.
        leaves: usize,
    },
    /// The leaf and its path lead to another root.
    #[error("the path leads to 0x{got}; expected the root 0x{expected}")]
    RootMismatch {
        /// The root, hexadecimal.
        expected: String,
        /// What the path leads to, hexadecimal.
        got: String,
    },
}

/// A leaf of the claim tree: `keccak256(uint64 epoch || uint64 index of the first device || rows)`, big-endian.
/// 40 or 208 bytes, never the 64 of two nodes, so a leaf cannot be taken for a node.
#[must_use]
pub fn claim_leaf(epoch: u64, first_index: u64, rows: &[u8]) -> [u8; 32] {
    keccak256(&[&epoch.to_be_bytes(), &first_index.to_be_bytes(), rows].concat())
}

/// What stands on chain for a zone's digests while no seat is demanded: `keccak256` of the digests, 32 big-endian
/// bytes each, with the highest bit cleared; or 0 if every seat is absent.
#[must_use]
pub fn standing(digests: &[Fr]) -> [u8; 32] {
    if digests.iter().all(|digest| *digest == Fr::from(0u64)) {
        return [0; 32];
    }
    let bytes: Vec<u8> = digests.iter().flat_map(to_be_bytes).collect();
    let mut word = keccak256(&bytes);
    word[0] &= !SETTLED;
    word
}

/// Names the votes of an epoch: `keccak256` over what stands for zones 0, 1, .. It is not on chain; two runs over
/// one epoch compare it.
#[must_use]
pub fn attestations_hash<'a>(digests: impl IntoIterator<Item = &'a [Fr]>) -> [u8; 32] {
    let words: Vec<[u8; 32]> = digests.into_iter().map(standing).collect();
    keccak256(words.as_flattened())
}

/// `keccak256(min || max)`.
#[must_use]
pub fn sorted_pair(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    keccak256(
        [left.min(right), left.max(right)]
            .map(|half| *half)
            .as_flattened(),
    )
}

/// A binary tree of sorted pairs over a power of two of leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeccakTree {
    /// From the leaves to the root.
    levels: Vec<Vec<[u8; 32]>>,
    root: [u8; 32],
}

impl KeccakTree {
    /// The tree of some leaves.
    ///
    /// # Errors
    /// [`SettlementError::LeafCount`].
    pub fn new(leaves: Vec<[u8; 32]>) -> Result<Self, SettlementError> {
        if !leaves.len().is_power_of_two() {
            return Err(SettlementError::LeafCount { leaves: leaves.len() });
        }
        let mut levels = vec![leaves];
        while let Some(nodes) = levels.last().filter(|nodes| nodes.len() > 1) {
            let pairs = nodes.as_chunks::<2>().0;
            levels.push(
                pairs
                    .iter()
                    .map(|[left, right]| sorted_pair(left, right))
                    .collect(),
            );
        }
        let root = levels
            .last()
            .and_then(|top| top.first().copied())
            .unwrap_or_default();
        Ok(Self { levels, root })
    }

    /// The claim tree of a zone, from the registry index of its first device and the rows of the settlement data
    /// (payee and score of each device, in registry order).
    ///
    /// # Errors
    /// [`SettlementError::RowBytes`].
    pub fn of_claims(epoch: u64, first_index: u64, rows: &[u8]) -> Result<Self, SettlementError> {
        let refused = SettlementError::RowBytes { bytes: rows.len() };
        let devices = rows.len() / ROW_BYTES;
        let whole = rows.len().is_multiple_of(ROW_BYTES) && devices.is_power_of_two();
        if !whole || (1 < devices && devices < ROWS_PER_LEAF) {
            return Err(refused);
        }
        let leaves = rows.chunks(ROWS_PER_LEAF * ROW_BYTES);
        let first_of_leaf = (first_index..).step_by(ROWS_PER_LEAF);
        Self::new(
            leaves
                .zip(first_of_leaf)
                .map(|(rows, first)| claim_leaf(epoch, first, rows))
                .collect(),
        )
    }

    /// What the contract keeps of a settled zone: the root, with the highest bit set.
    #[must_use]
    pub fn claims_root(&self) -> [u8; 32] {
        let mut word = self.root;
        word[0] |= SETTLED;
        word
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        self.root
    }

    /// The leaves.
    #[must_use]
    pub fn leaves(&self) -> &[[u8; 32]] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    /// The siblings from a leaf up to the root.
    ///
    /// # Errors
    /// [`SettlementError::NoSuchLeaf`].
    pub fn path(&self, index: usize) -> Result<Vec<[u8; 32]>, SettlementError> {
        let leaves = self.leaves().len();
        if index >= leaves {
            return Err(SettlementError::NoSuchLeaf { index, leaves });
        }
        let siblings = self
            .levels
            .iter()
            .enumerate()
            .filter_map(|(level, nodes)| nodes.get(index >> level ^ 1));
        Ok(siblings.copied().collect())
    }
}

/// Checks a path as the contract does.
///
/// # Errors
/// [`SettlementError::RootMismatch`].
pub fn verify_keccak_path(
    leaf: &[u8; 32],
    path: &[[u8; 32]],
    root: &[u8; 32],
) -> Result<(), SettlementError> {
    let got = path
        .iter()
        .fold(*leaf, |node, sibling| sorted_pair(&node, sibling));
    if got == *root {
        return Ok(());
    }
    Err(SettlementError::RootMismatch {
        expected: hex::encode(root),
        got: hex::encode(got),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn paths_of_trees_of_every_size() {
        for size in [1, 2, 4, 8, 16, 32u8] {
            let leaves: Vec<[u8; 32]> = (0..size).map(|i| keccak256(&[i])).collect();
            let tree = KeccakTree::new(leaves.clone()).unwrap();
            for (index, leaf) in leaves.iter().enumerate() {
                let path = tree.path(index).unwrap();
                assert_eq!(1 << path.len(), size, "{index}");
                assert_eq!(
                    verify_keccak_path(leaf, &path, &tree.root()),
                    Ok(()),
                    "{index} of {size}"
                );
                let refused = verify_keccak_path(&[9; 32], &path, &tree.root());
                assert!(matches!(refused, Err(SettlementError::RootMismatch { .. })));
            }
        }
    }

    #[test]
    fn a_node_hashes_its_children_sorted() {
        let [a, b, c, d] = [1, 2, 3, 4].map(|i| keccak256(&[i]));
        let tree = KeccakTree::new(vec![a, b, c, d]).unwrap();
        assert_eq!(
            tree.root(),
            sorted_pair(&sorted_pair(&a, &b), &sorted_pair(&c, &d))
        );
        assert_eq!(tree.path(2).unwrap(), [d, sorted_pair(&a, &b)]);
        assert_eq!(KeccakTree::new(vec![a]).unwrap().root(), a);
        assert_eq!(sorted_pair(&a, &b), sorted_pair(&b, &a));
    }

    #[test]
    fn refusals() {
        for leaves in [0, 3, 6] {
            let refused = KeccakTree::new(vec![[0; 32]; leaves]);
            assert_eq!(refused, Err(SettlementError::LeafCount { leaves }));
        }
        for bytes in [0, 1, 23, 25, 2 * 24, 4 * 24, 9 * 24, 16 * 24 + 1] {
            let refused = KeccakTree::of_claims(1, 0, &vec![0; bytes]);
            assert_eq!(refused, Err(SettlementError::RowBytes { bytes }));
        }
        let tree = KeccakTree::new(vec![[1; 32]; 2]).unwrap();
        assert_eq!(
            tree.path(2),
            Err(SettlementError::NoSuchLeaf { index: 2, leaves: 2 })
        );
    }

    #[test]
    fn a_claim_leaf_binds_epoch_index_and_every_row() {
        let rows: Vec<u8> = (0..=255).cycle().take(16 * ROW_BYTES).collect();
        let (low, high) = rows.split_at(8 * ROW_BYTES);
        let tree = KeccakTree::of_claims(1, 32, &rows).unwrap();
        let leaves = [claim_leaf(1, 32, low), claim_leaf(1, 40, high)];
        assert_eq!(tree.leaves(), leaves);
        assert_ne!(claim_leaf(2, 32, low), leaves[0]);
        assert_ne!(claim_leaf(1, 33, low), leaves[0]);
        for index in 0..low.len() {
            let mut changed = low.to_vec();
            changed[index] ^= 1;
            assert_ne!(claim_leaf(1, 32, &changed), leaves[0], "byte {index}");
        }
        let alone = KeccakTree::of_claims(1, 32, &rows[..ROW_BYTES]).unwrap();
        assert_eq!(alone.root(), claim_leaf(1, 32, &rows[..ROW_BYTES]));
        for tree in [tree, alone] {
            let (root, word) = (tree.root(), tree.claims_root());
            assert_eq!((word[0], &word[1..]), (root[0] | 0x80, &root[1..]));
        }
    }

    #[test]
    fn what_stands_binds_every_digest_and_its_seat() {
        let [a, b, c] = [1u64, 2, 3].map(Fr::from);
        let base = standing(&[a, b]);
        let mut expected = keccak256(&[to_be_bytes(&a), to_be_bytes(&b)].concat());
        expected[0] &= 0x7f;
        assert_eq!(base, expected);
        for other in [&[b, a][..], &[a], &[a, b, c], &[a, c]] {
            assert_ne!(standing(other), base);
        }
        let absent = Fr::from(0u64);
        assert_eq!(standing(&[absent; 3]), [0; 32]);
        assert_ne!(standing(&[absent, absent, a]), [0; 32]);
        let epoch = |zones: &[[Fr; 2]]| attestations_hash(zones.iter().map(|zone| &zone[..]));
        assert_eq!(epoch(&[[a, b]]), keccak256(&base));
        assert_ne!(epoch(&[[a, b], [b, c]]), epoch(&[[b, c], [a, b]]));
    }
}
