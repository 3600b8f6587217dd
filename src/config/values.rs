//! Readers for the kinds of value that keys take: each says what is wrong as the end of a sentence that starts with the key.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use figment::error::Kind;
use figment::value::Value;
use hyper::Uri;
use serde::de::DeserializeOwned;

use super::section::{Given, parsed};
use crate::routing::{SysId, TableName, duration};

/// Reads a duration such as `250ms`, `10s`, `10m`, `72h` or `3d`, within limits.
pub(super) fn duration(
    limits: RangeInclusive<Duration>,
) -> impl Fn(Given) -> Result<Duration, String> {
    move |given| {
        given.may_be_shown();
        duration_of(&given.value, &limits)
    }
}

/// Reads an array of durations, each within limits.
pub(super) fn durations(
    limits: RangeInclusive<Duration>,
    most: usize,
) -> impl Fn(Given) -> Result<Vec<Duration>, String> {
    move |given| {
        given.may_be_shown();
        let elements = array(given)?;
        if elements.len() > most {
            return Err(format!("has {} elements; at most {most} are taken", elements.len()));
        }
        elements.iter().map(|element| duration_of(element, &limits)).collect()
    }
}

fn duration_of(value: &Value, limits: &RangeInclusive<Duration>) -> Result<Duration, String> {
    let Value::String(_, text) = value else {
        return Err(format!("is {}; write a duration with its unit, such as \"10s\"", what(value)));
    };
    let duration = duration::parse(text).ok_or_else(|| {
        "is not a duration; write a whole number and ms, s, m, h or d, such as \"10s\"".to_owned()
    })?;
    if limits.contains(&duration) {
        return Ok(duration);
    }
    let (least, most) = (ShownDuration(*limits.start()), ShownDuration(*limits.end()));
    Err(format!("is {}; write a duration from {least} to {most}", ShownDuration(duration)))
}

/// A duration as it would be written in the configuration.
pub(super) struct ShownDuration(pub(super) Duration);

impl fmt::Display for ShownDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let units = [("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
        match units.iter().find(|(_, size)| millis > 0 && millis.is_multiple_of(*size)) {
            Some((unit, size)) => write!(f, "{}{unit}", millis / size),
            None => write!(f, "{millis}ms"),
        }
    }
}

/// Reads a whole number within limits.
pub(super) fn whole<T: TryFrom<u64>>(
    limits: RangeInclusive<u64>,
) -> impl Fn(Given) -> Result<T, String> {
    move |given| {
        given.may_be_shown();
        let range = || format!("write a whole number from {} to {}", limits.start(), limits.end());
        let value = plain(given);
        let Value::Num(_, number) = &value else {
            return Err(format!("is {}; {}", what(&value), range()));
        };
        let number = match (number.to_i128(), number.to_u128()) {
            (Some(number), _) => u64::try_from(number).ok(),
            (None, Some(number)) => u64::try_from(number).ok(),
            (None, None) => None,
        };
        number
            .filter(|number| limits.contains(number))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| format!("is {}; {}", what(&value), range()))
    }
}

/// Reads `true` or `false`.
pub(super) fn flag(given: Given) -> Result<bool, String> {
    given.may_be_shown();
    match plain(given) {
        Value::Bool(_, flag) => Ok(flag),
        other => Err(format!("is {}; write true or false", what(&other))),
    }
}

/// Reads a text that is not empty.
pub(super) fn text(given: Given) -> Result<String, String> {
    match given.value {
        Value::String(_, text) if text.trim().is_empty() => Err("is empty".to_owned()),
        Value::String(_, text) => Ok(text),
        other => Err(format!("is {}; write a text in quotes", what(&other))),
    }
}

/// Reads the path of a file or folder.
pub(super) fn path(given: Given) -> Result<PathBuf, String> {
    if let Value::String(_, path) = &given.value {
        given.names_file(path);
    }
    text(given).map(PathBuf::from)
}

