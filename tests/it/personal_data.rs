//! Callers' numbers and names, and secrets, are planted everywhere; none of them may come out where people or machines
//! read along. The only exception is the explicit look at a vendor's body.

use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour};
use serde_json::{Value, json};

use super::support::bridge::{Bridge, Setup, http_client, start_sandbox};
use super::support::program::{Daemon, Home, run};
use super::support::sign::twilio;
use super::support::{ADA, an_event, an_offer, document, eventually, with};

/// What is planted. Secrets first, then what belongs to a caller.
const PLANTED: [&str; 8] = [
    "TfLd9r8GKYqrTwjUPD8ILPZIo2LaPLANTED+",
    "twilio-token-PLANTED",
    "servicenow-password-PLANTED",
    "signature-PLANTED",
    "admin-token-PLANTED",
    "+4915199887766",
    "Erika Mustermann",
    "erika@example.net",
];

const URL: &str = "https://bridge.example.com/webhooks/twilio";

fn setup() -> Setup {
    let usual = Setup::default();
    let config = format!(
        "[intake]\npublic_url = \"https://bridge.example.com\"\n\
         [admin]\ntoken = \"{}\"\n\
         [servicenow]\nauth = {{ kind = \"basic\", username = \"bridge\", password = \"{}\" }}\n\
         [log]\nfilter = \"debug\"\n\
         [sources.twilio]\nvendor = \"twilio-taskrouter\"\ncontact_center = \"native\"\nsecrets = [\"{}\"]\n\
         [sources.other]\nvendor = \"native\"\nsecrets = [\"whsec_{}\"]\n",
        PLANTED[4], PLANTED[2], PLANTED[1], PLANTED[0]
    );
    Setup {
        config,
        queues: usual.queues.clone() + "WQ1,,support-voice\n",
        agents: usual.agents.clone() + &format!("WK1,{ADA}\n"),
        ..usual
    }
}

fn caller() -> Value {
    json!({ "caller": { "number": PLANTED[5], "name": PLANTED[6], "email": PLANTED[7] } })
}

/// A Twilio reservation whose task carries the caller.
async fn reservation(daemon: &Daemon, sid: &str, attributes: &str, token: Option<&str>) -> u16 {
    let millis = awa_bridge::testing::clock::now().0.to_string();
    let form = [
        ("EventType", "reservation.created"),
        ("Sid", sid),
        ("TimestampMs", millis.as_str()),
        ("TaskSid", sid),
        ("TaskAttributes", attributes),
        ("TaskQueueSid", "WQ1"),
        ("TaskChannelUniqueName", "voice"),
        ("ReservationSid", sid),
        ("WorkerSid", "WK1"),
        ("WorkerName", PLANTED[6]),
    ];
    let signature = token.map_or_else(|| PLANTED[3].to_owned(), |token| twilio(token, URL, &form));
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(form);
    let sent = http_client()
        .post(format!("{}/webhooks/twilio", daemon.intake))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-twilio-signature", signature)
        .body(body.finish())
        .send()
        .await;
    sent.expect("an answer").status().as_u16()
}

async fn admin(daemon: &Daemon, method: reqwest::Method, path: &str) -> String {
    let request = http_client().request(method, format!("{}{path}", daemon.admin));
    let sent = request.header("authorization", format!("Bearer {}", PLANTED[4])).send().await;
    sent.expect("an answer").text().await.expect("a text")
}

