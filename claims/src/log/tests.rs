//! Tests of [`crate::log`].

#![allow(clippy::unwrap_used, clippy::panic)]

use super::weather::HEADER;
use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const STRASBOURG: &[u8] = include_bytes!("../../../testdata/weather/strasbourg_2021_h1.csv");
const GOOD: &str = "1613977312,2021-02-22T08:01:52+01:00,14.38,31,1001.28,0.00,3.0,12.6";
const NEXT: &str = "1613977911,2021-02-22T08:11:51+01:00,-12.88,41,998.05,2.70,6.0,12.6";

fn read(rows: &[&str]) -> Result<RawLog, LogError> {
    let text = [&[HEADER], rows].concat().join("\n");
    read_weather("test.csv", text.as_bytes())
}

fn refused(row: &str) -> String {
    read(&[NEXT, row]).unwrap_err().to_string()
}

#[test]
fn the_real_log() {
    let log = read_weather("strasbourg", STRASBOURG).unwrap();
    let expected = LogReport {
        rows: 10_531,
        out_of_order: 1,
        duplicates: 0,
        dates_unchecked: 0,
    };
    assert_eq!(log.report(), expected);
    assert_eq!((log.name(), log.rows().len()), ("strasbourg", 10_531));
    let days = log.days();
    assert_eq!((days.len(), days[0], days[128]), (129, 18_680, 18_808));
    assert!(log.rows().is_sorted_by_key(|row| row.time));
    // Every row is found again in its day, byte by byte.
    let text = str::from_utf8(STRASBOURG).unwrap();
    let of_days: BTreeSet<&[u8]> = days
        .iter()
        .flat_map(|day| log.rows_of_day(*day))
        .map(|row| row.bytes.as_slice())
        .collect();
    assert_eq!(of_days, text.lines().skip(1).map(str::as_bytes).collect());
}

#[test]
fn slots_of_the_real_log_equal_an_independent_count() {
    let log = read_weather("strasbourg", STRASBOURG).unwrap();
    let mut counted: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for line in str::from_utf8(STRASBOURG).unwrap().lines().skip(1) {
        let time: u64 = line.split(',').next().unwrap().parse().unwrap();
        counted
            .entry(time / 86_400)
            .or_default()
            .insert(time % 86_400 / 600);
    }
    let mut extremes = (u32::MAX, 0);
    for (day, slots) in counted {
        let epoch = Epoch::new(day, 86_400, 144).unwrap();
        let logged = log.slots_logged(&epoch);
        assert_eq!(logged as usize, slots.len(), "day {day}");
        extremes = (extremes.0.min(logged), extremes.1.max(logged));
        let rows = log.rows_of_epoch(&epoch);
        assert_eq!(rows.rows, log.rows_of_day(day));
        assert_eq!(rows.rows.len() + rows.skipped, log.rows().len());
    }
    assert_eq!(extremes, (56, 133));
    assert_eq!(log.slots_logged(&Epoch::new(1, 86_400, 144).unwrap()), 0);
}

#[test]
fn rows_keep_their_line_and_bytes() {
    let text = format!("{HEADER}\r\n{NEXT}\r\n{GOOD}\r\n");
    let log = read_weather("test.csv", text.as_bytes()).unwrap();
    assert_eq!(log.report().out_of_order, 1);
    let [first, second] = log.rows() else {
        panic!("two rows")
    };
    assert_eq!(
        (first.line, first.time, first.bytes.as_slice()),
        (3, 1_613_977_312, GOOD.as_bytes())
    );
    assert_eq!((second.line, second.bytes.as_slice()), (2, NEXT.as_bytes()));
}

#[test]
fn duplicates_are_dropped_and_conflicts_refused() {
    let log = read(&[GOOD, NEXT, GOOD]).unwrap();
    assert_eq!(
        log.report(),
        LogReport {
            rows: 3,
            out_of_order: 1,
            duplicates: 1,
            dates_unchecked: 0
        }
    );
    assert_eq!(log.rows().len(), 2);
    let other = GOOD.replace("14.38", "14.39");
    let error = read(&[GOOD, NEXT, &other]).unwrap_err();
    assert!(
        matches!(
            error,
            LogError::Conflict {
                line: 4,
                first: 2,
                time: 1_613_977_312,
                ..
            }
        ),
        "{error}"
    );
    // Also when an exact duplicate stands between them.
    assert!(matches!(
        read(&[GOOD, &other, GOOD]),
        Err(LogError::Conflict { .. })
    ));
}

