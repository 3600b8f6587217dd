//! Authentication: the header that goes with each request, and the OAuth token in it, fetched once for all who wait.
//!
//! Secrets stay in here: no error, log line or Debug output holds one.

mod grant;
mod pause;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::classify::{Failure, Verdict, failure};
use super::connections::Connections;
use super::limiter::Limiter;
use super::received::Received;
use super::settings::{Auth, SettingsError};
use super::transport::{Allowance, count, out_of_time, read_body, url};
use crate::base_url::BaseUrl;
use crate::clock;
use crate::credentials::TokenUrl;
use crate::routing::AwaReply;
use grant::{Granted, Registered, Way};
use pause::Pause;

/// A token is renewed so long before it ends.
const EARLY: Duration = Duration::from_secs(90);
/// After so many failures in a row, of whatever kind, a refresh token is dropped: the grant may still be accepted.
const REFRESH_FAILURES: u32 = 2;
/// ServiceNow's token endpoint.
const TOKEN_PATH: &str = "/oauth_token.do";

/// The credentials, ready for use.
pub(super) enum Identity {
    /// The same header every time, or none beside the client certificate.
    Fixed(Option<(HeaderName, HeaderValue)>),
    Tokens(Box<Tokens>),
}

/// What goes with one request.
#[derive(Clone)]
pub(super) struct Proof {
    header: Option<(HeaderName, HeaderValue)>,
    /// Which token it is.
    serial: u64,
}

/// The OAuth tokens of one registry record.
pub(super) struct Tokens {
    line: Line,
    endpoint: Url,
    registered: Registered,
    held: Mutex<Held>,
}

/// The way to the token endpoint: that of all requests.
pub(super) struct Line {
    pub(super) connections: Arc<Connections>,
    pub(super) limiter: Arc<Limiter>,
}

#[derive(Default)]
struct Held {
    token: Option<Token>,
    refresh: Option<SecretString>,
    /// How often the refresh token has failed in a row.
    refresh_failures: u32,
    pause: Pause,
    serial: u64,
}

struct Token {
    header: HeaderValue,
    renew_at: Instant,
    ends_at: Instant,
}

impl Proof {
    pub(super) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        self.header.clone()
    }
}

impl Identity {
    pub(super) fn new(
        auth: Option<Auth>,
        line: Line,
        instance: &BaseUrl,
    ) -> Result<Self, SettingsError> {
        let Some(auth) = auth else { return Ok(Self::Fixed(None)) };
        match auth {
            Auth::Basic { username, password } => {
                let pair = STANDARD.encode(format!("{username}:{}", password.expose_secret()));
                fixed(AUTHORIZATION, &format!("Basic {pair}"))
            }
            Auth::ApiKey { key } => {
                fixed(HeaderName::from_static("x-sn-apikey"), key.expose_secret())
            }
            Auth::OAuth(oauth) => {
                let (server, path) = match &oauth.token_url {
                    None => (instance, TOKEN_PATH),
                    Some(TokenUrl::Path(path)) => (instance, path.as_str()),
                    Some(TokenUrl::Elsewhere(server)) => (server, ""),
                };
                let endpoint = url("auth.token_url", server, path)?;
                let registered = Registered::new(*oauth)?;
                let held = Mutex::default();
                let tokens = Tokens { line, endpoint, registered, held };
                Ok(Self::Tokens(Box::new(tokens)))
            }
        }
    }

    /// Whether a refused proof can be had anew.
    pub(super) const fn renews(&self) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Tokens(_) => true,
        }
    }

    /// Gives what goes with the next request. A failure means that the request itself has not left.
    pub(super) async fn prove(&self, allowance: &Allowance) -> Result<Proof, Verdict> {
        match self {
            Self::Fixed(header) => Ok(Proof { header: header.clone(), serial: 0 }),
            Self::Tokens(tokens) => tokens.prove(allowance).await.map_err(unsent),
        }
    }

    /// Takes note that this proof was refused, so that the next one is fresh.
    pub(super) async fn refuse(&self, proof: &Proof) {
        if let Self::Tokens(tokens) = self {
            let mut held = tokens.held.lock().await;
            if held.serial == proof.serial {
                held.token = None;
            }
        }
    }
}

impl Tokens {
    async fn prove(&self, allowance: &Allowance) -> Result<Proof, Verdict> {
        let left = allowance.left().ok_or_else(|| failure(out_of_time()))?;
        let late = || failure(Failure::NotSent("no token came in time".to_owned()));
        // The first one fetches; the others wait here and find its token.
        let mut held = timeout(left, self.held.lock()).await.map_err(|_| late())?;
        let now = clock::instant();
        let due = held.token.as_ref().is_none_or(|token| now >= token.renew_at);
        if due && let Err(verdict) = self.renew(&mut held, allowance).await {
            let usable = held.token.as_ref().is_some_and(|token| now < token.ends_at);
            if !usable {
                return Err(verdict);
            }
        }
        let token = held.token.as_ref().ok_or_else(late)?;
        let header = Some((AUTHORIZATION, token.header.clone()));
        Ok(Proof { header, serial: held.serial })
    }

