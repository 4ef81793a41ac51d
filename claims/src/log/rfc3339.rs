//! Dates of logs: RFC 3339, to the second.

/// Unix seconds of `2021-02-22T08:01:52+01:00`, `..Z`, `..52.5Z` (fractions are cut), or nothing for any
/// other text.
pub(super) fn unix_seconds(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let separators = [
        (4, b"-".as_slice()),
        (7, b"-"),
        (10, b"Tt "),
        (13, b":"),
        (16, b":"),
    ];
    if separators
        .iter()
        .any(|(at, allowed)| bytes.get(*at).is_none_or(|byte| !allowed.contains(byte)))
    {
        return None;
    }
    let [year, month, day] = [number(bytes, 0, 4)?, number(bytes, 5, 2)?, number(bytes, 8, 2)?];
    let [hour, minute, second] = [
        number(bytes, 11, 2)?,
        number(bytes, 14, 2)?,
        number(bytes, 17, 2)?,
    ];
    if !(1..=12).contains(&month) || !(1..=days_of_month(year, month)).contains(&day) {
        return None;
    }
    // A leap second is written as 60.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let zone = match bytes.get(19..)? {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            &fraction[digits..]
        }
        zone => zone,
    };
    let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds - offset_seconds(zone)?)
}

/// Seconds east of UTC.
fn offset_seconds(zone: &[u8]) -> Option<i64> {
    let sign = match zone {
        [b'Z' | b'z'] => return Some(0),
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return None,
    };
    let [hours, minutes] = [number(zone, 1, 2)?, number(zone, 4, 2)?];
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes) * 60)
}

/// Digits at a place.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<i64> {
    let digits = bytes.get(at..at + length)?;
    digits.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
    })
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, years counted from March so that a leap day is a year's
/// last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    // 153 days are five months from March on; 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 1
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2021-02-22T08:01:52+01:00", 1_613_977_312),
            ("2021-02-22 07:01:52.999z", 1_613_977_312),
            ("2021-02-22t02:31:52-04:30", 1_613_977_312),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("2016-12-31T23:59:60Z", 1_483_228_800),
        ];
        for (text, expected) in cases {
            assert_eq!(unix_seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries() {
        let mut expected = days_since_1970(1900, 1, 1);
        assert_eq!(expected, -25_567);
        for year in 1900..2300 {
            for month in 1..=12 {
                for day in 1..=days_of_month(year, month) {
                    assert_eq!(days_since_1970(year, month, day), expected);
                    expected += 1;
                }
            }
        }
    }

    #[test]
    fn other_texts() {
        let cases = [
            "",
            "2021",
            "22/02/2021 08:01",
            "2021-02-22T08:01:52",
            "2021-02-22T08:01:52+0100",
            "2021-13-22T08:01:52Z",
            "2021-02-29T08:01:52Z",
            "1900-02-29T08:01:52Z",
            "2021-02-22T24:01:52Z",
            "2021-02-22T08:60:52Z",
            "2021-02-22T08:01:61Z",
            "2021-02-22T08:01:52.Z",
            "2021-02-22T08:01:52+24:00",
            "2021-02-22T08:01:52Zx",
            "2021-02-22T08:01:52é",
            "+021-02-22T08:01:52Z",
            "2021-00-22T08:01:52Z",
            "2021-02-00T08:01:52Z",
        ];
        for text in cases {
            assert_eq!(unix_seconds(text), None, "{text}");
        }
    }
}
