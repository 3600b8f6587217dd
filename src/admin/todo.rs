//! What needs an operator, in groups, and what is done with a whole group: some events with each request.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use hyper::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{self, Body};
use super::routes::{discard_refusal, replay_refusal, who, with_action};
use super::{Admin, missing};
use crate::routing::{EventRecord, Missing, UnixMillis, Word, rfc3339};
use crate::store::{
    DeadGroup, DiscardAnswer, Group, Grouped, Member, ParkedGroup, ReplayAnswer, Todo,
};

/// How many groups of each kind are in an answer where the request does not say, and at most.
const GROUPS: usize = 50;
const MOST_GROUPS: usize = 500;
/// How many events of a group are in an answer where the request does not say, and at most.
const EVENTS: usize = 20;
const MOST_EVENTS: usize = 100;
/// How many events are replayed or discarded with one request.
const AT_ONCE: usize = 50;
/// How many refusals an answer names.
const REFUSALS: usize = 10;

#[derive(Serialize)]
struct GroupJson<G> {
    #[serde(flatten)]
    group: G,
    events: usize,
    #[serde(with = "rfc3339")]
    since: UnixMillis,
    #[serde(with = "rfc3339")]
    latest: UnixMillis,
}

#[derive(Serialize)]
struct DeadJson {
    source: String,
    reason: String,
}

#[derive(Serialize)]
struct ParkedJson {
    contact_center: String,
    missing: Missing,
    /// The table to add a line to.
    file: String,
    /// The line, with ServiceNow's side left open.
    line: String,
}

/// An event of a group, short.
#[derive(Serialize)]
struct MemberJson {
    source: String,
    id: String,
    kind: Option<String>,
    conversation: Option<String>,
    state: String,
    reason: Option<String>,
    detail: Option<String>,
    #[serde(with = "rfc3339")]
    received_at: UnixMillis,
}

/// What is to be done with the events of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Replay,
    Discard,
}

type Query = HashMap<String, String>;

/// The groups, those with most events first.
pub(super) async fn groups(admin: &Arc<Admin>, query: &Query) -> Response<Body> {
    let (Some(limit), Some(from)) = (
        number(query, "limit", GROUPS).map(|limit| limit.clamp(1, MOST_GROUPS)),
        number(query, "cursor", 0),
    ) else {
        return answer::problem(400, "`limit` and `cursor` have to be whole numbers");
    };
    let (store, tables) = (admin.store.clone(), (admin.tables)());
    let question = async move {
        match store.todo().await {
            Ok(todo) => answer::json(200, &page(todo, &tables, from, limit)),
            Err(error) => answer::problem(503, &error.to_string()),
        }
    };
    admin.reads.store.ask(question).await
}

fn page(todo: Todo, tables: &Path, from: usize, limit: usize) -> Value {
    let Todo { dead, parked, all_dead, all_parked } = todo;
    let more = dead.len().max(parked.len()) > from.saturating_add(limit);
    let next = more.then(|| (from + limit).to_string());
    let dead_json = |DeadGroup { source, reason }| DeadJson { source, reason };
    let parked_json = |ParkedGroup { contact_center, missing }| {
        let (table, line) = missing::line_to_add(&missing);
        let file = tables.join("sources").join(contact_center.as_str()).join(table);
        let (contact_center, file) = (contact_center.as_str().to_owned(), file.display());
        ParkedJson { contact_center, missing, file: file.to_string(), line }
    };
    json!({
        "dead": kind(dead, all_dead, from, limit, dead_json),
        "parked": kind(parked, all_parked, from, limit, parked_json),
        "next_cursor": next,
    })
}

/// The groups of one kind; `counted` of `all` events are in groups.
fn kind<G, J: Serialize>(
    groups: Vec<Grouped<G>>,
    all: usize,
    from: usize,
    limit: usize,
    shown: impl Fn(G) -> J,
) -> Value {
    let counted: usize = groups.iter().map(|group| group.events).sum();
    let number = groups.len();
    let groups = groups.into_iter().skip(from).take(limit).map(|grouped| {
        let Grouped { group, events, since, latest } = grouped;
        GroupJson { group: shown(group), events, since, latest }
    });
    let groups: Vec<_> = groups.collect();
    json!({ "all": all, "counted": counted, "number_of_groups": number, "groups": groups })
}

