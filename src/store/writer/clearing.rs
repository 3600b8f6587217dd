//! When what the journal holds is moved into sled: by age, by size, and all of it at the end.

use super::Writer;
use crate::store::request::Failed;

/// With so many bytes in it the journal is moved into sled, whatever its age.
const ENOUGH: u64 = 8 * 1024 * 1024;
/// With so many bytes in it commits wait for sled.
const FULL: u64 = 32 * 1024 * 1024;

impl Writer {
    /// Has what the journal holds moved into sled, when it is time.
    pub(super) fn clear_journal(&mut self) -> Result<(), Failed> {
        if self.journal.written() >= FULL {
            self.keeper.rest()?;
        }
        let enough = self.journal.written() >= ENOUGH
            || self.since.is_some_and(|since| since.elapsed() >= self.terms.journal_age);
        if enough && self.keeper.is_at_rest()? {
            self.since = None;
            self.journal.turn();
            self.keeper.take(self.rows.memtable.send_off(), self.commits)?;
        }
        Ok(())
    }

    /// Has all of the journal moved into sled, and waits for it.
    pub(super) fn empty_journal(&mut self) -> Result<(), Failed> {
        self.keeper.rest()?;
        if self.journal.written() > 0 {
            self.journal.turn();
            self.keeper.take(self.rows.memtable.send_off(), self.commits)?;
        }
        self.keeper.rest()
    }

    /// Empties what the journal does not need, if that can be done now.
    pub(super) fn trim_journal(&mut self) -> Result<(), Failed> {
        if self.keeper.is_at_rest()? {
            self.journal.trim().map_err(|error| Failed::Write(error.to_string()))?;
        }
        Ok(())
    }
}
