//! One HTTP exchange with the instance: bounded in time and size, credentials added, the answer read to its end.
//!
//! Never follows a redirect, keeps no cookie, repeats nothing but a request that was refused for a stale token.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Method, Url, header};
use serde_json::Value;
use tokio::time::timeout;

use super::classify::{Failure, Verdict};
use super::connections::Connections;
use super::limiter::Limiter;
use super::masked::Own;
use super::offset::Offset;
use super::pace::Signal;
use super::received::{RateRule, Received};
use super::settings::{Settings, SettingsError};
use super::token::{Identity, Line};
use super::wire::ApiVersion;
use crate::base_url::BaseUrl;
use crate::routing::{AwaReply, ClockOffset, UnixMillis};
use crate::{clock, metrics as names};

/// The largest answer that is read.
const MAX_BODY: usize = 1024 * 1024;
/// With less time than this no request leaves.
const LEAST: Duration = Duration::from_millis(20);

/// The connections to one instance, the credentials, and what is known of its clock.
#[derive(Debug)]
pub(super) struct Transport {
    connections: Arc<Connections>,
    base: Url,
    /// The version in the paths of AWA's APIs.
    pub(super) api_version: ApiVersion,
    request_timeout: Duration,
    identity: Identity,
    /// What no answer is repeated with.
    pub(super) own: Own,
    pub(super) limiter: Arc<Limiter>,
    offset: Mutex<Offset>,
    /// The rule that was shown last.
    rate_rules: names::BoundedLabel,
    /// The rule that was logged last, and when.
    rate_rule: Mutex<Option<(UnixMillis, RateRule)>>,
}

/// The time that one call may take, and the requests that it took.
#[derive(Debug)]
pub(super) struct Allowance {
    started: Instant,
    ends: Instant,
    /// The same moment by both clocks: neither a wall clock that is set nor a monotonic one that stood still may
    /// prolong it.
    leave_by: (UnixMillis, Instant),
    requests: AtomicU32,
}

impl Allowance {
    /// From now until the request time is used up or the deadline comes, whichever is sooner. No request leaves after
    /// `leave_by`.
    pub(super) fn until(
        deadline: UnixMillis,
        leave_by: UnixMillis,
        request_timeout: Duration,
    ) -> Self {
        let started = clock::instant();
        let now = clock::now();
        let left = Duration::from_millis(deadline.since(now));
        let ends = clock::after(started, left.min(request_timeout));
        let leave_by =
            (leave_by, clock::after(started, Duration::from_millis(leave_by.since(now))));
        Self { started, ends, leave_by, requests: AtomicU32::new(0) }
    }

    /// What is left; none where it is not worth starting a request.
    pub(super) fn left(&self) -> Option<Duration> {
        let left = self.ends.saturating_duration_since(clock::instant());
        (left >= LEAST).then_some(left)
    }

    /// What is left for a request that leaves now; none where it may not leave any more.
    fn left_to_leave(&self) -> Option<Duration> {
        let (wall, monotonic) = self.leave_by;
        let in_time = clock::now() < wall && clock::instant() < monotonic;
        in_time.then(|| self.left()).flatten()
    }

    pub(super) fn elapsed_ms(&self) -> u64 {
        clock::millis(self.started.elapsed())
    }

    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// A request before it has its credentials.
#[derive(Debug, Clone)]
pub(super) struct Outgoing<'a> {
    /// The `call` label of the metrics.
    pub(super) call: &'static str,
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) body: Option<&'a Value>,
}

impl<'a> Outgoing<'a> {
    pub(super) const fn get(
        call: &'static str,
        path: &'a str,
        query: &'a [(&'a str, &'a str)],
    ) -> Self {
        Self { call, method: Method::GET, path, query, body: None }
    }
}

/// At most one line about a rate limit rule in this many milliseconds.
const RULE_PAUSE: u64 = 60_000;

