//! One event's whole story for a person: what came in, what was asked and answered, how it ended, what to do now.

use serde_json::Value;

use super::admin_client::text;
use super::wording::{call, full_time, meaning, time_of_day, words};
use crate::routing::visible_line;

/// Lines under a head; nothing of the vendor's body.
pub(super) fn tell(event: &Value) -> String {
    let mut lines = vec![headline(event), String::new()];
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("  {name:<16}{value}"));
        }
    };
    fact("reason", reason(event));
    fact("conversation", conversation(event));
    fact("received", full_time(&text(event, "received_at")));
    fact("ended", full_time(&text(event, "settled_at")));
    fact("looked at", full_time(&text(event, "due_at")));
    fact("deadline", full_time(&text(event, "deadline")));
    fact("work item", text(event, "work_item"));
    fact("time went to", waits(event));
    fact("operators", text(event, "by"));
    let asked = asked(event);
    if !asked.is_empty() {
        lines.extend([String::new(), "What the event says".to_owned()]);
        lines.extend(asked.into_iter().map(|(name, value)| format!("  {name:<16}{value}")));
    }
    lines.extend([String::new(), "Calls to ServiceNow".to_owned()]);
    lines.extend(calls(event));
    lines.extend(next_step(event));
    lines.join("\n")
}

/// One call and its answer, after its number or time.
pub(super) fn call_line(one: &Value) -> String {
    // Where all went well, ServiceNow's words say nothing more.
    let message = match text(one, "message") {
        message if message.is_empty() || text(one, "meaning") == "landed" => String::new(),
        message => format!(" “{message}”"),
    };
    let answer = match (text(one, "status").as_str(), text(one, "elapsed_ms").as_str()) {
        ("", "") => String::new(),
        ("" | "0", elapsed) => format!(" ({elapsed} ms)"),
        (status, "") => format!(" (HTTP {status})"),
        (status, elapsed) => format!(" (HTTP {status}, {elapsed} ms)"),
    };
    let meaning = match text(one, "meaning").as_str() {
        "" => "no answer yet".to_owned(),
        word => meaning(word),
    };
    format!("{}: {meaning}{answer}{message}", call(&text(one, "call")))
}

/// The reason's word and its sentence.
pub(super) fn reason(event: &Value) -> String {
    let (code, detail) = (words(&text(event, "reason")), text(event, "detail"));
    match (code.is_empty(), detail.is_empty()) {
        (_, true) => code,
        (true, false) => detail,
        (false, false) => format!("{code}: {detail}"),
    }
}

/// The reason in brackets, after a state.
pub(super) fn why(event: &Value) -> String {
    match reason(event) {
        why if why.is_empty() => why,
        why => format!(" ({why})"),
    }
}

fn headline(event: &Value) -> String {
    let kind = match text(event, "kind").as_str() {
        "" => "Event".to_owned(),
        kind => words(kind),
    };
    let (id, source, state) = (text(event, "id"), text(event, "source"), text(event, "state"));
    format!("{kind} {id} from {source} is {state}")
}

fn conversation(event: &Value) -> String {
    let (conversation, center) = (text(event, "conversation"), text(event, "contact_center"));
    if center == text(event, "source") || conversation.is_empty() {
        conversation
    } else {
        format!("{conversation} (contact centre {center})")
    }
}

fn waits(event: &Value) -> String {
    let Some(waited) = event.get("waited_ms").and_then(Value::as_object) else {
        return String::new();
    };
    let spent = waited.iter().filter(|(_, ms)| ms.as_u64().is_some_and(|ms| ms > 0));
    spent.map(|(cause, ms)| format!("{} {ms} ms", words(cause))).collect::<Vec<_>>().join(", ")
}

fn asked(event: &Value) -> Vec<(String, String)> {
    let Some(members) = event.get("event").and_then(Value::as_object) else { return Vec::new() };
    let known_above = ["id", "kind", "conversation"];
    let shown = members
        .iter()
        .filter(|(name, value)| !value.is_null() && !known_above.contains(&name.as_str()));
    shown.map(|(name, value)| (words(name), plain(value))).collect()
}

/// A member without JSON's brackets, as far as that is possible.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => visible_line(text).into_owned(),
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let parts = members.map(|(name, value)| format!("{} {}", words(name), plain(value)));
            parts.collect::<Vec<_>>().join(", ")
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => {
            other.to_string()
        }
    }
}

/// What happened to an event between its coming in and how it stands, each with its moment: the calls, how it had ended
/// before an operator replayed or discarded it, and what operators did.
pub(super) fn happened(event: &Value) -> Vec<(String, Happened<'_>)> {
    let of_call = |call| (text(call, "at"), Happened::Call(call));
    let mut all = Vec::new();
    for end in list(event, "earlier") {
        all.push((text(end, "settled_at"), Happened::Ended(end)));
    }
    for action in text(event, "by").split("; ").filter(|action| !action.is_empty()) {
        let (action, at) = action.rsplit_once(" at ").unwrap_or((action, ""));
        all.push((at.to_owned(), Happened::OperatorAction(action.to_owned())));
    }
    all.extend(list(event, "calls").map(of_call));
    all.sort_by(|(left, _), (right, _)| left.cmp(right));
    all
}

/// One thing that happened to an event.
pub(super) enum Happened<'a> {
    /// A call or look-up with its answer.
    Call(&'a Value),
    /// It had ended so.
    Ended(&'a Value),
    /// An operator did something: `anna replayed`.
    OperatorAction(String),
}

/// How moments are shown: by the time of day where all of them, in their order, are of one day.
pub(super) fn moments<'a>(all: impl IntoIterator<Item = &'a str>) -> fn(&str) -> String {
    let day = |at: &'a str| at.split_once('T').map(|(day, _)| day);
    let mut days: Vec<_> = all.into_iter().filter_map(day).collect();
    days.dedup();
    if days.len() > 1 { full_time } else { time_of_day }
}

fn list<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    of.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn calls(event: &Value) -> Vec<String> {
    let happened = happened(event);
    if happened.is_empty() {
        return vec!["  none".to_owned()];
    }
    let shown = moments(happened.iter().map(|(at, _)| at.as_str()));
    let mut number = 0;
    let mut line = |(at, what): &(String, Happened<'_>)| {
        let at = shown(at);
        match what {
            Happened::Call(call) => {
                number += 1;
                format!("  {number}. {at}  {}", call_line(call))
            }
            Happened::Ended(end) => format!("     {at}  {}{}", text(end, "state"), why(end)),
            Happened::OperatorAction(action) => format!("     {at}  {action}"),
        }
    };
    happened.iter().map(&mut line).collect()
}

fn next_step(event: &Value) -> Vec<String> {
    let place = format!("{}/{}", text(event, "source"), text(event, "id"));
    let body = format!(
        "`awa-bridge events show {place} --body` shows the vendor's body while it is kept."
    );
    let step = match text(event, "state").as_str() {
        "dead" if text(event, "reason") == "unreadable" => {
            format!("Mend the profile, have the vendor send it again, then `awa-bridge events discard {place}`.")
        }
        "dead" => {
            format!("`awa-bridge events replay {place}` does it again, `awa-bridge events discard {place}` gives it up.")
        }
        "parked" => {
            "`awa-bridge events list --state parked` shows the line to add; after a reload it goes on by itself.".to_owned()
        }
        _ => return vec![String::new(), body],
    };
    vec![String::new(), step, body]
}
