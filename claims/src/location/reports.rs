//! Reports: what a device signs, how they are hashed, and the ingestor at work.
//!
//! [`Reception`] is the ingestor's day: signed reports in, one attested digest out. Its clock decides the
//! slot; the device's signature covers the slot, so a report cannot be moved to another one.
//!
//! Next: [`super::statement`], which computes with what was received.

use crate::attestation::Attestation;
use crate::babyjubjub::Point;
use crate::eddsa::{EddsaError, SecretKey, Signature, verify};
use crate::epoch::Epoch;
use crate::field::{Fr, tag};
use crate::opening::INGESTOR_SEAT;
use crate::poseidon::{hash, sponge};
use crate::registry::{Device, Position, SIGNED_OFFSET};

/// Bits of a coordinate in a report's element: decimetres from -2^27 to 2^27 - 1.
pub const COORDINATE_BITS: u32 = 28;
/// Added to a coordinate, so that what is packed is not negative.
pub const COORDINATE_OFFSET: i64 = 1 << (COORDINATE_BITS - 1);

/// What a device reported in a slot, if anything.
pub type Report = Option<Position>;

/// Whether every coordinate is from -2^27 to 2^27 - 1 decimetres, so that it can be packed.
#[must_use]
pub fn is_packable(position: &Position) -> bool {
    [position.x, position.y, position.z]
        .map(i64::from)
        .iter()
        .all(|value| (-COORDINATE_OFFSET..COORDINATE_OFFSET).contains(value))
}

/// A report as one element: `1 + 2 (x + 2^27) + 2^29 (y + 2^27) + 2^57 (z + 2^27)`, and 0 for none.
#[must_use]
pub fn report_element(report: &Report) -> Fr {
    let Some(Position { x, y, z }) = report else {
        return Fr::from(0u64);
    };
    let weight = Fr::from(1u64 << COORDINATE_BITS);
    let packed = [x, y, z].iter().rev().fold(Fr::from(0u64), |sum, coordinate| {
        sum * weight + Fr::from(i64::from(**coordinate) + COORDINATE_OFFSET)
    });
    packed * Fr::from(2u64) + Fr::from(1u64)
}

/// `sponge("location-reports", R, the elements)`: what the ingestor attests.
#[must_use]
pub fn digest(reports: &[Report]) -> Fr {
    let mut elements = vec![Fr::from(reports.len() as u64)];
    elements.extend(reports.iter().map(report_element));
    sponge("location-reports", &elements)
}

/// A report as its device signs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedReport {
    /// Slot of the epoch.
    pub slot: u32,
    /// Where the device says it is.
    pub position: Position,
    /// Signature of [`report_message`].
    pub signature: Signature,
}

/// The message a device signs: `P_6(tag(location-report), epoch_tag, slot, x + 2^31, y + 2^31, z + 2^31)`.
#[must_use]
pub fn report_message(epoch_tag: Fr, slot: u32, position: &Position) -> Fr {
    let [x, y, z] =
        [position.x, position.y, position.z].map(|value| Fr::from(i64::from(value) + SIGNED_OFFSET));
    hash(&[tag("location-report"), epoch_tag, Fr::from(slot), x, y, z])
}

impl SignedReport {
    /// Signs a report.
    #[must_use]
    pub fn sign(session_key: &SecretKey, epoch_tag: Fr, slot: u32, position: Position) -> Self {
        let signature = session_key.sign(report_message(epoch_tag, slot, &position));
        Self {
            slot,
            position,
            signature,
        }
    }

    /// Checks the signature with the device's session key.
    ///
    /// # Errors
    /// [`EddsaError`].
    pub fn verify(&self, epoch_tag: Fr, session_key: &Point) -> Result<(), EddsaError> {
        let message = report_message(epoch_tag, self.slot, &self.position);
        verify(session_key, message, &self.signature)
    }
}

