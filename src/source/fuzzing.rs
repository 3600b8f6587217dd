//! Target `webhook`: a request of anybody's to a source of every shipped profile.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use secrecy::SecretString;

use super::filter::MAX_OUTPUTS;
use super::samples::{RECEIVED_AT, unsigned_source};
use super::{Profile, Reading, Request, Source, SourceSpec, load_profiles};
use crate::fuzzing::head_and_body;
use crate::routing::Unreadable;

/// What no answer and no problem may show.
const SECRET: &str = "whsec_c2VjcmV0LW9mLXRoZS1mdXp6ZXItMDEyMzQ1Njc4OQ==";

struct Target {
    vendor: String,
    /// As an operator would set it up.
    signed: Option<Source>,
    open: Source,
}

/// The first line is `vendor METHOD query`, then headers, a blank line and the body.
pub fn webhook(data: &[u8]) {
    let (first, headers, body) = head_and_body(data);
    let mut words = first.splitn(3, ' ');
    let (vendor, method) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let query = words.next().unwrap_or_default();
    let targets = targets();
    let sum =
        vendor.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let named = targets.iter().find(|target| target.vendor == vendor);
    let target = named.unwrap_or(&targets[sum % targets.len()]);

    let mut map = HeaderMap::new();
    for (name, value) in headers.iter().take(64) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            map.append(name, value);
        }
    }
    let mut request = Request {
        method: method.parse().unwrap_or(Method::POST),
        path_and_query: format!("/webhooks/fuzz?{query}"),
        headers: map,
        body: body.to_vec().into(),
        received_at: RECEIVED_AT,
    };
    if let Some(source) = &target.signed {
        unsigned(source, &request);
    }
    readings(&target.open, &request);
    if let Some(source) = &target.signed
        && source.sign(&mut request).is_ok()
        && source.verify(&request).is_ok()
    {
        handshake(source, &request);
        readings(source, &request);
    }
}

/// Nobody is taken for the vendor who does not know the secret.
fn unsigned(source: &Source, request: &Request) {
    handshake(source, request);
    if !shows_secret(&request.body)
        && !request.headers.values().any(|value| shows_secret(value.as_bytes()))
        && !request.query().any(|(_, value)| shows_secret(value.as_bytes()))
    {
        let unverified = source.verify(request).expect_err("the request is not signed");
        assert!(unverified.to_string().len() < 200, "{unverified}");
    }
}

fn handshake(source: &Source, request: &Request) {
    if let Some(answer) = source.handshake(request) {
        let reported = format!("{answer:?}");
        assert!(!reported.contains(&SECRET[6..]), "a handshake shows the secret");
        assert!(reported.len() < 8 * (request.body.len() + request.path_and_query.len()) + 64_000);
    }
}

fn readings(source: &Source, request: &Request) {
    let readings = match source.read(request) {
        Ok(readings) => readings,
        Err(malformed) => return assert!(malformed.to_string().len() < 300, "{malformed}"),
    };
    assert_eq!(source.read(request), Ok(readings.clone()), "the same again");
    assert!((1..=MAX_OUTPUTS + 1).contains(&readings.len()), "{}", readings.len());
    for reading in &readings {
        match reading {
            Reading::Event(event) => {
                let again =
                    serde_json::to_string(&event.to_json()).expect("an event has a JSON form");
                assert!(again.len() < 64_000, "an event is small");
            }
            Reading::Unreadable(Unreadable { id, kind, conversation, problem }) => {
                assert!((1..=256).contains(&id.len()), "{id}");
                assert!(kind.as_ref().is_none_or(|kind| kind.len() <= 41 * 10));
                assert!(conversation.as_ref().is_none_or(|id| id.len() <= 256));
                assert!(problem.len() < 2_000 && !problem.is_empty(), "{problem}");
                assert!(!problem.contains(['\n', '\r', '\0']), "{problem:?}");
                assert!(!problem.contains(SECRET));
            }
            Reading::Ignored { id, why } => {
                assert!(why.len() <= 101 * 10, "{why}");
                assert!(id.as_ref().is_none_or(|id| id.len() <= 256));
            }
            Reading::Unknown { event_type } => {
                assert!(event_type.as_ref().is_none_or(|name| name.len() <= 41 * 10));
            }
        }
    }
}

fn shows_secret(bytes: &[u8]) -> bool {
    bytes.windows(12).any(|part| SECRET.as_bytes().windows(12).any(|secret| secret == part))
}

fn targets() -> &'static [Target] {
    static TARGETS: OnceLock<Vec<Target>> = OnceLock::new();
    TARGETS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/vendors");
        let profiles = load_profiles(&folder).expect("the shipped profiles are right");
        let target = |(vendor, profile): (&String, &Arc<Profile>)| Target {
            vendor: vendor.clone(),
            signed: signed_source(profile),
            open: unsigned_source(profile, &serde_json::Map::new())
                .expect("the options are the profile's own"),
        };
        profiles.iter().map(target).collect()
    })
}

/// None where the secrets are keys of the vendor's.
fn signed_source(profile: &Arc<Profile>) -> Option<Source> {
    let spec = |secret: &str| SourceSpec {
        name: "fuzz".into(),
        contact_center: "fuzz".into(),
        secrets: vec![SecretString::from(secret)],
        verify: None,
        options: serde_json::Map::new(),
        public_url: Some("https://bridge.example.com".to_owned()),
        loopback: false,
    };
    [SECRET, &SECRET[6..]]
        .into_iter()
        .find_map(|secret| Source::build(Arc::clone(profile), spec(secret)).ok())
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_request_is_answered_and_tells_no_secret() {
        crate::fuzzing::replay("webhook", 3_000, super::webhook);
    }
}
