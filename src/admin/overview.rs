//! What the page shows of now and of each source: counts that are in memory, never lists of events.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::Response;
use serde::Serialize;
use serde_json::json;

use super::answer::{self, Body};
use super::{Admin, SourceInForce};
use crate::clock;
use crate::report::nodes::{self, Nodes};
use crate::report::{Activity, SourceActivity, last_hour};
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

/// The answer to `GET /v1/activity`.
#[derive(Serialize)]
struct ActivityJson {
    /// Where there may be several.
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Nodes>,
    #[serde(flatten)]
    activity: Activity,
}

/// The last sixty minutes, minute by minute, of all nodes.
pub(super) async fn activity(admin: &Arc<Admin>) -> Response<Body> {
    let (store, now) = (admin.store.clone(), clock::now());
    let read = admin.reads.store.look_up(async move { nodes::others(&store, now).await }).await;
    let (others, nodes) = match read {
        Ok(read) => read,
        Err(busy) => return busy,
    };
    answer::json(200, &ActivityJson { nodes, activity: last_hour().activity(now, &others) })
}

/// Every source of the configuration with what it owes and what happened to it.
pub(super) async fn sources(admin: &Arc<Admin>) -> Response<Body> {
    let store = admin.store.clone();
    let now = clock::now();
    let read = async move { (store.todo().await, nodes::others(&store, now).await) };
    let (todo, (others, nodes)) = match admin.reads.store.look_up(read).await {
        Ok((Ok(todo), others)) => (todo, others),
        Ok((Err(error), _)) => return answer::problem(503, &error.to_string()),
        Err(refused) => return refused,
    };
    let mut dead: BTreeMap<&str, usize> = BTreeMap::new();
    for group in &todo.dead {
        *dead.entry(&group.group.source).or_default() += group.events;
    }
    let counted: usize = dead.values().sum();
    let sources = (admin.sources)().into_iter().map(|source| {
        let Owed { pending, parked } = admin.store.owed_to(&source.source);
        let dead = dead.get(source.source.as_str()).copied().unwrap_or_default();
        let activity = last_hour().of(&source.source, now, &others);
        SourceJson { source, pending, parked, dead, activity }
    });
    let sources: Vec<_> = sources.collect();
    let dead = json!({ "all": todo.all_dead, "counted": counted });
    let mut answer = json!({ "sources": sources, "dead": dead });
    if let (Some(nodes), Some(members)) = (nodes, answer.as_object_mut()) {
        members.insert("nodes".to_owned(), json!(nodes));
    }
    answer::json(200, &answer)
}
