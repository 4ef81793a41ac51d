//! What the shapes of all claims share: the depths of the registry's trees, and the error.
//!
//! Depends on [`crate::registry`]. Next: [`crate::uptime::Shape`], [`crate::location::Shape`].

use crate::registry::SEAT_LEVELS_MAX;

/// Levels of the device tree unless stated otherwise: 2^20 devices.
pub const DEVICE_LEVELS: usize = 5;
/// Levels of a seat unless stated otherwise: 4,096 leaves.
pub const SEAT_LEVELS: usize = 3;
/// Most levels of the device tree: registry indices stay below 2^32.
pub const DEVICE_LEVELS_MAX: usize = 8;

/// A number of a shape is outside its limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("shape, `{field}`: expected {expected}, got {got}")]
pub struct ShapeError {
    /// Name of the field, as in the claim's `Shape`.
    pub field: &'static str,
    /// The limit.
    pub expected: &'static str,
    /// The refused number.
    pub got: usize,
}

/// Checks the depths of a claim that opens single devices.
///
/// # Errors
/// [`ShapeError`] for `device_levels` or `seat_levels`.
pub fn check_levels(device_levels: usize, seat_levels: usize) -> Result<(), ShapeError> {
    let refuse = |field, expected, got| Err(ShapeError { field, expected, got });
    if !(1..=DEVICE_LEVELS_MAX).contains(&device_levels) {
        return refuse("device_levels", "1 to 8", device_levels);
    }
    check_seat_levels(seat_levels)
}

/// Checks the depth of a seat.
///
/// # Errors
/// [`ShapeError`] for `seat_levels`.
pub fn check_seat_levels(seat_levels: usize) -> Result<(), ShapeError> {
    if (1..=SEAT_LEVELS_MAX).contains(&seat_levels) {
        return Ok(());
    }
    Err(ShapeError {
        field: "seat_levels",
        expected: "1 to 6",
        got: seat_levels,
    })
}
