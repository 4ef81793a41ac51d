//! Shape and parameters: what a circuit is built for, and what a network decides without a new circuit.
//!
//! Next: [`super::rule`], where the parameters are used.

use std::fmt;

use crate::attestation::SLOTS_MAX;
use crate::epoch::EPOCH_SECONDS_LIMIT;
use crate::field::Fr;
use crate::poseidon::sponge;
use crate::registry::SEATS_MAX;
use crate::shape::check_seat_levels;

pub use crate::shape::{DEVICE_LEVELS, DEVICE_LEVELS_MAX, SEAT_LEVELS, ShapeError};

/// Devices of a zone, by levels of its subtree.
const ZONE_DEVICES: [usize; 4] = [1, 16, 256, 4_096];
/// Slopes, offsets and graces are below this.
const COEFFICIENT_LIMIT: u32 = 1 << 21;

/// The parameters of a circuit: each combination has its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Devices of a zone, N: 1, 16, 256 or 4,096.
    pub devices: usize,
    /// Watchers of a zone, W: 1 to 10.
    pub watchers: usize,
    /// Slots of an epoch, S: 1 to 3,528 (a device fits one leaf of the digest tree).
    pub slots: usize,
    /// Levels of the device tree, D: from the zone's levels, at least 1, to 8.
    pub device_levels: usize,
    /// Levels of a seat's subtree, L: 1 to 6.
    pub seat_levels: usize,
    /// Whether the circuit has the rule "no outage longer than G".
    pub outage_rule: bool,
}

impl Shape {
    /// A shape with the usual depths ([`DEVICE_LEVELS`], [`SEAT_LEVELS`]) and without the outage rule.
    #[must_use]
    pub fn new(devices: usize, watchers: usize, slots: usize) -> Self {
        Self {
            devices,
            watchers,
            slots,
            device_levels: DEVICE_LEVELS,
            seat_levels: SEAT_LEVELS,
            outage_rule: false,
        }
    }

    /// Checks every limit.
    ///
    /// # Errors
    /// [`ShapeError`] naming the first field that breaks its limit.
    pub fn validate(&self) -> Result<(), ShapeError> {
        let refuse = |field, expected, got| Err(ShapeError { field, expected, got });
        if !ZONE_DEVICES.contains(&self.devices) {
            return refuse("devices", "1, 16, 256 or 4096", self.devices);
        }
        if !(1..=SEATS_MAX).contains(&self.watchers) {
            return refuse("watchers", "1 to 10", self.watchers);
        }
        if !(1..=SLOTS_MAX).contains(&self.slots) {
            return refuse("slots", "1 to 3528", self.slots);
        }
        if !(self.zone_levels().max(1)..=DEVICE_LEVELS_MAX).contains(&self.device_levels) {
            return refuse(
                "device_levels",
                "1 to 8, and the levels of a zone at least",
                self.device_levels,
            );
        }
        check_seat_levels(self.seat_levels)
    }

    /// Levels of a zone's subtree: `log16(devices)`, rounded up for numbers that [`Self::validate`] refuses.
    #[must_use]
    pub fn zone_levels(&self) -> usize {
        ZONE_DEVICES
            .iter()
            .position(|devices| self.devices <= *devices)
            .unwrap_or(ZONE_DEVICES.len())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "N={} W={} S={}", self.devices, self.watchers, self.slots)?;
        if (self.device_levels, self.seat_levels) != (DEVICE_LEVELS, SEAT_LEVELS) {
            write!(f, " D={} L={}", self.device_levels, self.seat_levels)?;
        }
        if self.outage_rule {
            f.write_str(" outage")
        } else {
            Ok(())
        }
    }
}

/// How a score follows from the uptime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum PolicyKind {
    /// All or nothing: `[v >= 0]`.
    Threshold = 0,
    /// `max(0, v) / L`.
    Linear = 1,
    /// `max(0, v)^2 / L^2`.
    Quadratic = 2,
}

impl PolicyKind {
    /// All policies, by number.
    pub const ALL: [Self; 3] = [Self::Threshold, Self::Linear, Self::Quadratic];

    /// The number that is hashed.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Threshold => 0,
            Self::Linear => 1,
            Self::Quadratic => 2,
        }
    }

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Threshold => "threshold",
            Self::Linear => "linear",
            Self::Quadratic => "quadratic",
        }
    }
}

/// The parameters of a rule, bound by `params_hash`. Plain data: [`Parameters::validate`] says whether they
/// are within the limits for a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// Seconds of an epoch, L: a multiple of the slots, below 2^21.
    pub epoch_seconds: u32,
    /// Watchers that must agree on a slot, q: 1 to W.
    pub quorum: u32,
    /// Longest permitted run of slots without quorum, G: 0 to S; S when the shape has no outage rule.
    pub outage_limit: u32,
    /// The policy.
    pub policy: PolicyKind,
    /// Slope a, below 2^21; linear and quadratic: at most b + 1.
    pub slope: u32,
    /// Offset b, below 2^21.
    pub offset: u32,
    /// Seconds added to the uptime before the policy, g, below 2^21; 0 unless quadratic.
    pub grace_seconds: u32,
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
    pub got: u32,
}

