//! An operator's day at the terminal: lists, stories, replay, discard, trace, hold, and a daemon that is down.

use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour};
use serde_json::{Value, json};

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Home, run};
use super::support::sign::NATIVE_SECRET;
use super::support::{an_event, an_offer, eventually, with};

fn refusal() -> Misbehaviour {
    Misbehaviour::Status {
        status: 400,
        body: json!({ "error": { "message": "not today", "detail": "" }, "status": "failure" }),
        headers: Vec::new(),
    }
}

fn transfer(id: &str, conversation: &str) -> Value {
    let transfer = json!({
        "transfer": { "type": "blind", "source_queue": "support", "target": { "queue": "sales" } },
    });
    with(an_event("transfer", id, conversation), transfer)
}

/// Runs a command that must end with this code; what it printed, errors too.
fn says(home: &Home, code: i32, arguments: &[&str]) -> String {
    let (ended, shown, errors) = run(home.command(arguments).env("USER", "night-shift"));
    assert_eq!(ended, code, "{arguments:?}: {shown}{errors}");
    shown + &errors
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_listed_told_replayed_and_discarded() {
    let setup = Setup::default();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    sandbox.inject(Fault::on(Endpoint::Transfer, refusal()).times(3));
    let long = "9f1b2c3d-0000-4444-8888-123456789abc-and-more-of-it-than-any-terminal-likes";
    for (id, conversation) in [("e-1", "c-1"), ("e-2", "c-2"), (long, long)] {
        assert_eq!(daemon.post(&transfer(id, conversation)).await, Some(202));
        assert_eq!(daemon.settled(id).await["state"], "dead");
    }
    let list = says(&home, 0, &["events", "list", "--state", "dead"]);
    assert!(list.lines().all(|line| line.chars().count() <= 100), "{list}");
    assert!(list.contains("misconfigured") && list.contains('…'), "{list}");
    let json = says(&home, 0, &["events", "list", "--state", "dead", "--json"]);
    assert!(json.contains(long), "{json}");

    let story = says(&home, 0, &["events", "show", "e-1"]);
    for part in
        ["transfer e-1 from native is dead", "not today", "HTTP 400", "events replay native/e-1"]
    {
        assert!(story.contains(part), "{part}: {story}");
    }
    assert!(!story.contains("{\""), "no JSON for people: {story}");
    let body = says(&home, 0, &["events", "show", "native/e-1", "--body"]);
    assert!(body.contains("\"blind\""), "{body}");
    daemon.says("An operator reads the vendor's body").await;

    let done = says(&home, 0, &["events", "discard", "e-2"]);
    assert!(done.contains("native/e-2 is discarded"), "{done}");
    let refused = says(&home, 1, &["events", "replay", "e-2"]);
    assert!(refused.contains("--force"), "{refused}");
    let done = says(&home, 0, &["events", "replay", "--reason", "misconfigured"]);
    assert_eq!(done.lines().count(), 2, "{done}");
    let event = eventually("the replayed event to be delivered", async || {
        let event = daemon.get("/v1/events/native/e-1").await;
        (event["state"] == "delivered").then_some(event)
    })
    .await;
    let by = event["by"].as_str().unwrap_or_default();
    assert!(by.starts_with("night-shift replayed at 20"), "{event:#}");
    let trace = says(&home, 0, &["trace", "c-1"]);
    for part in ["received from native: to queue sales", "Transfer the work: done", "is delivered"]
    {
        assert!(trace.contains(part), "{part}: {trace}");
    }
    assert!(says(&home, 1, &["events", "show", "nobody"]).contains("`nobody`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_events_are_grouped_by_the_line_that_is_missing() {
    let setup = Setup::default();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    for number in 0..3 {
        let offer = an_offer(&format!("e-{number}"), &format!("c-{number}"));
        let night = json!({ "queue": "night, late", "channel": "voice" });
        assert_eq!(daemon.post(&with(offer, night)).await, Some(202));
    }
    let offer = with(an_offer("e-9", "c-9"), json!({ "agent": "eve" }));
    assert_eq!(daemon.post(&offer).await, Some(202));
    eventually("the events to be parked", async || {
        (daemon.get("/v1/status").await["events"]["parked"] == 4).then_some(())
    })
    .await;
    let list = says(&home, 0, &["events", "list", "--state", "parked"]);
    for part in [
        "3 events wait for a line in",
        "mappings/sources/native/queues.csv",
        "    \"night, late\",voice,EXTERNAL_ID",
        "1 event waits for a line in",
        "    eve,SYS_ID",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_and_resume_say_what_they_do_and_an_offer_that_is_over_needs_force() {
    let setup = Setup::default();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    assert!(says(&home, 0, &["hold"]).starts_with("Held:"));
    assert!(says(&home, 0, &["hold"]).contains("by night-shift"));
    let offer = with(an_offer("e-1", "c-1"), json!({ "timeout_seconds": 1 }));
    assert_eq!(daemon.post(&offer).await, Some(202));
    assert_eq!(daemon.settled("e-1").await["state"], "expired");
    assert!(says(&home, 0, &["resume"]).starts_with("Resumed:"));
    assert!(says(&home, 0, &["resume"]).contains("Nothing was held"));
    assert!(says(&home, 1, &["events", "replay", "e-1"]).contains("--force"));
    assert!(says(&home, 0, &["trace", "c-1"]).contains("is expired"));
}

#[test]
fn a_daemon_that_is_down_is_said_to_be() {
    let home = Home::new("http://127.0.0.1:9", &Setup::default());
    for arguments in [&["events", "list"][..], &["events", "show", "e"], &["trace", "c"], &["hold"]]
    {
        let said = says(&home, 1, arguments);
        assert!(said.contains("does not answer") && said.contains("refused"), "{said}");
        assert!(said.contains("systemctl status awa-bridge"), "{said}");
    }
}

#[test]
fn man_pages_and_completions_are_generated_by_a_hidden_command() {
    let home = Home::new("http://127.0.0.1:9", &Setup::default());
    let assets = home.directory.path().join("assets");
    says(&home, 0, &["generate", assets.to_str().expect("a path")]);
    for file in ["man/awa-bridge.1", "man/awa-bridge-hold.1", "completions/awa-bridge.bash"] {
        assert!(assets.join(file).exists(), "{file}");
    }
    assert!(!says(&home, 0, &["--help"]).contains("generate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_meant_by_the_name_that_is_printed() {
    let config = format!("[sources.hdr]\nvendor = \"native\"\nsecrets = [\"{NATIVE_SECRET}\"]\n");
    let setup = Setup { config, ..Setup::default() };
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    let parked = |id: &str, conversation: &str| {
        with(an_offer(id, conversation), json!({ "queue": "night", "timeout_seconds": 600 }))
    };
    // A sender may call its events as it likes, also as another source's are printed.
    for (source, id, conversation) in
        [("native", "victim", "c-1"), ("hdr", "native/victim", "c-2"), ("hdr", "twin", "c-3")]
    {
        assert_eq!(daemon.post_to(source, &parked(id, conversation)).await, Some(202));
    }
    assert_eq!(daemon.post(&parked("twin", "c-4")).await, Some(202));

    let done = says(&home, 0, &["events", "discard", "native/victim"]);
    assert!(done.starts_with("native/victim is discarded"), "{done}");
    assert_eq!(daemon.get("/v1/events/native/victim").await["state"], "discarded");
    assert_eq!(daemon.get("/v1/events/hdr/native%2Fvictim").await["state"], "parked");

    let twins = says(&home, 64, &["events", "discard", "twin"]);
    assert!(twins.contains("hdr/twin") && twins.contains("native/twin"), "{twins}");
    assert_eq!(daemon.get("/v1/events/hdr/twin").await["state"], "parked");
    let done = says(&home, 0, &["events", "discard", "hdr/twin", "hdr/native/victim"]);
    assert!(done.contains("hdr/twin is") && done.contains("hdr/native/victim is"), "{done}");
    // A bare id with a slash in it, where no source has it by its first part.
    assert_eq!(daemon.post_to("hdr", &parked("a/b", "c-5")).await, Some(202));
    assert!(says(&home, 0, &["events", "show", "a/b"]).contains("from hdr is parked"));
    assert!(says(&home, 0, &["events", "discard", "a/b"]).starts_with("hdr/a/b is discarded"));
    assert!(says(&home, 1, &["events", "show", "native/none"]).contains("`native/none`"));
}
