//! The shape of a vote: that of U1 as far as one seat knows it.

use std::fmt;

use crate::attestation::{devices_per_leaf, elements_per_leaf};
use crate::shape::{DEVICE_LEVELS_MAX, SEAT_LEVELS, ShapeError};
use crate::uptime;

/// Words before the elements of the bitmap: seat, digest, R8x, R8y, S.
pub const HEAD_WORDS: usize = 5;

/// The parameters of a circuit: each combination has its own keys. Depth of the device tree and outage rule of U1
/// do not matter to a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Devices of a zone, N: 1, 16, 256 or 4,096.
    pub devices: usize,
    /// Watchers of a zone, W: 1 to 10.
    pub watchers: usize,
    /// Slots of an epoch, S: 1 to 3,528.
    pub slots: usize,
    /// Levels of a seat's subtree, L: 1 to 6.
    pub seat_levels: usize,
}

impl Shape {
    /// A shape with the usual depth of a seat ([`SEAT_LEVELS`]).
    #[must_use]
    pub fn new(devices: usize, watchers: usize, slots: usize) -> Self {
        Self::of(&uptime::Shape::new(devices, watchers, slots))
    }

    /// The shape of the votes of a shape of U1.
    #[must_use]
    pub fn of(shape: &uptime::Shape) -> Self {
        let &uptime::Shape {
            devices,
            watchers,
            slots,
            seat_levels,
            ..
        } = shape;
        Self {
            devices,
            watchers,
            slots,
            seat_levels,
        }
    }

    /// A shape of U1 whose votes have this shape.
    #[must_use]
    pub fn uptime(&self) -> uptime::Shape {
        let &Self {
            devices,
            watchers,
            slots,
            seat_levels,
        } = self;
        uptime::Shape {
            devices,
            watchers,
            slots,
            device_levels: DEVICE_LEVELS_MAX,
            seat_levels,
            outage_rule: false,
        }
    }

    /// Checks every limit.
    ///
    /// # Errors
    /// [`ShapeError`] naming the first field that breaks its limit.
    pub fn validate(&self) -> Result<(), ShapeError> {
        self.uptime().validate()
    }

    /// Words of a published vote, of a shape that is valid.
    #[must_use]
    pub fn words(&self) -> usize {
        let leaves = self.devices / devices_per_leaf(self.devices, self.slots);
        HEAD_WORDS + leaves * elements_per_leaf(self.devices, self.slots)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "N={} W={} S={}", self.devices, self.watchers, self.slots)?;
        match self.seat_levels {
            SEAT_LEVELS => Ok(()),
            levels => write!(f, " L={levels}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_checked_as_that_of_u1() {
        let shape = Shape::new(256, 8, 144);
        assert_eq!(shape.validate(), Ok(()));
        assert_eq!(Shape::of(&shape.uptime()), shape);
        let changed = [
            (Shape { devices: 32, ..shape }, "devices"),
            (
                Shape {
                    watchers: 11,
                    ..shape
                },
                "watchers",
            ),
            (
                Shape {
                    slots: 3_529,
                    ..shape
                },
                "slots",
            ),
            (
                Shape {
                    seat_levels: 0,
                    ..shape
                },
                "seat_levels",
            ),
        ];
        for (changed, field) in changed {
            assert_eq!(changed.validate().map_err(|error| error.field), Err(field));
        }
    }

    #[test]
    fn words_and_names() {
        for (devices, slots, words) in [
            (1, 1, 6),
            (16, 144, 15),
            (256, 144, 165),
            (256, 1_440, 5 + 128 * 12),
        ] {
            assert_eq!(Shape::new(devices, 8, slots).words(), words);
        }
        let shape = Shape::new(16, 8, 144);
        assert_eq!(shape.to_string(), "N=16 W=8 S=144");
        let shallow = Shape {
            seat_levels: 1,
            ..shape
        };
        assert_eq!(shallow.to_string(), "N=16 W=8 S=144 L=1");
    }
}
