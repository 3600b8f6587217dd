//! Why a request is not taken for its vendor's, or cannot be made as its vendor makes it. Neither shows a secret.

use std::fmt;

/// Why a request is not taken for its vendor's. Names are the profile's, never the sender's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unverified {
    /// The header or field is not there.
    Missing(String),
    /// The header or field is there, but cannot be read as what it should be.
    Unreadable(String),
    /// It was signed too long ago, or too far ahead.
    Stale,
    /// The signature, token or password fits none of the secrets.
    Wrong,
    /// The token is another receiver's, or from another issuer than the source's.
    OtherParty,
    /// No secret is configured under the name that the request gives.
    UnknownKey,
    /// The token is signed by a key that its issuer does not publish.
    UnknownTokenKey,
    /// The issuer's keys cannot be had, so nobody can tell: the sender has to come again.
    NoKeys,
    /// A claim of the token is not what the source wants.
    Claim(String),
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "`{name}` is missing"),
            Self::Unreadable(name) => write!(f, "`{name}` cannot be read"),
            Self::Stale => write!(
                f,
                "the signature's time is too far from now; if that lasts, check this machine's clock and the sender's"
            ),
            Self::Wrong => write!(f, "the signature fits none of the secrets"),
            Self::OtherParty => {
                write!(f, "the token's `aud` or `iss` is not the source's `audience` or `issuer`")
            }
            Self::UnknownKey => write!(f, "no secret is configured for this sender's key"),
            Self::UnknownTokenKey => {
                write!(f, "the token names a key that its issuer does not publish")
            }
            Self::NoKeys => write!(f, "the keys of the token's issuer cannot be had"),
            Self::Claim(name) => {
                write!(f, "the token's claim `{name}` is not what `claims` of the source wants")
            }
        }
    }
}

impl std::error::Error for Unverified {}

/// A scheme that only a vendor can sign for, or a source without a secret to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsignable;

impl fmt::Display for Unsignable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "requests of this scheme cannot be signed here")
    }
}

impl std::error::Error for Unsignable {}
