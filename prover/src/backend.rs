//! Choosing the compute: [`detect`] and [`by_name`] know the backends of `popw-kernels` and, with the feature `gpu`, that of `popw-gpu`.
//!
//! A backend is a value made at run time. The GPU is used only where it is asked for by its name, `wgpu`: it is shared with other programs, and its first
//! use compiles for seconds.

use popw_kernels::Backend;
pub use popw_kernels::backend::BACKEND_VARIABLE;
use popw_kernels::backend::{self, NAMES};
use std::sync::Arc;

/// The name of the GPU's backend.
pub const GPU: &str = "wgpu";

/// Why there is no such backend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// Nobody knows it.
    #[error("no backend is called {name:?}; there are: {}, {GPU}", NAMES.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// This machine's CPU lacks what it needs.
    #[error(transparent)]
    Cpu(backend::BackendError),
    /// This program was built without it.
    #[error("the backend {GPU} is not in this program: build it with `--features gpu`")]
    NotBuilt,
    /// There is no GPU that can be used.
    #[cfg(feature = "gpu")]
    #[error("the backend {GPU} cannot be used: {0}")]
    Gpu(#[from] popw_gpu::GpuError),
}

/// The backend of this name.
///
/// # Errors
/// If there is none, or this machine cannot run it.
pub fn by_name(name: &str) -> Result<Arc<dyn Backend>, BackendError> {
    match name {
        GPU => gpu(),
        name if NAMES.contains(&name) => backend::by_name(name).map_err(BackendError::Cpu),
        name => Err(BackendError::Unknown {
            name: name.to_owned(),
        }),
    }
}

#[cfg(feature = "gpu")]
fn gpu() -> Result<Arc<dyn Backend>, BackendError> {
    Ok(popw_gpu::Wgpu::open(&popw_gpu::GpuOptions::from_env())?)
}

#[cfg(not(feature = "gpu"))]
fn gpu() -> Result<Arc<dyn Backend>, BackendError> {
    Err(BackendError::NotBuilt)
}

/// The backend that the variable `POPW_BACKEND` names, else the fastest of the CPU.
///
/// # Errors
/// If the variable names none that runs here.
pub fn detect() -> Result<Arc<dyn Backend>, BackendError> {
    match std::env::var(BACKEND_VARIABLE) {
        Ok(name) if !name.is_empty() => by_name(&name),
        _ => Ok(backend::fastest()),
    }
}
