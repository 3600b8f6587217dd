//! `hmac`: a keyed hash over a message that is made of the body and some headers.

use std::borrow::Cow;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::super::decode::{parse_json, pointer, string_of};
use super::super::duration::Span;
use super::super::request::Request;
use super::encoding::Encoding;
use super::header::checked_name;
use super::mac::{self, Algorithm, Key, KeyForm, same};
use super::message::Template;
use super::parts::{self, Parts};
use super::unit::Unit;
use super::{SHORT, Unsignable, Unverified, set_header};

/// What the vendor signs and where it puts the signature.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct HmacSpec {
    header: String,
    algorithm: Algorithm,
    encoding: Encoding,
    /// Before the signature in the header.
    #[serde(default)]
    prefix: String,
    /// A [`Template`].
    #[serde(default = "body_alone")]
    message: String,
    /// The header with the time of signing.
    timestamp: Option<String>,
    /// A JSON pointer to the time of signing in the signed body, where the body has one. The `timestamp` header is then
    /// not needed, but may say nothing else.
    timestamp_pointer: Option<String>,
    /// In a header such as `t=1,v1=abc`: the name before the signature, and the one before the time.
    signature_key: Option<String>,
    timestamp_key: Option<String>,
    /// What stands between the parts of such a header.
    #[serde(default = "comma")]
    separator: String,
    #[serde(default)]
    unit: Unit,
    #[serde(default = "five_minutes")]
    tolerance: Span,
    /// How a secret becomes a key.
    #[serde(default)]
    key: KeyForm,
    /// A JSON pointer: the last path segment there chooses among secrets written `key=secret`; one without fits all.
    secret_by: Option<String>,
}

/// A secret that ends with `=` is base64, and not a name without its secret, from so many bytes on.
const LIKELY_KEY: usize = 7;

/// How many signatures a request may have; while secrets are changed, senders make two.
const MAX_SIGNATURES: usize = 10;

fn body_alone() -> String {
    "{body}".to_owned()
}

fn comma() -> String {
    ",".to_owned()
}

const fn five_minutes() -> Span {
    Span::of_seconds(300)
}

struct NamedKey {
    name: Option<String>,
    key: Key,
}

/// What a request brings to be verified by.
struct Signatures<'a> {
    signatures: Vec<Vec<u8>>,
    /// The time that stands beside them.
    listed_time: Option<String>,
    parts: Parts<'a>,
}

/// The scheme with its keys.
pub(in super::super) struct Hmac {
    header: String,
    algorithm: Algorithm,
    encoding: Encoding,
    prefix: String,
    message: Template,
    timestamp: Option<String>,
    timestamp_pointer: Option<String>,
    signature_key: Option<String>,
    timestamp_key: Option<String>,
    separator: String,
    unit: Unit,
    tolerance: Span,
    secret_by: Option<String>,
    keys: Vec<NamedKey>,
}

