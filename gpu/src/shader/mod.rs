//! WGSL, written by Rust: [`field`] arithmetic, the [`curve`]'s additions, the kernels of transforms ([`ntt`]) and sums ([`msm`]).

pub(crate) mod curve;
pub mod field;
pub(crate) mod msm;
pub(crate) mod ntt;
