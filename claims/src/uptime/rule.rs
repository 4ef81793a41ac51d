//! The rule: from the watchers' bits to a score, in plain integers (`docs/protocol.md` section 4).
//!
//! Next: [`super::statement`], which applies it to a zone.

use super::{Parameters, PolicyKind, Shape};
use crate::attestation::Bitmap;

pub use crate::statement::SCORE_ONE;

/// `a_s` for every slot: did at least `quorum` of the watchers hear the device (position in the zone)?
///
/// # Panics
/// For a device outside one of the bitmaps, as [`Bitmap::bit`].
#[must_use]
pub fn agreed_slots<'a>(
    bitmaps: impl IntoIterator<Item = &'a Bitmap>,
    device: usize,
    slots: usize,
    quorum: u32,
) -> Vec<bool> {
    let mut votes = vec![0u32; slots];
    for bitmap in bitmaps {
        for (votes, heard) in votes.iter_mut().zip(bitmap.device(device)) {
            *votes += u32::from(*heard);
        }
    }
    votes.into_iter().map(|votes| votes >= quorum).collect()
}

/// `T`: the slots that count.
#[must_use]
pub fn up_slots(agreed: &[bool]) -> u32 {
    agreed.iter().map(|agreed| u32::from(*agreed)).sum()
}

/// The longest run of slots that do not count; runs at both ends count, there is no wrap-around.
#[must_use]
pub fn longest_outage(agreed: &[bool]) -> u32 {
    agreed
        .iter()
        .scan(0u32, |run, agreed| {
            *run = if *agreed { 0 } else { *run + 1 };
            Some(*run)
        })
        .max()
        .unwrap_or(0)
}

/// The score in parts per million, rounded down, for parameters that [`Parameters::validate`] accepts. (For
/// others the result is some number up to 10^6 without a meaning.)
#[must_use]
pub fn score(parameters: &Parameters, shape: &Shape, up_slots: u32, longest_outage: u32) -> u32 {
    if shape.outage_rule && longest_outage > parameters.outage_limit {
        return 0;
    }
    let [length, slope, offset, grace] = [
        parameters.epoch_seconds,
        parameters.slope,
        parameters.offset,
        parameters.grace_seconds,
    ]
    .map(i128::from);
    let slot_seconds = length.checked_div(shape.slots as i128).unwrap_or(0);
    let credited = length.min(i128::from(up_slots) * slot_seconds + grace);
    let value = slope * credited - offset * length;
    let positive = value.max(0);
    let (numerator, divisor) = match parameters.policy {
        PolicyKind::Threshold => (i128::from(value >= 0), 1),
        PolicyKind::Linear => (positive, length),
        PolicyKind::Quadratic => (positive.saturating_mul(positive), length * length),
    };
    let one = i128::from(SCORE_ONE);
    let score = numerator
        .saturating_mul(one)
        .checked_div(divisor)
        .unwrap_or(0)
        .clamp(0, one);
    u32::try_from(score).unwrap_or(SCORE_ONE)
}
