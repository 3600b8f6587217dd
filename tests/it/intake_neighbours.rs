//! The intake and what stands before it: load balancers that ask for health and keep connections, and senders that code
//! their bodies.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use awa_bridge::testing::clock;

use super::support::bridge::{Bridge, Setup, http_client, start_sandbox};
use super::support::program::Home;
use super::support::sign::{NATIVE_SECRET, standard_webhooks};
use super::support::{an_offer, eventually};

const LIVE: &str = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_may_ask_the_intake_for_its_health() {
    let bridge = Bridge::start().await;
    for path in ["/livez", "/readyz"] {
        let url = format!("{}{path}", bridge.intake);
        let get = bridge.http.get(&url).send().await.expect("an answer");
        assert_eq!(get.status(), 200, "{path}");
        assert_eq!(get.text().await.expect("a text"), "ok\n");
        assert_eq!(bridge.http.head(&url).send().await.expect("an answer").status(), 200);
        let post = bridge.http.post(&url).send().await.expect("an answer");
        assert_eq!((post.status().as_u16(), &post.headers()["allow"] == "GET, HEAD"), (405, true));
    }
    let other = bridge.http.get(format!("{}/livez/", bridge.intake)).send().await;
    assert_eq!(other.expect("an answer").status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_intake_is_not_ready_while_the_store_refuses_and_does_not_say_why() {
    let sandbox = start_sandbox(Setup::default().switches).await;
    // More than any disk has free.
    let config = "[store]\nfree_space_floor = 1125899906842624\n".to_owned();
    let home = Home::new(&sandbox.url(), &Setup { config, ..Setup::default() });
    let daemon = home.start().await;
    let http = http_client();
    let text = eventually("the intake to say so", async || {
        let answer = http.get(format!("{}/readyz", daemon.intake)).send().await.ok()?;
        if answer.status() == 503 { answer.text().await.ok() } else { None }
    })
    .await;
    assert_eq!(text, "not ready\n");
    let live = http.get(format!("{}/livez", daemon.intake)).send().await;
    assert_eq!(live.expect("an answer").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coded_body_is_answered_415_with_what_is_taken() {
    let bridge = Bridge::start().await;
    let body = an_offer("e-1", "c-1").to_string();
    let post = async |coding: &[&str]| {
        let timestamp = clock::now().0 / 1000;
        let signature = standard_webhooks(NATIVE_SECRET, "msg_1", timestamp, body.as_bytes());
        let mut request = bridge
            .http
            .post(format!("{}/webhooks/native", bridge.intake))
            .header("content-type", "application/json")
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature)
            .body(body.clone());
        for one in coding {
            request = request.header("content-encoding", *one);
        }
        request.send().await.expect("an answer")
    };
    for coding in [&["gzip"][..], &["GZIP"], &["br"], &["identity, gzip"], &["identity", "zstd"]] {
        let answer = post(coding).await;
        assert_eq!(answer.status(), 415, "{coding:?}");
        assert_eq!(answer.headers()["accept-encoding"], "identity");
    }
    assert_eq!(bridge.get("/v1/events/native/e-1").await.0, 404, "nothing is stored");
    assert_eq!(post(&["Identity"]).await.status(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_kept_longer_than_a_slow_head() {
    let config = "[intake]\nheader_timeout = \"300ms\"\nidle_timeout = \"1h\"";
    let bridge = Bridge::configured(config).await;
    let mut stream = connect(&bridge);
    let story = move || {
        let mut ask = |text: &str| -> usize {
            stream.write_all(text.as_bytes()).expect("a request is written");
            stream.read(&mut [0; 4096]).expect("an answer, or the end")
        };
        // Two requests over one connection, with more than a head's time between them.
        assert!(ask(LIVE) > 0);
        std::thread::sleep(Duration::from_millis(700));
        assert!(ask(LIVE) > 0, "still open");
        // A head that has begun does not get the idle connection's time.
        assert_eq!(ask("GET /livez HTTP/1.1\r\nhost:"), 0, "closed");
    };
    tokio::task::spawn_blocking(story).await.expect("the story ends well");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed_in_the_end() {
    let config = "[intake]\nheader_timeout = \"600s\"\nidle_timeout = \"300ms\"";
    let bridge = Bridge::configured(config).await;
    let mut stream = connect(&bridge);
    let story = move || {
        stream.write_all(LIVE.as_bytes()).expect("it is written");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the bridge closes it");
        assert!(answer.starts_with(b"HTTP/1.1 200 "));
    };
    tokio::task::spawn_blocking(story).await.expect("the story ends well");
}

fn connect(bridge: &Bridge) -> TcpStream {
    let address = bridge.intake.trim_start_matches("http://");
    let stream = TcpStream::connect(address).expect("a connection");
    // Only to keep a test from hanging.
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    stream
}
