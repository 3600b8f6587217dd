//! A reload under a running daemon: what is different is said in words, a bad one changes nothing and is seen.

use awa_bridge::testing::sandbox::Endpoint;
use serde_json::{Value, json};

use super::support::bridge::{Bridge, Setup, start_sandbox};
use super::support::program::Home;
use super::support::{an_event, an_offer, eventually, with};

#[tokio::test]
async fn the_difference_is_told_in_words_and_parked_events_resume() {
    let setup = Setup::default();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    for number in 1..=2 {
        let offer = an_offer(&format!("e-{number}"), &format!("c-{number}"));
        assert_eq!(daemon.post(&with(offer, json!({ "queue": "night" }))).await, Some(202));
    }
    eventually("the events to be parked", async || {
        (daemon.get("/v1/status").await["events"]["parked"] == 2).then_some(())
    })
    .await;
    let queues =
        "queue,channel,external_id\nsupport,,support-voice\nnight,,support-voice\na,,x\nb,,y\n";
    let tables = home.directory.path().join("mappings/sources/native");
    std::fs::write(tables.join("queues.csv"), queues).expect("the table");
    let config = std::fs::read_to_string(home.config()).expect("the configuration");
    let config = config.replace("per_second = 500", "per_second = 400");
    let config = config.replace("[mappings]", "retention = \"96h\"\n[mappings]");
    std::fs::write(home.config(), format!("{config}\n[log]\nfilter = \"debug\"\n")).expect("it");
    daemon.signal("HUP");
    let line = eventually("the reload to be logged", async || {
        daemon.log().lines().find(|line| line.contains("\"Reloaded")).map(str::to_owned)
    })
    .await;
    for words in [
        "queues of native: 3 added, 1 removed",
        "rate_limit.per_second: 500 becomes 400",
        "log.filter: info becomes debug",
        "2 parked events resume",
    ] {
        assert!(line.contains(words), "{words}: {line}");
    }
    assert!(!line.contains("store.retention"), "{line}");
    for number in 1..=2 {
        assert_eq!(daemon.settled(&format!("e-{number}")).await["state"], "delivered");
    }
    daemon.says("take effect after a restart: store.retention").await;
    // The new filter is in force.
    daemon.says("\"level\":\"DEBUG\"").await;
}

#[tokio::test]
async fn events_parked_for_an_agent_or_a_reason_resume_too() {
    let setup = Setup { reasons: "reason,reject_reason\n".to_owned(), ..Setup::default() };
    let bridge = Bridge::with(setup).await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;
    let reject = json!({ "agent": "ada", "reason": "lunch" });
    bridge.accept(&with(an_event("reject", "e-2", "c-1"), reject)).await;
    bridge.accept(&with(an_offer("e-3", "c-3"), json!({ "agent": "eve" }))).await;
    let event = bridge.reaches("e-2", "parked").await;
    assert_eq!(event["missing"]["reason"], "lunch", "{event:#}");
    bridge.reaches("e-3", "parked").await;
    let tables = bridge.directory.path().join("mappings/sources/native");
    let usual = Setup::default();
    std::fs::write(tables.join("reject_reasons.csv"), usual.reasons).expect("the table");
    let agents = usual.agents + &format!("eve,{}\n", super::support::GRACE);
    std::fs::write(tables.join("agents.csv"), agents).expect("the table");
    let (status, answer) = bridge.post_admin("/v1/reload").await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.to_string().contains("2 parked events resume"), "{answer}");
    bridge.ends("e-2", "delivered").await;
    bridge.ends("e-3", "delivered").await;
    assert_eq!(bridge.calls(Endpoint::Reject).len(), 1);
}

#[tokio::test]
async fn a_bad_reload_shows_in_the_log_in_readyz_and_in_a_metric_until_a_good_one() {
    let setup = Setup::default();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    let good = std::fs::read_to_string(home.config()).expect("the configuration");
    std::fs::write(home.config(), good.replace("burst = 100", "burst = 0")).expect("it");
    let (status, answer) = daemon.post_admin("/v1/reload").await;
    assert_eq!(status, 422);
    assert!(answer["problems"][0].as_str().is_some_and(|text| text.contains("rate_limit.burst")));
    let ready = daemon.get("/readyz").await;
    assert!(ready["reasons"][0].as_str().is_some_and(|text| text.contains("rate_limit.burst")));
    let metric = async || match daemon.get("/metrics").await {
        Value::String(page) => page,
        other => panic!("{other}"),
    };
    assert!(metric().await.contains("awa_bridge_reload_failed 1"));
    daemon.says("Reload refused").await;
    std::fs::write(home.config(), good).expect("it");
    assert_eq!(daemon.post_admin("/v1/reload").await.0, 200);
    assert_eq!(daemon.get("/readyz").await["ready"], true);
    assert!(metric().await.contains("awa_bridge_reload_failed 0"));
}
