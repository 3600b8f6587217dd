//! Basic, API key, OAuth.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

/// RS256 key, made for this test; its private half is gone.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAnfQ+OPDwhi3ZpK9NmR19\n\
uylUQG/En0GCFewspTvS/55ePJVWGFC/vxmki4JrwI9xec2orQWlSCX+H88sVaBd\n\
Hr+R9lmHXMnKNJTPUCwYdDQZYAYaEHqlxNJmIZy4EYAtPwoSLiBJgij7M+bTxWHS\n\
DZP1xISSsWvDPtdmNQJVb01q5+C3yOFVdBMgtHtf8xKOyZL0iyyoB3oxtFIaKD9t\n\
CY0MdoIHZoeeWO5ZMLN5yxP2WJ075BaPgVEmsOP7OjfGxG1ffVvfr8UdpiTTiKGo\n\
CkFHQKclArq63mCkB7ZtmsfYrsUgA/68VHj1RP4sCu4Q9MK1NWWybGEHFtSKiVmO\n\
1wIDAQAB\n\
-----END PUBLIC KEY-----\n";
/// Signed with it: iss and aud `c`, sub the integration user, exp 2100.
const SIGNED: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJjIiwiYXVkIjoiYyIsInN1YiI6ImIyMWQ2ZTAwODd\
    iZDUyMTBiZTA3MGQ0OGRhYmIzNWFhIiwiZXhwIjo0MTAyNDQ0ODAwfQ.EqFuyxet2wCZ8AIxP7mNvr9hi88GK5kZ\
    BEvrgMFqjaoxI8cEag_sz1djqKS5tQttEAkr6yG9R0WbLOHuUwhRSAKuCrChI8kEJmXfrgOrN0i1SefRK_SpwIem\
    VRo-CYPO7MC9zpNaTsAV7kUKvMdvusZbvBuiQaGsLxCLxQ3WN5JKKVt1k54aVt-G9m1HuS96J21XkrmGceAL3p05\
    7OuR6nOzDfpvQ_ZpeYjyot4UNXGMjDeHEcBIVm1Gziw7TGaD95Dw9SptpUOG8OcoZEALmpds7J66UspybDikqGFs\
    zXLyZPWvWf1VBPS1zjxYHvS4BPDnn1TqAIGRcgC9wsMKfA";

async fn token(bench: &Bench, form: &str) -> (u16, Value) {
    let request = bench.client.post(format!("{}/oauth_token.do", bench.sandbox.url()));
    let form_type = "application/x-www-form-urlencoded";
    let response =
        request.header(CONTENT_TYPE, form_type).body(form.to_owned()).send().await.unwrap();
    (response.status().as_u16(), body_of(response).await)
}

async fn offer_with_token(bench: &Bench, token: &Value) -> u16 {
    let token = token["access_token"].as_str().unwrap();
    bench.anonymous_offer().bearer_auth(token).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn without_good_credentials_the_answer_is_the_platforms_401() {
    let bench = bench_with(Access::nobody().with_password("bridge", "right")).await;
    for request in [bench.anonymous_offer(), bench.offer()] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], "BASIC realm=\"Service-now\"");
        let expected = json!({
            "error": {
                "message": "User Not Authenticated",
                "detail": "Required to provide Auth information",
            },
            "status": "failure",
        });
        assert_eq!(body_of(response).await, expected);
    }
    let right = bench.anonymous_offer().basic_auth("bridge", Some("right"));
    assert_eq!(right.send().await.unwrap().status(), 200);
    let call = bench.last_call();
    assert_eq!(call.caller, Some(id(CALLER)));
    assert_eq!(call.header("authorization"), Some("…"));
}

#[tokio::test]
async fn an_api_key_is_a_caller() {
    let bench = bench_with(Access::nobody().with_api_key("k-1", "bridge")).await;
    let wrong = bench.anonymous_offer().header("x-sn-apikey", "k-2").send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    let right = bench.anonymous_offer().header("x-sn-apikey", "k-1").send().await.unwrap();
    assert_eq!(right.status(), 200);
}

