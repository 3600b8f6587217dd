//! The small filters that every profile uses, in Rust: in jq each would cost some microseconds an event.
//!
//! None of them fails: what they cannot read is null.

use jaq_core::ValXs;
use jaq_core::native::{Fun, bome, run, v};
use jaq_json::{Map, Rc, Val};
use sha2::{Digest as _, Sha256};

use super::super::decode::{string_of, string_val};
use super::meter::{Data, spend_visit};
use crate::routing::UnixMillis;

/// The filters with their names; `prelude.jq` defines the rest on top of them.
pub(super) fn words() -> Vec<Fun<Data>> {
    vec![
        run(("text", v(0), |(_, input)| word(&input, text))),
        run(("lower_text", v(0), |(_, input)| word(&input, lower_text))),
        run(("last_segment", v(0), |(_, input)| word(&input, last_segment))),
        run(("as_document", v(0), |(_, input)| word(&input, as_document))),
        run(("document_in", v(1), |(mut context, input)| {
            let name = context.pop_var();
            one(document_in(&input, &name))
        })),
        run(("own_events", v(0), |(_, input)| Box::new(own_events(input).into_iter().map(Ok)))),
        run(("completed", v(1), |(mut context, input)| {
            let options = context.pop_var();
            one(completed(input, &options))
        })),
        run(("is_one_of", v(1), |(mut context, input)| {
            let values = context.pop_var();
            one(Val::Bool(matches!(&values, Val::Arr(all) if all.contains(&input))))
        })),
        run(("seconds_of_pair", v(1), |(mut context, _)| {
            let pair = context.pop_var();
            one(seconds_of_pair(&pair))
        })),
        run(("id_of_parts", v(1), |(mut context, _)| {
            let parts = context.pop_var();
            spend_visit(&parts);
            one(id_of_parts(&parts))
        })),
        run(("time_or_null", v(0), |(_, input)| word(&input, time_or_null))),
        run(("from_epoch_s", v(0), |(_, input)| word(&input, from_epoch_s))),
        run(("from_epoch_ms", v(0), |(_, input)| word(&input, from_epoch_ms))),
        run(("lower_keys", v(0), |(_, input)| word(&input, lower_keys))),
    ]
}

fn word<'a>(input: &Val, word: fn(&Val) -> Val) -> ValXs<'a, Val> {
    one(word(input))
}

fn one<'a>(value: Val) -> ValXs<'a, Val> {
    bome(Ok(value))
}

/// A string that is not empty, or a number digit for digit.
fn text(input: &Val) -> Val {
    match input {
        Val::TStr(bytes) if !bytes.is_empty() => input.clone(),
        Val::Num(number) => string_val(&number.to_string()),
        Val::Null | Val::Bool(_) | Val::BStr(_) | Val::TStr(_) | Val::Arr(_) | Val::Obj(_) => {
            Val::Null
        }
    }
}

fn lower_text(input: &Val) -> Val {
    match text(input) {
        Val::TStr(bytes) => Val::utf8_str(bytes.to_ascii_lowercase()),
        other => other,
    }
}

/// What follows the last slash.
fn last_segment(input: &Val) -> Val {
    let whole = string_of(input).unwrap_or_default();
    text(&string_val(whole.rsplit('/').next().unwrap_or_default()))
}

/// `sys_id` or `table:sys_id`.
fn as_document(input: &Val) -> Val {
    let Some(text) = string_of(input).filter(|text| !text.is_empty()) else { return Val::Null };
    let (table, sys_id) = text.split_once(':').unwrap_or(("interaction", &text));
    let field = |name, value| (string_val(name), string_val(value));
    Val::obj([field("table", table), field("sys_id", sys_id)].into_iter().collect::<Map>())
}

fn document_in(input: &Val, name: &Val) -> Val {
    match input {
        Val::Obj(fields) => fields.get(name).map_or(Val::Null, as_document),
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) | Val::Arr(_) => {
            Val::Null
        }
    }
}

/// The routing events of a body in the bridge's own format: one, an array of them, or what CloudEvents carry.
fn own_events(input: Val) -> Vec<Val> {
    let events = match input {
        Val::Arr(all) => all.iter().cloned().map(shown).flat_map(of_envelope).collect(),
        one => of_envelope(shown(one)),
    };
    events.into_iter().map(with_document).collect()
}

