//! From registries and an attested receipt set to the witness of a window.
//!
//! Next: [`super::statement`], which evaluates it.

use super::selection::{ReceiptSet, Received};
use super::{Beacon, ClaimError, Parameters, ReceiptWitness, Shape, Witness};
use crate::attestation::Attestation;
use crate::eddsa::EddsaError;
use crate::field::{Fr, reduce_be_bytes};
use crate::opening::{INGESTOR_SEAT, Ingestor, OpenedDevice, absent_seat_signature};
use crate::registry::{DeviceRegistry, RegistryError, WatcherError, WatcherRegistry};

/// Why registries and a receipt set do not make a witness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssemblyError {
    /// The shape or parameters are outside their limits.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The registries have other depths than the shape, or the set has more receipts.
    #[error("{what}: expected {expected} by the shape, got {got}")]
    Shape {
        /// What differs.
        what: &'static str,
        /// Number by the shape.
        expected: usize,
        /// Number found.
        got: usize,
    },
    /// No device has the beaconer's index, or a witness's.
    #[error("no device has index {index}")]
    UnknownDevice {
        /// The index.
        index: u64,
    },
    /// The index is not in the device tree.
    #[error(transparent)]
    Devices(#[from] RegistryError),
    /// The watcher registry has no seat for the ingestor.
    #[error(transparent)]
    Watchers(#[from] WatcherError),
    /// The receipt set is of another epoch or beaconer.
    #[error("the receipt set is of another epoch or beaconer")]
    OtherWindow,
    /// The attestation names another zone or seat, or is of another digest than the set's.
    #[error("the attestation is not of this receipt set")]
    OtherSet,
    /// The drawn ingestor did not sign the attestation.
    #[error("the ingestor's attestation: {0}")]
    Signature(#[from] EddsaError),
}

/// An epoch of a network: what all windows share.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// The shape.
    pub shape: Shape,
    /// The parameters.
    pub parameters: &'a Parameters,
    /// The epoch tag.
    pub epoch_tag: Fr,
    /// The devices.
    pub devices: &'a DeviceRegistry,
    /// The watchers of this epoch.
    pub watchers: &'a WatcherRegistry,
}

impl Network<'_> {
    /// The witness of a beaconer's window: of the set that its ingestor attested, or of a void window, which
    /// pays nobody. The attestation is verified.
    ///
    /// # Errors
    /// [`AssemblyError`].
    pub fn witness(
        &self,
        beaconer: u64,
        attested: Option<(&ReceiptSet, &Attestation)>,
    ) -> Result<Witness, AssemblyError> {
        let shape = &self.shape;
        shape.validate().map_err(ClaimError::from)?;
        self.parameters.validate(shape).map_err(ClaimError::from)?;
        let receipts = attested.map_or(&[][..], |(set, _)| set.receipts());
        let device_levels = (
            "levels of the device tree",
            self.devices.levels(),
            shape.device_levels,
        );
        let seat_levels = ("levels of a seat", self.watchers.levels(), shape.seat_levels);
        for (what, got, expected) in [device_levels, seat_levels] {
            if expected != got {
                return Err(AssemblyError::Shape { what, expected, got });
            }
        }
        if receipts.len() > shape.witnesses {
            return Err(AssemblyError::Shape {
                what: "receipts",
                expected: shape.witnesses,
                got: receipts.len(),
            });
        }
        let attestation = attested.map(|(_, attestation)| attestation);
        let ingestor = Ingestor::open(self.watchers, self.epoch_tag, beaconer, attestation)?;
        if let Some((set, attestation)) = attested {
            if (set.epoch_tag(), set.beaconer()) != (self.epoch_tag, beaconer) {
                return Err(AssemblyError::OtherWindow);
            }
            let Attestation {
                zone, seat, digest, ..
            } = *attestation;
            if (zone, seat, digest) != (beaconer, INGESTOR_SEAT, set.digest()) {
                return Err(AssemblyError::OtherSet);
            }
            ingestor.attested(self.epoch_tag, beaconer, digest)?;
        }

        let mut rows = Vec::with_capacity(shape.witnesses);
        for receipt in receipts {
            rows.push(ReceiptWitness {
                present: true,
                device: self.device(receipt.index)?,
                received: receipt.received,
            });
        }
        // Registered owners are below 2^248.
        let first_free_owner = reduce_be_bytes(&[&[1][..], &[0; 31]].concat());
        let absent =
            |row: usize| ReceiptWitness::absent(first_free_owner + Fr::from(row as u64), shape.device_levels);
        rows.extend((receipts.len()..shape.witnesses).map(absent));
        let (nonce, beacon) = attested.map_or_else(void, |(set, _)| (set.nonce(), *set.beacon()));
        Ok(Witness {
            parameters: self.parameters.clone(),
            epoch_tag: self.epoch_tag,
            beaconer: self.device(beaconer)?,
            nonce,
            beacon,
            receipts: rows,
            ingestor,
        })
    }

    fn device(&self, index: u64) -> Result<OpenedDevice, AssemblyError> {
        OpenedDevice::open(self.devices, index)?.ok_or(AssemblyError::UnknownDevice { index })
    }
}

/// Nonce and beacon of a window without an ingestor.
fn void() -> (Fr, Received<Beacon>) {
    let beacon = Received {
        report: Beacon {
            frequency_hz: 0,
            power_dbm: 0,
        },
        signature: absent_seat_signature(),
        time_ms: 0,
    };
    (Fr::from(0u64), beacon)
}
