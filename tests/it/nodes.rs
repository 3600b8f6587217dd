//! Two nodes over one PostgreSQL: either takes any webhook, one is killed and the other goes on, and nothing is lost or
//! done twice. The servers are the tests' own.

use std::process::Command;
use std::time::Duration;

use awa_bridge::testing::clock;
use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour, Sandbox, Switches};
use serde_json::{Value, json};

use super::postgres::Server;
use super::support::bridge::{OVER, Setup, start_sandbox};
use super::support::program::{Daemon, Home, program, run};
use super::support::{an_event, an_offer, eventually, with};

/// Stories that have to be the same over a database.
const STORIES: [&str; 11] = [
    "calls",
    "changes::",
    "dead_letters::",
    "duplicates::",
    "hold::",
    "lanes::",
    "lost_answers::",
    "notified::",
    "replays::",
    "shared_documents::",
    "withdraws::",
];

#[test]
fn stories_are_the_same_over_postgresql() {
    let Some(server) = Server::start(&[]) else { return };
    let program = std::env::current_exe().expect("the tests' own program");
    let stories = Command::new(program)
        .args(STORIES)
        .args(["--skip", "over_postgresql", "--test-threads", "4"])
        .env(OVER, server.url())
        .output()
        .expect("it can be run");
    assert!(stories.status.success(), "{}", String::from_utf8_lossy(&stories.stdout));
    let schemas = server.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'event'");
    assert!(schemas.parse::<u32>().is_ok_and(|schemas| schemas >= 20), "{schemas} stores");
}

/// Two nodes with a server and an instance of their own.
pub(super) struct Pair {
    pub(super) server: Server,
    pub(super) sandbox: Sandbox,
    pub(super) homes: [Home; 2],
}

impl Pair {
    pub(super) async fn new() -> Option<Self> {
        Self::with("").await
    }

    /// With this added to the configuration.
    pub(super) async fn with(more: &str) -> Option<Self> {
        let server = Server::start(&[])?;
        let switches = Switches { documents_appear: true, ..Switches::default() };
        let sandbox = start_sandbox(switches).await;
        let config = format!(
            "[store]\nengine = \"postgres\"\n[store.postgres]\nurl = \"{}\"\n[servicenow]\nrequest_timeout = \"1s\"\n{more}",
            server.url()
        );
        let setup = Setup { config, ..Setup::default() };
        let homes = [(); 2].map(|()| Home::new(&sandbox.url(), &setup));
        Some(Self { server, sandbox, homes })
    }

    pub(super) async fn start(&self) -> [Daemon; 2] {
        let [one, two] = &self.homes;
        [one.start().await, two.start().await]
    }

    pub(super) fn offers(&self) -> Vec<String> {
        let calls = self.sandbox.calls_to(Endpoint::Offer);
        let done = calls.into_iter().filter(|call| call.performed == Some(200));
        done.map(|call| call.path).collect()
    }

    /// Each document was offered once.
    pub(super) fn offered_once(&self, count: usize) {
        let mut offers = self.offers();
        offers.sort();
        let all = offers.len();
        offers.dedup();
        assert_eq!((offers.len(), all), (count, count), "documents, offers");
    }
}

#[tokio::test]
async fn an_event_that_reaches_both_nodes_is_carried_out_once() {
    let Some(pair) = Pair::new().await else { return };
    let [one, two] = pair.start().await;
    for number in 0..20 {
        let offer = an_offer(&format!("e-{number}"), &format!("c-{number}"));
        let mut answers = <[_; 2]>::from(tokio::join!(one.post(&offer), two.post(&offer)));
        answers.sort_unstable();
        assert_eq!(answers, [Some(200), Some(202)], "one has taken it, the other knows it");
    }
    for number in 0..20 {
        let daemon = if number % 2 == 0 { &one } else { &two };
        assert_eq!(daemon.settled(&format!("e-{number}")).await["state"], "delivered");
    }
    pair.offered_once(20);
}

