//! A secret in the URL: what does not bring it is refused before its body is read, whoever brings it gets the test of
//! the address answered, and no log, event or admin page shows it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::support::an_offer;
use super::support::bridge::{Setup, http_client, start_sandbox};
use super::support::program::{Daemon, Home};

const SECRET: &str = "s3cret/of+thirty-two==characters";

/// A profile as Event Grid's would be.
const PROFILE: &str = r#"
[request]
decode = "json"
event_type = "/0/eventType"
[verify]
scheme = "query"
parameter = "code"
[[handshake]]
when.header = { "aeg-event-type" = "SubscriptionValidation" }
when.body = { "/0/eventType" = "Microsoft.EventGrid.SubscriptionValidationEvent" }
answer.json = { validationResponse = "{body:/0/data/validationCode}" }
[[handshake]]
method = "OPTIONS"
when.header = { "webhook-request-origin" = "*" }
answer.headers = { "webhook-allowed-origin" = "{header:webhook-request-origin}", "webhook-allowed-rate" = "{header:webhook-request-rate|120}" }
[options]
document_attribute = ""
"#;

/// Its id says whether the query of a request that comes through can be seen.
const FILTER: &str = r#".[] | .data | .reason = ($query | tojson)"#;

async fn started() -> (Home, Daemon, awa_bridge::testing::sandbox::Sandbox) {
    let config = format!(
        "[sources.grid]\nvendor = \"grid\"\ncontact_center = \"native\"\nsecrets = [\"{SECRET}\"]\n"
    );
    let sandbox = start_sandbox(Setup::default().switches).await;
    let home = Home::new(&sandbox.url(), &Setup { config, ..Setup::default() });
    home.own_vendor("grid", PROFILE, FILTER);
    let daemon = home.start().await;
    (home, daemon, sandbox)
}

/// The first line that answers a request of which the body never comes.
fn head_alone(daemon: &Daemon, query: &str) -> String {
    let address = daemon.intake.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_millis(1_500))).expect("a time");
    let head = format!(
        "POST /webhooks/grid{query} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 200000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = [0; 2_000];
    let length = stream.read(&mut answer).unwrap_or(0);
    let text = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(text.is_empty() || text.to_lowercase().contains("connection: close"), "{text}");
    text.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_in_the_query_opens_and_is_never_shown() {
    let (home, daemon, _sandbox) = started().await;
    let http = http_client();
    let code = "code=s3cret/of%2Bthirty-two%3D%3Dcharacters";
    let post = async |query: &str, body: String| {
        let url = format!("{}/webhooks/grid?{query}", daemon.intake);
        let request = http.post(url).header("content-type", "application/json");
        let request = request.header("aeg-event-type", "SubscriptionValidation").body(body);
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("a body"))
    };

    for query in
        ["", "?code=s3cret", "?code=&probe=leaked-by-the-query", &format!("?{code}&code=x")]
    {
        assert!(head_alone(&daemon, query).contains("401"), "{query}");
    }
    assert_eq!(head_alone(&daemon, &format!("?{code}")), "", "its body is waited for");

    let validation = json!([{ "id": "v-1", "topic": "t", "subject": "", "eventTime": "2026-11-21T17:00:00Z",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "metadataVersion": "1", "dataVersion": "1",
        "data": { "validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6" } }])
    .to_string();
    let (status, reported) = post(code, validation.clone()).await;
    assert_eq!(
        (status, reported.as_str()),
        (200, r#"{"validationResponse":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}"#)
    );
    let (status, reported) = post("code=wrong", validation).await;
    assert!(status == 401 && !reported.contains("512d38b6"), "{status} {reported}");

    let preflight = async |query: &str| {
        let url = format!("{}/webhooks/grid?{query}", daemon.intake);
        let request = http.request(reqwest::Method::OPTIONS, url);
        let request = request.header("webhook-request-origin", "eventgrid.azure.net");
        request.send().await.expect("an answer")
    };
    let answer = preflight(code).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["webhook-allowed-origin"], "eventgrid.azure.net");
    assert_eq!(answer.headers()["webhook-allowed-rate"], "120");
    assert_eq!(preflight("code=wrong").await.status(), 401);

    let offer = json!([{ "data": an_offer("e-1", "c-1") }]).to_string();
    assert_eq!(post(&format!("{code}&probe=in-the-query"), offer).await.0, 202);
    assert_eq!(post(code, "[{".to_owned()).await.0, 400);
    let bad = json!([{ "data": { "id": "e-2", "kind": "offer" } }]).to_string();
    assert_eq!(post(code, bad).await.0, 202, "a dead letter");

    let mut shown = daemon.get("/v1/events").await.to_string();
    for path in [
        "/v1/status",
        "/metrics",
        "/v1/events/grid/e-1",
        "/v1/events/grid/e-2",
        "/v1/conversations/native/c-1",
    ] {
        shown.push_str(&daemon.get(path).await.to_string());
    }
    for arguments in [&["trace", "c-1"][..], &["events", "list", "--json"]] {
        let (_, out, errors) = super::support::program::run(&mut home.command(arguments));
        shown.push_str(&format!("{out}{errors}"));
    }
    assert!(shown.contains("e-1") && shown.contains("e-2"), "{shown}");
    shown.push_str(&daemon.log());
    for secret in ["s3cret", "thirty-two", "code=", "leaked-by-the-query"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
