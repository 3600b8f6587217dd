use serde_json::json;

use super::*;

#[test]
fn the_token_endpoints_error_is_a_word_and_a_sentence() {
    let words =
        Words::of(&json!({ "error": "invalid_client", "error_description": "access_denied" }));
    assert!(words.failed);
    assert_eq!(words.verbatim(), "invalid_client: access_denied");
}

#[test]
fn long_and_many_lined_texts_are_tidied() {
    let words =
        Words::of(&json!({ "error": { "message": format!("a\n\tb\u{7}{}", "x".repeat(5_000)) } }));
    assert!(words.verbatim().starts_with("a bx"));
    assert_eq!(words.verbatim().chars().count(), 300);
}

#[test]
fn dates_of_http_are_read() {
    assert_eq!(
        http_date("Sat, 21 Nov 2026 16:00:00 GMT"),
        UnixMillis::from_rfc3339("2026-11-21T16:00:00Z")
    );
    assert_eq!(http_date("yesterday"), None);
}

#[test]
fn the_headers_that_matter_are_taken() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "Application/JSON; charset=UTF-8"),
        ("retry-after", " 30 "),
        ("date", "Sat, 21 Nov 2026 16:00:00 GMT"),
        ("x-mfa_token", "invalid"),
        ("x-total-count", "7"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let received = Received::new(200, &headers);
    assert_eq!(received.content_type, "application/json; charset=utf-8");
    assert_eq!(received.retry_after.as_deref(), Some("30"));
    assert!(received.date.is_some() && received.mfa);
    assert_eq!(received.total, Some(7));
}
