//! Why a run of the benchmark ends. A peer that fails does not end it: its row says why.
//!
//! Depends on: nothing. Where to go next: `round`.

use std::io;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The system refused.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The statement or its key could not be made.
    #[error("cannot prepare {what}: {reason}")]
    Prepare {
        /// Which file.
        what: String,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// For `map_err`.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        |source| Self::Io { action, source }
    }
}
