//! A device and its leaf: the table of `docs/protocol.md` section 2.

use crate::babyjubjub::{Point, is_valid_key};
use crate::delegation::{Delegation, HardwareClass, SignedDelegation};
use crate::field::{Fr, bits, reduce_be_bytes, tag, to_decimal};
use crate::poseidon::{hash, sponge};
use crate::registry::Position;

/// Identifiers and key hashes have at most this many bits.
pub(super) const IDENTIFIER_BITS: u32 = 248;
/// Added to signed fields, so that what is hashed is not negative.
pub const SIGNED_OFFSET: i64 = 1 << 31;
/// Largest absolute gain, in tenths of dBi.
pub const GAIN_DDBI_MAX: i32 = 1_000;
/// Largest scale, in units of 1e-4.
const SCALE_E4_MAX: u32 = 10_000;

/// A field of a device is outside its limit, or does not fit its hardware key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: expected {expected}, got {got}")]
pub struct DeviceError {
    /// Name of the field, as in [`Device`].
    pub field: &'static str,
    /// The limit.
    pub expected: &'static str,
    /// The refused value.
    pub got: String,
}

/// A registered device. Fields are plain; [`Device::validate`] says whether they are within the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Ethereum address that is paid; not zero.
    pub payee: [u8; 20],
    /// Baby Jubjub key that signs records.
    pub session_key: Point,
    /// Identifier of the device, below 2^248.
    pub device_id: Fr,
    /// Identifier of its owner, below 2^248.
    pub owner_id: Fr,
    /// [`crate::delegation::HardwareKey::hash`], below 2^248.
    pub hardware_key_hash: Fr,
    /// Kind of the hardware key.
    pub hardware_class: HardwareClass,
    /// Where it stands.
    pub position: Position,
    /// H3 index of resolution 12 (not interpreted here).
    pub h3_cell: u64,
    /// Antenna gain in tenths of dBi, -1,000 to 1,000.
    pub gain_ddbi: i32,
    /// Region, the network's own numbering.
    pub region: u16,
    /// Scale in units of 1e-4, 0 to 10,000.
    pub scale_e4: u32,
    /// Commitment to the secret of the device.
    pub secret_commitment: Fr,
    /// Salt that hides the fields above.
    pub salt: Fr,
}

/// The fields of a device that claims compute with; the others are one element beside them,
/// [`Device::private_part`]. Units and limits as in [`Device`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceFields {
    /// Baby Jubjub key that signs records.
    pub session_key: Point,
    /// Identifier of its owner.
    pub owner_id: Fr,
    /// Where it stands.
    pub position: Position,
    /// Antenna gain in tenths of dBi.
    pub gain_ddbi: i32,
    /// Region.
    pub region: u16,
}

impl Device {
    /// Checks every limit of the table.
    ///
    /// # Errors
    /// [`DeviceError`] naming the first field that breaks its limit.
    pub fn validate(&self) -> Result<(), DeviceError> {
        let refuse = |field, expected, got: String| Err(DeviceError { field, expected, got });
        if self.payee == [0; 20] {
            return refuse(
                "payee",
                "an address other than zero",
                format!("0x{}", hex::encode(self.payee)),
            );
        }
        if !is_valid_key(&self.session_key) {
            let got = format!(
                "({}, {})",
                to_decimal(&self.session_key.x),
                to_decimal(&self.session_key.y)
            );
            return refuse("session_key", "a point of prime order on Baby Jubjub", got);
        }
        for (field, value) in [
            ("device_id", &self.device_id),
            ("owner_id", &self.owner_id),
            ("hardware_key_hash", &self.hardware_key_hash),
        ] {
            if bits(value) > IDENTIFIER_BITS {
                return refuse(field, "an integer below 2^248", to_decimal(value));
            }
        }
        if !self.position.is_within_limit() {
            return refuse(
                "position",
                "decimetres below 2^27 in absolute value",
                format!("{:?}", self.position),
            );
        }
        if self.gain_ddbi.unsigned_abs() > GAIN_DDBI_MAX.unsigned_abs() {
            return refuse(
                "gain_ddbi",
                "-1000 to 1000 tenths of dBi",
                self.gain_ddbi.to_string(),
            );
        }
        if self.scale_e4 > SCALE_E4_MAX {
            return refuse("scale_e4", "0 to 10000", self.scale_e4.to_string());
        }
        Ok(())
    }

