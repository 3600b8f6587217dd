//! An operator's hold: while it lasts, events are taken in and kept, nothing is sent, and what is over still expires.
//! It is a register of the store: it survives a restart, and ends with `resume` or with its own time, on the store's
//! clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::Failure;
use crate::admin::Held;
use crate::routing::UnixMillis;
use crate::store::{Failed, Store, Swapped};

const REGISTER: &str = "hold";

/// How long a hold that is over may go on being shown as one.
const LOOK: Duration = Duration::from_millis(500);

/// Whether sending is held; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    store: Store,
    known: Arc<Mutex<Known>>,
}

/// The register as this process has last seen it.
#[derive(Debug, Default)]
struct Known {
    version: u64,
    held: Option<Held>,
}

impl Hold {
    /// Takes up a hold that was on when the process before ended.
    pub(super) async fn open(store: Store) -> Result<Self, Failure> {
        // A database that is away says it when it is back.
        let row = match store.register(REGISTER).await {
            Err(Failed::Unreachable(_)) => None,
            row => row.map_err(|failed| Failure::Broken(failed.to_string()))?,
        };
        let hold = Self { store, known: Arc::default() };
        hold.learn(row.map_or_else(Known::default, |row| Known::of(row.version, row.value)));
        if let Some(held) = hold.held() {
            tracing::warn!(
                by = held.by,
                "Still held since before the start: events are accepted, nothing is sent until `awa-bridge resume`"
            );
        }
        Ok(hold)
    }

    /// Holds all sending, up to a moment if there is one; false if it is held so already.
    pub(super) async fn begin(&self, by: &str, until: Option<UnixMillis>) -> Result<bool, Failed> {
        let wish = |held: Option<Held>| match held {
            Some(held) if held.until == until => None,
            held => {
                let since = held.map_or_else(|| self.store.now(), |held| held.since);
                Some(Some(Held { since, by: by.to_owned(), until }))
            }
        };
        let changed = self.change(wish).await?.is_some();
        if changed {
            let until = until.map(|until| until.to_string());
            tracing::info!(
                by,
                until,
                "Held: events are accepted, nothing is sent until `awa-bridge resume`"
            );
        }
        Ok(changed)
    }

    /// Allows calls again; false if nothing was held.
    pub(super) async fn end(&self, by: &str) -> Result<bool, Failed> {
        let lasts = |held: &Held| held.until.is_none_or(|until| until > self.store.now());
        let ended = self.change(|held| held.filter(lasts).map(|_| None)).await?;
        let Some(held) = ended else { return Ok(false) };
        let held_ms = held.map_or(0, |held| self.store.now().since(held.since));
        tracing::info!(by, held_ms, "Resumed: sending pending events, the most urgent first");
        Ok(true)
    }

    /// Takes up what other nodes make of the hold, and ends one whose time is over, so that it is seen; runs until it
    /// is dropped.
    pub(super) async fn watch(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if self.store.has_nodes() {
                self.look().await;
            }
            let now = self.store.now();
            let over = |held: &Held| held.until.is_some_and(|until| until <= now);
            if !self.known().held.as_ref().is_some_and(over) {
                continue;
            }
            let ended = self.change(|held| held.filter(over).map(|_| None)).await;
            if let Ok(Some(held)) = ended {
                let held_ms = held.map_or(0, |held| now.since(held.since));
                tracing::info!(
                    held_ms,
                    "Resumed: the time of the hold is over; sending pending events, the most urgent first"
                );
                self.store.agenda().changed().notify_one();
            }
        }
    }

    /// Reads the register.
    async fn look(&self) {
        let Ok(Some(row)) = self.store.register(REGISTER).await else { return };
        let was = self.is_held();
        self.learn(Known::of(row.version, row.value));
        match (was, self.held()) {
            (false, Some(held)) => tracing::warn!(by = held.by, "Held by another node"),
            (true, None) => {
                tracing::info!("Resumed by another node");
                self.store.agenda().changed().notify_one();
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// The hold, while it lasts.
    pub(super) fn held(&self) -> Option<Held> {
        let now = self.store.now();
        let lasts = |held: &Held| held.until.is_none_or(|until| until > now);
        self.known().held.clone().filter(lasts)
    }

    pub(super) fn is_held(&self) -> bool {
        self.held().is_some()
    }

    /// Writes what `wish` makes of the hold, where that differs; returns the hold as it was before.
    async fn change(
        &self,
        wish: impl Fn(Option<Held>) -> Option<Option<Held>>,
    ) -> Result<Option<Option<Held>>, Failed> {
        loop {
            let (seen, before) = {
                let known = self.known();
                (known.version, known.held.clone())
            };
            let Some(held) = wish(before.clone()) else { return Ok(None) };
            let value = serde_json::to_value(&held).unwrap_or_default();
            match self.store.swap(REGISTER, seen, value).await? {
                Swapped::Written => {
                    self.learn(Known { version: seen + 1, held });
                    return Ok(Some(before));
                }
                Swapped::Other(row) => {
                    self.learn(
                        row.map_or_else(Known::default, |row| Known::of(row.version, row.value)),
                    );
                }
            }
        }
    }

    /// Takes what the register is, unless something newer is known.
    fn learn(&self, found: Known) {
        let mut known = self.known();
        if found.version >= known.version {
            *known = found;
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn of(version: u64, value: Value) -> Self {
        Self { version, held: serde_json::from_value(value).unwrap_or_default() }
    }
}
