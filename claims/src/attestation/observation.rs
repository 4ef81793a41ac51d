//! A watcher at work: it receives signed records during an epoch, checks each, and attests what it heard.

use std::collections::BTreeSet;

use super::{Attestation, Bitmap};
use crate::eddsa::SecretKey;
use crate::epoch::Epoch;
use crate::field::Fr;
use crate::record::{Record, RecordError, SignedRecord, VerifiedRecord};
use crate::registry::DeviceRegistry;

/// Why an observation cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObservationError {
    /// The indices of the zone's devices do not fit 64 bits.
    #[error("zone {zone} of {devices} devices: the indices of its devices do not fit 64 bits")]
    Zone {
        /// The zone.
        zone: u64,
        /// Devices of a zone.
        devices: usize,
    },
}

/// Why a record was not counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The watcher's clock was outside the epoch.
    #[error("received at {received_at}, outside the epoch")]
    OutsideEpoch {
        /// The watcher's time, Unix seconds.
        received_at: u64,
    },
    /// The device is registered nowhere or in another zone.
    #[error("device {device_index} is not in this zone")]
    UnknownDevice {
        /// Registry index in the record.
        device_index: u64,
    },
    /// The signature does not verify: forged, damaged, or made for another epoch tag (a replay).
    #[error(transparent)]
    BadSignature(RecordError),
    /// The same device already sent a record of the same time: an echo or a replay within the epoch.
    #[error("device {device_index} already sent a record of time {time}")]
    Duplicate {
        /// Registry index in the record.
        device_index: u64,
        /// Time in the record, Unix seconds.
        time: u64,
    },
}

fn refusal_of(error: RecordError) -> Refusal {
    match error {
        RecordError::UnknownDevice { device_index } => Refusal::UnknownDevice { device_index },
        error => Refusal::BadSignature(error),
    }
}

/// How many records were refused, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refusals {
    /// [`Refusal::OutsideEpoch`].
    pub outside_epoch: u64,
    /// [`Refusal::UnknownDevice`].
    pub unknown_device: u64,
    /// [`Refusal::BadSignature`].
    pub bad_signature: u64,
    /// [`Refusal::Duplicate`].
    pub duplicate: u64,
}

impl Refusals {
    /// All refusals.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.outside_epoch + self.unknown_device + self.bad_signature + self.duplicate
    }
}

/// The open bitmap of one seat, zone and epoch.
#[derive(Debug)]
pub struct Observation<'a> {
    registry: &'a DeviceRegistry,
    epoch: Epoch,
    epoch_tag: Fr,
    zone: u64,
    first_device: u64,
    seat: usize,
    bitmap: Bitmap,
    /// Device and time of every record that was counted.
    seen: BTreeSet<(u64, u64)>,
    refusals: Refusals,
}

impl<'a> Observation<'a> {
    /// Starts with an empty bitmap for the zone's `devices` devices.
    ///
    /// # Errors
    /// [`ObservationError::Zone`].
    pub fn new(
        registry: &'a DeviceRegistry,
        epoch: Epoch,
        epoch_tag: Fr,
        zone: u64,
        devices: usize,
        seat: usize,
    ) -> Result<Self, ObservationError> {
        let first_device = zone
            .checked_mul(devices as u64)
            .filter(|first| first.checked_add(devices as u64).is_some())
            .ok_or(ObservationError::Zone { zone, devices })?;
        let bitmap = Bitmap::new(devices, epoch.slots() as usize);
        let (seen, refusals) = (BTreeSet::new(), Refusals::default());
        Ok(Self {
            registry,
            epoch,
            epoch_tag,
            zone,
            first_device,
            seat,
            bitmap,
            seen,
            refusals,
        })
    }

    /// Takes a record that arrived at `received_at` (the watcher's clock, Unix seconds, which alone decides
    /// the slot).
    ///
    /// # Errors
    /// [`Refusal`]; it is also counted in [`Self::refusals`].
    pub fn receive(&mut self, received_at: u64, signed: &SignedRecord) -> Result<VerifiedRecord, Refusal> {
        let place = self.place(received_at, signed.record.device_index);
        let taken = place.and_then(|place| {
            let verified = signed.verify(self.epoch_tag, self.registry).map_err(refusal_of)?;
            self.note(place, &verified)?;
            Ok(verified)
        });
        self.counted(taken)
    }

