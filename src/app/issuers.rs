//! Keeps the keys of issuers fresh: a task for each source whose keys are at a URL, so that at most one fetch of a
//! source is in flight, and none sooner after a successful one than `jwks_pause` says, whatever is sent to the bridge.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::awa::Fetcher;
use crate::clock;
use crate::contained::supervised;
use crate::pauses::backoff_delay;
use crate::source::{Issuer, KeySet, Source};

/// How long after a failure the next fetch is tried: twice as long each time; in milliseconds.
const FIRST_RETRY: u64 = 1_000;
const LONGEST_RETRY: u64 = 60_000;

/// The tasks that run, by source; dropped, they end.
#[derive(Default)]
pub(super) struct Issuers(Mutex<Vec<Running>>);

struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Issuers {
    /// Starts the tasks for these sources in place of those that run.
    pub(super) fn replace(
        &self,
        sources: &HashMap<String, Arc<Source>>,
        fetcher: Option<&Arc<Fetcher>>,
    ) {
        let mut running = Vec::new();
        for (name, source) in sources {
            let (Some(issuer), Some(fetcher)) = (source.issuer(), fetcher) else { continue };
            let (name, issuer, fetcher) = (name.clone(), Arc::clone(issuer), Arc::clone(fetcher));
            let keep = move || keep_fresh(name.clone(), Arc::clone(&issuer), Arc::clone(&fetcher));
            running.push(Running(tokio::spawn(supervised("issuer's keys", keep))));
        }
        let replaced =
            std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), running);
        drop(replaced);
    }
}

/// The keys that are published at a URL.
///
/// # Errors
/// Why there are none, as the end of a sentence.
pub(super) async fn fetch(fetcher: &Fetcher, url: &str) -> Result<KeySet, String> {
    let text = fetcher.get(url).await?;
    KeySet::of_jwks(&text).map_err(|problem| format!("what is there {problem}"))
}

/// Fetches, rests, and waits until the keys are old or asked for; runs until it is dropped.
async fn keep_fresh(source: String, issuer: Arc<Issuer>, fetcher: Arc<Fetcher>) {
    let settings = &issuer.settings;
    let mut failures = 0_u32;
    loop {
        let fetched = fetch(&fetcher, &settings.url).await;
        let rest = match &fetched {
            Ok(_) => {
                if failures > 0 {
                    info!(source, "The keys of the source's issuer can be fetched again");
                }
                failures = 0;
                settings.pause
            }
            Err(why) => {
                if failures == 0 {
                    warn!(
                        source,
                        url = settings.url,
                        why,
                        "The keys of the source's issuer cannot be fetched; those fetched before stay in force for now"
                    );
                }
                let pause = backoff_delay(failures, FIRST_RETRY, LONGEST_RETRY, 1.0);
                failures = failures.saturating_add(1);
                Duration::from_millis(pause)
            }
        };
        let failed = fetched.is_err();
        issuer.put(fetched, clock::after(clock::instant(), settings.keep));
        let good_until = issuer.good_until().unwrap_or_else(clock::instant);
        let left = good_until.saturating_duration_since(clock::instant());
        sleep(rest.min(left)).await;
        if failed && left <= rest {
            issuer.forget();
            sleep(rest.saturating_sub(left)).await;
        }
        issuer.awake();
        if failed {
            continue;
        }
        let old = sleep(settings.refresh.saturating_sub(settings.pause));
        tokio::select! {
            () = old => {}
            () = issuer.wanted() => {}
        }
    }
}
