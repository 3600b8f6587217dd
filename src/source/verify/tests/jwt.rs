//! Tokens made once by another implementation, and tokens made here with whatever claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::*;

const SIGNED: &str = r#"{"a":1}"#;
/// base64 of `vonage-secret`.
const SECRET: &str = "dm9uYWdlLXNlY3JldA==";
const KNOWN_HEX: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3OTUyODA0MDAsImV4cCI6MTc5NTI4MDcwMCwicGF5bG9hZF9oYXNoIjoiMDE1YWJkN2Y1Y2M1N2EyZGQ5NGI3NTkwZjA0YWQ4MDg0MjczOTA1ZWUzM2VjNWNlYmVhZTYyMjc2YTk3Zjg2MiJ9.xguXNQSVdTMsxiVCuBYsPXiT9dJPutnF8JUgL6QlQmI";
const KNOWN_BASE64: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3OTUyODA0MDAsImV4cCI6MTc5NTI4MDcwMCwicGF5bG9hZF9oYXNoIjoiQVZxOWYxekZlaTNaUzNXUThFcllDRUp6a0Y3alBzWE92cTVpSjJxWCtHST0ifQ.iIQ39a4RgjyHmr4cNbeYHbgAZ8BfBbLjZqfuipai-Tc";
const KNOWN_HS512: &str = "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3OTUyODA0MDAsImV4cCI6MTc5NTI4MDcwMCwicGF5bG9hZF9oYXNoIjoiMDE1YWJkN2Y1Y2M1N2EyZGQ5NGI3NTkwZjA0YWQ4MDg0MjczOTA1ZWUzM2VjNWNlYmVhZTYyMjc2YTk3Zjg2MiJ9.82aoq72RvP2VHRRIjxbj44_H9EpKxE_8V8afIsnIliQKeeHkhSCpbhkf9i374f9dYTzvWVv648ao1PK7w8rNtw";
const KNOWN_NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJpYXQiOjE3OTUyODA0MDAsImV4cCI6MTc5NTI4MDcwMCwicGF5bG9hZF9oYXNoIjoiMDE1YWJkN2Y1Y2M1N2EyZGQ5NGI3NTkwZjA0YWQ4MDg0MjczOTA1ZWUzM2VjNWNlYmVhZTYyMjc2YTk3Zjg2MiJ9.";
const KNOWN_BODY: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJjYWxsX2lkIjo1MDAwMDAwMDAwMDAwMDAxLCJzdGF0ZSI6InJpbmdpbmcifQ.l-YfRTkttzGlBI_xT3h3REwCcYke1Q00pVb0CCcENWk";
const NONE_BODY: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJjYWxsX2lkIjo1MDAwMDAwMDAwMDAwMDAxLCJzdGF0ZSI6InJpbmdpbmcifQ.";

fn vonage() -> Value {
    json!({ "scheme": "jwt_header", "header": "vonage-signature", "key": "base64" })
}

fn under(token: &str) -> Request {
    request(&[("vonage-signature", token)], SIGNED)
}

/// A token with these claims under the key `vonage-secret`.
fn token(claims: &Value) -> String {
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encoded(&json!({ "alg": "HS256" })), encoded(claims));
    let key = b"vonage-secret".to_vec().into();
    let mac = mac::hmac(mac::Algorithm::Sha256, &key, &[message.as_bytes()]);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
}

fn hash() -> String {
    hex::encode(Sha256::digest(SIGNED))
}

#[test]
fn a_token_with_the_bodys_hash_fits_in_hex_and_base64_bare_and_as_bearer() {
    let source = source(vonage(), &["b3RoZXI=", SECRET]);
    for known in [KNOWN_HEX, KNOWN_BASE64] {
        let signed = under(known);
        assert_eq!(source.verify(&signed), Ok(()));
        assert_eq!(source.verify(&tampered(&signed)), Err(Unverified::Wrong));
        assert_eq!(source.verify(&under(&format!("Bearer {known}"))), Ok(()));
    }
    let missing = Unverified::Missing("vonage-signature".to_owned());
    assert_eq!(source.verify(&request(&[], SIGNED)), Err(missing));
    let other = verified_source(vonage(), &["b3RoZXI="]).unwrap();
    assert_eq!(other.verify(&under(KNOWN_HEX)), Err(Unverified::Wrong));
    let as_text = json!({ "scheme": "jwt_header", "header": "vonage-signature" });
    let as_text = verified_source(as_text, &[SECRET]).unwrap();
    assert_eq!(as_text.verify(&under(KNOWN_HEX)), Err(Unverified::Wrong), "another key");
}

