//! Basic, OAuth.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

async fn token(fixture: &Fixture, form: &str) -> (u16, Value) {
    let request = fixture.client.post(format!("{}/oauth_token.do", fixture.sandbox.url()));
    let form_type = "application/x-www-form-urlencoded";
    let response =
        request.header(CONTENT_TYPE, form_type).body(form.to_owned()).send().await.unwrap();
    (response.status().as_u16(), body_of(response).await)
}

async fn offer_with_token(fixture: &Fixture, token: &Value) -> u16 {
    let token = token["access_token"].as_str().unwrap();
    fixture.anonymous_offer().bearer_auth(token).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn without_good_credentials_the_answer_is_the_platforms_401() {
    let fixture = fixture_with(Access::nobody().with_password("bridge", "right")).await;
    for request in [fixture.anonymous_offer(), fixture.offer()] {
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
    let right = fixture.anonymous_offer().basic_auth("bridge", Some("right"));
    assert_eq!(right.send().await.unwrap().status(), 200);
    let call = fixture.last_call();
    assert_eq!(call.caller, Some(id(CALLER)));
    assert_eq!(call.header("authorization"), Some("…"));
}

#[tokio::test]
async fn client_credentials_give_a_token_without_refresh_token() {
    let access = Access::nobody()
        .with_client("good", "s", Some("bridge"))
        .with_client("userless", "s", None);
    let fixture = fixture_with(access).await;
    let form =
        |client: &str| format!("grant_type=client_credentials&client_id={client}&client_secret=s");
    let (status, answer) = token(&fixture, &form("good")).await;
    assert_eq!((status, answer["expires_in"].as_u64()), (200, Some(1799)));
    assert!(answer["refresh_token"].is_null());
    assert_eq!(offer_with_token(&fixture, &answer).await, 200);

    fixture.sandbox.with_access(Access::revoke_tokens);
    assert_eq!(offer_with_token(&fixture, &answer).await, 401);

    let (status, answer) = token(&fixture, &form("userless")).await;
    let why = json!("access_denied: no OAuth application user set");
    assert_eq!((status, &answer["error_description"]), (401, &why));
    assert_eq!(token(&fixture, &form("nobody")).await.1["error"], json!("invalid_client"));
    assert!(fixture.sandbox.calls_to(Endpoint::Token).iter().all(|call| call.body.is_none()));
}

#[tokio::test]
async fn a_password_token_can_be_refreshed_and_runs_out() {
    let access = Access::nobody()
        .with_password("bridge", "p")
        .with_client("c", "s", None)
        .with_token_seconds(60);
    let fixture = fixture_with(access).await;
    let form = "grant_type=password&client_id=c&client_secret=s&username=bridge&password=p";
    let (_, first) = token(&fixture, form).await;
    assert_eq!(offer_with_token(&fixture, &first).await, 200);
    fixture.sandbox.with_world(|world| world.switches.clock_offset_ms = 61_000);
    assert_eq!(offer_with_token(&fixture, &first).await, 401);

    let refresh_token = first["refresh_token"].as_str().unwrap();
    let form = format!(
        "grant_type=refresh_token&client_id=c&client_secret=s&refresh_token={refresh_token}"
    );
    let (_, second) = token(&fixture, &form).await;
    assert_eq!(offer_with_token(&fixture, &second).await, 200);
    let wrong = "grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=x";
    let (status, answer) = token(&fixture, wrong).await;
    assert_eq!((status, &answer["error"]), (401, &json!("invalid_grant")));
    let (status, answer) = token(&fixture, "grant_type=x&client_id=c&client_secret=s").await;
    assert_eq!((status, &answer["error"]), (400, &json!("unsupported_grant_type")));
}

#[tokio::test]
async fn a_jwt_bearer_needs_its_claims_and_time_left() {
    let fixture = fixture_with(Access::nobody().with_client("c", "s", None)).await;
    let form = |claims: &Value| {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let jwt = format!("{}.{}.c2ln", part(&json!({ "alg": "RS256" })), part(claims));
        let kind = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        format!("grant_type={kind}&client_id=c&client_secret=s&assertion={jwt}")
    };
    let soon = clock::now().0 / 1000 + 60;
    let good = json!({ "iss": "c", "aud": "c", "sub": CALLER, "exp": soon });
    let (status, answer) = token(&fixture, &form(&good)).await;
    assert_eq!(status, 200);
    assert_eq!(offer_with_token(&fixture, &answer).await, 200);
    let bad = [
        json!({ "iss": "c", "aud": "c", "sub": CALLER, "exp": soon - 120 }),
        json!({ "iss": "c", "sub": CALLER, "exp": soon }),
        json!({ "iss": "c", "aud": "c", "sub": "stranger", "exp": soon }),
    ];
    for claims in bad {
        assert_eq!(token(&fixture, &form(&claims)).await.0, 401, "{claims}");
    }
}