impl Transport {
    pub(super) fn new(
        settings: Settings,
    ) -> Result<(Self, HashMap<String, String>), SettingsError> {
        let limiter = Arc::new(Limiter::new(settings.rate_limit));
        Self::behind(limiter, Offset::default(), settings)
    }

    /// The same for other settings; the limiter and the instance's clock stay known.
    pub(super) fn successor(
        &self,
        settings: Settings,
    ) -> Result<(Self, HashMap<String, String>), SettingsError> {
        Self::behind(Arc::clone(&self.limiter), self.offset(), settings)
    }

    fn behind(
        limiter: Arc<Limiter>,
        offset: Offset,
        settings: Settings,
    ) -> Result<(Self, HashMap<String, String>), SettingsError> {
        let wrong = |problem: String| SettingsError::new("instance", problem);
        let base = url("instance", &settings.base_url.clone().instance().map_err(wrong)?, "")?;
        let connections = Arc::new(Connections::new(&base, &settings)?);
        let own = Own::of(&settings);
        let line = Line { connections: Arc::clone(&connections), limiter: Arc::clone(&limiter) };
        let identity = Identity::new(settings.auth, line, &settings.base_url)?;
        let transport = Self {
            connections,
            base,
            api_version: settings.api_version,
            request_timeout: settings.request_timeout,
            identity,
            own,
            limiter,
            offset: Mutex::new(offset),
            rate_rules: names::BoundedLabel::default(),
            rate_rule: Mutex::default(),
        };
        Ok((transport, settings.channels))
    }

    pub(super) fn allowance(&self, deadline: UnixMillis, leave_by: UnixMillis) -> Allowance {
        Allowance::until(deadline, leave_by, self.request_timeout)
    }

    /// Why the last request had no answer of ServiceNow's; none where it had one.
    pub(super) fn trouble(&self) -> Option<String> {
        self.connections.trouble()
    }