/// Another product's event is no routing event: its type shows as the kind that is refused.
fn shown(value: Val) -> Val {
    let Val::Obj(mut fields) = value else { return value };
    let named = |fields: &Map, name| fields.get(&string_val(name)).map_or(Val::Null, text);
    if !says(&fields, "specversion") {
        let kind = named(&fields, "eventType");
        return foreign(Val::Obj(fields), kind);
    }
    let kind = named(&fields, "type");
    if let Some(data) = Rc::make_mut(&mut fields).get_mut(&string_val("data")) {
        *data = foreign(std::mem::take(data), kind);
    }
    Val::Obj(fields)
}

fn foreign(value: Val, kind: Val) -> Val {
    let Val::Obj(fields) = &value else { return value };
    let said = |name: &str| fields.get(&string_val(name)).cloned().unwrap_or(Val::Null);
    let has_kind = !matches!(said("kind"), Val::Null);
    if has_kind || matches!(kind, Val::Null) || fields.contains_key(&string_val("ignore")) {
        return value;
    }
    let field = |name, value| (string_val(name), value);
    Val::obj([field("id", said("id")), field("kind", kind)].into_iter().collect::<Map>())
}

/// A document may also come as text.
fn with_document(event: Val) -> Val {
    let Val::Obj(mut fields) = event else { return event };
    let key = string_val("document");
    if let Some(text @ (Val::TStr(_) | Val::BStr(_))) = fields.get(&key) {
        let document = as_document(text);
        Rc::make_mut(&mut fields).insert(key, document);
    }
    Val::Obj(fields)
}

/// The events of one CloudEvent: its id is theirs, with a number behind it where there are several, and so is its time
/// where they have none. What is no CloudEvent is itself.
fn of_envelope(value: Val) -> Vec<Val> {
    let Val::Obj(envelope) = &value else { return vec![value] };
    let said = |name: &str| envelope.get(&string_val(name)).cloned().unwrap_or(Val::Null);
    if !envelope.contains_key(&string_val("specversion")) {
        return vec![value];
    }
    let (id, time) = (said("id"), said("time"));
    let events = match said("data") {
        Val::Arr(events) => events.to_vec(),
        one => vec![one],
    };
    let several = events.len() > 1;
    let with_envelope = |(number, event): (usize, Val)| {
        let Val::Obj(mut event) = event else { return event };
        let fields = Rc::make_mut(&mut event);
        let own_id = if several {
            let id = string_of(&id).unwrap_or_else(|| id.to_string());
            string_val(&format!("{id}/{number}"))
        } else {
            id.clone()
        };
        fields.insert(string_val("id"), own_id);
        if !says(fields, "occurred_at") {
            fields.insert(string_val("occurred_at"), time.clone());
        }
        Val::Obj(event)
    };
    events.into_iter().enumerate().map(with_envelope).collect()
}

/// Whether a field is there, and neither null nor false.
fn says(fields: &Map, name: &str) -> bool {
    let value = fields.get(&string_val(name));
    value.is_some_and(|value| !matches!(value, Val::Null | Val::Bool(false)))
}

/// A routing event with what a source's options say of it: a document that comes as text in the field that
/// `document_attribute` names, the channel and the ring time, each where the event itself says nothing.
fn completed(input: Val, options: &Val) -> Val {
    let Val::Obj(mut fields) = input else { return input };
    let option = |name: &str| match options {
        Val::Obj(options) => options.get(&string_val(name)).cloned().unwrap_or(Val::Null),
        _ => Val::Null,
    };
    let key = |name: &str| string_val(name);
    let event = Rc::make_mut(&mut fields);
    if !says(event, "document") {
        let name = option("document_attribute");
        let document = event.get(&name).map_or(Val::Null, as_document);
        event.insert(key("document"), document);
    }
    let channel = match event.get(&key("channel")).map_or(Val::Null, text) {
        Val::Null => text(&option("channel")),
        own => own,
    };
    event.insert(key("channel"), channel);
    if !says(event, "timeout_seconds") {
        event.insert(key("timeout_seconds"), ring_seconds(option("timeout_seconds")));
    }
    Val::Obj(fields)
}

