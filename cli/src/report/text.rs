//! Numbers, shares, dates and times as people read them.

/// Seconds of a day.
const DAY: u64 = 86_400;
/// Most intervals of a time axis.
const MARKS_MAX: u64 = 8;
/// Steps of a time axis, in seconds.
const STEPS: [u64; 20] = [
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    2 * 60,
    5 * 60,
    10 * 60,
    15 * 60,
    30 * 60,
    3_600,
    2 * 3_600,
    3 * 3_600,
    6 * 3_600,
    12 * 3_600,
    DAY,
    2 * DAY,
    7 * DAY,
];

/// A count in groups of three digits, with narrow no-break spaces between.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun.
pub fn counted(number: u64, singular: &str, plural: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { singular } else { plural }
    )
}

/// A share in percent with one decimal, rounded down, so that only the whole is 100 %; only nothing is 0 %. A dash if the whole is 0.
pub fn percent(part: u64, whole: u64) -> String {
    let permille = (u128::from(part) * 1_000).checked_div(u128::from(whole));
    match permille {
        None => "\u{2013}".to_owned(),
        Some(0) if part == 0 => "0\u{202f}%".to_owned(),
        Some(0) => "<\u{202f}0.1\u{202f}%".to_owned(),
        Some(permille) if permille % 1_000 == 0 => format!("{}\u{202f}%", permille / 10),
        Some(permille) => format!("{}.{}\u{202f}%", permille / 10, permille % 10),
    }
}

/// A score in parts per million as a fraction with six decimals.
pub fn score(parts_per_million: u64) -> String {
    format!(
        "{}.{:06}",
        parts_per_million / 1_000_000,
        parts_per_million % 1_000_000
    )
}

/// A sum of scores in full scores, grouped, with three decimals, rounded down.
pub fn total_score(parts_per_million: u64) -> String {
    let thousandths = parts_per_million / 1_000;
    format!("{}.{:03}", grouped(thousandths / 1_000), thousandths % 1_000)
}

/// The civil date of a day counted from 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
pub fn date(day: u64) -> String {
    let shifted = day.saturating_add(719_468);
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 {
        month_shifted + 3
    } else {
        month_shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day_of_month:02}")
}

/// Date and time of a Unix second, in UTC; seconds only where they are not 0.
pub fn date_and_time(second: u64) -> String {
    format!("{} {}", date(second / DAY), clock(second))
}

/// Time of the day of a Unix second, in UTC; seconds only where they are not 0.
pub fn clock(second: u64) -> String {
    let of_day = second % DAY;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    if second == 0 {
        format!("{hour:02}:{minute:02}")
    } else {
        format!("{hour:02}:{minute:02}:{second:02}")
    }
}

/// The same for the end of a span of time: the end of a day is 24:00.
pub fn end_clock(second: u64) -> String {
    match second % DAY {
        0 => "24:00".to_owned(),
        _ => clock(second),
    }
}

