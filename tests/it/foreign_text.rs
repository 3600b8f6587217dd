//! What senders, operators and ServiceNow write goes through every output, and none of them takes a terminal, a log or
//! a table over.

use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour};
use serde_json::{Value, json};

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Home, run};
use super::support::{an_event, an_offer, eventually, from_now, with};

/// A terminal's title, a cleared screen, a line over the line, another direction, another line.
const NASTY: &str =
    "busy\u{1b}]0;OWNED\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\r\nfake, \"quoted\"\u{2028}# ";

fn is_nasty(c: char) -> bool {
    let direction = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    direction || (c.is_control() && !matches!(c, '\n' | '\t'))
}

fn clean(what: &str, shown: &str) {
    let found: Vec<char> = shown.chars().filter(|c| is_nasty(*c)).collect();
    assert!(found.is_empty(), "{what}: {found:?} in {}", shown.escape_debug());
    assert!(!shown.lines().any(|line| line.trim_start().starts_with("fake")), "{what}: {shown}");
    let longest = shown.lines().map(str::len).max().unwrap_or_default();
    assert!(longest < 12_000, "{what}: a line of {longest} bytes");
}

fn shown(home: &Home, arguments: &[&str]) -> String {
    let (_, out, errors) = run(home.command(arguments).env("USER", NASTY));
    clean(&arguments.join(" "), &out);
    clean(&arguments.join(" "), &errors);
    out + &errors
}

fn refusal() -> Misbehaviour {
    Misbehaviour::Status {
        status: 400,
        body: json!({ "error": { "message": format!("no{NASTY}{}", "x".repeat(100_000)), "detail": NASTY } }),
        headers: Vec::new(),
    }
}