#[test]
fn only_hs256_is_taken_whatever_the_token_says() {
    let source = source(vonage(), &[SECRET]);
    for wrong in [KNOWN_HS512, KNOWN_NONE] {
        assert_eq!(source.verify(&under(wrong)), Err(Unverified::Wrong), "{wrong}");
    }
    let stripped = KNOWN_HEX.rsplit_once('.').unwrap().0;
    assert_eq!(source.verify(&under(&format!("{stripped}."))), Err(Unverified::Wrong));
    for unreadable in ["", "abc", "a.b", "a.b.c", stripped] {
        let reported = source.verify(&under(unreadable));
        assert_eq!(reported, Err(Unverified::Unreadable("vonage-signature".to_owned())));
    }
}

#[test]
fn a_token_ends_with_its_exp_and_the_leeway() {
    let source = source(vonage(), &[SECRET]);
    let signed = under(KNOWN_HEX);
    assert_eq!(source.verify(&at(&signed, NOW.0 + 330_000)), Ok(()));
    assert_eq!(source.verify(&at(&signed, NOW.0 + 331_000)), Err(Unverified::Stale));
    let early = json!({ "nbf": 1_795_280_431, "exp": 1_795_280_700, "payload_hash": hash() });
    assert_eq!(source.verify(&under(&token(&early))), Err(Unverified::Stale));
}

#[test]
fn a_token_without_exp_lives_by_its_iat_and_without_both_not_at_all() {
    let source = source(vonage(), &[SECRET]);
    let issued = under(&token(&json!({ "iat": 1_795_280_400, "payload_hash": hash() })));
    assert_eq!(source.verify(&issued), Ok(()));
    assert_eq!(source.verify(&at(&issued, NOW.0 + 301_000)), Err(Unverified::Stale));
    assert_eq!(source.verify(&at(&issued, NOW.0 - 301_000)), Err(Unverified::Stale));
    let eternal = source.verify(&under(&token(&json!({ "payload_hash": hash() }))));
    assert_eq!(eternal, Err(Unverified::Missing("exp".to_owned())));
    let odd = json!({ "exp": "tomorrow", "payload_hash": hash() });
    let odd = source.verify(&under(&token(&odd)));
    assert_eq!(odd, Err(Unverified::Unreadable("exp".to_owned())));
}

#[test]
fn a_token_without_the_bodys_hash_or_with_another_is_refused() {
    let source = source(vonage(), &[SECRET]);
    let with = |claims: Value| source.verify(&under(&token(&claims)));
    let missing = Unverified::Missing("payload_hash".to_owned());
    assert_eq!(with(json!({ "exp": 1_795_280_700 })), Err(missing));
    let other = hex::encode(Sha256::digest("{}"));
    let wrong = with(json!({ "exp": 1_795_280_700, "payload_hash": other }));
    assert_eq!(wrong, Err(Unverified::Wrong));
    let unreadable = Unverified::Unreadable("payload_hash".to_owned());
    let odd = with(json!({ "exp": 1_795_280_700, "payload_hash": "?" }));
    assert_eq!(odd, Err(unreadable));
    let named = json!({ "scheme": "jwt_header", "header": "vonage-signature", "key": "base64", "payload_hash": "body" });
    let named = verified_source(named, &[SECRET]).unwrap();
    let claims = json!({ "exp": 1_795_280_700, "body": hash() });
    assert_eq!(named.verify(&under(&token(&claims))), Ok(()));
}