impl Hmac {
    pub(super) fn build(spec: &HmacSpec, secrets: &[SecretString]) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let header = noted(&mut problems, checked_name("header", &spec.header));
        let timestamp = spec.timestamp.as_deref().map(|name| checked_name("timestamp", name));
        let timestamp = timestamp.map(|name| noted(&mut problems, name));
        let message = noted(&mut problems, Template::parse(&spec.message));
        let mut keys = Vec::new();
        for (place, secret) in secrets.iter().enumerate() {
            match named_key(secret.expose_secret(), spec) {
                Ok(key) => keys.push(key),
                Err(problem) => problems.push(format!("secret {} {problem}", place + 1)),
            }
        }
        let signs = |name: &str| message.has_timestamp() || message.names(name);
        let unsigned = spec.timestamp_pointer.is_none()
            && match (&timestamp, &spec.timestamp_key) {
                (Some(header), _) => !signs(header),
                (None, Some(_)) => !message.has_timestamp(),
                (None, None) => false,
            };
        if unsigned && problems.is_empty() {
            problems.push(
                "`message` leaves out the time of signing: an old request could be sent again with a new time; write \
                 `{timestamp}` into it where the sender signs it, else leave `timestamp` and `timestamp_key` out"
                    .to_owned(),
            );
        }
        if spec.timestamp_key.is_some() && spec.signature_key.is_none() {
            problems.push("`timestamp_key` needs `signature_key`".to_owned());
        }
        if message.listed().next().is_some() && spec.signature_key.is_none() {
            problems.push("`{part:NAME}` needs `signature_key`".to_owned());
        }
        problems.extend(parts::problem_of(&spec.separator).map(ToOwned::to_owned));
        if spec.timestamp_pointer.is_some() && spec.timestamp_key.is_some() {
            problems.push("`timestamp_pointer` and `timestamp_key` exclude each other".to_owned());
        }
        if spec.timestamp.is_some() && spec.timestamp_key.is_some() {
            problems.push("`timestamp` and `timestamp_key` exclude each other".to_owned());
        }
        if message.has_timestamp() && spec.timestamp.is_none() && spec.timestamp_key.is_none() {
            problems.push("`{timestamp}` needs `timestamp` or `timestamp_key`".to_owned());
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            header,
            algorithm: spec.algorithm,
            encoding: spec.encoding,
            prefix: spec.prefix.clone(),
            message,
            timestamp,
            timestamp_pointer: spec.timestamp_pointer.clone(),
            signature_key: spec.signature_key.clone(),
            timestamp_key: spec.timestamp_key.clone(),
            separator: spec.separator.clone(),
            unit: spec.unit,
            tolerance: spec.tolerance,
            secret_by: spec.secret_by.clone(),
            keys,
        })
    }

    pub(super) fn verify(&self, request: &Request) -> Result<usize, Unverified> {
        let Signatures { mut signatures, listed_time, parts } = self.signatures(request)?;
        signatures.retain(|found| found.len() == self.algorithm.length());
        let reads_body = self.timestamp_pointer.is_some() || self.secret_by.is_some();
        if reads_body && !self.message.has_timestamp() {
            self.first_fitting(request, &signatures, &parts)?;
        }
        if signatures.is_empty() {
            return Err(Unverified::Wrong);
        }
        let timestamp = self.timestamp(request, listed_time)?;
        if let Some(text) = &timestamp {
            let at = self
                .unit
                .read(text)
                .ok_or_else(|| Unverified::Unreadable("timestamp".to_owned()))?;
            if at.0.abs_diff(request.received_at.0) > self.tolerance.millis() {
                return Err(Unverified::Stale);
            }
        }
        let chosen = self.chosen_name(request)?;
        let message = self.message.of(request, timestamp.as_deref(), &parts)?;
        let allowed = |key: &NamedKey| key.may_be(chosen.as_deref());
        self.fitting(&message, &signatures, allowed).ok_or(Unverified::Wrong)
    }

    /// Reading a body costs some ten times as much as hashing it: nothing of it is read for whoever has no key at all.
    /// A short one is, so that an operator learns that a subscription has no secret.
    fn first_fitting(
        &self,
        request: &Request,
        signatures: &[Vec<u8>],
        parts: &Parts<'_>,
    ) -> Result<(), Unverified> {
        let message = self.message.of(request, None, parts)?;
        if self.fitting(&message, signatures, |_| true).is_some() {
            return Ok(());
        }
        if request.body.len() <= SHORT {
            self.chosen_name(request)?;
        }
        Err(Unverified::Wrong)
    }

    /// The place of the first allowed key that has made one of the signatures; all of them are tried.
    fn fitting(
        &self,
        message: &[Cow<'_, [u8]>],
        signatures: &[Vec<u8>],
        allowed: impl Fn(&NamedKey) -> bool,
    ) -> Option<usize> {
        let mut fitting = None;
        for (place, key) in self.keys.iter().enumerate().filter(|(_, key)| allowed(key)) {
            let expected = mac::hmac(self.algorithm, &key.key, message);
            if signatures.iter().any(|found| same(&expected, found)) && fitting.is_none() {
                fitting = Some(place);
            }
        }
        fitting
    }

    /// Whether the signature covers a header.
    pub(super) fn covers_header(&self, name: &str) -> bool {
        self.message.names(name)
            || self.message.has_timestamp() && self.timestamp.as_deref() == Some(name)
    }

    /// Whether the body is signed byte for byte.
    pub(super) fn signs_whole_body(&self) -> bool {
        self.message.has_body()
    }

    /// The signed message of a verified request.
    pub(super) fn message<'a>(&'a self, request: &'a Request) -> Option<Cow<'a, [u8]>> {
        let Signatures { signatures: _, listed_time, parts } = self.signatures(request).ok()?;
        let timestamp = self.timestamp(request, listed_time).ok()?;
        let message = self.message.of(request, timestamp.as_deref(), &parts).ok()?;
        Some(message.concat().into())
    }

    pub(super) fn sign(&self, request: &mut Request) -> Result<(), Unsignable> {
        let timestamp = match &self.timestamp_pointer {
            None => self.unit.write(request.received_at),
            Some(_) => {
                request.headers.remove(self.timestamp.as_deref().unwrap_or_default());
                self.timestamp_in_body(request).map_err(|_| Unsignable)?.unwrap_or_default()
            }
        };
        if let Some(name) = self.timestamp.as_deref().filter(|_| !timestamp.is_empty()) {
            set_header(request, name, &timestamp)?;
        }
        let mut parts: Vec<String> =
            self.timestamp_key.iter().map(|name| format!("{name}={timestamp}")).collect();
        parts.extend(self.message.listed().map(|name| format!("{name}=1")));
        let all = parts.join(&self.separator);
        let all = Parts::read(&[&all], &self.separator);
        let message = self.message.of(request, Some(&timestamp), &all).map_err(|_| Unsignable)?;
        let chosen = self.chosen_name(request).map_err(|_| Unsignable)?;
        let key = self.keys.iter().find(|key| key.may_be(chosen.as_deref()));
        let mac = mac::hmac(self.algorithm, &key.ok_or(Unsignable)?.key, &message);
        let signature = format!("{}{}", self.prefix, self.encoding.write(&mac));
        let value = match &self.signature_key {
            Some(name) => {
                parts.push(format!("{name}={signature}"));
                parts.join(&self.separator)
            }
            None => signature,
        };
        set_header(request, &self.header, &value)
    }

    pub(super) fn key_lengths(&self) -> Vec<usize> {
        self.keys.iter().map(|key| key.key.expose_secret().len()).collect()
    }

    /// Whether an HMAC over a text of somebody's choice, made with this secret as it is written, would be a signature.
    pub(super) fn takes_hmac_of_text(&self, secret: &str, hash: Algorithm) -> bool {
        let is_key = |key: &NamedKey| key.key.expose_secret() == secret.as_bytes();
        self.algorithm == hash && self.keys.iter().any(is_key) && self.message.is_printable()
    }

    /// The signatures of the request, and what stands beside them in their header.
    fn signatures<'a>(&self, request: &'a Request) -> Result<Signatures<'a>, Unverified> {
        let missing = |name: &str| Unverified::Missing(name.to_owned());
        let mut values = request.headers.get_all(&self.header).iter().peekable();
        if values.peek().is_none() {
            return Err(missing(&self.header));
        }
        let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
        let (written, parts) = match &self.signature_key {
            Some(name) => {
                let parts = Parts::read(&texts, &self.separator);
                (parts.all(name).collect(), parts)
            }
            None => (texts.iter().map(|text| text.trim()).collect::<Vec<_>>(), Parts::default()),
        };
        if written.len() > MAX_SIGNATURES {
            return Err(Unverified::Unreadable(self.header.clone()));
        }
        let signatures: Vec<Vec<u8>> = written
            .into_iter()
            .filter_map(|text| self.encoding.read(text.strip_prefix(self.prefix.as_str())?))
            .collect();
        if signatures.is_empty() {
            return Err(Unverified::Unreadable(self.header.clone()));
        }
        let listed_time = match &self.timestamp_key {
            Some(name) if self.timestamp.is_none() && self.timestamp_pointer.is_none() => {
                Some(parts.all(name).next().ok_or_else(|| missing(name))?.to_owned())
            }
            Some(_) | None => None,
        };
        Ok(Signatures { signatures, listed_time, parts })
    }

    /// The time of signing as it was signed.
    fn timestamp(
        &self,
        request: &Request,
        listed: Option<String>,
    ) -> Result<Option<String>, Unverified> {
        match &self.timestamp {
            _ if self.timestamp_pointer.is_some() => self.timestamp_in_body(request),
            Some(name) => {
                let missing = || Unverified::Missing(name.to_owned());
                Ok(Some(request.header(name).ok_or_else(missing)?.to_owned()))
            }
            None => Ok(listed),
        }
    }

    /// The body's own time, which is signed: a header has to agree with it. The header alone can only make a request
    /// look older than one without any time.
    fn timestamp_in_body(&self, request: &Request) -> Result<Option<String>, Unverified> {
        let Some(place) = &self.timestamp_pointer else { return Ok(None) };
        let body = parse_json(&request.body).map_err(|_| Unverified::Unreadable(place.clone()))?;
        let own = pointer(&body, place).and_then(string_of).filter(|time| !time.is_empty());
        let header = self.timestamp.as_deref().and_then(|name| request.headers.get(name));
        match (own, header) {
            (Some(own), Some(header)) if own.as_bytes() != header.as_bytes() => {
                Err(Unverified::Wrong)
            }
            (None, Some(header)) => {
                let unreadable = |_| Unverified::Unreadable("timestamp".to_owned());
                header.to_str().map(|time| Some(time.to_owned())).map_err(unreadable)
            }
            (own, _) => Ok(own),
        }
    }

    /// The name of the only key that may fit, where the request chooses one.
    fn chosen_name(&self, request: &Request) -> Result<Option<String>, Unverified> {
        let Some(place) = &self.secret_by else { return Ok(None) };
        let body = parse_json(&request.body).map_err(|_| Unverified::Unreadable(place.clone()))?;
        let text = pointer(&body, place)
            .and_then(string_of)
            .ok_or_else(|| Unverified::Missing(place.clone()))?;
        let name = text.rsplit('/').next().unwrap_or_default().to_owned();
        let known = self.keys.iter().any(|key| key.may_be(Some(&name)));
        if known { Ok(Some(name)) } else { Err(Unverified::UnknownKey) }
    }
}

