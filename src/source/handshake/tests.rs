use super::super::Source;
use super::super::fixture::{profile, request, spec};
use hyper::header::CONTENT_TYPE;

use super::*;

fn source(toml: &str, secrets: &[&str]) -> Source {
    let toml = format!("[request]\ndecode = \"json\"\n{toml}");
    Source::build(profile(&toml, ".").unwrap(), spec(secrets)).unwrap()
}

fn problems(handshake: &str) -> String {
    let toml = format!("[request]\ndecode = \"json\"\n{handshake}");
    let problems = profile(&toml, ".").unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

const ZOOM: &str = r#"
[verify]
scheme = "hmac"
header = "x-zm-signature"
algorithm = "sha256"
encoding = "hex"
prefix = "v0="
message = "v0:{header:x-zm-request-timestamp}:{body}"
timestamp = "x-zm-request-timestamp"
[[handshake]]
when.body = { "/event" = "endpoint.url_validation" }
answer.json = { plainToken = "{body:/payload/plainToken}", encryptedToken = "{hmac_sha256_hex:/payload/plainToken}" }
"#;

const CHALLENGE: &str = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"plain-1"}}"#;

#[test]
fn zooms_challenge_is_answered_with_the_known_hash() {
    let zoom = source(ZOOM, &["zoom-secret"]);
    let mut challenge = request(&[], CHALLENGE);
    zoom.sign(&mut challenge).unwrap();
    let answer = zoom.handshake(&challenge).unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["plainToken"], "plain-1");
    let known = "908b744625d5e055cb1f64a0121a7ebb75985f8d8ab1d068f8d2dedbec3d3e75";
    assert_eq!(body["encryptedToken"], known);
}

#[test]
fn the_secret_that_signed_the_challenge_answers_it() {
    let rotated = source(ZOOM, &["new-secret", "zoom-secret"]);
    let mut challenge = request(&[], CHALLENGE);
    source(ZOOM, &["zoom-secret"]).sign(&mut challenge).unwrap();
    let body = rotated.handshake(&challenge).unwrap().body;
    assert!(String::from_utf8_lossy(&body).contains("908b744625d5e055"));
}