/// Why a report was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The ingestor's clock was outside the epoch or in another slot than the report's.
    #[error("received at {received_at}, not in slot {slot} of the epoch")]
    OutsideSlot {
        /// The ingestor's time, Unix seconds.
        received_at: u64,
        /// Slot in the report.
        slot: u32,
    },
    /// A coordinate does not fit the report's element.
    #[error("position {position:?}: expected decimetres from -2^27 to 2^27 - 1")]
    OutsideRange {
        /// The refused position.
        position: Position,
    },
    /// The signature does not verify: forged, damaged, or made for another epoch tag (a replay).
    #[error(transparent)]
    BadSignature(EddsaError),
    /// The slot has a report already; the first one stays.
    #[error("slot {slot} has a report already")]
    Duplicate {
        /// The slot.
        slot: u32,
    },
}

/// How many reports were refused, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refusals {
    /// [`Refusal::OutsideSlot`].
    pub outside_slot: u64,
    /// [`Refusal::OutsideRange`].
    pub outside_range: u64,
    /// [`Refusal::BadSignature`].
    pub bad_signature: u64,
    /// [`Refusal::Duplicate`].
    pub duplicate: u64,
}

/// What an ingestor publishes about a device: the reports, and the attestation of their digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The report of each slot.
    pub reports: Vec<Report>,
    /// What the ingestor signed.
    pub attestation: Attestation,
}

/// An ingestor's epoch for one device.
#[derive(Debug)]
pub struct Reception {
    epoch: Epoch,
    epoch_tag: Fr,
    index: u64,
    session_key: Point,
    reports: Vec<Report>,
    refusals: Refusals,
}

impl Reception {
    /// Starts without reports; the epoch has one slot for each.
    #[must_use]
    pub fn new(epoch: Epoch, epoch_tag: Fr, index: u64, device: &Device) -> Self {
        Self {
            epoch,
            epoch_tag,
            index,
            session_key: device.session_key,
            reports: vec![None; epoch.slots() as usize],
            refusals: Refusals::default(),
        }
    }

    /// Takes a report that arrived at `received_at` (the ingestor's clock, Unix seconds).
    ///
    /// # Errors
    /// [`Refusal`]; it is also counted in [`Self::refusals`].
    pub fn receive(&mut self, received_at: u64, report: &SignedReport) -> Result<(), Refusal> {
        self.take(received_at, report).inspect_err(|refusal| {
            let count = match refusal {
                Refusal::OutsideSlot { .. } => &mut self.refusals.outside_slot,
                Refusal::OutsideRange { .. } => &mut self.refusals.outside_range,
                Refusal::BadSignature(_) => &mut self.refusals.bad_signature,
                Refusal::Duplicate { .. } => &mut self.refusals.duplicate,
            };
            *count += 1;
        })
    }

    fn take(&mut self, received_at: u64, report: &SignedReport) -> Result<(), Refusal> {
        let &SignedReport { slot, position, .. } = report;
        let place = self
            .reports
            .get_mut(slot as usize)
            .filter(|_| self.epoch.slot_of(received_at) == Some(slot))
            .ok_or(Refusal::OutsideSlot { received_at, slot })?;
        if !is_packable(&position) {
            return Err(Refusal::OutsideRange { position });
        }
        report
            .verify(self.epoch_tag, &self.session_key)
            .map_err(Refusal::BadSignature)?;
        if place.is_some() {
            return Err(Refusal::Duplicate { slot });
        }
        *place = Some(position);
        Ok(())
    }

    /// What was refused so far.
    #[must_use]
    pub fn refusals(&self) -> Refusals {
        self.refusals
    }