    /// Takes a record whose signature was checked already, perhaps for another watcher of the zone. That check
    /// counts if it was for this epoch tag and the session key that this registry has.
    ///
    /// # Errors
    /// As [`Self::receive`]; a check that does not count is a [`Refusal::BadSignature`].
    pub fn receive_verified(&mut self, received_at: u64, verified: &VerifiedRecord) -> Result<(), Refusal> {
        let place = self.place(received_at, verified.record().device_index);
        let taken = place.and_then(|place| {
            verified
                .check_for(self.epoch_tag, self.registry)
                .map_err(refusal_of)?;
            self.note(place, verified)
        });
        self.counted(taken)
    }

    /// Position in the zone and slot of a record, if it belongs into this bitmap at all.
    fn place(&self, received_at: u64, device_index: u64) -> Result<(usize, usize), Refusal> {
        let slot = self
            .epoch
            .slot_of(received_at)
            .ok_or(Refusal::OutsideEpoch { received_at })?;
        let position = device_index
            .checked_sub(self.first_device)
            .and_then(|position| usize::try_from(position).ok())
            .filter(|position| *position < self.bitmap.devices())
            .ok_or(Refusal::UnknownDevice { device_index })?;
        Ok((position, slot as usize))
    }

    fn note(&mut self, (position, slot): (usize, usize), verified: &VerifiedRecord) -> Result<(), Refusal> {
        let Record {
            device_index, time, ..
        } = *verified.record();
        if !self.seen.insert((device_index, time)) {
            return Err(Refusal::Duplicate { device_index, time });
        }
        self.bitmap.set(position, slot, true);
        Ok(())
    }

    fn counted<T>(&mut self, taken: Result<T, Refusal>) -> Result<T, Refusal> {
        taken.inspect_err(|refusal| {
            let count = match refusal {
                Refusal::OutsideEpoch { .. } => &mut self.refusals.outside_epoch,
                Refusal::UnknownDevice { .. } => &mut self.refusals.unknown_device,
                Refusal::BadSignature(_) => &mut self.refusals.bad_signature,
                Refusal::Duplicate { .. } => &mut self.refusals.duplicate,
            };
            *count += 1;
        })
    }

    /// What was refused so far.
    #[must_use]
    pub fn refusals(&self) -> Refusals {
        self.refusals
    }

    /// What was heard so far.
    #[must_use]
    pub fn bitmap(&self) -> &Bitmap {
        &self.bitmap
    }

