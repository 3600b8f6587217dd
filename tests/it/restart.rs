//! The built program is killed or stopped at awkward moments: nothing that it answered is lost, nothing is done twice.

use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour, Switches};
use serde_json::json;

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Home, run};
use super::support::{an_event, an_offer, eventually, with};

fn switches() -> Switches {
    Switches { documents_appear: true, ..Switches::default() }
}

#[tokio::test]
async fn what_was_answered_before_a_kill_is_carried_out_after_it() {
    let sandbox = start_sandbox(switches()).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    sandbox.inject(
        Fault::next(Misbehaviour::Status { status: 429, body: json!({}), headers: Vec::new() })
            .times(1_000),
    );
    let daemon = home.start().await;
    for number in 0..20 {
        let offer = an_offer(&format!("e-{number}"), &format!("c-{number}"));
        assert_eq!(daemon.post(&offer).await, Some(202));
    }
    daemon.kill();
    sandbox.clear_faults();
    sandbox.forget_calls();
    let daemon = home.start().await;
    for number in 0..20 {
        let event = daemon.settled(&format!("e-{number}")).await;
        assert_eq!(event["state"], "delivered", "{event:#}");
    }
    let done = sandbox.calls_to(Endpoint::Offer);
    assert_eq!(done.iter().filter(|call| call.performed == Some(200)).count(), 20);
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(200), "a duplicate after the kill");
}

#[tokio::test]
async fn a_kill_between_call_and_answer_is_looked_up_and_not_repeated() {
    let sandbox = start_sandbox(switches()).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::HangAfterEffect));
    let daemon = home.start().await;
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    let accept = with(an_event("accept", "e-2", "c-1"), json!({ "agent": "ada" }));
    assert_eq!(daemon.post(&accept).await, Some(202));
    eventually("the offer to be done", async || {
        let offers = sandbox.calls_to(Endpoint::Offer);
        offers.iter().any(|call| call.performed == Some(200)).then_some(())
    })
    .await;
    daemon.kill();
    let daemon = home.start().await;
    let event = daemon.settled("e-1").await;
    assert_eq!(
        (&event["state"], &event["reason"]),
        (&json!("delivered"), &json!("found_by_look_up"))
    );
    assert_eq!(daemon.settled("e-2").await["state"], "delivered");
    assert_eq!(sandbox.calls_to(Endpoint::Offer).len(), 1);
}

#[tokio::test]
async fn sigterm_finishes_what_is_in_flight_and_exits_0() {
    let sandbox = start_sandbox(switches()).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::DelayAfterEffect { ms: 700 }).times(3));
    let mut daemon = home.start().await;
    for number in 0..3 {
        let offer = an_offer(&format!("e-{number}"), &format!("c-{number}"));
        assert_eq!(daemon.post(&offer).await, Some(202));
    }
    eventually("the calls to be in flight", async || {
        (sandbox.calls_to(Endpoint::Offer).len() == 3).then_some(())
    })
    .await;
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
    drop(daemon);
    let daemon = home.start().await;
    for number in 0..3 {
        let event = daemon.settled(&format!("e-{number}")).await;
        assert_eq!((&event["state"], &event["reason"]), (&json!("delivered"), &json!("confirmed")));
    }
    assert_eq!(sandbox.calls_to(Endpoint::Offer).len(), 3);
}

#[tokio::test]
async fn a_second_daemon_on_the_same_store_says_who_is_in_the_way() {
    let sandbox = start_sandbox(switches()).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let _daemon = home.start().await;
    let config = std::fs::read_to_string(home.config()).expect("the configuration");
    let elsewhere = home.directory.path().join("second.toml");
    let moved: Vec<_> = config
        .lines()
        .map(|line| if line.starts_with("listen") { "listen = \"127.0.0.1:0\"" } else { line })
        .collect();
    std::fs::write(&elsewhere, moved.join("\n")).expect("a second configuration");
    let mut second = home.command(&["run"]);
    second.arg("--config").arg(elsewhere);
    let (code, _, errors) =
        tokio::task::spawn_blocking(move || run(&mut second)).await.expect("it runs");
    assert_eq!(code, 1);
    assert!(errors.contains("state.sled"), "{errors}");
}
