//! CloudEvents over HTTP as one JSON shape: a structured object, or an array of them for a batch.
//!
//! Attributes are not judged here: a missing `id` is the filter's and the reader's matter.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jaq_json::{Map, Val};
use percent_encoding::percent_decode_str;

use super::super::request::Request;
use super::{Malformed, json, string_val};

/// Says whether the attributes are in `ce-*` headers, and the body is the bare data.
pub(super) fn is_binary(request: &Request) -> bool {
    request.headers.contains_key("ce-specversion") || request.headers.contains_key("ce-id")
}

/// Structured and batch mode need no header of their own: many senders declare plain `application/json`.
pub(super) fn decode(request: &Request) -> Result<Val, Malformed> {
    if is_binary(request) {
        return binary(request);
    }
    let value = json::parse(&request.body)?;
    let batch = request.media_type().is_some_and(|found| found.ends_with("cloudevents-batch+json"));
    match value {
        Val::Arr(events) => Ok(events.iter().cloned().map(with_open_data).collect()),
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) | Val::Obj(_)
            if batch =>
        {
            Err(Malformed::Syntax("a CloudEvents batch: it is not an array".to_owned()))
        }
        one => Ok(with_open_data(one)),
    }
}

fn binary(request: &Request) -> Result<Val, Malformed> {
    let mut event = Map::default();
    for (name, value) in &request.headers {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else { continue };
        let value = percent_decode_str(value.to_str().unwrap_or_default()).decode_utf8_lossy();
        event.insert(string_val(attribute), string_val(&value));
    }
    let media_type = request.media_type();
    if let Some(media_type) = &media_type {
        event.insert(string_val("datacontenttype"), string_val(media_type));
    }
    if !request.body.is_empty() {
        let data = if media_type.as_deref().is_none_or(is_json) {
            json::parse(&request.body)?
        } else {
            string_val(&String::from_utf8_lossy(&request.body))
        };
        event.insert(string_val("data"), data);
    }
    Ok(Val::obj(event))
}

/// Opens `data_base64` as `data`: as JSON where it is declared so and is so, else as text.
fn with_open_data(event: Val) -> Val {
    let Val::Obj(fields) = &event else { return event };
    let text = |name: &str| fields.get(&string_val(name)).and_then(json::string_of);
    let (Some(encoded), false) = (text("data_base64"), fields.contains_key(&string_val("data")))
    else {
        return event;
    };
    let Ok(bytes) = STANDARD.decode(encoded.trim()) else { return event };
    let declared = text("datacontenttype");
    let data = match declared.as_deref().is_none_or(is_json).then(|| json::parse(&bytes)) {
        Some(Ok(data)) => data,
        Some(Err(_)) | None => string_val(&String::from_utf8_lossy(&bytes)),
    };
    let mut opened: Map = (**fields).clone();
    opened.insert(string_val("data"), data);
    Val::obj(opened)
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.ends_with("/json") || essence.ends_with("+json")
}
