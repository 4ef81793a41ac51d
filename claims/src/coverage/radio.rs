//! What the radios sign: the challenge, the beacon, the receipts (`docs/protocol.md` section 9).
//!
//! The beaconer sends the [`payload`] of its challenge and signs what it sent, a [`Beacon`]; whoever hears the
//! payload signs how it heard it, a [`Receipt`]. Both sign the challenge and the epoch tag, so that a report
//! belongs to one beacon of one epoch.
//!
//! Depends on [`crate::poseidon`], [`crate::eddsa`]. Next: [`super::selection`], what the ingestor makes of
//! the reports; [`super::rule`], what they are worth.

use crate::babyjubjub::Point;
use crate::eddsa::{EddsaError, SecretKey, Signature, verify};
use crate::field::{Fr, keccak256, tag, to_be_bytes};
use crate::poseidon::hash;

/// Bytes of a payload, as many as the Helium network sent.
pub const PAYLOAD_BYTES: usize = 51;
/// Bits of a frequency in Hz: below 1,073,741,824 Hz.
pub const FREQUENCY_BITS: u32 = 30;
/// Bits of a power in dBm, with its sign.
pub const POWER_BITS: u32 = 8;
/// Bits of a received strength in tenths of dBm, with its sign.
pub const RSSI_BITS: u32 = 13;
/// Bits of a time in milliseconds since the start of the epoch: up to 37 hours.
pub const TIME_BITS: u32 = 27;
/// Bits that a frequency takes when reports are packed.
pub const PACKED_FREQUENCY_BITS: u32 = 32;
/// Bits that an index takes when receipts are packed.
pub const PACKED_INDEX_BITS: u32 = 32;

/// A number of a report is outside its limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: expected {expected}, got {got}")]
pub struct ReportError {
    /// Name of the field.
    pub field: &'static str,
    /// The limit.
    pub expected: &'static str,
    /// The refused number.
    pub got: i64,
}

/// The challenge of a beacon: `P_4(tag(challenge), epoch_tag, nonce, beaconer_index)`. Nobody knows it before
/// the epoch tag is known.
#[must_use]
pub fn challenge(epoch_tag: Fr, nonce: Fr, beaconer: u64) -> Fr {
    hash(&[tag("challenge"), epoch_tag, nonce, Fr::from(beaconer)])
}

/// What the beaconer sends by radio: the first 51 bytes of `keccak256("popw/v1/payload" || challenge (32) ||
/// 0) || keccak256("popw/v1/payload" || challenge (32) || 1)`.
#[must_use]
pub fn payload(challenge: Fr) -> [u8; PAYLOAD_BYTES] {
    let block = |number: u8| {
        let mut preimage = b"popw/v1/payload".to_vec();
        preimage.extend(to_be_bytes(&challenge));
        preimage.push(number);
        keccak256(&preimage)
    };
    let blocks = [block(0), block(1)];
    std::array::from_fn(|at| blocks.as_flattened()[at])
}

/// What a radio reports under its signature: of a [`Beacon`] or a [`Receipt`].
pub trait Report {
    /// Name of the tag of the message.
    const TAG: &'static str;

    /// Checks the limits of the fields.
    ///
    /// # Errors
    /// [`ReportError`] naming the first field that breaks its limit.
    fn validate(&self) -> Result<(), ReportError>;

    /// The fields in one element; reports within the limits that differ are packed differently.
    fn packed(&self) -> Fr;

    /// What is signed: `P_4(tag, epoch_tag, challenge, packed)`.
    fn message(&self, epoch_tag: Fr, challenge: Fr) -> Fr {
        hash(&[tag(Self::TAG), epoch_tag, challenge, self.packed()])
    }

    /// Signs with the session key of the radio's device.
    fn sign(&self, session_key: &SecretKey, epoch_tag: Fr, challenge: Fr) -> Signature {
        session_key.sign(self.message(epoch_tag, challenge))
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`EddsaError`].
    fn verify(
        &self,
        session_key: &Point,
        epoch_tag: Fr,
        challenge: Fr,
        signature: &Signature,
    ) -> Result<(), EddsaError> {
        verify(session_key, self.message(epoch_tag, challenge), signature)
    }
}

