//! Signatures made once by another implementation, over the body of `SIGNED`.

use super::*;

const SIGNED: &str = r#"{"a":1}"#;
pub(super) const RSA_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAo1NgVotDSy3LgJ8wYqk0\n9pcq0GM7732vWfmfB/3UGBz+N5X3oo18OlQCq9V2FA1PNR/0vu8cUO0ZbjpIdg+Z\n0eiii+vnqKW+v5//V+he8fUl9oxW1/x9bX0Djqu0WYd8PPMCtqZ+4Ia+ATfgGOPv\n7Bo8C8t0fQ959kFqXOFf9NFzv1q2kmE0hcVxrtbf9CDymKH5PLmu/MEiKbddpqfR\n4eSfSWYo/DrGJ6uw4wdwGIW4ewmgTJYWYj6Qw6hRF3S4mR+P36652h7npywJFrFm\n9WpBACb4SV1HBbLWn24jGP59xxsZpsJlHzgU141nDf1OA/Ni9JRnpqO6SfM92Vd5\nxwIDAQAB\n-----END PUBLIC KEY-----\n";
pub(super) const P256_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEwiWBrdQkY5nEqG6BvjfJCkttOcIY\nfpM/WbfxzE5PRCalkmwyfkn7Ru3C7NJBQ/Yib1tY560KNx6rgih7nknB3Q==\n-----END PUBLIC KEY-----\n";
const P384_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAENc0Z8zyRo+la2zT9S1cR8DT0SahayGlG\nHQn7XVHoGs+eUS+zoYBYCSZzczZ9AN3n1rP0b/81eb9ToObXuiytZWx9CzoKhXD/\naT5A7scryC9ExgSCIx4swY/GR05uEhaK\n-----END PUBLIC KEY-----\n";
const RS256: &str = "eyJhbGciOiJSUzI1NiJ9..WgeQsqo6vF-f4RHwCAH93RynWC02qnQ-Avzx6FSpsm9uQ1aiyuNFvwQCOCHDiflClSoayHSiEBvR49Mwj2hh1YCGYxDqZ4rQ0nBfPn9yZZVwI8PqHB6cvyxKxpPf42NmUGAPg_KejDNuMvFTxmb_1tnRPMy89B3ItBYjyh6w2z8UYiHnbsLzgxT5uCE_Is8_S9IHhgHWyjH5h0K-TWu2-kvNaPIq6pLXDFNv7AA4RWaRaI7H16ZhVGqyPhHvf4IlrzBo5i6Fu2S7_imq-nuMJMaNGmEmiKEVCJnp6iDCAKIe9CmQGydnJjssTOXP9GdStcmlWduyc63aAZj-kbUJSg";
const PS256: &str = "eyJhbGciOiJQUzI1NiJ9..BGQ61wg7bf2M1WkEpOeFk19V-DR01MLI0oF6ooOrve_qI44yicKBbtlabYdJ9beFPhe7jC86QXvyWZkPVO4ZNuLMi7BrUHg7z0qB01aABx0xh7AZ1fibP6mJwOfmJospj3Uzr1U23EGI2Nx9FN6KKqcmR2s6bMv7z8tbXvp3uMgFmu_v_PHMXMgm3rL1maka5neJ32ZCf7OkNX1pFA1Yc29uiM9IlNlClH9-lbFCXpSRXXeJAKrQnS19RcvRzG5-peLkl0BDsror2Ql7FMUJvziWFc4-ldovlZHRSxrkNy8PBZQWyYpX7oVuFNA5oO3Y-YuIkSfJlxFx-bwqQdT7uQ";
const ES256: &str = "eyJhbGciOiJFUzI1NiJ9..CrrhInJH3S6d-TN6OzjY65EIjBGo30HwldD_YmmVQc9m9HxFp4sQwtdIq9bmfRxJ-Jt8JNlc8XLOMr3Ft0-fSw";
const ES384: &str = "eyJhbGciOiJFUzM4NCJ9..LnRZ7tf4yGcgQUa1xhi7LSk0zw-3vuCay4rm3I-wuyyTJGBqICndkinnAbP-hi9HjI14ZP2sEFLqpWhtuq8l0R5tuUY8gPbWjFHcUugyGbbckgefojOPeGfOhe9yHuxm";
const ES256_UNENCODED: &str = "eyJhbGciOiJFUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..YccwkdC4xMq20CGoplbfjdA8lmxxypBioKI3_0NY5L7Asw_JjG-Id3RKi7K1Im4QdfpyvRfHD7HtMZZ9Atx3ZQ";
const ES256_CRITICAL: &str = "eyJhbGciOiJFUzI1NiIsImNyaXQiOlsiZXhwIl0sImV4cCI6MX0..aBtK3DQEAVOwIbXPpAZkvoStxaMbVDKE3m_hWXqqzGHff8c-pBp0ScWJHZoykAEx9l8Uyi19jrs7THwFxBdDfg";
const NONE: &str = "eyJhbGciOiJub25lIn0..";
const HS256_OF_RSA_PEM: &str = "eyJhbGciOiJIUzI1NiJ9..T8WPQx6N-PwwX3PbAEchWgyOMnPIEqlEIyCLGTYV76o";
const HS256_OF_P256_PEM: &str = "eyJhbGciOiJIUzI1NiJ9..RZUyDst0G408sxjKZelMhbfN_kldH-k79cpjTQRTBTI";
const P256_SHA512_DER: &str = "3046022100b7501e1b7486ed328212ed990c4be7beedb602667b36d91d13712c3dec4b856f022100ca7167ba41cba6896fbec6f4328fd63c3fbc316c7475daef9c12e960cfcd7093";
const P256_SHA512_FIXED: &str = "b7501e1b7486ed328212ed990c4be7beedb602667b36d91d13712c3dec4b856fca7167ba41cba6896fbec6f4328fd63c3fbc316c7475daef9c12e960cfcd7093";
const P384_SHA512_DER: &str = "3065023100a3f366190d00e370610dba21375373418ae83165a4c7260770f4e65710b4439de09ff2d99d78ba683846ab0bfc327b6302300abbae84f14c9aa68b24d8cf81f643b6fc8691755dc3a8720d90bc696d41bd2bacfa8823ba7d76f61fbd8cb6d7389f3e";
const P256_SHA256_BASE64: &str = "MEQCIAt1zSdQDrzQ+pj3vSN/qdINQ2FKsL4FPSqKzAFztAI7AiA4T7fnrWNPrupy9diBmBooh00ZErpBSZaYo56UXHlP0Q==";

