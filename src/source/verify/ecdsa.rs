//! `ecdsa`: an ECDSA signature over the raw body, on the curves P-256 and P-384.
//!
//! P-521 and secp256k1 cannot be verified here.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::pkcs8::DecodePublicKey as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::super::request::Request;
use super::Unverified;
use super::header::checked_name;
use super::mac::which;

/// Where the signature is, and over which hash; the secrets are public keys as PEM.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct EcdsaSpec {
    header: String,
    #[serde(default)]
    algorithm: Hash,
    #[serde(default)]
    encoding: Encoding,
    #[serde(default)]
    prefix: String,
}

/// How many bytes a signature may have; as DER on P-384 it has 104 at most.
const MAX_SIGNATURE: usize = 128;

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Hash {
    Sha256,
    Sha384,
    #[default]
    Sha512,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Hex,
    Base64,
}

enum PublicKey {
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
}

/// The scheme with its keys.
pub(in super::super) struct Ecdsa {
    spec: EcdsaSpec,
    keys: Vec<PublicKey>,
}

impl Ecdsa {
    pub(super) fn build(spec: &EcdsaSpec, secrets: &[SecretString]) -> Result<Self, Vec<String>> {
        let mut spec = spec.clone();
        let mut problems = Vec::new();
        match checked_name("header", &spec.header) {
            Ok(header) => spec.header = header,
            Err(problem) => problems.push(problem),
        }
        let mut keys = Vec::new();
        for (place, secret) in secrets.iter().enumerate() {
            match PublicKey::parse(secret.expose_secret()) {
                Some(key) => keys.push(key),
                None => problems.push(format!(
                    "secret {} is not a public key as PEM on P-256 or P-384",
                    place + 1
                )),
            }
        }
        if problems.is_empty() { Ok(Self { spec, keys }) } else { Err(problems) }
    }

    pub(super) fn verify(&self, request: &Request) -> Result<usize, Unverified> {
        let name = &self.spec.header;
        let unreadable = || Unverified::Unreadable(name.clone());
        let value =
            request.headers.get(name).ok_or_else(|| Unverified::Missing(name.clone()))?.to_str();
        let text = value.map_err(|_| unreadable())?.trim();
        let text = text.strip_prefix(self.spec.prefix.as_str()).ok_or_else(unreadable)?;
        let signature = self.spec.encoding.read(text).ok_or_else(unreadable)?;
        if signature.len() > MAX_SIGNATURE {
            return Err(Unverified::Wrong);
        }
        let hash = self.spec.algorithm.of(&request.body);
        which(&self.keys, |key| key.fits(&hash, &signature)).ok_or(Unverified::Wrong)
    }
}

impl PublicKey {
    fn parse(pem: &str) -> Option<Self> {
        let pem = pem.trim();
        let p256 =
            p256::PublicKey::from_public_key_pem(pem).map(|key| Self::P256(Box::new(key.into())));
        let p384 = || {
            p384::PublicKey::from_public_key_pem(pem).map(|key| Self::P384(Box::new(key.into())))
        };
        p256.or_else(|_| p384()).ok()
    }

    /// The signature may be two numbers of fixed length, or DER.
    fn fits(&self, hash: &[u8], signature: &[u8]) -> bool {
        macro_rules! fits {
            ($key:expr, $curve:ident) => {
                $curve::ecdsa::Signature::from_slice(signature)
                    .or_else(|_| $curve::ecdsa::Signature::from_der(signature))
                    .is_ok_and(|signature| $key.verify_prehash(hash, &signature).is_ok())
            };
        }
        match self {
            Self::P256(key) => fits!(key, p256),
            Self::P384(key) => fits!(key, p384),
        }
    }
}

impl Hash {
    fn of(self, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(body).to_vec(),
            Self::Sha384 => Sha384::digest(body).to_vec(),
            Self::Sha512 => Sha512::digest(body).to_vec(),
        }
    }
}

impl Encoding {
    fn read(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => hex::decode(text).ok(),
            Self::Base64 => STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok(),
        }
    }
}
