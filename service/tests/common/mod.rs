//! What the service's tests share.

mod basics;
pub(crate) mod circuit;
pub(crate) mod postgres;
pub(crate) mod running;

#[allow(unused_imports)]
pub(crate) use basics::{Folder, rounds, skip};
