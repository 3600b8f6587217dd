//! The right to push and the place up to which all was taken: one register of the store, written anew every second
//! where other nodes use the store, too. A node takes over what has not changed for a while by its own clock: clocks
//! are never compared.

use std::pin::pin;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use crate::clock;
use crate::store::{Changes, Cursor, RegisterRow, Store, Swapped};

const REGISTER: &str = "notify";

/// How often the holder writes the register, and how soon it writes what was taken: a kill repeats no more than that.
const RENEW: Duration = Duration::from_secs(1);
const WRITE: Duration = Duration::from_millis(500);
/// How long a write may take. With `RENEW` it says for how long a node may push that cannot write: some 4 s.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same for the last one before an end.
const LAST: Duration = Duration::from_secs(1);
/// After so long without a change it is anybody's.
const TAKE_OVER: Duration = Duration::from_secs(6);
/// How often a node looks that does not push.
const LOOK: Duration = Duration::from_secs(1);
/// Nothing is due for so long.
const NEVER: Duration = Duration::from_secs(3_600);

/// The register's value.
#[derive(Debug, Serialize, Deserialize)]
struct Value {
    cursor: String,
    /// The process that pushes; none: anybody may.
    holder: Option<String>,
    /// Something was forgotten before the receiver took it, and it has not been told of that.
    #[serde(default)]
    gap: bool,
}

/// The right to push.
#[derive(Debug)]
pub(super) struct Lease {
    store: Store,
    holder: String,
    version: u64,
    /// As it was written last.
    written: (Cursor, bool),
    written_at: Instant,
    /// Up to where all was taken, or is not wanted.
    passed: Cursor,
    gap: bool,
    /// The same process had it before.
    pub(super) goes_on: bool,
}

/// Another node pushes, or the store cannot be written.
#[derive(Debug)]
pub(super) struct Lost;

impl Lease {
    /// Waits until nobody else has it.
    pub(super) async fn take(store: &Store, holder: &str) -> Self {
        let mut seen: Option<(u64, Instant)> = None;
        loop {
            if let Ok(row) = store.register(REGISTER).await {
                let version = row.as_ref().map_or(0, |row| row.version);
                let since = match seen {
                    Some((same, since)) if same == version => since,
                    Some(_) | None => clock::instant(),
                };
                seen = Some((version, since));
                let value = row.as_ref().and_then(read);
                let before = value.as_ref().and_then(|value| value.holder.as_deref());
                let goes_on = before == Some(holder);
                let is_free = goes_on || before.is_none() || !store.has_nodes();
                if (is_free || since.elapsed() >= TAKE_OVER)
                    && let Some(lease) = Self::taken(store, holder, version, value, goes_on).await
                {
                    return lease;
                }
            }
            sleep(LOOK).await;
        }
    }

    async fn taken(
        store: &Store,
        holder: &str,
        version: u64,
        value: Option<Value>,
        goes_on: bool,
    ) -> Option<Self> {
        let gap = value.as_ref().is_some_and(|value| value.gap);
        let cursor = match value.and_then(|value| Cursor::parse(&value.cursor)) {
            Some(cursor) => cursor,
            // Whoever begins is told from now on.
            None => match store.changes(None, 0).await {
                Ok(Changes::Told { cursor, .. }) => cursor,
                Ok(Changes::Forgotten { .. }) | Err(_) => return None,
            },
        };
        let mut lease = Self {
            store: store.clone(),
            holder: holder.to_owned(),
            version,
            written: (cursor, gap),
            written_at: clock::instant(),
            passed: cursor,
            gap,
            goes_on,
        };
        lease.write(true).await.ok().map(|()| lease)
    }

    /// Up to where all was taken, or is not wanted.
    pub(super) const fn cursor(&self) -> Cursor {
        self.passed
    }

    /// Whether something was forgotten before it.
    pub(super) const fn has_gap(&self) -> bool {
        self.gap
    }

    /// Passes what was taken or is not wanted; it is written soon.
    pub(super) const fn pass(&mut self, cursor: Cursor) {
        self.passed = cursor;
    }

    /// The receiver knows of what was forgotten.
    pub(super) const fn told_of_gap(&mut self) {
        self.gap = false;
    }

    /// Goes on after what was forgotten.
    pub(super) const fn skip(&mut self, oldest: Cursor) {
        (self.passed, self.gap) = (oldest, true);
    }

    /// Does something, for as long as the right to push can be kept meanwhile.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Lost> {
        let mut work = pin!(work);
        loop {
            let due = self.due_in();
            if due.is_zero() {
                self.keep().await?;
                continue;
            }
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = sleep(due) => {}
            }
        }
    }

    /// Gives it up, with what was taken, so that another node need not wait.
    pub(super) async fn release(mut self) {
        drop(timeout(LAST, self.write(false)).await);
    }

    fn due_in(&self) -> Duration {
        let pause = if self.written != (self.passed, self.gap) {
            WRITE
        } else if self.store.has_nodes() {
            RENEW
        } else {
            NEVER
        };
        pause.saturating_sub(self.written_at.elapsed())
    }

    async fn keep(&mut self) -> Result<(), Lost> {
        timeout(PATIENCE, self.write(true)).await.unwrap_or(Err(Lost))
    }

    async fn write(&mut self, holds: bool) -> Result<(), Lost> {
        let holder = Some(self.holder.clone()).filter(|_| holds);
        let value = Value { cursor: self.passed.to_string(), holder, gap: self.gap };
        let value = serde_json::to_value(value).map_err(|_| Lost)?;
        let written_at = clock::instant();
        loop {
            match self.store.swap(REGISTER, self.version, value.clone()).await {
                Ok(Swapped::Written) => {
                    self.version += 1;
                    (self.written, self.written_at) = ((self.passed, self.gap), written_at);
                    return Ok(());
                }
                // A write of this process whose answer was not waited for.
                Ok(Swapped::Other(Some(row))) if self.is_own(&row) => self.version = row.version,
                Ok(Swapped::Other(_)) | Err(_) => return Err(Lost),
            }
        }
    }

    fn is_own(&self, row: &RegisterRow) -> bool {
        read(row).is_some_and(|value| value.holder.as_deref() == Some(&self.holder))
    }
}

fn read(row: &RegisterRow) -> Option<Value> {
    serde_json::from_value(row.value.clone()).ok()
}
