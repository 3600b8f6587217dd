//! `jwt_header` and `jwt_body`: a compact JWT under HS256, beside the body with its hash as a claim, or as the body
//! itself.
//!
//! The algorithm is ours to say and never the token's: `none` and every other one are refused.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::decode::compact_jwt;
use super::super::duration::Span;
use super::super::request::Request;
use super::header::of_token;
use super::mac::{self, Algorithm, Key, KeyForm, same, which};
use super::{Unsignable, Unverified, set_header};
use crate::routing::UnixMillis;

/// A token in a header; the body's SHA-256 is one of its claims.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct JwtHeaderSpec {
    /// The token may stand there bare or behind `Bearer`.
    header: Option<String>,
    /// The claim with the hash, in hex or any base64.
    #[serde(default = "payload_hash")]
    payload_hash: String,
    #[serde(default)]
    key: KeyForm,
    /// How far `iat` may be from now where the token has no `exp`.
    #[serde(default = "five_minutes")]
    tolerance: Span,
    /// How far the clocks may differ at `exp` and `nbf`.
    #[serde(default = "half_a_minute")]
    leeway: Span,
    /// What `aud`, or one of several there, has to be.
    audience: Option<String>,
    /// What `iss` has to be.
    issuer: Option<String>,
}

/// The body is a token; its claims are the event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct JwtBodySpec {
    #[serde(default)]
    key: KeyForm,
    /// How far the clocks may differ at `exp` and `nbf`, where the claims have them.
    #[serde(default = "half_a_minute")]
    leeway: Span,
    /// What `aud`, or one of several there, has to be.
    audience: Option<String>,
    /// What `iss` has to be.
    issuer: Option<String>,
}

fn payload_hash() -> String {
    "payload_hash".to_owned()
}

const fn five_minutes() -> Span {
    Span::of_seconds(300)
}

const fn half_a_minute() -> Span {
    Span::of_seconds(30)
}

/// How long a token's first part may be: it is read before anything is proved.
pub(super) const MAX_HEAD: usize = 4_096;

/// How far ahead of now a token may end, in milliseconds: some 400 days. One that never ends could be sent again for
/// ever.
const LONGEST_MS: i64 = 400 * 86_400_000;

/// Whom a token has to be for and from, where the source says it.
pub(super) struct Parties {
    audience: Option<String>,
    issuer: Option<String>,
}

impl Parties {
    pub(super) fn of(
        audience: &Option<String>,
        issuer: &Option<String>,
        problems: &mut Vec<String>,
    ) -> Self {
        for (key, value) in [("audience", audience), ("issuer", issuer)] {
            if value.as_ref().is_some_and(String::is_empty) {
                problems.push(format!("`{key}` is empty: leave it out to take every token"));
            }
        }
        Self { audience: audience.clone(), issuer: issuer.clone() }
    }

    /// `aud` may be several (RFC 7519).
    pub(super) fn check(&self, claims: &Value) -> Result<(), Unverified> {
        let is = |claim: &Value, wanted: &str| match claim {
            Value::Array(several) => several.iter().any(|one| one == wanted),
            one => one == wanted,
        };
        let for_us = self.audience.as_ref().is_none_or(|wanted| is(&claims["aud"], wanted));
        let from_them = self.issuer.as_ref().is_none_or(|wanted| claims["iss"] == *wanted);
        if for_us && from_them { Ok(()) } else { Err(Unverified::OtherParty) }
    }
}

/// `jwt_header` with its keys.
pub(in super::super) struct JwtHeader {
    header: String,
    payload_hash: String,
    tolerance: Span,
    leeway: Span,
    parties: Parties,
    keys: Vec<Key>,
}

impl JwtHeader {
    pub(super) fn build(
        spec: &JwtHeaderSpec,
        secrets: &[SecretString],
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let header = of_token(spec.header.as_deref(), &mut problems);
        if spec.payload_hash.is_empty() {
            problems.push("`payload_hash` is empty: the body would go unsigned".to_owned());
        }
        let keys = spec.key.keys(secrets, &mut problems);
        let (payload_hash, tolerance) = (spec.payload_hash.clone(), spec.tolerance);
        let parties = Parties::of(&spec.audience, &spec.issuer, &mut problems);
        let built = Self { header, payload_hash, tolerance, leeway: spec.leeway, parties, keys };
        if problems.is_empty() { Ok(built) } else { Err(problems) }
    }

    pub(super) fn verify(&self, request: &Request) -> Result<usize, Unverified> {
        let unreadable = || Unverified::Unreadable(self.header.clone());
        let value = request
            .headers
            .get(&self.header)
            .ok_or_else(|| Unverified::Missing(self.header.clone()))?;
        let text = bare(value.to_str().map_err(|_| unreadable())?);
        let (place, claims) = checked(text, &self.keys).ok_or_else(unreadable)??;
        self.check_times(&claims, request.received_at)?;
        self.parties.check(&claims)?;
        let claimed = claims[self.payload_hash.as_str()]
            .as_str()
            .ok_or_else(|| Unverified::Missing(self.payload_hash.clone()))?;
        let claimed =
            hash(claimed).ok_or_else(|| Unverified::Unreadable(self.payload_hash.clone()))?;
        let fits = same(&Sha256::digest(&request.body), &claimed);
        if fits { Ok(place) } else { Err(Unverified::Wrong) }
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The token lives as long as its `exp` says, else as long as `tolerance` allows after its `iat`.
    fn check_times(&self, claims: &Value, now: UnixMillis) -> Result<(), Unverified> {
        check_lifetime(claims, self.leeway, now)?;
        if !claims["exp"].is_null() {
            return Ok(());
        }
        let issued = millis(&claims["iat"]).ok_or_else(|| Unverified::Missing("exp".to_owned()))?;
        if issued.abs_diff(now.0) > self.tolerance.millis() {
            return Err(Unverified::Stale);
        }
        Ok(())
    }

    /// The signed part of a verified request's token; the body's hash is in it.
    pub(super) fn signed<'a>(&self, request: &'a Request) -> Option<Cow<'a, [u8]>> {
        let token = bare(request.header(&self.header)?);
        token.rsplit_once('.').map(|(signed, _)| signed.as_bytes().into())
    }

    pub(super) fn sign(&self, request: &mut Request) -> Result<(), Unsignable> {
        let issued = request.received_at.0.div_euclid(1_000);
        let claims = json!({
            "iat": issued,
            "exp": issued + 300,
            self.payload_hash.as_str(): hex::encode(Sha256::digest(&request.body)),
        });
        let key = self.keys.first().ok_or(Unsignable)?;
        let prefix = if self.header == AUTHORIZATION.as_str() { "Bearer " } else { "" };
        let token = token(claims.to_string().as_bytes(), key);
        set_header(request, &self.header, &format!("{prefix}{token}"))
    }
}