#[tokio::test]
async fn a_call_goes_on_whichever_node_its_events_reach() {
    let Some(pair) = Pair::new().await else { return };
    let [one, two] = pair.start().await;
    for number in 0..10 {
        let conversation = format!("c-{number}");
        let offer = an_offer(&format!("offer-{number}"), &conversation);
        let accept = an_event("accept", &format!("accept-{number}"), &conversation);
        let accept = with(accept, json!({ "agent": "ada" }));
        let (first, second) = if number % 2 == 0 { (&one, &two) } else { (&two, &one) };
        assert_eq!(first.post(&offer).await, Some(202));
        assert_eq!(second.post(&accept).await, Some(202));
    }
    for number in 0..10 {
        for id in [format!("offer-{number}"), format!("accept-{number}")] {
            let event = one.settled(&id).await;
            assert_eq!(event["state"], "delivered", "{event:#}");
        }
    }
    pair.offered_once(10);
    assert_eq!(pair.sandbox.calls_to(Endpoint::Accept).len(), 10);
}

#[tokio::test]
async fn what_a_killed_node_had_taken_goes_on_on_the_other() {
    let Some(pair) = Pair::new().await else { return };
    let [one, two] = pair.start().await;
    assert_eq!(one.post_admin("/v1/hold?by=ada").await.0, 200);
    is_held(&two, true).await;
    for number in 0..30 {
        let offer = an_offer(&format!("e-{number}"), &format!("c-{number}"));
        assert_eq!(one.post(&offer).await, Some(202));
    }
    one.kill();
    assert_eq!(pair.offers().len(), 0, "held");
    assert_eq!(two.post_admin("/v1/resume?by=ada").await.1["changed"], true);
    for number in 0..30 {
        assert_eq!(two.settled(&format!("e-{number}")).await["state"], "delivered");
    }
    pair.offered_once(30);
}

#[tokio::test]
async fn a_call_of_a_killed_node_is_looked_up_and_not_repeated() {
    let Some(pair) = Pair::new().await else { return };
    pair.sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::HangAfterEffect));
    let [one, two] = pair.start().await;
    let offer = with(an_offer("e-1", "c-1"), json!({ "timeout_seconds": 120 }));
    assert_eq!(one.post(&offer).await, Some(202));
    eventually("the offer to be done", async || (pair.offers().len() == 1).then_some(())).await;
    one.kill();
    // The node itself is back before anyone else may take its call up.
    let one = pair.homes[0].start().await;
    let event = one.settled("e-1").await;
    assert_eq!(event["reason"], "found_by_look_up", "{event:#}");
    assert_eq!(two.settled("e-1").await["state"], "delivered");
    pair.offered_once(1);
}

#[tokio::test]
async fn a_call_of_a_node_that_is_gone_is_looked_up_by_another_as_soon_as_it_is_missed() {
    let Some(pair) = Pair::new().await else { return };
    for home in &pair.homes {
        let config = std::fs::read_to_string(home.config()).expect("the configuration");
        std::fs::write(home.config(), config.replace("\"1s\"", "\"10s\"")).expect("a file");
    }
    pair.sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::HangAfterEffect));
    let [one, two] = pair.start().await;
    let offer = with(an_offer("e-1", "c-1"), json!({ "timeout_seconds": 120 }));
    assert_eq!(one.post(&offer).await, Some(202));
    eventually("the offer to be done", async || (pair.offers().len() == 1).then_some(())).await;
    one.kill();
    let killed = clock::instant();
    let event = two.settled("e-1").await;
    // It could still land for 19 s.
    assert!(killed.elapsed() < Duration::from_secs(14), "{:?}", killed.elapsed());
    assert_eq!(event["reason"], "found_by_look_up", "{event:#}");
    pair.offered_once(1);
}

#[tokio::test]
async fn a_call_that_is_not_found_is_repeated_only_when_it_cannot_land_any_more() {
    let Some(pair) = Pair::new().await else { return };
    pair.sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::Hang));
    let [one, two] = pair.start().await;
    let offer = with(an_offer("e-1", "c-1"), json!({ "timeout_seconds": 120 }));
    assert_eq!(one.post(&offer).await, Some(202));
    let calls = || pair.sandbox.calls_to(Endpoint::Offer);
    eventually("the offer to be sent", async || (calls().len() == 1).then_some(())).await;
    one.kill();
    let event = two.settled("e-1").await;
    assert_eq!(event["reason"], "confirmed", "{event:#}");
    let story = event["calls"].as_array().cloned().unwrap_or_default();
    let story: Vec<_> = story.iter().map(|call| call["call"].clone()).collect();
    assert_eq!(story, ["offer", "look_up", "look_up", "offer"], "{event:#}");
    let sent: Vec<_> = calls().iter().map(|call| call.at.0).collect();
    // 5 s to leave, 1 s to be answered, 4 s for the last bytes.
    assert!(sent[1] - sent[0] > 8_500, "{sent:?}");
}

