//! `events list | show | replay | discard`: the record of the running daemon.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::admin_client::{AdminClient, operator, segment, text, title};
use super::arguments::EventsCommand;
use super::table::table_on_a_page;
use super::wording::{short_time, words};
use super::{Exit, runtime, say, story};

/// How many events one page of the admin address holds.
const PAGE: usize = 500;

/// The columns of the list and the members that they show.
const COLUMNS: [(&str, &str); 7] = [
    ("RECEIVED", "received_at"),
    ("SOURCE", "source"),
    ("ID", "id"),
    ("KIND", "kind"),
    ("CONVERSATION", "conversation"),
    ("STATE", "state"),
    ("REASON", "reason"),
];

/// What was filtered by, and is therefore the same in every row.
struct Filtered {
    state: bool,
    source: bool,
    conversation: bool,
}

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
                    let parked = state.as_deref() == Some("parked") && !json;
                    let wanted = if parked { usize::MAX } else { limit };
                    let events = list(&admin, &query, wanted).await?;
                    let shown = &events[..limit.min(events.len())];
                    if json {
                        shown.iter().for_each(|event| say(&event.to_string()));
                        return Ok(Exit::Done);
                    }
                    if parked && !events.is_empty() {
                        say(&format!("{}\n", show_missing(&events, &admin.mappings)));
                    }
                    let filter = Filtered {
                        state: state.is_some(),
                        source: source.is_some(),
                        conversation: conversation.is_some(),
                    };
                    say(&show_list(shown, &filter));
                    if shown.len() == limit {
                        say(&format!("At most {limit} are shown; --limit N shows more."));
                    }
                    Ok(Exit::Done)
                }
                EventsCommand::Show { id, body, json } => show(&admin, &id, body, json).await,
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

fn show_list(events: &[Value], filter: &Filtered) -> String {
    if events.is_empty() {
        return "There is no such event.".to_owned();
    }
    // A column that has the same word in every row says nothing.
    let columns = COLUMNS.into_iter().filter(|(_, member)| match *member {
        "state" => !filter.state,
        "source" => !filter.source,
        "conversation" => !filter.conversation,
        _ => true,
    });
    let (head, members): (Vec<&str>, Vec<&str>) = columns.unzip();
    let cell = |event: &Value, member: &str| match member {
        "received_at" => short_time(&text(event, member)),
        member => text(event, member),
    };
    let row = |event: &Value| members.iter().map(|member| cell(event, member)).collect();
    let rows: Vec<Vec<String>> = events.iter().map(row).collect();
    table_on_a_page(&head, &rows, &["CONVERSATION", "SOURCE", "ID", "REASON"])
}

/// What is missing, how many events wait for it, and the line that lets them go on.
fn show_missing(events: &[Value], mappings: &Path) -> String {
    let mut missing: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for event in events {
        let table = text(&event["missing"], "table");
        let line = line_to_add(&event["missing"]);
        *missing.entry((text(event, "contact_center"), table, line)).or_default() += 1;
    }
    let mut lines = Vec::new();
    for ((contact_center, table, line), count) in missing {
        let file = mappings.join("sources").join(contact_center).join(format!("{table}.csv"));
        let (events, wait) = if count == 1 { ("event", "waits") } else { ("events", "wait") };
        lines.push(format!("{count} {events} {wait} for a line in {}:", file.display()));
        lines.push(format!("    {line}"));
    }
    lines.push("Add it with ServiceNow's id, then `systemctl reload awa-bridge`.".to_owned());
    lines.join("\n")
}

/// The CSV line with ServiceNow's side left open.
fn line_to_add(missing: &Value) -> String {
    let fields = match text(missing, "table").as_str() {
        "queues" => vec![text(missing, "queue"), text(missing, "channel"), "EXTERNAL_ID".into()],
        "agents" => vec![text(missing, "agent"), "SYS_ID".into()],
        _ => vec![text(missing, "reason"), "REJECT_REASON".into()],
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(&fields).ok().and_then(|()| writer.into_inner().ok());
    String::from_utf8(written.unwrap_or_default()).unwrap_or_default().trim_end().to_owned()
}

async fn show(admin: &AdminClient, id: &str, body: bool, json: bool) -> Result<Exit, Exit> {
    let (source, id) = place(admin, id).await?;
    let path = format!("/v1/events/{}/{}", segment(&source), segment(&id));
    if body {
        let (status, body) =
            admin.get_bytes(&format!("{path}/body?by={}", segment(&operator()))).await?;
        let shown = String::from_utf8_lossy(&body);
        if status != 200 {
            let problem = serde_json::from_str(&shown).unwrap_or(Value::Null);
            return Err(Exit::Failed(format!("{source}/{id}: {}", title(&problem))));
        }
        say(&shown);
        return Ok(Exit::Done);
    }
    let (status, event) = admin.get(&path).await?;
    if status != 200 {
        return Err(Exit::Failed(format!("{source}/{id}: {}", title(&event))));
    }
    say(&if json { event.to_string() } else { story::tell(&event) });
    Ok(Exit::Done)
}

/// The event of that name: `SOURCE/ID`, as the program prints it, before anything else; a bare id, which may hold a `/`
/// itself, is looked for in all sources and must be in one only.
async fn place(admin: &AdminClient, name: &str) -> Result<(String, String), Exit> {
    if let Some((source, id)) = name.split_once('/') {
        let path = format!("/v1/events/{}/{}", segment(source), segment(id));
        match admin.get(&path).await? {
            (200, _) => return Ok((source.to_owned(), id.to_owned())),
            (404, _) => {}
            (status, body) => {
                return Err(Exit::Failed(format!(
                    "the daemon answered {status}: {}",
                    title(&body)
                )));
            }
        }
    }
    let found = list(admin, &query(&[("id", Some(name))]), PAGE).await?;
    match found.as_slice() {
        [event] => Ok((text(event, "source"), name.to_owned())),
        [] => Err(Exit::Failed(format!("no event `{name}` is known"))),
        several => {
            let one = |event: &Value| format!("{}/{name}", text(event, "source"));
            let candidates: Vec<_> = several.iter().map(one).collect();
            Err(Exit::Usage(format!(
                "`{name}` is the id of several events; write which: {}",
                candidates.join(", ")
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
    let by = operator();
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
            let state = text(&body, "state");
            let reason = words(&text(&body, "reason"));
            let reason = if reason.is_empty() { reason } else { format!(" ({reason})") };
            say(&format!("{source}/{id} is {state}{reason}"));
        } else {
            say(&format!("{source}/{id} is left as it is: {}", title(&body)));
        }
        refused += usize::from(status != 200);
    }
    if ids.is_empty() && !json {
        say("There is no such event.");
    }
    if refused == 0 {
        Ok(Exit::Done)
    } else {
        Ok(Exit::Failed(format!("{refused} of {} were left as they are", ids.len())))
    }
}
