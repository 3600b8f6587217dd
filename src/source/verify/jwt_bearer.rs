//! `jwt_bearer`: a JWT under an issuer's public key, in a header beside the body. The keys come from the issuer's JWK
//! Set or from files.
//!
//! Which algorithms are taken is the profile's to say, and a key is only used as what it is: `none`, and a public key
//! taken for an HMAC's secret, prove nothing. Unless a claim has the body's hash, the token says who sends and not
//! what: it is a secret that travels with the request, for as long as it lives.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Uri;
use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::super::duration::Span;
use super::super::issuer::{Issuer, IssuerSettings};
use super::super::request::Request;
use super::Unverified;
use super::header::of_token;
use super::jws;
use super::jwt::{MAX_HEAD, Parties, bare, check_lifetime, hash};
use super::key_set::{Fit, KeySet};
use super::mac::same;
use crate::base_url::is_loopback;

/// Where the token is, whose it has to be, and where its keys are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct JwtBearerSpec {
    /// The token may stand there bare or behind `Bearer`.
    header: Option<String>,
    #[serde(default = "usual_algorithms")]
    algorithms: Vec<Algorithm>,
    /// Without it the secrets are the keys.
    jwks_url: Option<String>,
    #[serde(default = "an_hour")]
    jwks_refresh: Span,
    #[serde(default = "half_a_minute")]
    jwks_pause: Span,
    #[serde(default = "a_day")]
    jwks_keep: Span,
    /// What `iss` has to be.
    issuer: String,
    /// What `aud`, or one of several there, has to be.
    audience: String,
    /// What other claims have to be, or one of several there; `*` = anything that is not empty.
    #[serde(default)]
    claims: BTreeMap<String, String>,
    /// The claim with the body's SHA-256, in hex or any base64.
    payload_hash: Option<String>,
    /// How far the clocks may differ at `exp` and `nbf`.
    #[serde(default = "half_a_minute")]
    leeway: Span,
}

fn usual_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::RS256, Algorithm::ES256]
}

const fn half_a_minute() -> Span {
    Span::of_seconds(30)
}

const fn an_hour() -> Span {
    Span::of_seconds(3_600)
}

const fn a_day() -> Span {
    Span::of_seconds(86_400)
}

/// How long a signature may be, in characters: RSA's with 8,192 bits has 1,366.
const MAX_SIGNATURE: usize = 2_048;

/// How long a token may be, in bytes: what a server takes as a header.
const MAX_TOKEN: usize = 16_384;

/// The parts of a JOSE header that decide.
#[derive(Deserialize)]
struct JoseHeader {
    alg: Algorithm,
    kid: Option<String>,
    #[serde(default)]
    crit: Value,
}

enum Keys {
    Fixed(KeySet),
    Published(Arc<Issuer>),
}

/// The scheme with its keys.
pub(in super::super) struct JwtBearer {
    header: String,
    algorithms: Vec<Algorithm>,
    keys: Keys,
    parties: Parties,
    claims: BTreeMap<String, String>,
    payload_hash: Option<String>,
    leeway: Span,
}

impl JwtBearer {
    pub(super) fn build(
        spec: &JwtBearerSpec,
        secrets: &[SecretString],
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let header = of_token(spec.header.as_deref(), &mut problems);
        if spec.algorithms.is_empty() {
            problems.push("`algorithms` is empty: no token would be taken".to_owned());
        }
        for shared in spec.algorithms.iter().filter(|one| jws::family(**one).is_none()) {
            problems.push(format!(
                "`algorithms` has {shared:?}, which signs with a shared secret: use `jwt_header` for it"
            ));
        }
        if spec.payload_hash.as_ref().is_some_and(String::is_empty) {
            problems.push(
                "`payload_hash` is empty: leave it out where no claim has the body's hash"
                    .to_owned(),
            );
        }
        if spec.claims.iter().any(|(name, value)| name.is_empty() || value.is_empty()) {
            problems
                .push("`claims` has an empty name or value; write \"*\" for any value".to_owned());
        }
        let (issuer, audience) = (Some(spec.issuer.clone()), Some(spec.audience.clone()));
        let parties = Parties::of(&audience, &issuer, &mut problems);
        let keys = spec.keys(secrets, &mut problems);
        match keys {
            Some(keys) if problems.is_empty() => Ok(Self {
                header,
                algorithms: spec.algorithms.clone(),
                keys,
                parties,
                claims: spec.claims.clone(),
                payload_hash: spec.payload_hash.clone(),
                leeway: spec.leeway,
            }),
            Some(_) | None => Err(problems),
        }
    }

    pub(super) fn verify(&self, request: &Request) -> Result<usize, Unverified> {
        let published;
        let keys = match &self.keys {
            Keys::Fixed(keys) => keys,
            Keys::Published(issuer) => {
                published = issuer.keys().ok_or(Unverified::NoKeys)?;
                &*published
            }
        };
        let token = self.token(request)?;
        self.verify_by(keys, token, request)?;
        Ok(0)
    }

    /// Where the keys are fetched from; none where they are the secrets.
    pub(super) fn issuer(&self) -> Option<&Arc<Issuer>> {
        match &self.keys {
            Keys::Fixed(_) => None,
            Keys::Published(issuer) => Some(issuer),
        }
    }

    /// Uses the keys of another source of the same settings.
    pub(super) fn share(&mut self, other: &Arc<Issuer>) {
        if let Keys::Published(issuer) = &mut self.keys
            && issuer.settings == other.settings
        {
            *issuer = Arc::clone(other);
        }
    }

    /// Whether the token is bound to the body.
    pub(super) const fn binds_body(&self) -> bool {
        self.payload_hash.is_some()
    }

