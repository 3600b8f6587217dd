//! When what the journal holds is moved into sled: by age, by size, and all of it at the end.

use std::time::{Duration, Instant};

use super::Writer;
use crate::clock;
use crate::store::request::Failed;

/// With so many bytes in it the journal is moved into sled, whatever its age.
const ENOUGH: u64 = 8 * 1024 * 1024;
/// With so many bytes in it commits wait for sled.
const FULL: u64 = 32 * 1024 * 1024;

/// How often files of the journal are emptied that hold nothing any more.
const TRIM: Duration = Duration::from_secs(60);

/// Since when things are as they are with the journal.
pub(super) struct Since {
    /// It holds what sled does not have and the keeper was not given.
    filling: Option<Instant>,
    trimmed: Instant,
}

impl Default for Since {
    fn default() -> Self {
        Self { filling: None, trimmed: clock::instant() }
    }
}

impl Since {
    pub(super) fn filled(&mut self, at: Instant) {
        self.filling.get_or_insert(at);
    }
}

impl Writer {
    /// Has what the journal holds moved into sled, when it is time.
    pub(super) fn clear_journal(&mut self) -> Result<(), Failed> {
        if self.journal.written() >= FULL {
            self.keeper.rest()?;
        }
        let enough = self.journal.written() >= ENOUGH
            || self.since.filling.is_some_and(|since| since.elapsed() >= self.terms.journal_age);
        if enough && self.keeper.is_at_rest()? {
            self.hand_over()?;
        }
        if self.since.trimmed.elapsed() >= TRIM && self.keeper.is_at_rest()? {
            self.since.trimmed = clock::instant();
            self.journal.trim().map_err(|error| Failed::Write(error.to_string()))?;
        }
        Ok(())
    }

    /// Has all of the journal moved into sled, and waits for it.
    pub(super) fn empty_journal(&mut self) -> Result<(), Failed> {
        self.keeper.rest()?;
        if self.journal.written() > 0 {
            self.hand_over()?;
        }
        self.keeper.rest()
    }

    /// Gives the keeper, which has to be at rest, all that the journal holds, and goes on in its other file.
    fn hand_over(&mut self) -> Result<(), Failed> {
        self.since.filling = None;
        self.journal.turn();
        self.keeper.take(self.rows.memtable.send_off(), self.commits)
    }
}
