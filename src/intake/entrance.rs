//! What a request has to pass before its body is read for what it says: handshake, method, coding, signature.

use std::time::Duration;

use hyper::Method;
use hyper::header::{CONTENT_ENCODING, HeaderMap};

use super::answer::Verdict;
use super::webhook::Arrival;
use crate::source::{Source, Unverified};

/// How long a request waits for keys that are being fetched: its sender waits, too.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far a request comes before it is read.
pub(super) enum Entrance {
    Verified,
    Unverified(Unverified),
    /// It has its answer already.
    Answered(Verdict),
}

/// A handshake, the method, the coding and the signature.
pub(super) fn enter(arrival: &Arrival) -> Entrance {
    let Arrival { source, request } = arrival;
    if let Some(answer) = source.handshake(request) {
        return Entrance::Answered(Verdict::Handshake(answer));
    }
    if request.method != Method::POST {
        return Entrance::Answered(Verdict::WrongMethod);
    }
    // Before the signature: nobody knows whether it covers the coded bytes or the plain ones.
    if is_encoded(&request.headers) {
        return Entrance::Answered(Verdict::Encoded);
    }
    match source.verify(request) {
        Ok(()) => Entrance::Verified,
        Err(unverified) => Entrance::Unverified(unverified),
    }
}

/// Waits for fresh keys, where they have to be fetched; whether it is worth asking for the entrance again.
pub(super) async fn keys_refreshed(source: &Source) -> bool {
    let Some(issuer) = source.issuer() else { return false };
    tokio::time::timeout(PATIENCE, issuer.refreshed()).await.is_ok()
}

/// Whether the body is coded in any way, such as with gzip.
fn is_encoded(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut codings = codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    codings.any(|coding| !coding.eq_ignore_ascii_case(b"identity"))
}
