//! Records: rows of a log, signed by the station's session key (`docs/protocol.md` section 6).
//!
//! [`SignedRecord`] is what arrives; [`VerifiedRecord`] exists only after the signature was checked against
//! the registry.
//!
//! Depends on [`crate::eddsa`], [`crate::registry`]. Next: [`crate::attestation`], where watchers collect
//! records.

use crate::babyjubjub::Point;
use crate::eddsa::{EddsaError, SecretKey, Signature, verify_with_valid_key};
use crate::field::{Fr, keccak248, tag};
use crate::poseidon::hash;
use crate::registry::DeviceRegistry;

/// Why a record is not verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// No device has this index.
    #[error("record of device {device_index}: no device with this index is registered")]
    UnknownDevice {
        /// Registry index in the record.
        device_index: u64,
    },
    /// The signature is not the session key's for this record and epoch tag.
    #[error(
        "record of device {device_index} at {time}: {error} (so does one of another epoch, chain or rule)"
    )]
    BadSignature {
        /// Registry index in the record.
        device_index: u64,
        /// Time in the record, Unix seconds.
        time: u64,
        /// What the check found.
        error: EddsaError,
    },
    /// A verified record is used where another epoch tag or another session key counts.
    #[error("record of device {device_index} at {time}: verified for another epoch tag or session key")]
    VerifiedElsewhere {
        /// Registry index in the record.
        device_index: u64,
        /// Time in the record, Unix seconds.
        time: u64,
    },
}

/// What a station says about one row of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Registry index of the station.
    pub device_index: u64,
    /// The station's own time, Unix seconds. It decides nothing.
    pub time: u64,
    /// [`payload_of`] the row.
    pub payload: Fr,
}

/// `keccak256(row) mod 2^248`, of the row's bytes without the line end.
#[must_use]
pub fn payload_of(row: &[u8]) -> Fr {
    keccak248(row)
}

impl Record {
    /// The signed message, `P_5(tag(record), epoch_tag, device index, time, payload)`.
    #[must_use]
    pub fn message(&self, epoch_tag: Fr) -> Fr {
        hash(&[
            tag("record"),
            epoch_tag,
            Fr::from(self.device_index),
            Fr::from(self.time),
            self.payload,
        ])
    }

    /// Signs with the station's session key.
    #[must_use]
    pub fn sign(self, epoch_tag: Fr, session_key: &SecretKey) -> SignedRecord {
        SignedRecord {
            record: self,
            signature: session_key.sign(self.message(epoch_tag)),
        }
    }

    /// The same as [`Self::sign`] by [`SecretKey::sign_vartime`]: for keys that protect nothing.
    #[must_use]
    pub fn sign_vartime(self, epoch_tag: Fr, session_key: &SecretKey) -> SignedRecord {
        SignedRecord {
            record: self,
            signature: session_key.sign_vartime(self.message(epoch_tag)),
        }
    }
}

/// A record as it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedRecord {
    /// The claimed content.
    pub record: Record,
    /// The claimed signature.
    pub signature: Signature,
}

impl SignedRecord {
    /// Checks the signature against the session key that the registry has for the device.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn verify(&self, epoch_tag: Fr, registry: &DeviceRegistry) -> Result<VerifiedRecord, RecordError> {
        let Record {
            device_index, time, ..
        } = self.record;
        let device = registry
            .device(device_index)
            .ok_or(RecordError::UnknownDevice { device_index })?;
        verify_with_valid_key(
            &device.session_key,
            self.record.message(epoch_tag),
            &self.signature,
        )
        .map_err(|error| RecordError::BadSignature {
            device_index,
            time,
            error,
        })?;
        Ok(VerifiedRecord {
            record: self.record,
            epoch_tag,
            session_key: device.session_key,
        })
    }
}

/// A record whose signature was checked, for one epoch tag and one session key. It remembers both, so that a
/// check counts only where the same two count: [`Self::check_for`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedRecord {
    record: Record,
    epoch_tag: Fr,
    session_key: Point,
}

