//! Settled events in the order of settling, for programs that follow them: what there is at once, or a long poll for
//! what comes.
//!
//! Whoever waits holds a connection and a place among those that may wait, and nothing else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::Response;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answer::{self, Body};
use super::{Admin, reads};
use crate::clock;
use crate::store::{Changes, Cursor};

/// How many events one answer has where the request does not say, and at most.
const LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;
/// How long a request waits where it does not say, and at most, in seconds.
const WAIT: u64 = 25;
const MAX_WAIT: u64 = 60;
/// How many requests may wait at the same time: the other connections are for operators and Prometheus.
const WAITERS: usize = 16;
/// When whoever finds all places taken may ask again, in seconds.
const RETRY_AFTER: u32 = 5;

/// The places of those that wait.
pub(crate) struct Waiters(Arc<Semaphore>);

impl Default for Waiters {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(WAITERS)))
    }
}

/// What a request asks for.
struct Asked {
    after: Option<Cursor>,
    limit: usize,
    wait: Duration,
}

pub(super) async fn told(admin: &Admin, query: &HashMap<String, String>) -> Response<Body> {
    let Asked { mut after, limit, wait } = match asked(query) {
        Ok(asked) => asked,
        Err(why) => return answer::problem(400, why),
    };
    let until = clock::after(clock::instant(), wait);
    // Followed before it is read for the first time: what settles in between wakes, too.
    let mut settlings = admin.store.settlings();
    let mut place = None;
    loop {
        settlings.mark_unchanged();
        let store = admin.store.clone();
        let read = admin.reads.store.look_up(async move { store.changes(after, limit).await });
        let (events, cursor) = match read.await {
            Ok(Ok(Changes::Told { events, cursor })) => (events, cursor),
            Ok(Ok(Changes::Forgotten { oldest })) => return gone(oldest),
            Ok(Err(failed)) => return answer::problem(503, &failed.to_string()),
            Err(busy) => return busy,
        };
        let has_moved = after.is_some_and(|after| after != cursor);
        let left = until.saturating_duration_since(clock::instant());
        if !events.is_empty() || left.is_zero() {
            let told = move || {
                let events: Vec<_> = events.iter().map(|(_, event)| event).collect();
                answer::json(200, &json!({ "events": events, "cursor": cursor.to_string() }))
            };
            return reads::written(told).await;
        }
        after = Some(cursor);
        if has_moved {
            continue;
        }
        if place.is_none() {
            let Ok(taken) = Arc::clone(&admin.waiters.0).try_acquire_owned() else {
                let why = "Too many requests wait for changes; use wait=0, or ask again";
                return answer::busy(why, RETRY_AFTER);
            };
            place = Some(taken);
        }
        // Ends with the time, or with the store: the next read says so.
        drop(timeout(left, settlings.changed()).await);
    }
}

fn asked(query: &HashMap<String, String>) -> Result<Asked, &'static str> {
    let text = |key: &str| query.get(key).filter(|value| !value.is_empty());
    let after = match text("after").map(|after| Cursor::parse(after)) {
        None => None,
        Some(Some(after)) => Some(after),
        Some(None) => return Err("`after` is not 0 or a cursor of an earlier answer"),
    };
    let limit = match text("limit").map(|limit| limit.parse::<usize>()) {
        None => LIMIT,
        Some(Ok(limit)) => limit.clamp(1, MAX_LIMIT),
        Some(Err(_)) => return Err("`limit` is not a whole number"),
    };
    let wait = match text("wait").map(|wait| wait.parse::<u64>()) {
        // Whoever begins to follow wants the cursor.
        None if after.is_none() => 0,
        None => WAIT,
        Some(Ok(wait)) => wait.min(MAX_WAIT),
        Some(Err(_)) => return Err("`wait` is not a whole number of seconds"),
    };
    Ok(Asked { after, limit, wait: Duration::from_secs(wait) })
}

fn gone(oldest: Cursor) -> Response<Body> {
    let title =
        "Changes after this cursor are forgotten already; `cursor` is the oldest one that is there";
    answer::gone(title, &oldest.to_string())
}
