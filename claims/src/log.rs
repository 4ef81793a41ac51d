//! Logs of stations as they come from the field: read, checked, put in order, cut into days.
//!
//! A [`RawLog`] says nothing about who wrote it: its rows become evidence when a station signs them
//! ([`crate::record`]) and watchers receive them ([`crate::attestation`]).
//!
//! Depends on [`crate::epoch`]. Next: [`weather`], the reader of a weather station's CSV;
//! [`lora`], the reader of radio receptions.

pub mod lora;
mod rfc3339;
pub mod weather;

use std::io::Read;

use crate::epoch::Epoch;

pub use lora::read_lora;
pub use weather::read_weather;

/// Seconds of a UTC day (Unix time has no leap seconds).
pub const DAY_SECONDS: u64 = 86_400;
/// Largest file, in bytes.
pub const FILE_BYTES_MAX: u64 = 64 << 20;
/// Longest line, in bytes.
pub const LINE_BYTES_MAX: usize = 4_096;
/// Most rows of a file.
pub const ROWS_MAX: usize = 1_000_000;

/// Why a log is refused. Every variant names the file; lines count from 1, the header included.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file could not be read.
    #[error("{file}: cannot be read: {source}")]
    Read {
        /// Name of the log.
        file: String,
        /// What the reader said.
        source: std::io::Error,
    },
    /// The file, a line or the number of rows is over a limit.
    #[error("{file}, line {line}: {what} over the limit of {limit}; split the log")]
    TooLarge {
        /// Name of the log.
        file: String,
        /// Where the limit was passed.
        line: u64,
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// There is no header.
    #[error("{file}: the file is empty; expected the header `{expected}`")]
    Empty {
        /// Name of the log.
        file: String,
        /// The header of this kind of log.
        expected: &'static str,
    },
    /// The header is another one, so that the columns may mean anything.
    #[error("{file}, line 1: expected the header `{expected}`, got `{got}`")]
    Header {
        /// Name of the log.
        file: String,
        /// The header of this kind of log.
        expected: &'static str,
        /// The line found, cut after 200 characters.
        got: String,
    },
    /// A header and no rows.
    #[error("{file}: no rows after the header")]
    NoRows {
        /// Name of the log.
        file: String,
    },
    /// A line is not UTF-8.
    #[error("{file}, line {line}: not UTF-8 text")]
    NotText {
        /// Name of the log.
        file: String,
        /// The line.
        line: u64,
    },
    /// A row with more or fewer columns: often the torn last line of a file that is still being written.
    #[error("{file}, line {line}: expected {expected} columns, got {got}")]
    Columns {
        /// Name of the log.
        file: String,
        /// The line.
        line: u64,
        /// Columns of the header.
        expected: usize,
        /// Columns of the row.
        got: usize,
    },
    /// A value that is not what its column holds.
    #[error("{file}, line {line}, column `{column}`: {reason}, got `{got}`")]
    Value {
        /// Name of the log.
        file: String,
        /// The line.
        line: u64,
        /// Name of the column.
        column: &'static str,
        /// What is wrong and what was expected.
        reason: String,
        /// The refused text, cut after 80 characters.
        got: String,
    },
    /// A field of a line of JSON that is missing or not what it should be.
    #[error("{file}, line {line}, field `{field}`: {reason}")]
    Field {
        /// Name of the log.
        file: String,
        /// The line.
        line: u64,
        /// Path of the field; `.` for the whole line, `?` where its JSON breaks off.
        field: String,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// Two rows of the same second with different content: one of them is wrong, and nothing says which.
    #[error("{file}, line {line}: timestamp {time} was already used on line {first}, with other values")]
    Conflict {
        /// Name of the log.
        file: String,
        /// The line.
        line: u64,
        /// The earlier line.
        first: u64,
        /// The timestamp, Unix seconds.
        time: u64,
    },
}

/// Reads all of a file that may have at most `limit` bytes.
fn read_limited(name: &str, reader: impl Read, limit: u64) -> Result<Vec<u8>, LogError> {
    let mut bytes = Vec::new();
    let read = reader.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|source| LogError::Read {
        file: name.to_owned(),
        source,
    })?;
    if bytes.len() as u64 > limit {
        return Err(LogError::TooLarge {
            file: name.to_owned(),
            line: 1,
            what: "size in bytes",
            limit,
        });
    }
    Ok(bytes)
}

