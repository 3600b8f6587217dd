//! Registers: settings that all senders of calls share, each with a name and a version. A write names the version that
//! was read, and gets the present one where another write came first.

use serde_json::Value;

pub(crate) use super::records::RegisterRow;
use super::request::Question;
use super::{Failed, Store};
use crate::routing::UnixMillis;

/// What came of the wish to write a register.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Swapped {
    /// It is written, and on disk.
    Written,
    /// It is another than the one that was seen: as it is now.
    Other(Option<RegisterRow>),
}

/// A register at a moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// None where it was never written.
    pub(crate) row: Option<RegisterRow>,
    /// When it was read, on the clock of whoever keeps it.
    pub(crate) at: UnixMillis,
}

impl Store {
    /// A register that is written by [`Store::swap_now`], and when it was read.
    ///
    /// # Errors
    /// The store is closed or cannot be read, or the row is damaged.
    pub(crate) async fn register_now(&self, name: &'static str) -> Result<Reading, Failed> {
        self.read(move |reader| reader.register_now(name)).await
    }

    /// Writes a register of that version at once and beside the groups of the writer; false where another write came
    /// first. A database that was promoted without the last writes may have an earlier version again.
    ///
    /// # Errors
    /// The store is closed or has failed; the register is as it was, or is written.
    pub(crate) async fn swap_now(
        &self,
        name: &'static str,
        seen: u64,
        value: Value,
    ) -> Result<bool, Failed> {
        if !self.has_nodes() {
            return Ok(self.swap(name, seen, value).await? == Swapped::Written);
        }
        self.read(move |reader| reader.swap_now(name, seen, &value)).await
    }

    /// A register; none where it was never written.
    ///
    /// # Errors
    /// The store is closed or cannot be read, or the row is damaged.
    pub(crate) async fn register(&self, name: &'static str) -> Result<Option<RegisterRow>, Failed> {
        self.read(move |reader| reader.register(name)).await
    }

    /// Writes a register of which version `seen` was seen, 0 where it was never written.
    ///
    /// # Errors
    /// The store has failed, or a newer program has written the register; it is as it was, or is written.
    pub(crate) async fn swap(
        &self,
        name: &'static str,
        seen: u64,
        value: Value,
    ) -> Result<Swapped, Failed> {
        self.ask(Question::Swap, (name, seen, value)).await?
    }
}
