//! What is wrong, and where.

use crate::{uptime, vote};

/// Why the files of a fleet are refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// A file could not be read.
    #[error("{file}, line {line}: cannot be read: {source}")]
    Read {
        /// Name of the file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What the reader said.
        source: std::io::Error,
    },
    /// A file or a line is over its limit.
    #[error("{file}, line {line}: longer than {limit} bytes")]
    TooLong {
        /// Name of the file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// Most bytes.
        limit: u64,
    },
    /// A value that is not accepted.
    #[error("{file}, line {line}, field `{field}`: {reason}")]
    Entry {
        /// Name of the file.
        file: String,
        /// The line, from 1; 0 when no single line is to blame.
        line: u64,
        /// Path of the field; `.` for the whole line.
        field: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// A zone that cannot be claimed.
    #[error("zone {zone}: {error}")]
    Zone {
        /// The zone.
        zone: u64,
        /// The reason.
        error: Box<uptime::AssemblyError>,
    },
    /// A vote that cannot be opened.
    #[error("zone {zone}, seat {seat}: {error}")]
    Vote {
        /// The zone.
        zone: u64,
        /// The seat.
        seat: usize,
        /// The reason.
        error: Box<vote::AssemblyError>,
    },
}

impl FleetError {
    pub(super) fn entry(file: &str, line: u64, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Entry {
            file: file.to_owned(),
            line,
            field: field.into(),
            reason: reason.into(),
        }
    }
}
