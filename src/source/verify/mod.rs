//! Whether a request really comes from its vendor: a file per scheme, over the raw bytes, in constant time.
//!
//! Nothing here parses a body, but the schemes whose secret or signature is inside it. Several secrets = any that
//! fits is good. No secret and no signature ever stands in an error.

mod coverage;
mod ecdsa;
mod encoding;
mod field;
mod header;
mod hmac;
mod jws;
mod jwt;
mod jwt_bearer;
mod key_set;
pub(super) mod mac;
mod message;
mod parts;
mod public_key;
mod query;
mod standard_webhooks;
mod twilio;
mod unit;
mod unverified;

use std::sync::Arc;

use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::decode::Decode;
use super::issuer::Issuer;
use super::request::Request;
pub(crate) use key_set::KeySet;
pub(crate) use standard_webhooks::SigningKey;
pub(crate) use unverified::{Unsignable, Unverified};

/// A body that is read before it is believed, in bytes: what a stranger may have read of his costs no more than hashing
/// it.
const SHORT: usize = 4096;

/// The `[verify]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case")]
pub(super) enum VerifySpec {
    None(NoKeys),
    Header(header::HeaderSpec),
    Bearer(header::BearerSpec),
    Basic(header::BasicSpec),
    Query(query::QuerySpec),
    Field(field::FieldSpec),
    Hmac(Box<hmac::HmacSpec>),
    StandardWebhooks(standard_webhooks::StandardWebhooksSpec),
    Twilio(NoKeys),
    JwtHeader(jwt::JwtHeaderSpec),
    JwtBody(jwt::JwtBodySpec),
    JwtBearer(Box<jwt_bearer::JwtBearerSpec>),
    JwsDetached(jws::JwsDetachedSpec),
    Ecdsa(ecdsa::EcdsaSpec),
}

/// A scheme without keys of its own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoKeys {}

/// What a verifier is built from, beside its spec.
pub(super) struct VerifyContext<'a> {
    pub(super) secrets: &'a [SecretString],
    pub(super) public_url: Option<&'a str>,
    pub(super) loopback: bool,
    pub(super) decode: Decode,
}

/// A scheme with its secrets, ready for requests.
pub(super) enum Verifier {
    None,
    Header(header::Header),
    Basic(header::Basic),
    Query(query::Query),
    Field(field::Field),
    Hmac(hmac::Hmac),
    StandardWebhooks(standard_webhooks::StandardWebhooks),
    Twilio(twilio::Twilio),
    JwtHeader(jwt::JwtHeader),
    JwtBody(jwt::JwtBody),
    JwtBearer(jwt_bearer::JwtBearer),
    JwsDetached(jws::JwsDetached),
    Ecdsa(ecdsa::Ecdsa),
}

impl Verifier {
    /// Whether a public key is asked, which takes some hundred times as long as a hash, or the body is read for its
    /// secret.
    pub(super) const fn is_costly(&self) -> bool {
        match self {
            Self::JwtHeader(_)
            | Self::JwtBody(_)
            | Self::JwtBearer(_)
            | Self::JwsDetached(_)
            | Self::Ecdsa(_)
            | Self::Field(_) => true,
            Self::None
            | Self::Header(_)
            | Self::Basic(_)
            | Self::Query(_)
            | Self::Hmac(_)
            | Self::StandardWebhooks(_)
            | Self::Twilio(_) => false,
        }
    }

