//! Why a command stopped.
//!
//! Depends on: nothing. Where to go next: `main`, which turns it into an exit status.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::{fmt, io};

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line makes no sense.
    Usage(String),
    /// A file could not be read or written.
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A program could not be started.
    Start { program: String, source: io::Error },
    /// A program said no.
    Status { command: String, status: ExitStatus },
    /// Cargo printed something unexpected.
    Metadata(String),
    /// A check found something; it has printed what.
    Found(String),
}

impl Error {
    /// For `map_err` on file operations.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File {
            doing,
            path: path.into(),
            source,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) | Self::Found(what) => f.write_str(what),
            Self::File { doing, path, source } => write!(f, "cannot {doing} {}: {source}", path.display()),
            Self::Start { program, source } => {
                write!(
                    f,
                    "cannot start `{program}`: {source}; is it installed and on the path?"
                )
            }
            Self::Status { command, status } => write!(f, "`{command}` failed: {status}"),
            Self::Metadata(what) => write!(f, "cargo's output is not as expected: {what}"),
        }
    }
}

impl std::error::Error for Error {}
