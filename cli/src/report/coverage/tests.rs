//! Page and map: well-formed, harmless, small, the same every time; places where they belong.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::map::Projection;
use super::*;
use crate::report::xml;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

const HOSTILE: &str = "</svg><script>alert(\"1\")</script>'&\u{202e}\u{0}";
const BYTES_MAX: usize = 2_000_000;
const DEGREE: i32 = 10_000_000;

fn place(latitude_e7: i32, longitude_e7: i32) -> Place {
    Place {
        latitude_e7,
        longitude_e7,
    }
}

fn receipt(beacon: Place, witness: Place, refusal: Option<&str>) -> Receipt {
    Receipt {
        beacon,
        witness,
        distance_m: 1_000,
        refusal: refusal.map(str::to_owned),
    }
}

fn report(receipts: Vec<Receipt>) -> CoverageReport {
    CoverageReport {
        title: "Network".to_owned(),
        lead: "Epoch 7".to_owned(),
        evidence: EVIDENCE.to_owned(),
        does_not_prove: DOES_NOT_PROVE.to_owned(),
        facts: Vec::new(),
        receipts,
        unplaced: Vec::new(),
    }
}

/// Page and map, checked.
fn drawn(report: &CoverageReport) -> (String, String) {
    let (page, map) = (html(report), map_svg(report));
    let markup = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    for markup in [markup, map.as_str()] {
        let elements = xml::check(markup.trim_end()).unwrap();
        assert!(!elements.contains(&"script".to_owned()));
        assert!(markup.len() < BYTES_MAX, "{} bytes", markup.len());
    }
    assert_eq!(
        (&page, &map),
        (&html(report), &map_svg(report)),
        "the same data give the same bytes"
    );
    (page, map)
}

#[test]
fn no_receipts() {
    let (page, _) = drawn(&report(Vec::new()));
    assert!(page.contains("No receipt has a position."));
}

#[test]
fn one_place_and_the_ends_of_the_globe() {
    for at in [
        place(0, 0),
        place(90 * DEGREE, 180 * DEGREE),
        place(-90 * DEGREE, -180 * DEGREE),
        place(i32::MAX, i32::MIN),
    ] {
        drawn(&report(vec![receipt(at, at, None)]));
        drawn(&report(vec![receipt(at, place(0, 0), None)]));
    }
    let corners = [place(i32::MIN, i32::MIN), place(i32::MAX, i32::MAX)];
    drawn(&report(vec![Receipt {
        distance_m: u32::MAX,
        ..receipt(corners[0], corners[1], Some("far"))
    }]));
}

#[test]
fn hostile_texts_stay_texts() {
    let hostile = || HOSTILE.to_owned();
    let receipts = (0..100)
        .map(|number| {
            receipt(
                place(0, 0),
                place(number, 0),
                Some(&format!("{HOSTILE}{number}").repeat(50)),
            )
        })
        .collect();
    let (page, map) = drawn(&CoverageReport {
        title: hostile(),
        lead: hostile(),
        evidence: hostile(),
        does_not_prove: hostile(),
        facts: vec![(hostile(), hostile())],
        receipts,
        unplaced: vec![
            Count {
                name: hostile(),
                count: u64::MAX
            };
            100
        ],
    });
    for markup in [page, map] {
        assert!(!markup.contains("<script") && markup.contains("&lt;script&gt;"));
        assert!(!markup.contains('\u{202e}') && !markup.contains('\u{0}'));
        assert_eq!(markup.matches("</svg>").count(), markup.matches("<svg").count());
    }
}

#[test]
fn ten_thousand_receipts_between_places_that_are_all_different() {
    let mut random = ChaCha20Rng::seed_from_u64(1);
    let mut anywhere = || {
        let [north, east] = [random.next_u32(), random.next_u32()].map(|random| (random % 2_000_000) as i32);
        place(450_000_000 + north, 57_000_000 + east)
    };
    let reasons = [
        None,
        None,
        Some("far"),
        Some("near"),
        Some("late"),
        Some("strong"),
        Some("f"),
        Some("g"),
        Some("h"),
    ];
    let receipts: Vec<_> = (0..10_000)
        .map(|number| receipt(anywhere(), anywhere(), reasons[number % reasons.len()]))
        .collect();
    let (_, map) = drawn(&report(receipts));
    assert!(map.len() < 1_000_000, "{} bytes", map.len());
    assert!(map.matches("<path").count() < 40, "paths are grouped");
}

#[test]
fn lines_between_the_same_places_are_one_line() {
    let [beacon, witness] = [place(450_000_000, 57_000_000), place(451_000_000, 57_000_000)];
    let (_, once) = drawn(&report(vec![receipt(beacon, witness, None); 100]));
    let (_, twice) = drawn(&report(vec![receipt(beacon, witness, None); 200]));
    assert_eq!(once.len(), twice.len());
    assert!(once.contains("class=\"ok w2\"") && !once.contains("class=\"ok w0\""));
}

