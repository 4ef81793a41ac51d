//! From registries and what an ingestor published to the witness of a device.
//!
//! Next: [`super::statement`], which evaluates it.

use super::reports::digest;
use super::{ClaimError, Parameters, Received, Shape, Witness};
use crate::attestation::Attestation;
use crate::eddsa::EddsaError;
use crate::field::Fr;
use crate::opening::{INGESTOR_SEAT, Ingestor, OpenedDevice};
use crate::registry::{DeviceRegistry, RegistryError, WatcherError, WatcherRegistry};

/// Why registries and reports do not make a witness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssemblyError {
    /// The shape or parameters are outside their limits.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The registries have other depths than the shape, or there is not one report (or none) a slot.
    #[error("{what}: expected {expected} by the shape, got {got}")]
    Shape {
        /// What differs.
        what: &'static str,
        /// Number by the shape.
        expected: usize,
        /// Number found.
        got: usize,
    },
    /// The index is outside the device tree.
    #[error(transparent)]
    Devices(#[from] RegistryError),
    /// No device is registered there.
    #[error("no device has index {index}")]
    NoSuchDevice {
        /// The index.
        index: u64,
    },
    /// The watcher registry has no seat for the ingestor.
    #[error(transparent)]
    Watchers(#[from] WatcherError),
    /// The attestation is for another device or seat.
    #[error("the attestation is for zone {zone}, seat {seat}")]
    WrongZone {
        /// Zone in the attestation.
        zone: u64,
        /// Seat in the attestation.
        seat: usize,
    },
    /// The attested digest is not the digest of the reports.
    #[error("the attested digest is not the digest of the reports")]
    Digest,
    /// The drawn ingestor did not sign the attestation.
    #[error("the drawn ingestor's attestation: {0}")]
    Signature(#[from] EddsaError),
}

/// An epoch of a network: what all devices share.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// The shape.
    pub shape: Shape,
    /// The parameters.
    pub parameters: Parameters,
    /// The epoch tag.
    pub epoch_tag: Fr,
    /// The devices.
    pub devices: &'a DeviceRegistry,
    /// The watchers of this epoch.
    pub watchers: &'a WatcherRegistry,
}

impl Network<'_> {
    /// The witness of a device from what its ingestor published, `None` where that is missing or void. The
    /// attestation is verified.
    ///
    /// # Errors
    /// [`AssemblyError`].
    pub fn witness(&self, index: u64, received: Option<&Received>) -> Result<Witness, AssemblyError> {
        let shape = &self.shape;
        shape.validate().map_err(ClaimError::from)?;
        self.parameters.validate(shape).map_err(ClaimError::from)?;
        for (what, expected, got) in [
            (
                "levels of the device tree",
                shape.device_levels,
                self.devices.levels(),
            ),
            ("levels of a seat", shape.seat_levels, self.watchers.levels()),
            (
                "reports",
                shape.reports,
                received.map_or(shape.reports, |received| received.reports.len()),
            ),
        ] {
            if expected != got {
                return Err(AssemblyError::Shape { what, expected, got });
            }
        }
        let device = OpenedDevice::open(self.devices, index)?.ok_or(AssemblyError::NoSuchDevice { index })?;
        let attestation = received.map(|received| &received.attestation);
        let ingestor = Ingestor::open(self.watchers, self.epoch_tag, index, attestation)?;
        if let Some(Received { reports, attestation }) = received {
            let &Attestation { zone, seat, .. } = attestation;
            if (zone, seat) != (index, INGESTOR_SEAT) {
                return Err(AssemblyError::WrongZone { zone, seat });
            }
            if attestation.digest != digest(reports) {
                return Err(AssemblyError::Digest);
            }
            attestation.verify(self.epoch_tag, &ingestor.seat.key)?;
        }
        Ok(Witness {
            parameters: self.parameters,
            epoch_tag: self.epoch_tag,
            device,
            reports: received.map_or_else(|| vec![None; shape.reports], |received| received.reports.clone()),
            ingestor,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::location::statement::tests::{Fixture, INDEX};

    fn refused(change: impl FnOnce(&mut Fixture)) -> AssemblyError {
        let mut fixture = Fixture::new();
        change(&mut fixture);
        fixture
            .network()
            .witness(INDEX, fixture.received.as_ref())
            .unwrap_err()
    }

    fn received(fixture: &mut Fixture) -> &mut Received {
        fixture.received.as_mut().unwrap()
    }

    #[test]
    fn what_does_not_fit_the_shape_is_refused() {
        let shape = |error| match error {
            AssemblyError::Shape { what, .. } => what,
            error => panic!("{error}"),
        };
        assert_eq!(
            shape(refused(|f| f.shape.device_levels = 3)),
            "levels of the device tree"
        );
        assert_eq!(shape(refused(|f| f.shape.seat_levels = 2)), "levels of a seat");
        assert_eq!(shape(refused(|f| received(f).reports.truncate(9))), "reports");
        assert!(matches!(
            refused(|f| f.shape.reports = 0),
            AssemblyError::Claim(ClaimError::Shape(_))
        ));
        assert!(matches!(
            refused(|f| f.parameters.reports_min = 0),
            AssemblyError::Claim(ClaimError::Parameters(_))
        ));
        let fixture = Fixture::new();
        let missing = fixture.network().witness(18, None);
        assert_eq!(missing, Err(AssemblyError::NoSuchDevice { index: 18 }));
        let outside = fixture.network().witness(256, None);
        assert!(matches!(
            outside,
            Err(AssemblyError::Devices(RegistryError::Tree(_)))
        ));
    }

    #[test]
    fn attestations_are_verified() {
        assert_eq!(
            refused(|f| received(f).attestation.zone = 2),
            AssemblyError::WrongZone { zone: 2, seat: 0 }
        );
        assert_eq!(
            refused(|f| received(f).attestation.seat = 1),
            AssemblyError::WrongZone { zone: INDEX, seat: 1 }
        );
        assert_eq!(refused(|f| received(f).reports[0] = None), AssemblyError::Digest);
        let replayed = refused(|f| f.epoch_tag += Fr::from(1u64));
        assert!(matches!(replayed, AssemblyError::Signature(_)));
    }
}
