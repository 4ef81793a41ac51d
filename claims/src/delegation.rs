//! Delegation: the hardware key of a device says which session key signs its records, and for which epochs
//! (`docs/protocol.md` section 2). Checked natively at registration, never in a circuit.
//!
//! Secure elements (ATECC608, TPM 2.0) sign with ECDSA over P-256; others with Ed25519.
//!
//! Depends on [`crate::field`], [`crate::babyjubjub`]. Next: [`crate::registry`], whose devices carry the
//! hash of the hardware key.

use ed25519_dalek::VerifyingKey as Ed25519Key;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature as P256Signature, VerifyingKey as P256Key};

use crate::babyjubjub::Point;
use crate::field::{Fr, keccak248, to_be_bytes};

/// First bytes of the signed message.
const DOMAIN: &[u8] = b"popw/v1/delegation";
/// Bytes of a P-256 public key: SEC1, compressed.
pub const P256_KEY_BYTES: usize = 33;
/// Bytes of an Ed25519 public key (RFC 8032).
pub const ED25519_KEY_BYTES: usize = 32;

/// Why a delegation is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DelegationError {
    /// The key has a number of bytes that its class does not have.
    #[error("hardware key of class {class:?}: expected {expected} bytes, got {got}")]
    KeyLength {
        /// Class of the key.
        class: HardwareClass,
        /// Bytes that a key of this class has.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// The bytes are not a public key of their class.
    #[error("hardware key of class {class:?}: the bytes do not encode a point of the curve")]
    InvalidKey {
        /// Class of the key.
        class: HardwareClass,
    },
    /// The number of a class is neither 1 nor 2.
    #[error("hardware class {got}: expected 1 (P-256) or 2 (Ed25519)")]
    UnknownClass {
        /// The refused number.
        got: u64,
    },
    /// r or s of a P-256 signature is 0 or not below the order of the group.
    #[error("P-256 signature: r and s must be in [1, order)")]
    InvalidSignature,
    /// s of a P-256 signature is in the upper half: `(r, order - s)` would be a second signature for the same
    /// message.
    #[error("P-256 signature: s is above half the order; send (r, order - s)")]
    HighS,
    /// The signature does not belong to this key and delegation.
    #[error("the hardware key did not sign this delegation")]
    Mismatch,
}

/// Kinds of hardware keys; the number stands in the device leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HardwareClass {
    /// ECDSA over P-256 with SHA-256, number 1.
    P256 = 1,
    /// Ed25519, number 2.
    Ed25519 = 2,
}

impl HardwareClass {
    /// The number in the device leaf.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::P256 => 1,
            Self::Ed25519 => 2,
        }
    }

    /// The class of a number.
    ///
    /// # Errors
    /// [`DelegationError::UnknownClass`].
    pub fn from_number(number: u64) -> Result<Self, DelegationError> {
        match number {
            1 => Ok(Self::P256),
            2 => Ok(Self::Ed25519),
            got => Err(DelegationError::UnknownClass { got }),
        }
    }
}

/// The bytes of a hardware public key, not yet known to be a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HardwareKey {
    /// SEC1, compressed.
    P256([u8; P256_KEY_BYTES]),
    /// RFC 8032.
    Ed25519([u8; ED25519_KEY_BYTES]),
}

impl HardwareKey {
    /// A key from its class and bytes.
    ///
    /// # Errors
    /// [`DelegationError::KeyLength`].
    pub fn from_bytes(class: HardwareClass, bytes: &[u8]) -> Result<Self, DelegationError> {
        let key = match class {
            HardwareClass::P256 => bytes.try_into().ok().map(Self::P256),
            HardwareClass::Ed25519 => bytes.try_into().ok().map(Self::Ed25519),
        };
        let expected = match class {
            HardwareClass::P256 => P256_KEY_BYTES,
            HardwareClass::Ed25519 => ED25519_KEY_BYTES,
        };
        key.ok_or(DelegationError::KeyLength {
            class,
            expected,
            got: bytes.len(),
        })
    }

