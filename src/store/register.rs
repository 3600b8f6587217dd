//! Registers: settings that all senders of calls share, each with a name and a version. A write names the version that was
//! read, and gets the present one where another write came first.

use serde_json::Value;

pub(crate) use super::records::RegisterRow;
use super::request::{Answer, Question};
use super::{Failed, Store};

/// What came of the wish to write a register.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Swapped {
    /// It is written, and on disk.
    Written,
    /// It is another than the one that was seen: as it is now.
    Other(Option<RegisterRow>),
}

impl Store {
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
    /// The store has failed; the register is as it was, or is written.
    pub(crate) async fn swap(
        &self,
        name: &'static str,
        seen: u64,
        value: Value,
    ) -> Result<Swapped, Failed> {
        match self.ask(Question::Swap { name, seen, value }).await? {
            Answer::Swapped(swapped) => Ok(swapped),
            _ => Err(self.gone()),
        }
    }
}
