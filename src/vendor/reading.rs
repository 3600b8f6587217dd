//! What a filter yielded, as events: checks each value for itself and gives every one its id.
//!
//! A value that is no routing event becomes an unreadable one, which is kept; it never spoils its neighbours.

use jaq_json::Val;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::decode::{string_val, to_json};
use super::filter::Output;
use super::shortened;
use crate::routing::{ConversationId, EventId, EventJson, RoutingEvent, UnixMillis};

/// One thing that a request said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A routing event, checked.
    Event(Box<RoutingEvent>),
    /// Authentic and well formed, but no routing event: to be kept as a dead letter.
    Unreadable {
        /// Its own id, else one made of the request; never empty, at most 256 bytes.
        id: String,
        /// At most 40 characters of the sender's text.
        kind: Option<String>,
        /// A valid conversation id.
        conversation: Option<String>,
        /// What is wrong, without a value of the sender's but field names and short ids.
        problem: String,
    },
    /// The profile passes it over on purpose.
    Ignored { id: Option<String>, why: String },
    /// The profile says nothing about it.
    Unknown {
        /// At most 40 characters of the sender's text.
        event_type: Option<String>,
    },
}

/// Where ids come from that an event has not itself.
pub(super) struct Ids<'a> {
    /// The sender's id of the whole request, where it is signed.
    pub(super) message: Option<&'a str>,
    pub(super) body: &'a [u8],
}

impl Ids<'_> {
    /// The id of the `n`th of `count` events: the request's, else a hash over the body and `n`.
    fn of(&self, n: usize, count: usize) -> String {
        let fits = |id: &String| EventId::parse(id).is_ok();
        self.message
            .map(|message| if count == 1 { message.to_owned() } else { format!("{message}/{n}") })
            .filter(fits)
            .unwrap_or_else(|| {
                let mut hash = Sha256::new();
                hash.update(self.body);
                hash.update((n as u64).to_be_bytes());
                format!("sha256:{}", hex::encode(hash.finalize()))
            })
    }
}

/// Reads a run's outputs. Ids that stand in for missing ones count only what is an event or unreadable.
pub(super) fn read(outputs: Vec<Output>, ids: &Ids<'_>, received_at: UnixMillis) -> Vec<Reading> {
    let count = outputs.iter().filter(|output| !is_ignored(output)).count();
    let mut n = 0;
    let mut readings = Vec::with_capacity(outputs.len());
    // One after the other: a value may hold the whole input, and there may be many.
    for output in outputs {
        let ignored = is_ignored(&output);
        let value = output.map(|value| to_json(&value));
        let own = value.as_ref().ok().and_then(own_id);
        if ignored {
            let why = value.as_ref().ok().and_then(|value| value["ignore"].as_str());
            let why = shortened(why.unwrap_or("ignored"), 100);
            readings.push(Reading::Ignored { id: own, why });
            continue;
        }
        let id = own.unwrap_or_else(|| ids.of(n, count));
        n += 1;
        readings.push(match value {
            Ok(value) => event(value, id, received_at),
            Err(problem) => Reading::Unreadable { id, kind: None, conversation: None, problem },
        });
    }
    readings
}

fn is_ignored(output: &Output) -> bool {
    let has = |key: &str| match output {
        Ok(Val::Obj(fields)) => fields.contains_key(&string_val(key)),
        Ok(_) | Err(_) => false,
    };
    has("ignore") && !has("kind")
}

/// The value's own id, if it can be one: text or digits, 1 to 256 bytes, no control characters.
fn own_id(value: &Value) -> Option<String> {
    let id = match value.get("id")? {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_u64() || number.is_i64() => number.to_string(),
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            return None;
        }
    };
    EventId::parse(&id).is_ok().then_some(id)
}

fn event(mut value: Value, id: String, received_at: UnixMillis) -> Reading {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let kind = text("kind").map(|kind| shortened(kind, 40));
    let conversation = text("conversation")
        .filter(|text| ConversationId::parse(text).is_ok())
        .map(ToOwned::to_owned);
    let Some(fields) = value.as_object_mut() else {
        let problem = "what the filter yields is not an object".to_owned();
        return Reading::Unreadable { id, kind, conversation, problem };
    };
    fields.insert("id".to_owned(), Value::String(id.clone()));
    let checked = serde_path_to_error::deserialize::<_, EventJson>(value)
        .map_err(|error| wrong_type(&error))
        .and_then(|json| RoutingEvent::parse(json, received_at).map_err(|error| error.to_string()));
    match checked {
        Ok(event) => Reading::Event(Box::new(event)),
        Err(problem) => Reading::Unreadable { id, kind, conversation, problem },
    }
}

/// Names the field and what is expected; serde's own text would quote the sender's value at full length.
fn wrong_type(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let text = error.inner().to_string();
    let expected = text.rsplit_once("expected ").map_or("", |(_, expected)| expected);
    let path = shortened(&error.path().to_string(), 80);
    if expected.is_empty() {
        return format!("`{path}` is not right");
    }
    format!("`{path}` is not {}", shortened(expected, 80))
}

/// What an event calls itself, for counting the unknown ones.
pub(super) fn event_type(value: Option<&Val>) -> Option<String> {
    value.and_then(super::decode::string_of).map(|text| shortened(&text, 40))
}

#[cfg(test)]
mod tests;
