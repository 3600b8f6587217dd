//! Known answers first, then what has to be refused, scheme by scheme.

use serde_json::{Value, json};

use super::super::fixture::{NOW, profile, request, spec, verified_source};
use super::super::{Request, Source, SourceSpec};
use super::*;
use crate::routing::UnixMillis;

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

fn zoom() -> Value {
    json!({ "scheme": "hmac", "header": "x-zm-signature", "algorithm": "sha256", "encoding": "hex",
        "prefix": "v0=", "message": "v0:{header:x-zm-request-timestamp}:{body}",
        "timestamp": "x-zm-request-timestamp", "unit": "s" })
}

fn zoom_request() -> Request {
    request(
        &[
            ("x-zm-request-timestamp", "1795280400"),
            (
                "x-zm-signature",
                "v0=045b4acb70321c3d75141fc65e1902f99a00a2bf3df56e822f186c421b427a25",
            ),
        ],
        r#"{"a":1}"#,
    )
}

#[test]
fn zooms_known_answer_fits_and_any_of_several_secrets_will_do() {
    assert_eq!(source(zoom(), &["zoom-secret"]).verify(&zoom_request()), Ok(()));
    assert_eq!(source(zoom(), &["new-secret", "zoom-secret"]).verify(&zoom_request()), Ok(()));
}

#[test]
fn an_hmac_of_another_body_secret_or_time_is_refused() {
    let (zoomed, signed) = (source(zoom(), &["zoom-secret"]), zoom_request());
    assert_eq!(zoomed.verify(&tampered(&signed)), Err(Unverified::Wrong));
    assert_eq!(source(zoom(), &["other"]).verify(&signed), Err(Unverified::Wrong));
    assert_eq!(zoomed.verify(&at(&signed, NOW.0 + 300_001)), Err(Unverified::Stale));
    assert_eq!(zoomed.verify(&at(&signed, NOW.0 - 300_001)), Err(Unverified::Stale));
    assert_eq!(zoomed.verify(&at(&signed, NOW.0 + 300_000)), Ok(()));
    for header in ["x-zm-signature", "x-zm-request-timestamp"] {
        let missing = zoomed.verify(&without(&signed, header));
        assert_eq!(missing, Err(Unverified::Missing(header.to_owned())));
    }
    let mut unreadable = signed.clone();
    unreadable.headers.insert("x-zm-signature", "v0=nothex".parse().unwrap());
    assert_eq!(
        zoomed.verify(&unreadable),
        Err(Unverified::Unreadable("x-zm-signature".to_owned()))
    );
    let mut newer = signed;
    newer.headers.insert("x-zm-request-timestamp", "1795280401".parse().unwrap());
    assert_eq!(zoomed.verify(&newer), Err(Unverified::Wrong), "the time is signed too");
}

#[test]
fn a_signature_that_breaks_off_is_refused() {
    let source = source(zoom(), &["zoom-secret"]);
    let mut short = zoom_request();
    short.headers.insert("x-zm-signature", "v0=045b4acb".parse().unwrap());
    assert_eq!(source.verify(&short), Err(Unverified::Wrong));
    short.headers.insert("x-zm-signature", "v0=".parse().unwrap());
    assert_eq!(source.verify(&short), Err(Unverified::Wrong));
}

