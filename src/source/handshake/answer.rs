//! What a handshake is answered with: texts with placeholders for what the request says.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use jaq_json::Val;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::super::decode::{pointer, string_of};
use super::super::request::Request;
use super::super::verify::mac::{self, Algorithm};
use super::HandshakeAnswer;

/// The longest text of a request that is echoed, in bytes.
const MAX_ECHO: usize = 1_024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerToml {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    text: Option<String>,
    json: Option<toml::Table>,
}

const fn ok() -> u16 {
    200
}

/// A checked answer.
#[derive(Debug)]
pub(super) struct AnswerTemplate {
    status: StatusCode,
    headers: Vec<(HeaderName, Text)>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    None,
    Text(Text),
    /// Its texts are templates.
    Json(Json),
}

#[derive(Debug)]
enum Json {
    Text(Text),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
    Other(Value),
}

impl AnswerToml {
    pub(super) fn build(self) -> Result<AnswerTemplate, String> {
        let Self { status, headers, text, json } = self;
        let header = |(name, value): (String, String)| {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| "handshake: a header of the answer is not a header name".to_owned())?;
            Ok::<_, String>((name, Text::parse(&value)?))
        };
        let body = match (text, json) {
            (Some(_), Some(_)) => {
                return Err("a handshake answers `text` or `json`, not both".to_owned());
            }
            (Some(text), None) => Body::Text(Text::parse(&text)?),
            (None, Some(json)) => Body::Json(Json::of(toml::Value::Table(json))?),
            (None, None) => Body::None,
        };
        Ok(AnswerTemplate {
            status: StatusCode::from_u16(status)
                .map_err(|_| format!("handshake: {status} is not a status"))?,
            headers: headers.into_iter().map(header).collect::<Result<_, _>>()?,
            body,
        })
    }
}

impl AnswerTemplate {
    /// The answer to a request; none if something that it echoes is missing.
    pub(super) fn filled(&self, echo: &Echo<'_>) -> Option<HandshakeAnswer> {
        let (content_type, body) = match &self.body {
            Body::None => (None, String::new()),
            Body::Text(text) => (Some("text/plain; charset=utf-8"), text.filled(echo)?),
            Body::Json(json) => (Some("application/json"), json.filled(echo)?.to_string()),
        };
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        for (name, text) in &self.headers {
            headers.insert(name.clone(), text.filled(echo)?.parse().ok()?);
        }
        Some(HandshakeAnswer { status: self.status, headers, body: Bytes::from(body) })
    }

    /// Whether it looks into the body.
    pub(super) fn reads_body(&self) -> bool {
        self.parts().any(|part| matches!(part.operand(), Some(Operand::Body(_))))
    }

    /// The hashes of which whoever asks gets an HMAC over a text of their own choice.
    pub(super) fn signs_with(&self) -> impl Iterator<Item = Algorithm> {
        self.parts().filter_map(|part| match part {
            Part::Hmac(algorithm, ..) => Some(*algorithm),
            Part::Text(_) | Part::Echo { .. } => None,
        })
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        let mut texts: Vec<&Text> = self.headers.iter().map(|(_, text)| text).collect();
        match &self.body {
            Body::None => {}
            Body::Text(text) => texts.push(text),
            Body::Json(json) => json.collect(&mut texts),
        }
        texts.into_iter().flat_map(|text| &text.0)
    }
}

impl Json {
    fn of(value: toml::Value) -> Result<Self, String> {
        Ok(match value {
            toml::Value::String(text) => Self::Text(Text::parse(&text)?),
            toml::Value::Array(all) => {
                Self::Array(all.into_iter().map(Self::of).collect::<Result<_, _>>()?)
            }
            toml::Value::Table(fields) => {
                let field = |(name, value)| Ok::<_, String>((name, Self::of(value)?));
                Self::Object(fields.into_iter().map(field).collect::<Result<_, _>>()?)
            }
            other => Self::Other(
                serde_json::to_value(other)
                    .map_err(|_| "handshake: `answer.json` has no JSON form".to_owned())?,
            ),
        })
    }

    fn filled(&self, echo: &Echo<'_>) -> Option<Value> {
        Some(match self {
            Self::Text(text) => Value::String(text.filled(echo)?),
            Self::Array(all) => {
                Value::Array(all.iter().map(|one| one.filled(echo)).collect::<Option<_>>()?)
            }
            Self::Object(fields) => {
                let filled = |(name, value): &(String, Self)| {
                    value.filled(echo).map(|value| (name.clone(), value))
                };
                Value::Object(fields.iter().map(filled).collect::<Option<_>>()?)
            }
            Self::Other(value) => value.clone(),
        })
    }

    fn collect<'a>(&'a self, texts: &mut Vec<&'a Text>) {
        match self {
            Self::Text(text) => texts.push(text),
            Self::Array(all) => all.iter().for_each(|one| one.collect(texts)),
            Self::Object(fields) => fields.iter().for_each(|(_, one)| one.collect(texts)),
            Self::Other(_) => {}
        }
    }
}