    /// Signs the digest of what was received.
    #[must_use]
    pub fn attest(self, ingestor_key: &SecretKey) -> Received {
        let digest = digest(&self.reports);
        Received {
            attestation: Attestation::of_digest(
                ingestor_key,
                self.epoch_tag,
                self.index,
                INGESTOR_SEAT,
                digest,
            ),
            reports: self.reports,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::field::keccak256;
    use crate::registry::example_device;

    const HERE: Position = Position { x: 5, y: -1, z: 0 };

    #[test]
    fn elements_are_packed_as_documented() {
        let element = |x, y, z| report_element(&Some(Position { x, y, z }));
        let two = |exponent: u32| Fr::from(1u128 << exponent);
        let offset = two(27);
        let expected = |x: Fr, y: Fr, z: Fr| {
            Fr::from(1u64) + two(1) * (x + offset) + two(29) * (y + offset) + two(57) * (z + offset)
        };
        let one = Fr::from(1u64);
        assert_eq!(report_element(&None), Fr::from(0u64));
        assert_eq!(element(0, 1, -1), expected(Fr::from(0u64), one, -one));
        let [low, high] = [-(1 << 27), (1 << 27) - 1];
        assert_eq!(element(low, low, low), one);
        assert_eq!(element(high, high, high), two(85) - one);
        assert!(is_packable(&Position {
            x: low,
            y: high,
            z: 0
        }));
        for position in [
            Position { x: low - 1, ..HERE },
            Position { y: high + 1, ..HERE },
            Position { z: i32::MIN, ..HERE },
        ] {
            assert!(!is_packable(&position));
        }
    }

    #[test]
    fn the_digest_binds_every_slot_and_their_number() {
        let reports = [Some(HERE), None, Some(HERE)];
        let base = digest(&reports);
        assert_eq!(
            base,
            sponge(
                "location-reports",
                &[
                    Fr::from(3u64),
                    report_element(&reports[0]),
                    Fr::from(0u64),
                    report_element(&reports[2])
                ]
            )
        );
        assert_ne!(digest(&[Some(HERE), None, Some(HERE), None]), base);
        assert_ne!(digest(&[None, Some(HERE), Some(HERE)]), base);
    }

    #[test]
    fn an_ingestor_takes_one_valid_report_a_slot() {
        let epoch = Epoch::new(20_000, 86_400, 24).unwrap();
        let (device, key) = (
            example_device(4),
            SecretKey::from_bytes(&keccak256(&4u64.to_be_bytes())),
        );
        assert_eq!(device.session_key, key.public_key());
        let tag = Fr::from(9u64);
        let mut reception = Reception::new(epoch, tag, 4, &device);
        let report = |slot, position| SignedReport::sign(&key, tag, slot, position);
        let at = |slot: u64| epoch.start() + 3_600 * slot;
        assert_eq!(reception.receive(at(5), &report(5, HERE)), Ok(()));
        assert_eq!(
            reception.receive(at(5) + 3_599, &report(5, Position { x: 6, ..HERE })),
            Err(Refusal::Duplicate { slot: 5 })
        );
        let moved = SignedReport {
            slot: 6,
            ..report(5, HERE)
        };
        assert_eq!(
            reception.receive(at(6), &moved),
            Err(Refusal::BadSignature(EddsaError::Mismatch))
        );
        let replayed = SignedReport::sign(&key, tag + Fr::from(1u64), 6, HERE);
        assert!(matches!(
            reception.receive(at(6), &replayed),
            Err(Refusal::BadSignature(_))
        ));
        let edited = SignedReport {
            position: Position { z: 1, ..HERE },
            ..report(6, HERE)
        };
        assert!(matches!(
            reception.receive(at(6), &edited),
            Err(Refusal::BadSignature(_))
        ));
        for (received_at, slot) in [(at(7), 6), (at(24), 23), (at(0) - 1, 0), (at(23), 24)] {
            assert_eq!(
                reception.receive(received_at, &report(slot, HERE)),
                Err(Refusal::OutsideSlot { received_at, slot })
            );
        }
        let far = Position { x: 1 << 27, ..HERE };
        assert_eq!(
            reception.receive(at(6), &report(6, far)),
            Err(Refusal::OutsideRange { position: far })
        );
        assert_eq!(
            reception.refusals(),
            Refusals {
                outside_slot: 4,
                outside_range: 1,
                bad_signature: 3,
                duplicate: 1
            }
        );
        let ingestor = SecretKey::from_bytes(&[1; 32]);
        let received = reception.attest(&ingestor);
        let mut expected = vec![None; 24];
        expected[5] = Some(HERE);
        assert_eq!(received.reports, expected);
        assert_eq!(received.attestation.digest, digest(&expected));
        assert_eq!(received.attestation.verify(tag, &ingestor.public_key()), Ok(()));
        assert_eq!((received.attestation.zone, received.attestation.seat), (4, 0));
    }
}
