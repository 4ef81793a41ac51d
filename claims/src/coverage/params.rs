//! Shape and parameters: what a circuit is built for, and what a network decides without a new circuit.
//!
//! Next: [`super::rule`], where the parameters are used.

use std::fmt;

use super::radio::{FREQUENCY_BITS, TIME_BITS};
use crate::field::Fr;
use crate::poseidon::sponge;
use crate::shape::{DEVICE_LEVELS, SEAT_LEVELS, ShapeError, check_levels};

/// Most witnesses of a beacon.
pub const WITNESSES_MAX: usize = 14;
/// Bits of a squared distance in square decimetres that can still be near enough: up to 104 km.
pub const DISTANCE_BITS: u32 = 40;
/// Bits of a reward unit.
pub const UNIT_BITS: u32 = 15;

/// The parameters of a circuit: each combination has its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Witnesses of a beacon at most, M: 1 to 14.
    pub witnesses: usize,
    /// Levels of the device tree, D: 1 to 8.
    pub device_levels: usize,
    /// Levels of a seat's subtree, L: 1 to 6.
    pub seat_levels: usize,
}

impl Shape {
    /// A shape with the usual depths ([`DEVICE_LEVELS`], [`SEAT_LEVELS`]).
    #[must_use]
    pub fn new(witnesses: usize) -> Self {
        Self {
            witnesses,
            device_levels: DEVICE_LEVELS,
            seat_levels: SEAT_LEVELS,
        }
    }

    /// Checks every limit.
    ///
    /// # Errors
    /// [`ShapeError`] naming the first field that breaks its limit.
    pub fn validate(&self) -> Result<(), ShapeError> {
        if !(1..=WITNESSES_MAX).contains(&self.witnesses) {
            return Err(ShapeError {
                field: "witnesses",
                expected: "1 to 14",
                got: self.witnesses,
            });
        }
        check_levels(self.device_levels, self.seat_levels)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "M={}", self.witnesses)?;
        if (self.device_levels, self.seat_levels) != (DEVICE_LEVELS, SEAT_LEVELS) {
            write!(f, " D={} L={}", self.device_levels, self.seat_levels)?;
        }
        Ok(())
    }
}

/// The parameters of a rule, bound by `params_hash`. Plain data: [`Parameters::validate`] says whether they
/// are within the limits for a shape.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// When the challenge may be answered from, in ms since the start of the epoch, tau: below 2^27.
    pub start_ms: u32,
    /// How long the challenge is fresh, in ms: below 2^27.
    pub fresh_ms: u32,
    /// Latest receipt after the beacon, if the ingestor had the beacon first, in ms: below 2^27.
    pub lag_beacon_ms: u32,
    /// Latest receipt after the first one, if the ingestor had that before the beacon, in ms: below 2^27.
    pub lag_witness_ms: u32,
    /// Largest difference of frequencies in Hz: below 2^30.
    pub frequency_tolerance_hz: u32,
    /// Largest squared distance in square decimetres: below 2^40.
    pub distance_max: u64,
    /// Smallest squared distance in square decimetres: below 2^40.
    pub distance_min: u64,
    /// What the beaconer earns with n accepted witnesses, n from 0 to M, x 1e4: below 2^15, 0 for n = 0.
    pub beaconer_units: Vec<u32>,
    /// What each accepted witness earns when n are accepted, as above.
    pub witness_units: Vec<u32>,
}

/// A parameter is outside its limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parameter `{field}`: expected {expected}, got {got}")]
pub struct ParameterError {
    /// Name of the field, as in [`Parameters`].
    pub field: &'static str,
    /// The limit, with the numbers of the shape.
    pub expected: String,
    /// The refused number.
    pub got: u64,
}

impl Parameters {
    /// Checks every limit, for a shape that is valid itself.
    ///
    /// # Errors
    /// [`ParameterError`] naming the first field that breaks its limit.
    pub fn validate(&self, shape: &Shape) -> Result<(), ParameterError> {
        let refuse = |field, got, expected: String| Err(ParameterError { field, expected, got });
        let bounded = [
            ("start_ms", self.start_ms.into(), TIME_BITS),
            ("fresh_ms", self.fresh_ms.into(), TIME_BITS),
            ("lag_beacon_ms", self.lag_beacon_ms.into(), TIME_BITS),
            ("lag_witness_ms", self.lag_witness_ms.into(), TIME_BITS),
            (
                "frequency_tolerance_hz",
                self.frequency_tolerance_hz.into(),
                FREQUENCY_BITS,
            ),
            ("distance_max", self.distance_max, DISTANCE_BITS),
            ("distance_min", self.distance_min, DISTANCE_BITS),
        ];
        for (field, got, bits) in bounded {
            if got >> bits != 0 {
                return refuse(field, got, format!("0 to 2^{bits} - 1"));
            }
        }
        for (field, units) in [
            ("beaconer_units", &self.beaconer_units),
            ("witness_units", &self.witness_units),
        ] {
            let entries = shape.witnesses + 1;
            if units.len() != entries {
                let expected = format!("{entries} entries, one for each number of witnesses");
                return refuse(field, units.len() as u64, expected);
            }
            for (number, unit) in units.iter().enumerate() {
                if number == 0 && *unit != 0 {
                    return refuse(field, (*unit).into(), "0 without a witness".to_owned());
                }
                if unit >> UNIT_BITS != 0 {
                    return refuse(field, (*unit).into(), format!("0 to 2^{UNIT_BITS} - 1"));
                }
            }
        }
        Ok(())
    }

