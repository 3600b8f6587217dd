//! Tokens made here, by keys of which the set has the public half, and what has to be refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};

use super::super::super::issuer::{Issuer, IssuerSettings};
use super::super::key_set::KeySet;
use super::*;

const RSA: &str = include_str!("../../../awa/token/tests/key.pem");
const RSA_PUBLIC: &str = include_str!("../../../awa/token/tests/key.pub.pem");

fn ec_key(seed: u8) -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap()
}

fn jwk(seed: u8, id: &str) -> Value {
    let point = ec_key(seed).verifying_key().to_sec1_point(false);
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let bytes = point.as_bytes();
    json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": id, "x": part(&bytes[1..33]), "y": part(&bytes[33..]) })
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed_by_ec(seed: u8, head: &Value, claims: &Value) -> String {
    use p256::ecdsa::signature::Signer as _;
    let message = format!("{}.{}", part(head), part(claims));
    let signature: p256::ecdsa::Signature = ec_key(seed).sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn signed_by_rsa(algorithm: Algorithm, head: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", part(head), part(claims));
    let key = EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap();
    let signature = crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
    format!("{message}.{signature}")
}

const NOW_S: i64 = NOW.0 / 1_000;

fn claims() -> Value {
    json!({ "iss": "https://sts/t", "aud": "app-1", "exp": NOW_S + 300, "nbf": NOW_S - 5, "appid": "grid" })
}

fn bearer() -> Value {
    json!({ "scheme": "jwt_bearer", "issuer": "https://sts/t", "audience": "app-1" })
}

fn with_token(token: &str) -> Request {
    request(&[("authorization", &format!("Bearer {token}"))], r#"{"a":1}"#)
}

fn es256(id: &str) -> Value {
    json!({ "alg": "ES256", "kid": id, "typ": "JWT" })
}

#[test]
fn a_token_fits_by_the_key_that_it_names() {
    let source = source(bearer(), &[&set(&[jwk(1, "one"), jwk(2, "two")]), RSA_PUBLIC]);
    for token in [
        signed_by_ec(1, &es256("one"), &claims()),
        signed_by_ec(2, &es256("two"), &claims()),
        signed_by_ec(2, &json!({ "alg": "ES256" }), &claims()),
        signed_by_rsa(Algorithm::RS256, &json!({ "alg": "RS256", "kid": "any" }), &claims()),
    ] {
        assert_eq!(source.verify(&with_token(&token)), Ok(()), "{token}");
        assert_eq!(source.verify(&request(&[("authorization", &token)], "{}")), Ok(()));
    }
    let crossed = signed_by_ec(2, &es256("one"), &claims());
    assert_eq!(source.verify(&with_token(&crossed)), Err(Unverified::Wrong));
    let only_named = super::source(bearer(), &[&set(&[jwk(1, "one")])]);
    let unknown = signed_by_ec(2, &es256("two"), &claims());
    assert_eq!(only_named.verify(&with_token(&unknown)), Err(Unverified::UnknownTokenKey));
    assert_eq!(
        source.verify(&request(&[], "")),
        Err(Unverified::Missing("authorization".to_owned()))
    );
}

#[test]
fn whatever_is_changed_in_a_token_is_refused() {
    let source = source(bearer(), &[&set(&[jwk(1, "one")])]);
    let token = signed_by_ec(1, &es256("one"), &claims());
    for place in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        // The last character has bits that no byte is made of.
        let same = URL_SAFE_NO_PAD.decode(changed.rsplit('.').next().unwrap())
            == URL_SAFE_NO_PAD.decode(token.rsplit('.').next().unwrap());
        if changed.matches('.').count() == 2 && !(same && place > token.rfind('.').unwrap()) {
            assert!(source.verify(&with_token(&changed)).is_err(), "{place}: {changed}");
        }
    }
    for cut in [0, 1, token.find('.').unwrap(), token.rfind('.').unwrap(), token.len() - 1] {
        assert!(source.verify(&with_token(&token[..cut])).is_err(), "{cut}");
    }
    let mut twice = with_token(&token);
    twice.headers.append("authorization", "Bearer x".parse().unwrap());
    assert_eq!(source.verify(&twice), Err(Unverified::Unreadable("authorization".to_owned())));
}

#[test]
fn an_algorithm_is_the_keys_and_the_profiles_and_never_the_tokens() {
    let source = source(bearer(), &[&set(&[jwk(1, "one")]), RSA_PUBLIC]);
    let hs = |key: &[u8], head: &Value| {
        let message = format!("{}.{}", part(head), part(&claims()));
        let key = EncodingKey::from_secret(key);
        let mac = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{mac}")
    };
    let none = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims()));
    for token in [
        hs(RSA_PUBLIC.as_bytes(), &json!({ "alg": "HS256" })),
        hs(RSA_PUBLIC.as_bytes(), &json!({ "alg": "RS256" })),
        hs(set(&[jwk(1, "one")]).as_bytes(), &json!({ "alg": "HS256", "kid": "one" })),
        hs(b"", &json!({ "alg": "HS256" })),
        none,
        signed_by_rsa(Algorithm::RS512, &json!({ "alg": "RS512" }), &claims()),
        signed_by_rsa(Algorithm::RS256, &json!({ "alg": "ES256", "kid": "one" }), &claims()),
        signed_by_ec(1, &json!({ "alg": "RS256", "kid": "one" }), &claims()),
        signed_by_ec(1, &json!({ "alg": "ES384", "kid": "one" }), &claims()),
        signed_by_ec(1, &json!({ "alg": "ES256", "kid": "one", "crit": ["exp"] }), &claims()),
    ] {
        assert_eq!(source.verify(&with_token(&token)), Err(Unverified::Wrong), "{token}");
    }
    let mut more = bearer();
    more["algorithms"] = json!(["RS512", "PS256"]);
    let source = super::source(more, &[RSA_PUBLIC]);
    for algorithm in [Algorithm::RS512, Algorithm::PS256] {
        let token = signed_by_rsa(algorithm, &json!({ "alg": algorithm }), &claims());
        assert_eq!(source.verify(&with_token(&token)), Ok(()));
    }
    let token = signed_by_rsa(Algorithm::RS256, &json!({ "alg": "RS256" }), &claims());
    assert_eq!(source.verify(&with_token(&token)), Err(Unverified::Wrong));
}

