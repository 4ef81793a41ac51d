//! The page as a whole: well-formed, harmless, small, the same every time, and with the numbers that were counted.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::tally::Outage;
use super::*;
use crate::report::xml;
use popw_claims::uptime::{Preset, longest_outage, up_slots};

const HOSTILE: &str = "<script>alert(\"1\")</script>'&\u{202e}\u{0}";

fn report(tally: Tally, slots: usize) -> UptimeReport {
    let shape = Shape::new(256, 8, slots);
    UptimeReport {
        title: "Network".to_owned(),
        epoch: 20_152,
        epoch_start: 20_152 * 86_400,
        shape,
        parameters: Preset::Geodnet.parameters(&shape, 86_400, 5),
        preset: Some(Preset::Geodnet.name().to_owned()),
        epoch_tag: "0x01".to_owned(),
        registry_root: "0x02".to_owned(),
        params_hash: "0x03".to_owned(),
        attestations_hash: "0x04".to_owned(),
        tally,
        seats: vec![
            SeatCount {
                attested: 3,
                absent: 1
            };
            8
        ],
        rejections: Vec::new(),
    }
}

/// The page, checked.
fn page_of(report: &UptimeReport) -> String {
    let page = html(report);
    xml::check_page(&page);
    assert_eq!(page, html(report), "the same data give the same bytes");
    page
}

/// The text of the first element of a kind after a mark.
fn text_after<'a>(page: &'a str, mark: &str, start: &str) -> &'a str {
    let after = page.split_once(mark).unwrap().1;
    after.split_once(start).unwrap().1.split_once('<').unwrap().0
}

#[test]
fn an_empty_fleet() {
    for slots in [0, 1, 24, 144, 3_528] {
        let page = page_of(&report(Tally::new(0, slots), slots));
        assert_eq!(text_after(&page, "<dt>Devices</dt>", "number\">"), "0");
        assert!(page.contains("No device was without quorum in any slot."));
    }
}

#[test]
fn one_device() {
    let slots: Vec<_> = (0..144).map(|slot| !(10..16).contains(&slot)).collect();
    let mut tally = Tally::new(1, 144);
    let device = DeviceUptime {
        index: 7,
        slots: &slots,
        score: 916_666,
    };
    tally.add_zone(0, Some("settle/0.json".to_owned()), [device]);
    assert_eq!(
        tally.outages,
        [Outage {
            device: 7,
            zone: 0,
            first_slot: 10,
            slots: 6
        }]
    );
    let page = page_of(&report(tally, 144));
    assert_eq!(text_after(&page, "<dt>Devices</dt>", "number\">"), "1");
    assert_eq!(
        text_after(&page, "<dt>Mean uptime</dt>", "number\">"),
        "95.8\u{202f}%"
    );
    assert_eq!(text_after(&page, "<dt>Total score</dt>", "number\">"), "0.916");
    for outage in ["01:40", "02:40", "1\u{202f}h"] {
        assert!(
            page.contains(&format!("<td class=\"n\">{outage}</td>")),
            "{outage}"
        );
    }
    assert!(page.contains("0.916666") && page.contains("settle/0.json"));
    assert!(page.contains(EVIDENCE.split('\'').next().unwrap()) && page.contains("Does not prove"));
}

#[test]
fn hostile_texts_stay_texts() {
    let mut tally = Tally::new(1, 24);
    tally.add_zone(0, Some(HOSTILE.to_owned()), []);
    let hostile = || HOSTILE.to_owned();
    let rejection = Rejection {
        reason: hostile(),
        count: u64::MAX,
        examples: vec![
            FileLine {
                file: HOSTILE.repeat(10),
                line: u64::MAX
            };
            5
        ],
    };
    let mut hostile_report = UptimeReport {
        title: hostile(),
        preset: Some(hostile()),
        epoch_tag: hostile(),
        registry_root: hostile(),
        params_hash: hostile(),
        attestations_hash: hostile(),
        epoch: u64::MAX,
        epoch_start: u64::MAX,
        rejections: vec![rejection; 1_000],
        seats: vec![
            SeatCount {
                attested: u64::MAX,
                absent: u64::MAX
            };
            10
        ],
        ..report(tally, 24)
    };
    for policy in PolicyKind::ALL {
        hostile_report.parameters.policy = policy;
        let page = page_of(&hostile_report);
        assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{0}'));
        assert!(page.contains("&lt;script&gt;"));
        assert!(page.contains("960 more reasons are not shown."));
    }
}

#[test]
fn a_million_devices() {
    const ZONES: u64 = 3_907;
    let up = vec![true; 144];
    let half: Vec<_> = (0..144).map(|slot| slot % 2 == 0).collect();
    let mut tally = Tally::new(ZONES, 144);
    for zone in 0..ZONES {
        let devices = (zone * 256..).take(256).map(|index| {
            let slots = if (index * 7 + zone) % 5 == 0 { &half } else { &up };
            DeviceUptime {
                index,
                slots,
                score: if std::ptr::eq(slots, &up) { 1_000_000 } else { 0 },
            }
        });
        tally.add_zone(zone, (zone != 9).then(|| format!("settle/{zone}.json")), devices);
    }
    let devices = ZONES * 256;
    assert_eq!(tally.uptime.iter().sum::<u64>(), devices);
    assert_eq!(tally.uptime[72] + tally.uptime[144], devices);
    assert_eq!(
        (tally.scores[0], tally.scores[21]),
        (tally.uptime[72], tally.uptime[144])
    );
    let page = page_of(&report(tally, 144));
    assert_eq!(
        text_after(&page, "<dt>Devices</dt>", "number\">"),
        grouped(devices)
    );
    assert!(page.contains("200 of 3\u{202f}907 zones") && page.contains("3\u{202f}707 others"));
    assert!(
        text_after(&page, "others</td>", "<tr><td>") == "9",
        "the zone that was not settled comes first"
    );
}

