use std::collections::HashMap;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::*;
use crate::awa::peer::{Act, Asked, Peer, answer, json};
use crate::awa::{Client, Grant, OAuth, Reply};
use crate::clock::by_hand;
use crate::routing::CallOptions;
use crate::routing::{AwaCall, SysId};

const PRIVATE: &str = include_str!("tests/key.pem");
const SECRET: &str = "s3cret&";
const PUBLIC: &str = include_str!("tests/key.pub.pem");

fn call() -> AwaCall {
    let id = SysId::parse("0d584509c323120095ccd02422d3ae5b").unwrap();
    AwaCall::Accept { work_item: id, agent: id }
}

fn options() -> CallOptions {
    CallOptions::first(clock::now().plus(60_000))
}

fn accepted() -> Act {
    json(200, &json!({ "result": {} }))
}

fn unauthenticated() -> Act {
    json(
        401,
        &json!({ "error": { "message": "User Not Authenticated", "detail": "" }, "status": "failure" }),
    )
}

fn token(name: &str) -> Act {
    json(
        200,
        &json!({ "access_token": name, "token_type": "Bearer", "expires_in": 1799, "scope": "useraccount", "refresh_token": "again" }),
    )
}

fn is_token(asked: &Asked) -> bool {
    asked.line == "POST /oauth_token.do"
}

fn form(asked: &Asked) -> HashMap<String, String> {
    form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect()
}

fn client(peer: &Peer, grant: Grant) -> Client {
    let mut settings = peer.settings();
    settings.auth = Some(Auth::OAuth(Box::new(OAuth::of_client("app", grant))));
    Client::new(settings).unwrap()
}

fn password() -> Grant {
    Grant::Password {
        client_secret: SECRET.into(),
        username: "bridge".into(),
        password: "hunter2".into(),
    }
}

fn jwt(key: &str) -> Grant {
    Grant::JwtBearer {
        client_secret: Some(SECRET.into()),
        key_file: key.into(),
        issuer: "iss-1".into(),
        audience: "aud-1".into(),
        subject: "bridge".into(),
        key_id: Some("kid-1".into()),
    }
}

/// How many tokens were asked for and how many calls made.
fn counts(peer: &Peer) -> (usize, usize) {
    let asked = peer.asked();
    let tokens = asked.iter().filter(|asked| is_token(asked)).count();
    (tokens, asked.len() - tokens)
}