/// The events by state: success, failure, dead letters, bad signatures, errors of a reload.
async fn a_bad_day(daemon: &Daemon, home: &Home) {
    let document = document("t-1");
    let attributes = with(caller(), json!({ "servicenow_document": document, "from": PLANTED[5] }));
    assert_eq!(reservation(daemon, "EV1", &attributes.to_string(), Some(PLANTED[1])).await, 204);
    assert_eq!(reservation(daemon, "EV2", &attributes.to_string(), None).await, 401);
    // Without a document, and attributes that are no JSON at all.
    assert_eq!(reservation(daemon, "EV3", &caller().to_string(), Some(PLANTED[1])).await, 204);
    assert_eq!(reservation(daemon, "EV4", PLANTED[5], Some(PLANTED[1])).await, 204);
    for event in [
        with(an_offer("e-1", "c-1"), caller()),
        with(an_offer("e-2", "c-2"), with(caller(), json!({ "kind": "ring" }))),
        with(
            an_offer("e-3", "c-3"),
            with(caller(), json!({ "queue": "night", "timeout_seconds": 1 })),
        ),
        with(an_event("accept", "e-4", "c-4"), with(caller(), json!({ "agent": "ada" }))),
        with(an_offer("e-5", "c-5"), json!({ "document": { "caller": PLANTED[5] } })),
        with(an_offer("e-6", "c-6"), json!({ "assignment": caller() })),
    ] {
        assert_eq!(daemon.post(&event).await, Some(202));
    }
    let config = std::fs::read_to_string(home.config()).expect("the configuration");
    for broken in [
        config.replace(&format!("\"{}\"", PLANTED[2]), &format!("\"{}", PLANTED[2])),
        config.replace("kind = \"basic\"", "kind = \"nonsense\""),
        config.replace(&format!("[\"{}\"]", PLANTED[1]), &format!("\"{}\"", PLANTED[1])),
        config.replace("whsec_", "nonsense_"),
    ] {
        assert_ne!(broken, config);
        std::fs::write(home.config(), broken).expect("it");
        admin(daemon, reqwest::Method::POST, "/v1/reload").await;
        admin(daemon, reqwest::Method::GET, "/readyz").await;
    }
    std::fs::write(home.config(), config).expect("it");
    admin(daemon, reqwest::Method::POST, "/v1/reload").await;
    eventually("everything to be settled", async || {
        let status = admin(daemon, reqwest::Method::GET, "/v1/status").await;
        let status: Value = serde_json::from_str(&status).expect("JSON");
        let events = &status["events"];
        (events["pending"] == 0 && events["parked"] == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_caller_and_no_secret_comes_out() {
    let setup = setup();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    sandbox.inject(Fault::next(Misbehaviour::CutBody));
    let daemon = home.start().await;
    a_bad_day(&daemon, &home).await;
    let mut shown = vec![("the log".to_owned(), daemon.log())];
    let paths = [
        "/metrics",
        "/readyz",
        "/v1/status",
        "/v1/events?limit=1000",
        "/v1/events/twilio/EV1",
        "/v1/events/twilio/EV3",
        "/v1/events/twilio/EV4",
        "/v1/events/native/e-2",
        "/v1/events/native/e-5",
        "/v1/events/native/e-6",
        "/v1/conversations/native/c-1",
    ];
    for path in paths {
        shown.push((path.to_owned(), admin(&daemon, reqwest::Method::GET, path).await));
    }
    for arguments in [
        &["events", "list"][..],
        &["events", "list", "--json"],
        &["events", "show", "e-1"],
        &["events", "show", "e-2"],
        &["trace", "c-1"],
        &["check"],
        &["events", "discard", "e-4"],
    ] {
        let (_, text, errors) = run(&mut home.command(arguments));
        shown.push((arguments.join(" "), text + &errors));
    }
    daemon.signal("TERM");
    shown.push(("the last of the log".to_owned(), daemon.log()));
    for (place, text) in &shown {
        for planted in PLANTED {
            let line = text.lines().find(|line| line.contains(planted));
            assert!(line.is_none(), "{planted:?} in {place}: {}", line.unwrap_or_default());
        }
    }
    assert!(shown[0].1.contains("Reload refused"), "{}", shown[0].1);
    let list = &shown[4].1;
    assert!(
        list.contains("EV1") && list.contains("\"dead\""),
        "the listing is no empty one: {list}"
    );
}

/// A script on the instance may write into its answers whatever it knows.
#[tokio::test(flavor = "multi_thread")]
async fn what_servicenow_writes_of_callers_and_of_our_credentials_is_not_repeated() {
    let setup = setup();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let basic = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("bridge:{}", PLANTED[2]),
    );
    let said = format!("Caller {} {} is blocked; {} {basic}", PLANTED[5], PLANTED[7], PLANTED[2]);
    for (status, body) in [
        (409, json!({ "result": { "message": said } })),
        (400, json!({ "error": { "message": "Invalid", "detail": said } })),
        (200, json!({ "result": { "message": format!("Done. {said}") } })),
    ] {
        let what = Misbehaviour::Status { status, body, headers: Vec::new() };
        sandbox.inject(Fault::on(Endpoint::Offer, what));
    }
    let daemon = home.start().await;
    for number in 1..=3 {
        let event = with(
            an_offer(&format!("e-{number}"), &format!("c-{number}")),
            json!({ "timeout_seconds": 5 }),
        );
        assert_eq!(daemon.post(&event).await, Some(202));
    }
    let log = eventually("each answer to be told of", async || {
        let log = daemon.log();
        (log.matches("undocumented answer").count() >= 3).then_some(log)
    })
    .await;
    let mut shown = vec![("the log".to_owned(), log)];
    for number in 1..=3 {
        let path = format!("/v1/events/native/e-{number}");
        shown.push((path.clone(), admin(&daemon, reqwest::Method::GET, &path).await));
    }
    for (place, text) in &shown {
        for planted in PLANTED.iter().map(|planted| (*planted).to_owned()).chain([basic.clone()]) {
            let line = text.lines().find(|line| line.contains(&planted));
            assert!(line.is_none(), "{planted:?} in {place}: {}", line.unwrap_or_default());
        }
        assert!(text.contains("is blocked; […] […]"), "the rest is repeated in {place}: {text}");
    }
    let lines = shown[0].1.lines().filter(|line| line.contains("undocumented answer"));
    for line in lines {
        let line: Value = serde_json::from_str(line).expect("JSON");
        for field in ["source", "event_id", "kind", "conversation", "call", "attempt", "outcome"] {
            assert!(!line[field].is_null(), "{field}: {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_is_shown_to_whoever_asks_for_it_by_name() {
    let setup = setup();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    assert_eq!(daemon.post(&with(an_offer("e-1", "c-1"), caller())).await, Some(202));
    let (code, body, errors) = run(&mut home.command(&["events", "show", "e-1", "--body"]));
    assert_eq!(code, 0, "{errors}");
    assert!(body.contains(PLANTED[6]), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_the_body_is_not_kept_with_it() {
    let config = "[sources.air]\nvendor = \"aircall\"\nsecrets = [\"aircall-token-PLANTED\"]";
    let bridge = Bridge::configured(config).await;
    for (call, token) in [
        (1, "aircall-token-PLANTED"),
        (2, "\\u0061ircall\\u002dtoken-PLANTED"),
        (3, "aircall-token-PLANTED\",\"note\":\"it is aircall-token-PLANTED"),
    ] {
        let body = format!(
            "{{\"resource\":\"call\",\"event\":\"call.ringing_on_agent\",\"timestamp\":{call},\"token\":\"{token}\",\
             \"data\":{{\"id\":{call},\"user\":{{\"id\":7}},\"number\":{{\"id\":9}}}}}}"
        );
        let sent = bridge
            .http
            .post(format!("{}/webhooks/air", bridge.intake))
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await;
        assert_eq!(sent.expect("an answer").status(), 200);
    }
    let (_, page) = bridge.get("/v1/events?source=air").await;
    let events = page["events"].as_array().expect("events").clone();
    assert_eq!(events.len(), 3, "{page:#}");
    for event in events {
        let id = event["id"].as_str().expect("an id");
        let id = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
        let (status, body) = bridge.get(&format!("/v1/events/air/{id}/body")).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body["token"], "***");
        assert_eq!(body["data"]["user"]["id"], 7, "the rest is as it came");
        let body = body.to_string();
        assert!(!body.contains("PLANTED"), "{body}");
    }
    // Nor is it anywhere in the store's files.
    for file in std::fs::read_dir(bridge.directory.path().join("state.sled")).expect("a store") {
        let path = file.expect("a file").path();
        if path.is_file() {
            let bytes = std::fs::read(path).expect("its bytes");
            assert!(!bytes.windows(13).any(|window| window == b"token-PLANTED"));
        }
    }
}
