//! Keyed hashes and comparisons that take the same time whatever they find.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;

/// From how many bytes on a key cannot be tried out.
pub(in super::super) const GOOD_KEY: usize = 16;

/// The bytes of a key.
pub(in super::super) type Key = SecretSlice<u8>;

/// The hash below an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}

impl Algorithm {
    /// How many bytes a hash has.
    pub(super) const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// How a secret becomes a key.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum KeyForm {
    #[default]
    Text,
    Hex,
    Base64,
}

impl KeyForm {
    /// The key of a secret; what the secret is not, where it has none.
    pub(super) fn key(self, secret: &str) -> Result<Key, &'static str> {
        let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
        let base64 = || engines.iter().find_map(|engine| engine.decode(secret.trim()).ok());
        let bytes = match self {
            Self::Text => secret.as_bytes().to_vec(),
            Self::Hex => hex::decode(secret.trim()).map_err(|_| "is not hex")?,
            Self::Base64 => base64().ok_or("is not base64")?,
        };
        // Anybody can sign with a key of no bytes, and guess one of blanks.
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err("is a key without content");
        }
        Ok(bytes.into())
    }

    /// The keys of all secrets; names those that have none by their places.
    pub(super) fn keys(self, secrets: &[SecretString], problems: &mut Vec<String>) -> Vec<Key> {
        let mut keys = Vec::new();
        for (place, secret) in secrets.iter().enumerate() {
            match self.key(secret.expose_secret()) {
                Ok(key) => keys.push(key),
                Err(problem) => problems.push(format!("secret {} {problem}", place + 1)),
            }
        }
        keys
    }
}

/// The HMAC over several parts as if they were one.
pub(in super::super) fn hmac(
    algorithm: Algorithm,
    key: &Key,
    parts: &[impl AsRef<[u8]>],
) -> Vec<u8> {
    #[cfg(test)]
    HASHES.set(HASHES.get() + 1);
    macro_rules! over {
        ($hash:ty) => {{
            let mut mac = Hmac::<$hash>::new_from_slice(key.expose_secret())
                .expect("an HMAC takes a key of any length");
            for part in parts {
                mac.update(part.as_ref());
            }
            mac.finalize().into_bytes().to_vec()
        }};
    }
    match algorithm {
        Algorithm::Sha1 => over!(Sha1),
        Algorithm::Sha256 => over!(Sha256),
        Algorithm::Sha512 => over!(Sha512),
    }
}

/// Compares without telling by its time where the first difference is.
pub(in super::super) fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// The place of the first secret that fits; every one is tried, so that the time does not tell which.
pub(super) fn which<'a, T: 'a>(
    all: impl IntoIterator<Item = &'a T>,
    fits: impl Fn(&T) -> bool,
) -> Option<usize> {
    let mut found = None;
    for (place, one) in all.into_iter().enumerate() {
        if fits(one) && found.is_none() {
            found = Some(place);
        }
    }
    found
}

#[cfg(test)]
thread_local! {
    static HASHES: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// How many HMACs this thread has made.
#[cfg(test)]
pub(super) fn hashes_made() -> u64 {
    HASHES.get()
}
