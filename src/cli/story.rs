//! One event's whole story for a person: what came in, what was asked and answered, how it ended, what to do now.

use serde_json::Value;

use crate::admin::story::{Happened, call_line, earlier_end, happened, moments, reason};
use crate::admin::wording::{full_time, words};
use crate::routing::{EventRecord, ReasonCode, State, UnixMillis, Waited};

/// Lines under a head; nothing of the vendor's body.
pub(super) fn tell(event: &EventRecord) -> String {
    let mut lines = vec![headline(event), String::new()];
    let mut fact = |name: &str, value: Option<String>| {
        lines.extend(value.map(|value| format!("  {name:<16}{value}")));
    };
    let why = reason(event.reason.as_deref(), event.detail.as_deref());
    fact("reason", Some(why).filter(|why| !why.is_empty()));
    fact("conversation", conversation(event));
    fact("received", Some(full_time(event.received_at)));
    fact("ended", event.settled_at.map(full_time));
    fact("next check", event.due_at.map(full_time));
    fact("deadline", event.deadline.map(full_time));
    fact("work item", event.work_item.map(|sys_id| sys_id.to_string()));
    let waited = Some(event.waited_ms).filter(|waited| *waited != Waited::default());
    fact("time spent", waited.map(|waited| words(&waited.to_string())));
    fact("operators", event.by.clone());
    let asked = asked(event);
    if !asked.is_empty() {
        lines.extend([String::new(), "Event fields".to_owned()]);
        lines.extend(asked.into_iter().map(|(name, value)| format!("  {name:<16}{value}")));
    }
    lines.extend([String::new(), "Calls to ServiceNow".to_owned()]);
    lines.extend(calls(event));
    lines.extend(next_step(event));
    lines.join("\n")
}

fn headline(event: &EventRecord) -> String {
    let EventRecord { id, source, state, .. } = event;
    let kind = event.kind.as_deref().map_or_else(|| "Event".to_owned(), words);
    format!("{kind} {id} from {source} is {state}")
}

fn conversation(event: &EventRecord) -> Option<String> {
    let (conversation, center) = (event.conversation.as_ref()?, event.contact_center.as_str());
    Some(if center == event.source {
        conversation.clone()
    } else {
        format!("{conversation} (contact centre {center})")
    })
}

/// All that the event says and that is not shown above.
fn asked(event: &EventRecord) -> Vec<(String, String)> {
    let Some(Ok(Value::Object(members))) = event.event.as_ref().map(serde_json::to_value) else {
        return Vec::new();
    };
    let known_above = ["id", "kind", "conversation"];
    let shown = members.iter().filter(|(name, _)| !known_above.contains(&name.as_str()));
    shown.map(|(name, value)| (words(name), plain(value))).collect()
}

/// A member without JSON's brackets, as far as that is possible.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(members) => {
            let parts =
                members.iter().map(|(name, value)| format!("{} {}", words(name), plain(value)));
            parts.collect::<Vec<_>>().join(", ")
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => {
            other.to_string()
        }
    }
}

fn calls(event: &EventRecord) -> Vec<String> {
    let happened = happened(event);
    if happened.is_empty() {
        return vec!["  none".to_owned()];
    }
    let shown = moments(happened.iter().map(|(at, _)| *at));
    let mut number = 0;
    let mut line = |(at, what): &(UnixMillis, Happened<'_>)| {
        let at = shown(*at);
        match what {
            Happened::Call(call) => {
                number += 1;
                format!("  {number}. {at}  {}", call_line(call))
            }
            Happened::Ended(end) => format!("     {at}  {}", earlier_end(end)),
            Happened::OperatorAction(action) => format!("     {at}  {action}"),
        }
    };
    happened.iter().map(&mut line).collect()
}

fn next_step(event: &EventRecord) -> Vec<String> {
    let place = format!("{}/{}", event.source, event.id);
    let body = format!(
        "`awa-bridge events show {place} --body` shows the vendor's body while it is kept."
    );
    let step = match event.state.known() {
        Some(State::Dead) if event.reason.as_deref() == Some(ReasonCode::Unreadable.as_str()) => {
            format!("Fix the profile and have the vendor send the event again, then run `awa-bridge events discard {place}`.")
        }
        Some(State::Dead) => {
            format!("`awa-bridge events replay {place}` retries it, `awa-bridge events discard {place}` gives up on it.")
        }
        Some(State::Parked) => {
            "`awa-bridge events list --state parked` shows the line to add; the event resumes after a reload.".to_owned()
        }
        Some(State::Pending | State::Delivered | State::Expired | State::Superseded | State::Discarded)
        | None => return vec![String::new(), body],
    };
    vec![String::new(), step, body]
}
