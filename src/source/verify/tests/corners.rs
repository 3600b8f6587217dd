//! Known answers for the rarer hashes, keys and times, and what is said of a section that cannot hold.

use super::*;

const P384_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEgmU3V+QodS9nrklrx5qaY7uY3vkloWag\nNAIuKD/oKRqPoVFp1co4xiJS4qP/7/FJXAcftDTlTJ1m4le1cjKG08fvgJffN6e+\n44pIY/UpIg/QCkjW4NGvIa6iMnThFEsO\n-----END PUBLIC KEY-----\n";
const P384_SHA384_DER: &str = "3065023100ff926d721e99ff4ae8bea7bd7bb7bfe296b8572259a628e83ea6c84fc998cc0d2c61f62eeabe13113a9deb765465c63c0230061d0a33dc9c00d729e427bb5a8ff96c705739c57c66c47aed964877285841a34c12d5842946c0b78cb848c9f072e52f";
const ED25519_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEApRBx4ZI8H3kyoquc2MRxM37deMf5BYG/PW3z6jnHUgc=\n-----END PUBLIC KEY-----\n";
const EDDSA: &str = "eyJhbGciOiJFZERTQSJ9..FaL3ChVderGEuZDvQiOZyGB7LrmEBePNK9rMlJzsH6C6Krlmg6jSPgurddJzzg2uEIKcUPfiIiyoj8f5Z06UAQ";
const HEX_KEY: &str = "00112233445566778899aabbccddeeff";
const SHA512: &str = "f3d5549eeb1a5c82c5c05060229df10cbdc55d2edeb17a140460c06264fc60ac9403eb5e295b18b9d54bf3e21afc2f3439f8246da13c30df3bc7f27bd77972ec";
const SIGNED: &str = r#"{"a":1}"#;

#[test]
fn an_hmac_by_sha512_with_a_hex_key_and_a_time_in_milliseconds_fits_its_known_answer() {
    let spec = json!({ "scheme": "hmac", "header": "x-signature", "algorithm": "sha512", "encoding": "hex",
        "message": "{timestamp}.{body}", "timestamp": "x-time", "unit": "ms", "key": "hex" });
    let keyed = source(spec.clone(), &[HEX_KEY]);
    let signed = request(&[("x-signature", SHA512), ("x-time", "1795280400123")], SIGNED);
    assert_eq!(keyed.verify(&signed), Ok(()));
    assert_eq!(keyed.verify(&tampered(&signed)), Err(Unverified::Wrong));
    assert_eq!(keyed.verify(&at(&signed, NOW.0 + 300_124)), Err(Unverified::Stale));
    let mut own = request(&[], SIGNED);
    keyed.sign(&mut own).unwrap();
    assert_eq!(keyed.verify(&own), Ok(()));
    assert!(refused(spec, &["no hex"]).contains("sources.demo.secrets[0]: is not hex"));
}

#[test]
fn a_signature_under_a_name_without_a_time_fits() {
    let spec = json!({ "scheme": "hmac", "header": "x-signature", "algorithm": "sha256", "encoding": "base64",
        "signature_key": "v1" });
    let named = source(spec, &["s"]);
    let mut signed = request(&[], SIGNED);
    named.sign(&mut signed).unwrap();
    assert!(signed.headers["x-signature"].to_str().unwrap().starts_with("v1="));
    assert_eq!(named.verify(&signed), Ok(()));
    assert_eq!(named.verify(&tampered(&signed)), Err(Unverified::Wrong));
}

#[test]
fn ecdsa_by_sha384_and_a_jws_by_eddsa_fit_their_known_answers() {
    let spec = json!({ "scheme": "ecdsa", "header": "x-signature", "algorithm": "sha384" });
    let ecdsa = source(spec, &[P384_PEM]);
    let signed = request(&[("x-signature", P384_SHA384_DER)], SIGNED);
    assert_eq!(ecdsa.verify(&signed), Ok(()));
    assert_eq!(ecdsa.verify(&tampered(&signed)), Err(Unverified::Wrong));
    let jws = source(json!({ "scheme": "jws_detached", "header": "x-jws" }), &[ED25519_PEM]);
    let signed = request(&[("x-jws", EDDSA)], SIGNED);
    assert_eq!(jws.verify(&signed), Ok(()));
    assert_eq!(jws.verify(&tampered(&signed)), Err(Unverified::Wrong));
}

#[test]
fn a_section_that_cannot_hold_is_refused_with_the_reason() {
    let hmac = |more: Value| {
        let mut spec =
            json!({ "scheme": "hmac", "header": "x", "algorithm": "sha256", "encoding": "hex" });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        refused(spec, &["s"])
    };
    for (more, words) in [
        (json!({ "timestamp_key": "t" }), ".verify.timestamp_key: needs `signature_key`"),
        (
            json!({ "timestamp_key": "t", "signature_key": "v", "timestamp_pointer": "/t" }),
            "`timestamp_pointer` and `timestamp_key` exclude each other",
        ),
        (
            json!({ "timestamp_key": "t", "signature_key": "v", "timestamp": "y" }),
            "`timestamp` and `timestamp_key` exclude each other",
        ),
        (json!({ "message": "{timestamp}{body}" }), "`{timestamp}` needs"),
        (json!({ "message": "nothing" }), "leaves out `{body}`"),
    ] {
        assert!(hmac(more.clone()).contains(words), "{more}");
    }
    let field = refused(json!({ "scheme": "field", "pointer": "token" }), &["s"]);
    assert!(field.contains("is not a JSON pointer"), "{field}");
    let basic = refused(json!({ "scheme": "basic", "username": "a:b" }), &["s"]);
    assert!(basic.contains("is empty or holds a colon"), "{basic}");
    let jws = refused(json!({ "scheme": "jws_detached", "header": "no name" }), &[ED25519_PEM]);
    assert!(jws.contains("is not the name of a header"), "{jws}");
}

#[test]
fn a_refusal_names_what_is_missing_and_no_secret() {
    for (refusal, words) in [
        (Unverified::Missing("x-signature".to_owned()), "`x-signature` is missing"),
        (Unverified::Unreadable("x-time".to_owned()), "`x-time` cannot be read"),
        (Unverified::Stale, "check this machine's clock"),
        (Unverified::Wrong, "fits none of the secrets"),
        (Unverified::UnknownKey, "no secret is configured"),
    ] {
        assert!(refusal.to_string().contains(words), "{refusal}");
    }
}