/// What the beaconer says it sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beacon {
    /// Hz, below 2^30.
    pub frequency_hz: u32,
    /// Power at the antenna's connector in dBm, -128 to 127.
    pub power_dbm: i32,
}

/// How a witness says it heard the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Hz, below 2^30.
    pub frequency_hz: u32,
    /// Strength in tenths of dBm, -4,096 to 4,095.
    pub rssi_ddbm: i32,
}

impl Report for Beacon {
    const TAG: &'static str = "beacon";

    fn validate(&self) -> Result<(), ReportError> {
        check_frequency(self.frequency_hz)?;
        check_signed("power_dbm", self.power_dbm, POWER_BITS, "-128 to 127 dBm")
    }

    /// `frequency + 2^32 (power + 2^7)`.
    fn packed(&self) -> Fr {
        pack(self.frequency_hz, self.power_dbm, POWER_BITS)
    }
}

impl Report for Receipt {
    const TAG: &'static str = "receipt";

    fn validate(&self) -> Result<(), ReportError> {
        check_frequency(self.frequency_hz)?;
        let expected = "-4096 to 4095 tenths of dBm";
        check_signed("rssi_ddbm", self.rssi_ddbm, RSSI_BITS, expected)
    }

    /// `frequency + 2^32 (rssi + 2^12)`.
    fn packed(&self) -> Fr {
        pack(self.frequency_hz, self.rssi_ddbm, RSSI_BITS)
    }
}

/// Checks that a time fits its bits.
///
/// # Errors
/// [`ReportError`] naming the field.
pub fn check_time(field: &'static str, time_ms: u32) -> Result<(), ReportError> {
    if time_ms < 1 << TIME_BITS {
        return Ok(());
    }
    Err(ReportError {
        field,
        expected: "milliseconds below 2^27",
        got: time_ms.into(),
    })
}

fn check_frequency(frequency_hz: u32) -> Result<(), ReportError> {
    if frequency_hz < 1 << FREQUENCY_BITS {
        return Ok(());
    }
    Err(ReportError {
        field: "frequency_hz",
        expected: "Hz below 2^30",
        got: frequency_hz.into(),
    })
}

fn check_signed(
    field: &'static str,
    value: i32,
    bits: u32,
    expected: &'static str,
) -> Result<(), ReportError> {
    let limit = 1 << (bits - 1);
    if (-limit..limit).contains(&value) {
        return Ok(());
    }
    Err(ReportError {
        field,
        expected,
        got: value.into(),
    })
}

