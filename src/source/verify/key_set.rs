//! The public keys of one issuer: of a JWK Set (RFC 7517), or of PEM files. Each is only ever used as what it is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::Value;

use super::jws::{self, Family};
use super::public_key::{self, RSA_BITS};

/// How many keys a set may have; issuers publish less than ten.
const MAX_KEYS: usize = 100;

/// How many keys are tried for a token that names none.
const MAX_TRIED: usize = 4;

/// The keys in force.
#[derive(Default)]
pub(crate) struct KeySet(Vec<PublicKey>);

struct PublicKey {
    /// `kid`
    id: Option<String>,
    family: Family,
    /// The only algorithm that the key is for, where that is said.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

/// Whether a signature is one of the set's keys'.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Fits,
    Not,
    /// The set has no key of that name: the issuer may have a new one.
    UnknownKey,
}

impl KeySet {
    /// The keys of a JWK Set that can verify a signature here; the others are passed over.
    ///
    /// # Errors
    /// It is none, or none of its keys is of use. Says nothing of what stands in it.
    pub(crate) fn of_jwks(text: &[u8]) -> Result<Self, String> {
        let set: Value = serde_json::from_slice(text).map_err(|_| "is not JSON".to_owned())?;
        let keys = set["keys"].as_array().ok_or("is not a JWK Set: it has no list `keys`")?;
        if keys.len() > MAX_KEYS {
            return Err(format!("has more than {MAX_KEYS} keys"));
        }
        let keys: Vec<PublicKey> = keys.iter().filter_map(PublicKey::of_jwk).collect();
        if keys.is_empty() {
            return Err("has no public key that can be used: RSA of 2,048 bits and more, P-256, P-384, Ed25519".to_owned());
        }
        Ok(Self(keys))
    }

    /// The keys of a text that is a JWK Set, or one public key as PEM.
    ///
    /// # Errors
    /// It is neither; the end of a sentence.
    pub(super) fn of_text(text: &str) -> Result<Self, String> {
        if text.trim_start().starts_with('{') {
            return Self::of_jwks(text.as_bytes());
        }
        if let Some(problem) = public_key::problem(text) {
            return Err(problem);
        }
        let (family, key) = jws::key(text)
            .ok_or("is neither a public key as PEM (RSA, P-256, P-384 or Ed25519) nor a JWK Set")?;
        Ok(Self(vec![PublicKey { id: None, family, algorithm: None, key }]))
    }

    /// How many keys can be used.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn add(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Verifies a signature over a message by the keys that may have made it.
    pub(super) fn fits(
        &self,
        message: &str,
        signature: &str,
        algorithm: Algorithm,
        key_id: Option<&str>,
    ) -> Fit {
        let named =
            |key: &&PublicKey| key_id.is_none() || key.id.is_none() || key.id.as_deref() == key_id;
        let mut candidates = self.0.iter().filter(named).peekable();
        if candidates.peek().is_none() {
            return Fit::UnknownKey;
        }
        let may_be = |key: &&PublicKey| {
            Some(key.family) == jws::family(algorithm)
                && key.algorithm.is_none_or(|only| only == algorithm)
        };
        let fits = |key: &PublicKey| {
            crypto::verify(signature, message.as_bytes(), &key.key, algorithm)
                .is_ok_and(|fits| fits)
        };
        if candidates.filter(may_be).take(MAX_TRIED).any(fits) { Fit::Fits } else { Fit::Not }
    }
}

impl PublicKey {
    /// None of a key that is for something else, or that cannot be used here.
    fn of_jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk[name].as_str();
        let signs = text("use").is_none_or(|of| of == "sig");
        let operations = jwk["key_ops"].as_array();
        let verifies = operations.is_none_or(|all| all.iter().any(|one| one == "verify"));
        if !signs || !verifies {
            return None;
        }
        let said = match &jwk["alg"] {
            Value::Null => None,
            Value::String(name) => Some(name.parse::<Algorithm>().ok()?),
            _ => return None,
        };
        let length = |name: &str| Some(URL_SAFE_NO_PAD.decode(text(name)?).ok()?.len());
        let (family, of_curve, key) = match text("kty")? {
            "RSA" => {
                let bits = length("n")?.checked_mul(8)?;
                let key = DecodingKey::from_rsa_components(text("n")?, text("e")?).ok()?;
                RSA_BITS.contains(&bits).then_some((Family::Rsa, None, key))?
            }
            "EC" => {
                let (algorithm, bytes) = match text("crv")? {
                    "P-256" => (Algorithm::ES256, 32),
                    "P-384" => (Algorithm::ES384, 48),
                    _ => return None,
                };
                let key = DecodingKey::from_ec_components(text("x")?, text("y")?).ok()?;
                let whole = length("x")? == bytes && length("y")? == bytes;
                whole.then_some((Family::Ec, Some(algorithm), key))?
            }
            "OKP" if text("crv") == Some("Ed25519") && length("x") == Some(32) => {
                (Family::Ed, None, DecodingKey::from_ed_components(text("x")?).ok()?)
            }
            // `oct` is a shared secret: whoever knows the set could sign with it.
            _ => return None,
        };
        let differs = of_curve.zip(said).is_some_and(|(of_curve, said)| of_curve != said);
        let another = said.is_some_and(|said| jws::family(said) != Some(family));
        if differs || another {
            return None;
        }
        let id = text("kid").map(ToOwned::to_owned);
        Some(Self { id, family, algorithm: said.or(of_curve), key })
    }
}
