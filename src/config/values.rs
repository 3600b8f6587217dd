//! The kinds of value that keys take, each with what it checks. What is wrong is said as the end of a sentence that
//! starts with the key.

use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use tracing_subscriber::EnvFilter;

use super::reader::SHOWN;
use crate::routing::{SysId, TableName, duration as grammar};

/// Reads a key by a type that checks it.
pub(super) fn by<'de, W, T, D>(deserializer: D) -> Result<T, D::Error>
where
    W: Deserialize<'de> + Into<T>,
    D: Deserializer<'de>,
{
    W::deserialize(deserializer).map(W::into)
}

/// Reads a key that may be missing, by a type that checks it.
pub(super) fn optional<'de, W, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    W: Deserialize<'de> + Into<T>,
    D: Deserializer<'de>,
{
    Option::<W>::deserialize(deserializer).map(|value| value.map(W::into))
}

/// Reads a key that may be missing, which is the same as its type's default.
pub(super) fn or_default<'de, W, T, D>(deserializer: D) -> Result<T, D::Error>
where
    W: Deserialize<'de> + Into<T>,
    T: Default,
    D: Deserializer<'de>,
{
    optional::<W, T, D>(deserializer).map(Option::unwrap_or_default)
}

/// Reads an array with no more than so many elements.
pub(super) fn at_most<'de, const MOST: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let elements = Vec::deserialize(deserializer)?;
    match elements.len() {
        count if count > MOST => {
            Err(D::Error::custom(format!("has {count} elements; at most {MOST} are taken")))
        }
        _ => Ok(elements),
    }
}

/// Takes a text for what is parsed from it, and says what is wanted.
struct Parsed<T>(&'static str, fn(&str) -> Option<T>);

impl<'de, T> Visitor<'de> for Parsed<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self.0))
    }
}

/// Takes a whole number within limits.
struct Whole<T, const LEAST: u64, const MOST: u64>(PhantomData<T>);

impl<T: TryFrom<u64>, const LEAST: u64, const MOST: u64> Visitor<'_> for Whole<T, LEAST, MOST> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {LEAST} to {MOST}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        let fits = Some(number).filter(|number| (LEAST..=MOST).contains(number));
        let wrong = || E::invalid_value(Unexpected::Unsigned(number), &self);
        fits.and_then(|number| T::try_from(number).ok()).ok_or_else(wrong)
    }
}

/// Reads a whole number within limits.
pub(super) fn whole<'de, const LEAST: u64, const MOST: u64, T, D>(
    deserializer: D,
) -> Result<T, D::Error>
where
    T: TryFrom<u64>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_u64(Whole::<T, LEAST, MOST>(PhantomData))
}

/// Takes a number for which a condition is true.
struct Share(&'static str, fn(f64) -> bool);

impl Visitor<'_> for Share {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_f64<E: Error>(self, share: f64) -> Result<f64, E> {
        let fits = (self.1)(share);
        fits.then_some(share).ok_or_else(|| E::invalid_value(Unexpected::Float(share), &self.0))
    }

    fn visit_u64<E: Error>(self, whole: u64) -> Result<f64, E> {
        self.visit_f64(u32::try_from(whole).map_or(f64::MAX, f64::from))
    }
}

/// Reads a share: 0 or more, less than 1.
pub(super) fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let fits = |share| (0.0..1.0).contains(&share);
    deserializer.deserialize_f64(Share("a share from 0 to less than 1, such as 0.2", fits))
}

/// Reads a share of which something is left: more than 0, up to 1.
pub(super) fn positive_share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let fits = |share| share > 0.0 && share <= 1.0;
    deserializer.deserialize_f64(Share("a share of more than 0 up to 1, such as 0.5", fits))
}

/// Reads a duration such as `250ms`, `10s`, `10m`, `72h` or `3d`, within limits in milliseconds.
pub(super) fn duration<'de, const LEAST: u64, const MOST: u64, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    let wanted = "a duration with its unit, such as \"10s\" (ms, s, m, h or d)";
    let duration =
        deserializer.deserialize_newtype_struct(SHOWN, Parsed(wanted, grammar::parse))?;
    let (least, most) = (Duration::from_millis(LEAST), Duration::from_millis(MOST));
    if (least..=most).contains(&duration) {
        return Ok(duration);
    }
    let [duration, least, most] = [duration, least, most].map(ShownDuration);
    Err(D::Error::custom(format!("is {duration}; write a duration from {least} to {most}")))
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

/// Reads an address to listen on: an IP address and a port, port 0 for any free one.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let wanted = "an IP address and a port, such as \"127.0.0.1:8080\"";
    deserializer.deserialize_newtype_struct(SHOWN, Parsed(wanted, |text| text.parse().ok()))
}

/// Reads what is logged, in tracing-subscriber's words.
pub(super) fn log_filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let wanted = "a level or targets, such as \"info\" or \"info,awa_bridge::awa=debug\"";
    let text = Parsed(wanted, |text| Some(text.to_owned()));
    let filter = deserializer.deserialize_newtype_struct(SHOWN, text)?;
    match EnvFilter::builder().parse(&filter) {
        Ok(_) => Ok(filter),
        Err(_) => Err(D::Error::custom(format!("is no filter; write {wanted}"))),
    }
}

