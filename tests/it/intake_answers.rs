//! What a vendor is answered: each row of the contract's table.

use std::io::{Read, Write};
use std::time::Duration;

use awa_bridge::testing::sandbox::{Fault, Misbehaviour};
use serde_json::json;

use super::support::bridge::Bridge;
use super::support::sign::{NATIVE_SECRET, hmac_hex, standard_webhooks};
use super::support::{an_offer, eventually};

#[tokio::test]
async fn a_new_event_is_accepted_and_a_known_one_is_a_duplicate() {
    let bridge = Bridge::start().await;
    let offer = an_offer("e-1", "c-1");
    let (status, answer) = bridge.post(&offer).await;
    assert_eq!(status, 202);
    assert_eq!(answer, json!({ "events": [{ "id": "e-1", "status": "accepted" }] }));
    let (status, answer) = bridge.post(&offer).await;
    assert_eq!(status, 200);
    assert_eq!(answer, json!({ "events": [{ "id": "e-1", "status": "duplicate" }] }));
}

#[tokio::test]
async fn an_array_is_answered_item_by_item() {
    let bridge = Bridge::start().await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    let (status, answer) =
        bridge.post(&json!([an_offer("e-1", "c-1"), an_offer("e-2", "c-2")])).await;
    assert_eq!(status, 202);
    let expected = json!({ "events": [
        { "id": "e-1", "status": "duplicate" }, { "id": "e-2", "status": "accepted" },
    ]});
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn bad_requests_get_their_status_and_a_problem() {
    let bridge = Bridge::configured("[intake]\nmax_body = 1000").await;
    let intake = bridge.intake.clone();
    let good = an_offer("e-1", "c-1").to_string();
    let large = "x".repeat(2_000);
    // method, path, content type, body, signed, status
    let requests = [
        ("POST", "/webhooks/nobody", "application/json", good.as_str(), true, 404),
        ("POST", "/elsewhere", "application/json", good.as_str(), true, 404),
        ("GET", "/webhooks/native", "application/json", "", true, 405),
        ("PUT", "/webhooks/native", "application/json", good.as_str(), true, 405),
        ("POST", "/webhooks/native", "application/json", large.as_str(), true, 413),
        ("POST", "/webhooks/native", "text/plain", good.as_str(), true, 415),
        ("POST", "/webhooks/native", "application/json", "{\"id\":", true, 400),
        ("POST", "/webhooks/native", "application/json", "", true, 400),
        ("POST", "/webhooks/native", "application/json", good.as_str(), false, 401),
        ("POST", "/webhooks/native", "application/json", "{\"id\":", false, 401),
    ];
    for (method, path, content_type, body, signed, expected) in requests {
        let timestamp = awa_bridge::testing::clock::now().0 / 1000;
        let method = method.parse::<reqwest::Method>().expect("a method");
        let name = format!("{method} {path} {content_type} signed={signed}");
        let mut request = bridge
            .http
            .request(method, format!("{intake}{path}"))
            .header("content-type", content_type)
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", timestamp.to_string())
            .body(body.to_owned());
        if signed {
            let signature = standard_webhooks(NATIVE_SECRET, "msg_1", timestamp, body.as_bytes());
            request = request.header("webhook-signature", signature);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), expected, "{name}");
        let content_type = response.headers().get("content-type").cloned();
        assert_eq!(content_type.expect("a type"), "application/problem+json", "{name}");
        let problem: serde_json::Value = response.json().await.expect("JSON");
        assert_eq!(problem["status"], expected, "{name}: {problem}");
        assert!(problem["title"].is_string(), "{name}: {problem}");
    }
    let (_, events) = bridge.get("/v1/events").await;
    assert_eq!(events["events"], json!([]), "nothing of all that is kept");
}

#[tokio::test]
async fn an_old_timestamp_a_wrong_secret_and_a_changed_body_are_not_authentic() {
    let bridge = Bridge::start().await;
    let body = an_offer("e-1", "c-1").to_string();
    let now = awa_bridge::testing::clock::now().0 / 1000;
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let signatures = [
        (now - 3_600, standard_webhooks(NATIVE_SECRET, "m", now - 3_600, body.as_bytes())),
        (now, standard_webhooks(other, "m", now, body.as_bytes())),
        (now, standard_webhooks(NATIVE_SECRET, "m", now, b"{}")),
        (now, standard_webhooks(NATIVE_SECRET, "other", now, body.as_bytes())),
        (now, "v1,not base64".to_owned()),
        (now, String::new()),
    ];
    for (timestamp, signature) in signatures {
        let response = bridge
            .http
            .post(format!("{}/webhooks/native", bridge.intake))
            .header("content-type", "application/json")
            .header("webhook-id", "m")
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", &signature)
            .body(body.clone())
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 401, "{signature}");
    }
}

