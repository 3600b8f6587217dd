//! A recorded body as samples and flows write it, and back.

use serde_json::{Map, Value, json};

use super::decode::{Decode, compact_jwt};
use super::profile::Profile;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What a body is wrapped in: the key of `{"form": …}` or `{"jwt": …}`; none where it stands for itself.
type Wrapping = Option<&'static str>;

/// A body as a tree, without what it is wrapped in.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// What it holds.
    pub(crate) tree: Value,
    /// What the vendor calls the event, where the profile says where that is.
    pub(crate) event_type: Option<Value>,
    wrapping: Wrapping,
}

impl Written {
    /// Reads a body as the profile's `decode` says.
    ///
    /// # Errors
    /// It cannot be written in a sample.
    pub(crate) fn of(profile: &Profile, body: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(crate::text_file::without_mark(body))
            .map_err(|_| "the body is not UTF-8".to_owned())?;
        let json = |text: &str| {
            serde_json::from_str::<Value>(text).map_err(|error| {
                format!("the body is not JSON at {}:{}", error.line(), error.column())
            })
        };
        let (tree, wrapping) = match profile.request.decode {
            Decode::Json | Decode::Cloudevents => (json(text)?, None),
            Decode::Form => (form(text)?, Some("form")),
            Decode::Jwt => match compact_jwt(body) {
                None => (json(text)?, None),
                Some(token) => {
                    let claims = token.split('.').nth(1).unwrap_or_default();
                    let claims = URL_SAFE_NO_PAD.decode(claims).ok();
                    let claims = claims.and_then(|claims| String::from_utf8(claims).ok());
                    let claims =
                        claims.ok_or_else(|| "the token's claims cannot be read".to_owned())?;
                    (json(&claims)?, Some("jwt"))
                }
            },
        };
        let place = profile.request.event_type.as_deref();
        let event_type = place.and_then(|place| tree.pointer(place)).cloned();
        Ok(Self { tree, event_type, wrapping })
    }

    /// As it stands in a sample's `body`.
    pub(crate) fn in_sample(&self) -> Value {
        match (self.wrapping, &self.tree) {
            (Some(key), tree) => json!({ key: tree }),
            // What would be taken for a wrapping is written as a text.
            (None, Value::Object(members))
                if members.len() == 1
                    && ["form", "jwt"].iter().any(|key| members.contains_key(*key)) =>
            {
                Value::String(self.tree.to_string())
            }
            (None, Value::Null | Value::String(_)) => Value::String(self.tree.to_string()),
            (None, tree) => tree.clone(),
        }
    }

    /// The same with another tree.
    pub(crate) fn with(&self, tree: Value) -> Self {
        Self { tree, event_type: None, wrapping: self.wrapping }
    }

    /// Takes the members of these names out, at any depth.
    pub(crate) fn without(&mut self, names: &[&str]) {
        remove(&mut self.tree, names);
    }
}

fn remove(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(members) => {
            members.retain(|key, _| !names.contains(&key.as_str()));
            members.values_mut().for_each(|value| remove(value, names));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| remove(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn form(text: &str) -> Result<Value, String> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if fields.insert(name.into_owned(), Value::String(value.into_owned())).is_some() {
            return Err("the form has a name twice, which a sample cannot have".to_owned());
        }
    }
    Ok(Value::Object(fields))
}
