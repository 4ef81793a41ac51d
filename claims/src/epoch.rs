//! Epochs, slots, and the epoch tag that goes into every signed message and every draw (`docs/protocol.md`
//! section 3).
//!
//! Depends on [`crate::field`]. Next: [`crate::committee`] and [`crate::record`], which use the tag.

use std::ops::Range;

use crate::field::{Fr, keccak256, reduce_be_bytes, to_be_bytes};

/// Epochs are shorter than this, in seconds (24 days): times fit 21 bits in the circuit.
pub const EPOCH_SECONDS_LIMIT: u32 = 1 << 21;

/// Why an epoch is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EpochError {
    /// L is 0 or too large.
    #[error("epoch of {got} seconds: expected 1 to 2^21 - 1")]
    Seconds {
        /// The refused length.
        got: u32,
    },
    /// S is 0 or does not divide L.
    #[error("{slots} slots do not divide an epoch of {seconds} seconds into whole seconds")]
    Slots {
        /// Slots S.
        slots: u32,
        /// Seconds L.
        seconds: u32,
    },
    /// The end of the epoch is beyond 64-bit Unix time.
    #[error("epoch {number} of {seconds} seconds ends after the last second that 64 bits can count")]
    Number {
        /// Number e.
        number: u64,
        /// Seconds L.
        seconds: u32,
    },
}

/// Epoch e: the seconds `[e L, (e + 1) L)` of Unix time, in S slots of equal length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    number: u64,
    seconds: u32,
    slots: u32,
    start: u64,
}

impl Epoch {
    /// Epoch `number` of `seconds` seconds and `slots` slots.
    ///
    /// # Errors
    /// [`EpochError`].
    pub fn new(number: u64, seconds: u32, slots: u32) -> Result<Self, EpochError> {
        if !(1..EPOCH_SECONDS_LIMIT).contains(&seconds) {
            return Err(EpochError::Seconds { got: seconds });
        }
        if slots == 0 || !seconds.is_multiple_of(slots) {
            return Err(EpochError::Slots { slots, seconds });
        }
        let length = u64::from(seconds);
        let start = number
            .checked_mul(length)
            .filter(|start| start.checked_add(length).is_some());
        let start = start.ok_or(EpochError::Number { number, seconds })?;
        Ok(Self {
            number,
            seconds,
            slots,
            start,
        })
    }

    /// Number e.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Length L in seconds.
    #[must_use]
    pub fn seconds(&self) -> u32 {
        self.seconds
    }

    /// Number of slots S.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.slots
    }

    /// First second, Unix time.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The seconds of the epoch, Unix time.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.start..self.start + u64::from(self.seconds)
    }

    /// The slot that contains a second, or nothing outside the epoch.
    #[must_use]
    pub fn slot_of(&self, time: u64) -> Option<u32> {
        let since = u32::try_from(time.checked_sub(self.start)?).ok()?;
        (since < self.seconds).then_some(since / (self.seconds / self.slots))
    }
}

/// Everything that an epoch tag binds: chain, contract, rule, epoch, registry, parameters, randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochContext {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Address of the epochs contract.
    pub settlement: [u8; 20],
    /// Selector of the verifier, as the contract stores it: it names the rule and its version.
    pub selector: [u8; 4],
    /// Number e.
    pub epoch: u64,
    /// REG.
    pub registry_root: Fr,
    /// `params_hash`.
    pub parameters_hash: Fr,
    /// R_e, from the beacon round that is fixed by e.
    pub randomness: [u8; 32],
}

impl EpochContext {
    /// `keccak256(abi.encode(uint256, address, bytes4, uint64, uint256, uint256, bytes32)) mod r`.
    #[must_use]
    pub fn tag(&self) -> Fr {
        let mut words = [[0; 32]; 7];
        words[0][24..].copy_from_slice(&self.chain_id.to_be_bytes());
        words[1][12..].copy_from_slice(&self.settlement);
        // Fixed bytes are aligned to the left, integers and addresses to the right.
        words[2][..4].copy_from_slice(&self.selector);
        words[3][24..].copy_from_slice(&self.epoch.to_be_bytes());
        words[4] = to_be_bytes(&self.registry_root);
        words[5] = to_be_bytes(&self.parameters_hash);
        words[6] = self.randomness;
        reduce_be_bytes(&keccak256(words.as_flattened()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn slots_partition_the_epoch(
            number in 0u64..1 << 40,
            slots in 1u32..2_000,
            slot_seconds in 1u32..1_000,
            at in 0u32..2_000_000,
        ) {
            let epoch = Epoch::new(number, slots * slot_seconds, slots).unwrap();
            let since = at % epoch.seconds();
            let slot = epoch.slot_of(epoch.start() + u64::from(since)).unwrap();
            prop_assert!(slot < slots);
            prop_assert!((slot * slot_seconds..(slot + 1) * slot_seconds).contains(&since));
        }
    }

    #[test]
    fn borders() {
        let epoch = Epoch::new(18_680, 86_400, 144).unwrap();
        let Range { start, end } = epoch.range();
        assert_eq!((start, end), (18_680 * 86_400, 18_681 * 86_400));
        assert_eq!(
            [start - 1, start, start + 599, start + 600].map(|t| epoch.slot_of(t)),
            [None, Some(0), Some(0), Some(1)]
        );
        assert_eq!(
            [end - 1, end, u64::MAX].map(|t| epoch.slot_of(t)),
            [Some(143), None, None]
        );
        assert_eq!((epoch.number(), epoch.slots()), (18_680, 144));
    }

    #[test]
    fn refusals() {
        assert_eq!(Epoch::new(0, 0, 1), Err(EpochError::Seconds { got: 0 }));
        assert_eq!(
            Epoch::new(0, 1 << 21, 1),
            Err(EpochError::Seconds { got: 1 << 21 })
        );
        assert_eq!(
            Epoch::new(0, 100, 0),
            Err(EpochError::Slots {
                slots: 0,
                seconds: 100
            })
        );
        assert_eq!(
            Epoch::new(0, 100, 7),
            Err(EpochError::Slots {
                slots: 7,
                seconds: 100
            })
        );
        let number = u64::MAX / 100;
        assert_eq!(
            Epoch::new(number, 100, 1),
            Err(EpochError::Number { number, seconds: 100 })
        );
        assert!(Epoch::new(number - 1, 100, 1).is_ok());
    }

    #[test]
    fn every_field_changes_the_tag() {
        let context = EpochContext {
            chain_id: 1,
            settlement: [2; 20],
            selector: [3; 4],
            epoch: 4,
            registry_root: Fr::from(5u64),
            parameters_hash: Fr::from(6u64),
            randomness: [7; 32],
        };
        let changed = [
            EpochContext {
                chain_id: 8,
                ..context
            },
            EpochContext {
                settlement: [8; 20],
                ..context
            },
            EpochContext {
                selector: [8; 4],
                ..context
            },
            EpochContext { epoch: 8, ..context },
            EpochContext {
                registry_root: Fr::from(8u64),
                ..context
            },
            EpochContext {
                parameters_hash: Fr::from(8u64),
                ..context
            },
            EpochContext {
                randomness: [8; 32],
                ..context
            },
        ];
        assert!(changed.iter().all(|other| other.tag() != context.tag()));
    }
}