    /// The bytes that are hashed and stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::P256(bytes) => bytes,
            Self::Ed25519(bytes) => bytes,
        }
    }

    /// The class.
    #[must_use]
    pub fn class(&self) -> HardwareClass {
        match self {
            Self::P256(_) => HardwareClass::P256,
            Self::Ed25519(_) => HardwareClass::Ed25519,
        }
    }

    /// `hardware_key_hash` of the device leaf: `keccak256(bytes) mod 2^248`.
    #[must_use]
    pub fn hash(&self) -> Fr {
        keccak248(self.as_bytes())
    }

    /// Checks a signature of 64 bytes: `r || s`, big-endian, low s, over SHA-256 for P-256; RFC 8032, strict,
    /// for Ed25519.
    fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), DelegationError> {
        let invalid_key = DelegationError::InvalidKey { class: self.class() };
        match self {
            Self::P256(bytes) => {
                let key = P256Key::from_sec1_bytes(bytes).map_err(|_| invalid_key)?;
                let signature =
                    P256Signature::from_slice(signature).map_err(|_| DelegationError::InvalidSignature)?;
                if signature.normalize_s().is_some() {
                    return Err(DelegationError::HighS);
                }
                key.verify(message, &signature)
                    .map_err(|_| DelegationError::Mismatch)
            }
            Self::Ed25519(bytes) => {
                let key = Ed25519Key::from_bytes(bytes).map_err(|_| invalid_key)?;
                key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
                    .map_err(|_| DelegationError::Mismatch)
            }
        }
    }
}

/// What the hardware key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delegation {
    /// Identifier of the device, below 2^248.
    pub device_id: Fr,
    /// The Baby Jubjub key that signs records.
    pub session_key: Point,
    /// First epoch in which the session key may sign.
    pub first_epoch: u64,
    /// Number of epochs.
    pub epochs: u64,
}

impl Delegation {
    /// The signed bytes: domain, device id, both coordinates (32 bytes each), first epoch, epochs (8 bytes
    /// each), big-endian.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        [
            DOMAIN,
            &to_be_bytes(&self.device_id),
            &to_be_bytes(&self.session_key.x),
            &to_be_bytes(&self.session_key.y),
            &self.first_epoch.to_be_bytes(),
            &self.epochs.to_be_bytes(),
        ]
        .concat()
    }

    /// Whether the session key may sign in an epoch.
    #[must_use]
    pub fn covers(&self, epoch: u64) -> bool {
        epoch
            .checked_sub(self.first_epoch)
            .is_some_and(|since| since < self.epochs)
    }

    /// Checks the hardware key's signature.
    ///
    /// # Errors
    /// [`DelegationError::InvalidKey`], [`DelegationError::InvalidSignature`], [`DelegationError::HighS`],
    /// [`DelegationError::Mismatch`].
    pub fn verify(&self, key: &HardwareKey, signature: &[u8; 64]) -> Result<(), DelegationError> {
        key.verify(&self.message(), signature)
    }
}

/// A delegation as it arrives: with the hardware key that is said to have signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedDelegation {
    /// The content.
    pub delegation: Delegation,
    /// The claimed signer.
    pub key: HardwareKey,
    /// `r || s` for P-256, RFC 8032 for Ed25519.
    pub signature: [u8; 64],
}

