//! An operator's hold: while it lasts, events are taken in and kept, nothing is sent, and what is over still expires.
//! It is not on disk: it ends with the process, so that a restart never leaves a bridge silent by surprise.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::admin::Held;
use crate::clock;

/// Whether sending is held; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Hold {
    held: Arc<Mutex<Option<Held>>>,
}

impl Hold {
    /// Holds all sending; false if it is held already.
    pub(super) fn begin(&self, by: &str) -> bool {
        let mut held = self.lock();
        let new = held.is_none();
        if new {
            *held = Some(Held { since: clock::now(), by: by.to_owned() });
            tracing::info!(by, "Held: events are kept, nothing is sent until `awa-bridge resume`");
        }
        new
    }

    /// Lets calls go out again; false if nothing was held.
    pub(super) fn end(&self, by: &str) -> bool {
        let Some(held) = self.lock().take() else { return false };
        let held_ms = clock::now().since(held.since);
        tracing::info!(by, held_ms, "Resumed: what waits goes out, the most urgent first");
        true
    }

    pub(super) fn held(&self) -> Option<Held> {
        self.lock().clone()
    }

    pub(super) fn is_held(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
