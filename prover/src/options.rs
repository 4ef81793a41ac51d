//! [`Options`]: what a caller may choose about a prover: compute, threads, memory, tables.

use crate::backend::{BackendError, detect};
use popw_kernels::Backend;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use std::path::PathBuf;
use std::sync::Arc;

/// What a caller may choose. The default is the machine's best compute, all of its threads, any memory, and tables if
/// they lie beside the key.
#[derive(Clone, Default)]
pub struct Options {
    /// The compute; if absent, what [`detect`] finds (the variable `POPW_BACKEND` names one).
    pub backend: Option<Arc<dyn Backend>>,
    /// Threads of a proof; if absent, the machine's.
    pub threads: Option<usize>,
    /// The most bytes of memory that a proof may take, tables included, the mapped key not; see [`crate::Estimate`].
    pub memory_cap: Option<u64>,
    /// Tables of multiples: more speed for memory.
    pub tables: TableFile,
}

/// Where tables of multiples are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TableFile {
    /// Beside the key: `KEY.tables`. They are used if they are there, belong to the key and fit into memory.
    #[default]
    Beside,
    /// Nowhere.
    None,
    /// In this file, which must be there and belong to the key.
    Path(PathBuf),
}

impl Options {
    /// These options with another compute.
    #[must_use]
    pub fn with_backend(self, backend: Arc<dyn Backend>) -> Self {
        Self {
            backend: Some(backend),
            ..self
        }
    }

    /// The threads that the options name, as a pool of their own.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn pool(&self) -> Result<ThreadPool, ThreadPoolBuildError> {
        thread_pool(self.threads)
    }

    /// The compute that the options name, or the machine's best.
    ///
    /// # Errors
    /// If `POPW_BACKEND` names none that runs here.
    pub fn backend(&self) -> Result<Arc<dyn Backend>, BackendError> {
        match &self.backend {
            Some(backend) => Ok(backend.clone()),
            None => detect(),
        }
    }
}

/// Threads of our own: the work of one prover neither waits for the caller's nor is stolen by them.
pub(crate) fn thread_pool(threads: Option<usize>) -> Result<ThreadPool, ThreadPoolBuildError> {
    let name = |index| format!("popw-prover-{index}");
    ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(0))
        .thread_name(name)
        .build()
}
