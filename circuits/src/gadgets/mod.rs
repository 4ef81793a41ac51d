//! Gadgets: the parts that claims are made of. Each module opens with its relation, cost, argument and source.
//!
//! [`bits`] -> [`int`] (bounded integers) -> [`truncation`]; [`table`]; [`poseidon`] -> [`tree`]; [`montgomery`] -> [`eddsa`]; what watchers sign: [`bitmap`]; what claims open of the
//! registry: [`device`], [`seat`]. [`subjects`] puts them to the test.

pub mod bitmap;
pub mod bits;
pub mod device;
pub mod eddsa;
pub mod int;
pub mod montgomery;
pub mod poseidon;
pub mod seat;
pub mod subjects;
pub mod table;
pub mod tree;
pub mod truncation;

#[cfg(test)]
mod arithmetic_tests;
#[cfg(test)]
mod small_field;
#[cfg(test)]
mod tests;
