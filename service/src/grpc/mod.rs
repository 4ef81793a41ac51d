//! The protocol on top of the [`Queue`](crate::queue::Queue): one module a service.
//!
//! | module | what it is for |
//! |---|---|
//! | [`prover`] | `popw.v1.Prover`, for tenants. Start here |
//! | [`worker`] | `popw.v1.Worker`, for workers on other machines |
//! | [`admin`] | `popw.v1.Admin` |
//! | [`calls`] | how many calls there are and how long they take |
//! | `convert`, `status` | messages and errors |

pub mod admin;
pub mod calls;
pub(crate) mod convert;
pub mod prover;
pub(crate) mod status;
pub mod worker;