impl Parameters {
    /// Full score from `numerator / denominator` of the slots on, none below: `T den >= num S`.
    #[must_use]
    pub fn threshold(
        shape: &Shape,
        epoch_seconds: u32,
        quorum: u32,
        numerator: u32,
        denominator: u32,
    ) -> Self {
        Self::unlimited(
            shape,
            epoch_seconds,
            quorum,
            PolicyKind::Threshold,
            [denominator, numerator, 0],
        )
    }

    /// `max(0, slope u - offset L) / L`, u being the uptime in seconds.
    #[must_use]
    pub fn linear(shape: &Shape, epoch_seconds: u32, quorum: u32, slope: u32, offset: u32) -> Self {
        Self::unlimited(
            shape,
            epoch_seconds,
            quorum,
            PolicyKind::Linear,
            [slope, offset, 0],
        )
    }

    /// `max(0, slope u - offset L)^2 / L^2`, u being the uptime in seconds plus the grace, at most L.
    #[must_use]
    pub fn quadratic(
        shape: &Shape,
        epoch_seconds: u32,
        quorum: u32,
        slope: u32,
        offset: u32,
        grace_seconds: u32,
    ) -> Self {
        Self::unlimited(
            shape,
            epoch_seconds,
            quorum,
            PolicyKind::Quadratic,
            [slope, offset, grace_seconds],
        )
    }

    /// The same with an outage limit, for shapes with the outage rule.
    #[must_use]
    pub fn with_outage_limit(self, outage_limit: u32) -> Self {
        Self { outage_limit, ..self }
    }

    fn unlimited(
        shape: &Shape,
        epoch_seconds: u32,
        quorum: u32,
        policy: PolicyKind,
        [slope, offset, grace_seconds]: [u32; 3],
    ) -> Self {
        let outage_limit = u32::try_from(shape.slots).unwrap_or(u32::MAX);
        Self {
            epoch_seconds,
            quorum,
            outage_limit,
            policy,
            slope,
            offset,
            grace_seconds,
        }
    }

    /// Checks every limit of the table, for a shape that is valid itself.
    ///
    /// # Errors
    /// [`ParameterError`] naming the first field that breaks its limit.
    pub fn validate(&self, shape: &Shape) -> Result<(), ParameterError> {
        let refuse = |field, got, expected: String| Err(ParameterError { field, expected, got });
        let &Self {
            epoch_seconds,
            quorum,
            outage_limit,
            policy,
            slope,
            offset,
            grace_seconds,
        } = self;
        let slots = shape.slots;
        let is_whole = (epoch_seconds as usize).checked_rem(slots) == Some(0);
        if !(1..EPOCH_SECONDS_LIMIT).contains(&epoch_seconds) || !is_whole {
            return refuse(
                "epoch_seconds",
                epoch_seconds,
                format!("a multiple of {slots} from 1 to 2^21 - 1"),
            );
        }
        if !(1..=shape.watchers).contains(&(quorum as usize)) {
            return refuse("quorum", quorum, format!("1 to {}", shape.watchers));
        }
        if shape.outage_rule && outage_limit as usize > slots {
            return refuse("outage_limit", outage_limit, format!("0 to {slots}"));
        }
        if !shape.outage_rule && outage_limit as usize != slots {
            return refuse(
                "outage_limit",
                outage_limit,
                format!("{slots}, the shape having no outage rule"),
            );
        }
        for (field, value) in [
            ("slope", slope),
            ("offset", offset),
            ("grace_seconds", grace_seconds),
        ] {
            if value >= COEFFICIENT_LIMIT {
                return refuse(field, value, "0 to 2^21 - 1".to_owned());
            }
        }
        if policy != PolicyKind::Threshold && slope > offset + 1 {
            let expected = format!("at most {} (offset + 1), so that no score passes 1", offset + 1);
            return refuse("slope", slope, expected);
        }
        if policy != PolicyKind::Quadratic && grace_seconds != 0 {
            let expected = format!("0, the policy being {}", policy.name());
            return refuse("grace_seconds", grace_seconds, expected);
        }
        Ok(())
    }