    /// The ten fields in the order in which they are hashed; a table of units is one of them.
    #[must_use]
    pub fn fields(&self, shape: &Shape) -> [Fr; 10] {
        [
            Fr::from(shape.witnesses as u64),
            Fr::from(self.start_ms),
            Fr::from(self.fresh_ms),
            Fr::from(self.lag_beacon_ms),
            Fr::from(self.lag_witness_ms),
            Fr::from(self.frequency_tolerance_hz),
            Fr::from(self.distance_max),
            Fr::from(self.distance_min),
            pack_units(&self.beaconer_units),
            pack_units(&self.witness_units),
        ]
    }

    /// `params_hash = sponge("coverage-parameters", the ten fields)`.
    #[must_use]
    pub fn hash(&self, shape: &Shape) -> Fr {
        sponge("coverage-parameters", &self.fields(shape))
    }
}

/// The units of a table in one element, 15 bits each, n = 0 lowest.
fn pack_units(units: &[u32]) -> Fr {
    let weight = Fr::from(1u64 << UNIT_BITS);
    units
        .iter()
        .rev()
        .fold(Fr::from(0u64), |sum, unit| sum * weight + Fr::from(*unit))
}

/// Published rules of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preset {
    /// Helium IoT as it was last live in May 2026.
    HeliumIot,
}

/// Reward units x 1e4 by the number of accepted witnesses: a quarter for each of four, then 0.8 of what the one
/// before added; the witnesses share what is left of five units, at most one each.
const HELIUM_BEACONER_UNITS: [u32; WITNESSES_MAX + 1] = [
    0, 2_500, 5_000, 7_500, 10_000, 12_000, 13_600, 14_880, 15_904, 16_723, 17_379, 17_903, 18_322, 18_658,
    18_926,
];
const HELIUM_WITNESS_UNITS: [u32; WITNESSES_MAX + 1] = [
    0, 10_000, 10_000, 10_000, 10_000, 7_600, 6_067, 5_017, 4_262, 3_697, 3_262, 2_918, 2_640, 2_411, 2_220,
];

impl Preset {
    /// All presets.
    pub const ALL: [Self; 1] = [Self::HeliumIot];

