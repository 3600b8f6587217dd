//! Known answers first, then what has to be refused, scheme by scheme.

mod carried;
mod corners;
mod hmac;
mod jwt;
mod jwt_bearer;
mod public_keys;
mod standard_webhooks;
mod twilio;
mod work;

use serde_json::{Value, json};

use super::super::fixture::{NOW, profile, request, spec, verified_source};
use super::super::{Request, Source, SourceSpec};
use super::*;
use crate::routing::UnixMillis;
use hmac::zoom;
use standard_webhooks::{WHSEC, standard};

fn source(verify: Value, secrets: &[&str]) -> Source {
    verified_source(verify, secrets).unwrap()
}

fn refused(verify: Value, secrets: &[&str]) -> String {
    let problems = verified_source(verify, secrets).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The request with one byte of its body changed.
fn tampered(request: &Request) -> Request {
    let mut body = request.body.to_vec();
    let last = body.len() - 1;
    body[last] ^= 1;
    Request { body: body.into(), ..request.clone() }
}

fn without(request: &Request, header: &str) -> Request {
    let mut request = request.clone();
    assert!(request.headers.remove(header).is_some());
    request
}

fn at(request: &Request, ms: i64) -> Request {
    Request { received_at: UnixMillis(ms), ..request.clone() }
}

#[test]
fn what_is_signed_here_is_verified_here() {
    for (verify, secret) in [
        (zoom(), "s"),
        (standard(), WHSEC),
        (json!({ "scheme": "header", "header": "x" }), "s"),
        (json!({ "scheme": "bearer" }), "s"),
        (json!({ "scheme": "basic", "username": "u" }), "s"),
        (json!({ "scheme": "query", "parameter": "code" }), "s/+=&% é"),
        (json!({ "scheme": "twilio" }), "s"),
        (json!({ "scheme": "jwt_header", "key": "base64" }), "c2VjcmV0"),
        (json!({ "scheme": "jwt_header", "header": "x-jwt", "payload_hash": "body_hash" }), "s"),
        (json!({ "scheme": "jwt_body" }), "s"),
    ] {
        let source = source(verify.clone(), &[secret]);
        let mut signed = request(&[("content-type", "application/json")], r#"{"a":1}"#);
        source.sign(&mut signed).unwrap();
        assert_eq!(source.verify(&signed), Ok(()), "{verify}");
    }
    let field = source(json!({ "scheme": "field", "pointer": "/token" }), &["s"]);
    assert_eq!(field.sign(&mut request(&[], "{}")), Err(Unsignable));
}

#[test]
fn a_source_without_secrets_or_open_to_the_world_is_refused() {
    assert!(refused(zoom(), &[]).contains(".secrets: is empty"));
    assert!(refused(zoom(), &["s", ""]).contains("a secret is empty"));
    assert!(refused(json!({ "scheme": "none" }), &[]).contains("only for an intake on loopback"));
    assert!(refused(json!({ "scheme": "nine" }), &[]).contains(".verify: is not a scheme"));
}
