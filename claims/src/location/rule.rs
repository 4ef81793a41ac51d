//! The rule: from reported positions to a score, in plain integers (`docs/protocol.md` section 8).
//!
//! Next: [`super::statement`], which applies it to a device.

use super::{Parameters, Report};
use crate::registry::Position;
use crate::statement::SCORE_ONE;

/// The squared distance of two points along the chord, in square decimetres.
#[must_use]
pub fn squared_distance(a: &Position, b: &Position) -> u128 {
    [(a.x, b.x), (a.y, b.y), (a.z, b.z)]
        .map(|(a, b)| u128::from(a.abs_diff(b)).pow(2))
        .iter()
        .sum()
}

/// The weight of a report by its squared distance, in percent.
#[must_use]
pub fn weight(parameters: &Parameters, squared_distance: u128) -> u32 {
    if squared_distance <= parameters.near_limit.into() {
        parameters.near_weight
    } else if squared_distance <= parameters.far_limit.into() {
        parameters.far_weight
    } else {
        0
    }
}

/// The mean weight of the reports that are present, in parts per million, rounded down; 0 when there are fewer
/// than the parameters ask for. For parameters that [`Parameters::validate`] accepts.
#[must_use]
pub fn score(parameters: &Parameters, asserted: &Position, reports: &[Report]) -> u32 {
    let weights = reports
        .iter()
        .flatten()
        .map(|reported| u64::from(weight(parameters, squared_distance(reported, asserted))));
    let (count, sum) = weights.fold((0u64, 0u64), |(count, sum), weight| (count + 1, sum + weight));
    if count < u64::from(parameters.reports_min) {
        return 0;
    }
    // sum 10^6 / (100 n): a weight of 100 is a full score.
    let score = (sum * u64::from(SCORE_ONE)).checked_div(100 * count).unwrap_or(0);
    u32::try_from(score).unwrap_or(SCORE_ONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::{Preset, Shape};
    use proptest::prelude::*;

    const HOME: Position = Position {
        x: 41_769_158,
        y: 5_686_092,
        z: 47_770_065,
    };

    fn away(x: i32) -> Report {
        Some(Position {
            x: HOME.x + x,
            ..HOME
        })
    }

    fn helium(reports: &[Report]) -> u32 {
        let parameters = Preset::HeliumMobile.parameters(&Shape::new(24));
        score(&parameters, &HOME, reports)
    }

    /// The published code rounds metres, then asks for 0..=300 and 301..=400.
    #[test]
    fn helium_mobile_bands_are_the_published_ones() {
        for (decimetres, expected) in [
            (0, SCORE_ONE),
            (3_004, SCORE_ONE),
            (3_005, SCORE_ONE),
            (3_006, 250_000),
            (4_005, 250_000),
            (4_006, 0),
            (-3_005, SCORE_ONE),
            (-4_006, 0),
            (1 << 27, 0),
        ] {
            assert_eq!(helium(&[away(decimetres); 24]), expected, "{decimetres}");
        }
    }

    #[test]
    fn twelve_of_24_reports_are_needed_and_the_mean_is_over_those_present() {
        let mut reports = vec![None; 24];
        for slot in 0..24 {
            assert_eq!(
                helium(&reports),
                if slot < 12 { 0 } else { SCORE_ONE },
                "{slot} reports"
            );
            reports[23 - slot] = away(0);
        }
        reports[0] = away(3_500);
        // (23 * 100 + 25) / 24 percent.
        assert_eq!(helium(&reports), 968_750);
        reports[1] = away(5_000);
        assert_eq!(helium(&reports), 927_083);
        reports[2] = None;
        assert_eq!(helium(&reports), 923_913);
        assert_eq!(helium(&[]), 0);
    }

    #[test]
    fn bands_end_where_the_parameters_say() {
        let parameters = Parameters {
            reports_min: 1,
            near_limit: 5,
            far_limit: 9,
            near_weight: 80,
            far_weight: 30,
        };
        for (squared, expected) in [(0, 80), (5, 80), (6, 30), (9, 30), (10, 0), (u128::MAX, 0)] {
            assert_eq!(weight(&parameters, squared), expected, "{squared}");
        }
        // Equal limits leave no far band.
        let single = Parameters {
            far_limit: 5,
            ..parameters
        };
        assert_eq!([5, 6].map(|squared| weight(&single, squared)), [80, 0]);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let [low, high] = [i32::MIN, i32::MAX].map(|x| Position { x, y: x, z: x });
        assert_eq!(squared_distance(&low, &high), 3 * u128::from(u32::MAX).pow(2));
        assert_eq!(squared_distance(&high, &low), squared_distance(&low, &high));
        let none = Parameters {
            reports_min: 0,
            near_limit: 0,
            far_limit: 0,
            near_weight: 0,
            far_weight: 0,
        };
        assert_eq!(score(&none, &low, &[]), 0);
    }

    proptest! {
        #![proptest_config(crate::cases(64))]

        /// Against the definition in rationals: the score is the largest s with s n <= 10^4 sum.
        #[test]
        fn the_score_is_the_floor_of_the_mean(
            near in 0u32..=100,
            share in 0u32..=100,
            minimum in 1u32..=30,
            distances in prop::collection::vec(prop::option::of(0i32..6_000), 0..30),
        ) {
            let parameters = Parameters {
                reports_min: minimum,
                near_limit: 3_005 * 3_005,
                far_limit: 4_005 * 4_005,
                near_weight: near,
                far_weight: near * share / 100,
            };
            let reports: Vec<Report> = distances.iter().map(|distance| distance.and_then(away)).collect();
            let count = distances.iter().flatten().count() as u64;
            let sum: u64 = distances.iter().flatten().map(|distance| match distance {
                0..=3_005 => u64::from(near),
                3_006..=4_005 => u64::from(near * share / 100),
                _ => 0,
            }).sum();
            let got = u64::from(score(&parameters, &HOME, &reports));
            if count < u64::from(minimum) {
                prop_assert_eq!(got, 0);
            } else {
                prop_assert!(got * count <= 10_000 * sum && 10_000 * sum < (got + 1) * count);
                prop_assert!(got <= u64::from(SCORE_ONE));
            }
        }
    }
}
