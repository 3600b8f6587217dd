//! `standard_webhooks`: HMAC (`v1`) and ed25519 (`v1a`) over id, time and body, also under Svix's header names.
//!
//! The rules are those of standardwebhooks.com: several signatures in one header, any that fits is good. How many there
//! are is the sender's to say, so that it never decides how many hashes are made: that is one for each shared key.

use std::borrow::Cow;

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

/// How many signatures a header may have; while keys are changed, senders make two.
const MAX_ENTRIES: usize = 10;

/// How many of them may be ed25519's: each hashes the message anew.
const MAX_PUBLIC: usize = 3;

/// The signatures of a header that are as long as theirs have to be.
#[derive(Default)]
struct Signatures {
    /// `v1`
    shared: Vec<Vec<u8>>,
    /// `v1a`
    public: Vec<Vec<u8>>,
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
        let found = Signatures::read(signatures)
            .ok_or_else(|| Unverified::Unreadable(format!("{family}-signature")))?;
        which(&self.keys, |key| key.fits(&message, &found)).ok_or(Unverified::Wrong)
    }

    /// Of the shared keys; a public one is as long as it has to be.
    pub(super) fn key_lengths(&self) -> Vec<usize> {
        let length = |key: &VerifyingKey| match key {
            VerifyingKey::Shared(key) => key.expose_secret().len(),
            VerifyingKey::Public(_) => usize::MAX,
        };
        self.keys.iter().map(length).collect()
    }

    /// Signs as `v1`. The id is the one that the request has already, else one after its body.
    pub(super) fn sign(&self, request: &mut Request) -> Result<(), Unsignable> {
        let Some(VerifyingKey::Shared(key)) = self.keys.first() else { return Err(Unsignable) };
        let id = message_id(request).map_or_else(|| body_id(&request.body), ToOwned::to_owned);
        let timestamp = request.received_at.0.div_euclid(1_000).to_string();
        let signature = signature(key, &id, &timestamp, &request.body);
        set_header(request, "webhook-id", &id)?;
        set_header(request, "webhook-timestamp", &timestamp)?;
        set_header(request, "webhook-signature", &signature)
    }
}

/// A shared key to sign with.
pub(crate) struct SigningKey(Key);

impl SigningKey {
    /// None where the secret is not `whsec_` and base64 of a key that cannot be tried out.
    pub(crate) fn parse(secret: &str) -> Option<Self> {
        let bytes = STANDARD.decode(secret.trim().strip_prefix("whsec_")?).ok()?;
        (bytes.len() >= mac::GOOD_KEY).then(|| Self(bytes.into()))
    }

    /// The value of `webhook-signature`.
    pub(crate) fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        signature(&self.0, id, timestamp, body)
    }
}

/// A `v1` signature of a message.
fn signature(key: &Key, id: &str, timestamp: &str, body: &[u8]) -> String {
    let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    format!("v1,{}", STANDARD.encode(mac::hmac(Algorithm::Sha256, key, &message)))
}

impl VerifyingKey {
    fn fits(&self, message: &[&[u8]], found: &Signatures) -> bool {
        match self {
            Self::Shared(key) => {
                if found.shared.is_empty() {
                    return false;
                }
                let expected = mac::hmac(Algorithm::Sha256, key, message);
                found.shared.iter().any(|found| same(&expected, found))
            }
            Self::Public(key) => {
                if found.public.is_empty() {
                    return false;
                }
                let message = message.concat();
                found.public.iter().any(|found| key.verify(&message, found).is_ok())
            }
        }
    }
}

impl Signatures {
    /// None where there are more than any sender makes. Unknown versions and broken entries are passed over.
    fn read(header: &str) -> Option<Self> {
        if header.split(' ').nth(MAX_ENTRIES).is_some() {
            return None;
        }
        let mut read = Self::default();
        for (version, text) in header.split(' ').filter_map(|entry| entry.split_once(',')) {
            let (signatures, length) = match version {
                "v1" => (&mut read.shared, 32),
                "v1a" => (&mut read.public, 64),
                _ => continue,
            };
            signatures.extend(STANDARD.decode(text).ok().filter(|found| found.len() == length));
        }
        (read.public.len() <= MAX_PUBLIC).then_some(read)
    }
}

/// The `webhook-id`, constant over redeliveries.
pub(super) fn message_id(request: &Request) -> Option<&str> {
    request.header(&format!("{}-id", family(request)))
}

/// What was signed of a verified request.
pub(super) fn signed(request: &Request) -> Cow<'_, [u8]> {
    let family = family(request);
    let header = |name: &str| request.header(&format!("{family}-{name}")).unwrap_or_default();
    let (id, timestamp) = (header("id").as_bytes(), header("timestamp").as_bytes());
    [id, b".", timestamp, b".", &request.body[..]].concat().into()
}

/// Whether the signature covers a header of the request.
pub(super) fn covers_header(request: &Request, name: &str) -> bool {
    let own = name.strip_prefix(family(request));
    matches!(own, Some("-id" | "-timestamp"))
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