fn jws() -> Value {
    json!({ "scheme": "jws_detached", "header": "x-8x8-signature" })
}

fn under(header: &str, signature: &str) -> Request {
    request(&[(header, signature)], SIGNED)
}

#[test]
fn a_detached_jws_fits_under_every_asymmetric_algorithm_and_any_of_several_keys() {
    let source = source(jws(), &[P384_PEM, RSA_PEM, P256_PEM]);
    for signature in [RS256, PS256, ES256, ES384, ES256_UNENCODED] {
        let signed = under("x-8x8-signature", signature);
        assert_eq!(source.verify(&signed), Ok(()), "{signature}");
        assert_eq!(source.verify(&tampered(&signed)), Err(Unverified::Wrong), "{signature}");
    }
    let missing = Unverified::Missing("x-8x8-signature".to_owned());
    assert_eq!(source.verify(&request(&[], SIGNED)), Err(missing));
}

#[test]
fn a_detached_jws_never_becomes_an_hmac_nor_none_nor_what_its_key_is_not() {
    let source = source(jws(), &[RSA_PEM, P256_PEM]);
    for wrong in [NONE, HS256_OF_RSA_PEM, HS256_OF_P256_PEM, ES256_CRITICAL, ES384] {
        let refused = source.verify(&under("x-8x8-signature", wrong));
        assert_eq!(refused, Err(Unverified::Wrong), "{wrong}");
    }
    let only_rsa = verified_source(jws(), &[RSA_PEM]).unwrap();
    assert_eq!(only_rsa.verify(&under("x-8x8-signature", ES256)), Err(Unverified::Wrong));
    for unreadable in ["", "a.b", "a.b.c.d", "!..AAAA"] {
        let reported = source.verify(&under("x-8x8-signature", unreadable));
        assert_eq!(reported, Err(Unverified::Unreadable("x-8x8-signature".to_owned())));
    }
}

#[test]
fn a_jws_that_brings_its_payload_has_to_bring_the_body() {
    let source = source(jws(), &[P256_PEM]);
    let with = |payload: &str| ES256.replacen("..", &format!(".{payload}."), 1);
    assert_eq!(source.verify(&under("x-8x8-signature", &with("eyJhIjoxfQ"))), Ok(()));
    let other = source.verify(&under("x-8x8-signature", &with("eyJhIjoyfQ")));
    assert_eq!(other, Err(Unverified::Wrong));
}