    /// Prepares a scheme; lists everything that is wrong with it or with the secrets.
    pub(super) fn build(
        spec: &VerifySpec,
        context: &VerifyContext<'_>,
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let keyless = matches!(spec, VerifySpec::None(_) | VerifySpec::JwtBearer(_));
        if !keyless && context.secrets.is_empty() {
            problems.push("`secrets` is empty: name at least one".to_owned());
        }
        if context.secrets.iter().any(|secret| secret.expose_secret().trim().is_empty()) {
            problems.push("a secret is empty or blank".to_owned());
        }
        let built = match spec {
            VerifySpec::None(_) if context.loopback => Ok(Self::None),
            VerifySpec::None(_) => Err(vec![
                "scheme `none` takes requests from anybody: only for an intake on loopback"
                    .to_owned(),
            ]),
            VerifySpec::Header(spec) => {
                header::Header::build(spec, context.secrets).map(Self::Header)
            }
            VerifySpec::Bearer(spec) => {
                header::Header::bearer(spec, context.secrets).map(Self::Header)
            }
            VerifySpec::Basic(spec) => header::Basic::build(spec, context.secrets).map(Self::Basic),
            VerifySpec::Query(spec) => query::Query::build(spec, context.secrets).map(Self::Query),
            VerifySpec::Field(spec) => {
                field::Field::build(spec, context.decode, context.secrets).map(Self::Field)
            }
            VerifySpec::Hmac(spec) => hmac::Hmac::build(spec, context.secrets).map(Self::Hmac),
            VerifySpec::StandardWebhooks(spec) => {
                standard_webhooks::StandardWebhooks::build(spec, context.secrets)
                    .map(Self::StandardWebhooks)
            }
            VerifySpec::Twilio(_) => {
                twilio::Twilio::build(context.public_url, context.secrets).map(Self::Twilio)
            }
            VerifySpec::JwtHeader(spec) => {
                jwt::JwtHeader::build(spec, context.secrets).map(Self::JwtHeader)
            }
            VerifySpec::JwtBody(spec) => {
                jwt::JwtBody::build(spec, context.secrets).map(Self::JwtBody)
            }
            VerifySpec::JwtBearer(spec) => {
                jwt_bearer::JwtBearer::build(spec, context.secrets).map(Self::JwtBearer)
            }
            VerifySpec::JwsDetached(spec) => {
                jws::JwsDetached::build(spec, context.secrets).map(Self::JwsDetached)
            }
            VerifySpec::Ecdsa(spec) => ecdsa::Ecdsa::build(spec, context.secrets).map(Self::Ecdsa),
        };
        match built {
            Ok(verifier) if problems.is_empty() => Ok(verifier),
            Ok(_) => Err(problems),
            Err(more) => Err(problems.into_iter().chain(more).collect()),
        }
    }

    /// Checks a request; tells which of the secrets it fits, counted from 0.
    pub(super) fn verify(&self, request: &Request) -> Result<usize, Unverified> {
        match self {
            Self::None => Ok(0),
            Self::Header(header) => header.verify(request),
            Self::Basic(basic) => basic.verify(request),
            Self::Query(query) => query.verify(request),
            Self::Field(field) => field.verify(request),
            Self::Hmac(hmac) => hmac.verify(request),
            Self::StandardWebhooks(standard) => standard.verify(request),
            Self::Twilio(twilio) => twilio.verify(request),
            Self::JwtHeader(jwt) => jwt.verify(request),
            Self::JwtBody(jwt) => jwt.verify(request),
            Self::JwtBearer(jwt) => jwt.verify(request),
            Self::JwsDetached(jws) => jws.verify(request),
            Self::Ecdsa(ecdsa) => ecdsa.verify(request),
        }
    }

    /// Why a request is refused whatever its body is, where the proof stands in its head.
    pub(super) fn refused_by_head(&self, head: &Request) -> Option<Unverified> {
        let Self::Query(query) = self else { return None };
        query.verify(head).err()
    }

    /// The query parameter that carries the secret: nobody is to see it.
    pub(super) fn secret_parameter(&self) -> Option<&str> {
        let Self::Query(query) = self else { return None };
        Some(query.parameter())
    }

    /// The issuer whose keys are fetched.
    pub(super) fn issuer(&self) -> Option<&Arc<Issuer>> {
        let Self::JwtBearer(jwt) = self else { return None };
        jwt.issuer()
    }

    /// Uses the keys of the same issuer that were fetched before.
    pub(super) fn share_issuer(&mut self, other: &Arc<Issuer>) {
        if let Self::JwtBearer(jwt) = self {
            jwt.share(other);
        }
    }