impl VerifiedRecord {
    /// The content.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The epoch tag that was signed.
    #[must_use]
    pub fn epoch_tag(&self) -> Fr {
        self.epoch_tag
    }

    /// Whether [`SignedRecord::verify`] would say the same for this epoch tag and registry: compares instead of
    /// computing.
    ///
    /// # Errors
    /// [`RecordError::UnknownDevice`], [`RecordError::VerifiedElsewhere`].
    pub fn check_for(&self, epoch_tag: Fr, registry: &DeviceRegistry) -> Result<(), RecordError> {
        let Record {
            device_index, time, ..
        } = self.record;
        let device = registry
            .device(device_index)
            .ok_or(RecordError::UnknownDevice { device_index })?;
        if (self.epoch_tag, self.session_key) == (epoch_tag, device.session_key) {
            Ok(())
        } else {
            Err(RecordError::VerifiedElsewhere { device_index, time })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::field::keccak256;
    use crate::registry::example_device;

    fn registry() -> DeviceRegistry {
        DeviceRegistry::new(2, [(4, example_device(4)), (5, example_device(5))]).unwrap()
    }

    fn session_key(number: u64) -> SecretKey {
        SecretKey::from_bytes(&keccak256(&number.to_be_bytes()))
    }

    fn record() -> Record {
        Record {
            device_index: 4,
            time: 1_613_977_312,
            payload: payload_of(b"1613977312,14.38"),
        }
    }

    #[test]
    fn a_signed_record_verifies() {
        let tag = Fr::from(77u64);
        let verified = record()
            .sign(tag, &session_key(4))
            .verify(tag, &registry())
            .unwrap();
        assert_eq!((verified.record(), verified.epoch_tag()), (&record(), tag));
        assert_eq!(
            record().sign_vartime(tag, &session_key(4)),
            record().sign(tag, &session_key(4))
        );
    }

    #[test]
    fn a_verified_record_counts_for_its_epoch_tag_and_key_only() {
        let tag = Fr::from(77u64);
        let verified = record()
            .sign(tag, &session_key(4))
            .verify(tag, &registry())
            .unwrap();
        assert_eq!(verified.check_for(tag, &registry()), Ok(()));
        let elsewhere = RecordError::VerifiedElsewhere {
            device_index: 4,
            time: record().time,
        };
        assert_eq!(
            verified.check_for(Fr::from(78u64), &registry()),
            Err(elsewhere.clone())
        );
        let other_key = DeviceRegistry::new(2, [(4, example_device(5))]).unwrap();
        assert_eq!(verified.check_for(tag, &other_key), Err(elsewhere));
        let without = DeviceRegistry::new(2, []).unwrap();
        assert_eq!(
            verified.check_for(tag, &without),
            Err(RecordError::UnknownDevice { device_index: 4 })
        );
    }

    #[test]
    fn replay_of_another_epochs_record_fails() {
        let signed = record().sign(Fr::from(77u64), &session_key(4));
        let refused = signed.verify(Fr::from(78u64), &registry()).unwrap_err();
        assert!(matches!(
            refused,
            RecordError::BadSignature { device_index: 4, .. }
        ));
    }

    #[test]
    fn every_field_is_signed() {
        let tag = Fr::from(77u64);
        let signed = record().sign(tag, &session_key(4));
        let changed = [
            Record {
                device_index: 5,
                ..record()
            },
            Record { time: 1, ..record() },
            Record {
                payload: payload_of(b"another row"),
                ..record()
            },
        ];
        for record in changed {
            let forged = SignedRecord { record, ..signed };
            assert!(matches!(
                forged.verify(tag, &registry()),
                Err(RecordError::BadSignature { .. })
            ));
        }
        let unknown = Record {
            device_index: 6,
            ..record()
        }
        .sign(tag, &session_key(4));
        assert_eq!(
            unknown.verify(tag, &registry()),
            Err(RecordError::UnknownDevice { device_index: 6 })
        );
    }
}