#[tokio::test]
async fn one_token_is_fetched_for_all_who_wait_and_used_until_it_ends() {
    let peer = Peer::start(|_, asked| if is_token(asked) { token("t1") } else { accepted() }).await;
    let client = Arc::new(client(&peer, Grant::of_client(SECRET)));
    let calls = (0..8).map(|_| {
        let client = Arc::clone(&client);
        tokio::spawn(async move { client.send(&call(), &options()).await })
    });
    for reply in calls.collect::<Vec<_>>() {
        assert_eq!(reply.await.unwrap().answered.reply.name(), "landed");
    }
    client.send(&call(), &options()).await;
    assert_eq!(counts(&peer), (1, 9));
    let asked = peer.asked();
    let form = form(&asked[0]);
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!((form["client_id"].as_str(), form["client_secret"].as_str()), ("app", "s3cret&"));
    assert!(asked[1].head.contains("authorization: Bearer t1"), "{}", asked[1].head);
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_by_its_refresh_token() {
    let peer = Peer::start(|number, asked| match (is_token(asked), number) {
        (true, 0) => {
            json(200, &json!({ "access_token": "t1", "expires_in": 0, "refresh_token": "again" }))
        }
        (true, _) => token("t2"),
        (false, _) => accepted(),
    })
    .await;
    let client = client(&peer, password());
    client.send(&call(), &options()).await;
    client.send(&call(), &options()).await;
    let asked = peer.asked();
    let first = form(&asked[0]);
    assert_eq!(
        (first["grant_type"].as_str(), first["username"].as_str(), first["password"].as_str()),
        ("password", "bridge", "hunter2")
    );
    let second = form(&asked[2]);
    assert_eq!(
        (second["grant_type"].as_str(), second["refresh_token"].as_str()),
        ("refresh_token", "again")
    );
    assert!(!second.contains_key("password"));
    assert!(asked[3].head.contains("Bearer t2"));
}

#[tokio::test]
async fn a_refused_refresh_token_falls_back_to_the_password() {
    let peer = Peer::start(|number, asked| {
        if !is_token(asked) {
            return accepted();
        }
        match form(asked)["grant_type"].as_str() {
            "refresh_token" => json(401, &json!({ "error": "invalid_grant", "error_description": "expired" })),
            _ => json(200, &json!({ "access_token": format!("t{number}"), "expires_in": 0, "refresh_token": "old" })),
        }
    })
    .await;
    let client = client(&peer, password());
    for _ in 0..2 {
        assert_eq!(client.send(&call(), &options()).await.answered.reply.name(), "landed");
    }
    assert_eq!(counts(&peer), (3, 2));
}

#[tokio::test]
async fn a_refresh_token_that_fails_twice_falls_back_to_the_password() {
    let peer = Peer::start(|number, asked| {
        if !is_token(asked) {
            return accepted();
        }
        match form(asked)["grant_type"].as_str() {
            "refresh_token" => json(500, &json!({ "error": "server_error" })),
            _ => json(200, &json!({ "access_token": format!("t{number}"), "expires_in": 0, "refresh_token": "old" })),
        }
    })
    .await;
    let client = client(&peer, password());
    by_hand::stop();
    let mut replies = Vec::new();
    for _ in 0..3 {
        replies.push(client.send(&call(), &options()).await.answered.reply.name());
        by_hand::wind(Duration::from_millis(400));
    }
    assert_eq!(replies, ["landed", "not_sent", "landed"]);
    assert_eq!(counts(&peer), (4, 2));
}

#[tokio::test]
async fn a_failing_token_endpoint_is_not_asked_by_every_call() {
    let peer = Peer::start(|_, _| json(500, &json!({ "error": "server_error" }))).await;
    let client = client(&peer, Grant::of_client(SECRET));
    by_hand::stop();
    for _ in 0..150 {
        let reply = client.send(&call(), &options()).await;
        assert_eq!(reply.answered.reply.name(), "not_sent");
        by_hand::wind(Duration::from_millis(10));
    }
    assert_eq!(counts(&peer), (3, 0), "at once, after 250 ms and after 500 ms more");
}

#[tokio::test]
async fn a_lifetime_beyond_all_clocks_is_no_defect() {
    let peer = Peer::start(|_, asked| match is_token(asked) {
        true => json(200, &json!({ "access_token": "t1", "expires_in": u64::MAX })),
        false => accepted(),
    })
    .await;
    let client = client(&peer, Grant::of_client(SECRET));
    for _ in 0..2 {
        assert_eq!(client.send(&call(), &options()).await.answered.reply.name(), "landed");
    }
    assert_eq!(counts(&peer), (1, 2));
}

#[tokio::test]
async fn a_stale_token_is_renewed_once_and_the_call_repeated_once() {
    let peer =
        Peer::start(|number, asked| match (is_token(asked), asked.head.contains("Bearer t0")) {
            (true, _) => token(&format!("t{number}")),
            (false, true) => unauthenticated(),
            (false, false) => accepted(),
        })
        .await;
    let reply = client(&peer, Grant::of_client(SECRET)).send(&call(), &options()).await;
    assert_eq!(reply.answered.reply.name(), "landed");
    assert_eq!(counts(&peer), (2, 2));
    assert_eq!(reply.requests, 2);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_too_is_unauthorised() {
    let peer =
        Peer::start(|_, asked| if is_token(asked) { token("t") } else { unauthenticated() }).await;
    let reply = client(&peer, Grant::of_client(SECRET)).send(&call(), &options()).await;
    assert_eq!(reply.answered.reply.name(), "unauthorised");
    assert_eq!(counts(&peer), (2, 2));
}

#[tokio::test]
async fn an_assertion_is_signed_and_says_who_for_whom_and_until_when() {
    let peer = Peer::start(|_, asked| if is_token(asked) { token("t") } else { accepted() }).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        client(&peer, jwt(PRIVATE)).send(&call(), &options()).await;
        let form = form(peer.asked().iter().rfind(|asked| is_token(asked)).unwrap());
        assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let mut expected = Validation::new(Algorithm::RS256);
        expected.set_audience(&["aud-1"]);
        expected.set_issuer(&["iss-1"]);
        let key = DecodingKey::from_rsa_pem(PUBLIC.as_bytes()).unwrap();
        let read = jsonwebtoken::decode::<Value>(&form["assertion"], &key, &expected).unwrap();
        assert_eq!(read.header.kid.as_deref(), Some("kid-1"));
        assert_eq!(read.claims["sub"], "bridge");
        assert_eq!(
            read.claims["exp"].as_i64().unwrap() - read.claims["iat"].as_i64().unwrap(),
            330
        );
        ids.push(read.claims["jti"].as_str().map(str::to_owned));
    }
    assert!(ids[0].is_some() && ids[0] != ids[1]);
}

async fn without_a_token(grant: Grant, act: Act) -> (Reply, usize) {
    let hangs = matches!(act, Act::Hang);
    let peer = Peer::start(move |_, _| act.clone()).await;
    let mut settings = peer.settings();
    if hangs {
        settings.request_timeout = Duration::from_millis(600);
    }
    settings.auth = Some(Auth::OAuth(Box::new(OAuth::of_client("app", grant))));
    let reply = Client::new(settings).unwrap().send(&call(), &options()).await;
    (reply, counts(&peer).1)
}

#[tokio::test]
async fn refusals_of_the_token_endpoint_are_told_apart_and_no_call_leaves() {
    let refused =
        |status, error: &str| json(status, &json!({ "error": error, "error_description": "no" }));
    let property = "glide.oauth.inbound.client.credential.grant_type.enabled";
    for (grant, act, expected, names) in [
        (Grant::of_client(SECRET), refused(401, "invalid_client"), "unauthorised", property),
        (
            Grant::of_client(SECRET),
            refused(401, "access_denied"),
            "unauthorised",
            "OAuth Application User",
        ),
        (password(), refused(401, "invalid_client"), "unauthorised", "client id or secret"),
        (password(), refused(401, "invalid_grant"), "unauthorised", "password is wrong"),
        (jwt(PRIVATE), refused(400, "invalid_grant"), "unauthorised", "signature"),
        (
            jwt(PRIVATE),
            refused(400, "unsupported_grant_type"),
            "unauthorised",
            "does not allow this grant",
        ),
        (password(), answer(401, "", ""), "unauthorised", "password is wrong"),
        (
            password(),
            answer(200, "content-type: text/html\r\n", "<title>Instance Hibernating page</title>"),
            "not_servicenow",
            "hibernating",
        ),
        (
            password(),
            answer(302, "location: https://developer.servicenow.com/dev.do#!/home?wu=true\r\n", ""),
            "not_servicenow",
            "hibernating",
        ),
        (password(), answer(429, "retry-after: 5\r\n", ""), "busy", ""),
        (password(), json(500, &json!({ "error": "server_error" })), "not_sent", "server_error"),
        (password(), answer(503, "", "<html/>"), "not_sent", "no token"),
        (password(), json(200, &json!({ "token": "odd" })), "not_sent", "200"),
        (password(), Act::Hang, "not_sent", "no token"),
        (password(), Act::Cut(Vec::new()), "not_sent", "no token"),
    ] {
        let (reply, calls) = without_a_token(grant, act).await;
        assert_eq!(reply.answered.reply.name(), expected, "{reply:?}");
        let shown = format!("{reply:?}");
        assert!(shown.contains(names), "{shown} does not name {names}");
        assert!(!shown.contains("s3cret") && !shown.contains("hunter2"), "{shown}");
        assert_eq!(calls, 0);
    }
}

#[tokio::test]
async fn an_api_key_goes_in_its_own_header() {
    let peer = Peer::start(|_, _| accepted()).await;
    let mut settings = peer.settings();
    settings.auth = Some(Auth::ApiKey { key: SecretString::from("k3y") });
    let client = Client::new(settings).unwrap();
    client.send(&call(), &options()).await;
    let head = &peer.asked()[0].head;
    assert!(head.contains("x-sn-apikey: k3y") && !head.contains("authorization"), "{head}");
    assert!(!format!("{client:?}").contains("k3y"));
}

#[tokio::test]
async fn secrets_that_cannot_be_used_are_named_and_not_shown() {
    let peer = Peer::start(|_, _| accepted()).await;
    let problem = |auth| {
        let auth = Some(auth);
        let error = Client::new(crate::awa::Settings { auth, ..peer.settings() }).unwrap_err();
        error.to_string()
    };
    let key = problem(Auth::ApiKey { key: SecretString::from("a\nb-secret") });
    assert!(key.starts_with("servicenow.auth: ") && !key.contains("b-secret"), "{key}");
    let broken = OAuth::of_client("app", jwt("b-secret"));
    let pem = problem(Auth::OAuth(Box::new(broken)));
    assert!(pem.starts_with("servicenow.auth.key_file: ") && !pem.contains("b-secret"), "{pem}");
}
