//! `events list | show | sample | replay | discard`: the record of the running daemon.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::admin_client::{AdminClient, Unanswered, operator, read, read_raw, segment, title};
use super::arguments::EventsCommand;
use super::table::table_on_a_page;
use super::{Exit, runtime, sample, say, story};
use crate::admin::missing;
use crate::admin::story::state_and_why;
use crate::admin::wording::short_time;
use crate::routing::{EventRecord, Page};

/// How many events one page of the admin address holds.
const PAGE: usize = 500;

/// A column of the list: its head and what it shows of an event.
type Column = (&'static str, fn(&EventRecord) -> String);

const COLUMNS: [Column; 7] = [
    ("RECEIVED", |event| short_time(event.received_at)),
    ("SOURCE", |event| event.source.clone()),
    ("ID", |event| event.id.clone()),
    ("KIND", |event| event.kind.clone().unwrap_or_default()),
    ("CONVERSATION", |event| event.conversation.clone().unwrap_or_default()),
    ("STATE", |event| event.state.to_string()),
    ("REASON", |event| event.reason.clone().unwrap_or_default()),
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
                    if json {
                        events.iter().for_each(|event| say(&event.to_string()));
                        return Ok(Exit::Done);
                    }
                    let events = records(events)?;
                    let shown = &events[..limit.min(events.len())];
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
                        say(&format!("Only the newest {limit} are shown; use --limit N for more."));
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
                EventsCommand::Sample { id, call, output, keep } => {
                    let settings = super::load_settings(config)?;
                    sample::run(&admin, &settings, sample::Wish { id, call, output, keep }).await
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
        let path = format!("/v1/events?{query}&limit={page}&cursor={}", segment(&cursor));
        let page: Page<Value> = read_raw(admin.get(&path).await?)?;
        let none = page.events.is_empty();
        events.extend(page.events);
        match page.next_cursor {
            Some(next) if !none => cursor = next,
            _ => break,
        }
    }
    Ok(events)
}

fn records(events: Vec<Value>) -> Result<Vec<EventRecord>, Exit> {
    events.into_iter().map(read).collect()
}

fn show_list(events: &[EventRecord], filter: &Filtered) -> String {
    if events.is_empty() {
        return "No matching events.".to_owned();
    }
    // A column that has the same word in every row says nothing.
    let columns = COLUMNS.into_iter().filter(|(head, _)| match *head {
        "STATE" => !filter.state,
        "SOURCE" => !filter.source,
        "CONVERSATION" => !filter.conversation,
        _ => true,
    });
    let (head, cells): (Vec<&str>, Vec<_>) = columns.unzip();
    let row = |event: &EventRecord| cells.iter().map(|cell| cell(event)).collect();
    let rows: Vec<Vec<String>> = events.iter().map(row).collect();
    table_on_a_page(&head, &rows, &["CONVERSATION", "SOURCE", "ID", "REASON"])
}

/// What is missing, how many events wait for it, and the line that lets them go on.
fn show_missing(events: &[EventRecord], mappings: &Path) -> String {
    let mut missing: BTreeMap<_, usize> = BTreeMap::new();
    for event in events {
        let Some(line) = event.missing.as_ref().map(missing::line_to_add) else { continue };
        *missing.entry((event.contact_center.as_str(), line)).or_default() += 1;
    }
    let mut lines = Vec::new();
    for ((contact_center, (table, line)), count) in missing {
        let file = mappings.join("sources").join(contact_center).join(table);
        let (events, wait) = if count == 1 { ("event", "waits") } else { ("events", "wait") };
        lines.push(format!("{count} {events} {wait} for a line in {}:", file.display()));
        lines.push(format!("    {line}"));
    }
    lines.push(
        "Add the line with ServiceNow's id, then run `systemctl reload awa-bridge`.".to_owned(),
    );
    lines.join("\n")
}

async fn show(admin: &AdminClient, id: &str, body: bool, json: bool) -> Result<Exit, Exit> {
    let (source, id) = place(admin, id).await?;
    let path = format!("/v1/events/{}/{}", segment(&source), segment(&id));
    let about = |refused: Unanswered| refused.about(&format!("{source}/{id}"));
    if body {
        let path = format!("{path}/body?by={}", segment(&operator()));
        let body = admin.get_bytes(&path).await.map_err(about)?;
        say(&String::from_utf8_lossy(&body));
        return Ok(Exit::Done);
    }
    let event = admin.get(&path).await.map_err(about)?;
    say(&if json { event.to_string() } else { story::tell(&read(event)?) });
    Ok(Exit::Done)
}

/// The event of that name: `SOURCE/ID`, as the program prints it, before anything else; a bare id, which may hold a `/`
/// itself, is looked for in all sources and must be in one only.
pub(super) async fn place(admin: &AdminClient, name: &str) -> Result<(String, String), Exit> {
    if let Some((source, id)) = name.split_once('/') {
        let path = format!("/v1/events/{}/{}", segment(source), segment(id));
        match admin.get(&path).await {
            Ok(_) => return Ok((source.to_owned(), id.to_owned())),
            Err(Unanswered::Refused { status: 404, .. }) => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    let found = records(list(admin, &query(&[("id", Some(name))]), PAGE).await?)?;
    match found.as_slice() {
        [event] => Ok((event.source.clone(), name.to_owned())),
        [] => Err(Exit::Failed(format!("no event `{name}` is known"))),
        several => {
            let one = |event: &EventRecord| format!("{}/{name}", event.source);
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
    let events = records(list(admin, &query, usize::MAX).await?)?;
    Ok(events.iter().map(|event| format!("{}/{}", event.source, event.id)).collect())
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
        let (done, answer) = match admin.post(&path).await {
            Ok(event) => (true, event),
            Err(Unanswered::Refused { problem, .. }) => (false, problem),
            Err(failed) => return Err(failed.into()),
        };
        if json {
            say(&answer.to_string());
        } else if done {
            let event: EventRecord = read(answer)?;
            let reason = event.reason.as_deref();
            say(&format!("{source}/{id} is {}", state_and_why(&event.state, reason, None)));
        } else {
            say(&format!("{source}/{id} was not changed: {}", title(&answer)));
        }
        refused += usize::from(!done);
    }
    if ids.is_empty() && !json {
        say("No matching events.");
    }
    if refused == 0 {
        Ok(Exit::Done)
    } else {
        Ok(Exit::Failed(format!("{refused} of {} events were not changed", ids.len())))
    }
}
