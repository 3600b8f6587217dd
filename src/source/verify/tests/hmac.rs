use super::*;

pub(super) fn zoom() -> Value {
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
fn the_bodys_crc32_and_literal_braces_may_stand_in_the_message() {
    // Made by another implementation.
    let signature = "1d81f2fc4e7ace04eb6d9be0dd54f110368eac4f39e8e798d7cb86a7559ae56f";
    let verify = json!({ "scheme": "hmac", "header": "x-s", "algorithm": "sha256", "encoding": "hex",
        "message": r#"{{"sum":{crc32}}}"# });
    let source = source(verify, &["key"]);
    let signed = request(&[("x-s", signature)], r#"{"a":1}"#);
    assert_eq!(source.verify(&signed), Ok(()));
    assert_eq!(source.verify(&tampered(&signed)), Err(Unverified::Wrong));
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
    for nameless in ["second", "c2Vjb25kISE=", "c2Vjb25kIQ=="] {
        let one_for_all = source(by.clone(), &["sub-1=first", nameless]);
        let mut third = unknown.clone();
        one_for_all.sign(&mut third).unwrap();
        assert_eq!(one_for_all.verify(&third), Ok(()));
        assert_eq!(by_subscription.verify(&third), Err(Unverified::UnknownKey));
    }
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
    let reported = refused(verify, &["s"]);
    assert!(reported.contains("verify.header: is not the name of a header"), "{reported}");
    assert!(reported.contains("something in braces"), "{reported}");
    let bodyless = json!({ "scheme": "hmac", "header": "h", "algorithm": "sha512", "encoding": "hex", "message": "x" });
    assert!(refused(bodyless, &["s"]).contains("`{body}`"));
    let unknown = json!({ "scheme": "hmac", "header": "h", "algorithm": "sha512", "encoding": "hex", "mesage": "x" });
    assert!(refused(unknown, &["s"]).contains("mesage"));
    let md5 = json!({ "scheme": "hmac", "header": "h", "algorithm": "md5", "encoding": "hex" });
    assert!(refused(md5, &["s"]).contains("expected one of `sha1`"));
}

fn webex() -> Value {
    json!({ "scheme": "hmac", "header": "x-webexcc-signature", "algorithm": "sha256", "encoding": "hex", "unit": "ms",
        "timestamp": "x-webexcc-timestamp", "timestamp_pointer": "/comciscotimestamp" })
}

#[test]
fn a_time_in_the_signed_body_is_checked_and_no_header_may_contradict_it() {
    let webex = source(webex(), &["s"]);
    for time in ["1795280400250", "\"1795280400250\""] {
        let mut second = request(&[], &format!("{{\"comciscotimestamp\":{time}}}"));
        webex.sign(&mut second).unwrap();
        assert_eq!(second.header("x-webexcc-timestamp"), Some("1795280400250"));
        assert_eq!(webex.verify(&second), Ok(()));
        assert_eq!(webex.verify(&at(&second, NOW.0 + 301_000)), Err(Unverified::Stale));
        let stripped = without(&second, "x-webexcc-timestamp");
        assert_eq!(webex.verify(&at(&stripped, NOW.0 + 301_000)), Err(Unverified::Stale));
        let mut moved = second.clone();
        moved.headers.insert("x-webexcc-timestamp", "1795280700250".parse().unwrap());
        assert_eq!(webex.verify(&moved), Err(Unverified::Wrong));
    }
    let mut first = request(&[], r#"{"id":"version 1 has no time"}"#);
    webex.sign(&mut first).unwrap();
    assert_eq!(webex.verify(&first), Ok(()));
    // Without a time in the body the header's stands in, which can only make the request look older.
    for body in
        [r#"{"id":"x"}"#, r#"{"id":"x","comciscotimestamp":""}"#, r#"{"comciscotimestamp":null}"#]
    {
        let mut second = request(&[], body);
        webex.sign(&mut second).unwrap();
        second.headers.insert("x-webexcc-timestamp", "1795280400250".parse().unwrap());
        assert_eq!(webex.verify(&second), Ok(()), "{body}");
        assert_eq!(webex.verify(&at(&second, NOW.0 + 301_000)), Err(Unverified::Stale), "{body}");
        second.headers.insert("x-webexcc-timestamp", "noon".parse().unwrap());
        assert!(webex.verify(&second).is_err(), "{body}");
    }
}

fn listed() -> Value {
    json!({ "scheme": "hmac", "header": "x-dixa-signature", "algorithm": "sha256", "encoding": "hex", "key": "hex",
        "signature_key": "v1", "timestamp_key": "t", "unit": "ms", "message": "{timestamp}.{body}" })
}

const LISTED_KEY: &str = "00112233445566778899aabbccddeeff";

#[test]
fn a_list_of_parts_has_the_time_and_several_signatures_in_any_order() {
    // Made by another implementation.
    let fits = "06123298b5b0ddfa467a30299346523aae46c2b42636910255a073b0b7c18dd5";
    let other = "00".repeat(32);
    let source = source(listed(), &[LISTED_KEY]);
    let told =
        |header: &str| source.verify(&request(&[("x-dixa-signature", header)], r#"{"a":1}"#));
    for good in [
        format!("t=1795280400000,v1={fits}"),
        format!("v1={other},v1={fits},t=1795280400000"),
        format!("t=1795280400000, v0=x, v1=\"{fits}\""),
        format!("v1={fits} , t=1795280400000,v1={other}"),
    ] {
        assert_eq!(told(&good), Ok(()), "{good}");
    }
    let unreadable = Err(Unverified::Unreadable("x-dixa-signature".to_owned()));
    assert_eq!(told(&format!("t=1795280400001,v1={fits}")), Err(Unverified::Wrong));
    assert_eq!(told(&format!("t=1795280000000,v1={fits}")), Err(Unverified::Stale));
    assert_eq!(
        told(&format!("t=x,v1={fits}")),
        Err(Unverified::Unreadable("timestamp".to_owned()))
    );
    assert_eq!(told(&format!("v1={fits}")), Err(Unverified::Missing("t".to_owned())));
    assert_eq!(told(&format!("t=1795280400000,v1={other}")), Err(Unverified::Wrong));
    assert_eq!(told("t=1795280400000"), unreadable);
    assert_eq!(told(&format!("t=1795280400000;v1={fits}")), unreadable);
    assert_eq!(
        told(&format!("t=1795280400000,{}v1={fits}", format!("v1={other},").repeat(10))),
        unreadable
    );
}

#[test]
fn a_message_may_name_other_parts_and_the_parts_may_be_divided_otherwise() {
    let verify = json!({ "scheme": "hmac", "header": "x-s", "algorithm": "sha512", "encoding": "base64url",
        "signature_key": "sig", "timestamp_key": "ts", "separator": "; ",
        "message": "{part:nonce}:{timestamp}:{body}" });
    let signature =
        "KYaa4cYvuiVYRsdUUS6vx83_27AoJkam9JbwMBTOt9ZrVjhZ2J4liGYXKqZ2UPJIdFPQ9KzAHH17yWPM79HdyA==";
    let source = source(verify.clone(), &["secret-of-32-characters-or-more!"]);
    let told = |header: &str| source.verify(&request(&[("x-s", header)], r#"{"a":1}"#));
    assert_eq!(told(&format!("ts=1795280400; nonce=n-1; sig={signature}")), Ok(()));
    assert_eq!(told(&format!("sig={signature};nonce=\"n-1\";ts=1795280400")), Ok(()));
    assert_eq!(told(&format!("ts=1795280400; nonce=n-2; sig={signature}")), Err(Unverified::Wrong));
    let missing = Err(Unverified::Missing("nonce".to_owned()));
    assert_eq!(told(&format!("ts=1795280400; sig={signature}")), missing);
    let twice = told(&format!("ts=1795280400; nonce=n-1; nonce=n-1; sig={signature}"));
    assert_eq!(twice, missing, "one reader would take another");
    let mut signed = request(&[], r#"{"a":1}"#);
    source.sign(&mut signed).unwrap();
    assert_eq!(source.verify(&signed), Ok(()));
    let with = |key: &str, value: Value| {
        let mut verify = verify.clone();
        verify[key] = value;
        refused(verify, &["secret"])
    };
    for separator in ["", "=", "and", "\"", "----"] {
        assert!(
            with("separator", json!(separator)).contains("verify.separator: is not"),
            "{separator}"
        );
    }
    assert!(with("signature_key", Value::Null).contains("needs `signature_key`"));
    assert!(with("message", json!("{part:}{body}")).contains("{part:NAME}"));
    let jws = json!({ "scheme": "jws_detached", "header": "x", "message": "{body}{part:n}" });
    assert!(refused(jws, &["k"]).contains("is for `hmac`"));
}