/// Null of what is no number above 0.
fn ring_seconds(option: Val) -> Val {
    let seconds = match &option {
        Val::Num(number) => number.to_string().parse::<f64>().ok(),
        _ => None,
    };
    if seconds.is_some_and(|seconds| seconds > 0.0) { option } else { Val::Null }
}

/// From the first time of a pair to the second, in seconds; a whole number where it is one.
fn seconds_of_pair(pair: &Val) -> Val {
    let Val::Arr(times) = pair else { return Val::Null };
    let (Some(from), Some(to), None) = (times.first(), times.get(1), times.get(2)) else {
        return Val::Null;
    };
    let (Some(from), Some(to)) = (nanoseconds(from), nanoseconds(to)) else { return Val::Null };
    let between = to - from;
    match isize::try_from(between / NANOS) {
        Ok(whole) if between % NANOS == 0 => Val::from(whole),
        #[expect(clippy::cast_precision_loss, reason = "a ring time has no 52 bits")]
        Ok(_) | Err(_) => Val::from(between as f64 / NANOS as f64),
    }
}

const NANOS: i128 = 1_000_000_000;

/// A time in nanoseconds since 1970; digits of its fraction beyond the ninth are cut off.
fn nanoseconds(time: &Val) -> Option<i128> {
    let text = string_of(time).filter(|_| matches!(time, Val::TStr(_)))?;
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (fraction, zone) = rest.split_at(digits);
    let short = match digits {
        0 => text.clone(),
        _ => format!("{whole}.{}{zone}", &fraction[..digits.min(9)]),
    };
    Some(short.parse::<jiff::Timestamp>().ok()?.as_nanosecond())
}

/// A hash over the parts, each with its kind and its length before it, so that no other parts give the same. A number
/// is the same as its digits as a text.
fn id_of_parts(parts: &Val) -> Val {
    let Val::Arr(parts) = parts else { return Val::Null };
    if parts.iter().all(|part| matches!(part, Val::Null)) {
        return Val::Null;
    }
    let mut hash = Sha256::new();
    for part in parts.iter() {
        match (part, string_of(part)) {
            (Val::Null, _) => hash.update(b"n"),
            (_, Some(text)) => {
                hash.update(b"t");
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text.as_bytes());
            }
            (_, None) => return Val::Null,
        }
    }
    string_val(&format!("id-{}", hex::encode(&hash.finalize()[..16])))
}

/// Null of a sentinel of 1970.
fn time_or_null(input: &Val) -> Val {
    match text(input) {
        Val::TStr(bytes) if bytes.starts_with(b"1970-01-01") => Val::Null,
        other => other,
    }
}

fn from_epoch_s(input: &Val) -> Val {
    let digits = string_of(input).unwrap_or_default();
    let whole = digits.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1_000));
    let fraction = || digits.parse::<f64>().ok().filter(|seconds| seconds.abs() < 1e12);
    let ms = whole.or_else(|| fraction().map(|seconds| (seconds * 1_000.0).floor() as i64));
    ms.map_or(Val::Null, |ms| string_val(&UnixMillis(ms).to_string()))
}

/// As RFC 3339; a fraction is cut off.
fn from_epoch_ms(input: &Val) -> Val {
    let digits = string_of(input).unwrap_or_default();
    let whole = digits.split('.').next().unwrap_or_default();
    whole.parse().map_or(Val::Null, |ms| string_val(&UnixMillis(ms).to_string()))
}

/// All keys in lower case, at every depth; of two that become one the later wins.
fn lower_keys(value: &Val) -> Val {
    match value {
        Val::Arr(elements) => elements.iter().map(lower_keys).collect(),
        Val::Obj(fields) => {
            let lower = |key: &Val| match key {
                Val::TStr(text) => Val::utf8_str(text.to_ascii_lowercase()),
                other => other.clone(),
            };
            let lowered = fields.iter().map(|(key, value)| (lower(key), lower_keys(value)));
            Val::obj(lowered.collect())
        }
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) => value.clone(),
    }
}
