//! The rule against what the networks publish, and against the forms in the third column of the protocol's
//! table.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::rule::SCORE_ONE;
use super::*;
use crate::attestation::Bitmap;
use proptest::prelude::*;

const DAY: u32 = 86_400;

fn preset_score(preset: Preset, slots: usize, up: u32) -> u32 {
    let shape = Shape::new(1, 8, slots);
    let parameters = preset.parameters(&shape, DAY, 5);
    parameters.validate(&shape).unwrap();
    score(&parameters, &shape, up, 0)
}

#[test]
fn helium_mobile_pays_from_12_of_24_hours_on() {
    for up in 0..=24 {
        let expected = if up >= 12 { SCORE_ONE } else { 0 };
        assert_eq!(preset_score(Preset::HeliumMobile, 24, up), expected, "{up} hours");
    }
}

#[test]
fn xnet_cbrs_pays_from_half_on() {
    assert_eq!(preset_score(Preset::XnetCbrs, 144, 71), 0);
    assert_eq!(preset_score(Preset::XnetCbrs, 144, 72), SCORE_ONE);
    assert_eq!(preset_score(Preset::XnetCbrs, 1_440, 719), 0);
    assert_eq!(preset_score(Preset::XnetCbrs, 1_440, 720), SCORE_ONE);
}

#[test]
fn geodnet_is_linear_above_half() {
    for (up, expected) in [
        (0, 0),
        (72, 0),
        (73, 13_888),
        (108, 500_000),
        (143, 986_111),
        (144, SCORE_ONE),
    ] {
        assert_eq!(preset_score(Preset::Geodnet, 144, up), expected, "{up} slots");
    }
}

#[test]
fn onocoy_published_points() {
    // A day in slots of 60 seconds; the grace of 300 seconds is five of them, so that the published uptimes,
    // which are after grace, are 1,440 * 0.90 - 5, and so on.
    for (up, expected) in [
        (1_296 - 5, 250_000),
        (1_152 - 5, 0),
        (1_435, SCORE_ONE),
        (1_440, SCORE_ONE),
    ] {
        assert_eq!(preset_score(Preset::Onocoy, 1_440, up), expected, "{up} minutes");
    }
    // 99 % and 99.8 % of a day are 85,536 and 86,227.2 seconds: epochs of 100,000 seconds have them as whole
    // slots.
    let shape = Shape::new(1, 8, 1_000);
    let parameters = Parameters::quadratic(&shape, 100_000, 5, 5, 4, 300);
    parameters.validate(&shape).unwrap();
    for (up, expected) in [(900, 250_000), (990, 902_500), (998, 980_100)] {
        assert_eq!(
            score(&parameters, &shape, up - 3, 0),
            expected,
            "{up} of 1,000 after grace"
        );
    }
}

#[test]
fn an_outage_that_is_too_long_costs_everything() {
    let shape = Shape {
        outage_rule: true,
        ..Shape::new(1, 8, 24)
    };
    let parameters = Preset::Geodnet.parameters(&shape, DAY, 5).with_outage_limit(3);
    assert_eq!(score(&parameters, &shape, 21, 3), 750_000);
    assert_eq!(score(&parameters, &shape, 21, 4), 0);
    let without = Shape {
        outage_rule: false,
        ..shape
    };
    assert_eq!(score(&parameters, &without, 21, 4), 750_000);
}

#[test]
fn outages_at_both_ends_count_and_do_not_wrap() {
    let run = |text: &str| longest_outage(&text.bytes().map(|byte| byte == b'1').collect::<Vec<_>>());
    let cases = [
        ("", 0),
        ("1111", 0),
        ("0000", 4),
        ("0001", 3),
        ("1000", 3),
        ("0010", 2),
        ("0110", 1),
        ("1001001", 2),
    ];
    for (text, expected) in cases {
        assert_eq!(run(text), expected, "{text}");
    }
}

#[test]
fn quorum_is_counted_slot_by_slot() {
    let mut bitmaps = vec![Bitmap::new(16, 4); 3];
    for (bitmap, slots) in bitmaps.iter_mut().zip([&[0, 1, 2][..], &[1, 2], &[2]]) {
        slots.iter().for_each(|slot| bitmap.set(9, *slot, true));
    }
    for (quorum, expected) in [(1, 3), (2, 2), (3, 1), (4, 0)] {
        assert_eq!(up_slots(&agreed_slots(&bitmaps, 9, 4, quorum)), expected);
    }
    assert_eq!(up_slots(&agreed_slots(&bitmaps, 8, 4, 1)), 0);
}