#[test]
fn an_unsigned_challenge_and_an_ordinary_event_are_no_handshake() {
    let zoom = source(ZOOM, &["zoom-secret"]);
    assert_eq!(zoom.handshake(&request(&[], CHALLENGE)), None);
    let mut event = request(&[], r#"{"event":"x","note":"endpoint.url_validation"}"#);
    zoom.sign(&mut event).unwrap();
    assert_eq!(zoom.handshake(&event), None);
    let mut tokenless = request(&[], r#"{"event":"endpoint.url_validation"}"#);
    zoom.sign(&mut tokenless).unwrap();
    assert_eq!(zoom.handshake(&tokenless), None);
    let mut get = request(&[], CHALLENGE);
    zoom.sign(&mut get).unwrap();
    get.method = Method::GET;
    assert_eq!(zoom.handshake(&get), None);
}

#[test]
fn a_validation_token_is_echoed_as_a_header() {
    let ringex = source(
        r#"
[verify]
scheme = "header"
header = "verification-token"
[[handshake]]
verified = false
when.header = { "validation-token" = "*" }
answer.headers = { "validation-token" = "{header:validation-token}" }
"#,
        &["s"],
    );
    let answer = ringex.handshake(&request(&[("validation-token", "tok-1")], "")).unwrap();
    assert_eq!(answer.headers["validation-token"], "tok-1");
    assert!(answer.body.is_empty());
    assert_eq!(ringex.handshake(&request(&[("verification-token", "s")], "{}")), None);
    let long = "x".repeat(1_025);
    assert_eq!(ringex.handshake(&request(&[("validation-token", &long)], "")), None);
}

#[test]
fn a_hub_challenge_is_echoed_to_whoever_knows_the_secret() {
    let ringcx = source(
        r#"
[verify]
scheme = "header"
header = "x-dimelo-secret"
[[handshake]]
method = "GET"
verified = false
when = { query = { "hub.mode" = "subscribe" }, secret_query = "hub.verify_token" }
answer.text = "{query:hub.challenge}"
"#,
        &["s1"],
    );
    let get = |query: &str| Request {
        method: Method::GET,
        path_and_query: format!("/webhooks/demo?{query}"),
        ..request(&[], "")
    };
    let known = get("hub.mode=subscribe&hub.challenge=ch%2D1&hub.verify_token=s1");
    let answer = ringcx.handshake(&known).unwrap();
    assert_eq!(&answer.body[..], b"ch-1");
    assert_eq!(answer.headers[CONTENT_TYPE], "text/plain; charset=utf-8");
    for query in [
        "hub.mode=subscribe&hub.challenge=c&hub.verify_token=s2",
        "hub.mode=subscribe&hub.challenge=c",
        "hub.mode=x&hub.challenge=c&hub.verify_token=s1",
        "hub.mode=subscribe&hub.verify_token=s1",
        "hub.mode=subscribe&hub.challenge=a%0d%0ab&hub.verify_token=s1",
    ] {
        assert_eq!(ringcx.handshake(&get(query)), None, "{query}");
    }
}

#[test]
fn a_handshake_that_would_swallow_events_or_cannot_work_is_refused() {
    let swallow = "[[handshake]]\nanswer.text = \"x\"";
    assert!(problems(swallow).contains("test/vendor.toml:3: a handshake by POST needs `when`"));
    let both = "[[handshake]]\nmethod = \"GET\"\nanswer = { text = \"x\", json = {} }";
    assert!(problems(both).contains("not both"));
    assert!(problems("[[handshake]]\nmethod = \"GET\"\nanswer = { status = 99 }").contains("99"));
    assert!(problems("[[handshake]]\nmethod = \"GET\"\nanswr = {}").contains("answr"));
}

/// Azure Event Grid's, in both of its forms, beside a secret in the query.
const EVENT_GRID: &str = r#"
[verify]
scheme = "query"
parameter = "code"
[[handshake]]
when.header = { "aeg-event-type" = "SubscriptionValidation" }
when.body = { "/0/eventType" = "Microsoft.EventGrid.SubscriptionValidationEvent" }
answer.json = { validationResponse = "{body:/0/data/validationCode}" }
[[handshake]]
method = "OPTIONS"
when.header = { "webhook-request-origin" = "*" }
answer.headers = { "webhook-allowed-origin" = "{header:webhook-request-origin}", "webhook-allowed-rate" = "{header:webhook-request-rate|120}" }
"#;

#[test]
fn a_code_in_an_array_is_answered_to_whoever_knows_the_secret_alone() {
    let source = source(EVENT_GRID, &["s3cret"]);
    let body = r#"[{"id":"1","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"C-1"}}]"#;
    let asked = |query: &str| Request {
        path_and_query: format!("/webhooks/demo?{query}"),
        ..request(&[("aeg-event-type", "SubscriptionValidation")], body)
    };
    let answer = source.handshake(&asked("code=s3cret")).unwrap();
    assert_eq!(
        (answer.status, &answer.body[..]),
        (StatusCode::OK, &br#"{"validationResponse":"C-1"}"#[..])
    );
    for stranger in ["", "code=s3cre", "validationCode=C-1"] {
        assert_eq!(source.handshake(&asked(stranger)), None, "{stranger}");
        assert!(source.refused_by_head(&asked(stranger)).is_some());
    }
}

#[test]
fn a_preflight_is_answered_with_what_it_says_or_with_what_stands_in() {
    let source = source(EVENT_GRID, &["s3cret"]);
    let asked = |headers: &[(&str, &str)], query: &str| Request {
        method: Method::OPTIONS,
        path_and_query: format!("/webhooks/demo?{query}"),
        ..request(headers, "")
    };
    let origin = ("webhook-request-origin", "eventgrid.azure.net");
    let answer = source.handshake(&asked(&[origin], "code=s3cret")).unwrap();
    assert_eq!(answer.headers["webhook-allowed-origin"], "eventgrid.azure.net");
    assert_eq!(answer.headers["webhook-allowed-rate"], "120");
    let rated = asked(&[origin, ("webhook-request-rate", "60")], "code=s3cret");
    assert_eq!(source.handshake(&rated).unwrap().headers["webhook-allowed-rate"], "60");
    assert_eq!(source.handshake(&asked(&[origin], "code=x")), None);
    assert_eq!(source.handshake(&asked(&[], "code=s3cret")), None);
}

#[test]
fn an_answer_may_be_nested_and_hash_what_stands_in_query_or_header() {
    let toml = r#"
[verify]
scheme = "basic"
username = "u"
[[handshake]]
method = "GET"
verified = false
when.query = { crc_token = "*" }
answer.json = { response_token = "sha256={hmac_sha256_base64:query:crc_token}", more = { list = [1, true, "{{{query:crc_token}}}"] } }
"#;
    let source = source(toml, &["secret"]);
    let asked = Request {
        method: Method::GET,
        path_and_query: "/webhooks/demo?crc_token=t-1".to_owned(),
        ..request(&[], "")
    };
    let body: serde_json::Value =
        serde_json::from_slice(&source.handshake(&asked).unwrap().body).unwrap();
    assert_eq!(body["response_token"], "sha256=S1mfjMs4hBWWCkL3lYWaSfI0dfTaB9Krt2317HRG6PY=");
    assert_eq!(body["more"]["list"], serde_json::json!([1, true, "{t-1}"]));
}

#[test]
fn a_placeholder_that_nothing_can_fill_is_refused_with_its_line() {
    for wrong in [
        "{boddy:/x}",
        "{body:x}",
        "{hmac_md5_hex:/x}",
        "{hmac_sha256:/x}",
        "{header:}",
        "{query:a",
        "}",
        "{x}",
    ] {
        let reported =
            problems(&format!("[[handshake]]\nmethod = \"GET\"\nanswer.text = \"{wrong}\""));
        assert!(
            reported.contains("test/vendor.toml:3: handshake: a placeholder is none of"),
            "{wrong}: {reported}"
        );
    }
}

#[test]
fn no_hash_of_a_strangers_text_is_one_that_signs() {
    let oracle = |hash: &str, algorithm: &str| {
        let toml = format!(
            "[request]\ndecode = \"json\"\n[verify]\nscheme = \"hmac\"\nheader = \"x-s\"\nalgorithm = \"{algorithm}\"\nencoding = \"hex\"\n[[handshake]]\nmethod = \"GET\"\nverified = false\nanswer.text = \"{{hmac_{hash}_hex:query:a}}\""
        );
        Source::build(profile(&toml, ".").unwrap(), spec(&["secret"])).is_err()
    };
    for hash in ["sha1", "sha256", "sha512"] {
        for algorithm in ["sha1", "sha256", "sha512"] {
            assert_eq!(oracle(hash, algorithm), hash == algorithm, "{hash} {algorithm}");
        }
    }
}
