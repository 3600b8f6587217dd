//! What a filter yielded, as events: checks each value for itself and gives every one its id.
//!
//! A value that is no routing event becomes an unreadable one, which is kept; it never spoils its neighbours.

use jaq_json::{Rc, Val};
use sha2::{Digest as _, Sha256};

use super::decode::{Reader, string_of, string_val};
use super::filter::Output;
use crate::problem::in_plain_words;
use crate::routing::shortened;
use crate::routing::{ConversationId, EventId, EventJson, RoutingEvent, UnixMillis, Unreadable};

/// How many keys that nothing reads are named of one event.
const MAX_UNREAD: usize = 20;

/// How many unreadable events of one request are kept one by one.
const MAX_UNREADABLE: usize = 50;

/// One thing that a request said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A routing event, checked.
    Event(Box<RoutingEvent>),
    /// Authentic and well formed, but no routing event: to be kept as a dead letter.
    Unreadable(Unreadable),
    /// The profile passes it over on purpose.
    Ignored {
        /// The sender's id, if there is one.
        id: Option<String>,
        /// Why, as the filter says it.
        why: String,
    },
    /// The profile does not know it.
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
    /// The id of what stands for all unreadable events of the request.
    fn of_all(&self) -> String {
        self.of(usize::MAX, 1)
    }

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

/// A reading for a person who writes a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inspected {
    pub(crate) reading: Reading,
    /// Keys of the event that nothing reads, such as `transfer.targt`: a sender's own, or misspelt ones.
    pub(crate) unread: Vec<String>,
}

/// Reads a run's outputs. Ids made up for missing ones count only what is an event or unreadable.
pub(super) fn read(outputs: Vec<Output>, ids: &Ids<'_>, received_at: UnixMillis) -> Vec<Reading> {
    let readings = read_each(outputs, ids, received_at, |_| ());
    let is_unreadable = |reading: &Reading| matches!(reading, Reading::Unreadable(_));
    let unreadable = readings.iter().filter(|reading| is_unreadable(reading)).count();
    if unreadable <= MAX_UNREADABLE { readings } else { summed_up(readings, unreadable, ids) }
}

/// One dead letter in place of the unreadable ones: it keeps the body, and so nothing is lost.
fn summed_up(readings: Vec<Reading>, unreadable: usize, ids: &Ids<'_>) -> Vec<Reading> {
    let mut first = None;
    let mut kept = Vec::new();
    for reading in readings {
        match reading {
            Reading::Unreadable(one) => drop(first.get_or_insert(one.problem)),
            other => kept.push(other),
        }
    }
    let first = first.unwrap_or_default();
    kept.push(Reading::Unreadable(Unreadable {
        id: ids.of_all(),
        kind: None,
        conversation: None,
        problem: format!("{unreadable} events of this body cannot be read; the first: {first}"),
    }));
    kept
}

/// The same, with the keys that are passed over.
pub(super) fn inspect(
    outputs: Vec<Output>,
    ids: &Ids<'_>,
    received_at: UnixMillis,
) -> Vec<Inspected> {
    let mut unread = Vec::with_capacity(outputs.len());
    let readings = read_each(outputs, ids, received_at, |value| {
        unread.push(value.map(unread_keys).unwrap_or_default());
    });
    let pairs = readings.into_iter().zip(unread);
    pairs.map(|(reading, unread)| Inspected { reading, unread }).collect()
}

/// `look` sees each output in turn: its value where it is meant for an event.
fn read_each(
    outputs: Vec<Output>,
    ids: &Ids<'_>,
    received_at: UnixMillis,
    mut look: impl FnMut(Option<&Val>),
) -> Vec<Reading> {
    let count = outputs.iter().filter(|output| no_event(output).is_none()).count();
    let mut n = 0;
    let mut readings = Vec::with_capacity(outputs.len());
    // One after the other: a value may hold the whole input, and there may be many.
    for output in outputs {
        let no_event = no_event(&output);
        let own = output.as_ref().ok().and_then(own_id);
        if let (Some(no_event), Ok(value)) = (no_event, &output) {
            look(None);
            readings.push(no_event.reading(value, own));
            continue;
        }
        look(output.as_ref().ok());
        let id = own.unwrap_or_else(|| ids.of(n, count));
        n += 1;
        readings.push(match output {
            Ok(value) => event(value, id, received_at),
            Err(problem) => {
                Reading::Unreadable(Unreadable { id, kind: None, conversation: None, problem })
            }
        });
    }
    readings
}