#[test]
fn a_token_of_another_issuer_for_another_or_out_of_its_time_is_refused() {
    let mut spec = bearer();
    spec["claims"] = json!({ "appid": "grid", "roles": "send", "sub": "*" });
    let source = source(spec, &[&set(&[jwk(1, "one")])]);
    let told = |changes: Value| {
        let mut claims = claims();
        claims["roles"] = json!(["read", "send"]);
        claims["sub"] = json!("s");
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        source.verify(&with_token(&signed_by_ec(1, &es256("one"), &claims)))
    };
    assert_eq!(told(json!({})), Ok(()));
    assert_eq!(told(json!({ "aud": ["x", "app-1"] })), Ok(()));
    assert_eq!(told(json!({ "exp": NOW_S - 29 })), Ok(()), "within the leeway");
    assert_eq!(told(json!({ "exp": NOW_S - 31 })), Err(Unverified::Stale));
    assert_eq!(told(json!({ "nbf": NOW_S + 31 })), Err(Unverified::Stale));
    assert_eq!(told(json!({ "exp": NOW_S + 500 * 86_400 })), Err(Unverified::Stale));
    assert_eq!(told(json!({ "exp": null })), Err(Unverified::Missing("exp".to_owned())));
    assert_eq!(told(json!({ "exp": "soon" })), Err(Unverified::Unreadable("exp".to_owned())));
    for other in [
        json!({ "iss": "https://sts/u" }),
        json!({ "iss": null }),
        json!({ "aud": "app-2" }),
        json!({ "aud": [] }),
    ] {
        assert_eq!(told(other), Err(Unverified::OtherParty));
    }
    for (name, value) in [
        ("appid", json!("other")),
        ("appid", json!(null)),
        ("roles", json!(["read"])),
        ("sub", json!("")),
    ] {
        assert_eq!(told(json!({ name: value })), Err(Unverified::Claim(name.to_owned())));
    }
}

