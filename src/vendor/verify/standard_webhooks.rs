//! `standard_webhooks`: HMAC (`v1`) and ed25519 (`v1a`) over id, time and body, also under Svix's header names.
//!
//! The rules are those of standardwebhooks.com: several signatures in one header, any that fits is good.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::super::duration::Span;
use super::super::request::Request;
use super::mac::{self, Algorithm, Key, same, which};
use super::{Unsignable, Unverified, set_header};

/// How far the time of signing may be from now.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct StandardWebhooksSpec {
    #[serde(default = "five_minutes")]
    tolerance: Span,
}

const fn five_minutes() -> Span {
    Span::of_seconds(300)
}

enum VerifyingKey {
    /// `whsec_…`
    Shared(Key),
    /// `whpk_…`
    Public(UnparsedPublicKey<Vec<u8>>),
}

/// The scheme with its keys.
pub(in super::super) struct StandardWebhooks {
    tolerance: Span,
    keys: Vec<VerifyingKey>,
}

/// The header families, the standard's own first.
const FAMILIES: [&str; 2] = ["webhook", "svix"];

impl StandardWebhooks {
    pub(super) fn build(
        spec: &StandardWebhooksSpec,
        secrets: &[SecretString],
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut keys = Vec::new();
        for (place, secret) in secrets.iter().enumerate() {
            match key(secret.expose_secret()) {
                Some(key) => keys.push(key),
                None => problems.push(format!(
                    "secret {} is not `whsec_` or `whpk_` and base64 after it",
                    place + 1
                )),
            }
        }
        if problems.is_empty() {
            Ok(Self { tolerance: spec.tolerance, keys })
        } else {
            Err(problems)
        }
    }

    pub(super) fn verify(&self, request: &Request) -> Result<usize, Unverified> {
        let family = family(request);
        let header = |name: &str| {
            let name = format!("{family}-{name}");
            let value =
                request.headers.get(&name).ok_or_else(|| Unverified::Missing(name.clone()))?;
            value.to_str().map_err(|_| Unverified::Unreadable(name))
        };
        let (id, timestamp, signatures) =
            (header("id")?, header("timestamp")?, header("signature")?);
        let signed_at: i64 =
            timestamp.parse().map_err(|_| Unverified::Unreadable(format!("{family}-timestamp")))?;
        if signed_at.saturating_mul(1_000).abs_diff(request.received_at.0) > self.tolerance.millis()
        {
            return Err(Unverified::Stale);
        }
        let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &request.body[..]];
        let fits = |key: &VerifyingKey| {
            signatures.split(' ').filter_map(|entry| entry.split_once(',')).any(
                |(version, text)| {
                    STANDARD.decode(text).is_ok_and(|found| key.fits(version, &message, &found))
                },
            )
        };
        which(&self.keys, fits).ok_or(Unverified::Wrong)
    }

    /// Signs as `v1`. The id is the one that the request has already, else one after its body.
    pub(super) fn sign(&self, request: &mut Request) -> Result<(), Unsignable> {
        let Some(VerifyingKey::Shared(key)) = self.keys.first() else { return Err(Unsignable) };
        let id = message_id(request).map_or_else(|| body_id(&request.body), ToOwned::to_owned);
        let timestamp = request.received_at.0.div_euclid(1_000).to_string();
        let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &request.body[..]];
        let signature = STANDARD.encode(mac::hmac(Algorithm::Sha256, key, &message));
        set_header(request, "webhook-id", &id)?;
        set_header(request, "webhook-timestamp", &timestamp)?;
        set_header(request, "webhook-signature", &format!("v1,{signature}"))
    }
}

impl VerifyingKey {
    fn fits(&self, version: &str, message: &[&[u8]], found: &[u8]) -> bool {
        match (self, version) {
            (Self::Shared(key), "v1") => same(&mac::hmac(Algorithm::Sha256, key, message), found),
            (Self::Public(key), "v1a") => key.verify(&message.concat(), found).is_ok(),
            (Self::Shared(_) | Self::Public(_), _) => false,
        }
    }
}

/// The `webhook-id`, constant over redeliveries.
pub(super) fn message_id(request: &Request) -> Option<&str> {
    request.header(&format!("{}-id", family(request)))
}

fn family(request: &Request) -> &'static str {
    let has = |family: &&&str| request.headers.contains_key(format!("{family}-signature"));
    FAMILIES.iter().find(has).unwrap_or(&FAMILIES[0])
}

fn key(secret: &str) -> Option<VerifyingKey> {
    if let Some(public) = secret.strip_prefix("whpk_") {
        let bytes = STANDARD.decode(public).ok().filter(|bytes| bytes.len() == 32)?;
        return Some(VerifyingKey::Public(UnparsedPublicKey::new(&ED25519, bytes)));
    }
    let bytes = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok()?;
    (!bytes.is_empty()).then(|| VerifyingKey::Shared(bytes.into()))
}

fn body_id(body: &[u8]) -> String {
    use sha2::Digest as _;
    format!("msg_{}", hex::encode(&sha2::Sha256::digest(body)[..12]))
}
