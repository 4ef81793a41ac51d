//! Shape and parameters: what a circuit is built for, and what a network decides without a new circuit.
//!
//! Next: [`super::rule`], where the parameters are used.

use std::fmt;

use crate::field::Fr;
use crate::poseidon::sponge;
use crate::shape::{DEVICE_LEVELS, SEAT_LEVELS, ShapeError, check_levels};

/// Most reports of a device in an epoch: one every five minutes of a day.
pub const REPORTS_MAX: usize = 288;
/// Squared distances of the bands are below 2 to this.
pub const BAND_BITS: u32 = 45;
/// A full weight, in percent.
pub const WEIGHT_ONE: u32 = 100;

/// The parameters of a circuit: each combination has its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Reports of the device, one a slot, R: 1 to 288.
    pub reports: usize,
    /// Levels of the device tree, D: 1 to 8.
    pub device_levels: usize,
    /// Levels of a seat's subtree, L: 1 to 6.
    pub seat_levels: usize,
}

impl Shape {
    /// A shape with the usual depths ([`DEVICE_LEVELS`], [`SEAT_LEVELS`]).
    #[must_use]
    pub fn new(reports: usize) -> Self {
        Self {
            reports,
            device_levels: DEVICE_LEVELS,
            seat_levels: SEAT_LEVELS,
        }
    }

    /// Checks every limit.
    ///
    /// # Errors
    /// [`ShapeError`] naming the first field that breaks its limit.
    pub fn validate(&self) -> Result<(), ShapeError> {
        if !(1..=REPORTS_MAX).contains(&self.reports) {
            return Err(ShapeError {
                field: "reports",
                expected: "1 to 288",
                got: self.reports,
            });
        }
        check_levels(self.device_levels, self.seat_levels)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R={}", self.reports)?;
        if (self.device_levels, self.seat_levels) == (DEVICE_LEVELS, SEAT_LEVELS) {
            return Ok(());
        }
        write!(f, " D={} L={}", self.device_levels, self.seat_levels)
    }
}

/// The parameters of a rule, bound by `params_hash`. Plain data: [`Parameters::validate`] says whether they
/// are within the limits for a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// Fewest reports for a score, n_min: 1 to R.
    pub reports_min: u32,
    /// Largest squared distance of the near band in square decimetres, B1: at most B2.
    pub near_limit: u64,
    /// Largest squared distance of the far band in square decimetres, B2: below 2^45.
    pub far_limit: u64,
    /// Weight of a report in the near band in percent, m1: at most 100.
    pub near_weight: u32,
    /// Weight of a report in the far band in percent, m2: at most m1.
    pub far_weight: u32,
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
    /// Checks every limit of the table, for a shape that is valid itself.
    ///
    /// # Errors
    /// [`ParameterError`] naming the first field that breaks its limit.
    pub fn validate(&self, shape: &Shape) -> Result<(), ParameterError> {
        let refuse = |field, got, expected: String| Err(ParameterError { field, expected, got });
        let &Self {
            reports_min,
            near_limit,
            far_limit,
            near_weight,
            far_weight,
        } = self;
        if !(1..=shape.reports).contains(&(reports_min as usize)) {
            return refuse(
                "reports_min",
                reports_min.into(),
                format!("1 to {}", shape.reports),
            );
        }
        if far_limit >> BAND_BITS != 0 {
            return refuse("far_limit", far_limit, "0 to 2^45 - 1".to_owned());
        }
        if near_limit > far_limit {
            return refuse(
                "near_limit",
                near_limit,
                format!("at most {far_limit}, the far limit"),
            );
        }
        if near_weight > WEIGHT_ONE {
            return refuse("near_weight", near_weight.into(), "0 to 100".to_owned());
        }
        if far_weight > near_weight {
            let expected = format!("at most {near_weight}, the near weight");
            return refuse("far_weight", far_weight.into(), expected);
        }
        Ok(())
    }

    /// The six fields in the order in which they are hashed.
    #[must_use]
    pub fn fields(&self, shape: &Shape) -> [Fr; 6] {
        [
            Fr::from(shape.reports as u64),
            Fr::from(self.reports_min),
            Fr::from(self.near_limit),
            Fr::from(self.far_limit),
            Fr::from(self.near_weight),
            Fr::from(self.far_weight),
        ]
    }

    /// `params_hash = sponge("location-parameters", the six fields)`.
    #[must_use]
    pub fn hash(&self, shape: &Shape) -> Fr {
        sponge("location-parameters", &self.fields(shape))
    }
}

