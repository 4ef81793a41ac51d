//! Tests of [`super::rule`]: vectors of the published rule, the borders of every threshold, random links.

#![allow(clippy::unwrap_used)]

use super::free_space::{ENTRIES, free_space_table};
use super::*;
use crate::registry::Position;
use proptest::prelude::*;

fn parameters() -> Parameters {
    Preset::HeliumIot.parameters(&Shape::new(14))
}

/// Antennas a distance apart along x.
fn link(distance_dm: i32, rssi_ddbm: i32) -> Link {
    let site = |x, gain_ddbi| Site {
        position: Position { x, y: 5, z: -7 },
        gain_ddbi,
    };
    Link {
        beacon: Beacon {
            frequency_hz: 867_900_024,
            power_dbm: 12,
        },
        beaconer: site(0, 81),
        receipt: Receipt {
            frequency_hz: 867_900_024,
            rssi_ddbm,
        },
        witness: site(distance_dm, 83),
    }
}

#[test]
fn the_oracles_vector_of_free_space() {
    // tx 12 dBm, gains 8.1 and 8.3 dBi, 508 m, 867,900,024 Hz: the bound is -57.3342 dBm.
    let too_strong = link(5_080, -573);
    assert_eq!(too_strong.loss(), 853);
    assert_eq!(too_strong.check(&parameters()), Err(Refusal::TooStrong));
    let accepted = link(5_080, -574);
    assert_eq!(accepted.loss(), 854);
    assert_eq!(accepted.check(&parameters()), Ok(()));
}

#[test]
fn gains_are_cut_toward_zero() {
    let loss = |beaconer, witness| {
        let mut link = link(5_080, 0);
        (link.beaconer.gain_ddbi, link.witness.gain_ddbi) = (beaconer, witness);
        link.loss()
    };
    // Rounding down would give -1 dBi for all but the first and the last two of these.
    for (gain, whole) in [
        (9, 0),
        (-1, 0),
        (-9, 0),
        (-10, -1),
        (-11, -1),
        (-19, -1),
        (-20, -2),
        (19, 1),
    ] {
        assert_eq!(loss(gain, 0), 10 * (12 + whole), "{gain}");
        assert_eq!(loss(0, gain), 10 * (12 + whole), "{gain}");
    }
    // Each is cut on its own: the sum of the tenths would carry.
    assert_eq!(loss(5, 5), 120);
    assert_eq!(loss(-5, -5), 120);
}

#[test]
fn distances_at_their_borders() {
    // The largest distance is not a square: 1,009,984 dm is the last that passes along an axis.
    let parameters = parameters();
    assert_eq!(link(1_009_984, -1_500).check(&parameters), Ok(()));
    assert_eq!(link(1_009_985, -1_500).check(&parameters), Err(Refusal::TooFar));
    assert_eq!(link(4_000, -1_500).check(&parameters), Ok(()));
    assert_eq!(link(3_999, -1_500).check(&parameters), Err(Refusal::TooNear));
    let exact = |distance_max, distance_min| {
        let parameters = Parameters {
            distance_max,
            distance_min,
            ..parameters.clone()
        };
        link(5_080, -1_500).check(&parameters)
    };
    let squared = 5_080 * 5_080;
    assert_eq!(exact(squared, squared), Ok(()));
    assert_eq!(exact(squared - 1, 0), Err(Refusal::TooFar));
    assert_eq!(exact(squared, squared + 1), Err(Refusal::TooNear));
}

/// The last metre that the published rule accepts, as a chord.
#[test]
fn the_largest_distance_is_the_published_one() {
    // `round(metres) / 1000 > 100`, in whole kilometres, refuses from 100,999.5 m on.
    let radius_dm = 63_710_071.8f64;
    let chord = |metres: f64| (2.0 * radius_dm * (metres * 10.0 / (2.0 * radius_dm)).sin()).powi(2);
    #[allow(clippy::cast_precision_loss)]
    let limit = parameters().distance_max as f64;
    assert!((chord(100_999.5) - limit).abs() < 1.0, "{}", chord(100_999.5));
}

#[test]
fn frequencies_at_their_borders() {
    for (difference, verdict) in [
        (0, Ok(())),
        (100_000, Ok(())),
        (-100_000, Ok(())),
        (100_001, Err(Refusal::Frequency)),
        (-100_001, Err(Refusal::Frequency)),
    ] {
        let mut link = link(5_080, -1_000);
        link.receipt.frequency_hz = link.receipt.frequency_hz.checked_add_signed(difference).unwrap();
        assert_eq!(link.check(&parameters()), verdict, "{difference}");
    }
}

#[test]
fn free_space_uses_the_frequency_of_the_witness() {
    let mut higher = link(5_080, -574);
    assert_eq!(higher.check(&parameters()), Ok(()));
    // A higher frequency loses more, so that the same strength is too much.
    higher.receipt.frequency_hz += 100_000;
    assert_eq!(higher.check(&parameters()), Ok(()));
    let bound = free_space_table()[854];
    let distance = 5_080u64 * 5_080;
    let last = (867_900_000u32..)
        .find(|f| u128::from(distance) * u128::from(*f).pow(2) > bound)
        .unwrap();
    assert!(within_free_space(distance, last - 1, 854) && !within_free_space(distance, last, 854));
}

