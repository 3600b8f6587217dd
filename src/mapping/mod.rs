//! Files to a [`Directory`]: the tables of one contact centre, read and checked as a whole.
//!
//! A table that has any mistake is not used at all, and the mistakes of all tables are reported at once, of each the
//! first. A [`Sheet`] is one table as its text, for whoever changes rows and keeps the rest.

mod difference;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod keys;
mod rows;
mod sheet;
mod table;

pub(crate) use difference::{Change, diff};
pub(crate) use keys::{AgentKeys, KeyColumn};
pub(crate) use sheet::{Edit, Sheet};
pub(crate) use table::{AGENTS, QUEUES, REASONS, load};

#[cfg(doc)]
use crate::routing::Directory;

#[cfg(test)]
mod tests;
