//! The statement that every claim ends in: seven public inputs, and the bytes that the contract is given
//! (`docs/protocol.md` section 5).
//!
//! [`Committed`] is what is fixed before z; the contract's data fix z ([`Committed::fingerprint_point`]), and
//! the fingerprint at z ties the data to the proof ([`Committed::statement`]).
//!
//! Depends on [`crate::field`]. Next: the claims, [`crate::uptime`] and [`crate::location`]; the circuit is
//! `popw_circuits::statement`.

use crate::field::{Fr, keccak256, reduce_be_bytes, to_be_bytes};

/// A full score: parts per million.
pub const SCORE_ONE: u32 = 1_000_000;
/// Scores in one element of a commitment.
pub const SCORES_PER_ELEMENT: usize = 12;
/// Bits of each: 10^6 needs 20.
pub const PACKED_SCORE_BITS: u32 = 21;

/// The public inputs that are fixed before z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The epoch tag.
    pub epoch_tag: Fr,
    /// REG.
    pub registry_root: Fr,
    /// `params_hash`.
    pub parameters_hash: Fr,
    /// The zone.
    pub zone: u64,
    /// Commitment to scores and digests.
    pub out_commit: Fr,
}

impl Committed {
    /// `z = uint(keccak256(abi.encode(bytes4 selector, uint256 epoch_tag, uint256 REG, uint256 params_hash,
    /// uint256 zone, uint256 out_commit, bytes32 keccak256(data)))) mod r`.
    #[must_use]
    pub fn fingerprint_point(&self, selector: [u8; 4], data: &[u8]) -> Fr {
        let mut words = [[0; 32]; 7];
        words[0][..4].copy_from_slice(&selector);
        words[1] = to_be_bytes(&self.epoch_tag);
        words[2] = to_be_bytes(&self.registry_root);
        words[3] = to_be_bytes(&self.parameters_hash);
        words[4][24..].copy_from_slice(&self.zone.to_be_bytes());
        words[5] = to_be_bytes(&self.out_commit);
        words[6] = keccak256(data);
        reduce_be_bytes(&keccak256(words.as_flattened()))
    }

    /// The statement at a z: y is the polynomial with these coefficients, lowest first.
    #[must_use]
    pub fn statement(&self, z: Fr, coefficients: &[Fr]) -> Statement {
        let &Self {
            epoch_tag,
            registry_root,
            parameters_hash,
            zone,
            out_commit,
        } = self;
        Statement {
            epoch_tag,
            registry_root,
            parameters_hash,
            zone,
            out_commit,
            z,
            y: polynomial(z, coefficients),
        }
    }
}

/// The statement: what the verifier sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// The epoch tag.
    pub epoch_tag: Fr,
    /// REG.
    pub registry_root: Fr,
    /// `params_hash`.
    pub parameters_hash: Fr,
    /// The zone.
    pub zone: u64,
    /// Commitment to scores and digests.
    pub out_commit: Fr,
    /// Where the fingerprint is taken.
    pub z: Fr,
    /// The fingerprint.
    pub y: Fr,
}

impl Statement {
    /// `[epoch_tag, REG, params_hash, zone, out_commit, z, y]`.
    #[must_use]
    pub fn public_inputs(&self) -> [Fr; 7] {
        let &Self {
            epoch_tag,
            registry_root,
            parameters_hash,
            zone,
            out_commit,
            z,
            y,
        } = self;
        [
            epoch_tag,
            registry_root,
            parameters_hash,
            Fr::from(zone),
            out_commit,
            z,
            y,
        ]
    }
}

/// `sum_i coefficient_i z^i`.
#[must_use]
pub fn polynomial(z: Fr, coefficients: &[Fr]) -> Fr {
    coefficients
        .iter()
        .rev()
        .fold(Fr::from(0u64), |sum, coefficient| sum * z + coefficient)
}

/// 12 scores of 21 bits to an element, index 0 lowest.
#[must_use]
pub fn pack_scores(scores: &[u32]) -> Vec<Fr> {
    let weight = Fr::from(1u64 << PACKED_SCORE_BITS);
    let pack = |sum, score: &u32| sum * weight + Fr::from(*score);
    scores
        .chunks(SCORES_PER_ELEMENT)
        .map(|chunk| chunk.iter().rev().fold(Fr::from(0u64), pack))
        .collect()
}

/// The twenty bytes of a payee, if it is below 2^160.
#[must_use]
pub fn address(payee: &Fr) -> Option<[u8; 20]> {
    let bytes = to_be_bytes(payee);
    let (zeros, address) = bytes.split_last_chunk::<20>()?;
    zeros.iter().all(|byte| *byte == 0).then_some(*address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMMITTED: fn() -> Committed = || Committed {
        epoch_tag: Fr::from(1u64),
        registry_root: Fr::from(2u64),
        parameters_hash: Fr::from(3u64),
        zone: 4,
        out_commit: Fr::from(5u64),
    };

    #[test]
    fn the_point_depends_on_everything_that_is_fixed_before_it() {
        let base = COMMITTED().fingerprint_point([1, 2, 3, 4], b"data");
        let changes: [fn(&mut Committed); 5] = [
            |c| c.epoch_tag += Fr::from(1u64),
            |c| c.registry_root += Fr::from(1u64),
            |c| c.parameters_hash += Fr::from(1u64),
            |c| c.zone += 1,
            |c| c.out_commit += Fr::from(1u64),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = COMMITTED();
            change(&mut changed);
            assert_ne!(
                changed.fingerprint_point([1, 2, 3, 4], b"data"),
                base,
                "change {number}"
            );
        }
        assert_ne!(COMMITTED().fingerprint_point([1, 2, 3, 5], b"data"), base);
        assert_ne!(COMMITTED().fingerprint_point([1, 2, 3, 4], b"date"), base);
    }

    #[test]
    fn public_inputs_are_in_order() {
        let statement = COMMITTED().statement(Fr::from(6u64), &[Fr::from(1u64), Fr::from(1u64)]);
        assert_eq!(statement.public_inputs(), [1u64, 2, 3, 4, 5, 6, 7].map(Fr::from));
    }

    #[test]
    fn scores_are_packed_lowest_first() {
        let scores: Vec<u32> = (1..=13).collect();
        let mut expected = Fr::from(0u64);
        let mut weight = Fr::from(1u64);
        for score in 1..=12u64 {
            expected += weight * Fr::from(score);
            weight *= Fr::from(1u64 << 21);
        }
        assert_eq!(pack_scores(&scores), [expected, Fr::from(13u64)]);
    }

    #[test]
    fn addresses_end_at_2_to_the_160() {
        let largest = reduce_be_bytes(&[0xff; 20]);
        assert_eq!(address(&largest), Some([0xff; 20]));
        assert_eq!(address(&(largest + Fr::from(1u64))), None);
        assert_eq!(
            address(&Fr::from(258u64)).map(|bytes| bytes[17..] == [0, 1, 2]),
            Some(true)
        );
    }

    proptest! {
        #![proptest_config(crate::cases(32))]

        #[test]
        fn the_fingerprint_is_the_polynomial(z: u64, coefficients in prop::collection::vec(any::<u64>(), 0..40)) {
            let z = Fr::from(z);
            let coefficients: Vec<Fr> = coefficients.into_iter().map(Fr::from).collect();
            let mut power = Fr::from(1u64);
            let mut sum = Fr::from(0u64);
            for coefficient in &coefficients {
                sum += power * coefficient;
                power *= z;
            }
            prop_assert_eq!(polynomial(z, &coefficients), sum);
        }
    }
}
