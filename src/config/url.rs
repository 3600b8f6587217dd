//! Addresses of servers: a URL to which paths are added, and what more is asked of one that secrets are sent to.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// An http or https URL without credentials, query or fragment, and without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
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

    /// As one that secrets are sent to: https, or http on this machine.
    fn sealed(self) -> Result<Self, String> {
        if self.https || self.loopback {
            return Ok(self);
        }
        Err("is http, which is allowed for loopback only; write https://".to_owned())
    }
}

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

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

/// Reads ServiceNow's address: sealed, and no path.
pub(super) fn instance<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BaseUrl>, D::Error> {
    let Some(url) = Option::<BaseUrl>::deserialize(deserializer)? else { return Ok(None) };
    if url.path {
        let text = "has a path; write the instance alone, \"https://example.service-now.com\"";
        return Err(D::Error::custom(text));
    }
    url.sealed().map(Some).map_err(D::Error::custom)
}

/// Where tokens are fetched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum TokenUrl {
    /// A path on the instance.
    Path(String),
    /// Another server.
    Elsewhere(BaseUrl),
}

impl TokenUrl {
    /// The whole URL.
    #[must_use]
    pub fn on(&self, instance: &BaseUrl) -> String {
        match self {
            Self::Path(path) => format!("{instance}{path}"),
            Self::Elsewhere(url) => url.to_string(),
        }
    }
}

impl Default for TokenUrl {
    fn default() -> Self {
        Self::Path("/oauth_token.do".to_owned())
    }
}

impl TryFrom<String> for TokenUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self::Path(text));
        }
        BaseUrl::parse(&text)?.sealed().map(Self::Elsewhere)
    }
}
