//! `trace`: the story of one conversation in time order, for a supervisor to read.

use std::path::Path;

use super::admin_client::{AdminClient, read, segment};
use super::story::{self, Happened, call_line, earlier_end, happened, state_and_why};
use super::wording::{full_time, words};
use super::{Exit, runtime, say};
use crate::routing::{ConversationRecord, EventRecord, Page, UnixMillis};

pub(super) fn run(
    config: Option<&Path>,
    conversation: &str,
    source: Option<&str>,
    json: bool,
) -> Exit {
    let asked = || -> Result<Exit, Exit> {
        let admin = AdminClient::new(config)?;
        runtime()?.block_on(trace(&admin, conversation, source, json))
    };
    asked().unwrap_or_else(|exit| exit)
}

async fn trace(
    admin: &AdminClient,
    conversation: &str,
    source: Option<&str>,
    json: bool,
) -> Result<Exit, Exit> {
    let source = match source {
        Some(source) => source.to_owned(),
        None => source_of(admin, conversation).await?,
    };
    let path = format!("/v1/conversations/{}/{}", segment(&source), segment(conversation));
    let record = admin.get(&path).await;
    let record = record.map_err(|refused| refused.about(&format!("{source}/{conversation}")))?;
    say(&if json { record.to_string() } else { tell(&read(record)?, conversation) });
    Ok(Exit::Done)
}

async fn source_of(admin: &AdminClient, conversation: &str) -> Result<String, Exit> {
    let path = format!("/v1/events?limit=1000&conversation={}", segment(conversation));
    let Page { events, .. } = read::<Page>(admin.get(&path).await?)?;
    let mut centers: Vec<_> = events.iter().map(|event| event.contact_center.as_str()).collect();
    centers.sort();
    centers.dedup();
    match (centers.as_slice(), events.first()) {
        ([_], Some(event)) => Ok(event.source.clone()),
        ([], _) | (_, None) => Err(Exit::Failed(format!(
            "no events are known for conversation `{conversation}`; they are forgotten after store.retention"
        ))),
        (several, Some(_)) => Err(Exit::Usage(format!(
            "several contact centres have a conversation `{conversation}`; add --source with one of {}",
            several.join(", ")
        ))),
    }
}

/// Head, then every event with its calls, one line each, by time.
fn tell(record: &ConversationRecord, conversation: &str) -> String {
    let mut lines = head(record, conversation);
    lines.push(String::new());
    let mut moments: Vec<(Option<UnixMillis>, String)> =
        record.events.iter().flat_map(|event| moments_of(event, conversation)).collect();
    moments.sort_by_key(|(at, _)| at.unwrap_or(UnixMillis::MAX));
    let shown = story::moments(moments.iter().filter_map(|(at, _)| *at));
    let shown = |at: &Option<UnixMillis>| at.map_or_else(|| "now".to_owned(), shown);
    lines.extend(moments.iter().map(|(at, line)| format!("{:<12}  {line}", shown(at))));
    lines.join("\n")
}

fn head(record: &ConversationRecord, conversation: &str) -> Vec<String> {
    let center = &record.contact_center;
    let mut lines = vec![format!("Conversation {conversation} of {center}"), String::new()];
    let mut fact = |name: &str, value: Option<String>| {
        lines.extend(value.map(|value| format!("  {name:<14}{value}")));
    };
    let document = record.document.as_ref();
    fact("document", document.map(|document| format!("{} {}", document.table, document.sys_id)));
    let others = Some(record.shared_with.join(", "));
    fact("shared with", others.filter(|others| !others.is_empty()));
    fact("last queue", record.queue.clone());
    fact("channel", record.channel.clone());
    let since = record.consult_since.map(full_time);
    fact("consult", since.map(|since| format!("open since {since}")));
    fact("from", record.events.first().map(|first| full_time(first.received_at)));
    lines
}

/// What happened with one event, each with its moment; none stands for now. Of another conversation that shares the
/// document, with its name.
fn moments_of(event: &EventRecord, conversation: &str) -> Vec<(Option<UnixMillis>, String)> {
    let other = event.conversation.as_deref().filter(|other| *other != conversation);
    let of = other.map(|other| format!(" (of {other})")).unwrap_or_default();
    let kind = event.kind.as_deref().map(words).unwrap_or_default();
    let name = format!("{kind} {}{of}", event.id);
    let mut moments = vec![(Some(event.received_at), came_in(event, &name))];
    moments.extend(happened(event).into_iter().map(|(at, what)| {
        let line = match what {
            Happened::Call(call) => format!("  {name}: {}", call_line(call)),
            Happened::Ended(end) => format!("  {name} is {}", earlier_end(end)),
            Happened::OperatorAction(action) => format!("  {name}: {action}"),
        };
        (Some(at), line)
    }));
    let state = state_and_why(&event.state, event.reason.as_deref(), event.detail.as_deref());
    moments.push((event.settled_at, format!("  {name} is {state}")));
    moments
}

/// What came in, with the members that tell the story.
fn came_in(event: &EventRecord, name: &str) -> String {
    let said = event.event.clone().unwrap_or_default();
    let target = said.transfer.and_then(|transfer| transfer.target).unwrap_or_default();
    let parts = [
        said.agent.map(|agent| format!("agent {agent}")),
        said.queue.map(|queue| format!("queue {queue}")),
        said.channel.map(|channel| format!("channel {channel}")),
        said.reason.map(|reason| format!("reason {reason}")),
        said.timeout_seconds.map(|seconds| format!("rings {seconds} s")),
        target.agent.map(|agent| format!("to agent {agent}")),
        target.queue.map(|queue| format!("to queue {queue}")),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    let said = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    format!("{name} received from {}{said}", event.source)
}