#[test]
fn a_body_that_is_a_token_is_verified_and_its_claims_keep_every_digit() {
    let toml = "[request]\ndecode = \"jwt\"\n[verify]\nscheme = \"jwt_body\"";
    let jq = "{ kind: \"withdraw\", conversation: .call_id }";
    let source =
        |secrets: &[&str]| Source::build(profile(toml, jq).unwrap(), spec(secrets)).unwrap();
    let dialpad = source(&["new", "dialpad-secret"]);
    let signed = request(&[("content-type", "application/jwt")], KNOWN_BODY);
    assert_eq!(dialpad.verify(&signed), Ok(()));
    assert_eq!(dialpad.verify(&request(&[], &format!("\"{KNOWN_BODY}\"\n"))), Ok(()));
    let readings = dialpad.read(&signed).unwrap();
    assert!(format!("{readings:?}").contains("5000000000000001"), "{readings:?}");
    for wrong in [NONE_BODY, KNOWN_HEX] {
        assert_eq!(dialpad.verify(&request(&[], wrong)), Err(Unverified::Wrong));
    }
    let mut parts: Vec<&str> = KNOWN_BODY.split('.').collect();
    let forged = URL_SAFE_NO_PAD.encode(r#"{"call_id":6,"state":"ringing"}"#);
    parts[1] = &forged;
    assert_eq!(dialpad.verify(&request(&[], &parts.join("."))), Err(Unverified::Wrong));
    for plain in [SIGNED, "", "a.b"] {
        let reported = dialpad.verify(&request(&[], plain));
        assert_eq!(reported, Err(Unverified::Unreadable("body".to_owned())));
    }
    assert_eq!(source(&["other"]).verify(&signed), Err(Unverified::Wrong));
}

#[test]
fn a_token_body_that_has_an_end_ends() {
    let source = source(json!({ "scheme": "jwt_body" }), &["s"]);
    let mut signed = request(&[], r#"{"exp":1795280400}"#);
    source.sign(&mut signed).unwrap();
    assert_eq!(source.verify(&at(&signed, NOW.0 + 30_000)), Ok(()));
    assert_eq!(source.verify(&at(&signed, NOW.0 + 31_000)), Err(Unverified::Stale));
}

#[test]
fn a_jwt_secret_has_to_be_what_the_profile_says() {
    let reported = refused(vonage(), &[SECRET, "!?"]);
    assert!(reported.contains("secrets[1]: is not base64"), "{reported}");
    let unhashed = json!({ "scheme": "jwt_header", "payload_hash": "" });
    assert!(refused(unhashed, &["s"]).contains("payload_hash: is empty"));
}

#[test]
fn a_token_that_ends_at_no_moment_or_in_years_is_refused() {
    let source = source(vonage(), &[SECRET]);
    let now = NOW.0 / 1_000;
    let verdict = |exp: &str| {
        let claims = format!(r#"{{"iat":{now},"exp":{exp},"payload_hash":"{}"}}"#, hash());
        source.verify(&under(&token(&serde_json::from_str(&claims).unwrap())))
    };
    assert_eq!(verdict(&(now + 399 * 86_400).to_string()), Ok(()));
    for far in [(now + 401 * 86_400).to_string(), "253402300799".to_owned()] {
        assert_eq!(verdict(&far), Err(Unverified::Stale), "{far}");
    }
    let unreadable = Err(Unverified::Unreadable("exp".to_owned()));
    let absurd =
        ["1e300", "-1e300", "-1", "9223372036854775807", "18446744073709551615", "true", "\"1\""];
    for exp in absurd {
        assert_eq!(verdict(exp), unreadable, "{exp}");
    }
}

#[test]
fn a_token_for_or_from_another_is_refused_where_the_source_names_them() {
    let pinned = json!({ "scheme": "jwt_header", "header": "vonage-signature", "key": "base64",
        "audience": "bridge", "issuer": "Vonage" });
    let pinned = source(pinned, &[SECRET]);
    let any = source(vonage(), &[SECRET]);
    let body = json!({ "scheme": "jwt_body", "key": "base64", "audience": "bridge" });
    let body = source(body, &[SECRET]);
    let now = NOW.0 / 1_000;
    for (aud, iss, fits) in [
        (json!("bridge"), json!("Vonage"), true),
        (json!(["other", "bridge"]), json!("Vonage"), true),
        (json!("other"), json!("Vonage"), false),
        (json!([]), json!("Vonage"), false),
        (json!(null), json!("Vonage"), false),
        (json!("bridge"), json!("vonage"), false),
        (json!("bridge"), json!(["Vonage"]), false),
        (json!("bridge"), json!(null), false),
    ] {
        let claims =
            json!({ "iat": now, "exp": now + 60, "payload_hash": hash(), "aud": aud, "iss": iss });
        let token = token(&claims);
        let expected = if fits { Ok(()) } else { Err(Unverified::OtherParty) };
        assert_eq!(pinned.verify(&under(&token)), expected, "{claims}");
        assert_eq!(any.verify(&under(&token)), Ok(()), "{claims}");
        let for_us = aud == json!("bridge") || aud == json!(["other", "bridge"]);
        let reported = body.verify(&request(&[("content-type", "application/jwt")], &token));
        assert_eq!(reported.is_ok(), for_us, "{claims}");
    }
    assert!(
        refused(json!({ "scheme": "jwt_body", "issuer": "" }), &["s"]).contains("verify.issuer: ")
    );
}
