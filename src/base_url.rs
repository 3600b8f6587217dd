//! Addresses of servers: a URL to which paths are added, and what more is asked of one that secrets are sent to.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;
use hyper::http::uri::Authority;
use serde::Deserialize;

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
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wanted = "write a URL such as \"https://example.service-now.com\"";
        Self::of(text, wanted, "those go into `auth`")
    }

    /// As the address that vendors call.
    ///
    /// # Errors
    /// As [`BaseUrl::parse`].
    pub(crate) fn public(text: &str) -> Result<Self, String> {
        let wanted = "write the URL that vendors call, such as \"https://bridge.example.com\"";
        Self::of(text, wanted, "leave them out: who may send is for each source's `secrets`")
    }

    fn of(text: &str, wanted: &str, elsewhere: &str) -> Result<Self, String> {
        let (uri, authority, https) = parts(text, wanted, elsewhere)?;
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
    ///
    /// # Errors
    /// It is neither; the end of a sentence.
    pub(crate) fn sealed(self) -> Result<Self, String> {
        if self.https || self.loopback {
            return Ok(self);
        }
        Err("is http, which is allowed for loopback only; write https://".to_owned())
    }

    /// As ServiceNow's: sealed, and without a path.
    ///
    /// # Errors
    /// It is not; the end of a sentence.
    pub(crate) fn instance(self) -> Result<Self, String> {
        if self.path {
            return Err(
                "has a path; write the instance alone, \"https://example.service-now.com\""
                    .to_owned(),
            );
        }
        self.sealed()
    }
}

/// Where something is posted to: an https URL, or http on this machine, maybe with a path and a query. Its host alone
/// is shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ReceiverUrl {
    text: String,
    host: String,
    https: bool,
}

impl ReceiverUrl {
    /// The whole URL, which may hold a secret.
    pub(crate) fn reveal(&self) -> &str {
        &self.text
    }

    /// Its host.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Whether TLS is spoken.
    pub(crate) const fn is_https(&self) -> bool {
        self.https
    }
}

impl TryFrom<String> for ReceiverUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wanted = "write a URL such as \"https://router.example.com/awa\"";
        let (_, authority, https) = parts(&text, wanted, wanted)?;
        if text.contains('#') {
            return Err("has a fragment; leave it out".to_owned());
        }
        if !https && !is_loopback(authority.host()) {
            return Err("is http, which is allowed for loopback only; write https://".to_owned());
        }
        let host = authority.host().to_owned();
        Ok(Self { text, host, https })
    }
}

/// A URL with its authority, which has no user in it, and whether it is https.
///
/// # Errors
/// The end of a sentence, with `wanted` in it, or with where else a user name or password goes.
fn parts(text: &str, wanted: &str, elsewhere: &str) -> Result<(Uri, Authority, bool), String> {
    let uri: Uri = text.parse().map_err(|_| format!("is not a URL; {wanted}"))?;
    let https = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        Some(_) | None => return Err(format!("does not start with https://; {wanted}")),
    };
    let authority = uri.authority().cloned().ok_or_else(|| format!("names no host; {wanted}"))?;
    if authority.as_str().contains('@') {
        return Err(format!("holds a user name or password; {elsewhere}"));
    }
    Ok((uri, authority, https))
}

impl fmt::Debug for ReceiverUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceiverUrl({})", self.host)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

/// Whether a host, as it stands in a URL, is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
