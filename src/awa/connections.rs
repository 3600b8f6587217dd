//! The connections to the instance and its token endpoint: one pool at a time, which is given up for its age and for
//! what a connection of it answers.
//!
//! A kept connection pins the bridge to one node behind a balancer, and to the address that the name had when it was
//! made. So a gateway's answer, a page that is not ServiceNow's and an answer that never came end the pool: the next
//! request, above all a probe, looks the name up and connects anew. Requests in flight finish on the old one.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE, HeaderMap, HeaderValue};
use reqwest::{Url, redirect, retry};

use super::cause::{Peers, chain};
use super::classify::Failure;
use super::proxy::Proxy;
use super::received::Received;
use super::settings::{Settings, SettingsError};
use super::tls;
use crate::clock;

/// Below the keep-alive of anything that may stand before the instance.
const POOL_IDLE: Duration = Duration::from_secs(15);
const MAX_CONNECT: Duration = Duration::from_secs(3);
/// No connection is used for new requests for longer than this.
const LONGEST: Duration = Duration::from_secs(180);

/// How connections are made, and the pool of them that is in use.
pub(super) struct Connections {
    recipe: Recipe,
    pool: Mutex<Pool>,
    peers: Peers,
    longest: Duration,
    /// Why the last request had no answer of ServiceNow's; none where it had one.
    trouble: Mutex<Option<String>>,
}

struct Recipe {
    connect: Duration,
    request: Duration,
    https_only: bool,
    tls: rustls::ClientConfig,
    proxy: Option<Proxy>,
    #[cfg(test)]
    resolver: Option<super::settings::Resolver>,
}

#[derive(Clone)]
struct Pool {
    http: reqwest::Client,
    number: u64,
    since: Instant,
}

/// The right to send one request over the pool in use.
pub(super) struct Lease {
    pub(super) http: reqwest::Client,
    number: u64,
}

impl Connections {
    /// Makes ready; nothing is connected.
    #[expect(
        clippy::disallowed_methods,
        reason = "runs at the start, in `check`, and in a reload beside the runtime"
    )]
    pub(super) fn new(base: &Url, settings: &Settings) -> Result<Self, SettingsError> {
        let https_only = base.scheme() == "https";
        let proxy = settings.proxy.as_ref().map(Proxy::new).transpose()?;
        let recipe = Recipe {
            connect: settings.request_timeout.checked_div(3).unwrap_or_default().min(MAX_CONNECT),
            request: settings.request_timeout,
            https_only,
            tls: tls::config(settings, https_only || proxy.as_ref().is_some_and(Proxy::is_https))?,
            proxy,
            #[cfg(test)]
            resolver: settings.resolver.clone(),
        };
        let http = recipe.client().map_err(|why| {
            SettingsError::new("instance", format!("cannot be used: {}", chain(&why)))
        })?;
        let pool = Pool { http, number: 0, since: clock::instant() };
        let peers = Peers { proxy: recipe.proxy.as_ref().map(Proxy::to_string) };
        let (pool, trouble) = (Mutex::new(pool), Mutex::default());
        #[cfg(not(test))]
        let longest = LONGEST;
        #[cfg(test)]
        let longest = settings.connection_age.unwrap_or(LONGEST);
        Ok(Self { recipe, pool, peers, longest, trouble })
    }

    /// The pool for the next request: a fresh one if the last one's time is over.
    pub(super) fn lease(&self) -> Lease {
        let mut pool = self.pool();
        if pool.since.elapsed() >= self.longest {
            self.renew(&mut pool);
        }
        Lease { http: pool.http.clone(), number: pool.number }
    }

    /// Takes note of what a request over a lease came to. An answer that a failing node, a gateway or another server
    /// may have given ends the pool that it came from.
    pub(super) fn note(&self, lease: &Lease, outcome: &Result<Received, Failure>) {
        let (sick, trouble) = match outcome {
            Ok(received) => {
                let trouble = received.trouble();
                (trouble.is_some(), trouble)
            }
            Err(Failure::NoAnswer(why)) => (true, Some(why.clone())),
            // It was no fault of a connection.
            Err(Failure::NotSent(why)) => (false, Some(why.clone())),
            Err(Failure::Identity(_)) => return,
        };
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        if sick {
            let mut pool = self.pool();
            if pool.number == lease.number {
                self.renew(&mut pool);
            }
        }
    }

    /// Why there is no answer, in words that name the peer and what to do.
    pub(super) fn failed(&self, error: reqwest::Error) -> Failure {
        self.peers.failed(error)
    }

    /// An answer that is the proxy's own.
    pub(super) fn refused_by_proxy(&self, status: u16) -> Option<Failure> {
        self.peers.refused_by_proxy(status)
    }

    /// Why the last request had no answer of ServiceNow's; none where it had one.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn renew(&self, pool: &mut Pool) {
        // It was built of the same parts before; if that should fail now, the old pool is better than none.
        if let Ok(http) = self.recipe.client() {
            let number = pool.number.wrapping_add(1);
            *pool = Pool { http, number, since: clock::instant() };
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recipe {
    fn client(&self) -> reqwest::Result<reqwest::Client> {
        // Messages are read in English, from a body that is not compressed.
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static("en"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let builder = reqwest::Client::builder()
            .user_agent(concat!("awa-bridge/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(self.connect)
            .timeout(self.request)
            .pool_idle_timeout(POOL_IDLE)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .https_only(self.https_only)
            .tls_backend_preconfigured(self.tls.clone());
        let builder = match &self.proxy {
            Some(proxy) => builder.proxy(proxy.for_all()?),
            None => builder,
        };
        #[cfg(test)]
        let builder = match &self.resolver {
            Some(resolver) => builder.dns_resolver(resolver.0.clone()),
            None => builder,
        };
        builder.build()
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections(..)")
    }
}

#[cfg(test)]
mod tests;