    /// Checks that a quorum is a majority, `2 q > W`: below that two disjoint sets of watchers could both
    /// decide. The circuit does not ask for it, the tools do unless told otherwise.
    ///
    /// # Errors
    /// [`ParameterError`] for `quorum`.
    pub fn check_majority(&self, shape: &Shape) -> Result<(), ParameterError> {
        if self.quorum as usize * 2 > shape.watchers {
            return Ok(());
        }
        let expected = format!("more than half of the {} watchers", shape.watchers);
        Err(ParameterError {
            field: "quorum",
            expected,
            got: self.quorum,
        })
    }

    /// The ten fields in the order in which they are hashed.
    #[must_use]
    pub fn fields(&self, shape: &Shape) -> [Fr; 10] {
        [
            Fr::from(shape.slots as u64),
            Fr::from(shape.watchers as u64),
            Fr::from(shape.devices as u64),
            Fr::from(self.epoch_seconds),
            Fr::from(self.quorum),
            Fr::from(self.outage_limit),
            Fr::from(self.policy.number()),
            Fr::from(self.slope),
            Fr::from(self.offset),
            Fr::from(self.grace_seconds),
        ]
    }

    /// `params_hash = sponge("parameters", the ten fields)`.
    #[must_use]
    pub fn hash(&self, shape: &Shape) -> Fr {
        sponge("parameters", &self.fields(shape))
    }
}