#[tokio::test]
async fn client_credentials_give_a_token_without_refresh_token() {
    let access = Access::nobody()
        .with_client("good", "s", Some("bridge"))
        .with_client("userless", "s", None);
    let bench = bench_with(access).await;
    let form =
        |client: &str| format!("grant_type=client_credentials&client_id={client}&client_secret=s");
    let (status, answer) = token(&bench, &form("good")).await;
    assert_eq!((status, answer["expires_in"].as_u64()), (200, Some(1799)));
    assert!(answer["refresh_token"].is_null());
    assert_eq!(offer_with_token(&bench, &answer).await, 200);

    bench.sandbox.with_access(Access::revoke_tokens);
    assert_eq!(offer_with_token(&bench, &answer).await, 401);

    let (status, answer) = token(&bench, &form("userless")).await;
    let why = json!("access_denied: no OAuth application user set");
    assert_eq!((status, &answer["error_description"]), (401, &why));
    assert_eq!(token(&bench, &form("nobody")).await.1["error"], json!("invalid_client"));
    assert!(bench.sandbox.calls_to(Endpoint::Token).iter().all(|call| call.body.is_none()));
}

#[tokio::test]
async fn a_password_token_can_be_refreshed_and_runs_out() {
    let access = Access::nobody()
        .with_password("bridge", "p")
        .with_client("c", "s", None)
        .with_token_seconds(60);
    let bench = bench_with(access).await;
    let form = "grant_type=password&client_id=c&client_secret=s&username=bridge&password=p";
    let (_, first) = token(&bench, form).await;
    assert_eq!(offer_with_token(&bench, &first).await, 200);
    bench.sandbox.with_world(|world| world.switches.clock_offset_ms = 61_000);
    assert_eq!(offer_with_token(&bench, &first).await, 401);

    let refresh_token = first["refresh_token"].as_str().unwrap();
    let form = format!(
        "grant_type=refresh_token&client_id=c&client_secret=s&refresh_token={refresh_token}"
    );
    let (_, second) = token(&bench, &form).await;
    assert_eq!(offer_with_token(&bench, &second).await, 200);
    let wrong = "grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=x";
    let (status, answer) = token(&bench, wrong).await;
    assert_eq!((status, &answer["error"]), (401, &json!("invalid_grant")));
    let (status, answer) = token(&bench, "grant_type=x&client_id=c&client_secret=s").await;
    assert_eq!((status, &answer["error"]), (400, &json!("unsupported_grant_type")));
}

#[tokio::test]
async fn a_jwt_bearer_needs_its_claims_and_time_left() {
    let bench = bench_with(Access::nobody().with_client("c", "s", None)).await;
    let form = |claims: &Value| {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let jwt = format!("{}.{}.c2ln", part(&json!({ "alg": "RS256" })), part(claims));
        let kind = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        format!("grant_type={kind}&client_id=c&client_secret=s&assertion={jwt}")
    };
    let soon = clock::now().0 / 1000 + 60;
    let good = json!({ "iss": "c", "aud": "c", "sub": CALLER, "exp": soon });
    let (status, answer) = token(&bench, &form(&good)).await;
    assert_eq!(status, 200);
    assert_eq!(offer_with_token(&bench, &answer).await, 200);
    let bad = [
        json!({ "iss": "c", "aud": "c", "sub": CALLER, "exp": soon - 120 }),
        json!({ "iss": "c", "sub": CALLER, "exp": soon }),
        json!({ "iss": "c", "aud": "c", "sub": "stranger", "exp": soon }),
    ];
    for claims in bad {
        assert_eq!(token(&bench, &form(&claims)).await.0, 401, "{claims}");
    }
}

#[tokio::test]
async fn with_a_public_key_the_signature_of_a_jwt_counts() {
    let access = Access::nobody().with_client("c", "s", None).with_jwt_key(PUBLIC_KEY);
    let bench = bench_with(access).await;
    let form = |jwt: &str| {
        let kind = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        format!("grant_type={kind}&client_id=c&client_secret=s&assertion={jwt}")
    };
    assert_eq!(token(&bench, &form(SIGNED)).await.0, 200);
    let (claims, _) = SIGNED.rsplit_once('.').unwrap();
    assert_eq!(token(&bench, &form(&format!("{claims}.c2ln"))).await.0, 401);
}
