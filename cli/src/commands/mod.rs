//! One module for each command of the grammar; each is a function from parsed arguments to an outcome.

pub mod circuit;
pub mod claim;
pub mod export;
pub mod keys;
pub mod prove;
pub mod verify;
