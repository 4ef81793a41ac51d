//! The time, as jobs have it.

use crate::job::Millis;
use std::time::{Duration, SystemTime};

/// Milliseconds since 1970.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // A clock before 1970 counts as 1970.
    millis(since.unwrap_or_default())
}

/// A span in milliseconds.
pub(crate) fn millis(span: Duration) -> Millis {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
