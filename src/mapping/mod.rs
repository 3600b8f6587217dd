//! Files to a [`Directory`]: the tables of one contact centre, read and checked as a whole.
//!
//! A table that has any mistake is not used at all, and every mistake of every table is reported at once.

mod difference;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod table;

pub(crate) use difference::{Change, diff};
pub(crate) use table::load;

#[cfg(doc)]
use crate::routing::Directory;

#[cfg(test)]
mod tests;
