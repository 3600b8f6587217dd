//! `jws_detached`: a JWS whose payload is not in it but is the body, or a message made of the request (RFC 7515,
//! appendix F), also unencoded (RFC 7797).
//!
//! The keys are public ones. Each is only ever used as what it is, so a token cannot turn it into an HMAC's secret,
//! and `none` has no key at all. ES512 cannot be verified here.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::super::request::Request;
use super::Unverified;
use super::header::of_token;
use super::mac::which;
use super::message::Template;
use super::parts::Parts;
use super::public_key;

/// Where the signature is; the secrets are public keys as PEM.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct JwsDetachedSpec {
    header: String,
    /// The payload, a [`Template`]; without it the payload is the body.
    message: Option<String>,
}

/// The parts of a JOSE header that decide.
#[derive(Deserialize)]
struct JoseHeader {
    alg: Algorithm,
    b64: Option<bool>,
    crit: Option<Vec<String>>,
}

/// How long the first part and the signature may be: both are read before anything is proved. RSA's with 8,192 bits has
/// 1,366 characters.
const MAX_HEAD: usize = 4_096;
const MAX_SIGNATURE: usize = 2_048;

impl JoseHeader {
    /// Whether the payload is encoded before it is signed; none where the header breaks RFC 7515 or RFC 7797: what
    /// `crit` names has to be understood and there, and `b64` is only to be believed where `crit` names it.
    fn encoded(&self) -> Option<bool> {
        match (self.b64, self.crit.as_deref()) {
            (None | Some(true), None) => Some(true),
            (Some(encoded), Some([name])) if name == "b64" => Some(encoded),
            (Some(false), None) | (_, Some(_)) => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Rsa,
    Ec,
    Ed,
}

/// The scheme with its keys.
pub(in super::super) struct JwsDetached {
    header: String,
    /// None where the payload is the body.
    message: Option<Template>,
    keys: Vec<(Family, DecodingKey)>,
}

impl JwsDetached {
    pub(super) fn build(
        spec: &JwsDetachedSpec,
        secrets: &[SecretString],
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let header = of_token(Some(&spec.header), &mut problems);
        let message = spec.message.as_deref().and_then(|template| {
            Template::parse(template).map_err(|problem| problems.push(problem)).ok()
        });
        if message.as_ref().is_some_and(Template::has_timestamp) {
            problems.push("`{timestamp}` is for `hmac`; write `{header:NAME}`".to_owned());
        }
        if message.as_ref().is_some_and(|message| message.listed().next().is_some()) {
            problems.push("`{part:NAME}` is for `hmac`".to_owned());
        }
        let mut keys = Vec::new();
        for (place, secret) in secrets.iter().enumerate() {
            match key(secret.expose_secret()) {
                Some(key) => keys.push(key),
                None => problems.push(format!(
                    "secret {} is not a public key as PEM (RSA, P-256, P-384 or Ed25519)",
                    place + 1
                )),
            }
            if let Some(problem) = public_key::problem(secret.expose_secret()) {
                problems.push(format!("secret {} {problem}", place + 1));
            }
        }
        if problems.is_empty() { Ok(Self { header, message, keys }) } else { Err(problems) }
    }

    pub(super) fn verify(&self, request: &Request) -> Result<usize, Unverified> {
        let unreadable = || Unverified::Unreadable(self.header.clone());
        let value = request
            .headers
            .get(&self.header)
            .ok_or_else(|| Unverified::Missing(self.header.clone()))?;
        let text = value.to_str().map_err(|_| unreadable())?.trim();
        let mut parts = text.split('.');
        let (Some(protected), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(unreadable());
        };
        if protected.len() > MAX_HEAD || signature.len() > MAX_SIGNATURE {
            return Err(unreadable());
        }
        let jose = URL_SAFE_NO_PAD.decode(protected).map_err(|_| unreadable())?;
        // An `alg` that is not known, such as `none`, cannot be read into the header.
        let jose: JoseHeader = serde_json::from_slice(&jose).map_err(|_| Unverified::Wrong)?;
        let encoded = jose.encoded().ok_or(Unverified::Wrong)?;
        let family = family(jose.alg).ok_or(Unverified::Wrong)?;
        let content = self.content(request)?;
        let written: Cow<'_, [u8]> =
            if encoded { URL_SAFE_NO_PAD.encode(&content).into_bytes().into() } else { content };
        if !payload.is_empty() && payload.as_bytes() != &*written {
            return Err(Unverified::Wrong);
        }
        let message = [protected.as_bytes(), b".", &written].concat();
        let fits = |(of, key): &(Family, DecodingKey)| {
            *of == family
                && crypto::verify(signature, &message, key, jose.alg).is_ok_and(|fits| fits)
        };
        which(&self.keys, fits).ok_or(Unverified::Wrong)
    }

    /// Whether the signature covers a header.
    pub(super) fn covers_header(&self, name: &str) -> bool {
        self.message.as_ref().is_some_and(|message| message.names(name))
    }

    /// Whether the body is signed byte for byte.
    pub(super) fn signs_whole_body(&self) -> bool {
        self.message.as_ref().is_none_or(Template::has_body)
    }

    /// The signed message of a verified request.
    pub(super) fn message<'a>(&'a self, request: &'a Request) -> Option<Cow<'a, [u8]>> {
        self.content(request).ok()
    }

    /// The payload before it is encoded.
    fn content<'a>(&'a self, request: &'a Request) -> Result<Cow<'a, [u8]>, Unverified> {
        match &self.message {
            None => Ok((&request.body[..]).into()),
            Some(template) => Ok(template.of(request, None, &Parts::default())?.concat().into()),
        }
    }
}

/// Which keys an algorithm goes with; none for those with a shared secret.
pub(super) const fn family(algorithm: Algorithm) -> Option<Family> {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => None,
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => Some(Family::Rsa),
        Algorithm::ES256 | Algorithm::ES384 => Some(Family::Ec),
        Algorithm::EdDSA => Some(Family::Ed),
    }
}

/// A public key in PEM with what it is.
pub(super) fn key(pem: &str) -> Option<(Family, DecodingKey)> {
    if pem.contains("PRIVATE KEY") {
        return None;
    }
    let pem = pem.as_bytes();
    let rsa = || DecodingKey::from_rsa_pem(pem).map(|key| (Family::Rsa, key));
    let ec = || DecodingKey::from_ec_pem(pem).map(|key| (Family::Ec, key));
    let ed = || DecodingKey::from_ed_pem(pem).map(|key| (Family::Ed, key));
    ec().or_else(|_| ed()).or_else(|_| rsa()).ok()
}
