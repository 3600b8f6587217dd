//! `events list | show | replay | discard`: the record of the running daemon.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::admin_client::{AdminClient, segment, text, title};
use super::arguments::EventsCommand;
use super::table::table;
use super::{Exit, runtime, say};

/// How many events one page of the admin address holds.
const PAGE: usize = 500;

pub(super) fn run(config: Option<&Path>, command: EventsCommand) -> Exit {
    let asked = || -> Result<Exit, Exit> {
        let admin = AdminClient::new(config)?;
        let runtime = runtime()?;
        runtime.block_on(async {
            match command {
                EventsCommand::List { state, source, conversation, limit, json } => {
                    let query = query(&[
                        ("state", state.as_deref()),
                        ("source", source.as_deref()),
                        ("conversation", conversation.as_deref()),
                    ]);
                    let events = list(&admin, &query, limit).await?;
                    show_list(&events, state.as_deref() == Some("parked"), json);
                    Ok(Exit::Done)
                }
                EventsCommand::Show { id, json } => show(&admin, &id, json).await,
                EventsCommand::Replay { ids, reason, force, json } => {
                    let ids = match reason {
                        None => ids,
                        Some(reason) => of_reason(&admin, &reason).await?,
                    };
                    let force = if force { "&force=true" } else { "" };
                    operate(&admin, &ids, "replay", force, json).await
                }
                EventsCommand::Discard { ids, json } => {
                    operate(&admin, &ids, "discard", "", json).await
                }
            }
        })
    };
    asked().unwrap_or_else(|exit| exit)
}

fn query(pairs: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in pairs {
        if let Some(value) = value {
            query.append_pair(key, value);
        }
    }
    query.finish()
}

/// Pages through the list until `limit` events are there.
async fn list(admin: &AdminClient, query: &str, limit: usize) -> Result<Vec<Value>, Exit> {
    let mut events = Vec::new();
    let mut cursor = String::new();
    while events.len() < limit {
        let page = PAGE.min(limit - events.len());
        let (status, body) = admin
            .get(&format!("/v1/events?{query}&limit={page}&cursor={}", segment(&cursor)))
            .await?;
        if status != 200 {
            return Err(Exit::Failed(format!("the daemon answered {status}: {}", title(&body))));
        }
        let Some(found) = body.get("events").and_then(Value::as_array) else { break };
        events.extend(found.iter().cloned());
        cursor = text(&body, "next_cursor");
        if cursor.is_empty() || found.is_empty() {
            break;
        }
    }
    Ok(events)
}

fn show_list(events: &[Value], parked: bool, json: bool) {
    if json {
        events.iter().for_each(|event| say(&event.to_string()));
        return;
    }
    if parked {
        show_missing(events);
    }
    let row = |event: &Value| {
        ["received_at", "source", "id", "kind", "conversation", "state", "reason", "attempts"]
            .map(|member| text(event, member))
            .to_vec()
    };
    let rows: Vec<_> = events.iter().map(row).collect();
    let head = ["RECEIVED", "SOURCE", "ID", "KIND", "CONVERSATION", "STATE", "REASON", "ATTEMPTS"];
    say(&table(&head, &rows));
}

/// What is missing and how many events wait for it, so that the line to add is obvious.
fn show_missing(events: &[Value]) {
    let mut missing: BTreeMap<String, usize> = BTreeMap::new();
    for event in events {
        *missing.entry(text(event, "detail")).or_default() += 1;
    }
    let rows: Vec<_> =
        missing.into_iter().map(|(missing, count)| vec![count.to_string(), missing]).collect();
    say(&table(&["EVENTS", "MISSING"], &rows));
    say("");
}

async fn show(admin: &AdminClient, id: &str, json: bool) -> Result<Exit, Exit> {
    let (source, id) = place(admin, id).await?;
    let (status, event) =
        admin.get(&format!("/v1/events/{}/{}", segment(&source), segment(&id))).await?;
    if status != 200 {
        return Err(Exit::Failed(format!("{source}/{id}: {}", title(&event))));
    }
    if json {
        say(&event.to_string());
    } else {
        say(&serde_json::to_string_pretty(&event).unwrap_or_default());
    }
    Ok(Exit::Done)
}

/// `SOURCE/ID` as it is; a bare id is looked for in all sources and must be in one only.
async fn place(admin: &AdminClient, id: &str) -> Result<(String, String), Exit> {
    let found = list(admin, &query(&[("id", Some(id))]), PAGE).await?;
    match found.as_slice() {
        [event] => Ok((text(event, "source"), id.to_owned())),
        [] => match id.split_once('/') {
            Some((source, id)) => Ok((source.to_owned(), id.to_owned())),
            None => Err(Exit::Failed(format!("no event with the id `{id}` is known"))),
        },
        several => {
            let sources: Vec<_> = several.iter().map(|event| text(event, "source")).collect();
            Err(Exit::Usage(format!(
                "`{id}` is known of several sources ({}); write SOURCE/{id}",
                sources.join(", ")
            )))
        }
    }
}

async fn of_reason(admin: &AdminClient, reason: &str) -> Result<Vec<String>, Exit> {
    let query = query(&[("state", Some("dead")), ("reason", Some(reason))]);
    let events = list(admin, &query, usize::MAX).await?;
    Ok(events
        .iter()
        .map(|event| format!("{}/{}", text(event, "source"), text(event, "id")))
        .collect())
}

async fn operate(
    admin: &AdminClient,
    ids: &[String],
    what: &str,
    more: &str,
    json: bool,
) -> Result<Exit, Exit> {
    let by = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_default();
    let mut refused = 0_usize;
    for id in ids {
        let (source, id) = place(admin, id).await?;
        let path = format!(
            "/v1/events/{}/{}/{what}?by={}{more}",
            segment(&source),
            segment(&id),
            segment(&by)
        );
        let (status, body) = admin.post(&path).await?;
        if json {
            say(&body.to_string());
        } else if status == 200 {
            say(&format!("{source}/{id}: {}", text(&body, "state")));
        } else {
            say(&format!("{source}/{id}: not done: {}", title(&body)));
        }
        refused += usize::from(status != 200);
    }
    if ids.is_empty() && !json {
        say("There is no such event.");
    }
    if refused == 0 { Ok(Exit::Done) } else { Ok(Exit::Failed(format!("{refused} not done"))) }
}
