//! Gadgets: the parts that claims are made of. Each module opens with its relation, cost, argument and source.
//!
//! [`bits`] -> [`int`] (bounded integers); [`poseidon`] -> [`tree`]; [`montgomery`] -> [`eddsa`]. [`subjects`] puts them to the test.

pub mod bits;
pub mod eddsa;
pub mod int;
pub mod montgomery;
pub mod poseidon;
pub mod subjects;
pub mod tree;

#[cfg(test)]
mod small_field;
#[cfg(test)]
mod tests;