/// A length of time in its two largest units.
pub fn duration(seconds: u64) -> String {
    let units = [
        (seconds / DAY, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let largest = units.iter().position(|(number, _)| *number > 0).unwrap_or(3);
    let parts: Vec<_> = (units.iter().skip(largest).take(2))
        .filter(|(number, unit)| *number > 0 || (*unit == "s" && largest == 3))
        .map(|(number, unit)| format!("{}\u{202f}{unit}", grouped(*number)))
        .collect();
    parts.join(" ")
}

/// Marks of a time axis: seconds since the start, with a label. At most nine, at round times of the day if the axis starts at one; the
/// end of the axis is a mark where it is round, too.
pub fn time_marks(start: u64, seconds: u64) -> Vec<(u64, String)> {
    let step = (STEPS.into_iter())
        .find(|step| seconds / step <= MARKS_MAX)
        .unwrap_or_else(|| seconds.div_ceil(MARKS_MAX));
    (0..=seconds / step)
        .map(|mark| {
            let at = mark * step;
            let second = start.saturating_add(at);
            let label = if step >= DAY {
                date(second / DAY).split_off(5)
            } else if at == DAY {
                end_clock(second)
            } else {
                clock(second)
            };
            (at, label)
        })
        .collect()
}

/// The largest of 1, 2, 5, 10, 20, 50, ... that is at most `number`, at least 1: steps of scales.
pub fn round_below(number: u64) -> u64 {
    let power = 10u64.pow(number.checked_ilog10().unwrap_or(0));
    match number / power {
        0 | 1 => power,
        2..=4 => 2 * power,
        _ => 5 * power,
    }
}

/// A distance in metres, in kilometres from 1 km on.
pub fn distance(metres: u64) -> String {
    let kilometres = metres / 1_000;
    if kilometres == 0 {
        return format!("{metres}\u{202f}m");
    }
    let fraction = format!("{:03}", metres % 1_000);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction}\u{202f}km", grouped(kilometres))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_civil() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(18_680), "2021-02-22");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(18_808), "2021-06-30");
        assert_eq!(date_and_time(1_614_000_061), "2021-02-22 13:21:01");
        assert!(date(u64::MAX).ends_with(|digit: char| digit.is_ascii_digit()));
    }

    #[test]
    fn groups() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1 000"),
            (12_345, "12 345"),
            (1_000_000, "1 000 000"),
        ] {
            assert_eq!(grouped(number), text.replace(' ', "\u{202f}"));
        }
        assert_eq!(
            [0, 1, 2].map(|n| counted(n, "zone", "zones")),
            ["0 zones", "1 zone", "2 zones"]
        );
    }

    #[test]
    fn only_the_whole_is_a_hundred_percent() {
        let plain = |part, whole| percent(part, whole).replace('\u{202f}', "");
        assert_eq!(plain(0, 0), "\u{2013}");
        assert_eq!(plain(0, 7), "0%");
        assert_eq!(plain(1, 1_000_000), "<0.1%");
        assert_eq!(plain(1, 3), "33.3%");
        assert_eq!(plain(999_999, 1_000_000), "99.9%");
        assert_eq!(plain(7, 7), "100%");
        assert_eq!(plain(u64::MAX, u64::MAX), "100%");
    }

    #[test]
    fn scores() {
        assert_eq!(score(750_000), "0.750000");
        assert_eq!(score(1_000_000), "1.000000");
        assert_eq!(total_score(1_234_567_899_999), "1\u{202f}234\u{202f}567.899");
    }

    #[test]
    fn durations() {
        let plain = |seconds| duration(seconds).replace('\u{202f}', " ");
        assert_eq!(plain(0), "0 s");
        assert_eq!(plain(59), "59 s");
        assert_eq!(plain(600), "10 min");
        assert_eq!(plain(86_400), "1 d");
        assert_eq!(plain(7 * 86_400 + 1_800), "7 d");
        assert_eq!(plain(5 * 3_600 + 60), "5 h 1 min");
    }

    #[test]
    fn marks_are_round_and_few() {
        let labels = |start, seconds| -> Vec<String> {
            (time_marks(start, seconds).into_iter())
                .map(|(_, label)| label)
                .collect()
        };
        let day = [
            "00:00", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "24:00",
        ];
        assert_eq!(labels(20_000 * DAY, DAY), day);
        assert_eq!(labels(18_680 * DAY, 7 * DAY)[..2], ["02-22", "02-23"]);
        assert_eq!(
            labels(2_400, 240),
            [
                "00:40", "00:40:30", "00:41", "00:41:30", "00:42", "00:42:30", "00:43", "00:43:30", "00:44"
            ]
        );
        for seconds in (0..2_000).chain([6 * 3_600, 14 * DAY, (1 << 21) - 1, u64::MAX]) {
            let marks = time_marks(0, seconds);
            assert!(
                (1..=9).contains(&marks.len()) && marks.iter().all(|(at, _)| *at <= seconds),
                "{seconds}"
            );
        }
    }

    #[test]
    fn scales() {
        assert_eq!(
            [0, 1, 3, 9, 49, 50, 199_999].map(round_below),
            [1, 1, 2, 5, 20, 50, 100_000]
        );
        assert_eq!(round_below(u64::MAX), 10_000_000_000_000_000_000);
        let plain = |metres| distance(metres).replace('\u{202f}', " ");
        assert_eq!(
            [0, 999, 1_000, 2_500, 12_000].map(plain),
            ["0 m", "999 m", "1 km", "2.5 km", "12 km"]
        );
    }
}
