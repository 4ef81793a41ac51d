//! What a watcher saw and signs: the bitmap of a zone, its digest, the attestation (`docs/protocol.md`
//! section 4).
//!
//! [`Bitmap`] is the matrix of devices and slots, [`Attestation`] the signature over its digest,
//! [`Observation`] the watcher at work: records in, one attestation out.
//!
//! Depends on [`crate::record`], [`crate::tree`]. Next: [`crate::uptime`], which counts the watchers' bits.

mod bitmap;
mod observation;

use crate::babyjubjub::Point;
use crate::eddsa::{EddsaError, SecretKey, Signature, verify};
use crate::field::{Fr, tag};
use crate::poseidon::hash;

pub use bitmap::{
    Bitmap, BitmapError, DEVICES_PER_LEAF_MAX, ELEMENT_BITS, ELEMENTS_PER_LEAF_MAX, SLOTS_MAX,
    devices_per_leaf, elements_per_leaf,
};
pub use observation::{Observation, ObservationError, Refusal, Refusals};

/// The message a watcher signs: `P_5(tag(attestation), epoch_tag, zone, seat, digest)`.
#[must_use]
pub fn attestation_message(epoch_tag: Fr, zone: u64, seat: usize, digest: Fr) -> Fr {
    hash(&[
        tag("attestation"),
        epoch_tag,
        Fr::from(zone),
        Fr::from(seat as u64),
        digest,
    ])
}

/// A watcher's signature over the digest of what it saw of a zone, for one seat and epoch. Two different ones by
/// one key for the same epoch tag, zone and seat are evidence against the watcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attestation {
    /// Zone, in units of N devices.
    pub zone: u64,
    /// Seat of the committee.
    pub seat: usize,
    /// [`Bitmap::digest`], or what another claim digests.
    pub digest: Fr,
    /// Signature of [`attestation_message`].
    pub signature: Signature,
}

impl Attestation {
    /// Signs the digest of a bitmap.
    #[must_use]
    pub fn sign(watcher_key: &SecretKey, epoch_tag: Fr, zone: u64, seat: usize, bitmap: &Bitmap) -> Self {
        Self::of_digest(watcher_key, epoch_tag, zone, seat, bitmap.digest())
    }

    /// Signs a digest: of a bitmap, or of what another claim's watcher received.
    #[must_use]
    pub fn of_digest(watcher_key: &SecretKey, epoch_tag: Fr, zone: u64, seat: usize, digest: Fr) -> Self {
        let signature = watcher_key.sign(attestation_message(epoch_tag, zone, seat, digest));
        Self {
            zone,
            seat,
            digest,
            signature,
        }
    }

    /// Checks the signature with the key of the watcher that was drawn for the seat. The digest is compared
    /// with a bitmap by whoever has one.
    ///
    /// # Errors
    /// [`EddsaError`].
    pub fn verify(&self, epoch_tag: Fr, watcher_key: &Point) -> Result<(), EddsaError> {
        let message = attestation_message(epoch_tag, self.zone, self.seat, self.digest);
        verify(watcher_key, message, &self.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attestation_binds_epoch_zone_seat_and_digest() {
        let key = SecretKey::from_bytes(&[1; 32]);
        let mut bitmap = Bitmap::new(16, 24);
        bitmap.set(3, 7, true);
        let tag = Fr::from(9u64);
        let good = Attestation::sign(&key, tag, 5, 2, &bitmap);
        assert_eq!(good.verify(tag, &key.public_key()), Ok(()));
        let forged = [
            Attestation { zone: 6, ..good },
            Attestation { seat: 3, ..good },
            Attestation {
                digest: Bitmap::new(16, 24).digest(),
                ..good
            },
        ];
        for attestation in forged {
            assert_eq!(
                attestation.verify(tag, &key.public_key()),
                Err(EddsaError::Mismatch)
            );
        }
        assert_eq!(
            good.verify(Fr::from(10u64), &key.public_key()),
            Err(EddsaError::Mismatch)
        );
        let stranger = SecretKey::from_bytes(&[2; 32]).public_key();
        assert_eq!(good.verify(tag, &stranger), Err(EddsaError::Mismatch));
    }
}