/// The body and headers of a chat webhook as 8x8 documents them.
fn chat() -> Request {
    let headers = [
        ("x-8x8-customer-id", "vccC8ProdChecksUS"),
        ("x-8x8-event-id", "g4nqGuj8TpCa6tiZ3DeeNw"),
        ("x-8x8-retry", "0"),
        ("x-8x8-tenant-id", "vccC8ProdChecksUS"),
        ("x-8x8-transmission-time", "1629804577296"),
    ];
    request(&headers, r#"{"eventType":"QUEUED","conversationId":"Aka5NMHU8MtIG7lUQOxI0DTOvM4"}"#)
}

/// The request with the header that an RSA key makes of this payload.
fn signed_by(key: &str, header: &str, payload: &str, request: &Request) -> Request {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let protected = URL_SAFE_NO_PAD.encode(header);
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(key.as_bytes()).unwrap();
    let message = format!("{protected}.{payload}");
    let rs256 = jsonwebtoken::Algorithm::RS256;
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, rs256).unwrap();
    let mut request = request.clone();
    let value = format!("{protected}..{signature}").parse().unwrap();
    request.headers.insert("x-8x8-signature", value);
    request
}

const KEY: &str = include_str!("../../../awa/token/tests/key.pem");
const KEY_PUBLIC: &str = include_str!("../../../awa/token/tests/key.pub.pem");
const UNENCODED: &str = r#"{"b64":false,"crit":["b64"],"kid":"key1","alg":"RS256"}"#;