#[tokio::test]
async fn past_max_pending_nothing_more_is_taken() {
    let bridge = Bridge::configured("[intake]\nmax_pending = 2").await;
    bridge.sandbox.inject(Fault::next(Misbehaviour::Hang).times(100));
    for number in 0..2 {
        bridge.accept(&an_offer(&format!("e-{number}"), &format!("c-{number}"))).await;
    }
    let body = an_offer("e-3", "c-3").to_string();
    let response = bridge.deliver("native", "msg_3", body.as_bytes()).await;
    assert_eq!(response.status(), 503);
    let wait = response.headers().get("retry-after").expect("a Retry-After").to_str();
    assert!(wait.expect("text").parse::<u32>().expect("seconds") > 0);
    let (status, _) = bridge.get("/v1/events/native/e-3").await;
    assert_eq!(status, 404, "nothing of it is stored");
    let (status, answer) = bridge.post(&an_offer("e-1", "c-1")).await;
    assert_eq!((status, &answer["events"][0]["status"]), (200, &json!("duplicate")));
}

#[tokio::test]
async fn a_client_that_sends_nothing_holds_nobody_and_is_closed() {
    let config = "[intake]\nheader_timeout = \"300ms\"\nbody_timeout = \"300ms\"";
    let bridge = Bridge::configured(config).await;
    let address = bridge.intake.trim_start_matches("http://").to_owned();
    let heads = [
        "",
        "POST /webhooks/native HTTP/1.1\r\nhost: x\r\n",
        "POST /webhooks/native HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    ];
    let slow = heads.map(|head| {
        let address = address.clone();
        std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).expect("a connection");
            stream.write_all(head.as_bytes()).expect("half a request is written");
            stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).expect("the bridge closes the connection");
        })
    });
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;
    for thread in slow {
        let joined = tokio::task::spawn_blocking(move || thread.join());
        joined.await.expect("the thread ends").expect("it is closed in time");
    }
}

#[tokio::test]
async fn generic_schemes_let_in_who_knows_the_secret() {
    let native = "vendor = \"native\"\ncontact_center = \"native\"";
    let config = format!(
        "[sources.signed]\n{native}\nsecrets = [\"s-1\", \"s-2\"]\n\
         verify = {{ scheme = \"hmac\", header = \"x-signature\", algorithm = \"sha256\", encoding = \"hex\" }}\n\
         [sources.keyed]\n{native}\nsecrets = [\"s-1\"]\n\
         verify = {{ scheme = \"header\", header = \"x-api-key\" }}\n\
         [sources.bearing]\n{native}\nsecrets = [\"s-1\"]\nverify = {{ scheme = \"bearer\" }}\n\
         [sources.basic]\n{native}\nsecrets = [\"s-1\"]\nverify = {{ scheme = \"basic\", username = \"vendor\" }}\n"
    );
    let bridge = Bridge::configured(&config).await;
    let body = |name: &str| an_offer(&format!("e-{name}"), &format!("c-{name}")).to_string();
    let bodies: std::collections::HashMap<_, _> =
        ["signed", "keyed", "bearing", "basic"].map(|name| (name, body(name))).into();
    let signed = &bodies["signed"];
    let good = [
        ("signed", "x-signature", hmac_hex("s-2", signed.as_bytes())),
        ("keyed", "x-api-key", "s-1".to_owned()),
        ("bearing", "authorization", "Bearer s-1".to_owned()),
        ("basic", "authorization", "Basic dmVuZG9yOnMtMQ==".to_owned()),
    ];
    for (source, header, value) in good {
        let post = |value: String| {
            bridge
                .http
                .post(format!("{}/webhooks/{source}", bridge.intake))
                .header("content-type", "application/json")
                .header(header, value)
                .body(bodies[source].clone())
                .send()
        };
        let refused = post(format!("{value}x")).await.expect("an answer");
        assert_eq!(refused.status(), 401, "{source}");
        let taken = post(value).await.expect("an answer");
        assert_eq!(taken.status(), 202, "{source}");
        let id = format!("/v1/events/{source}/e-{source}");
        eventually("the event to be delivered", async || {
            (bridge.get(&id).await.1["state"] == "delivered").then_some(())
        })
        .await;
    }
}