#[tokio::test]
async fn every_node_says_which_nodes_there_are_and_which_is_gone() {
    let Some(pair) = Pair::new().await else { return };
    let [one, two] = pair.start().await;
    let alive = async |daemon: &Daemon| {
        let status = daemon.get("/v1/status").await;
        let nodes = status["database"]["nodes"].as_array().cloned().unwrap_or_default();
        let own = nodes.iter().filter(|node| node["own"] == true).count();
        (nodes.iter().filter(|node| node["alive"] == true).count(), nodes.len(), own)
    };
    for daemon in [&one, &two] {
        eventually("both nodes to be shown", async || {
            (alive(daemon).await == (2, 2, 1)).then_some(())
        })
        .await;
    }
    one.kill();
    eventually("the killed node to be missed", async || {
        (alive(&two).await == (1, 2, 1)).then_some(())
    })
    .await;
    let page = two.get("/metrics").await;
    assert!(page.as_str().is_some_and(|page| page.contains("awa_bridge_nodes 1")), "{page}");
}

#[tokio::test]
async fn nodes_outlive_their_database_and_nothing_is_lost() {
    let Some(pair) = Pair::new().await else { return };
    let [one, two] = pair.start().await;
    pair.sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::DelayAfterEffect { ms: 600 }));
    assert_eq!(one.post(&an_offer("before", "c-0")).await, Some(202));
    eventually("the call to be under way", async || {
        (pair.sandbox.calls_to(Endpoint::Offer).len() == 1).then_some(())
    })
    .await;
    pair.server.down();
    for daemon in [&one, &two] {
        assert_eq!(daemon.post(&an_offer("meanwhile", "c-1")).await, Some(503));
        let ready = daemon.get("/readyz").await;
        assert!(ready.to_string().contains("store.postgres"), "{ready}");
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    pair.server.up();
    eventually("webhooks to be taken again", async || {
        (one.post(&an_offer("after", "c-2")).await == Some(202)).then_some(())
    })
    .await;
    let event = two.settled("before").await;
    assert_eq!((&event["state"], &event["reason"]), (&json!("delivered"), &json!("confirmed")));
    assert_eq!(two.settled("after").await["state"], "delivered");
    pair.offered_once(2);
}

#[test]
fn the_self_test_kills_nodes_over_a_database_and_removes_its_tables() {
    let Some(server) = Server::start(&[]) else { return };
    let url = server.url();
    let mut command = program();
    command.args(["selftest", "--kill", "3", "--nodes", "2", "--seed", "7", "--postgres", &url]);
    let (code, said, errors) = run(&mut command);
    assert_eq!(code, 0, "{said}{errors}");
    assert!(said.contains("PASSED"), "{said}");
    let left = server.sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'selftest%'");
    assert_eq!(left, "0");
}

