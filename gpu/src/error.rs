//! [`GpuError`]: why a device gave no result.

use popw_kernels::KernelError;

/// Why a device gave no result. Whoever has a CPU beside it goes on there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// No adapter, or none of the name asked for.
    #[error("no GPU adapter: {reason}")]
    NoAdapter {
        /// What was looked for and what came of it.
        reason: String,
    },
    /// An adapter without something that every kernel needs.
    #[error("the adapter {adapter} lacks {needs}")]
    Unsupported {
        /// Its name.
        adapter: String,
        /// What is missing.
        needs: String,
    },
    /// The device is gone: a reset, a driver that died, an unplugged card.
    #[error("the device was lost: {reason}")]
    Lost {
        /// What the driver says.
        reason: String,
    },
    /// The device has too little memory.
    #[error("out of device memory: {needed} bytes needed, {budget} are allowed")]
    Memory {
        /// Bytes that the work needs.
        needed: u64,
        /// Bytes that may be used.
        budget: u64,
    },
    /// The driver refused a call or a shader.
    #[error("the GPU driver refused: {reason}")]
    Driver {
        /// What it says.
        reason: String,
    },
    /// The device computes wrongly.
    #[error("the self-test failed: {kernel} differs from the CPU")]
    SelfTest {
        /// Which kernel.
        kernel: &'static str,
    },
    /// The caller's mistake or wish: no other device would do better.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}