    async fn renew(&self, held: &mut Held, allowance: &Allowance) -> Result<(), Verdict> {
        if let Some(verdict) = held.pause.lasts(clock::instant()) {
            return Err(verdict);
        }
        let granted = match self.granted(held, allowance).await {
            Ok(granted) => granted,
            Err(verdict) => {
                held.pause.begins(&verdict, clock::instant());
                return Err(verdict);
            }
        };
        let now = clock::instant();
        let half = granted.lifetime.checked_div(2).unwrap_or_default();
        let early = EARLY.min(half);
        held.token = Some(Token {
            header: granted.header,
            renew_at: clock::after(now, granted.lifetime.saturating_sub(early)),
            ends_at: clock::after(now, granted.lifetime),
        });
        held.refresh = granted.refresh.or_else(|| held.refresh.take());
        held.refresh_failures = 0;
        held.pause.ends();
        held.serial = held.serial.wrapping_add(1);
        Ok(())
    }

    /// By the refresh token while it is good for that, else by the grant.
    async fn granted(&self, held: &mut Held, allowance: &Allowance) -> Result<Granted, Verdict> {
        let Some(refresh) = &held.refresh else {
            return self.fetch(&Way::Grant, allowance).await;
        };
        let verdict = match self.fetch(&Way::Refresh(refresh), allowance).await {
            Ok(granted) => return Ok(granted),
            Err(verdict) => verdict,
        };
        held.refresh_failures = held.refresh_failures.saturating_add(1);
        let refused = matches!(verdict.reply, AwaReply::Unauthorised { .. });
        if !refused && held.refresh_failures < REFRESH_FAILURES {
            return Err(verdict);
        }
        held.refresh = None;
        held.refresh_failures = 0;
        self.fetch(&Way::Grant, allowance).await
    }

    async fn fetch(&self, way: &Way<'_>, allowance: &Allowance) -> Result<Granted, Verdict> {
        let form = self.registered.form(way, clock::now())?;
        let late = || failure(out_of_time());
        let left = allowance.left().ok_or_else(late)?;
        timeout(left, self.line.limiter.leave()).await.map_err(|_| late())?;
        let left = allowance.left().ok_or_else(late)?;
        let lease = self.line.connections.lease();
        let mut request = lease
            .http
            .post(self.endpoint.clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .timeout(left)
            .body(form);
        if let Some(client) = self.registered.header() {
            request = request.header(AUTHORIZATION, client);
        }
        let began = clock::instant();
        let outcome = self.converse(request).await;
        self.line.connections.note(&lease, &outcome);
        count("token", outcome.as_ref().map(|received| received.status), began.elapsed());
        self.registered.read(&outcome.map_err(failure)?, clock::now())
    }

    async fn converse(&self, request: RequestBuilder) -> Result<Received, Failure> {
        let connections = &self.line.connections;
        let response = request.send().await.map_err(|error| connections.failed(error))?;
        let status = response.status().as_u16();
        if let Some(failure) = connections.refused_by_proxy(status) {
            return Err(failure);
        }
        let mut received = Received::new(status, response.headers());
        read_body(response, &mut received).await;
        Ok(received)
    }
}

/// Without a token the call has not left, so that nothing can be in doubt.
fn unsent(verdict: Verdict) -> Verdict {
    let (AwaReply::InDoubt { why } | AwaReply::NotSent { why }) = &verdict.reply else {
        return verdict;
    };
    let why = format!("no token: {why}");
    Verdict { reply: AwaReply::NotSent { why: why.clone() }, message: why, ..verdict }
}

fn fixed(name: HeaderName, value: &str) -> Result<Identity, SettingsError> {
    Ok(Identity::Fixed(Some((
        name,
        secret_value(value).ok_or_else(|| {
            SettingsError::new(
                "auth",
                "holds a secret with characters that no HTTP header can carry",
            )
        })?,
    ))))
}

fn secret_value(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Reads an answer of the token endpoint: whether the token that it brought is hidden from logs.
#[cfg(any(test, fuzzing))]
pub(super) fn read_token(
    received: &Received,
    now: crate::routing::UnixMillis,
) -> Result<bool, Verdict> {
    let grant = super::settings::Grant::of_client("secret");
    let oauth = super::settings::OAuth::of_client("id", grant);
    let registered = Registered::new(oauth).expect("it needs no key");
    registered.read(received, now).map(|granted| granted.header.is_sensitive())
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

#[cfg(test)]
mod tests;
