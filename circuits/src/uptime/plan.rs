//! Size classes of U1, and the plan that cuts a registry into zones.
//!
//! A zone's proof costs about what its domain costs, the power of two that holds its constraints; the larger the zone, the
//! less of it is shared parts (signatures, watchers' paths), until the next power wastes more. [`plan`] takes the class whose
//! domains are smallest together. An epoch is opened with one shape: plan before, not after.
//!
//! Depends on [`super::size`]. Next: `popw epoch plan`, which prints this.

use super::size;
use ark_bn254::Fr;
use ark_ff::FftField;
use popw_claims::uptime::Shape;

/// Public inputs of U1; the domain holds a row for each of them and for the constant one.
pub const PUBLIC_INPUTS: usize = 7;
/// Devices of a zone.
const ZONE_DEVICES: [usize; 4] = [1, 16, 256, 4_096];
/// Slots in use: hours, ten minutes, five minutes, minutes of a day.
pub const SLOTS: [usize; 4] = [24, 144, 288, 1_440];

/// A shape and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeClass {
    /// The shape.
    pub shape: Shape,
    /// Its constraints.
    pub constraints: usize,
    /// Logarithm of its domain.
    pub power: u32,
}

impl SizeClass {
    /// Counts a shape.
    pub fn of(shape: Shape) -> Self {
        let constraints = size(&shape).constraints;
        Self {
            shape,
            constraints,
            power: power(constraints),
        }
    }
}

/// Logarithm of the least domain of so many constraints.
fn power(constraints: usize) -> u32 {
    (constraints + PUBLIC_INPUTS + 1)
        .next_power_of_two()
        .trailing_zeros()
}

/// The classes of a shape's watchers, slots, levels and outage rule, for every number of devices whose domain is at most
/// `2^power_max`, ascending.
pub fn size_classes(shape: &Shape, power_max: u32) -> Vec<SizeClass> {
    let limit = 1usize << power_max.min(Fr::TWO_ADICITY);
    ZONE_DEVICES
        .into_iter()
        .map(|devices| Shape { devices, ..*shape })
        // Bits and quorum alone take W + 4 rows a slot; what cannot fit is not counted.
        .filter(|shape| {
            shape.devices * shape.slots * (shape.watchers + 4) < limit && shape.validate().is_ok()
        })
        .map(SizeClass::of)
        .filter(|class| class.power <= power_max)
        .collect()
}

/// How a registry is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The class of every zone.
    pub class: SizeClass,
    /// The zones that have devices, ascending, with how many.
    pub zones: Vec<(u64, usize)>,
}

impl Plan {
    /// Cuts a registry, given as ascending indices of its devices, by a class.
    pub fn of(class: SizeClass, indices: impl IntoIterator<Item = u64>) -> Self {
        let mut zones: Vec<(u64, usize)> = Vec::new();
        for index in indices {
            let zone = index / class.shape.devices as u64;
            match zones.last_mut() {
                Some((last, devices)) if *last == zone => *devices += 1,
                _ => zones.push((zone, 1)),
            }
        }
        Self { class, zones }
    }

    /// Rows of all domains together: what proving costs, about.
    pub fn cost(&self) -> u128 {
        (self.zones.len() as u128) << self.class.power
    }
}

/// The cheapest plan of a registry, given as ascending indices of its devices, with domains of at most `2^power_max`; of
/// equal ones the one with larger zones, which settles for less. `None` if not even a single device fits.
pub fn plan(shape: &Shape, indices: impl IntoIterator<Item = u64> + Clone, power_max: u32) -> Option<Plan> {
    size_classes(shape, power_max)
        .into_iter()
        .rev()
        .map(|class| Plan::of(class, indices.clone()))
        .min_by_key(Plan::cost)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn zone_devices(devices: u64, slots: usize, power_max: u32) -> usize {
        let plan = plan(&Shape::new(1, 8, slots), 0..devices, power_max).unwrap();
        assert_eq!(
            plan.zones.iter().map(|(_, devices)| *devices as u64).sum::<u64>(),
            devices
        );
        plan.class.shape.devices
    }

    #[test]
    fn fleets_of_every_size_are_cut() {
        assert_eq!(zone_devices(1, 144, 22), 1);
        assert_eq!(zone_devices(12, 24, 22), 16);
        assert_eq!(zone_devices(1_000, 144, 22), 256);
        assert_eq!(zone_devices(10_000, 144, 20), 256);
        // A gateway with little memory.
        assert_eq!(zone_devices(10_000, 144, 18), 16);
        assert_eq!(plan(&Shape::new(1, 8, 144), 0..1, 10), None);
    }

    #[test]
    fn a_registry_with_gaps() {
        let class = SizeClass::of(Shape::new(16, 1, 24));
        let plan = Plan::of(class, [0, 15, 16, 48, 63, 1_000]);
        assert_eq!(plan.zones, [(0, 2), (1, 1), (3, 2), (62, 1)]);
        assert_eq!(plan.cost(), 4 << class.power);
        assert_eq!(Plan::of(class, []).zones, []);
    }

    #[test]
    fn the_domain_holds_the_constraints_and_the_inputs() {
        assert_eq!(power((1 << 20) - PUBLIC_INPUTS - 1), 20);
        assert_eq!(power((1 << 20) - PUBLIC_INPUTS), 21);
    }
}