#[test]
fn the_demonstration_kills_a_node_and_accounts_for_every_event() {
    let Some(server) = Server::start(&[]) else { return };
    let mut command = program();
    command.args(["demo", "--nodes", "2", "--postgres", &server.url()]);
    let (code, said, errors) = run(&mut command);
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    assert!(said.contains("12 calls were offered, by 12 offers"), "{said}");
    assert_eq!(server.sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'demo%'"), "0");
}

#[tokio::test]
async fn a_user_who_may_makes_the_tables_for_a_daemon_that_may_not() {
    let Some(pair) = Pair::new().await else { return };
    pair.server.sql("CREATE ROLE daemon LOGIN");
    pair.server.sql("REVOKE CREATE ON DATABASE postgres FROM PUBLIC");
    let as_daemon = |home: &Home| {
        let config = std::fs::read_to_string(home.config()).expect("the configuration");
        std::fs::write(home.config(), config.replace("bridge@", "daemon@")).expect("a file");
    };
    let [one, two] = &pair.homes;
    as_daemon(one);
    let refused = one.tried(one.command(&["run"])).await;
    let Err((code, log)) = refused else { panic!("it listens") };
    assert_eq!(code, Some(64), "{log}");
    assert!(log.contains("awa-bridge migrate"), "{log}");
    let (code, said, errors) = run(&mut two.command(&["migrate"]));
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    pair.server.sql("GRANT USAGE ON SCHEMA awa_bridge TO daemon");
    let all = "ON ALL TABLES IN SCHEMA awa_bridge TO daemon";
    pair.server.sql(&format!("GRANT SELECT, INSERT, UPDATE, DELETE {all}"));
    pair.server.sql("GRANT USAGE ON SEQUENCE awa_bridge.number TO daemon");
    let daemon = one.start().await;
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    assert_eq!(daemon.settled("e-1").await["state"], "delivered");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_costs_its_event_and_no_other() {
    let Some(pair) = Pair::new().await else { return };
    let [one, two] = pair.start().await;
    assert_eq!(one.post_admin("/v1/hold?by=ada").await.0, 200);
    is_held(&two, true).await;
    for id in ["broken", "whole"] {
        assert_eq!(one.post(&an_offer(id, &format!("c-{id}"))).await, Some(202));
    }
    let broken =
        "UPDATE awa_bridge.event SET content = 'no JSON' WHERE content LIKE '%\"broken\"%'::bytea";
    pair.server.sql(broken);
    assert_eq!(two.post_admin("/v1/resume?by=ada").await.1["changed"], true);
    assert_eq!(two.settled("whole").await["state"], "delivered");
    eventually("the other to be a dead letter", async || {
        (two.get("/v1/status").await["events"]["dead"] == 1).then_some(())
    })
    .await;
    let later = with(an_offer("later", "c-broken"), json!({ "agent": "grace" }));
    assert_eq!(one.post(&later).await, Some(202));
    assert_eq!(two.settled("later").await["state"], "delivered");
}

#[tokio::test]
async fn a_store_of_files_moves_into_a_database_with_all_that_it_knows_and_owes() {
    let Some(pair) = Pair::new().await else { return };
    let [one, _] = &pair.homes;
    let over_database = std::fs::read_to_string(one.config()).expect("the configuration");
    let over_files = over_database.replace("engine = \"postgres\"", "engine = \"sled\"");
    std::fs::write(one.config(), over_files).expect("a file");
    let mut daemon = one.start().await;
    assert_eq!(daemon.post(&an_offer("done", "c-1")).await, Some(202));
    assert_eq!(daemon.settled("done").await["state"], "delivered");
    assert_eq!(daemon.post_admin("/v1/hold").await.0, 200);
    assert_eq!(daemon.post(&an_offer("owed", "c-2")).await, Some(202));
    let accept = with(an_event("accept", "accept", "c-1"), json!({ "agent": "ada" }));
    assert_eq!(daemon.post(&accept).await, Some(202));
    let unmapped = with(an_offer("parked", "c-3"), json!({ "queue": "nowhere" }));
    assert_eq!(daemon.post(&unmapped).await, Some(202));
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
    drop(daemon);

    std::fs::write(one.config(), &over_database).expect("a file");
    let store = one.directory.path().join("state.sled").display().to_string();
    let (code, said, errors) = run(&mut one.command(&["migrate", "--from", &store]));
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    assert!(said.contains("4 events of 3 conversations"), "{said}");
    let (code, _, errors) = run(&mut one.command(&["migrate", "--from", &store]));
    assert_eq!(code, 1);
    assert!(errors.contains("hold events already"), "{errors}");

    let daemon = one.start().await;
    for id in ["owed", "accept"] {
        assert_eq!(daemon.settled(id).await["state"], "delivered");
    }
    assert_eq!(daemon.post(&an_offer("done", "c-1")).await, Some(200), "it is known");
    assert_eq!(daemon.get("/v1/events?state=parked").await["events"][0]["id"], "parked");
    assert_eq!(daemon.post(&an_offer("new", "c-4")).await, Some(202));
    assert_eq!(daemon.settled("new").await["state"], "delivered");
    pair.offered_once(3);
}

/// Waits until a node says whether it is held.
pub(super) async fn is_held(daemon: &Daemon, held: bool) {
    eventually("the node to know of the hold", async || {
        let ready = daemon.get("/readyz").await;
        ((ready["held"] != Value::Null) == held).then_some(())
    })
    .await;
}
