//! The control API under `/sandbox/`, for whoever runs the sandbox alone. Loopback peers only; no authentication.
//!
//! | request | does |
//! |---|---|
//! | `GET /sandbox/world` | shows every record and the switches |
//! | `GET`, `DELETE /sandbox/calls` | shows, forgets the recorded requests |
//! | `POST`, `DELETE /sandbox/faults` | adds one or an array of [`Fault`], takes all back |
//! | `POST /sandbox/documents` | `{"sys_id","table"?,"state"?}`: adds or replaces documents (table `interaction`, state `new`) |
//! | `POST /sandbox/queues` | `{"external_id"?,"sys_id"?,"name"?,"channel"?}`: adds or replaces queues (channel `voice`) |
//! | `POST /sandbox/agents` | `{"sys_id","user_name"?,"roles"?,"presence"?,"channels"?}`: adds agents or changes what is said of them; presence is `available`, `away`, `offline` or a sys_id, channels `{"voice":false}` |
//! | `POST /sandbox/switches` | changes the [`Switches`] that are named |
//! | `POST /sandbox/reset` | goes back to the world as it was at the start, without faults and calls |
//!
//! Whatever is posted may be one object or an array. Answers are JSON; 400 says what is wrong.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hyper::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::faults::Fault;
use super::super::switches::Switches;
use super::super::world::{AVAILABLE, AWAY, Answer, OFFLINE, World, sys_id_of};
use super::reply::Reply;
use super::{Inner, State};
use crate::routing::{DocumentRef, ExternalId, SysId, TableName};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentGiven {
    sys_id: SysId,
    #[serde(default = "interaction")]
    table: TableName,
    #[serde(default = "new")]
    state: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueueGiven {
    sys_id: Option<SysId>,
    external_id: Option<ExternalId>,
    name: Option<String>,
    channel: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentGiven {
    sys_id: SysId,
    user_name: Option<String>,
    roles: Option<Vec<String>>,
    presence: Option<String>,
    #[serde(default)]
    channels: BTreeMap<String, bool>,
}

fn interaction() -> TableName {
    TableName::parse("interaction").expect("a table's name")
}

fn new() -> String {
    "new".to_owned()
}

/// Answers a request of the control API.
pub(super) fn answer(state: &State, peer: SocketAddr, head: &Parts, body: &[u8]) -> Reply {
    if !peer.ip().to_canonical().is_loopback() {
        return Reply::answer(&Answer::error(403, "Loopback only", Value::Null));
    }
    let mut inner = state.lock();
    let done = match (head.method.as_str(), head.uri.path()) {
        ("GET", "/sandbox/world") => return Reply::json(200, &inner.world.to_json()),
        ("GET", "/sandbox/calls") => {
            return Reply::json(200, &json!(inner.calls.iter().collect::<Vec<_>>()));
        }
        ("DELETE", "/sandbox/calls") => {
            inner.calls.clear();
            Ok(0)
        }
        ("DELETE", "/sandbox/faults") => {
            inner.script.clear();
            Ok(0)
        }
        ("POST", "/sandbox/faults") => each(body, |fault: Fault| {
            inner.script.add(fault);
            Ok(())
        }),
        ("POST", "/sandbox/documents") => add_documents(&mut inner, body),
        ("POST", "/sandbox/queues") => each(body, |queue| add_queue(&mut inner.world, queue)),
        ("POST", "/sandbox/agents") => each(body, |agent| change_agent(&mut inner.world, &agent)),
        ("POST", "/sandbox/switches") => change_switches(&mut inner.world, body),
        ("POST", "/sandbox/reset") => {
            inner.reset();
            Ok(0)
        }
        _ => return Reply::answer(&Answer::error(404, "No such control", Value::Null)),
    };
    match done {
        Ok(count) => Reply::json(200, &json!({ "count": count })),
        Err(why) => Reply::json(400, &json!({ "error": { "message": why } })),
    }
}

fn add_documents(inner: &mut Inner, body: &[u8]) -> Result<usize, String> {
    let now = inner.now();
    each(body, |given: DocumentGiven| {
        let document = DocumentRef { table: given.table, sys_id: given.sys_id };
        inner.world.add_document(&document, &given.state, now);
        Ok(())
    })
}

fn add_queue(world: &mut World, given: QueueGiven) -> Result<(), String> {
    let channel = given.channel.as_deref().unwrap_or("voice");
    let external_id = given.external_id.as_ref().map(ExternalId::as_str);
    let sys_id = match (given.sys_id, external_id) {
        (Some(sys_id), _) => sys_id,
        (None, Some(external_id)) => sys_id_of(&format!("queue {external_id} {channel}")),
        (None, None) => return Err("a queue needs an `external_id` or a `sys_id`".to_owned()),
    };
    let name = given.name.as_deref().or(external_id).unwrap_or("queue");
    world.add_queue(sys_id, name, external_id, channel);
    Ok(())
}

fn change_agent(world: &mut World, given: &AgentGiven) -> Result<(), String> {
    let agent = given.sys_id;
    let presence = match given.presence.as_deref() {
        None => None,
        Some("available") => SysId::parse(AVAILABLE).ok(),
        Some("away") => SysId::parse(AWAY).ok(),
        Some("offline") => SysId::parse(OFFLINE).ok(),
        Some(other) => {
            Some(SysId::parse(other).map_err(|why| format!("presence `{other}` {why}"))?)
        }
    };
    if world.user(agent).is_none() {
        let name = given.user_name.clone();
        world.add_agent(agent, &name.unwrap_or_else(|| format!("agent.{agent}")));
    }
    if let Some(roles) = &given.roles {
        let old = world.user(agent).map(|user| user.roles.clone()).unwrap_or_default();
        old.iter().for_each(|role| world.revoke(agent, role));
        roles.iter().for_each(|role| world.grant(agent, role));
    }
    if let Some(presence) = presence {
        world.set_presence(agent, presence);
    }
    for (channel, available) in &given.channels {
        let id = SysId::parse(channel).unwrap_or_else(|_| world.channel_named(channel));
        world.set_channel_available(agent, id, *available);
    }
    Ok(())
}

fn change_switches(world: &mut World, body: &[u8]) -> Result<usize, String> {
    let named: serde_json::Map<String, Value> = parse(body)?;
    let mut all = json!(world.switches);
    let count = named.len();
    for (name, value) in named {
        all[name] = value;
    }
    world.switches = serde_json::from_value::<Switches>(all).map_err(|error| error.to_string())?;
    Ok(count)
}

/// Takes one object or an array of them, all or nothing as far as their form goes.
fn each<T: DeserializeOwned>(
    body: &[u8],
    mut take: impl FnMut(T) -> Result<(), String>,
) -> Result<usize, String> {
    let given = match parse::<Value>(body)? {
        Value::Array(all) => all,
        one => vec![one],
    };
    let parsed: Result<Vec<T>, _> = given.into_iter().map(serde_json::from_value).collect();
    let parsed = parsed.map_err(|error| error.to_string())?;
    let count = parsed.len();
    parsed.into_iter().try_for_each(&mut take)?;
    Ok(count)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body is not as expected: {error}"))
}