#[test]
fn a_checkered_epoch_is_the_largest() {
    let mut tally = Tally::new(64, 144);
    for zone in 0..64u64 {
        let slots: Vec<_> = (0..144).map(|slot| (slot + zone) % 2 == 0).collect();
        let device = DeviceUptime {
            index: zone,
            slots: &slots,
            score: 1,
        };
        tally.add_zone(zone, None, [device]);
    }
    let page = page_of(&report(tally, 144));
    assert_eq!(
        page.matches("h-5z").count() + page.matches("h-6z").count(),
        64 * 144
    );
}

#[test]
fn counts_agree_with_the_rule() {
    let patterns: [u64; 5] = [0, !0, 0b1011_0001, 0x00ff_ff00, 1 << 23];
    let devices: Vec<Vec<bool>> = patterns
        .iter()
        .map(|bits| (0..24).map(|slot| bits >> slot & 1 == 1).collect())
        .collect();
    let mut tally = Tally::new(1, 24);
    let rows = (0u64..).zip(&devices).map(|(index, slots)| DeviceUptime {
        index,
        slots,
        score: up_slots(slots) * 40_000,
    });
    tally.add_zone(0, None, rows);
    for slots in &devices {
        assert!(tally.uptime[up_slots(slots) as usize] > 0);
    }
    let longest = devices.iter().map(|slots| longest_outage(slots)).max().unwrap();
    assert_eq!(tally.outages[0].slots, u64::from(longest));
    assert!(
        tally
            .outages
            .is_sorted_by_key(|outage| std::cmp::Reverse(outage.slots))
    );
    let total: u32 = devices.iter().map(|slots| up_slots(slots)).sum();
    assert_eq!(tally.zones[0].slots_up, u64::from(total));
    let in_grid: u64 = tally.grid.shares[0].iter().map(|(up, _)| up).sum();
    assert_eq!(in_grid, u64::from(total));
}

#[test]
fn only_the_ten_longest_outages_are_kept() {
    let mut tally = Tally::new(1, 48);
    let devices: Vec<Vec<bool>> = (0..30)
        .map(|length| (0..48).map(|slot| slot >= length).collect())
        .collect();
    let rows = (0u64..).zip(&devices).map(|(index, slots)| DeviceUptime {
        index,
        slots,
        score: 0,
    });
    tally.add_zone(0, None, rows);
    let kept: Vec<_> = tally.outages.iter().map(|outage| outage.slots).collect();
    assert_eq!(kept, (20..30).rev().collect::<Vec<_>>());
}

#[test]
fn slots_too_many_or_too_few_and_zones_that_do_not_exist() {
    let mut tally = Tally::new(1, 24);
    let long = [true; 30];
    let device = |index, slots| DeviceUptime {
        index,
        slots,
        score: u32::MAX,
    };
    tally.add_zone(5, None, [device(0, &long), device(1, &long[..3])]);
    assert_eq!((tally.uptime[24], tally.uptime[3]), (1, 1));
    assert_eq!(
        tally.grid.shares[0][0],
        (0, 0),
        "no row for a zone beyond the last"
    );
    page_of(&report(tally, 24));
}

#[test]
fn bins_hold_every_device_once() {
    for slots in [1usize, 24, 30, 31, 97, 144, 288, 1_440, 3_528] {
        let uptime: Vec<u64> = (0..=slots as u64).collect();
        let bins = uptime_bins(&uptime);
        let sum: u64 = bins.iter().map(|(_, count)| count).sum();
        assert_eq!(sum, uptime.iter().sum::<u64>(), "{slots} slots");
        assert!(bins.len() <= 31);
        assert_eq!(bins[0].1, 0);
        assert_eq!(bins.last().unwrap(), &(slots.to_string(), slots as u64));
    }
    let named = uptime_bins(&vec![1; 145]);
    let names: Vec<_> = named.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["0", "1\u{2013}5", "6\u{2013}11"]);
    assert_eq!(names[24..], ["138\u{2013}143", "144"]);
}

#[test]
fn scores_at_the_borders_of_bins() {
    let mut tally = Tally::new(1, 1);
    let scores = [0, 1, 49_999, 50_000, 949_999, 950_000, 999_999, 1_000_000];
    let rows = scores.map(|score| DeviceUptime {
        index: 0,
        slots: &[true],
        score,
    });
    tally.add_zone(0, None, rows);
    let filled: Vec<_> = (tally.scores.iter().enumerate())
        .filter(|(_, count)| **count > 0)
        .map(|(bin, count)| (bin, *count))
        .collect();
    assert_eq!(filled, [(0, 1), (1, 2), (2, 1), (19, 1), (20, 2), (21, 1)]);
    let names: Vec<_> = score_bins(&tally.scores)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        [&names[0], &names[1], &names[20], &names[21]],
        ["0", "0.00\u{2013}0.05", "0.95\u{2013}1.00", "1"]
    );
}

#[test]
fn rows_of_the_grid() {
    assert_eq!(Tally::new(3, 24).grid.row_names(), ["0", "1", "2"]);
    let grid = Tally::new(130, 1_440).grid;
    assert_eq!((grid.shares.len(), grid.shares[0].len()), (44, 144));
    assert_eq!(grid.row_names().first().unwrap(), "0\u{2013}2");
    assert_eq!(grid.row_names().last().unwrap(), "129");
    let grid = Tally::new(1 << 20, 3_528).grid;
    assert_eq!((grid.shares.len(), grid.shares[0].len()), (64, 142));
}