    /// How many bytes the key of each secret has; many for public keys.
    pub(super) fn key_lengths(&self, secrets: &[SecretString]) -> Vec<usize> {
        let of = |keys: &[mac::Key]| keys.iter().map(|key| key.expose_secret().len()).collect();
        match self {
            Self::None | Self::JwtBearer(_) | Self::JwsDetached(_) | Self::Ecdsa(_) => Vec::new(),
            Self::Header(_)
            | Self::Basic(_)
            | Self::Query(_)
            | Self::Field(_)
            | Self::Twilio(_) => {
                secrets.iter().map(|secret| secret.expose_secret().len()).collect()
            }
            Self::Hmac(hmac) => hmac.key_lengths(),
            Self::StandardWebhooks(standard) => standard.key_lengths(),
            Self::JwtHeader(jwt) => of(jwt.keys()),
            Self::JwtBody(jwt) => of(jwt.keys()),
        }
    }

    /// Whether such an HMAC over a text of somebody's choice, made with this secret as it is written, proves a request.
    pub(super) fn takes_hmac_of_text(&self, secret: &SecretString, hash: mac::Algorithm) -> bool {
        let secret = secret.expose_secret();
        let is_key = |key: &mac::Key| key.expose_secret() == secret.as_bytes();
        match self {
            Self::Hmac(hmac) => hmac.takes_hmac_of_text(secret, hash),
            Self::JwtHeader(jwt) => hash == mac::Algorithm::Sha256 && jwt.keys().iter().any(is_key),
            Self::JwtBody(jwt) => hash == mac::Algorithm::Sha256 && jwt.keys().iter().any(is_key),
            Self::Twilio(_) => hash == mac::Algorithm::Sha1,
            Self::None
            | Self::Header(_)
            | Self::Basic(_)
            | Self::Query(_)
            | Self::Field(_)
            | Self::StandardWebhooks(_)
            | Self::JwtBearer(_)
            | Self::JwsDetached(_)
            | Self::Ecdsa(_) => false,
        }
    }

    /// The body of a request without the secret, where the scheme has it there.
    pub(super) fn body_to_keep(&self, request: &Request) -> Bytes {
        match self {
            Self::Field(field) => field.without_secrets(&request.body),
            Self::None
            | Self::Header(_)
            | Self::Basic(_)
            | Self::Query(_)
            | Self::Hmac(_)
            | Self::StandardWebhooks(_)
            | Self::Twilio(_)
            | Self::JwtHeader(_)
            | Self::JwtBody(_)
            | Self::JwtBearer(_)
            | Self::JwsDetached(_)
            | Self::Ecdsa(_) => request.body.clone(),
        }
    }

    /// Signs a request as the vendor would, with the first secret, at the request's own time.
    pub(super) fn sign(&self, request: &mut Request) -> Result<(), Unsignable> {
        match self {
            Self::None => Ok(()),
            Self::Header(header) => header.sign(request),
            Self::Basic(basic) => basic.sign(request),
            Self::Query(query) => query.sign(request),
            Self::Field(_) | Self::JwtBearer(_) | Self::JwsDetached(_) | Self::Ecdsa(_) => {
                Err(Unsignable)
            }
            Self::Hmac(hmac) => hmac.sign(request),
            Self::StandardWebhooks(standard) => standard.sign(request),
            Self::Twilio(twilio) => twilio.sign(request),
            Self::JwtHeader(jwt) => jwt.sign(request),
            Self::JwtBody(jwt) => jwt.sign(request),
        }
    }
}

/// Sets a header on a request to be signed.
fn set_header(request: &mut Request, name: &str, value: &str) -> Result<(), Unsignable> {
    let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).map_err(|_| Unsignable)?;
    let value = value.parse().map_err(|_| Unsignable)?;
    request.headers.insert(name, value);
    Ok(())
}

#[cfg(test)]
mod tests;
