//! The rule: is a receipt accepted, and what does it earn? In plain integers (`docs/protocol.md` section 9).
//!
//! Next: [`super::statement`], which applies it to a window.

use super::Parameters;
use super::free_space::free_space_table;
use super::radio::{Beacon, Receipt};
use crate::registry::{DeviceFields, Position};

/// Why a receipt earns nothing. The first of the reasons that hold, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The ingestor had the beacon before or too long after the challenge; it counts against every receipt.
    #[error("the challenge was not fresh")]
    NotFresh,
    /// The ingestor had the receipt too long after the beacon, or after the first receipt.
    #[error("the receipt came too late")]
    TooLate,
    /// Heard at another frequency than was sent.
    #[error("the frequencies differ by too much")]
    Frequency,
    /// Farther than the largest distance.
    #[error("the witness is too far")]
    TooFar,
    /// Nearer than the smallest distance.
    #[error("the witness is too near")]
    TooNear,
    /// Stronger than a signal can arrive through empty space.
    #[error("the signal is stronger than free space permits")]
    TooStrong,
}

/// One end of a link: where the antenna stands and how it amplifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// Where it stands, each coordinate in -2^27 .. 2^27.
    pub position: Position,
    /// Antenna gain in tenths of dBi.
    pub gain_ddbi: i32,
}

impl From<&DeviceFields> for Site {
    fn from(fields: &DeviceFields) -> Self {
        Self {
            position: fields.position,
            gain_ddbi: fields.gain_ddbi,
        }
    }
}

/// When the ingestor had what, in ms since the start of the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrivals {
    /// The beacon.
    pub beacon_ms: u32,
    /// The first receipt; none if there are no receipts.
    pub first_ms: Option<u32>,
}

impl Arrivals {
    /// Of a beacon and its receipts.
    #[must_use]
    pub fn new(beacon_ms: u32, receipts_ms: impl IntoIterator<Item = u32>) -> Self {
        Self {
            beacon_ms,
            first_ms: receipts_ms.into_iter().min(),
        }
    }

    /// Is the beacon an answer to the challenge of this epoch, in time?
    ///
    /// # Errors
    /// [`Refusal::NotFresh`].
    pub fn check_fresh(&self, parameters: &Parameters) -> Result<(), Refusal> {
        match self.beacon_ms.checked_sub(parameters.start_ms) {
            Some(waited) if waited <= parameters.fresh_ms => Ok(()),
            _ => Err(Refusal::NotFresh),
        }
    }

    /// Did a receipt arrive soon after the beacon, or after the first receipt if that came before the beacon?
    ///
    /// # Errors
    /// [`Refusal::TooLate`].
    pub fn check_lag(&self, parameters: &Parameters, receipt_ms: u32) -> Result<(), Refusal> {
        let (base, limit) = match self.first_ms {
            Some(first) if first < self.beacon_ms => (first, parameters.lag_witness_ms),
            _ => (self.beacon_ms, parameters.lag_beacon_ms),
        };
        if receipt_ms.saturating_sub(base) <= limit {
            Ok(())
        } else {
            Err(Refusal::TooLate)
        }
    }
}

/// A beacon and one receipt of it, with both ends: everything of the rule that does not look at a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// What was sent.
    pub beacon: Beacon,
    /// From where.
    pub beaconer: Site,
    /// What was heard.
    pub receipt: Receipt,
    /// Where.
    pub witness: Site,
}

impl Link {
    /// Frequency, distances and free space.
    ///
    /// # Errors
    /// [`Refusal`], the first that holds.
    pub fn check(&self, parameters: &Parameters) -> Result<(), Refusal> {
        let difference = self.receipt.frequency_hz.abs_diff(self.beacon.frequency_hz);
        if difference > parameters.frequency_tolerance_hz {
            return Err(Refusal::Frequency);
        }
        let distance = self.squared_distance();
        if distance > parameters.distance_max {
            return Err(Refusal::TooFar);
        }
        if distance < parameters.distance_min {
            return Err(Refusal::TooNear);
        }
        if !within_free_space(distance, self.receipt.frequency_hz, self.loss()) {
            return Err(Refusal::TooStrong);
        }
        Ok(())
    }

    /// The squared chord between both ends in square decimetres; below 2^58 for coordinates of 28 bits.
    #[must_use]
    pub fn squared_distance(&self) -> u64 {
        let [one, other] = [self.beaconer.position, self.witness.position];
        [(one.x, other.x), (one.y, other.y), (one.z, other.z)]
            .map(|(one, other)| u64::from(one.abs_diff(other)))
            .map(|difference| difference.saturating_mul(difference))
            .iter()
            .fold(0, |sum, square| sum.saturating_add(*square))
    }

    /// K: the tenths of dB that the signal lost between the antennas,
    /// `10 (power + gain_b / 10 + gain_w / 10) - rssi`. Both divisions cut toward zero, as in the published
    /// code.
    #[must_use]
    pub fn loss(&self) -> i64 {
        let gain = |site: &Site| i64::from(site.gain_ddbi / 10);
        let sent = i64::from(self.beacon.power_dbm) + gain(&self.beaconer) + gain(&self.witness);
        10 * sent - i64::from(self.receipt.rssi_ddbm)
    }
}

/// `c2 f^2 <= V[K]`: is a loss of K tenths of dB at least that of free space? A negative K is not; one beyond
/// the table is.
#[must_use]
pub fn within_free_space(squared_distance: u64, frequency_hz: u32, loss: i64) -> bool {
    let Ok(loss) = usize::try_from(loss) else {
        return false;
    };
    let Some(bound) = free_space_table().get(loss) else {
        return true;
    };
    let square = u128::from(frequency_hz) * u128::from(frequency_hz);
    u128::from(squared_distance).saturating_mul(square) <= *bound
}