impl SignedDelegation {
    /// [`Delegation::verify`] with the key and signature that came along.
    ///
    /// # Errors
    /// As [`Delegation::verify`].
    pub fn verify(&self) -> Result<(), DelegationError> {
        self.delegation.verify(&self.key, &self.signature)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::eddsa::SecretKey;
    use ed25519_dalek::Signer as _;
    use p256::ecdsa::SigningKey;

    fn delegation() -> Delegation {
        let session_key = SecretKey::from_bytes(&[3; 32]).public_key();
        Delegation {
            device_id: Fr::from(77u64),
            session_key,
            first_epoch: 100,
            epochs: 30,
        }
    }

    fn p256() -> (SigningKey, HardwareKey) {
        let secret = SigningKey::from_slice(&[5; 32]).unwrap();
        let public = secret.verifying_key().to_encoded_point(true);
        (
            secret,
            HardwareKey::from_bytes(HardwareClass::P256, public.as_bytes()).unwrap(),
        )
    }

    fn ed25519() -> (ed25519_dalek::SigningKey, HardwareKey) {
        let secret = ed25519_dalek::SigningKey::from_bytes(&[6; 32]);
        let public = secret.verifying_key().to_bytes();
        (secret, HardwareKey::Ed25519(public))
    }

    fn p256_sign(secret: &SigningKey, message: &[u8]) -> P256Signature {
        let signature: P256Signature = secret.sign(message);
        signature.normalize_s().unwrap_or(signature)
    }

    #[test]
    fn the_message_has_the_documented_layout() {
        let delegation = delegation();
        let message = delegation.message();
        assert_eq!(message.len(), 18 + 3 * 32 + 2 * 8);
        assert_eq!(&message[..18], b"popw/v1/delegation");
        assert_eq!(message[49], 77);
        assert_eq!(
            message[114..],
            [[0, 0, 0, 0, 0, 0, 0, 100], [0, 0, 0, 0, 0, 0, 0, 30]].concat()
        );
    }

    #[test]
    fn both_classes_verify_and_bind_every_field() {
        let good = delegation();
        let (secret, p256_key) = p256();
        let p256_signature: [u8; 64] = p256_sign(&secret, &good.message()).to_bytes().into();
        let (secret, ed25519_key) = ed25519();
        let ed25519_signature = secret.sign(&good.message()).to_bytes();
        let changed = [
            Delegation {
                device_id: Fr::from(78u64),
                ..good
            },
            Delegation {
                session_key: -good.session_key,
                ..good
            },
            Delegation {
                first_epoch: 101,
                ..good
            },
            Delegation { epochs: 31, ..good },
        ];
        for (key, signature) in [(p256_key, p256_signature), (ed25519_key, ed25519_signature)] {
            assert_eq!(good.verify(&key, &signature), Ok(()));
            for delegation in changed {
                assert_eq!(
                    delegation.verify(&key, &signature),
                    Err(DelegationError::Mismatch)
                );
            }
        }
        assert!(good.verify(&p256_key, &ed25519_signature).is_err());
        assert!(good.verify(&ed25519_key, &p256_signature).is_err());
    }

    #[test]
    fn malleated_and_malformed_signatures_are_named() {
        let good = delegation();
        let (secret, key) = p256();
        let signature = p256_sign(&secret, &good.message());
        let (r, s) = signature.split_scalars();
        let high = P256Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
        assert_eq!(
            good.verify(&key, &high.to_bytes().into()),
            Err(DelegationError::HighS)
        );
        assert_eq!(
            good.verify(&key, &[0; 64]),
            Err(DelegationError::InvalidSignature)
        );
        assert_eq!(
            good.verify(&key, &[0xff; 64]),
            Err(DelegationError::InvalidSignature)
        );
    }

    #[test]
    fn bad_keys_are_named() {
        let good = delegation();
        let not_a_point = HardwareKey::P256([9; 33]);
        let class = HardwareClass::P256;
        assert_eq!(
            good.verify(&not_a_point, &[1; 64]),
            Err(DelegationError::InvalidKey { class })
        );
        assert_eq!(
            HardwareKey::from_bytes(class, &[2; 32]),
            Err(DelegationError::KeyLength {
                class,
                expected: 33,
                got: 32
            })
        );
        let class = HardwareClass::Ed25519;
        let mut bytes = [0xff; 32];
        bytes[0] = 2;
        let refused = (0..=255u8)
            .map(|first| {
                bytes[0] = first;
                good.verify(&HardwareKey::Ed25519(bytes), &[1; 64])
            })
            .any(|result| result == Err(DelegationError::InvalidKey { class }));
        assert!(refused, "half of all y have no x");
        assert_eq!(
            HardwareKey::from_bytes(class, &[2; 33]),
            Err(DelegationError::KeyLength {
                class,
                expected: 32,
                got: 33
            })
        );
        // A key of small order would accept signatures that no secret made.
        let mut small = [0; 32];
        small[0] = 1;
        assert_eq!(
            good.verify(&HardwareKey::Ed25519(small), &[0; 64]),
            Err(DelegationError::Mismatch)
        );
    }

    #[test]
    fn classes_and_epochs() {
        assert_eq!(HardwareClass::from_number(1), Ok(HardwareClass::P256));
        assert_eq!(HardwareClass::from_number(2), Ok(HardwareClass::Ed25519));
        assert_eq!(
            HardwareClass::from_number(3),
            Err(DelegationError::UnknownClass { got: 3 })
        );
        let delegation = delegation();
        assert_eq!(
            [99, 100, 129, 130].map(|epoch| delegation.covers(epoch)),
            [false, true, true, false]
        );
        let whole = Delegation {
            first_epoch: 0,
            epochs: u64::MAX,
            ..delegation
        };
        assert!(whole.covers(u64::MAX - 1));
    }
}
