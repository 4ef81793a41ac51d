//! The compute of a Groth16 prover over BN254 on any vendor's GPU, through wgpu: Vulkan, Metal, DX12, and GL where nothing else is.
//!
//! What it is for: [`Wgpu`](backend::Wgpu) is a [`popw_kernels::Backend`] whose sums and transforms run on the device while the CPU does its share, and which
//! goes on with the CPU alone when the device fails. docs/gpu.md has the derivation of the limbs' bounds, the passes and the plan of memory.
//!
//! | module | what it is for |
//! |---|---|
//! | [`device`] | [`Gpu`]: an adapter, its limits, its health. Start here |
//! | [`shader`] | the kernels' text: a generator of field arithmetic in two forms, the curve, transforms, sums |
//! | `kernel` | compiling and running a kernel |
//! | `ntt`, `msm` | transforms and sums: which kernels run over which buffers |
//! | `memory`, `queue`, `share` | keys that stay on the device; small sums that run as one; what the CPU does meanwhile |
//! | [`backend`] | [`Wgpu`], which puts it together and has the CPU behind it |
//! | [`rates`] | how fast the kernels are |
//!
//! Depends on: `popw-kernels` for the seam and for the CPU; wgpu. `unsafe` stands in `device`, `kernel` and `memory` only.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod backend;
pub mod device;
mod error;
mod kernel;
mod memory;
mod msm;
mod ntt;
mod queue;
pub mod rates;
pub mod shader;
mod share;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use backend::{Warn, Wgpu};
pub use device::{AdapterReport, FailPoint, Gpu, GpuOptions, adapters};
pub use error::GpuError;
pub use shader::field::Form;
pub use wgpu::{Backends, DeviceType};

/// Nothing that a mutex of this crate guards is left half changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