#[test]
fn parameters_without_meaning_do_not_panic() {
    let extreme = Parameters {
        epoch_seconds: u32::MAX,
        quorum: u32::MAX,
        outage_limit: u32::MAX,
        policy: PolicyKind::Quadratic,
        slope: u32::MAX,
        offset: 0,
        grace_seconds: u32::MAX,
    };
    for policy in PolicyKind::ALL {
        for epoch_seconds in [0, 1, u32::MAX] {
            for slots in [0, 1, usize::MAX] {
                let parameters = Parameters {
                    policy,
                    epoch_seconds,
                    ..extreme
                };
                assert!(score(&parameters, &Shape::new(1, 1, slots), u32::MAX, u32::MAX) <= SCORE_ONE);
            }
        }
    }
}

/// Shapes of 1 to 200 slots, an uptime, and the seconds of a slot.
fn uptime() -> impl Strategy<Value = (Shape, u32, u32)> {
    (1u32..=200, 1u32..=600).prop_flat_map(|(slots, slot_seconds)| {
        (
            Just(Shape::new(1, 8, slots as usize)),
            0..=slots,
            Just(slots * slot_seconds),
        )
    })
}

proptest! {
    #[test]
    fn threshold_equals_the_published_form(
        (shape, up, seconds) in uptime(),
        num in 0u32..1 << 21,
        den in 0u32..1 << 21,
    ) {
        let parameters = Parameters::threshold(&shape, seconds, 5, num, den);
        prop_assert_eq!(parameters.validate(&shape), Ok(()));
        let published = u64::from(up) * u64::from(den) >= u64::from(num) * shape.slots as u64;
        prop_assert_eq!(score(&parameters, &shape, up, 0), if published { SCORE_ONE } else { 0 });
    }

    #[test]
    fn linear_equals_the_published_form((shape, up, seconds) in uptime()) {
        let parameters = Preset::Geodnet.parameters(&shape, seconds, 5);
        prop_assert_eq!(parameters.validate(&shape), Ok(()));
        let slots = shape.slots as i64;
        let published = (2 * i64::from(up) - slots).max(0) * 1_000_000 / slots;
        prop_assert_eq!(i64::from(score(&parameters, &shape, up, 0)), published);
    }

    #[test]
    fn quadratic_equals_the_published_form((shape, up, seconds) in uptime()) {
        let parameters = Preset::Onocoy.parameters(&shape, seconds, 5);
        prop_assert_eq!(parameters.validate(&shape), Ok(()));
        let length = i128::from(seconds);
        let u = length.min(i128::from(up) * length / shape.slots as i128 + 300);
        let z = (5 * u - 4 * length).max(0);
        prop_assert_eq!(i128::from(score(&parameters, &shape, up, 0)), z * z * 1_000_000 / (length * length));
    }

    #[test]
    fn scores_are_monotonic_and_at_most_one(
        (shape, up, seconds) in uptime(),
        kind in 0usize..3,
        offset in 0u32..1 << 21,
        below in 0u32..1 << 21,
        grace in 0u32..1 << 21,
    ) {
        let policy = PolicyKind::ALL[kind];
        let slope = (offset + 1).saturating_sub(below).min((1 << 21) - 1);
        let grace_seconds = if policy == PolicyKind::Quadratic { grace } else { 0 };
        let mut parameters = Parameters::linear(&shape, seconds, 5, slope, offset);
        (parameters.policy, parameters.grace_seconds) = (policy, grace_seconds);
        prop_assert_eq!(parameters.validate(&shape), Ok(()));
        let here = score(&parameters, &shape, up, 0);
        prop_assert!(here <= SCORE_ONE);
        prop_assert!(up == 0 || score(&parameters, &shape, up - 1, 0) <= here);
    }

    #[test]
    fn longest_outage_equals_the_definition(agreed in prop::collection::vec(any::<bool>(), 0..60)) {
        let text: String = agreed.iter().map(|up| if *up { '1' } else { '0' }).collect();
        let expected = text.split('1').map(str::len).max().unwrap_or(0);
        prop_assert_eq!(longest_outage(&agreed) as usize, expected);
    }
}