impl NamedKey {
    fn may_be(&self, chosen: Option<&str>) -> bool {
        match (self.name.as_deref(), chosen) {
            (Some(name), Some(chosen)) => name == chosen,
            (None, _) | (_, None) => true,
        }
    }
}

fn named_key(secret: &str, spec: &HmacSpec) -> Result<NamedKey, &'static str> {
    // A `=` at the end is base64's and divides nothing.
    let named = secret.split_once('=').filter(|(_, secret)| !secret.trim_matches('=').is_empty());
    let is_base64 =
        || KeyForm::Base64.key(secret).is_ok_and(|key| key.expose_secret().len() >= LIKELY_KEY);
    if spec.secret_by.is_some() && named.is_none() && secret.contains('=') && !is_base64() {
        return Err("has nothing behind its `=`");
    }
    let (name, secret) = match (&spec.secret_by, named) {
        (Some(_), Some((name, secret))) => (Some(name.to_owned()), secret),
        (Some(_), None) | (None, _) => (None, secret),
    };
    Ok(NamedKey { name, key: spec.key.key(secret)? })
}

fn noted<T: Default>(problems: &mut Vec<String>, result: Result<T, String>) -> T {
    result.unwrap_or_else(|problem| {
        problems.push(problem);
        T::default()
    })
}
