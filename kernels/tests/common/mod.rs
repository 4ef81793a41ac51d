//! What both law suites need: the backends, and how many rounds to run.

use popw_kernels::Backend;
use popw_kernels::backend::{available, by_name};
use std::sync::Arc;

/// `default` rounds, times `POPW_ROUNDS` if that is set.
pub(crate) fn rounds(default: usize) -> usize {
    let factor = std::env::var("POPW_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok());
    default * factor.unwrap_or(1)
}

/// The backend that is obviously right.
pub(crate) fn reference() -> Arc<dyn Backend> {
    by_name("reference").unwrap()
}

/// All others that this machine runs.
pub(crate) fn fast() -> Vec<Arc<dyn Backend>> {
    available()
        .into_iter()
        .filter(|backend| backend.name() != "reference")
        .collect()
}
