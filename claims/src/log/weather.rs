//! The CSV of a weather station: one row every few minutes.
//!
//! Every value is checked, none is interpreted: what is later signed is the row's bytes. Quotes have no
//! meaning, as no column holds text that would need them.

use std::io::Read;

use super::rfc3339::unix_seconds;
use super::{FILE_BYTES_MAX, LINE_BYTES_MAX, LogError, ROWS_MAX, RawLog, RawRow, read_limited};

/// The header, exactly.
pub const HEADER: &str = "timestamp,date,temperature (*C),humidity (%),pressure (hPa),\
    wind_speed (km/h),wind_direction,battery_voltage (V)";
/// Its columns: Unix seconds, a date, then measurements.
const TIMESTAMP: &str = "timestamp";
const DATE: &str = "date";
const MEASUREMENTS: [&str; 6] = [
    "temperature (*C)",
    "humidity (%)",
    "pressure (hPa)",
    "wind_speed (km/h)",
    "wind_direction",
    "battery_voltage (V)",
];
/// 2000-01-01 and 2100-01-01: timestamps outside are in another unit, or a clock that was never set.
const TIME_MIN: u64 = 946_684_800;
const TIME_LIMIT: u64 = 4_102_444_800;
/// Digits of the longest timestamp that is read as a number.
const TIME_DIGITS_MAX: usize = 19;
/// The date column may differ from the timestamp by this, in seconds: it was rounded from the same clock.
const DATE_SECONDS_MAX: u64 = 1;

/// Reads a weather log. `name` is what errors call the file.
///
/// Line ends are LF or CR LF; the last line may lack one. Rows out of order are sorted and counted, exact
/// duplicates dropped and counted ([`super::LogReport`]).
///
/// # Errors
/// [`LogError`] naming file, line, column and reason.
pub fn read_weather(name: &str, reader: impl Read) -> Result<RawLog, LogError> {
    let file = || name.to_owned();
    let bytes = read_limited(name, reader, FILE_BYTES_MAX)?;
    let content = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let mut lines = (1u64..).zip(content.split(|byte| *byte == b'\n'));
    let header = lines.next().map_or(&[][..], |(_, line)| without_cr(line));
    if bytes.is_empty() {
        return Err(LogError::Empty {
            file: file(),
            expected: HEADER,
        });
    }
    if header != HEADER.as_bytes() {
        let got = String::from_utf8_lossy(header).chars().take(200).collect();
        return Err(LogError::Header {
            file: file(),
            expected: HEADER,
            got,
        });
    }
    let mut rows = Vec::new();
    let mut dates_unchecked = 0;
    for (line, bytes) in lines {
        let too_large = |what, limit| LogError::TooLarge {
            file: file(),
            line,
            what,
            limit,
        };
        if rows.len() == ROWS_MAX {
            return Err(too_large("number of rows", ROWS_MAX as u64));
        }
        if bytes.len() > LINE_BYTES_MAX {
            return Err(too_large("length of the line in bytes", LINE_BYTES_MAX as u64));
        }
        let (row, date_checked) = read_row(name, line, without_cr(bytes))?;
        rows.push(row);
        dates_unchecked += usize::from(!date_checked);
    }
    RawLog::new(name, rows, dates_unchecked)
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Checks a row; also says whether its date could be compared.
fn read_row(name: &str, line: u64, bytes: &[u8]) -> Result<(RawRow, bool), LogError> {
    let file = || name.to_owned();
    let text = str::from_utf8(bytes).map_err(|_| LogError::NotText { file: file(), line })?;
    let columns: Vec<&str> = text.split(',').collect();
    let expected = 2 + MEASUREMENTS.len();
    let [timestamp, date, measurements @ ..] = columns.as_slice() else {
        return Err(LogError::Columns {
            file: file(),
            line,
            expected,
            got: columns.len(),
        });
    };
    if measurements.len() != MEASUREMENTS.len() {
        return Err(LogError::Columns {
            file: file(),
            line,
            expected,
            got: columns.len(),
        });
    }
    let refuse = |column, got: &str, reason| {
        Err(LogError::Value {
            file: file(),
            line,
            column,
            reason,
            got: got.chars().take(80).collect(),
        })
    };
    let time = match timestamp_of(timestamp) {
        Ok(time) => time,
        Err(reason) => return refuse(TIMESTAMP, timestamp, reason),
    };
    let instant = unix_seconds(date);
    if let Some(instant) = instant
        && instant.abs_diff(time.cast_signed()) > DATE_SECONDS_MAX
    {
        return refuse(
            DATE,
            date,
            format!("expected the instant of the timestamp, {time}"),
        );
    }
    for (&column, value) in MEASUREMENTS.iter().zip(measurements) {
        match value.parse::<f64>() {
            Ok(number) if number.is_finite() => {}
            Ok(_) => return refuse(column, value, "expected a finite number".to_owned()),
            Err(_) => return refuse(column, value, "expected a number".to_owned()),
        }
    }
    Ok((
        RawRow {
            line,
            time,
            bytes: bytes.to_vec(),
        },
        instant.is_some(),
    ))
}

fn timestamp_of(text: &str) -> Result<u64, String> {
    let is_plain =
        (1..=TIME_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let time = if is_plain { text.parse::<u64>().ok() } else { None };
    match time {
        None => Err("expected Unix seconds, a whole number".to_owned()),
        Some(time) if (TIME_MIN..TIME_LIMIT).contains(&time) => Ok(time),
        Some(_) => Err(
            "expected Unix seconds between 2000 and 2100 (not milliseconds, not an unset clock)".to_owned(),
        ),
    }
}
