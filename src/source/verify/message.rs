//! What a vendor signs where it is not the body alone: a template over the body, its checksum and some headers.

use std::borrow::Cow;

use hyper::header::HeaderValue;

use super::super::request::Request;
use super::Unverified;
use super::header::checked_name;
use super::parts::Parts;

/// A `message` key: text with `{body}`, `{crc32}`, `{header:NAME}` and, where the scheme has them, `{timestamp}` and
/// `{part:NAME}` in it. A brace that stands for itself is written twice.
#[derive(Default)]
pub(super) struct Template(Vec<Part>);

enum Part {
    Text(String),
    Body,
    /// CRC-32/ISO-HDLC of the body, in decimal digits.
    Crc32,
    Header(String),
    Timestamp,
    /// A part of the signature's header, such as `n` of `t=1,n=2,v1=abc`.
    Listed(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Says what is not one, or that a signature over it would not depend on the body.
    pub(super) fn parse(template: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some(place) = rest.find(['{', '}']) {
            text.push_str(&rest[..place]);
            let (brace, after) = rest[place..].split_at(1);
            if let Some(after) = after.strip_prefix(brace) {
                text.push_str(brace);
                rest = after;
                continue;
            }
            let variable = after.split_once('}').filter(|_| brace == "{");
            let (name, after) = variable.ok_or_else(|| {
                let other = if brace == "{" { "}" } else { "{" };
                format!(
                    "`message` has a `{brace}` without its `{other}`; one that stands for itself is written `{brace}{brace}`"
                )
            })?;
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::named(name)?);
            rest = after;
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        if !parts.iter().any(|part| matches!(part, Part::Body | Part::Crc32)) {
            return Err("`message` leaves out `{body}`: it would sign nothing".to_owned());
        }
        Ok(Self(parts))
    }

    /// Whether the time of signing is in it.
    pub(super) fn has_timestamp(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Timestamp))
    }

    /// The names of the parts of the signature's header that are in it.
    pub(super) fn listed(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Listed(name) => Some(name.as_str()),
            Part::Text(_) | Part::Body | Part::Crc32 | Part::Header(_) | Part::Timestamp => None,
        })
    }

    /// Whether the body itself is in it, and not its checksum alone.
    pub(super) fn has_body(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Body))
    }

    /// Whether a header, in lower case, is in it.
    pub(super) fn names(&self, header: &str) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Header(name) if name == header))
    }

    /// Whether it may be a text without control characters.
    pub(super) fn is_printable(&self) -> bool {
        let printable = |part: &Part| match part {
            Part::Text(text) => !text.chars().any(char::is_control),
            Part::Body | Part::Crc32 | Part::Header(_) | Part::Timestamp | Part::Listed(_) => true,
        };
        self.0.iter().all(printable)
    }

    /// The message of a request, in pieces.
    ///
    /// # Errors
    /// A header is not there, or several times: one reader would take the first and another the last.
    pub(super) fn of<'a>(
        &'a self,
        request: &'a Request,
        timestamp: Option<&'a str>,
        parts: &Parts<'a>,
    ) -> Result<Vec<Cow<'a, [u8]>>, Unverified> {
        let part = |part: &'a Part| match part {
            Part::Text(text) => Ok(text.as_bytes().into()),
            Part::Body => Ok((&request.body[..]).into()),
            Part::Crc32 => Ok(crc32fast::hash(&request.body).to_string().into_bytes().into()),
            Part::Timestamp => Ok(timestamp.unwrap_or_default().as_bytes().into()),
            Part::Listed(name) => {
                let listed = parts.only(name);
                let missing = || Unverified::Missing(name.clone());
                Ok(listed.ok_or_else(missing)?.as_bytes().into())
            }
            Part::Header(name) => {
                let mut values = request.headers.get_all(name).iter();
                match (values.next(), values.next()) {
                    (Some(value), None) => Ok(HeaderValue::as_bytes(value).into()),
                    (Some(_), Some(_)) => Err(Unverified::Unreadable(name.clone())),
                    (None, _) => Err(Unverified::Missing(name.clone())),
                }
            }
        };
        self.0.iter().map(part).collect()
    }
}

impl Part {
    fn named(name: &str) -> Result<Self, String> {
        match (name, name.strip_prefix("header:")) {
            ("body", _) => Ok(Self::Body),
            ("crc32", _) => Ok(Self::Crc32),
            ("timestamp", _) => Ok(Self::Timestamp),
            (_, Some(header)) => checked_name("message", header).map(Self::Header),
            (_, None) => match name.strip_prefix("part:").filter(|name| !name.is_empty()) {
                Some(listed) => Ok(Self::Listed(listed.to_owned())),
                None => Err(
                    "`message` has something in braces that is not {body}, {crc32}, {timestamp}, \
                     {header:NAME} or {part:NAME}; a brace that stands for itself is written twice"
                        .to_owned(),
                ),
            },
        }
    }
}
