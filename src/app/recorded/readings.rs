//! What a profile makes of a request, in words and as a sample expects it.

use serde_json::{Value, json};

use crate::source::{Inspected, Reading, samples};

/// How what is read of the replaced request differs from what was read of it as it came; none where it is the same but
/// for names.
pub(super) fn difference(before: &[Inspected], after: &[Inspected]) -> Option<String> {
    if before.len() != after.len() {
        return Some(format!("{} became {}", what(before), what(after)));
    }
    let pairs = before.iter().zip(after).enumerate();
    pairs
        .filter_map(|(n, (before, after))| {
            let (old, new) = (shape(&before.reading), shape(&after.reading));
            (old != new).then(|| format!("event {n} was {old}, is {new}"))
        })
        .next()
}

/// A reading without its names: what it is, and which members it has.
fn shape(reading: &Reading) -> String {
    let Reading::Event(_) = reading else { return word(reading) };
    let event = samples::as_json(reading);
    let members = event.as_object().into_iter().flatten();
    let keys: Vec<&str> = members.map(|(key, _)| key.as_str()).collect();
    let more = ["document", "timeout_seconds", "assignment", "hand_over"];
    let more: Vec<String> = more.iter().map(|key| event[*key].to_string()).collect();
    let transfer = &event["transfer"]["type"];
    format!("{} ({}) {} {transfer}", word(reading), keys.join(", "), more.join(" "))
}

fn word(reading: &Reading) -> String {
    match reading {
        Reading::Event(_) => kind_of(reading).unwrap_or_default(),
        Reading::Unreadable(_) => "unreadable".to_owned(),
        Reading::Ignored { .. } => "ignored".to_owned(),
        Reading::Unknown { .. } => "unknown".to_owned(),
    }
}

pub(super) fn kind_of(reading: &Reading) -> Option<String> {
    match reading {
        Reading::Event(event) => event.to_json().kind,
        Reading::Unreadable(_) => Some("unreadable".to_owned()),
        Reading::Ignored { .. } | Reading::Unknown { .. } => None,
    }
}

pub(super) fn what(read: &[Inspected]) -> String {
    read.iter().map(|one| word(&one.reading)).collect::<Vec<_>>().join(", ")
}

/// A reading as a sample expects it; an id that is made of the body's bytes is none that a file could have.
pub(super) fn expected(reading: &Reading) -> Value {
    match reading {
        Reading::Event(_) => {
            let mut event = samples::as_json(reading);
            if let Some(members) = event.as_object_mut() {
                members.retain(|key, value| {
                    let hash = value.as_str().is_some_and(|id| id.starts_with("sha256:"));
                    !value.is_null() && key != "style" && !(key == "id" && hash)
                });
            }
            event
        }
        Reading::Unreadable(_) => json!({ "unreadable": true }),
        Reading::Ignored { .. } => json!({ "ignore": true }),
        Reading::Unknown { .. } => json!({ "unknown": true }),
    }
}