#[test]
fn reasons_by_frequency_then_by_name() {
    let at = place(0, 0);
    let refusals = ["b", "a", "c", "c"].map(|reason| receipt(at, at, Some(reason)));
    let mut report = report(refusals.to_vec());
    report.receipts.push(receipt(at, at, None));
    assert_eq!(report.reasons(), [("c", 2), ("a", 1), ("b", 1)]);
    assert_eq!((report.accepted(), report.receipts.len()), (1, 5));
    let (page, _) = drawn(&report);
    assert!(page.contains("swatch r0\"></i>c</td><td class=\"n\">2</td><td class=\"n\">40.0\u{202f}%</td>"));
    assert!(page.contains("swatch ok\"></i>accepted</td><td class=\"n\">1</td>"));
}

#[test]
fn more_reasons_than_colours_share_the_last() {
    let at = place(0, 0);
    let receipts: Vec<_> = (0..9)
        .map(|reason| receipt(at, at, Some(&format!("reason {reason}"))))
        .collect();
    let (_, map) = drawn(&report(receipts));
    assert!(map.contains("4 other reasons  4") && map.contains("reason 4  1") && !map.contains("reason 5"));
}

#[test]
fn north_is_up_and_distances_are_true() {
    let centre = place(450_000_000, 57_000_000);
    // 0.1 degrees north; and as many metres east: 0.1 / cos 45.05, the mean latitude.
    let north = place(451_000_000, 57_000_000);
    let east = place(450_000_000, 58_415_430);
    let projection = Projection::around([centre, north, east].into_iter());
    let [(x, y), (north_x, north_y), (east_x, east_y)] =
        [centre, north, east].map(|at| projection.project(at));
    assert_eq!((north_x, east_y), (x, y));
    assert!(north_y < y && east_x > x);
    assert!(
        ((y - north_y) - (east_x - x)).abs() <= 2,
        "{} {}",
        y - north_y,
        east_x - x
    );
}

#[test]
fn places_are_inside_with_a_margin() {
    let sets = [
        vec![place(450_000_000, 57_000_000), place(450_000_001, 57_000_001)],
        vec![
            place(-300_000_000, 1_799_000_000),
            place(-301_000_000, -1_799_000_000),
        ],
        vec![place(0, 0), place(800_000_000, 1)],
        vec![place(0, -1_700_000_000), place(1, 1)],
    ];
    for places in sets {
        let projection = Projection::around(places.iter().copied());
        for at in places {
            let (x, y) = projection.project(at);
            assert!((420..=6_780).contains(&x), "{at:?}: x {x}");
            assert!((420..=projection.height * 10 - 420).contains(&y), "{at:?}: y {y}");
        }
    }
}

#[test]
fn the_date_line_does_not_tear_the_map() {
    let [west, east] = [
        place(-170_000_000, 1_799_000_000),
        place(-170_000_000, -1_799_000_000),
    ];
    let projection = Projection::around([west, east].into_iter());
    assert!(projection.project(west).0 < projection.project(east).0);
    let (_, map) = drawn(&report(vec![receipt(west, east, None)]));
    assert!(map.contains("179.95\u{b0} W") && map.contains("180\u{b0} E") && map.contains("5\u{202f}km"));
}

#[test]
fn the_scale_bar_is_as_long_as_it_says() {
    // 0.1 degrees of latitude are 11,119.5 m; the bar of 5 km is 0.44966 of that.
    let [south, north] = [place(0, 0), place(1_000_000, 0)];
    let projection = Projection::around([south, north].into_iter());
    let degree_tenth = projection.project(south).1 - projection.project(north).1;
    let (_, map) = drawn(&report(vec![receipt(south, north, None)]));
    let (before, _) = map.split_once("km</text>").unwrap();
    let metres: f64 = before
        .rsplit_once('>')
        .unwrap()
        .1
        .trim_end_matches('\u{202f}')
        .parse::<f64>()
        .unwrap()
        * 1_000.0;
    let bar = map.split_once("class=\"bar\"").unwrap().1;
    let length = bar.split_once('h').unwrap().1.split_once('v').unwrap().0;
    let length: f64 = length.parse().unwrap();
    let expected = degree_tenth as f64 / 10.0 * metres / 11_119.5;
    assert!(
        (length - expected).abs() <= 1.0,
        "{length} units for {metres} m, expected {expected}"
    );
}

#[test]
fn steps_are_round_and_few() {
    for range in (0..3_000).chain([u64::from(u32::MAX), 1 << 40]) {
        let step = step_above(range, 20);
        assert!(range / step < 20, "{range}: {step}");
        let digits = step.to_string();
        assert!(matches!(&digits[..1], "1" | "2" | "5") && digits[1..].bytes().all(|digit| digit == b'0'));
    }
    assert_eq!(
        [0, 19, 20, 39, 40, 99].map(|range| step_above(range, 20)),
        [1, 1, 2, 2, 5, 5]
    );
}

#[test]
fn the_histogram_counts_every_receipt() {
    let at = place(0, 0);
    let receipts = [0, 400, 999, 1_000, 9_000]
        .map(|distance_m| Receipt {
            distance_m,
            ..receipt(at, at, (distance_m > 5_000).then_some("far"))
        })
        .to_vec();
    let (page, _) = drawn(&report(receipts));
    // Steps of 500 m: 0 and 400; 999; 1000; 9000.
    let notes: Vec<_> = (page.split("class=\"note\"").skip(1))
        .map(|after| after.split_once('>').unwrap().1.split_once('<').unwrap().0)
        .collect();
    assert_eq!(notes, ["2", "1", "1", "0 / 1"]);
}