#[test]
fn files_without_rows() {
    let read = |text: &str| read_weather("test.csv", text.as_bytes()).unwrap_err();
    assert!(matches!(read(""), LogError::Empty { .. }));
    assert!(matches!(read("\n"), LogError::Header { .. }));
    assert!(matches!(read(HEADER), LogError::NoRows { .. }));
    assert!(matches!(read(&format!("{HEADER}\n")), LogError::NoRows { .. }));
    assert!(matches!(
        read(&format!("\u{feff}{HEADER}\n{GOOD}")),
        LogError::Header { .. }
    ));
    assert!(matches!(
        read(&HEADER.replace("(hPa)", "(Pa)")),
        LogError::Header { .. }
    ));
}

#[test]
fn columns() {
    let error = read(&[GOOD, "1613977911,2021-02-22T08:11"]).unwrap_err();
    assert!(
        matches!(
            error,
            LogError::Columns {
                line: 3,
                expected: 8,
                got: 2,
                ..
            }
        ),
        "{error}"
    );
    assert!(matches!(
        read(&[&format!("{GOOD},1")]),
        Err(LogError::Columns { got: 9, .. })
    ));
    assert!(matches!(
        read(&[GOOD, "", NEXT]),
        Err(LogError::Columns { line: 3, got: 1, .. })
    ));
}

#[test]
fn values() {
    for (from, to, column, reason) in [
        ("14.38", "warm", "temperature (*C)", "expected a number"),
        ("14.38", "", "temperature (*C)", "expected a number"),
        (",31,", ",NaN,", "humidity (%)", "finite"),
        ("1001.28", "inf", "pressure (hPa)", "finite"),
        ("0.00", "1e999", "wind_speed (km/h)", "finite"),
        ("3.0", "-infinity", "wind_direction", "finite"),
        ("12.6", "12.6V", "battery_voltage (V)", "expected a number"),
        ("1613977312", "1613977312000", "timestamp", "milliseconds"),
        ("1613977312", "0", "timestamp", "unset clock"),
        ("1613977312", "-5", "timestamp", "whole number"),
        ("1613977312", "+1613977312", "timestamp", "whole number"),
        ("1613977312", "1613977312.5", "timestamp", "whole number"),
        ("1613977312", "99999999999999999999", "timestamp", "whole number"),
        ("1613977312", "1613977314", "date", "instant of the timestamp"),
        ("08:01:52+01:00", "08:01:52Z", "date", "instant of the timestamp"),
    ] {
        let error = refused(&GOOD.replacen(from, to, 1));
        assert!(
            error.contains("test.csv, line 3") && error.contains(column) && error.contains(reason),
            "{error}"
        );
    }
}

#[test]
fn a_second_of_rounding_and_other_date_formats_are_accepted() {
    assert_eq!(
        read(&[&GOOD.replacen("7312", "7313", 1)])
            .unwrap()
            .report()
            .dates_unchecked,
        0
    );
    let row = GOOD.replacen("2021-02-22T08:01:52+01:00", "22/02/2021 08:01", 1);
    assert_eq!(read(&[&row]).unwrap().report().dates_unchecked, 1);
}

#[test]
fn not_text() {
    let bytes = [HEADER.as_bytes(), b"\n\xff\xfe"].concat();
    assert!(matches!(
        read_weather("test.csv", bytes.as_slice()),
        Err(LogError::NotText { line: 2, .. })
    ));
}

#[test]
fn limits() {
    let long = format!("{HEADER}\n{}", "1".repeat(LINE_BYTES_MAX + 1));
    let error = read_weather("test.csv", long.as_bytes()).unwrap_err();
    assert!(matches!(error, LogError::TooLarge { line: 2, .. }), "{error}");
    let many = format!("{HEADER}\n{}", "946684800,,0,0,0,0,0,0\n".repeat(ROWS_MAX + 1));
    let error = read_weather("test.csv", many.as_bytes()).unwrap_err();
    assert!(
        matches!(
            error,
            LogError::TooLarge {
                what: "number of rows",
                ..
            }
        ),
        "{error}"
    );
    let endless = std::io::repeat(b'1');
    let error = read_weather("test.csv", endless).unwrap_err();
    assert!(
        matches!(
            error,
            LogError::TooLarge {
                what: "size in bytes",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn read_errors_name_the_file() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("unplugged"))
        }
    }
    let error = read_weather("test.csv", Broken).unwrap_err();
    assert_eq!(error.to_string(), "test.csv: cannot be read: unplugged");
}

#[test]
fn truncated_at_every_byte() {
    let text = format!("{HEADER}\n{GOOD}\n{NEXT}\n");
    for length in 0..text.len() {
        // A cut inside the last number of a row can leave a shorter number; everything else is noticed.
        let result = read_weather("test.csv", &text.as_bytes()[..length]);
        assert!(
            result.is_err() || length >= HEADER.len() + GOOD.len() - 2,
            "{length}"
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_weather("test.csv", bytes.as_slice());
        let with_header = [HEADER.as_bytes(), b"\n", &bytes].concat();
        let _ = read_weather("test.csv", with_header.as_slice());
    }
}