/// What placeholders stand for.
pub(super) struct Echo<'a> {
    pub(super) request: &'a Request,
    pub(super) body: &'a Val,
    pub(super) secret: Option<&'a SecretString>,
}

/// A text with placeholders; a brace that stands for itself is written twice.
#[derive(Debug)]
struct Text(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    /// What stands there, else what is to stand there instead.
    Echo {
        operand: Operand,
        otherwise: Option<String>,
    },
    /// An HMAC over it with the secret that the request proved to know, else the first one.
    Hmac(Algorithm, Encoding, Operand),
}

#[derive(Debug)]
enum Operand {
    Header(String),
    Query(String),
    /// A JSON pointer.
    Body(String),
}

#[derive(Debug, Clone, Copy)]
enum Encoding {
    Hex,
    Base64,
    Base64Url,
}

const WANTED: &str = "handshake: a placeholder is none of {header:NAME}, {query:NAME}, {body:/POINTER}, each with |TEXT behind it \
     for where it is missing, and {hmac_HASH_ENCODING:OPERAND}; a brace that stands for itself is written twice";

impl Text {
    fn parse(template: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let (mut text, mut rest) = (String::new(), template);
        while let Some(place) = rest.find(['{', '}']) {
            text.push_str(&rest[..place]);
            let (brace, after) = rest[place..].split_at(1);
            if let Some(after) = after.strip_prefix(brace) {
                text.push_str(brace);
                rest = after;
                continue;
            }
            let (placeholder, after) =
                after.split_once('}').filter(|_| brace == "{").ok_or(WANTED)?;
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::parse(placeholder).ok_or(WANTED)?);
            rest = after;
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Self(parts))
    }

    fn filled(&self, echo: &Echo<'_>) -> Option<String> {
        self.0.iter().map(|part| part.filled(echo)).collect()
    }
}

impl Part {
    fn parse(placeholder: &str) -> Option<Self> {
        let (what, name) = placeholder.split_once(':')?;
        if let Some(how) = what.strip_prefix("hmac_") {
            let (hash, encoding) = how.split_once('_')?;
            let algorithm = match hash {
                "sha1" => Algorithm::Sha1,
                "sha256" => Algorithm::Sha256,
                "sha512" => Algorithm::Sha512,
                _ => return None,
            };
            let encoding = match encoding {
                "hex" => Encoding::Hex,
                "base64" => Encoding::Base64,
                "base64url" => Encoding::Base64Url,
                _ => return None,
            };
            let operand = match name.split_once(':') {
                Some((what, name)) => Operand::named(what, name)?,
                None => Operand::named("body", name)?,
            };
            return Some(Self::Hmac(algorithm, encoding, operand));
        }
        let (name, otherwise) = match name.split_once('|') {
            Some((name, otherwise)) => (name, Some(otherwise.to_owned())),
            None => (name, None),
        };
        Some(Self::Echo { operand: Operand::named(what, name)?, otherwise })
    }

    const fn operand(&self) -> Option<&Operand> {
        match self {
            Self::Text(_) => None,
            Self::Echo { operand, .. } | Self::Hmac(.., operand) => Some(operand),
        }
    }

    /// None where a text is missing, or is none to be echoed.
    fn filled(&self, echo: &Echo<'_>) -> Option<String> {
        let filled = match self {
            Self::Text(text) => return Some(text.clone()),
            Self::Echo { operand, otherwise } => match operand.of(echo) {
                Some(found) => found,
                None => return otherwise.clone(),
            },
            Self::Hmac(algorithm, encoding, operand) => {
                let key = echo.secret?.expose_secret().as_bytes().to_vec().into();
                let mac = mac::hmac(*algorithm, &key, &[operand.of(echo)?.as_bytes()]);
                match encoding {
                    Encoding::Hex => hex::encode(mac),
                    Encoding::Base64 => STANDARD.encode(mac),
                    Encoding::Base64Url => URL_SAFE_NO_PAD.encode(mac),
                }
            }
        };
        let may_be_echoed = filled.len() <= MAX_ECHO && !filled.chars().any(char::is_control);
        may_be_echoed.then_some(filled)
    }
}

impl Operand {
    fn named(what: &str, name: &str) -> Option<Self> {
        match what {
            "header" => HeaderName::from_bytes(name.as_bytes())
                .ok()
                .map(|name| Self::Header(name.to_string())),
            "query" => (!name.is_empty()).then(|| Self::Query(name.to_owned())),
            "body" => {
                (name.is_empty() || name.starts_with('/')).then(|| Self::Body(name.to_owned()))
            }
            _ => None,
        }
    }

    fn of(&self, echo: &Echo<'_>) -> Option<String> {
        match self {
            Self::Header(name) => echo.request.header(name).map(ToOwned::to_owned),
            Self::Query(name) => echo.request.query_parameter(name),
            Self::Body(place) => pointer(echo.body, place).and_then(string_of),
        }
    }
}