    /// Signs the bitmap.
    #[must_use]
    pub fn attest(self, watcher_key: &SecretKey) -> (Bitmap, Attestation) {
        let attestation = Attestation::sign(watcher_key, self.epoch_tag, self.zone, self.seat, &self.bitmap);
        (self.bitmap, attestation)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::field::keccak256;
    use crate::record::payload_of;
    use crate::registry::example_device;

    const ZONE: u64 = 2;

    fn session_key(number: u64) -> SecretKey {
        SecretKey::from_bytes(&keccak256(&number.to_be_bytes()))
    }

    fn signed(device_index: u64, time: u64, tag: u64) -> SignedRecord {
        let record = Record {
            device_index,
            time,
            payload: payload_of(b"row"),
        };
        record.sign(Fr::from(tag), &session_key(device_index))
    }

    #[test]
    fn records_become_bits_and_refusals_are_counted_by_reason() {
        let devices = [0, 32, 33].map(|index| (index, example_device(index)));
        let registry = DeviceRegistry::new(2, devices).unwrap();
        let epoch = Epoch::new(10, 240, 24).unwrap();
        let mut watcher = Observation::new(&registry, epoch, Fr::from(7u64), ZONE, 16, 1).unwrap();

        assert!(watcher.receive(2_400, &signed(32, 2_400, 7)).is_ok());
        // The device's clock is wrong by far; the watcher's decides.
        assert!(watcher.receive(2_639, &signed(33, 9, 7)).is_ok());

        let refused = watcher.receive(2_640, &signed(32, 2_630, 7)).unwrap_err();
        assert_eq!(refused, Refusal::OutsideEpoch { received_at: 2_640 });
        assert_eq!(
            watcher.receive(2_399, &signed(32, 2_400, 7)).unwrap_err(),
            Refusal::OutsideEpoch { received_at: 2_399 }
        );
        for device_index in [0, 34, 48, u64::MAX] {
            let refused = watcher
                .receive(2_450, &signed(device_index, 2_450, 7))
                .unwrap_err();
            assert_eq!(refused, Refusal::UnknownDevice { device_index });
        }
        let replayed = watcher.receive(2_450, &signed(32, 2_450, 6)).unwrap_err();
        assert!(matches!(
            replayed,
            Refusal::BadSignature(RecordError::BadSignature { device_index: 32, .. })
        ));
        let echoed = watcher.receive(2_500, &signed(32, 2_400, 7)).unwrap_err();
        assert_eq!(
            echoed,
            Refusal::Duplicate {
                device_index: 32,
                time: 2_400
            }
        );

        let refusals = watcher.refusals();
        assert_eq!(
            refusals,
            Refusals {
                outside_epoch: 2,
                unknown_device: 4,
                bad_signature: 1,
                duplicate: 1
            }
        );
        assert_eq!(refusals.total(), 8);
        assert_eq!(watcher.bitmap().count(), 2);

        let key = session_key(999);
        let (bitmap, attestation) = watcher.attest(&key);
        assert!(bitmap.bit(0, 0) && bitmap.bit(1, 23));
        assert_eq!(
            attestation,
            Attestation::sign(&key, Fr::from(7u64), ZONE, 1, &bitmap)
        );
    }

    #[test]
    fn a_record_that_was_verified_before_is_held_to_the_same_rules() {
        let devices = [0, 32, 33].map(|index| (index, example_device(index)));
        let registry = DeviceRegistry::new(2, devices).unwrap();
        let epoch = Epoch::new(10, 240, 24).unwrap();
        let tag = Fr::from(7u64);
        let observation = |registry| Observation::new(registry, epoch, tag, ZONE, 16, 1).unwrap();
        let verified = |device, tag| {
            signed(device, 2_400, tag)
                .verify(Fr::from(tag), &registry)
                .unwrap()
        };

        let (mut by_itself, mut by_another) = (observation(&registry), observation(&registry));
        let record = by_itself.receive(2_400, &signed(32, 2_400, 7)).unwrap();
        assert_eq!(by_another.receive_verified(2_400, &record), Ok(()));
        assert_eq!(by_itself.bitmap(), by_another.bitmap());

        let mut refused = |at, record| by_another.receive_verified(at, record).unwrap_err();
        let (device_index, time) = (32, 2_400);
        assert_eq!(refused(2_500, &record), Refusal::Duplicate { device_index, time });
        assert_eq!(
            refused(2_640, &record),
            Refusal::OutsideEpoch { received_at: 2_640 }
        );
        let of_another_zone = verified(0, 7);
        assert_eq!(
            refused(2_400, &of_another_zone),
            Refusal::UnknownDevice { device_index: 0 }
        );
        let elsewhere = Refusal::BadSignature(RecordError::VerifiedElsewhere { device_index, time });
        let of_another_epoch = verified(32, 6);
        assert_eq!(refused(2_410, &of_another_epoch), elsewhere);
        assert_eq!(by_another.refusals().total(), 4);
        assert_eq!(by_another.bitmap().count(), 1);

        let other = DeviceRegistry::new(2, [(32, example_device(33))]).unwrap();
        assert_eq!(
            observation(&other).receive_verified(2_400, &record),
            Err(elsewhere)
        );
        let empty = DeviceRegistry::new(2, []).unwrap();
        assert_eq!(
            observation(&empty).receive_verified(2_400, &record),
            Err(Refusal::UnknownDevice { device_index })
        );
    }

    #[test]
    fn a_zone_beyond_64_bits() {
        let registry = DeviceRegistry::new(1, []).unwrap();
        let epoch = Epoch::new(10, 240, 24).unwrap();
        let zone = u64::MAX / 16;
        let refused = Observation::new(&registry, epoch, Fr::from(7u64), zone, 16, 1).unwrap_err();
        assert_eq!(refused, ObservationError::Zone { zone, devices: 16 });
    }
}
