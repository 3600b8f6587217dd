//! From a vendor's bytes to routing events: verify, decode, filter. The last place where vendor words are seen.
//!
//! A [`Profile`] is one vendor's folder, read once; a [`Source`] is one webhook URL with its secrets and options.
//! Nothing here opens a socket, reads a clock or stores anything, and nothing is parsed before it is verified,
//! but where the secret itself sits in the body.

mod answer;
mod decode;
mod duration;
mod endpoint;
mod filter;
#[cfg(test)]
mod fixture;
pub(crate) mod flows;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod handshake;
mod issuer;
mod profile;
pub(crate) mod pseudonyms;
mod reading;
pub(crate) mod recorded;
mod request;
pub(crate) mod samples;
mod template;
mod verify;

pub(crate) use answer::{AnswerPolicy, Reply};
pub(crate) use decode::Malformed;
pub use endpoint::Source;
pub(crate) use endpoint::SourceSpec;
pub(crate) use handshake::HandshakeAnswer;
pub(crate) use issuer::Issuer;
pub use profile::load_profiles;
pub(crate) use profile::{Profile, profile_folders};
pub(crate) use reading::Inspected;
pub use reading::Reading;
pub use request::Request;
pub(crate) use verify::{KeySet, SigningKey, Unverified};
