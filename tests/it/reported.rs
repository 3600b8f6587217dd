//! What the log, `events show` and the metrics report of the calls to ServiceNow.

use awa_bridge::testing::routing::UnixMillis;
use awa_bridge::testing::sandbox::{Access, Endpoint, Fault, Misbehaviour, Switches, TableReads};
use serde_json::{Value, json};

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Home, run};
use super::support::{an_offer, eventually, with};

/// The log's lines that hold a text, read.
fn lines(log: &str, part: &str) -> Vec<Value> {
    let lines = log.lines().filter(|line| line.contains(part));
    lines.map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[tokio::test]
async fn that_look_ups_are_forbidden_is_said_once_with_role_and_policy() {
    for (policy, word) in [("repeat", "repeated"), ("dead", "dead letters")] {
        let switches = Switches {
            documents_appear: true,
            table_reads: TableReads::Forbidden,
            ..Switches::default()
        };
        let sandbox = start_sandbox(switches).await;
        let config = format!("[servicenow]\nin_doubt = \"{policy}\"");
        let home = Home::new(&sandbox.url(), &Setup { config, ..Setup::default() });
        let daemon = home.start().await;
        eventually("the warning", async || {
            (!lines(&daemon.log(), "awa_work_item").is_empty()).then_some(())
        })
        .await;
        for number in 0..3 {
            daemon.post(&an_offer(&format!("e-{number}"), &format!("c-{number}"))).await;
            daemon.settled(&format!("e-{number}")).await;
        }
        let log = daemon.says("does not let the bridge read awa_work_item").await;
        let said = lines(&log, "does not let the bridge read awa_work_item");
        assert_eq!(said.len(), 1, "{log}");
        let text = said[0].to_string();
        assert!(text.contains("WARN"), "{text}");
        for part in [word, "role", "ACL", "servicenow.in_doubt", "Insufficient rights"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

#[tokio::test]
async fn a_start_waits_for_no_answer_of_the_instance_and_is_not_loud() {
    let sandbox = start_sandbox(Switches::default()).await;
    sandbox.inject(Fault::next(Misbehaviour::Hang).times(100));
    // Longer than the test waits for a start.
    let config = "[servicenow]\nrequest_timeout = \"5m\"".to_owned();
    let home = Home::new(&sandbox.url(), &Setup { config, ..Setup::default() });
    let daemon = home.start().await;
    assert!(lines(&daemon.log(), "WARN").is_empty(), "{}", daemon.log());
}

#[tokio::test]
async fn an_expired_event_tells_where_its_time_went() {
    let switches = Switches { documents_appear: true, ..Switches::default() };
    let sandbox = start_sandbox(switches).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let daemon = home.start().await;
    eventually("the probe", async || {
        sandbox.calls_to(Endpoint::TableRead).iter().any(|call| call.status.is_some()).then_some(())
    })
    .await;
    for what in [
        Misbehaviour::DelayAfterEffect { ms: 300 },
        Misbehaviour::TooManyRequests { retry_after: Some(900) },
    ] {
        sandbox.inject(Fault::on(Endpoint::Offer, what));
    }
    daemon.post(&an_offer("e-0", "c-0")).await;
    daemon.settled("e-0").await;
    daemon.post(&with(an_offer("e-1", "c-1"), json!({ "timeout_seconds": 1 }))).await;
    let event = daemon.settled("e-1").await;
    assert_eq!(event["state"], "expired");
    let waited = &event["waited_ms"];
    for cause in ["lane", "rate_limit", "backoff", "retry_after", "breaker", "answer", "mapping"] {
        assert!(waited[cause].is_u64(), "{cause}: {event:#}");
    }
    assert!(waited["retry_after"].as_u64() > Some(0), "{waited}");
    let sum: u64 = waited.as_object().expect("causes").values().filter_map(Value::as_u64).sum();
    let moment = |name: &str| event[name].as_str().and_then(UnixMillis::from_rfc3339);
    let (received, settled) = (moment("received_at"), moment("settled_at"));
    let passed = settled.expect("a time").since(received.expect("a time"));
    assert_eq!(sum, passed, "all of its time: {event:#}");
    let said = eventually("the log line", async || {
        let said = lines(&daemon.log(), "is expired");
        (!said.is_empty()).then_some(said)
    })
    .await;
    assert_eq!(said.len(), 1);
    let text = said[0].to_string();
    assert!(text.contains("retry_after") && text.contains("waited_ms"), "{text}");
    let shown =
        tokio::task::spawn_blocking(move || run(&mut home.command(&["events", "show", "e-1"])))
            .await
            .expect("it runs");
    assert!(shown.1.contains("retry after "), "{}", shown.1);
}

#[tokio::test]
async fn refused_credentials_are_one_clear_error_line() {
    let sandbox = start_sandbox(Switches::default()).await;
    sandbox.with_access(|access| {
        *access = Access::nobody().with_password("bridge", "another");
    });
    let home = Home::new(&sandbox.url(), &Setup::default());
    let daemon = home.start().await;
    for number in 0..5 {
        daemon
            .post(&with(
                an_offer(&format!("e-{number}"), &format!("c-{number}")),
                json!({ "timeout_seconds": 1 }),
            ))
            .await;
    }
    for number in 0..5 {
        daemon.settled(&format!("e-{number}")).await;
    }
    let log = daemon.says("refuses the credentials").await;
    let said = lines(&log, "refuses the credentials");
    assert_eq!(said.len(), 1, "{log}");
    assert!(
        said[0].to_string().contains("ERROR") && said[0].to_string().contains("password"),
        "{log}"
    );
    assert!(!log.contains("change-me"));
}