/// What an output without a `kind` says that it is instead of an event.
#[derive(Debug, Clone, Copy)]
enum NoEvent {
    Ignored,
    Unknown,
}

fn no_event(output: &Output) -> Option<NoEvent> {
    let Ok(Val::Obj(fields)) = output else { return None };
    let has = |key: &str| fields.contains_key(&string_val(key));
    let said = [("ignore", NoEvent::Ignored), ("unknown", NoEvent::Unknown)];
    let (_, no_event) = said.into_iter().find(|(key, _)| has(key))?;
    (!has("kind")).then_some(no_event)
}

impl NoEvent {
    fn reading(self, value: &Val, id: Option<String>) -> Reading {
        match self {
            Self::Ignored => {
                let why = text(value, "ignore").unwrap_or_else(|| "ignored".to_owned());
                Reading::Ignored { id, why: shortened(&why, 100) }
            }
            Self::Unknown => Reading::Unknown { event_type: event_type(field(value, "unknown")) },
        }
    }
}

/// The keys that are passed over when the event is read, at most [`MAX_UNREAD`]; empty where it is no object.
fn unread_keys(value: &Val) -> Vec<String> {
    let mut unread = Vec::new();
    if matches!(value, Val::Obj(_)) {
        let name = |path: serde_ignored::Path<'_>| {
            if unread.len() < MAX_UNREAD {
                unread.push(shortened(&key_path(&path), 80));
            }
        };
        // Where a type is wrong, the reading says so; the keys before it are named all the same.
        drop(serde_ignored::deserialize::<_, _, EventJson>(Reader(value), name));
    }
    unread
}

/// `transfer.targt`.
fn key_path(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    let below = |parent: &Path<'_>, key: &str| match key_path(parent) {
        parent if parent.is_empty() => key.to_owned(),
        parent => format!("{parent}.{key}"),
    };
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => below(parent, &index.to_string()),
        Path::Map { parent, key } => below(parent, key),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => key_path(parent),
    }
}

/// The value's own id, if it can be one: text or digits, 1 to 256 bytes, no control characters.
fn own_id(value: &Val) -> Option<String> {
    let id = Reader(field(value, "id")?).text_or_integer()?;
    EventId::parse(&id).is_ok().then_some(id)
}

fn field<'a>(value: &'a Val, name: &str) -> Option<&'a Val> {
    let Val::Obj(fields) = value else { return None };
    fields.get(&string_val(name))
}

/// The text in a field.
fn text(value: &Val, name: &str) -> Option<String> {
    field(value, name).filter(|value| matches!(value, Val::TStr(_))).and_then(string_of)
}

fn event(mut value: Val, id: String, received_at: UnixMillis) -> Reading {
    let kind = text(&value, "kind").map(|kind| shortened(&kind, 40));
    let conversation =
        text(&value, "conversation").filter(|text| ConversationId::parse(text).is_ok());
    let Val::Obj(fields) = &mut value else {
        let problem = "what the filter yields is not an object".to_owned();
        return Reading::Unreadable(Unreadable { id, kind, conversation, problem });
    };
    Rc::make_mut(fields).insert(string_val("id"), string_val(&id));
    let checked = serde_path_to_error::deserialize::<_, EventJson>(Reader(&value))
        .map_err(|error| wrong_type(&error))
        .and_then(|json| RoutingEvent::parse(json, received_at).map_err(|error| error.to_string()));
    match checked {
        Ok(event) => Reading::Event(Box::new(event)),
        Err(problem) => Reading::Unreadable(Unreadable { id, kind, conversation, problem }),
    }
}

/// Names the field and what is expected; serde's own text would quote the sender's value at full length.
fn wrong_type(error: &serde_path_to_error::Error<serde::de::value::Error>) -> String {
    let path = shortened(&error.path().to_string(), 80);
    let object = match path.as_str() {
        "document" => "an object with `table` and `sys_id`",
        "transfer" => "an object with `type` and `target`",
        "transfer.target" => "an object with `agent` or `queue`",
        _ => "an object",
    };
    let account = in_plain_words(&error.inner().to_string(), object);
    match account.rsplit_once("expected ") {
        Some((_, expected)) => format!("`{path}` is not {}", shortened(expected, 80)),
        None => format!("`{path}` is not right"),
    }
}

/// What an event calls itself, for counting the unknown ones.
pub(super) fn event_type(value: Option<&Val>) -> Option<String> {
    value.and_then(string_of).map(|text| shortened(&text, 40))
}

#[cfg(test)]
mod tests;