#[test]
fn webexs_known_answer_fits_and_its_secret_is_chosen_by_the_subscription() {
    let secret = "0123456789abcdef0123456789abcdef";
    let verify = json!({ "scheme": "hmac", "header": "X-WebexCC-Signature", "algorithm": "sha256", "encoding": "hex" });
    let signature = "f0546246da9e2349100c845a8561214788d75d900f3c086a72fcfa03bb1f42ab";
    let signed = request(&[("x-webexcc-signature", signature)], r#"{"a":1}"#);
    assert_eq!(source(verify, &[secret]).verify(&signed), Ok(()));

    let by = json!({ "scheme": "hmac", "header": "x-s", "algorithm": "sha256", "encoding": "hex", "secret_by": "/source" });
    let by_subscription = source(by.clone(), &["sub-1=first", "sub-2=second"]);
    let mut second = request(&[], r#"{"source":"/com/cisco/wxcc/sub-2"}"#);
    by_subscription.sign(&mut second).unwrap();
    assert_eq!(by_subscription.verify(&second), Ok(()));
    let swapped = source(by.clone(), &["sub-1=second", "sub-2=first"]);
    assert_eq!(swapped.verify(&second), Err(Unverified::Wrong));
    let unknown = request(&[("x-s", "00")], r#"{"source":"/com/cisco/wxcc/sub-3"}"#);
    assert_eq!(by_subscription.verify(&unknown), Err(Unverified::UnknownKey));
    assert!(refused(by, &["nameless"]).contains("`key=secret`"));
}

#[test]
fn zendesks_known_answer_fits() {
    let verify = json!({ "scheme": "hmac", "header": "x-zendesk-webhook-signature", "algorithm": "sha256", "encoding": "base64",
        "message": "{timestamp}{body}", "timestamp": "x-zendesk-webhook-signature-timestamp", "unit": "rfc3339" });
    let zendesk = source(verify, &["dGVzdC1zZWNyZXQ="]);
    let signed = request(
        &[
            ("x-zendesk-webhook-signature-timestamp", "2026-11-21T17:00:00Z"),
            ("x-zendesk-webhook-signature", "23oB/mGv7YTW+bjZLX9Cqwh2VZsBVqL8HW1xiL19Cbs="),
        ],
        r#"{"a":1}"#,
    );
    assert_eq!(zendesk.verify(&signed), Ok(()));
    assert_eq!(zendesk.verify(&tampered(&signed)), Err(Unverified::Wrong));
    assert_eq!(zendesk.verify(&at(&signed, NOW.0 + 600_000)), Err(Unverified::Stale));
}

#[test]
fn a_signature_header_may_be_a_list_with_the_time_in_it() {
    let verify = json!({ "scheme": "hmac", "header": "stripe-signature", "algorithm": "sha256", "encoding": "hex",
        "message": "{timestamp}.{body}", "signature_key": "v1", "timestamp_key": "t" });
    let stripe = source(verify, &["s"]);
    let mut signed = request(&[], r#"{"a":1}"#);
    stripe.sign(&mut signed).unwrap();
    assert_eq!(stripe.verify(&signed), Ok(()));
    let value = signed.headers["stripe-signature"].to_str().unwrap().to_owned();
    assert!(value.starts_with("t=1795280400,v1="), "{value}");
    let rotated = value.replace("v1=", "v1=00ff, v0=aa, v1=");
    signed.headers.insert("stripe-signature", rotated.parse().unwrap());
    assert_eq!(stripe.verify(&signed), Ok(()), "any of several signatures");
    let moved = value.replace("1795280400", "1795280401");
    signed.headers.insert("stripe-signature", moved.parse().unwrap());
    assert_eq!(stripe.verify(&signed), Err(Unverified::Wrong));
}

#[test]
fn an_hmac_spec_that_cannot_work_is_refused_with_everything_that_is_wrong() {
    let verify = json!({ "scheme": "hmac", "header": "bad header", "algorithm": "sha1", "encoding": "hex", "message": "{timestamp}{x}" });
    let told = refused(verify, &["s"]);
    assert!(told.contains("`bad header` is not a header name"), "{told}");
    assert!(told.contains("`{x}`"), "{told}");
    let bodyless = json!({ "scheme": "hmac", "header": "h", "algorithm": "sha512", "encoding": "hex", "message": "x" });
    assert!(refused(bodyless, &["s"]).contains("`{body}`"));
    let unknown = json!({ "scheme": "hmac", "header": "h", "algorithm": "sha512", "encoding": "hex", "mesage": "x" });
    assert!(refused(unknown, &["s"]).contains("mesage"));
    let md5 = json!({ "scheme": "hmac", "header": "h", "algorithm": "md5", "encoding": "hex" });
    assert!(refused(md5, &["s"]).contains("md5"));
}

const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn standard() -> Value {
    json!({ "scheme": "standard_webhooks" })
}

fn standard_request(family: &str) -> Request {
    let (id, timestamp, signature) =
        (format!("{family}-id"), format!("{family}-timestamp"), format!("{family}-signature"));
    let mut request = request(
        &[
            (id.as_str(), "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            (timestamp.as_str(), "1614265330"),
            (signature.as_str(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ],
        r#"{"test": 2432232314}"#,
    );
    request.received_at = UnixMillis(1_614_265_330_000);
    request
}

#[test]
fn standard_webhooks_known_answer_fits_under_both_families_of_headers() {
    let known = source(standard(), &["whsec_c29tZXRoaW5nIGVsc2U=", WHSEC]);
    for family in ["webhook", "svix"] {
        let signed = standard_request(family);
        assert_eq!(known.verify(&signed), Ok(()));
        assert_eq!(known.verify(&tampered(&signed)), Err(Unverified::Wrong));
        let late = signed.received_at.0 + 301_000;
        assert_eq!(known.verify(&at(&signed, late)), Err(Unverified::Stale));
        assert_eq!(known.verify(&at(&signed, late - 602_000)), Err(Unverified::Stale));
        for part in ["id", "timestamp"] {
            let header = format!("{family}-{part}");
            let missing = known.verify(&without(&signed, &header));
            assert_eq!(missing, Err(Unverified::Missing(header)));
        }
    }
    let unsigned = without(&standard_request("webhook"), "webhook-signature");
    let missing = Unverified::Missing("webhook-signature".to_owned());
    assert_eq!(known.verify(&unsigned), Err(missing));
    let other = source(standard(), &["whsec_c29tZXRoaW5nIGVsc2U="]);
    assert_eq!(other.verify(&standard_request("webhook")), Err(Unverified::Wrong));
}

#[test]
fn several_standard_signatures_are_tried_and_unknown_versions_passed_over() {
    let standard = source(standard(), &[WHSEC]);
    let mut signed = standard_request("webhook");
    let list = "v2,AAAA v1,AAAA broken v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    signed.headers.insert("webhook-signature", list.parse().unwrap());
    assert_eq!(standard.verify(&signed), Ok(()));
    let wrong_version = "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    signed.headers.insert("webhook-signature", wrong_version.parse().unwrap());
    assert_eq!(standard.verify(&signed), Err(Unverified::Wrong));
}

#[test]
fn standard_webhooks_takes_ed25519_signatures() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ring::signature::KeyPair as _;
    let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public = format!("whpk_{}", STANDARD.encode(pair.public_key()));
    let signature = STANDARD.encode(pair.sign(br#"msg_1.1795280400.{"a":1}"#));
    let signed = request(
        &[
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", "1795280400"),
            ("webhook-signature", &format!("v1a,{signature}")),
        ],
        r#"{"a":1}"#,
    );
    let standard = source(standard(), &[WHSEC, &public]);
    assert_eq!(standard.verify(&signed), Ok(()));
    assert_eq!(standard.verify(&tampered(&signed)), Err(Unverified::Wrong));
}

#[test]
fn a_secret_that_is_not_a_standard_webhooks_key_is_told_by_its_place_only() {
    let told = refused(standard(), &[WHSEC, "not a key!"]);
    assert!(told.contains("secret 2 is not `whsec_`"), "{told}");
    assert!(!told.contains("not a key!"), "{told}");
}

const TWILIO_URL: &str = "/myapp.php?foo=1&bar=2";

fn twilio(public_url: &str) -> Source {
    let profile =
        profile("[request]\ndecode = \"form\"\n[verify]\nscheme = \"twilio\"", ".").unwrap();
    let spec = SourceSpec { public_url: Some(public_url.to_owned()), ..spec(&["12345"]) };
    Source::build(profile, spec).unwrap()
}

fn twilio_request(signature: &str, path: &str, body: &str) -> Request {
    let headers =
        [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", signature)];
    Request { path_and_query: path.to_owned(), ..request(&headers, body) }
}

const TWILIO_FORM: &str = "Digits=1234&CallSid=CA1234567890ABCDE&To=%2B18005551212&Caller=%2B14158675309&From=%2B14158675309";

#[test]
fn twilios_known_answer_for_a_form_fits_with_and_without_the_port() {
    let signed = twilio_request("RSOYDt4T1cUTdK1PDd93/VVr8B8=", TWILIO_URL, TWILIO_FORM);
    for url in ["https://mycompany.com", "https://mycompany.com:443/", "https://mycompany.com:8443"]
    {
        assert_eq!(twilio(url).verify(&signed), Ok(()), "{url}");
    }
    let own = twilio_request(
        "P+La56/ZKbCmXSc03RXUnV/ZjQw=",
        "/hooks/twilio",
        "EventType=reservation.created&ReservationSid=WR00000000000000000000000000000001&TaskSid=WT00000000000000000000000000000001&Timestamp=1795280400",
    );
    assert_eq!(twilio("https://bridge.example.com").verify(&own), Ok(()));
}

#[test]
fn twilios_known_answer_for_json_fits_and_its_body_is_checked() {
    let path = format!(
        "{TWILIO_URL}&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    );
    let mut signed = request(
        &[
            ("content-type", "application/json"),
            ("x-twilio-signature", "a9nBmqA0ju/hNViExpshrM61xv4="),
        ],
        r#"{"property": "value", "boolean": true}"#,
    );
    signed.path_and_query = path;
    let twilio = twilio("https://mycompany.com");
    assert_eq!(twilio.verify(&signed), Ok(()));
    assert_eq!(twilio.verify(&tampered(&signed)), Err(Unverified::Wrong));
}

#[test]
fn a_json_body_that_no_hash_covers_is_refused() {
    let twilio = twilio("https://mycompany.com");
    let mut signed = request(&[("content-type", "application/json")], "{}");
    twilio.sign(&mut signed).unwrap();
    assert_eq!(twilio.verify(&signed), Ok(()));
    signed.path_and_query = "/webhooks/demo".to_owned();
    assert_eq!(twilio.verify(&signed), Err(Unverified::Missing("bodySHA256".to_owned())));
}

#[test]
fn a_twilio_form_that_differs_in_url_body_or_secret_is_refused() {
    let signed = twilio_request("RSOYDt4T1cUTdK1PDd93/VVr8B8=", TWILIO_URL, TWILIO_FORM);
    let home = twilio("https://mycompany.com");
    assert_eq!(home.verify(&tampered(&signed)), Err(Unverified::Wrong));
    assert_eq!(twilio("https://other.com").verify(&signed), Err(Unverified::Wrong));
    assert_eq!(twilio("http://mycompany.com").verify(&signed), Err(Unverified::Wrong));
    let elsewhere =
        Request { path_and_query: "/myapp.php?foo=1&bar=3".to_owned(), ..signed.clone() };
    assert_eq!(home.verify(&elsewhere), Err(Unverified::Wrong));
    let missing = Unverified::Missing("x-twilio-signature".to_owned());
    assert_eq!(home.verify(&without(&signed, "x-twilio-signature")), Err(missing));
}

#[test]
fn repeated_twilio_parameters_count_once_and_a_legacy_query_is_tried() {
    let home = twilio("https://mycompany.com");
    let mut once = twilio_request("AA==", "/x", "A=1&B=2");
    home.sign(&mut once).unwrap();
    let repeated = Request { body: "B=2&A=1&B=2".into(), ..once };
    assert_eq!(home.verify(&repeated), Ok(()));

    // Signed over the query as Node's old encoder writes it, sent as browsers write it.
    let mut legacy = twilio_request("AA==", "/x?a=hello%20world&b=%26", "A=1");
    home.sign(&mut legacy).unwrap();
    let sent = Request { path_and_query: "/x?a=hello+world&b=%26".to_owned(), ..legacy };
    assert_eq!(home.verify(&sent), Ok(()));
}

#[test]
fn twilio_needs_the_public_url() {
    let profile =
        profile("[request]\ndecode = \"form\"\n[verify]\nscheme = \"twilio\"", ".").unwrap();
    for (url, told) in [(None, "needs `intake.public_url`"), (Some("bridge"), "is not http(s)")] {
        let spec = SourceSpec { public_url: url.map(ToOwned::to_owned), ..spec(&["s"]) };
        let problems = Source::build(std::sync::Arc::clone(&profile), spec).unwrap_err();
        assert!(problems[0].to_string().contains(told), "{}", problems[0]);
    }
}

#[test]
fn a_secret_in_a_header_is_compared_whole() {
    let header = source(json!({ "scheme": "header", "header": "X-Api-Key" }), &["old", "key-1"]);
    assert_eq!(header.verify(&request(&[("x-api-key", "key-1")], "")), Ok(()));
    for wrong in ["key-", "key-11", "", "KEY-1"] {
        assert_eq!(header.verify(&request(&[("x-api-key", wrong)], "")), Err(Unverified::Wrong));
    }
    let missing = Unverified::Missing("x-api-key".to_owned());
    assert_eq!(header.verify(&request(&[], "")), Err(missing));

    let bearer = source(json!({ "scheme": "bearer" }), &["tok"]);
    assert_eq!(bearer.verify(&request(&[("authorization", "Bearer tok")], "")), Ok(()));
    assert_eq!(bearer.verify(&request(&[("authorization", "bearer tok")], "")), Ok(()));
    assert_eq!(
        bearer.verify(&request(&[("authorization", "Bearer tok2")], "")),
        Err(Unverified::Wrong)
    );
    let unreadable = Unverified::Unreadable("authorization".to_owned());
    assert_eq!(bearer.verify(&request(&[("authorization", "tok")], "")), Err(unreadable));

    let basic = source(json!({ "scheme": "basic", "username": "bridge" }), &["pass"]);
    assert_eq!(basic.verify(&request(&[("authorization", "Basic YnJpZGdlOnBhc3M=")], "")), Ok(()));
    assert_eq!(
        basic.verify(&request(&[("authorization", "Basic YnJpZGdlOnBhc3o=")], "")),
        Err(Unverified::Wrong)
    );
    let unreadable = Unverified::Unreadable("authorization".to_owned());
    assert_eq!(basic.verify(&request(&[("authorization", "Basic !")], "")), Err(unreadable));
}

#[test]
fn a_secret_in_the_body_is_found_by_its_pointer() {
    let field = source(json!({ "scheme": "field", "pointer": "/token" }), &["0123456789abcdef"]);
    assert_eq!(field.verify(&request(&[], r#"{"token":"0123456789abcdef"}"#)), Ok(()));
    assert_eq!(field.verify(&request(&[], r#"{"token":"0"}"#)), Err(Unverified::Wrong));
    let missing = Unverified::Missing("/token".to_owned());
    assert_eq!(field.verify(&request(&[], "{}")), Err(missing));
    let unreadable = Unverified::Unreadable("/token".to_owned());
    assert_eq!(field.verify(&request(&[], "{")), Err(unreadable));
}

#[test]
fn what_is_signed_here_is_verified_here() {
    for (verify, secret) in [
        (zoom(), "s"),
        (standard(), WHSEC),
        (json!({ "scheme": "header", "header": "x" }), "s"),
        (json!({ "scheme": "bearer" }), "s"),
        (json!({ "scheme": "basic", "username": "u" }), "s"),
        (json!({ "scheme": "twilio" }), "s"),
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
    assert!(refused(zoom(), &[]).contains("`secrets` is empty"));
    assert!(refused(zoom(), &["s", ""]).contains("a secret is empty"));
    assert!(refused(json!({ "scheme": "none" }), &[]).contains("only for an intake on loopback"));
    assert!(refused(json!({ "scheme": "nine" }), &[]).contains("`verify` is not a scheme"));
}
