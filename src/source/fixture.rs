//! Small profiles, sources and requests for this room's tests.

use std::path::Path;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use serde_json::Value;

use super::{Profile, Request, Source, SourceSpec};
use crate::problem::Problem;
use crate::routing::UnixMillis;

/// 2026-11-21T17:00:00Z, the time of facts' vectors.
pub(super) const NOW: UnixMillis = UnixMillis(1_795_280_400_000);

/// A profile `test`; its problems are named as of a folder `test`.
pub(super) fn profile(toml: &str, jq: &str) -> Result<Arc<Profile>, Vec<Problem>> {
    Profile::parse("test", Path::new("test"), toml, jq).map(Arc::new)
}

pub(super) fn spec(secrets: &[&str]) -> SourceSpec {
    SourceSpec {
        name: "demo".into(),
        contact_center: "demo".into(),
        secrets: secrets.iter().map(|secret| (*secret).into()).collect(),
        verify: None,
        options: serde_json::Map::new(),
        public_url: Some("https://bridge.example.com".to_owned()),
        loopback: false,
    }
}

/// A source of a JSON profile with that filter, open to anybody.
pub(super) fn open_source(jq: &str) -> Source {
    let profile = profile("[request]\ndecode = \"json\"", jq).unwrap();
    Source::build(profile, SourceSpec { loopback: true, ..spec(&[]) }).unwrap()
}

/// A source of a profile with that `[verify]`, or what is wrong with it.
pub(super) fn verified_source(verify: Value, secrets: &[&str]) -> Result<Source, Vec<Problem>> {
    let profile = profile("[request]\ndecode = \"json\"", ".").unwrap();
    Source::build(profile, SourceSpec { verify: Some(verify), ..spec(secrets) })
}

pub(super) fn request(headers: &[(&str, &str)], body: &str) -> Request {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    Request {
        method: Method::POST,
        path_and_query: "/webhooks/demo".to_owned(),
        headers: map,
        body: body.to_owned().into(),
        received_at: NOW,
    }
}
