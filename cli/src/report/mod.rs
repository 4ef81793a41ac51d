//! Reports for people: HTML files that stand alone. They need no script, no network and no other file, follow the reader's
//! light or dark scheme, fit a phone, and stay below 2 MB whatever the size of the fleet.
//!
//! | module | what it is for |
//! |---|---|
//! | [`uptime`] | an epoch of U1; start here |
//! | [`coverage`] | receipts of radio beacons on a map |
//! | [`network`] | epochs as their chain knows them |
//! | `page`, `bars`, `heat` | the skeleton of a page; the two kinds of charts |
//! | `markup` | elements that cannot be malformed and text that cannot become markup |
//! | [`text`] | numbers, shares, dates and times as people read them |
//!
//! Each report is a pure function from plain data to a `String`: no clock, no randomness, no files; the same data give the same bytes.

mod bars;
pub mod coverage;
mod heat;
mod markup;
pub mod network;
mod page;
pub mod text;
pub mod uptime;
#[cfg(test)]
mod xml;

/// A name with a count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// What is counted.
    pub name: String,
    /// How many.
    pub count: u64,
}
