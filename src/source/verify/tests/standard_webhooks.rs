use super::*;

pub(super) const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub(super) fn standard() -> Value {
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
    let reported = refused(standard(), &[WHSEC, "not a key!"]);
    assert!(reported.contains("secrets[1]: is not `whsec_`"), "{reported}");
    assert!(!reported.contains("not a key!"), "{reported}");
}
