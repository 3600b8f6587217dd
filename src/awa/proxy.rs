//! The HTTP proxy between the bridge and ServiceNow: its address and credentials, and which hosts are reached without
//! it.

use std::fmt;

use percent_encoding::percent_decode_str;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::settings::{ProxySettings, SettingsError};

/// A proxy, checked.
pub(super) struct Proxy {
    /// Without user and password.
    url: Url,
    user: Option<(String, SecretString)>,
    past: Option<reqwest::NoProxy>,
}

impl Proxy {
    pub(super) fn new(settings: &ProxySettings) -> Result<Self, SettingsError> {
        const WANTED: &str = "write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT";
        let wrong = |what: &str| SettingsError::new("proxy", format!("{what}; {WANTED}"));
        // The error must not repeat what may be a password.
        let mut url =
            Url::parse(settings.url.expose_secret().trim()).map_err(|_| wrong("is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("is neither http:// nor https://"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("names no host"));
        }
        if url.path().len() > 1 || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has a path, a query or a fragment"));
        }
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let password = SecretString::from(plain(url.password().unwrap_or_default()));
        let user = (!url.username().is_empty()).then(|| (plain(url.username()), password));
        if url.set_username("").is_err() || url.set_password(None).is_err() {
            return Err(wrong("names no host"));
        }
        let past = reqwest::NoProxy::from_string(&settings.no_proxy.join(","));
        Ok(Self { url, user, past })
    }

    /// Whether the connection to the proxy itself is encrypted.
    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(super) fn for_all(&self) -> reqwest::Result<reqwest::Proxy> {
        let proxy = reqwest::Proxy::all(self.url.clone())?.no_proxy(self.past.clone());
        Ok(match &self.user {
            Some((user, password)) => proxy.basic_auth(user, password.expose_secret()),
            None => proxy,
        })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.host_str().unwrap_or_default())?;
        match self.url.port_or_known_default() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}