/// Some events of a group, oldest first.
pub(super) async fn events(admin: &Arc<Admin>, query: &Query) -> Response<Body> {
    let Some(group) = group(query) else { return no_group() };
    let (Some(limit), Some(after)) = (
        number(query, "limit", EVENTS).map(|limit| limit.clamp(1, MOST_EVENTS)),
        number(query, "cursor", 0),
    ) else {
        return answer::problem(400, "`limit` and `cursor` have to be whole numbers");
    };
    let store = admin.store.clone();
    let question = async move {
        match store.of_group(group, after as u64, limit).await {
            Ok(members) => {
                let full = members.len() == limit;
                let next = members.last().filter(|_| full).map(|last| last.number.to_string());
                let events: Vec<_> =
                    members.into_iter().map(|member| short(member.event)).collect();
                answer::json(200, &json!({ "events": events, "next_cursor": next }))
            }
            Err(error) => answer::problem(503, &error.to_string()),
        }
    };
    admin.reads.store.ask(question).await
}

fn short(event: EventRecord) -> MemberJson {
    let EventRecord { source, id, kind, conversation, state, reason, detail, received_at, .. } =
        event;
    let state = match state {
        Word::Known(state) => state.to_string(),
        Word::Other(word) => word,
    };
    MemberJson { source, id, kind, conversation, state, reason, detail, received_at }
}

/// Replays or discards the next events of a group, oldest first, and says where to go on.
pub(super) async fn act(admin: &Arc<Admin>, act: Act, query: &Query) -> Response<Body> {
    let Some(group) = group(query) else { return no_group() };
    if act == Act::Replay && matches!(group, Group::Parked(_)) {
        let title =
            "Parked events go on by themselves once the line is in the table; add it, then reload";
        return answer::problem(409, title);
    }
    let Some(after) = number(query, "cursor", 0) else {
        return answer::problem(400, "`cursor` has to be a whole number");
    };
    let store = admin.store.clone();
    let members = async move { store.of_group(group, after as u64, AT_ONCE).await };
    let members = match admin.reads.store.look_up(members).await {
        Ok(Ok(members)) => members,
        Ok(Err(error)) => return answer::problem(503, &error.to_string()),
        Err(refused) => return refused,
    };
    let full = members.len() == AT_ONCE;
    let (mut changed, mut refused, mut refusals, mut next) = (0_usize, 0_usize, Vec::new(), None);
    for Member { number, event } in members {
        let EventRecord { source, id, by, .. } = event;
        let by =
            with_action(by, &who(query), if act == Act::Replay { "replayed" } else { "discarded" });
        let why = match act {
            Act::Replay => match admin.store.replay(&source, &id, false, by).await {
                Ok(ReplayAnswer::Replayed) => None,
                Ok(answer) => Some(replay_refusal(&answer)),
                Err(error) => return answer::problem(503, &error.to_string()),
            },
            Act::Discard => match admin.store.discard(&source, &id, by).await {
                Ok(DiscardAnswer::Discarded) => None,
                Ok(answer) => Some(discard_refusal(&answer)),
                Err(error) => return answer::problem(503, &error.to_string()),
            },
        };
        next = Some(number.to_string());
        match why {
            None => changed += 1,
            Some(why) => {
                refused += 1;
                if refusals.len() < REFUSALS {
                    refusals.push(json!({ "source": source, "id": id, "why": why }));
                }
            }
        }
    }
    let next = next.filter(|_| full);
    let done = json!({
        "changed": changed, "refused": refused, "refusals": refusals, "next_cursor": next,
    });
    answer::json(200, &done)
}

/// `source` and `reason` of dead letters; `contact_center`, `table` and `key` (with `channel`) of parked events.
fn group(query: &Query) -> Option<Group> {
    let text = |key: &str| query.get(key).filter(|value| !value.is_empty()).cloned();
    if let (Some(source), Some(reason)) = (text("source"), text("reason")) {
        return Some(Group::Dead(DeadGroup { source, reason }));
    }
    let key = text("key")?;
    let missing = match text("table")?.as_str() {
        "queues" => Missing::Queues { queue: key, channel: text("channel") },
        "agents" => Missing::Agents { agent: key },
        "reject_reasons" => Missing::RejectReasons { reason: key },
        _ => return None,
    };
    let contact_center = text("contact_center")?.into();
    Some(Group::Parked(ParkedGroup { contact_center, missing }))
}

fn no_group() -> Response<Body> {
    let title = "Name a group: `source` and `reason` of dead letters, or `contact_center`, `table` (queues, agents or \
                 reject_reasons) and `key` of parked events, with the `channel` of a queue";
    answer::problem(400, title)
}

fn number(query: &Query, key: &str, unless_given: usize) -> Option<usize> {
    match query.get(key).filter(|value| !value.is_empty()) {
        None => Some(unless_given),
        Some(text) => text.parse().ok(),
    }
}