    /// `private = sponge("device-private", seven fields)`: what no claim opens.
    #[must_use]
    pub fn private_part(&self) -> Fr {
        sponge(
            "device-private",
            &[
                self.device_id,
                self.hardware_key_hash,
                Fr::from(self.hardware_class.number()),
                Fr::from(self.h3_cell),
                Fr::from(self.scale_e4),
                self.secret_commitment,
                self.salt,
            ],
        )
    }

    /// What a claim can open.
    #[must_use]
    pub fn fields(&self) -> DeviceFields {
        let &Self {
            session_key,
            owner_id,
            position,
            gain_ddbi,
            region,
            ..
        } = self;
        DeviceFields {
            session_key,
            owner_id,
            position,
            gain_ddbi,
            region,
        }
    }

    /// Everything but the payee: [`device_inner`] of the two parts.
    #[must_use]
    pub fn inner(&self) -> Fr {
        device_inner(self.private_part(), &self.fields())
    }

    /// The payee as an integer.
    #[must_use]
    pub fn payee_element(&self) -> Fr {
        reduce_be_bytes(&self.payee)
    }

    /// The leaf of the device tree.
    #[must_use]
    pub fn leaf(&self) -> Fr {
        device_leaf(self.payee_element(), self.inner())
    }

    /// Checks that the hardware key of this leaf delegated to the session key of this leaf, for an epoch.
    ///
    /// # Errors
    /// [`DeviceError`] naming the field of the leaf that the delegation does not fit, with the reason.
    pub fn check_delegation(&self, signed: &SignedDelegation, epoch: u64) -> Result<(), DeviceError> {
        let SignedDelegation { delegation, key, .. } = signed;
        let refuse = |field, expected, got: String| Err(DeviceError { field, expected, got });
        if key.class() != self.hardware_class {
            return refuse(
                "hardware_class",
                "the class of the delegating key",
                format!("{:?}", self.hardware_class),
            );
        }
        if key.hash() != self.hardware_key_hash {
            let got = to_decimal(&self.hardware_key_hash);
            return refuse("hardware_key_hash", "the hash of the delegating key", got);
        }
        if delegation.device_id != self.device_id {
            return refuse(
                "device_id",
                "the device of the delegation",
                to_decimal(&self.device_id),
            );
        }
        if delegation.session_key != self.session_key {
            return refuse(
                "session_key",
                "the key of the delegation",
                format!("{}", self.session_key),
            );
        }
        if !delegation.covers(epoch) {
            let Delegation {
                first_epoch, epochs, ..
            } = delegation;
            let got = format!("{epochs} epochs from {first_epoch} on, which do not cover {epoch}");
            return refuse("delegation", "one that covers the epoch", got);
        }
        signed
            .verify()
            .or_else(|error| refuse("delegation", "a signature of the hardware key", error.to_string()))
    }
}

/// `inner = P_10(tag("device-inner"), private, eight fields)`: one hash opens what claims
/// compute with, and the rest stays one element.
#[must_use]
pub fn device_inner(private: Fr, fields: &DeviceFields) -> Fr {
    let signed = |value: i32| Fr::from(i64::from(value) + SIGNED_OFFSET);
    let Position { x, y, z } = fields.position;
    hash(&[
        tag("device-inner"),
        private,
        fields.session_key.x,
        fields.session_key.y,
        fields.owner_id,
        signed(x),
        signed(y),
        signed(z),
        signed(fields.gain_ddbi),
        Fr::from(fields.region),
    ])
}

/// `P_3(tag(device), payee, inner)`: the leaf of a device that is present. An absent one has leaf 0.
#[must_use]
pub fn device_leaf(payee: Fr, inner: Fr) -> Fr {
    hash(&[tag("device"), payee, inner])
}