    /// The name in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HeliumIot => "helium-iot-2026-05",
        }
    }

    /// The preset of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The parameters for a shape.
    #[must_use]
    pub fn parameters(self, shape: &Shape) -> Parameters {
        let entries = (shape.witnesses + 1).min(WITNESSES_MAX + 1);
        match self {
            Self::HeliumIot => Parameters {
                start_ms: 0,
                fresh_ms: 180_000,
                lag_beacon_ms: 4_000,
                lag_witness_ms: 1_500,
                frequency_tolerance_hz: 100_000,
                // The published rule refuses what rounds to more than 100 km of whole metres: 100,999.5 m. This is the chord
                // of that arc on the sphere of 6,371,007.18 m.
                distance_max: 1_020_068_536_357,
                // 400 m. The network counted eight cells, 253 to 438 m between centres: a deviation.
                distance_min: 16_000_000,
                beaconer_units: HELIUM_BEACONER_UNITS[..entries].to_vec(),
                witness_units: HELIUM_WITNESS_UNITS[..entries].to_vec(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn shapes() {
        let refused = |change: fn(&mut Shape)| {
            let mut shape = Shape::new(14);
            change(&mut shape);
            let error = shape.validate().unwrap_err();
            (error.field, error.got)
        };
        assert_eq!(Shape::new(1).validate(), Ok(()));
        assert_eq!(Shape::new(14).validate(), Ok(()));
        assert_eq!(refused(|s| s.witnesses = 0), ("witnesses", 0));
        assert_eq!(refused(|s| s.witnesses = 15), ("witnesses", 15));
        assert_eq!(refused(|s| s.device_levels = 0), ("device_levels", 0));
        assert_eq!(refused(|s| s.device_levels = 9), ("device_levels", 9));
        assert_eq!(refused(|s| s.seat_levels = 0), ("seat_levels", 0));
        assert_eq!(refused(|s| s.seat_levels = 7), ("seat_levels", 7));
        assert_eq!(Shape::new(14).to_string(), "M=14");
        let shallow = Shape {
            device_levels: 1,
            seat_levels: 2,
            ..Shape::new(2)
        };
        assert_eq!(shallow.to_string(), "M=2 D=1 L=2");
    }

    fn refused(change: impl FnOnce(&mut Parameters)) -> (&'static str, u64) {
        let shape = Shape::new(14);
        let mut parameters = Preset::HeliumIot.parameters(&shape);
        change(&mut parameters);
        let error = parameters.validate(&shape).unwrap_err();
        (error.field, error.got)
    }

    #[test]
    fn every_limit_of_the_parameters() {
        let time = 1 << 27;
        let ms = u64::from(time);
        assert_eq!(refused(|p| p.start_ms = time), ("start_ms", ms));
        assert_eq!(refused(|p| p.fresh_ms = time), ("fresh_ms", ms));
        assert_eq!(refused(|p| p.lag_beacon_ms = time), ("lag_beacon_ms", ms));
        assert_eq!(refused(|p| p.lag_witness_ms = time), ("lag_witness_ms", ms));
        assert_eq!(
            refused(|p| p.frequency_tolerance_hz = 1 << 30),
            ("frequency_tolerance_hz", 1 << 30)
        );
        assert_eq!(refused(|p| p.distance_max = 1 << 40), ("distance_max", 1 << 40));
        assert_eq!(refused(|p| p.distance_min = 1 << 40), ("distance_min", 1 << 40));
        assert_eq!(
            refused(|p| p.beaconer_units[14] = 1 << 15),
            ("beaconer_units", 1 << 15)
        );
        assert_eq!(
            refused(|p| p.witness_units[1] = 1 << 15),
            ("witness_units", 1 << 15)
        );
        assert_eq!(refused(|p| p.beaconer_units[0] = 1), ("beaconer_units", 1));
        assert_eq!(refused(|p| p.witness_units[0] = 2), ("witness_units", 2));
        assert_eq!(refused(|p| p.witness_units.push(1)), ("witness_units", 16));
        assert_eq!(refused(|p| p.beaconer_units.truncate(3)), ("beaconer_units", 3));
    }

    #[test]
    fn limits_are_inclusive() {
        let shape = Shape::new(2);
        let parameters = Parameters {
            start_ms: (1 << 27) - 1,
            fresh_ms: (1 << 27) - 1,
            lag_beacon_ms: (1 << 27) - 1,
            lag_witness_ms: (1 << 27) - 1,
            frequency_tolerance_hz: (1 << 30) - 1,
            distance_max: (1 << 40) - 1,
            distance_min: (1 << 40) - 1,
            beaconer_units: vec![0, 32_767, 32_767],
            witness_units: vec![0, 32_767, 0],
        };
        assert_eq!(parameters.validate(&shape), Ok(()));
    }

    #[test]
    fn the_preset_is_valid_at_every_size_and_named() {
        for witnesses in 1..=WITNESSES_MAX {
            let shape = Shape::new(witnesses);
            for preset in Preset::ALL {
                assert_eq!(preset.parameters(&shape).validate(&shape), Ok(()));
                assert_eq!(Preset::from_name(preset.name()), Some(preset));
            }
        }
        assert_eq!(Preset::from_name("helium"), None);
    }

    #[test]
    fn the_hash_binds_every_field() {
        let shape = Shape::new(14);
        let parameters = Preset::HeliumIot.parameters(&shape);
        let hash = parameters.hash(&shape);
        let mut smaller = shape;
        smaller.witnesses = 13;
        assert_ne!(parameters.hash(&smaller), hash);
        let changes: [fn(&mut Parameters); 11] = [
            |p| p.start_ms = 1,
            |p| p.fresh_ms = 1,
            |p| p.lag_beacon_ms = 1,
            |p| p.lag_witness_ms = 1,
            |p| p.frequency_tolerance_hz = 1,
            |p| p.distance_max = 1,
            |p| p.distance_min = 1,
            |p| p.beaconer_units[1] = 1,
            |p| p.beaconer_units[14] = 1,
            |p| p.witness_units[1] = 1,
            |p| std::mem::swap(&mut p.beaconer_units, &mut p.witness_units),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = parameters.clone();
            change(&mut changed);
            assert_ne!(changed.hash(&shape), hash, "change {number}");
        }
    }

    #[test]
    fn units_are_packed_lowest_first() {
        assert_eq!(pack_units(&[0, 1, 2]), Fr::from((1u64 << 15) + (2 << 30)));
    }
}