#[test]
fn a_hash_of_the_body_among_the_claims_binds_the_token_to_it() {
    use sha2::Digest as _;
    let mut spec = bearer();
    spec["payload_hash"] = json!("body");
    let source = source(spec, &[&set(&[jwk(1, "one")])]);
    let mut claims = claims();
    claims["body"] = json!(hex::encode(sha2::Sha256::digest(r#"{"a":1}"#)));
    let signed = with_token(&signed_by_ec(1, &es256("one"), &claims));
    assert_eq!(source.verify(&signed), Ok(()));
    assert_eq!(source.verify(&tampered(&signed)), Err(Unverified::Wrong));
    let unbound = super::source(bearer(), &[&set(&[jwk(1, "one")])]);
    assert_eq!(
        unbound.verify(&tampered(&signed)),
        Ok(()),
        "a token alone travels with the request"
    );
}

#[test]
fn a_set_has_only_keys_that_can_be_used_as_what_they_are() {
    let mut encrypts = jwk(1, "enc");
    encrypts["use"] = json!("enc");
    let mut other = jwk(1, "alg");
    other["alg"] = json!("HS256");
    let mut curve = jwk(1, "crv");
    curve["crv"] = json!("P-521");
    let mut short = jwk(1, "x");
    short["x"] = json!("AQAB");
    let shared = json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "one" });
    let small = json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 128]), "e": "AQAB" });
    let useless = [encrypts, other, curve, short, shared, small, json!(7), json!({})];
    assert!(
        KeySet::of_jwks(set(&useless).as_bytes()).is_err_and(|why| why.contains("no public key"))
    );
    let with_good: Vec<Value> = useless.into_iter().chain([jwk(1, "one")]).collect();
    assert!(KeySet::of_jwks(set(&with_good).as_bytes()).is_ok());
    assert!(KeySet::of_jwks(set(&vec![jwk(1, "one"); 101]).as_bytes()).is_err());
    for none in ["", "{}", "[]", "{\"keys\":{}}", "<html>"] {
        assert!(KeySet::of_jwks(none.as_bytes()).is_err(), "{none}");
    }
}

#[test]
fn settings_that_would_take_anybody_or_cannot_work_are_refused() {
    let with = |key: &str, value: Value| {
        let mut spec = bearer();
        spec[key] = value;
        refused(spec, &[RSA_PUBLIC])
    };
    assert!(
        with("algorithms", json!(["HS256"])).contains("HS256, which signs with a shared secret")
    );
    assert!(with("algorithms", json!(["none"])).contains("is not a scheme"));
    assert!(with("algorithms", json!([])).contains("verify.algorithms: is empty"));
    assert!(with("issuer", json!("")).contains("verify.issuer: is empty"));
    assert!(with("audience", json!("")).contains("verify.audience: is empty"));
    assert!(with("claims", json!({ "appid": "" })).contains("verify.claims: "));
    assert!(with("jwks_url", json!("https://sts/keys")).contains("exclude each other"));
    assert!(
        refused(json!({ "scheme": "jwt_bearer", "issuer": "i" }), &[RSA_PUBLIC])
            .contains("audience")
    );
    assert!(refused(bearer(), &[]).contains("verify.jwks_url: is missing"));
    assert!(refused(bearer(), &["secret"]).contains("secrets[0]: is neither"));
    for (url, why) in [
        ("http://sts.example.com/keys", "is not https"),
        ("ftp://localhost/keys", "is not https"),
        ("https://user:pw@sts/keys", "a user or a password"),
        ("/keys", "names no host"),
        ("https://st s/keys", "is not a URL"),
    ] {
        let mut spec = bearer();
        spec["jwks_url"] = json!(url);
        assert!(refused(spec, &[]).contains(why), "{url}");
    }
}

#[test]
fn published_keys_are_those_that_were_put_there_last() {
    let mut spec = bearer();
    spec["jwks_url"] = json!("https://sts/keys");
    let source = source(spec, &[]);
    let issuer: &Issuer = source.issuer().unwrap();
    let expected = IssuerSettings {
        url: "https://sts/keys".to_owned(),
        refresh: std::time::Duration::from_secs(3_600),
        pause: std::time::Duration::from_secs(30),
        keep: std::time::Duration::from_secs(86_400),
    };
    assert_eq!(issuer.settings, expected);
    let keys = |seed: u8, id: &str| KeySet::of_jwks(set(&[jwk(seed, id)]).as_bytes());
    let token = |seed: u8, id: &str| with_token(&signed_by_ec(seed, &es256(id), &claims()));
    assert_eq!(source.verify(&token(1, "one")), Err(Unverified::NoKeys));
    let later = crate::clock::instant();
    issuer.put(keys(1, "one"), later);
    assert_eq!(source.verify(&token(1, "one")), Ok(()));
    assert_eq!(source.verify(&token(2, "two")), Err(Unverified::UnknownTokenKey));
    issuer.put(Err("no answer".to_owned()), later);
    assert_eq!(source.verify(&token(1, "one")), Ok(()), "the old ones go on");
    assert_eq!(source.verify(&token(2, "two")), Err(Unverified::NoKeys), "who can tell");
    assert!(issuer.trouble().unwrap().contains("no answer"));
    issuer.put(keys(2, "two"), later);
    assert_eq!(source.verify(&token(2, "two")), Ok(()));
    assert_eq!(source.verify(&token(1, "one")), Err(Unverified::UnknownTokenKey));
    assert_eq!(issuer.trouble(), None);
    issuer.forget();
    assert_eq!(source.verify(&token(2, "two")), Err(Unverified::NoKeys));
}
