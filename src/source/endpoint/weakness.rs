//! Secrets and handshakes by which somebody else could sign.

use secrecy::SecretString;

use super::super::profile::Profile;
use super::super::verify::Verifier;
use super::super::verify::mac::GOOD_KEY;

/// An answer that is an HMAC over the asker's own text is a signature, where events are signed with the same key over a
/// text that can be written so.
const STRANGERS_SIGN: &str = "the profile has a handshake with `verified = false` that answers `{hmac_…:…}`, and a \
     signature of an event could be had from it by anybody: set `verified = true`";

/// Why profile and secrets do not go together.
pub(super) fn refusal(
    profile: &Profile,
    verifier: &Verifier,
    secrets: &[SecretString],
) -> Option<String> {
    // Whoever is not verified gets the first secret's.
    let first = secrets.first();
    let mut hashes =
        profile.handshakes.iter().flat_map(|handshake| handshake.signs_for_strangers());
    let signs =
        hashes.any(|hash| first.is_some_and(|secret| verifier.takes_hmac_of_text(secret, hash)));
    signs.then(|| STRANGERS_SIGN.to_owned())
}

/// A sentence for each key that could be tried out.
pub(super) fn short_keys(verifier: &Verifier, secrets: &[SecretString]) -> Vec<String> {
    let lengths = verifier.key_lengths(secrets).into_iter().enumerate();
    let short = lengths.filter(|(_, length)| *length < GOOD_KEY);
    short
        .map(|(place, length)| {
            format!(
                "the key of secret {} has {length} bytes; whoever sees one request can try such keys out: use {GOOD_KEY} \
                 or more where the sender allows it",
                place + 1
            )
        })
        .collect()
}
