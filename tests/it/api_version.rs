//! `servicenow.api_version`: a pinned version is in the path of every request to AWA's APIs, and in no other.

use awa_bridge::testing::sandbox::Endpoint;
use serde_json::{Value, json};

use super::support::bridge::{Bridge, Setup, start_sandbox};
use super::support::program::{Home, run};
use super::support::{an_event, an_offer, document, with};

const PINNED: &str = "[servicenow]\napi_version = \"v1\"\n";

fn pinned(version: &str) -> Setup {
    Setup { config: PINNED.replace("v1", version), ..Setup::default() }
}

#[tokio::test]
async fn every_call_to_awa_names_the_version() {
    // A reason by its text makes the bridge ask for the channel's reasons.
    let reasons = "reason,reject_reason\nbusy,Busy\n*,Busy\n".to_owned();
    let bridge = Bridge::with(Setup { reasons, ..pinned("v1") }).await;
    let agent = |agent: &str| json!({ "agent": agent });
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.accept(&with(an_event("accept", "e-2", "c-1"), agent("ada"))).await;
    let consult = json!({ "transfer": { "type": "consult", "target": { "agent": "grace" } } });
    bridge.accept(&with(an_event("transfer", "e-3", "c-1"), consult)).await;
    bridge.accept(&with(an_event("consult_end", "e-4", "c-1"), json!({ "hand_over": true }))).await;
    bridge.accept(&an_offer("e-5", "c-2")).await;
    let reject = with(agent("ada"), json!({ "reason": "busy" }));
    bridge.accept(&with(an_event("reject", "e-6", "c-2"), reject)).await;
    bridge.accept(&with(an_event("assign", "e-7", "c-2"), agent("grace"))).await;
    for event in ["e-4", "e-7"] {
        bridge.ends(event, "delivered").await;
    }
    let table = |endpoint| matches!(endpoint, Endpoint::TableRead | Endpoint::TableWrite);
    let calls = bridge.sandbox.calls();
    for endpoint in [
        Endpoint::Offer,
        Endpoint::Transfer,
        Endpoint::Assign,
        Endpoint::Accept,
        Endpoint::Reject,
        Endpoint::RejectReasons,
        Endpoint::EndConsult,
    ] {
        assert!(calls.iter().any(|call| call.endpoint == endpoint), "{endpoint:?}: {calls:#?}");
    }
    for call in calls {
        let prefix = if table(call.endpoint) { "/api/now/table/" } else { "/api/now/v1/awa/" };
        assert!(call.path.starts_with(prefix), "{call:?}");
    }
}

#[tokio::test]
async fn check_online_asks_for_the_version_and_names_one_that_is_not_there() {
    let sandbox = start_sandbox(pinned("v1").switches).await;
    for (version, code, found) in [("v1", 0, "ok "), ("v7", 1, "missing ")] {
        sandbox.forget_calls();
        let home = Home::new(&sandbox.url(), &pinned(version));
        let asked = move || run(&mut home.command(&["check", "--online"]));
        let outcome = tokio::task::spawn_blocking(asked).await.expect("it runs");
        assert_eq!(outcome.0, code, "{outcome:?}");
        for api in ["Offer Work", "Manual Assignment", "Inbox Actions", "Agent Consult"] {
            let line = outcome.1.lines().find(|line| line.contains(api)).expect("its line");
            assert!(line.starts_with(found), "{line}");
            assert_eq!(line.contains("servicenow.api_version = \"v7\""), version == "v7", "{line}");
        }
        let awa = format!("/api/now/{version}/awa/");
        let named = |path: &str| path.starts_with(&awa) || path.starts_with("/api/now/table/");
        for call in sandbox.calls() {
            assert!(named(&call.path), "{call:?}");
        }
    }
}

#[test]
fn explain_prints_the_versioned_request() {
    let home = Home::new("http://127.0.0.1:9", &pinned("v1"));
    let file = home.directory.path().join("offer.json");
    std::fs::write(&file, an_offer("e-1", "c-1").to_string()).expect("a file");
    let file = file.to_str().expect("a path");
    let (code, shown, errors) =
        run(&mut home.command(&["explain", "--source", "native", "--json", file]));
    assert_eq!(code, 0, "{errors}");
    let line: Value = serde_json::from_str(shown.trim()).expect("a line of JSON");
    let path = format!("/api/now/v1/awa/documents/interaction/{}/offer", document("c-1"));
    assert_eq!(line["request"]["path"], path);
}

#[tokio::test]
async fn a_reload_keeps_the_version_and_says_that_it_needs_a_restart() {
    let setup = Setup::default();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    let config = std::fs::read_to_string(home.config()).expect("the configuration");
    let changed = config.replace("[servicenow]\n", PINNED);
    std::fs::write(home.config(), changed).expect("it");
    let (status, answer) = daemon.post_admin("/v1/reload").await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.to_string().contains("needs a restart: servicenow.api_version"), "{answer}");
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    assert_eq!(daemon.settled("e-1").await["state"], "delivered");
    assert!(sandbox.calls_to(Endpoint::Offer)[0].path.starts_with("/api/now/awa/"));
}
