//! The order of settling: what other programs are told of events that have reached their last state.
//!
//! Each settling has a place in one order, written in the commit that settles. An event that settles again has a place
//! again; what is told of either is the event as it is when it is read. No second copy of an event is kept for it.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;

use super::records::RegisterRow;
use super::{Failed, Store};
use crate::routing::EventRecord;

/// The register with the last place that is forgotten.
pub(super) const FORGOTTEN: &str = "settled-forgotten";

/// How many places are looked at for one answer.
pub(super) const LOOKED_AT: usize = 2_000;
/// How many bytes of rows are read for one answer, but for the last row.
pub(super) const READ: usize = 4 * 1024 * 1024;

/// How often a database is asked what other nodes have settled, while somebody waits for it.
const LOOK: Duration = Duration::from_millis(250);

/// A place in the order of settling: everything up to it was told. Its text is for whoever follows, and says nothing
/// else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cursor {
    /// Where several nodes write, what orders their transactions.
    position: u64,
    /// Orders what has the same position; 0 where one writer gives all places.
    number: u64,
}

/// What is told from a place on.
#[derive(Debug)]
pub(crate) enum Changes {
    /// The settled events after the place, each with its own, in the order of settling, and the place of the last that
    /// was looked at.
    Told { events: Vec<(Cursor, EventRecord)>, cursor: Cursor },
    /// What comes next after the place is forgotten: the place after which it goes on.
    Forgotten { oldest: Cursor },
}

impl Cursor {
    /// None where the text is no cursor.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (position, number) = text.split_once('-').unwrap_or((text, "0"));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(position) || !digits(number) {
            return None;
        }
        let (position, number) = (position.parse::<i64>().ok()?, number.parse::<i64>().ok()?);
        Some(Self { position: position.cast_unsigned(), number: number.cast_unsigned() })
    }

    pub(super) const fn new(position: u64, number: u64) -> Self {
        Self { position, number }
    }

    pub(super) const fn of_place(place: u64) -> Self {
        Self { position: place, number: 0 }
    }

    pub(super) const fn place(self) -> u64 {
        self.position
    }

    pub(super) const fn number(self) -> u64 {
        self.number
    }

    /// Whether it may be of a store with one writer.
    pub(super) const fn is_of_one_writer(self) -> bool {
        self.number == 0
    }

    pub(super) fn of_register(row: &RegisterRow) -> Self {
        row.value.as_str().and_then(Self::parse).unwrap_or_default()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => write!(f, "{}", self.position),
            number => write!(f, "{}-{number}", self.position),
        }
    }
}

impl Changes {
    pub(super) const fn none(cursor: Cursor) -> Self {
        Self::Told { events: Vec::new(), cursor }
    }
}

impl Store {
    /// What settled after a place, at most so many events; without a place the one of the end, and nothing. An answer
    /// without events whose cursor is another than the one that was asked for has more behind it.
    ///
    /// # Errors
    /// The store is closed or cannot be read.
    pub(crate) async fn changes(
        &self,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Changes, Failed> {
        self.read(move |reader| reader.changes(after, limit)).await
    }

    /// Changes whenever something may have settled since.
    pub(crate) fn settlings(&self) -> watch::Receiver<u64> {
        self.inner.shared.settlings.subscribe()
    }

    /// Looks for what other nodes settle, as long as somebody waits for it; runs until it is dropped.
    pub(crate) async fn watch_settlings(self) {
        if !self.inner.has_nodes {
            return std::future::pending().await;
        }
        let mut last = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let settlings = &self.inner.shared.settlings;
            if settlings.receiver_count() == 0 {
                continue;
            }
            if let Ok(Changes::Told { cursor, .. }) = self.changes(None, 0).await
                && last.replace(cursor) != Some(cursor)
            {
                settlings.send_modify(|count| *count += 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_what_it_was_written_as_and_nothing_else_is_one() {
        for text in ["0", "7", "9223372036854775807", "812-3"] {
            assert_eq!(Cursor::parse(text).map(|cursor| cursor.to_string()).as_deref(), Some(text));
        }
        for text in ["", "-", "1-", "-1", "+1", "1-2-3", "one", "9223372036854775808", "1 "] {
            assert_eq!(Cursor::parse(text), None, "{text:?}");
        }
        assert!(Cursor::new(2, 9) < Cursor::new(3, 1));
    }
}