#[test]
fn free_space_at_both_ends_of_the_table() {
    assert!(!within_free_space(0, 0, -1));
    assert!(within_free_space(0, 0, 0));
    assert!(!within_free_space(u64::MAX, u32::MAX, 1_326));
    assert!(within_free_space(u64::MAX, u32::MAX, 1_327));
    assert!(!within_free_space(0, 0, i64::MIN) && within_free_space(u64::MAX, u32::MAX, i64::MAX));
    let table = free_space_table();
    for loss in [0, 1, 852, 853, 1_325, 1_326] {
        // With f = 1 the product is the distance, which reaches the small entries only.
        let bound = table[loss];
        let square = u64::try_from(bound >> 50).unwrap();
        let (f, loss) = (1 << 25, i64::try_from(loss).unwrap());
        assert!(within_free_space(square, f, loss));
        assert!(!within_free_space(square + 1, f, loss));
    }
}

fn arrivals(beacon_ms: u32, receipts: &[u32]) -> Arrivals {
    Arrivals::new(beacon_ms, receipts.iter().copied())
}

#[test]
fn freshness_at_its_borders() {
    let mut parameters = parameters();
    let fresh = |parameters: &Parameters, time| arrivals(time, &[]).check_fresh(parameters).is_ok();
    for (time, expected) in [(0, true), (180_000, true), (180_001, false)] {
        assert_eq!(fresh(&parameters, time), expected, "{time}");
    }
    parameters.start_ms = 5_000;
    for (time, expected) in [
        (0, false),
        (4_999, false),
        (5_000, true),
        (185_000, true),
        (185_001, false),
    ] {
        assert_eq!(fresh(&parameters, time), expected, "{time}");
    }
}

#[test]
fn lags_at_their_borders() {
    let parameters = parameters();
    let prompt = |arrivals: &Arrivals, time| arrivals.check_lag(&parameters, time).is_ok();
    // The beacon first: 4,000 ms from it.
    let beacon_first = arrivals(10_000, &[10_500, 14_000, 14_001]);
    for (time, expected) in [(10_500, true), (14_000, true), (14_001, false)] {
        assert_eq!(prompt(&beacon_first, time), expected, "{time}");
    }
    // At the same time counts as the beacon first.
    assert!(prompt(&arrivals(10_000, &[10_000, 14_000]), 14_000));
    // A witness first: 1,500 ms from it, for all.
    let witness_first = arrivals(10_000, &[9_999, 11_499, 11_500]);
    for (time, expected) in [(9_999, true), (11_499, true), (11_500, false)] {
        assert_eq!(prompt(&witness_first, time), expected, "{time}");
    }
}

#[test]
fn units_of_the_preset() {
    let Parameters {
        beaconer_units,
        witness_units,
        ..
    } = parameters();
    let beaconer = [
        0, 2_500, 5_000, 7_500, 10_000, 12_000, 13_600, 14_880, 15_904, 16_723, 17_379, 17_903, 18_322,
        18_658, 18_926,
    ];
    let witness = [
        0, 10_000, 10_000, 10_000, 10_000, 7_600, 6_067, 5_017, 4_262, 3_697, 3_262, 2_918, 2_640, 2_411,
        2_220,
    ];
    assert_eq!(beaconer_units, beaconer);
    assert_eq!(witness_units, witness);
    // The published formula, rounded to four decimals: a quarter for each of four witnesses, then 0.8 of what the one before
    // added; accepted witnesses share what is left of five units, and never get more than one each.
    let (mut unit, mut step) = (0.0f64, 0.25);
    for n in 1..=14u8 {
        step *= if n > 4 { 0.8 } else { 1.0 };
        unit += step;
        let share = ((5.0 - unit) / f64::from(n)).min(1.0);
        let rounded = [unit, share].map(|value| format!("{:.0}", value * 1e4));
        let table = [beaconer, witness].map(|units| units[usize::from(n)].to_string());
        assert_eq!(table, rounded, "{n}");
    }
}

proptest! {
    #![proptest_config(crate::cases(2_000))]

    #[test]
    fn free_space_equals_the_float_formula_away_from_its_border(
        distance_dm in 1u32..1_009_995,
        frequency_hz in 100_000_000u32..1 << 30,
        loss in -100i64..1_600,
    ) {
        let metres = f64::from(distance_dm) / 10.0;
        let free = 20.0 * (4.0 * std::f64::consts::PI * metres * f64::from(frequency_hz) / 2.998e8).log10();
        #[allow(clippy::cast_precision_loss)]
        let tenths = loss as f64 / 10.0;
        // Beyond the table everything passes: at 101 km the float formula agrees up to 1 GHz.
        prop_assume!((free - tenths).abs() > 1e-9 && (loss < ENTRIES as i64 || frequency_hz <= 1_000_000_000));
        let squared = u64::from(distance_dm) * u64::from(distance_dm);
        prop_assert_eq!(within_free_space(squared, frequency_hz, loss), free <= tenths);
    }

    #[test]
    fn distances_equal_wide_integers(a in any::<[i32; 3]>(), b in any::<[i32; 3]>()) {
        let site = |[x, y, z]: [i32; 3]| Site {
            position: Position { x: x >> 4, y: y >> 4, z: z >> 4 },
            gain_ddbi: 0,
        };
        let mut link = link(1, 0);
        (link.beaconer, link.witness) = (site(a), site(b));
        let expected: i128 = a.iter().zip(b).map(|(a, b)| (i128::from(a >> 4) - i128::from(b >> 4)).pow(2)).sum();
        prop_assert_eq!(i128::from(link.squared_distance()), expected);
        prop_assert!(expected < 3 << 56);
    }
}