/// One row, unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRow {
    /// Line in the file, from 1.
    pub line: u64,
    /// The station's timestamp, Unix seconds.
    pub time: u64,
    /// The row as it stands in the file, without the line end.
    pub bytes: Vec<u8>,
}

/// What was noticed and not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogReport {
    /// Rows in the file.
    pub rows: usize,
    /// Rows with an earlier timestamp than the row before them; sorted.
    pub out_of_order: usize,
    /// Rows equal to another, byte by byte; dropped.
    pub duplicates: usize,
    /// Rows whose date column is not RFC 3339 and was not compared with the timestamp.
    pub dates_unchecked: usize,
}

/// The rows of an epoch, and how many rows of the log are outside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochRows<'a> {
    /// The rows, in order.
    pub rows: &'a [RawRow],
    /// Rows before or after the epoch.
    pub skipped: usize,
}

/// A log that can be read and is in order; unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawLog {
    name: String,
    rows: Vec<RawRow>,
    report: LogReport,
}

impl RawLog {
    /// Sorts rows by time, drops exact duplicates, refuses conflicting ones.
    fn new(name: &str, mut rows: Vec<RawRow>, dates_unchecked: usize) -> Result<Self, LogError> {
        let file = || name.to_owned();
        if rows.is_empty() {
            return Err(LogError::NoRows { file: file() });
        }
        let total = rows.len();
        let out_of_order = rows.windows(2).filter(|pair| pair[1].time < pair[0].time).count();
        rows.sort_by_key(|row| (row.time, row.line));
        rows.dedup_by(|later, earlier| later.time == earlier.time && later.bytes == earlier.bytes);
        if let Some([first, second]) = rows
            .array_windows()
            .find(|[first, second]| first.time == second.time)
        {
            return Err(LogError::Conflict {
                file: file(),
                line: second.line,
                first: first.line,
                time: second.time,
            });
        }
        let duplicates = total - rows.len();
        let report = LogReport {
            rows: total,
            out_of_order,
            duplicates,
            dates_unchecked,
        };
        Ok(Self {
            name: file(),
            rows,
            report,
        })
    }

    /// The name that errors use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All rows by time.
    #[must_use]
    pub fn rows(&self) -> &[RawRow] {
        &self.rows
    }

    /// What was noticed and not refused.
    #[must_use]
    pub fn report(&self) -> LogReport {
        self.report
    }

    /// The UTC days that have rows, as days since 1970-01-01, ascending.
    #[must_use]
    pub fn days(&self) -> Vec<u64> {
        let mut days: Vec<u64> = self.rows.iter().map(|row| row.time / DAY_SECONDS).collect();
        days.dedup();
        days
    }

    /// The rows of a UTC day.
    #[must_use]
    pub fn rows_of_day(&self, day: u64) -> &[RawRow] {
        let start = day.saturating_mul(DAY_SECONDS);
        self.between(start, start.saturating_add(DAY_SECONDS))
    }

    /// The rows of an epoch, by the station's timestamps.
    #[must_use]
    pub fn rows_of_epoch(&self, epoch: &Epoch) -> EpochRows<'_> {
        let seconds = epoch.range();
        let rows = self.between(seconds.start, seconds.end);
        EpochRows {
            rows,
            skipped: self.rows.len() - rows.len(),
        }
    }

    /// How many slots of an epoch have at least one row.
    #[must_use]
    pub fn slots_logged(&self, epoch: &Epoch) -> u32 {
        let mut slots: Vec<Option<u32>> = self
            .rows_of_epoch(epoch)
            .rows
            .iter()
            .map(|row| epoch.slot_of(row.time))
            .collect();
        slots.dedup();
        slots.iter().map(|slot| u32::from(slot.is_some())).sum()
    }

    fn between(&self, start: u64, end: u64) -> &[RawRow] {
        let first = self.rows.partition_point(|row| row.time < start);
        let last = self.rows.partition_point(|row| row.time < end);
        &self.rows[first..last]
    }
}

#[cfg(test)]
mod tests;