/// `frequency + 2^32 (value + 2^(bits - 1))`.
fn pack(frequency_hz: u32, value: i32, bits: u32) -> Fr {
    let offset = i64::from(value) + (1 << (bits - 1));
    Fr::from(frequency_hz) + Fr::from(1u64 << PACKED_FREQUENCY_BITS) * Fr::from(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEACON: Beacon = Beacon {
        frequency_hz: 867_900_024,
        power_dbm: 12,
    };
    const RECEIPT: Receipt = Receipt {
        frequency_hz: 867_900_024,
        rssi_ddbm: -574,
    };

    #[test]
    fn a_signature_belongs_to_one_report_challenge_and_epoch() {
        let key = SecretKey::from_bytes(&[3; 32]);
        let public = key.public_key();
        let [epoch_tag, challenge, other] = [5u64, 6, 7].map(Fr::from);
        let mismatch = Err(EddsaError::Mismatch);
        let signature = BEACON.sign(&key, epoch_tag, challenge);
        assert_eq!(BEACON.verify(&public, epoch_tag, challenge, &signature), Ok(()));
        assert_eq!(BEACON.verify(&public, other, challenge, &signature), mismatch);
        assert_eq!(BEACON.verify(&public, epoch_tag, other, &signature), mismatch);
        let louder = Beacon {
            power_dbm: 13,
            ..BEACON
        };
        assert_eq!(louder.verify(&public, epoch_tag, challenge, &signature), mismatch);
        let signature = RECEIPT.sign(&key, epoch_tag, challenge);
        assert_eq!(RECEIPT.verify(&public, epoch_tag, challenge, &signature), Ok(()));
        assert_eq!(RECEIPT.verify(&public, other, challenge, &signature), mismatch);
        assert_eq!(RECEIPT.verify(&public, epoch_tag, other, &signature), mismatch);
        let weaker = Receipt {
            rssi_ddbm: -575,
            ..RECEIPT
        };
        assert_eq!(weaker.verify(&public, epoch_tag, challenge, &signature), mismatch);
    }

    #[test]
    fn a_beacon_is_no_receipt() {
        // The packed forms are equal, the messages are not.
        let (beacon, receipt) = (
            Beacon {
                frequency_hz: 5,
                power_dbm: 0,
            },
            Receipt {
                frequency_hz: 5,
                rssi_ddbm: 128 - 4_096,
            },
        );
        assert_eq!(beacon.packed(), receipt.packed());
        let [epoch_tag, challenge] = [5u64, 6].map(Fr::from);
        assert_ne!(
            beacon.message(epoch_tag, challenge),
            receipt.message(epoch_tag, challenge)
        );
    }

    #[test]
    fn limits() {
        let beacon = |frequency_hz, power_dbm| {
            Beacon {
                frequency_hz,
                power_dbm,
            }
            .validate()
            .map_err(|error| error.field)
        };
        assert_eq!(beacon((1 << 30) - 1, 127), Ok(()));
        assert_eq!(beacon(0, -128), Ok(()));
        assert_eq!(beacon(1 << 30, 0), Err("frequency_hz"));
        assert_eq!(beacon(0, 128), Err("power_dbm"));
        assert_eq!(beacon(0, -129), Err("power_dbm"));
        let receipt = |frequency_hz, rssi_ddbm| {
            Receipt {
                frequency_hz,
                rssi_ddbm,
            }
            .validate()
            .map_err(|error| error.field)
        };
        assert_eq!(receipt((1 << 30) - 1, 4_095), Ok(()));
        assert_eq!(receipt(0, -4_096), Ok(()));
        assert_eq!(receipt(u32::MAX, 0), Err("frequency_hz"));
        assert_eq!(receipt(0, 4_096), Err("rssi_ddbm"));
        assert_eq!(receipt(0, i32::MIN), Err("rssi_ddbm"));
        assert_eq!(check_time("t", (1 << 27) - 1), Ok(()));
        assert_eq!(check_time("t", 1 << 27).map_err(|error| error.field), Err("t"));
    }

    #[test]
    fn packing_has_one_reading() {
        let value = |receipt: Receipt| crate::field::to_u64(&receipt.packed());
        let lowest = Receipt {
            frequency_hz: 7,
            rssi_ddbm: -4_096,
        };
        assert_eq!(value(lowest), Some(7));
        let highest = Receipt {
            frequency_hz: (1 << 30) - 1,
            rssi_ddbm: 4_095,
        };
        assert_eq!(value(highest), Some((8_191 << 32) + (1 << 30) - 1));
    }

    #[test]
    fn a_payload_depends_on_the_challenge_alone() {
        let first = payload(challenge(Fr::from(1u64), Fr::from(2u64), 3));
        assert_eq!(first, payload(challenge(Fr::from(1u64), Fr::from(2u64), 3)));
        for other in [
            challenge(Fr::from(9u64), Fr::from(2u64), 3),
            challenge(Fr::from(1u64), Fr::from(9u64), 3),
            challenge(Fr::from(1u64), Fr::from(2u64), 9),
        ] {
            assert_ne!(first, payload(other));
        }
        // The two blocks of the expansion differ.
        assert_ne!(first[..19], first[32..]);
    }
}