/// Reads an address to listen on: an IP address and a port, port 0 for any free one.
pub(super) fn address(given: Given) -> Result<SocketAddr, String> {
    given.may_be_shown();
    let text = text(given)?;
    text.parse().map_err(|_| {
        "is another text; write an IP address and a port, such as \"127.0.0.1:8080\"".to_owned()
    })
}

/// Reads one of a few words: the names of an enumeration without data.
pub(super) fn choice<T: DeserializeOwned>(given: Given) -> Result<T, String> {
    given.may_be_shown();
    let (word, told) = match &given.value {
        Value::String(_, text) => (text.as_str(), "another text".to_owned()),
        other => ("", what(other)),
    };
    Value::from(word).deserialize().map_err(|error| match error.kind {
        Kind::UnknownVariant(_, words) => format!("is {told}; write one of {}", words.join(", ")),
        _ => format!("is {told}"),
    })
}

/// Reads the sys_id of a ServiceNow record.
pub(super) fn sys_id(given: Given) -> Result<SysId, String> {
    let text = text(given)?;
    SysId::parse(&text).map_err(|error| error.to_string())
}

/// Reads a sys_id, or an empty text for none.
pub(super) fn sys_id_or_empty(given: Given) -> Result<Option<SysId>, String> {
    match &given.value {
        Value::String(_, text) if text.is_empty() => Ok(None),
        _ => sys_id(given).map(Some),
    }
}

/// Reads the names of tables, at least one, none twice.
pub(super) fn tables(given: Given) -> Result<Vec<TableName>, String> {
    let mut tables = Vec::new();
    for element in array(given)? {
        let name = match &element {
            Value::String(_, text) => TableName::parse(text).ok().filter(is_likely_table),
            _ => None,
        };
        let name = name.ok_or_else(|| {
            let wanted = "write the names of tables, such as \"interaction\": a-z, 0-9 and _, a letter first";
            format!("holds {}; {wanted}", what(&element))
        })?;
        if tables.contains(&name) {
            return Err(format!("names {name} twice"));
        }
        tables.push(name);
    }
    if tables.is_empty() {
        return Err("is empty: nothing would be called for; write [\"interaction\"]".to_owned());
    }
    Ok(tables)
}

/// Reads hosts, domains with a dot before them, addresses and networks, as `no_proxy` lists them.
pub(super) fn hosts(given: Given) -> Result<Vec<String>, String> {
    let host = |element: &Value| match element {
        Value::String(_, text) if is_host(text) => Ok(text.clone()),
        other => Err(format!(
            "holds {}; write hosts, domains or networks, such as \"login.example.com\", \".example.com\" or \"10.0.0.0/8\"",
            what(other)
        )),
    };
    array(given)?.iter().map(host).collect()
}

fn is_host(text: &str) -> bool {
    let fits = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'-' | b'_' | b':' | b'/' | b'*' | b'[' | b']')
    };
    !text.is_empty() && text.bytes().all(fits) && !text.contains("//")
}

/// ServiceNow's names of tables start with a letter.
fn is_likely_table(name: &TableName) -> bool {
    name.as_str().starts_with(|first: char| first.is_ascii_lowercase())
}

/// Reads the version of an API as it stands in a path, `v` and a number; empty = none.
pub(super) fn api_version(given: Given) -> Result<Option<u16>, String> {
    let wanted = "write v and a whole number without leading zeros, such as \"v1\", or \"\" for the default URL";
    let value = given.value;
    let Value::String(_, text) = &value else {
        return Err(format!("is {}; {wanted}", what(&value)));
    };
    let number = |text: &str| {
        let digits = text.strip_prefix('v')?;
        let number: u16 = digits.parse().ok()?;
        (number > 0 && number.to_string() == digits).then_some(number)
    };
    match (text.as_str(), number(text)) {
        ("", _) => Ok(None),
        (_, Some(number)) => Ok(Some(number)),
        (_, None) => Err(format!("is another text; {wanted}")),
    }
}

