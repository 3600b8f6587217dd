//! Who may ask the admin address what: the `Host` and the origin of a request, and its token.
//!
//! Loopback proves nobody: any local user and any web page in a browser on this machine reaches it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use hyper::header::{AUTHORIZATION, HOST, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// Why a request is refused before its path is looked at.
pub(super) fn refusal(listen: SocketAddr, open: bool, request: &Parts) -> Option<&'static str> {
    let Ok(host) = host(request) else {
        return Some("The Host header of the request is not valid");
    };
    if host.as_ref().is_some_and(|host| is_foreign(host.host(), listen, open)) {
        return Some("The Host of the request is not this address; use 127.0.0.1 or localhost");
    }
    let header = |name: &str| request.headers.get_all(name).iter();
    let own = |origin: &[u8]| {
        let origin = std::str::from_utf8(origin).unwrap_or_default();
        let at = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        at.zip(host.as_ref()).is_some_and(|(at, host)| at.eq_ignore_ascii_case(host.as_str()))
    };
    if !header(ORIGIN.as_str()).all(|origin| own(origin.as_bytes())) {
        return Some("Requests from a page of another origin are refused");
    }
    if header("sec-fetch-site").any(|site| site.as_bytes().eq_ignore_ascii_case(b"cross-site")) {
        return Some("Cross-site requests are refused");
    }
    None
}

/// Whether a request names its host, which HTTP/1.0 need not.
pub(super) fn names_a_host(request: &Parts) -> bool {
    host(request).is_ok_and(|host| host.is_some())
}

/// The token in force; clones share it.
#[derive(Clone)]
pub(crate) struct Token(Arc<RwLock<SecretString>>);

impl Token {
    /// Starts with this one.
    #[must_use]
    pub(crate) fn new(token: SecretString) -> Self {
        Self(Arc::new(RwLock::new(token)))
    }

    /// Puts another in its place.
    pub(crate) fn replace(&self, token: SecretString) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = token;
    }
}

/// Whether the request carries the token, by the scheme `Bearer` in any case.
pub(super) fn authorised(token: &Token, request: &Parts) -> bool {
    let given = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.trim().split_once(' '));
    let given = match given {
        Some((scheme, given)) if scheme.eq_ignore_ascii_case("bearer") => given.trim(),
        Some(_) | None => return false,
    };
    let token = token.0.read().unwrap_or_else(PoisonError::into_inner);
    given.as_bytes().ct_eq(token.expose_secret().as_bytes()).into()
}

/// The host that the request is for: of its target where it is a whole URL, else of its one `Host`. Both are the same
/// where both are there.
fn host(request: &Parts) -> Result<Option<Authority>, ()> {
    let mut hosts = request.headers.get_all(HOST).iter();
    let named = hosts.next().map(|host| Authority::try_from(host.as_bytes()).map_err(drop));
    let named = named.transpose()?;
    if hosts.next().is_some() || named.as_ref().is_some_and(|host| host.as_str().contains('@')) {
        return Err(());
    }
    match (request.uri.authority(), named) {
        (None, named) => Ok(named),
        (Some(target), Some(named)) if *target != named => Err(()),
        (Some(target), _) => Ok(Some(target.clone())),
    }
}

/// On loopback only loopback's own names are not foreign: a page may have its own name resolved to 127.0.0.1. An
/// address for the network has names that nobody here knows.
///
/// What is `open` to anybody may go by a name without a dot, such as a container's: no stranger can have one resolved.
fn is_foreign(host: &str, listen: SocketAddr, open: bool) -> bool {
    if !listen.ip().is_loopback() {
        return false;
    }
    let name = host.trim_end_matches('.');
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let own = address.is_ok_and(|address| address.is_loopback() || address == listen.ip());
    let local = name.eq_ignore_ascii_case("localhost") || (open && !name.contains(['.', ':']));
    !own && !local
}