/// A device that passes every check, different for each number.
#[cfg(test)]
pub(crate) fn example(number: u64) -> Device {
    use crate::delegation::HardwareKey;
    use crate::field::keccak256;
    Device {
        payee: [0x11; 20],
        session_key: crate::eddsa::SecretKey::from_bytes(&keccak256(&number.to_be_bytes())).public_key(),
        device_id: Fr::from(1_000 + number),
        owner_id: Fr::from(5u64),
        hardware_key_hash: HardwareKey::Ed25519(keccak256(format!("hardware {number}").as_bytes())).hash(),
        hardware_class: HardwareClass::Ed25519,
        position: Position {
            x: 42_000_000,
            y: -5_600_000,
            z: 47_600_000,
        },
        h3_cell: 0x08c1_fa4b_20dc_59ff,
        gain_ddbi: -12,
        region: 3,
        scale_e4: 10_000,
        secret_commitment: Fr::from(9u64),
        salt: -Fr::from(1u64),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::delegation::HardwareKey;
    use ed25519_dalek::Signer;

    fn refused_field(change: impl FnOnce(&mut Device)) -> &'static str {
        let mut device = example(1);
        change(&mut device);
        device.validate().unwrap_err().field
    }

    #[test]
    fn every_limit_is_checked() {
        assert_eq!(example(1).validate(), Ok(()));
        let two_to_248 = reduce_be_bytes(&[&[1][..], &[0; 31]].concat());
        assert_eq!(refused_field(|d| d.payee = [0; 20]), "payee");
        assert_eq!(refused_field(|d| d.session_key = Point::zero()), "session_key");
        assert_eq!(
            refused_field(|d| d.session_key.x += Fr::from(1u64)),
            "session_key"
        );
        assert_eq!(refused_field(|d| d.device_id = two_to_248), "device_id");
        assert_eq!(refused_field(|d| d.owner_id = two_to_248), "owner_id");
        assert_eq!(
            refused_field(|d| d.hardware_key_hash = two_to_248),
            "hardware_key_hash"
        );
        assert_eq!(refused_field(|d| d.position.z = -(1 << 27)), "position");
        assert_eq!(refused_field(|d| d.gain_ddbi = -1_001), "gain_ddbi");
        assert_eq!(refused_field(|d| d.gain_ddbi = i32::MIN), "gain_ddbi");
        assert_eq!(refused_field(|d| d.scale_e4 = 10_001), "scale_e4");
    }

    #[test]
    fn limits_are_inclusive() {
        let mut device = example(1);
        device.device_id = two_to_248_minus_1();
        device.owner_id = two_to_248_minus_1();
        device.hardware_key_hash = two_to_248_minus_1();
        device.position = Position {
            x: (1 << 27) - 1,
            y: 1 - (1 << 27),
            z: 0,
        };
        device.gain_ddbi = 1_000;
        assert_eq!(device.validate(), Ok(()));
    }

    fn two_to_248_minus_1() -> Fr {
        reduce_be_bytes(&[0xff; 31])
    }

    #[test]
    fn every_field_changes_the_leaf() {
        let good = example(1).leaf();
        let changes: [fn(&mut Device); 13] = [
            |d| d.payee[19] ^= 1,
            |d| d.session_key = -d.session_key,
            |d| d.device_id += Fr::from(1u64),
            |d| d.owner_id += Fr::from(1u64),
            |d| d.hardware_key_hash += Fr::from(1u64),
            |d| d.hardware_class = HardwareClass::P256,
            |d| d.position.x += 1,
            |d| d.h3_cell += 1,
            |d| d.gain_ddbi += 1,
            |d| d.region += 1,
            |d| d.scale_e4 -= 1,
            |d| d.secret_commitment += Fr::from(1u64),
            |d| d.salt += Fr::from(1u64),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut device = example(1);
            change(&mut device);
            assert_ne!(device.leaf(), good, "change {number}");
        }
    }

    #[test]
    fn a_delegation_fits_its_leaf_only() {
        let secret = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
        let key = HardwareKey::Ed25519(secret.verifying_key().to_bytes());
        let mut device = example(1);
        device.hardware_key_hash = key.hash();
        let delegation = Delegation {
            device_id: device.device_id,
            session_key: device.session_key,
            first_epoch: 10,
            epochs: 2,
        };
        let signature = secret.sign(&delegation.message()).to_bytes();
        let signed = |delegation| SignedDelegation {
            delegation,
            key,
            signature,
        };
        assert_eq!(device.check_delegation(&signed(delegation), 11), Ok(()));
        let field = |device: &Device, delegation: &Delegation, epoch| {
            device
                .check_delegation(&signed(*delegation), epoch)
                .unwrap_err()
                .field
        };
        assert_eq!(field(&device, &delegation, 12), "delegation");
        assert_eq!(
            field(
                &device,
                &Delegation {
                    epochs: 3,
                    ..delegation
                },
                11
            ),
            "delegation"
        );
        let other = Delegation {
            device_id: Fr::from(1u64),
            ..delegation
        };
        assert_eq!(field(&device, &other, 11), "device_id");
        let other = Delegation {
            session_key: -device.session_key,
            ..delegation
        };
        assert_eq!(field(&device, &other, 11), "session_key");
        let mut stranger = device.clone();
        stranger.hardware_key_hash = Fr::from(1u64);
        assert_eq!(field(&stranger, &delegation, 11), "hardware_key_hash");
        stranger.hardware_class = HardwareClass::P256;
        assert_eq!(field(&stranger, &delegation, 11), "hardware_class");
    }
}
