//! Files to a [`Directory`]: the tables of one contact centre, read and checked as a whole.
//!
//! A table that has any mistake is not used at all, and every mistake of every table is told at once.

mod difference;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod table;

pub use difference::{Change, diff};
pub use table::load;

#[cfg(doc)]
use crate::routing::Directory;

#[cfg(test)]
mod tests;
