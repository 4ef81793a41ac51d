//! Kernels of field arithmetic and points against arkworks, in both forms, on the adapters that this machine has.

mod field;
mod msm;
mod ntt;

use crate::{Form, Gpu, GpuOptions};

/// Set where a missing adapter is a failure: in CI.
const REQUIRED: &str = "POPW_REQUIRE_ALL";

/// The test's device in a form, or a loud word that there is none.
pub(crate) fn gpu(form: Form) -> Option<Gpu> {
    let options = GpuOptions {
        form: Some(form),
        ..GpuOptions::default()
    };
    match Gpu::open(&options) {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            assert!(
                std::env::var_os(REQUIRED).is_none(),
                "a GPU test has no adapter: {error}"
            );
            eprintln!("SKIPPED: a GPU test has no adapter: {error}");
            None
        }
    }
}

/// The devices of both forms that this machine has.
pub(crate) fn gpus() -> Vec<Gpu> {
    [Form::Wide, Form::Narrow].into_iter().filter_map(gpu).collect()
}