/// Published rules of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preset {
    /// Helium Mobile's location trust as last published in code: full weight to 300 m, a quarter to 400 m
    /// (distances rounded to metres), from 12 of 24 hourly heartbeats on.
    HeliumMobile,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 1] = [Self::HeliumMobile];

    /// The name in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HeliumMobile => "helium-mobile-location",
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
        let reports = u32::try_from(shape.reports).unwrap_or(u32::MAX);
        match self {
            // 300.5 m and 400.5 m are where the rounded distance passes 300 m and 400 m.
            Self::HeliumMobile => Parameters {
                reports_min: reports.div_ceil(2),
                near_limit: 3_005 * 3_005,
                far_limit: 4_005 * 4_005,
                near_weight: WEIGHT_ONE,
                far_weight: 25,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn refused_shape(change: impl FnOnce(&mut Shape)) -> (&'static str, usize) {
        let mut shape = Shape::new(24);
        change(&mut shape);
        let error = shape.validate().unwrap_err();
        (error.field, error.got)
    }

    #[test]
    fn shapes() {
        assert!(
            [1, 24, 288]
                .iter()
                .all(|reports| Shape::new(*reports).validate() == Ok(()))
        );
        assert_eq!(refused_shape(|s| s.reports = 0), ("reports", 0));
        assert_eq!(refused_shape(|s| s.reports = 289), ("reports", 289));
        assert_eq!(refused_shape(|s| s.device_levels = 0), ("device_levels", 0));
        assert_eq!(refused_shape(|s| s.device_levels = 9), ("device_levels", 9));
        assert_eq!(refused_shape(|s| s.seat_levels = 0), ("seat_levels", 0));
        assert_eq!(refused_shape(|s| s.seat_levels = 7), ("seat_levels", 7));
        assert_eq!(Shape::new(24).to_string(), "R=24");
        let shallow = Shape {
            device_levels: 2,
            ..Shape::new(6)
        };
        assert_eq!(shallow.to_string(), "R=6 D=2 L=3");
    }

    #[test]
    fn every_limit_of_the_parameters() {
        let shape = Shape::new(24);
        let good = Preset::HeliumMobile.parameters(&shape);
        let refused = |change: fn(&mut Parameters)| {
            let mut parameters = good;
            change(&mut parameters);
            let error = parameters.validate(&shape).unwrap_err();
            (error.field, error.got)
        };
        assert_eq!(refused(|p| p.reports_min = 0), ("reports_min", 0));
        assert_eq!(refused(|p| p.reports_min = 25), ("reports_min", 25));
        assert_eq!(refused(|p| p.far_limit = 1 << 45), ("far_limit", 1 << 45));
        assert_eq!(
            refused(|p| p.near_limit = 4_005 * 4_005 + 1),
            ("near_limit", 4_005 * 4_005 + 1)
        );
        assert_eq!(refused(|p| p.near_weight = 101), ("near_weight", 101));
        assert_eq!(refused(|p| p.far_weight = 101), ("far_weight", 101));
        let extreme = Parameters {
            reports_min: 24,
            near_limit: (1 << 45) - 1,
            far_limit: (1 << 45) - 1,
            near_weight: 100,
            far_weight: 100,
        };
        assert_eq!(extreme.validate(&shape), Ok(()));
        let nothing = Parameters {
            reports_min: 1,
            near_limit: 0,
            far_limit: 0,
            near_weight: 0,
            far_weight: 0,
        };
        assert_eq!(nothing.validate(&shape), Ok(()));
    }

    #[test]
    fn presets_are_valid_and_named() {
        for reports in [1, 2, 24, 288] {
            let shape = Shape::new(reports);
            for preset in Preset::ALL {
                assert_eq!(preset.parameters(&shape).validate(&shape), Ok(()));
                assert_eq!(Preset::from_name(preset.name()), Some(preset));
            }
        }
        assert_eq!(Preset::HeliumMobile.parameters(&Shape::new(24)).reports_min, 12);
        assert_eq!(Preset::from_name("helium-mobile"), None);
    }

    #[test]
    fn the_hash_binds_every_field() {
        let shape = Shape::new(24);
        let parameters = Preset::HeliumMobile.parameters(&shape);
        let hash = parameters.hash(&shape);
        assert_ne!(parameters.hash(&Shape::new(25)), hash);
        let changes: [fn(&mut Parameters); 5] = [
            |p| p.reports_min += 1,
            |p| p.near_limit += 1,
            |p| p.far_limit += 1,
            |p| p.near_weight -= 1,
            |p| p.far_weight += 1,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = parameters;
            change(&mut changed);
            assert_ne!(changed.hash(&shape), hash, "change {number}");
        }
    }
}
