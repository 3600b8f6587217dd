//! What the page shows of now and of each source: counts that are in memory, never lists of events.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::Response;
use serde::Serialize;
use serde_json::json;

use super::answer::{self, Body};
use super::{Admin, SourceInForce};
use crate::clock;
use crate::report::{SourceActivity, last_hour};
use crate::store::Owed;

/// One source of `GET /v1/sources`.
#[derive(Serialize)]
struct SourceJson {
    #[serde(flatten)]
    source: SourceInForce,
    pending: usize,
    parked: usize,
    /// Of the dead letters that are in groups.
    dead: usize,
    #[serde(flatten)]
    activity: SourceActivity,
}

/// The last sixty minutes, minute by minute.
pub(super) fn activity() -> Response<Body> {
    let now = clock::now();
    answer::json(200, &last_hour().activity(now))
}

/// Every source of the configuration with what it owes and what happened to it.
pub(super) async fn sources(admin: &Arc<Admin>) -> Response<Body> {
    let store = admin.store.clone();
    let todo = admin.reads.store.look_up(async move { store.todo().await }).await;
    let todo = match todo {
        Ok(Ok(todo)) => todo,
        Ok(Err(error)) => return answer::problem(503, &error.to_string()),
        Err(refused) => return refused,
    };
    let mut dead: BTreeMap<&str, usize> = BTreeMap::new();
    for group in &todo.dead {
        *dead.entry(&group.group.source).or_default() += group.events;
    }
    let counted: usize = dead.values().sum();
    let now = clock::now();
    let sources = (admin.sources)().into_iter().map(|source| {
        let Owed { pending, parked } = admin.store.owed_to(&source.source);
        let dead = dead.get(source.source.as_str()).copied().unwrap_or_default();
        let activity = last_hour().of(&source.source, now);
        SourceJson { source, pending, parked, dead, activity }
    });
    let sources: Vec<_> = sources.collect();
    let dead = json!({ "all": todo.all_dead, "counted": counted });
    answer::json(200, &json!({ "sources": sources, "dead": dead }))
}
