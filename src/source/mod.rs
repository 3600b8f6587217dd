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
pub mod flows;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod handshake;
mod profile;
mod reading;
mod request;
pub mod samples;
mod template;
mod verify;

pub use answer::{AnswerPolicy, Reply};
pub use decode::Malformed;
pub use endpoint::{Source, SourceSpec};
pub use handshake::HandshakeAnswer;
pub use profile::{Profile, load_profiles};
pub use reading::{Inspected, Reading};
pub use request::Request;
pub use verify::Unverified;
