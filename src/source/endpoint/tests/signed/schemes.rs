use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use sha2::{Digest as _, Sha256};

use super::super::*;

fn signing_key() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

/// How a request is signed: as the source itself does, or with a key that only a vendor has.
pub(super) enum Signed {
    ByTheSource,
    AsJws,
    AsEcdsa,
    AsBearer,
}

/// A `[verify]` in place of the profile's, with its secret; none = the profile's own.
pub(super) fn schemes() -> Vec<(Option<Value>, String, Signed)> {
    let hmac = |message: &str| {
        Some(json!({ "scheme": "hmac", "header": "x-s", "algorithm": "sha256", "encoding": "hex",
            "message": message, "timestamp": "x-ts" }))
    };
    let public = p256::PublicKey::from(signing_key().verifying_key());
    let public = public.to_public_key_pem(Default::default()).unwrap();
    let of_text = |verify| (verify, "c2VjcmV0".to_owned(), Signed::ByTheSource);
    vec![
        of_text(None),
        of_text(hmac("{timestamp}{body}")),
        of_text(hmac("{header:x-ts}{header:x-id}.{header:content-type}{crc32}")),
        of_text(Some(json!({ "scheme": "standard_webhooks" }))),
        of_text(Some(json!({ "scheme": "twilio" }))),
        of_text(Some(json!({ "scheme": "jwt_header", "header": "x-jwt" }))),
        of_text(Some(json!({ "scheme": "jwt_body" }))),
        (
            Some(json!({ "scheme": "jws_detached", "header": "x-jws" })),
            public.clone(),
            Signed::AsJws,
        ),
        (
            Some(json!({ "scheme": "ecdsa", "header": "x-ec", "algorithm": "sha256" })),
            public.clone(),
            Signed::AsEcdsa,
        ),
        (
            Some(
                json!({ "scheme": "jwt_bearer", "issuer": "i", "audience": "a", "payload_hash": "body" }),
            ),
            public,
            Signed::AsBearer,
        ),
    ]
}

impl Signed {
    pub(super) fn sign(&self, source: &Source, request: &mut Request) -> Option<()> {
        let key = signing_key();
        match self {
            Self::ByTheSource => return source.sign(request).ok(),
            Self::AsJws => {
                let protected = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#);
                let payload = URL_SAFE_NO_PAD.encode(&request.body);
                let signature: Signature = key.sign(format!("{protected}.{payload}").as_bytes());
                let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
                let value = format!("{protected}..{signature}").parse().unwrap();
                request.headers.insert("x-jws", value);
            }
            Self::AsEcdsa => {
                let signature: Signature = key.sign(&request.body);
                let value = hex::encode(signature.to_bytes()).parse().unwrap();
                request.headers.insert("x-ec", value);
            }
            Self::AsBearer => {
                let hash = hex::encode(Sha256::digest(&request.body));
                let exp = request.received_at.0 / 1_000 + 60;
                let claims = json!({ "iss": "i", "aud": "a", "exp": exp, "body": hash });
                let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#);
                let message = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
                let signature: Signature = key.sign(message.as_bytes());
                let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
                let value = format!("Bearer {message}.{signature}").parse().unwrap();
                request.headers.insert("authorization", value);
            }
        }
        Some(())
    }
}
