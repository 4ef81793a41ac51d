//! Kernels against arkworks and the CPU, in both forms, and the backend, on the adapters that this machine has.

mod backend;
mod field;
mod msm;
mod ntt;

use crate::{Backends, Form, Gpu, GpuOptions};

/// Set where a missing adapter is a failure: in CI.
const REQUIRED: &str = "POPW_REQUIRE_ALL";

/// The ways in which kernels run: both forms on Vulkan or its like, the narrow one on GL too, which has no other.
pub(crate) const WAYS: [(Backends, Form); 3] = [
    (Backends::PRIMARY, Form::Wide),
    (Backends::PRIMARY, Form::Narrow),
    (Backends::GL, Form::Narrow),
];

/// Options of a way.
pub(crate) fn options((backends, form): (Backends, Form)) -> GpuOptions {
    GpuOptions {
        backends: Some(backends),
        form: Some(form),
        ..GpuOptions::default()
    }
}

/// What opens, or a loud word that it does not.
pub(crate) fn opened<T>(result: Result<T, crate::GpuError>) -> Option<T> {
    match result {
        Ok(opened) => Some(opened),
        Err(error) => {
            assert!(
                std::env::var_os(REQUIRED).is_none(),
                "a GPU test has no adapter: {error}"
            );
            println!("SKIPPED: a GPU test has no adapter: {error}");
            None
        }
    }
}

/// A way's device.
pub(crate) fn gpu(way: (Backends, Form)) -> Option<Gpu> {
    opened(Gpu::open(&options(way)))
}

/// The devices of all ways that this machine has.
pub(crate) fn gpus() -> Vec<Gpu> {
    WAYS.into_iter().filter_map(gpu).collect()
}
