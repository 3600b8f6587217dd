//! What each node counts, in rows of its own that other nodes read: a row for a minute, and one for what is not of a
//! minute. What they say is their owner's. Nothing that was promised depends on them; they are gone an hour after they
//! were written.

use super::{Failed, Store};

/// A row of another node's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CountedRow {
    /// Since 1970; 0 for what is not of a minute.
    pub(crate) minute: i64,
    pub(crate) content: String,
    /// How long ago it was written, in milliseconds.
    pub(crate) age_ms: u64,
}

impl Store {
    /// Writes rows of this node, in place of those of the same minutes.
    ///
    /// # Errors
    /// The store is closed or cannot be written.
    pub(crate) async fn write_counted(
        &self,
        node: &str,
        rows: Vec<(i64, String)>,
    ) -> Result<(), Failed> {
        let node = node.to_owned();
        self.read(move |reader| reader.write_counted(&node, &rows)).await
    }

    /// The rows of all other nodes, since a minute.
    ///
    /// # Errors
    /// The store is closed or cannot be read.
    pub(crate) async fn counted_by_others(
        &self,
        node: &str,
        since: i64,
    ) -> Result<Vec<CountedRow>, Failed> {
        let node = node.to_owned();
        self.read(move |reader| reader.counted_by_others(&node, since)).await
    }
}