#[test]
fn a_detached_jws_over_a_composed_text_depends_on_the_body_and_every_header_in_it() {
    let verify = json!({ "scheme": "jws_detached", "header": "x-8x8-signature", "message":
        r#"{{"checksum":{crc32},"cid":"{header:x-8x8-customer-id}","eid":"{header:x-8x8-event-id}","retry":{header:x-8x8-retry},"tid":"{header:x-8x8-tenant-id}","tt":{header:x-8x8-transmission-time}}}"# });
    let source = source(verify, &[RSA_PEM, KEY_PUBLIC]);
    // The checksum is another implementation's.
    let payload = r#"{"checksum":1864340616,"cid":"vccC8ProdChecksUS","eid":"g4nqGuj8TpCa6tiZ3DeeNw","retry":0,"tid":"vccC8ProdChecksUS","tt":1629804577296}"#;
    let signed = signed_by(KEY, UNENCODED, payload, &chat());
    assert_eq!(source.verify(&signed), Ok(()));
    assert_eq!(source.verify(&tampered(&signed)), Err(Unverified::Wrong));
    for (name, _) in chat().headers.iter() {
        let mut other = signed.clone();
        other.headers.insert(name, "1".parse().unwrap());
        assert_eq!(source.verify(&other), Err(Unverified::Wrong), "{name}");
        let missing = Err(Unverified::Missing(name.to_string()));
        assert_eq!(source.verify(&without(&signed, name.as_str())), missing);
    }
    let over_the_body = signed_by(
        KEY,
        UNENCODED,
        r#"{"eventType":"QUEUED","conversationId":"Aka5NMHU8MtIG7lUQOxI0DTOvM4"}"#,
        &chat(),
    );
    assert_eq!(source.verify(&over_the_body), Err(Unverified::Wrong));
}

#[test]
fn a_composed_text_is_also_taken_encoded_and_with_the_body_in_it() {
    let message = "{header:x-8x8-retry}.{body}";
    let verify =
        json!({ "scheme": "jws_detached", "header": "x-8x8-signature", "message": message });
    let source = source(verify, &[KEY_PUBLIC]);
    let request = Request { body: "{}".into(), ..chat() };
    // Base64url of `0.{}`.
    let signed = signed_by(KEY, r#"{"alg":"RS256"}"#, "MC57fQ", &request);
    assert_eq!(source.verify(&signed), Ok(()));
    assert_eq!(source.verify(&tampered(&signed)), Err(Unverified::Wrong));
    let in_the_open = signed_by(KEY, UNENCODED, "0.{}", &request);
    assert_eq!(source.verify(&in_the_open), Ok(()));
}

#[test]
fn a_template_that_is_none_is_refused_with_what_to_write() {
    for scheme in [
        json!({ "scheme": "jws_detached", "header": "x" }),
        json!({ "scheme": "hmac", "header": "x", "algorithm": "sha256", "encoding": "hex" }),
    ] {
        let reported = |message: &str| {
            let mut scheme = scheme.clone();
            scheme["message"] = message.into();
            let secret = if scheme["scheme"] == "hmac" { "s" } else { KEY_PUBLIC };
            verified_source(scheme, &[secret]).map_or_else(
                |problems| problems.iter().map(ToString::to_string).collect::<String>(),
                |_| String::new(),
            )
        };
        assert_eq!(reported(r#"{{"a":{crc32}}}"#), "");
        assert_eq!(reported("}}{{{body}{{"), "");
        assert!(
            reported(r#"{"a":{crc32}}"#)
                .contains("a brace that stands for itself is written twice")
        );
        assert!(reported("{body").contains("a `{` without its `}`"));
        assert!(
            reported("{body}}")
                .contains("a `}` without its `{`; one that stands for itself is written `}}`")
        );
        assert!(reported("{{body}}").contains("leaves out `{body}`"));
        assert!(reported("{header:x}").contains("leaves out `{body}`"));
        assert!(reported("{timestamp}{body}").contains("`{timestamp}`"));
    }
}

#[test]
fn ecdsa_over_sha512_fits_as_der_and_as_two_numbers_on_both_curves() {
    let verify = json!({ "scheme": "ecdsa", "header": "x-hub-ecdsa-signature" });
    let source = source(verify, &[P384_PEM, P256_PEM]);
    for signature in [P256_SHA512_DER, P256_SHA512_FIXED, P384_SHA512_DER] {
        let signed = under("x-hub-ecdsa-signature", signature);
        assert_eq!(source.verify(&signed), Ok(()), "{signature}");
        assert_eq!(source.verify(&tampered(&signed)), Err(Unverified::Wrong));
    }
    let truncated = under("x-hub-ecdsa-signature", &P256_SHA512_DER[..40]);
    assert_eq!(source.verify(&truncated), Err(Unverified::Wrong));
    let unreadable = Unverified::Unreadable("x-hub-ecdsa-signature".to_owned());
    assert_eq!(source.verify(&under("x-hub-ecdsa-signature", "xyz")), Err(unreadable));
    assert_eq!(source.sign(&mut under("x", "y")), Err(Unsignable));
}

#[test]
fn ecdsa_takes_another_hash_encoding_and_prefix() {
    let verify = json!({ "scheme": "ecdsa", "header": "x-s", "algorithm": "sha256", "encoding": "base64", "prefix": "v1=" });
    let source = source(verify, &[P256_PEM]);
    let signed = under("x-s", &format!("v1={P256_SHA256_BASE64}"));
    assert_eq!(source.verify(&signed), Ok(()));
}

#[test]
fn what_is_no_public_key_is_told_by_its_place_only() {
    let private = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for verify in [jws(), json!({ "scheme": "ecdsa", "header": "x" })] {
        for wrong in ["not-a-key", private] {
            let reported = refused(verify.clone(), &[P256_PEM, wrong]);
            assert!(reported.contains("secrets[1]: is not a public key"), "{reported}");
            assert!(!reported.contains("AAAA") && !reported.contains("not-a-key"), "{reported}");
        }
    }
}

#[test]
fn an_unencoded_payload_is_only_taken_where_crit_names_it() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use p256::ecdsa::signature::Signer as _;
    use p256::pkcs8::EncodePublicKey as _;

    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let public = p256::PublicKey::from(key.verifying_key());
    let public = public.to_public_key_pem(Default::default()).unwrap();
    let source = source(jws(), &[&public]);
    for (header, encoded, fits) in [
        (r#"{"alg":"ES256"}"#, true, true),
        (r#"{"alg":"ES256","b64":true}"#, true, true),
        (r#"{"alg":"ES256","b64":true,"crit":["b64"]}"#, true, true),
        (r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#, false, true),
        (r#"{"alg":"ES256","b64":false}"#, false, false),
        (r#"{"alg":"ES256","b64":false,"crit":[]}"#, false, false),
        (r#"{"alg":"ES256","b64":false,"crit":["exp"],"exp":1}"#, false, false),
        (r#"{"alg":"ES256","b64":false,"crit":["b64","b64"]}"#, false, false),
        (r#"{"alg":"ES256","crit":["b64"]}"#, true, false),
        (r#"{"alg":"ES256","crit":[]}"#, true, false),
    ] {
        let protected = URL_SAFE_NO_PAD.encode(header);
        let payload = URL_SAFE_NO_PAD.encode(SIGNED);
        let payload = if encoded { payload.as_str() } else { SIGNED };
        let signature: p256::ecdsa::Signature =
            key.sign(format!("{protected}.{payload}").as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
        let reported =
            source.verify(&under("x-8x8-signature", &format!("{protected}..{signature}")));
        assert_eq!(reported.is_ok(), fits, "{header}: {reported:?}");
    }
}