/// Published rules of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preset {
    /// Helium Mobile: full reward from 12 of 24 hourly heartbeats on.
    HeliumMobile,
    /// XNET CBRS: full reward from 50 % uptime on.
    XnetCbrs,
    /// GEODNET: `max(0, 2T - S) / S`.
    Geodnet,
    /// onocoy: `max(0, 5u - 4L)^2 / L^2` with 300 seconds of grace.
    Onocoy,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 4] = [Self::HeliumMobile, Self::XnetCbrs, Self::Geodnet, Self::Onocoy];

    /// The name in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HeliumMobile => "helium-mobile",
            Self::XnetCbrs => "xnet-cbrs",
            Self::Geodnet => "geodnet-linear",
            Self::Onocoy => "onocoy-quadratic",
        }
    }

    /// The preset of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The parameters for a shape.
    #[must_use]
    pub fn parameters(self, shape: &Shape, epoch_seconds: u32, quorum: u32) -> Parameters {
        match self {
            // 12 of 24 hours and 50 % are the same rule at different numbers of slots.
            Self::HeliumMobile | Self::XnetCbrs => Parameters::threshold(shape, epoch_seconds, quorum, 1, 2),
            Self::Geodnet => Parameters::linear(shape, epoch_seconds, quorum, 2, 1),
            Self::Onocoy => Parameters::quadratic(shape, epoch_seconds, quorum, 5, 4, 300),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const DAY: u32 = 86_400;

    fn refused_shape(change: impl FnOnce(&mut Shape)) -> (&'static str, usize) {
        let mut shape = Shape::new(256, 8, 144);
        change(&mut shape);
        let error = shape.validate().unwrap_err();
        (error.field, error.got)
    }

    #[test]
    fn shapes() {
        for (levels, devices) in ZONE_DEVICES.into_iter().enumerate() {
            let shape = Shape::new(devices, 8, 144);
            assert_eq!((shape.validate(), shape.zone_levels()), (Ok(()), levels));
        }
        assert_eq!(refused_shape(|s| s.devices = 0), ("devices", 0));
        assert_eq!(refused_shape(|s| s.devices = 65_536), ("devices", 65_536));
        assert_eq!(refused_shape(|s| s.devices = 32), ("devices", 32));
        assert_eq!(refused_shape(|s| s.watchers = 0), ("watchers", 0));
        assert_eq!(refused_shape(|s| s.watchers = 11), ("watchers", 11));
        assert_eq!(refused_shape(|s| s.slots = 0), ("slots", 0));
        assert_eq!(refused_shape(|s| s.slots = 3_529), ("slots", 3_529));
        assert_eq!(refused_shape(|s| s.device_levels = 1), ("device_levels", 1));
        assert_eq!(refused_shape(|s| s.device_levels = 9), ("device_levels", 9));
        assert_eq!(refused_shape(|s| s.seat_levels = 0), ("seat_levels", 0));
        assert_eq!(refused_shape(|s| s.seat_levels = 7), ("seat_levels", 7));
        let alone = Shape {
            device_levels: 0,
            ..Shape::new(1, 8, 144)
        };
        assert_eq!(alone.validate().unwrap_err().field, "device_levels");
    }

    #[test]
    fn shapes_are_printed_shortly() {
        let shape = Shape::new(256, 8, 144);
        assert_eq!(shape.to_string(), "N=256 W=8 S=144");
        assert_eq!(
            Shape {
                outage_rule: true,
                ..shape
            }
            .to_string(),
            "N=256 W=8 S=144 outage"
        );
        let shallow = Shape {
            device_levels: 2,
            seat_levels: 1,
            outage_rule: true,
            ..shape
        };
        assert_eq!(shallow.to_string(), "N=256 W=8 S=144 D=2 L=1 outage");
    }

    fn refused(change: impl FnOnce(&mut Parameters, &mut Shape)) -> (&'static str, u32) {
        let mut shape = Shape::new(256, 8, 144);
        let mut parameters = Preset::Onocoy.parameters(&shape, DAY, 5);
        change(&mut parameters, &mut shape);
        let error = parameters.validate(&shape).unwrap_err();
        (error.field, error.got)
    }

    #[test]
    fn every_limit_of_the_parameters() {
        assert_eq!(refused(|p, _| p.epoch_seconds = 0), ("epoch_seconds", 0));
        assert_eq!(
            refused(|p, _| p.epoch_seconds = DAY + 1),
            ("epoch_seconds", DAY + 1)
        );
        assert_eq!(
            refused(|p, _| p.epoch_seconds = 144 << 14),
            ("epoch_seconds", 144 << 14)
        );
        assert_eq!(refused(|_, s| s.slots = 0), ("epoch_seconds", DAY));
        assert_eq!(refused(|p, _| p.quorum = 0), ("quorum", 0));
        assert_eq!(refused(|p, _| p.quorum = 9), ("quorum", 9));
        assert_eq!(refused(|p, _| p.outage_limit = 143), ("outage_limit", 143));
        assert_eq!(
            refused(|p, s| (s.outage_rule, p.outage_limit) = (true, 145)),
            ("outage_limit", 145)
        );
        assert_eq!(refused(|p, _| p.slope = 1 << 21), ("slope", 1 << 21));
        assert_eq!(refused(|p, _| p.offset = 1 << 21), ("offset", 1 << 21));
        assert_eq!(
            refused(|p, _| p.grace_seconds = 1 << 21),
            ("grace_seconds", 1 << 21)
        );
        assert_eq!(refused(|p, _| p.slope = 6), ("slope", 6));
        assert_eq!(
            refused(|p, _| p.policy = PolicyKind::Linear),
            ("grace_seconds", 300)
        );
        assert_eq!(
            refused(|p, _| p.policy = PolicyKind::Threshold),
            ("grace_seconds", 300)
        );
    }

    #[test]
    fn a_threshold_may_be_steep() {
        let shape = Shape::new(256, 8, 144);
        let parameters = Parameters::threshold(&shape, DAY, 5, 1, 100);
        assert_eq!(parameters.validate(&shape), Ok(()));
        let limited = Shape {
            outage_rule: true,
            ..shape
        };
        assert_eq!(parameters.with_outage_limit(0).validate(&limited), Ok(()));
        assert_eq!(parameters.validate(&limited), Ok(()));
    }

    #[test]
    fn majorities() {
        let shape = Shape::new(256, 8, 144);
        let with = |quorum| {
            Preset::Geodnet
                .parameters(&shape, DAY, quorum)
                .check_majority(&shape)
        };
        assert_eq!(with(5), Ok(()));
        assert_eq!(with(4).unwrap_err().field, "quorum");
    }

    #[test]
    fn presets_are_valid_and_named() {
        for shape in [
            Shape::new(1, 1, 24),
            Shape::new(256, 8, 144),
            Shape::new(4_096, 10, 1_440),
        ] {
            for preset in Preset::ALL {
                assert_eq!(preset.parameters(&shape, DAY, 1).validate(&shape), Ok(()));
                assert_eq!(Preset::from_name(preset.name()), Some(preset));
            }
        }
        assert_eq!(Preset::from_name("helium"), None);
        for (number, policy) in PolicyKind::ALL.into_iter().enumerate() {
            assert_eq!(policy.number() as usize, number);
            assert_eq!(policy as u32, policy.number());
        }
    }

    #[test]
    fn the_hash_binds_every_field() {
        let shape = Shape::new(256, 8, 144);
        let parameters = Preset::Onocoy.parameters(&shape, DAY, 5);
        let hash = parameters.hash(&shape);
        let shapes = [
            Shape::new(16, 8, 144),
            Shape::new(256, 7, 144),
            Shape::new(256, 8, 288),
        ];
        assert!(shapes.iter().all(|shape| parameters.hash(shape) != hash));
        let changed = [
            Parameters {
                epoch_seconds: 1,
                ..parameters
            },
            Parameters {
                quorum: 1,
                ..parameters
            },
            Parameters {
                outage_limit: 1,
                ..parameters
            },
            Parameters {
                policy: PolicyKind::Linear,
                ..parameters
            },
            Parameters {
                slope: 1,
                ..parameters
            },
            Parameters {
                offset: 1,
                ..parameters
            },
            Parameters {
                grace_seconds: 1,
                ..parameters
            },
        ];
        assert!(changed.iter().all(|other| other.hash(&shape) != hash));
    }
}