/// `jwt_body` with its keys.
pub(in super::super) struct JwtBody {
    leeway: Span,
    parties: Parties,
    keys: Vec<Key>,
}

impl JwtBody {
    pub(super) fn build(spec: &JwtBodySpec, secrets: &[SecretString]) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let keys = spec.key.keys(secrets, &mut problems);
        let parties = Parties::of(&spec.audience, &spec.issuer, &mut problems);
        let built = Self { leeway: spec.leeway, parties, keys };
        if problems.is_empty() { Ok(built) } else { Err(problems) }
    }

    pub(super) fn verify(&self, request: &Request) -> Result<usize, Unverified> {
        let unreadable = || Unverified::Unreadable("body".to_owned());
        let text = compact_jwt(&request.body).ok_or_else(unreadable)?;
        let (place, claims) = checked(text, &self.keys).ok_or_else(unreadable)??;
        check_lifetime(&claims, self.leeway, request.received_at)?;
        self.parties.check(&claims)?;
        Ok(place)
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Makes the token of a body that is the claims, or of one that is a token already.
    pub(super) fn sign(&self, request: &mut Request) -> Result<(), Unsignable> {
        let key = self.keys.first().ok_or(Unsignable)?;
        let claims = match compact_jwt(&request.body).and_then(|text| text.split('.').nth(1)) {
            Some(claims) => URL_SAFE_NO_PAD.decode(claims).map_err(|_| Unsignable)?,
            None => request.body.to_vec(),
        };
        request.body = token(&claims, key).into();
        set_header(request, CONTENT_TYPE.as_str(), "application/jwt")
    }
}

/// The signed part of a body that is a token: what stands around it is anybody's.
pub(super) fn signed_part(body: &[u8]) -> Option<&str> {
    compact_jwt(body)?.rsplit_once('.').map(|(signed, _)| signed)
}

/// The key that fits with the claims; none where the text is no token.
fn checked(text: &str, keys: &[Key]) -> Option<Result<(usize, Value), Unverified>> {
    let (message, signature) = text.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let json = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    if header.len() > MAX_HEAD {
        return None;
    }
    let header = json(header)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    if header["alg"] != "HS256" || !header["crit"].is_null() {
        return Some(Err(Unverified::Wrong));
    }
    if signature.len() != Algorithm::Sha256.length() {
        return Some(Err(Unverified::Wrong));
    }
    let fits =
        |key: &Key| same(&mac::hmac(Algorithm::Sha256, key, &[message.as_bytes()]), &signature);
    let Some(place) = which(keys, fits) else { return Some(Err(Unverified::Wrong)) };
    let claims = json(claims).filter(Value::is_object)?;
    Some(Ok((place, claims)))
}

/// `exp` and `nbf`, where they are there.
pub(super) fn check_lifetime(
    claims: &Value,
    leeway: Span,
    now: UnixMillis,
) -> Result<(), Unverified> {
    let leeway = i64::try_from(leeway.millis()).unwrap_or(i64::MAX);
    let at = |name: &str| match &claims[name] {
        Value::Null => Ok(None),
        value => millis(value).map(Some).ok_or_else(|| Unverified::Unreadable(name.to_owned())),
    };
    let (exp, longest) = (at("exp")?, now.0.saturating_add(LONGEST_MS));
    let over = exp.is_some_and(|exp| exp.saturating_add(leeway) < now.0 || exp > longest);
    let early = at("nbf")?.is_some_and(|nbf| nbf.saturating_sub(leeway) > now.0);
    if over || early { Err(Unverified::Stale) } else { Ok(()) }
}

/// A NumericDate (RFC 7519, seconds, fractions allowed) in milliseconds; none where it is no moment from 1970 to 9999.
fn millis(value: &Value) -> Option<i64> {
    let seconds = value.as_f64().filter(|seconds| (0.0..253_402_300_800.0).contains(seconds))?;
    let whole = value.as_i64().and_then(|seconds| seconds.checked_mul(1_000));
    Some(whole.unwrap_or((seconds * 1_000.0) as i64))
}

/// A SHA-256 as senders write it.
pub(super) fn hash(text: &str) -> Option<Vec<u8>> {
    let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
    let base64 = || engines.iter().find_map(|engine| engine.decode(text).ok());
    hex::decode(text).ok().filter(|bytes| bytes.len() == 32).or_else(base64)
}

/// The token without a `Bearer` before it.
pub(super) fn bare(text: &str) -> &str {
    match text.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        Some(_) | None => text.trim(),
    }
}

fn token(claims: &[u8], key: &Key) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = mac::hmac(Algorithm::Sha256, key, &[message.as_bytes()]);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}