    /// The signed part of a verified request's token, where the body's hash is in it.
    pub(super) fn signed<'a>(&self, request: &'a Request) -> Option<Cow<'a, [u8]>> {
        let token = bare(request.header(&self.header).filter(|_| self.binds_body())?);
        token.rsplit_once('.').map(|(signed, _)| signed.as_bytes().into())
    }

    /// The token may be there only once.
    fn token<'a>(&self, request: &'a Request) -> Result<&'a str, Unverified> {
        let unreadable = || Unverified::Unreadable(self.header.clone());
        let mut values = request.headers.get_all(&self.header).iter();
        let value = values.next().ok_or_else(|| Unverified::Missing(self.header.clone()))?;
        if values.next().is_some() || value.len() > MAX_TOKEN {
            return Err(unreadable());
        }
        value.to_str().map(bare).map_err(|_| unreadable())
    }

    fn verify_by(&self, keys: &KeySet, token: &str, request: &Request) -> Result<(), Unverified> {
        let unreadable = || Unverified::Unreadable(self.header.clone());
        let (message, signature) = token.rsplit_once('.').ok_or_else(unreadable)?;
        let (head, claims) = message.split_once('.').ok_or_else(unreadable)?;
        if head.len() > MAX_HEAD || signature.len() > MAX_SIGNATURE || claims.contains('.') {
            return Err(unreadable());
        }
        let head = URL_SAFE_NO_PAD.decode(head).map_err(|_| unreadable())?;
        // An `alg` that is not known, such as `none`, cannot be read into the header.
        let head: JoseHeader = serde_json::from_slice(&head).map_err(|_| Unverified::Wrong)?;
        if !self.algorithms.contains(&head.alg) || !head.crit.is_null() {
            return Err(Unverified::Wrong);
        }
        match keys.fits(message, signature, head.alg, head.kid.as_deref()) {
            Fit::Fits => {}
            Fit::Not => return Err(Unverified::Wrong),
            Fit::UnknownKey => return Err(self.unknown_key()),
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| unreadable())?;
        let claims: Value = serde_json::from_slice(&claims).map_err(|_| unreadable())?;
        self.check(&claims, request)
    }

    /// What a token says whose signature fits.
    fn check(&self, claims: &Value, request: &Request) -> Result<(), Unverified> {
        if claims["exp"].is_null() {
            return Err(Unverified::Missing("exp".to_owned()));
        }
        check_lifetime(claims, self.leeway, request.received_at)?;
        self.parties.check(claims)?;
        for (name, wanted) in &self.claims {
            let is = |claim: &Value| match (claim, wanted.as_str()) {
                (Value::Null, _) => false,
                (Value::String(text), "*") => !text.is_empty(),
                (_, "*") => true,
                (claim, wanted) => claim == wanted,
            };
            let fits = match &claims[name] {
                Value::Array(several) => several.iter().any(is),
                one => is(one),
            };
            if !fits {
                return Err(Unverified::Claim(name.clone()));
            }
        }
        let Some(name) = &self.payload_hash else { return Ok(()) };
        let claimed = claims[name].as_str().ok_or_else(|| Unverified::Missing(name.clone()))?;
        let claimed = hash(claimed).ok_or_else(|| Unverified::Unreadable(name.clone()))?;
        if same(&Sha256::digest(&request.body), &claimed) { Ok(()) } else { Err(Unverified::Wrong) }
    }

    /// While the issuer cannot be asked, nobody knows whether the key is its own.
    fn unknown_key(&self) -> Unverified {
        match &self.keys {
            Keys::Published(issuer) if issuer.trouble().is_some() => Unverified::NoKeys,
            Keys::Published(_) | Keys::Fixed(_) => Unverified::UnknownTokenKey,
        }
    }
}

impl JwtBearerSpec {
    fn keys(&self, secrets: &[SecretString], problems: &mut Vec<String>) -> Option<Keys> {
        let Some(url) = &self.jwks_url else {
            let mut keys = KeySet::default();
            for (place, secret) in secrets.iter().enumerate() {
                match KeySet::of_text(secret.expose_secret()) {
                    Ok(more) => keys.add(more),
                    Err(problem) => problems.push(format!("secret {} {problem}", place + 1)),
                }
            }
            if secrets.is_empty() {
                problems.push(
                    "`jwks_url` is missing, and `secrets` is empty: name the issuer's JWK Set, or its keys as secrets"
                        .to_owned(),
                );
            }
            return Some(Keys::Fixed(keys));
        };
        if !secrets.is_empty() {
            problems.push(
                "`jwks_url` and `secrets` exclude each other: the keys are at one place".to_owned(),
            );
        }
        if let Err(problem) = checked_url(url) {
            problems.push(format!("`jwks_url` {problem}"));
        }
        let (pause, refresh, keep) =
            (self.jwks_pause.get(), self.jwks_refresh.get(), self.jwks_keep.get());
        if pause.is_zero() || pause > refresh || refresh > keep {
            problems.push("`jwks_pause`, `jwks_refresh` and `jwks_keep` have to be above 0, each at least as long as the one before".to_owned());
        }
        let settings = IssuerSettings { url: url.clone(), refresh, pause, keep };
        Some(Keys::Published(Arc::new(Issuer::new(settings))))
    }
}

/// A URL from which keys may be believed.
fn checked_url(text: &str) -> Result<(), &'static str> {
    let url: Uri = text.parse().map_err(|_| "is not a URL")?;
    let host = url.host().ok_or("names no host")?;
    match url.scheme_str() {
        Some("https") => {}
        Some("http") if is_loopback(host) => {}
        _ => return Err("is not https (http is for loopback only)"),
    }
    let authority = url.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') { Err("has a user or a password in it") } else { Ok(()) }
}
