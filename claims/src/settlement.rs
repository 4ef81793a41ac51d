//! The keccak trees of the contract: zone leaves under the attestation root, claim leaves under a zone's
//! claim root (`docs/protocol.md` section 5). Pairs are sorted, so that OpenZeppelin's `MerkleProof` verifies
//! the paths.
//!
//! Depends on [`crate::field`]. Next: the contract itself, `verifier/contracts/`.

use crate::field::{Fr, keccak256, to_be_bytes};

/// Why a tree or a path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettlementError {
    /// A tree of nothing has no root.
    #[error("a tree needs at least one leaf")]
    NoLeaves,
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

/// A device that can claim: `keccak256(bytes.concat(keccak256(abi.encode(uint64 e, uint64 index, address
/// payee, uint32 score))))`, or 0 when payee or score is 0. `index` is the registry index.
#[must_use]
pub fn claim_leaf(epoch: u64, index: u64, payee: &[u8; 20], score: u32) -> [u8; 32] {
    if *payee == [0; 20] || score == 0 {
        return [0; 32];
    }
    let mut words = [[0; 32]; 4];
    words[0][24..].copy_from_slice(&epoch.to_be_bytes());
    words[1][24..].copy_from_slice(&index.to_be_bytes());
    words[2][12..].copy_from_slice(payee);
    words[3][28..].copy_from_slice(&score.to_be_bytes());
    keccak256(&keccak256(words.as_flattened()))
}

/// What stands on chain for a zone's digests: `keccak256(bytes.concat(keccak256(abi.encode(uint64 zone,
/// bytes32 keccak256(digests)))))`, the digests being 32 big-endian bytes each.
#[must_use]
pub fn zone_leaf(zone: u64, digests: &[Fr]) -> [u8; 32] {
    let bytes: Vec<u8> = digests.iter().flat_map(to_be_bytes).collect();
    let mut words = [[0; 32]; 2];
    words[0][24..].copy_from_slice(&zone.to_be_bytes());
    words[1] = keccak256(&bytes);
    keccak256(&keccak256(words.as_flattened()))
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

/// A binary tree of sorted pairs; an odd node moves up unchanged.
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
    /// [`SettlementError::NoLeaves`].
    pub fn new(leaves: Vec<[u8; 32]>) -> Result<Self, SettlementError> {
        let mut levels = Vec::new();
        let mut nodes = leaves;
        while nodes.len() > 1 {
            let parents = nodes
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => sorted_pair(left, right),
                    odd => odd.first().copied().unwrap_or_default(),
                })
                .collect();
            levels.push(std::mem::replace(&mut nodes, parents));
        }
        let root = *nodes.first().ok_or(SettlementError::NoLeaves)?;
        levels.push(nodes);
        Ok(Self { levels, root })
    }

    /// The claim tree of a zone, from the registry index of its first device and payee and score of each
    /// device.
    ///
    /// # Errors
    /// [`SettlementError::NoLeaves`].
    pub fn of_claims(
        epoch: u64,
        first_index: u64,
        claims: impl IntoIterator<Item = ([u8; 20], u32)>,
    ) -> Result<Self, SettlementError> {
        let leaf = |(index, (payee, score)): (u64, ([u8; 20], u32))| claim_leaf(epoch, index, &payee, score);
        Self::new((first_index..).zip(claims).map(leaf).collect())
    }

    /// The attestation tree of an epoch, from the digests of zone 0, 1, ..
    ///
    /// # Errors
    /// [`SettlementError::NoLeaves`].
    pub fn of_zones<'a>(digests: impl IntoIterator<Item = &'a [Fr]>) -> Result<Self, SettlementError> {
        Self::new(
            (0..)
                .zip(digests)
                .map(|(zone, digests)| zone_leaf(zone, digests))
                .collect(),
        )
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

    /// The siblings from a leaf up to the root; levels where the node is odd have none.
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
        for size in 1..=17u8 {
            let leaves: Vec<[u8; 32]> = (0..size).map(|i| keccak256(&[i])).collect();
            let tree = KeccakTree::new(leaves.clone()).unwrap();
            for (index, leaf) in leaves.iter().enumerate() {
                let path = tree.path(index).unwrap();
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
    fn an_odd_node_moves_up_unchanged() {
        let [a, b, c] = [1, 2, 3].map(|i| keccak256(&[i]));
        let tree = KeccakTree::new(vec![a, b, c]).unwrap();
        assert_eq!(tree.root(), sorted_pair(&sorted_pair(&a, &b), &c));
        assert_eq!(tree.path(2).unwrap(), [sorted_pair(&a, &b)]);
        assert_eq!(KeccakTree::new(vec![a]).unwrap().root(), a);
        assert_eq!(sorted_pair(&a, &b), sorted_pair(&b, &a));
    }

    #[test]
    fn refusals() {
        assert_eq!(KeccakTree::new(vec![]), Err(SettlementError::NoLeaves));
        assert_eq!(KeccakTree::of_claims(1, 0, []), Err(SettlementError::NoLeaves));
        assert_eq!(KeccakTree::of_zones([]), Err(SettlementError::NoLeaves));
        let tree = KeccakTree::new(vec![[1; 32]; 2]).unwrap();
        assert_eq!(
            tree.path(2),
            Err(SettlementError::NoSuchLeaf { index: 2, leaves: 2 })
        );
    }

    #[test]
    fn claims_of_nothing_are_zero() {
        assert_eq!(claim_leaf(1, 2, &[0; 20], 5), [0; 32]);
        assert_eq!(claim_leaf(1, 2, &[3; 20], 0), [0; 32]);
        let base = claim_leaf(1, 2, &[3; 20], 5);
        let changed = [
            claim_leaf(2, 2, &[3; 20], 5),
            claim_leaf(1, 3, &[3; 20], 5),
            claim_leaf(1, 2, &[4; 20], 5),
            claim_leaf(1, 2, &[3; 20], 6),
        ];
        assert!(changed.iter().all(|leaf| *leaf != base));
        let tree = KeccakTree::of_claims(1, 2, [([3; 20], 5), ([3; 20], 0)]).unwrap();
        assert_eq!(tree.leaves(), [base, [0; 32]]);
    }

    #[test]
    fn zone_leaves_bind_zone_and_digests() {
        let digests = [Fr::from(1u64), Fr::from(2u64)];
        let base = zone_leaf(0, &digests);
        assert_ne!(base, zone_leaf(1, &digests));
        assert_ne!(base, zone_leaf(0, &digests[..1]));
        let tree = KeccakTree::of_zones([&digests[..], &digests[..]]).unwrap();
        assert_eq!(tree.leaves(), [base, zone_leaf(1, &digests)]);
    }
}