/// Reads the version of an API as it stands in a path, `v` and a number; empty = none.
pub(super) fn api_version<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u16>, D::Error> {
    #[derive(Deserialize)]
    struct Version(#[serde(deserialize_with = "numbered")] u16);

    fn numbered<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
        let wanted = "v and a whole number without leading zeros, such as \"v1\", or \"\" for the default URL";
        let number = |text: &str| {
            let digits = text.strip_prefix('v')?;
            let number: u16 = digits.parse().ok()?;
            (number > 0 && number.to_string() == digits).then_some(number)
        };
        deserializer.deserialize_str(Parsed(wanted, number))
    }

    EmptyIsNone::<Version>::deserialize(deserializer)
        .map(|EmptyIsNone(version)| version.map(|Version(number)| number))
}

/// The value of a text that may be empty.
#[derive(Deserialize)]
pub(super) struct EmptyIsNone<T>(Option<T>);

/// Reads a sys_id, or an empty text for none.
pub(super) fn sys_id_or_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SysId>, D::Error> {
    EmptyIsNone::deserialize(deserializer).map(|EmptyIsNone(sys_id)| sys_id)
}

/// The path of a file or folder.
#[derive(Deserialize)]
pub(super) struct File(PathBuf);

impl From<File> for PathBuf {
    fn from(File(path): File) -> Self {
        path
    }
}

/// Reads the name of a database's schema, which stands in statements as it is.
pub(super) fn schema<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let wanted = "the name of a schema, such as \"awa_bridge\": a-z, 0-9 and _, a letter first, at most 63 characters";
    let name = |text: &str| {
        let fits =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        let begins = text.starts_with(|first: char| first.is_ascii_lowercase());
        (begins && text.len() <= 63 && text.chars().all(fits)).then(|| text.to_owned())
    };
    deserializer.deserialize_str(Parsed(wanted, name))
}

/// Reads the names of tables, at least one, none twice. ServiceNow's start with a letter.
pub(super) fn tables<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<TableName>, D::Error> {
    #[derive(Deserialize)]
    struct Table(#[serde(deserialize_with = "table")] TableName);

    fn table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TableName, D::Error> {
        let wanted = "the name of a table, such as \"interaction\": a-z, 0-9 and _, a letter first";
        let name = |text: &str| {
            let fits = text.starts_with(|first: char| first.is_ascii_lowercase());
            TableName::parse(text).ok().filter(|_| fits)
        };
        deserializer.deserialize_str(Parsed(wanted, name))
    }

    let mut tables = Vec::new();
    for Table(name) in Vec::deserialize(deserializer)? {
        if tables.contains(&name) {
            return Err(D::Error::custom(format!("names {name} twice")));
        }
        tables.push(name);
    }
    if tables.is_empty() {
        let text = "is empty: nothing would be called for; write [\"interaction\"]";
        return Err(D::Error::custom(text));
    }
    Ok(tables)
}

/// A host, a domain with a dot before it, an address or a network, as `no_proxy` lists them.
#[derive(Deserialize)]
struct Host(#[serde(deserialize_with = "host")] String);

fn host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let wanted = "a host, a domain or a network, such as \"login.example.com\", \".example.com\" or \"10.0.0.0/8\"";
    deserializer.deserialize_str(Parsed(wanted, |text| is_host(text).then(|| text.to_owned())))
}

/// Reads what `no_proxy` lists.
pub(super) fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Vec::deserialize(deserializer)
        .map(|hosts: Vec<Host>| hosts.into_iter().map(|Host(host)| host).collect())
}

fn is_host(text: &str) -> bool {
    let fits = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'-' | b'_' | b':' | b'/' | b'*' | b'[' | b']')
    };
    let is_network = |(address, prefix): (&str, &str)| {
        let most = match address.parse() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        prefix.parse().is_ok_and(|bits: u8| bits <= most && bits.to_string() == prefix)
    };
    !text.is_empty() && text.bytes().all(fits) && text.split_once('/').is_none_or(is_network)
}

/// A name of `[a-z0-9_-]+`: it stands in paths of URLs and files.
#[derive(Deserialize)]
pub(super) struct Name(#[serde(deserialize_with = "name")] String);

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = |text: &str| check_name(text).is_ok().then(|| text.to_owned());
    deserializer.deserialize_str(Parsed("a name of 1 to 64 of a-z, 0-9, _ and -", name))
}

impl From<Name> for String {
    fn from(Name(name): Name) -> Self {
        name
    }
}

/// Fails unless a text is a [`Name`].
pub(super) fn check_name(text: &str) -> Result<(), String> {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if text.is_empty() || text.len() > 64 || !text.bytes().all(fits) {
        return Err("is no such name; write 1 to 64 of a-z, 0-9, _ and -".to_owned());
    }
    Ok(())
}