/// Reads a name of `[a-z0-9_-]+`: it stands in paths of URLs and files.
pub(super) fn name(given: Given) -> Result<String, String> {
    let text = text(given)?;
    check_name(&text)?;
    Ok(text)
}

pub(super) fn check_name(text: &str) -> Result<(), String> {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if text.is_empty() || text.len() > 64 || !text.bytes().all(fits) {
        return Err("is no such name; write 1 to 64 of a-z, 0-9, _ and -".to_owned());
    }
    Ok(())
}

/// An http or https URL without credentials, query or fragment, and without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    https: bool,
    loopback: bool,
    path: bool,
}

impl BaseUrl {
    /// Takes `http://` or `https://`, a host, and maybe a port and a path.
    ///
    /// # Errors
    /// Says what is wrong, without repeating what may be a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        const WANTED: &str = "write a URL such as \"https://example.service-now.com\"";
        let uri: Uri = text.parse().map_err(|_| format!("is not a URL; {WANTED}"))?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(format!("does not start with https://; {WANTED}")),
        };
        let authority = uri.authority().ok_or_else(|| format!("names no host; {WANTED}"))?;
        if authority.as_str().contains('@') {
            return Err("holds a user name or password; those go into `auth`".to_owned());
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("has a query or fragment; leave it out".to_owned());
        }
        let path = uri.path().trim_end_matches('/');
        let scheme = if https { "https" } else { "http" };
        Ok(Self {
            text: format!("{scheme}://{authority}{path}"),
            https,
            loopback: is_loopback(authority.host()),
            path: !path.is_empty(),
        })
    }
}

/// A path that starts with a slash can be added.
impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Reads the URL that vendors call; it may have a path, put there by a proxy.
pub(super) fn public_url(given: Given) -> Result<BaseUrl, String> {
    BaseUrl::parse(&text(given)?)
}

/// Reads ServiceNow's address: https, or http on this machine, and no path.
pub(super) fn instance_url(given: Given) -> Result<BaseUrl, String> {
    let url = sealed_url(given)?;
    if url.path {
        return Err(
            "has a path; write the instance alone, \"https://example.service-now.com\"".to_owned()
        );
    }
    Ok(url)
}

/// Reads a URL that secrets are sent to: https, or http on this machine.
pub(super) fn sealed_url(given: Given) -> Result<BaseUrl, String> {
    let url = BaseUrl::parse(&text(given)?)?;
    if !url.https && !url.loopback {
        return Err("is http, which is allowed for loopback only; write https://".to_owned());
    }
    Ok(url)
}

/// The elements of an array.
pub(super) fn array(given: Given) -> Result<Vec<Value>, String> {
    match plain(given) {
        Value::Array(_, elements) => Ok(elements),
        other => Err(format!("is {}; write an array, [\"…\", \"…\"]", what(&other))),
    }
}

/// The value, an environment variable's text read as what it looks like.
pub(super) fn plain(given: Given) -> Value {
    match given.value {
        Value::String(_, text) if given.environment => parsed(&text),
        other => other,
    }
}

/// What kind of value it is, and which one where that is a number or a flag: a text may be a secret in a wrong place.
pub(super) fn what(value: &Value) -> String {
    match value {
        Value::String(..) | Value::Char(..) => "a text".to_owned(),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => match (number.to_i128(), number.to_u128(), number.to_f64()) {
            (Some(number), _, _) => number.to_string(),
            (None, Some(number), _) => number.to_string(),
            (None, None, Some(number)) => number.to_string(),
            (None, None, None) => "a number".to_owned(),
        },
        Value::Empty(..) => "empty".to_owned(),
        Value::Dict(..) => "a table".to_owned(),
        Value::Array(..) => "an array".to_owned(),
    }
}
