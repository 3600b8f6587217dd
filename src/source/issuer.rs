//! The keys of an issuer that publishes them at a URL: which are in force, and how to ask for fresh ones.
//!
//! Who fetches them is elsewhere: here they are only held and handed out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::verify::KeySet;

/// Where the keys are, and how often they are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IssuerSettings {
    /// https, or http on loopback.
    pub(crate) url: String,
    /// How long a set is good without a look at the issuer's.
    pub(crate) refresh: Duration,
    /// At least so long between two fetches, whatever comes in.
    pub(crate) pause: Duration,
    /// How long a set stays in force while no other can be fetched.
    pub(crate) keep: Duration,
}

/// The keys of one source's issuer; those who share it see the same.
pub(crate) struct Issuer {
    pub(crate) settings: IssuerSettings,
    state: watch::Sender<State>,
    wanted: Notify,
}

#[derive(Clone, Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    /// How often a fetch has ended.
    fetches: u64,
    /// Nothing is fetched for a while.
    rests: bool,
    /// Why the last fetch failed.
    trouble: Option<String>,
    /// Until when the keys may stay in force while no others can be fetched.
    good_until: Option<Instant>,
}

impl Issuer {
    pub(crate) fn new(settings: IssuerSettings) -> Self {
        Self { settings, state: watch::Sender::default(), wanted: Notify::new() }
    }

    /// The keys in force; none before the first fetch, and where they are too old.
    pub(crate) fn keys(&self) -> Option<Arc<KeySet>> {
        self.state.borrow().keys.clone()
    }

    /// Why the issuer's keys cannot be fetched, as the end of a sentence; none where the last fetch went well, or none
    /// has ended yet.
    pub(crate) fn trouble(&self) -> Option<String> {
        let state = self.state.borrow();
        let trouble = state.trouble.as_ref()?;
        let rest = match state.keys {
            Some(_) => "those fetched before stay in force for now",
            None => "webhooks are answered 503 until they can",
        };
        Some(format!("the keys at {} cannot be fetched: {trouble}; {rest}", self.settings.url))
    }

    /// Asks for fresh keys and waits until a fetch has ended; comes back at once while none is to be made.
    pub(crate) async fn refreshed(&self) {
        let mut state = self.state.subscribe();
        let (rests, fetches) = {
            let now = state.borrow_and_update();
            (now.rests, now.fetches)
        };
        if rests {
            return;
        }
        self.wanted.notify_one();
        // The sender of the state is ours: it cannot be gone.
        drop(state.wait_for(|now| now.fetches != fetches).await);
    }

    /// Waits until fresh keys are asked for.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Until when the keys in force may stay there.
    pub(crate) fn good_until(&self) -> Option<Instant> {
        self.state.borrow().good_until
    }

    /// What a fetch came to, and until when its keys are good. Nothing is fetched until [`Issuer::awake`].
    pub(crate) fn put(&self, outcome: Result<KeySet, String>, good_until: Instant) {
        self.state.send_modify(|state| {
            state.fetches = state.fetches.wrapping_add(1);
            state.rests = true;
            match outcome {
                Ok(keys) => {
                    (state.keys, state.trouble) = (Some(Arc::new(keys)), None);
                    state.good_until = Some(good_until);
                }
                Err(why) => state.trouble = Some(why),
            }
        });
    }

    /// Fetches may be asked for again.
    pub(crate) fn awake(&self) {
        self.state.send_modify(|state| state.rests = false);
    }

    /// The keys are too old to be believed.
    pub(crate) fn forget(&self) {
        self.state.send_modify(|state| state.keys = None);
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("url", &self.settings.url).finish_non_exhaustive()
    }
}