/// Events with such texts in every place that a sender fills.
fn events() -> Vec<Value> {
    let reject = |id: &str, reason: &str| {
        with(
            an_event("reject", id, &format!("c-{id}")),
            json!({ "agent": "ada", "reason": reason }),
        )
    };
    let offer = |id: &str, members: Value| with(an_offer(id, &format!("c-{id}")), members);
    vec![
        with(an_offer("o-1", "c-r-1"), json!({})),
        reject("r-1", NASTY),
        with(an_offer("o-2", "c-r-2"), json!({})),
        reject("r-2", &"long ".repeat(40_000)),
        with(an_offer("o-3", "c-r-3"), json!({})),
        reject("r-3", "busy, \"very\"\n=cmd()"),
        offer("queue", json!({ "queue": NASTY })),
        offer("agent", json!({ "agent": NASTY })),
        offer("channel", json!({ "channel": NASTY })),
        offer("segment", json!({ "segment": NASTY })),
        offer("parked", json!({ "queue": "night, \"late\"", "timeout_seconds": 600 })),
        offer("kind", json!({ "kind": NASTY })),
        offer("time", json!({ "occurred_at": NASTY })),
        offer("table", json!({ "document": { "table": NASTY, "sys_id": NASTY } })),
        offer(NASTY, json!({})),
        with(an_offer("long", "c"), json!({ "conversation": "c".repeat(200_000) })),
        with(an_offer("x", "c"), json!({ "conversation": NASTY })),
        offer("refused", json!({})),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_others_takes_an_output_over() {
    // Without a default reason a reject parks, and is listed with the line that is missing.
    let setup = Setup { reasons: "reason,reject_reason\n".to_owned(), ..Setup::default() };
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    for event in events() {
        if event["id"] == "refused" {
            sandbox.inject(Fault::next(refusal()));
        }
        assert_eq!(daemon.post(&event).await, Some(202), "{}", event["id"]);
    }
    eventually("all but the parked ones to be settled", async || {
        let pending = &daemon.get("/v1/status").await["events"]["pending"];
        (*pending == 0).then_some(())
    })
    .await;
    let by = percent(NASTY) + &"y".repeat(3_000);
    daemon.post_admin(&format!("/v1/events/native/queue/discard?by={by}")).await;
    assert_eq!(
        daemon.post_admin(&format!("/v1/events/native/parked/discard?by={by}")).await.0,
        200
    );
    daemon.post_admin(&format!("/v1/hold?by={by}")).await;

    let parked = shown(&home, &["events", "list", "--state", "parked"]);
    let line = parked.lines().find(|line| line.contains("=cmd()")).expect("the line to add");
    assert!(line.trim().starts_with("\"busy, \"\"very\"\"\u{fffd}=cmd()\""), "{line}");
    let list = shown(&home, &["events", "list", "--limit", "100"]);
    assert!(list.contains("r-2"), "an overlong reason is no reason to lose a reject: {list}");
    // What an operator types stays on the line on which it was typed.
    let own = NASTY.replace(['\r', '\n'], "");
    for json in [&[][..], &["--json"]] {
        let with = |arguments: &[&str]| shown(&home, &[arguments, json].concat());
        with(&["events", "list", "--limit", "100"]);
        for id in ["r-1", "r-2", "parked", "queue", "kind", "time", "table", "refused", "nobody"] {
            with(&["events", "show", id]);
        }
        with(&["trace", "c-r-1"]);
        with(&["trace", "c-parked"]);
        with(&["resume"]);
        with(&["hold"]);
        with(&["events", "discard", "r-1", &own]);
        with(&["events", "replay", "refused"]);
    }
    shown(&home, &["events", "list", "--source", &own]);
    shown(&home, &["trace", &own]);
    let reason = daemon.get("/v1/events/native/r-2").await["event"]["reason"].clone();
    assert_eq!(reason.as_str().map(|reason| reason.chars().count()), Some(256), "{reason}");
    let metrics = daemon.get("/metrics").await;
    clean("/metrics", metrics.as_str().expect("text"));
    clean("the log", &daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_runs_and_checks_escape_what_files_hold() {
    let home = Home::new("http://127.0.0.1:9", &Setup::default());
    let file = home.directory.path().join("request.json");
    let text = Value::from(events()).to_string();
    std::fs::write(&file, text).expect("the request");
    let file = file.to_str().expect("a path");
    for json in [&[][..], &["--json"]] {
        shown(&home, &[&["explain", "--source", "native", file], json].concat());
        shown(&home, &[&["rehearse", "--source", "native", file], json].concat());
    }
    let table = home.directory.path().join("mappings/sources/native/agents.csv");
    std::fs::write(&table, format!("agent,sys_id\n\"{NASTY}\",\"{NASTY}\"\n")).expect("a table");
    shown(&home, &["check"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_occurred_long_ago_calls_nothing_and_the_far_future_is_not_believed() {
    let setup = Setup::default();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    let old = json!({ "occurred_at": "2001-01-01T00:00:00Z", "agent": "ada" });
    let item = json!({ "work_item": "59616aba87bd5210be070d48dabb35e6" });
    // All but the reads of the record that watch the instance.
    let calls = || sandbox.calls().len() - sandbox.calls_to(Endpoint::TableRead).len();
    let before = calls();
    for kind in ["accept", "reject", "assign", "withdraw", "leave", "bind"] {
        let event = with(an_event(kind, kind, "c-old"), old.clone());
        let event = if kind == "bind" { with(event, json!({ "queue": "support" })) } else { event };
        let event = if kind == "assign" { with(event, item.clone()) } else { event };
        assert_eq!(daemon.post(&event).await, Some(202), "{kind}");
        let ended = daemon.settled(kind).await;
        assert_eq!(
            (&ended["state"], &ended["reason"]),
            (&json!("dead"), &json!("too_old")),
            "{ended}"
        );
    }
    assert_eq!(daemon.post(&with(an_offer("offer", "c-old"), old)).await, Some(202));
    assert_eq!(daemon.settled("offer").await["state"], "expired");
    assert_eq!(calls(), before, "nothing was asked of ServiceNow");

    let far = with(an_offer("far", "c-far"), json!({ "occurred_at": "9000-01-01T00:00:00Z" }));
    assert_eq!(daemon.post(&far).await, Some(202));
    let far = daemon.settled("far").await;
    let believed = far["event"]["occurred_at"].as_str().expect("a time").to_owned();
    assert!(believed < from_now(1_000), "{far}");
}

fn percent(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
