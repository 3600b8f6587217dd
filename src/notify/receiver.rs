//! The receiver of settled events: which of them it wants, and one request to it. Its URL and its secret are never
//! shown.

use std::fmt;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::awa::{PostResponse, Poster};
use crate::routing::{EventRecord, State, UnixMillis};
use crate::source::SigningKey;
use crate::store::Cursor;

/// The longest pause that a receiver may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// How long one is left alone that answers 410: by the rules of Standard Webhooks it wants no more.
const GONE: Duration = Duration::from_secs(300);

/// What is told of an event.
const MEMBERS: [&str; 11] = [
    "source",
    "id",
    "kind",
    "conversation",
    "state",
    "reason",
    "attempts",
    "received_at",
    "settled_at",
    "work_item",
    "last_answer",
];

/// Which events are pushed.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Only those that end so.
    pub(crate) outcomes: Vec<State>,
    /// Only those of these sources; none named: of all.
    pub(crate) sources: Vec<String>,
}

/// Where settled events are pushed to.
pub(crate) struct Receiver {
    url: SecretString,
    host: String,
    key: SigningKey,
    wanted: Wanted,
    client: Poster,
}

/// An event was not taken.
#[derive(Debug)]
pub(super) struct Refused {
    /// As a sentence about the receiver.
    pub(super) why: String,
    /// How long it wants to be left alone.
    pub(super) wait: Option<Duration>,
}

impl Receiver {
    /// Makes ready; nothing is sent.
    ///
    /// # Errors
    /// What the secret is not, as the end of a sentence.
    pub(crate) fn new(
        url: &str,
        host: &str,
        secret: &SecretString,
        wanted: Wanted,
        client: Poster,
    ) -> Result<Self, &'static str> {
        let key = SigningKey::parse(secret.expose_secret()).ok_or(
            "is not `whsec_` and base64 of at least 16 bytes after it; make one with `echo whsec_$(openssl rand -base64 32)`",
        )?;
        Ok(Self { url: url.into(), host: host.to_owned(), key, wanted, client })
    }

    /// Its host, for logs.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn wants(&self, event: &EventRecord) -> bool {
        let Wanted { outcomes, sources } = &self.wanted;
        outcomes.iter().any(|state| event.state == *state)
            && (sources.is_empty() || sources.contains(&event.source))
    }

    /// Pushes an event once.
    pub(super) async fn push(
        &self,
        place: &Cursor,
        event: &EventRecord,
        has_gap: bool,
        at: UnixMillis,
    ) -> Result<(), Refused> {
        let (id, body) = (id_of(place, event), told(event));
        let timestamp = at.0.div_euclid(1_000).to_string();
        let signature = self.key.sign(&id, &timestamp, &body);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if has_gap {
            let name = HeaderName::from_static("awa-bridge-gap");
            headers.insert(name, HeaderValue::from_static("true"));
        }
        let signed = [
            ("webhook-id", id),
            ("webhook-timestamp", timestamp),
            ("webhook-signature", signature),
        ];
        for (name, value) in signed {
            // Digits and base64 are fit for a header.
            let Ok(value) = HeaderValue::from_str(&value) else { continue };
            headers.insert(HeaderName::from_static(name), value);
        }
        match self.client.post(self.url.expose_secret(), headers, body).await {
            Ok(response) => judged(&response),
            Err(why) => Err(Refused { why, wait: None }),
        }
    }
}

fn judged(response: &PostResponse) -> Result<(), Refused> {
    let wait = response.retry_after_ms.map(|ms| Duration::from_millis(ms).min(LONGEST_WAIT));
    let status = response.status;
    match status {
        200..=299 => Ok(()),
        300..=399 => {
            let why = format!(
                "it answers {status}, and no redirect is followed: name the address that it leads to in notify.url"
            );
            Err(Refused { why, wait })
        }
        410 => {
            Err(Refused { why: "it answers 410: it wants no more".to_owned(), wait: Some(GONE) })
        }
        _ => Err(Refused { why: format!("it answers {status}"), wait }),
    }
}

/// The same however often an event is pushed for one settling, and another one for every other settling, also of
/// another store.
fn id_of(place: &Cursor, event: &EventRecord) -> String {
    let settled_at = event.settled_at.map_or(0, |at| at.0);
    let text = format!("{place}\0{settled_at}\0{}\0{}", event.source, event.id);
    let hash = hex::encode(Sha256::digest(text));
    format!("settled_{}", hash.get(..32).unwrap_or(&hash))
}

/// An event as its receiver gets it.
fn told(event: &EventRecord) -> Vec<u8> {
    let mut event = serde_json::to_value(event).unwrap_or_default();
    if let Value::Object(members) = &mut event {
        members.retain(|name, _| MEMBERS.contains(&name.as_str()));
    }
    event.to_string().into_bytes()
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("host", &self.host).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(status: u16, retry_after_ms: Option<u64>) -> Option<Duration> {
        judged(&PostResponse { status, retry_after_ms }).expect_err("a refusal").wait
    }

    #[test]
    fn a_receiver_that_asks_for_a_pause_gets_it_up_to_a_bound() {
        assert!(judged(&PostResponse { status: 204, retry_after_ms: Some(5_000) }).is_ok());
        assert_eq!(wait(500, None), None);
        assert_eq!(wait(429, Some(7_000)), Some(Duration::from_secs(7)));
        assert_eq!(wait(503, Some(u64::MAX)), Some(LONGEST_WAIT));
        assert_eq!(wait(410, None), Some(GONE));
        assert_eq!(wait(410, Some(1)), Some(GONE));
    }
}