    /// ServiceNow's clock, as far as it is known.
    pub(super) fn offset(&self) -> Offset {
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request and reads its answer; a stale token is renewed once.
    pub(super) async fn exchange(
        &self,
        outgoing: &Outgoing<'_>,
        allowance: &Allowance,
    ) -> Result<Received, Failure> {
        let proof = self.identity.prove(allowance).await.map_err(Failure::Identity)?;
        let received = self.once(outgoing, proof.header(), allowance).await?;
        if received.status != 401 || !self.identity.renews() {
            return Ok(received);
        }
        self.identity.refuse(&proof).await;
        let fresh = self.identity.prove(allowance).await.map_err(Failure::Identity)?;
        self.once(outgoing, fresh.header(), allowance).await
    }

    async fn once(
        &self,
        outgoing: &Outgoing<'_>,
        proof: Option<(header::HeaderName, header::HeaderValue)>,
        allowance: &Allowance,
    ) -> Result<Received, Failure> {
        let left = allowance.left().ok_or_else(out_of_time)?;
        timeout(left, self.limiter.leave()).await.map_err(|_| out_of_time())?;
        let left = allowance.left_to_leave().ok_or_else(out_of_time)?;
        let lease = self.connections.lease();
        let mut request = lease
            .http
            .request(outgoing.method.clone(), self.url(outgoing))
            .header(header::ACCEPT, "application/json")
            .timeout(left);
        if let Some((name, value)) = proof {
            request = request.header(name, value);
        }
        if let Some(body) = outgoing.body {
            request =
                request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        allowance.requests.fetch_add(1, Ordering::Relaxed);
        let (start, began) = (clock::now(), clock::instant());
        let outcome = self.converse(request, start).await;
        self.connections.note(&lease, &outcome);
        count(outgoing.call, outcome.as_ref().map(|received| received.status), began.elapsed());
        outcome
    }

    async fn converse(
        &self,
        request: reqwest::RequestBuilder,
        start: UnixMillis,
    ) -> Result<Received, Failure> {
        let response = request.send().await.map_err(|error| self.connections.failed(error))?;
        if let Some(failure) = self.connections.refused_by_proxy(response.status().as_u16()) {
            return Err(failure);
        }
        let mut received = Received::new(response.status().as_u16(), response.headers());
        if let Some(rule) = &received.rate_rule {
            self.show(rule);
        }
        if let Some(date) = received.date {
            self.measure(date, start, clock::now());
        }
        read_body(response, &mut received).await;
        Ok(received)
    }

    fn measure(&self, date: UnixMillis, start: UnixMillis, end: UnixMillis) {
        let mut offset = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        offset.measure(date, start, end);
        if let Some(likely) = offset.at(end).map(ClockOffset::likely) {
            #[expect(clippy::cast_precision_loss, reason = "an offset is far below 2^52 ms")]
            metrics::gauge!(names::CLOCK_OFFSET).set(likely as f64 / 1000.0);
        }
    }

    /// Shows a rate limit rule in the metrics, and in the log where it is new.
    #[expect(clippy::cast_precision_loss, reason = "neither comes near 2^52")]
    fn show(&self, rule: &RateRule) {
        let RateRule { limit, reset, rule: id } = rule;
        let label = self.rate_rules.of(id);
        metrics::gauge!(names::RATE_RULE_LIMIT, "rule" => label.clone()).set(*limit as f64);
        if let Some(reset) = reset {
            metrics::gauge!(names::RATE_RULE_RESET, "rule" => label).set(*reset as f64);
        }
        let mut shown = self.rate_rule.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::now();
        let known = shown.as_ref().is_some_and(|(at, shown)| {
            let same = (shown.limit, &shown.rule) == (*limit, id);
            same || (*at <= now && now.since(*at) < RULE_PAUSE)
        });
        if !known {
            tracing::info!(
                limit,
                reset,
                rule = id,
                "ServiceNow limits this user to {limit} requests an hour; see rate_limit.per_hour"
            );
            *shown = Some((now, rule.clone()));
        }
    }

    fn url(&self, outgoing: &Outgoing<'_>) -> Url {
        let mut url = self.base.clone();
        url.set_path(outgoing.path);
        if !outgoing.query.is_empty() {
            url.query_pairs_mut().extend_pairs(outgoing.query);
        }
        url
    }
}

/// Reads what comes, up to the cap. What breaks off or runs over leaves the answer incomplete.
pub(super) async fn read_body(mut response: reqwest::Response, received: &mut Received) {
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if received.body.len().saturating_add(chunk.len()) <= MAX_BODY => {
                received.body.extend_from_slice(&chunk);
            }
            Ok(None) => {
                received.complete = true;
                return;
            }
            Ok(Some(_)) | Err(_) => return,
        }
    }
}

pub(super) fn out_of_time() -> Failure {
    let why = "no time was left to send it".to_owned();
    Failure::Identity(Verdict::new(AwaReply::NotSent { why: why.clone() }, why, Signal::Nothing))
}

pub(super) fn count(call: &'static str, status: Result<u16, &Failure>, took: Duration) {
    static STATUSES: LazyLock<names::BoundedLabel> = LazyLock::new(names::BoundedLabel::default);
    let status = status.map_or_else(|_| "none".to_owned(), |status| status.to_string());
    let status = STATUSES.of(&status);
    metrics::counter!(names::AWA_REQUESTS, "call" => call, "status" => status).increment(1);
    metrics::histogram!(names::AWA_REQUEST_DURATION, "call" => call).record(took.as_secs_f64());
}

/// A URL on a server, for the HTTP client.
pub(super) fn url(key: &'static str, server: &BaseUrl, path: &str) -> Result<Url, SettingsError> {
    Url::parse(&format!("{server}{path}"))
        .map_err(|why| SettingsError::new(key, format!("is not a URL ({why})")))
}

#[cfg(test)]
mod tests;
