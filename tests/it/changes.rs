//! Settled events in the order of settling, for programs that follow them: each is told once to whoever goes on from
//! the last cursor, over restarts, kills and several nodes.

use std::time::Duration;

use awa_bridge::testing::clock;
use awa_bridge::testing::sandbox::Switches;
use serde_json::{Value, json};

use super::nodes::Pair;
use super::support::bridge::{Bridge, Setup, start_sandbox};
use super::support::program::{Daemon, Home};
use super::support::{an_event, an_offer, eventually, with};

/// How many requests may wait.
const WAITERS: usize = 16;

/// The ids of an answer's events.
fn ids(answer: &Value) -> Vec<String> {
    let events = answer["events"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
    events.iter().map(|event| event["id"].as_str().expect("an id").to_owned()).collect()
}

fn cursor(answer: &Value) -> String {
    answer["cursor"].as_str().unwrap_or_else(|| panic!("{answer:#}")).to_owned()
}

/// Everything that is told from a cursor on, page by page, until so many events have come; never more.
async fn followed(daemon: &Daemon, from: &str, count: usize) -> (Vec<String>, String) {
    let (mut told, mut from) = (Vec::new(), from.to_owned());
    while told.len() < count {
        let answer = daemon.get(&format!("/v1/changes?after={from}&limit=7&wait=30")).await;
        assert!(!ids(&answer).is_empty(), "after {told:?} nothing more came: {answer:#}");
        told.extend(ids(&answer));
        from = cursor(&answer);
    }
    let rest = daemon.get(&format!("/v1/changes?after={from}&wait=1")).await;
    assert_eq!(ids(&rest), Vec::<String>::new());
    (told, from)
}

/// An offer that is taken, and shown to its agent.
async fn delivered(bridge: &Bridge, id: &str) {
    bridge.accept(&an_offer(id, &format!("c-{id}"))).await;
    bridge.ends(id, "delivered").await;
}

#[tokio::test]
async fn changes_come_in_the_order_of_settling_and_end_where_the_cursor_says() {
    let mut bridge = Bridge::start().await;
    let (status, start) = bridge.get("/v1/changes").await;
    assert_eq!((status, ids(&start)), (200, Vec::new()), "from now on");
    for id in ["e-1", "e-2", "e-3"] {
        delivered(&bridge, id).await;
    }
    let unreadable = with(an_offer("e-4", "c-4"), json!({ "kind": "ring" }));
    bridge.accept(&unreadable).await;
    let all = ["e-1", "e-2", "e-3", "e-4"];
    let after = |cursor: &str, more: &str| format!("/v1/changes?after={cursor}{more}");
    for from in ["0".to_owned(), cursor(&start)] {
        let told = eventually("all to be told", async || {
            let (_, told) = bridge.get(&after(&from, "&wait=0")).await;
            (ids(&told).len() == all.len()).then_some(told)
        })
        .await;
        assert_eq!(ids(&told), all);
        assert_eq!(told["events"][0]["state"], "delivered", "{told:#}");
        assert_eq!(told["events"][3]["reason"], "unreadable", "{told:#}");
        assert!(told["events"][0]["settled_at"].is_string());
    }
    let (_, two) = bridge.get(&after("0", "&limit=2")).await;
    let (_, rest) = bridge.get(&after(&cursor(&two), "")).await;
    assert_eq!([ids(&two), ids(&rest)].concat(), all);
    bridge.restart().await;
    let (_, again) = bridge.get(&after(&cursor(&two), "&wait=0")).await;
    assert_eq!(ids(&again), ["e-3", "e-4"]);
    let (_, none) = bridge.get(&after(&cursor(&again), "&wait=0")).await;
    assert_eq!((ids(&none), cursor(&none)), (Vec::new(), cursor(&again)));
    for wrong in ["after=now", "after=1-2-3", "after=0&limit=few", "after=0&wait=long"] {
        assert_eq!(bridge.get(&format!("/v1/changes?{wrong}")).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn what_is_replayed_and_what_is_discarded_settles_and_is_told_again() {
    let bridge = Bridge::start().await;
    let offer =
        with(an_offer("e-1", "c-1"), json!({ "agent": "nobody-known", "timeout_seconds": 1 }));
    bridge.accept(&offer).await;
    bridge.ends("e-1", "expired").await;
    let (_, first) = bridge.get("/v1/changes?after=0").await;
    assert_eq!(ids(&first), ["e-1"]);
    let (status, _) = bridge.post_admin("/v1/events/native/e-1/replay?force=true&by=ada").await;
    assert_eq!(status, 200);
    let (_, again) = bridge.get(&format!("/v1/changes?after={}", cursor(&first))).await;
    assert_eq!(ids(&again), ["e-1"]);
    bridge.accept(&with(an_offer("e-2", "c-2"), json!({ "kind": "ring" }))).await;
    let (_, dead) = bridge.get(&format!("/v1/changes?after={}", cursor(&again))).await;
    assert_eq!((ids(&dead), &dead["events"][0]["state"]), (vec!["e-2".to_owned()], &json!("dead")));
    let (status, _) = bridge.post_admin("/v1/events/native/e-2/discard?by=ada").await;
    assert_eq!(status, 200);
    let (_, over) = bridge.get(&format!("/v1/changes?after={}", cursor(&dead))).await;
    assert_eq!(over["events"][0]["state"], "discarded", "{over:#}");
}

#[tokio::test]
async fn a_long_poll_answers_with_what_settles_and_otherwise_when_its_time_is_over() {
    let bridge = Bridge::start().await;
    let (_, start) = bridge.get("/v1/changes").await;
    let path = format!("/v1/changes?after={}", cursor(&start));
    let began = clock::instant();
    let (status, none) = bridge.get(&format!("{path}&wait=1")).await;
    assert_eq!((status, ids(&none), cursor(&none)), (200, Vec::new(), cursor(&start)));
    assert!(began.elapsed() >= Duration::from_secs(1));
    let settles = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        delivered(&bridge, "e-1").await;
        clock::instant()
    };
    let told = async { (bridge.get(&format!("{path}&wait=60")).await, clock::instant()) };
    let (((status, told), heard), settled) = tokio::join!(told, settles);
    assert_eq!((status, ids(&told)), (200, vec!["e-1".to_owned()]));
    let late = heard.saturating_duration_since(settled);
    assert!(late < Duration::from_secs(20), "told after {late:?}");
}

#[tokio::test]
async fn those_who_wait_are_bounded_and_keep_nobody_from_asking() {
    let bridge = Bridge::start().await;
    let crowd = futures_of(WAITERS + 4, || bridge.get("/v1/changes?after=0&wait=60"));
    let rest = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(bridge.get("/v1/changes?after=0&wait=0").await.0, 200);
        assert_eq!(bridge.get("/v1/status").await.0, 200);
        delivered(&bridge, "e-1").await;
    };
    let (crowd, ()) = tokio::join!(crowd, rest);
    let (told, refused): (Vec<_>, Vec<_>) = crowd.into_iter().partition(|(code, _)| *code == 200);
    assert_eq!((told.len(), refused.len()), (WAITERS, 4), "{refused:?}");
    for (_, told) in told {
        assert_eq!(ids(&told), ["e-1"]);
    }
    assert!(refused.iter().all(|(code, _)| *code == 503), "{refused:?}");
}

/// The answers of so many questions that are asked at the same time.
async fn futures_of<F: Future<Output = (u16, Value)>>(
    count: usize,
    ask: impl Fn() -> F,
) -> Vec<(u16, Value)> {
    let mut asked: Vec<_> = (0..count).map(|_| Box::pin(ask())).collect();
    let mut answers = Vec::new();
    std::future::poll_fn(|context| {
        asked.retain_mut(|one| match one.as_mut().poll(context) {
            std::task::Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            std::task::Poll::Pending => true,
        });
        if asked.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    answers
}

#[tokio::test]
async fn a_cursor_of_which_something_is_forgotten_gets_410_and_the_oldest_that_is_there() {
    let bridge = Bridge::configured("[store]\nretention = \"8s\"\n").await;
    // No card is watched of a bind, so it is forgotten as soon as its time is over.
    let bind = async |id: &str| bridge.accept(&an_event("bind", id, &format!("c-{id}"))).await;
    bind("e-1").await;
    let (_, first) = bridge.get("/v1/changes?after=0").await;
    let old = cursor(&first);
    bind("e-2").await;
    let gone = eventually("the second one to be forgotten", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (status, answer) = bridge.get(&format!("/v1/changes?after={old}&wait=0")).await;
        // It is told, or that it is gone: never neither.
        assert!(status == 410 || ids(&answer) == ["e-2"], "{answer:#}");
        (status == 410).then_some(answer)
    })
    .await;
    bind("e-3").await;
    for from in [cursor(&gone), "0".to_owned()] {
        // Over a database that others use, too, it is told when their transactions are over.
        let (status, told) = bridge.get(&format!("/v1/changes?after={from}&wait=30")).await;
        assert_eq!((status, ids(&told)), (200, vec!["e-3".to_owned()]), "{gone:#}");
    }
    let (_, end) = bridge.get("/v1/changes").await;
    assert_eq!(bridge.get(&format!("/v1/changes?after={}&wait=0", cursor(&end))).await.0, 200);
}

#[tokio::test]
async fn nothing_is_passed_over_when_the_program_is_killed() {
    let setup = Setup::default();
    let sandbox = start_sandbox(Switches { documents_appear: true, ..Switches::default() }).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    for number in 0..10 {
        let id = format!("before-{number}");
        assert_eq!(daemon.post(&an_offer(&id, &format!("c-{number}"))).await, Some(202));
    }
    let (mut told, from) = followed(&daemon, "0", 10).await;
    for number in 0..10 {
        let bind = an_event("bind", &format!("bind-{number}"), &format!("c-{number}"));
        assert_eq!(daemon.post(&bind).await, Some(202));
    }
    daemon.kill();
    let daemon = home.start().await;
    let (after, end) = followed(&daemon, &from, 10).await;
    told.extend(after);
    let (all, again) = followed(&daemon, "0", 20).await;
    assert_eq!((&all, again), (&told, end), "the same order, whoever asks");
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 20);
}

#[tokio::test]
async fn over_postgresql_whoever_follows_one_node_is_told_once_of_what_any_node_settles() {
    let Some(pair) = Pair::new().await else { return };
    let [one, two] = pair.start().await;
    const LANES: usize = 6;
    const ROUNDS: usize = 15;
    // Each conversation's events go to either node, one after the other is answered.
    let post = async |lane: usize| {
        for round in 0..ROUNDS {
            let bind = an_event("bind", &format!("e-{lane}-{round}"), &format!("c-{lane}"));
            let node = if (lane + round).is_multiple_of(2) { &one } else { &two };
            assert_eq!(node.post(&bind).await, Some(202));
        }
    };
    let posted = async {
        tokio::join!(post(0), post(1), post(2), post(3), post(4), post(5));
    };
    let ((told, end), ()) = tokio::join!(followed(&one, "0", LANES * ROUNDS), posted);
    for lane in 0..LANES {
        let of_lane = |id: &&String| id.starts_with(&format!("e-{lane}-"));
        let of_lane: Vec<_> = told.iter().filter(of_lane).cloned().collect();
        let expected: Vec<_> = (0..ROUNDS).map(|round| format!("e-{lane}-{round}")).collect();
        assert_eq!(of_lane, expected, "{told:?}");
    }
    // The same from the other node, also when the first one is gone.
    one.kill();
    assert_eq!(followed(&two, "0", LANES * ROUNDS).await, (told, end.clone()));
    assert_eq!(two.post(&an_event("bind", "last", "c-0")).await, Some(202));
    assert_eq!(followed(&two, &end, 1).await.0, ["last"]);
}

#[tokio::test]
async fn over_postgresql_a_transaction_that_goes_on_is_waited_for() {
    let Some(pair) = Pair::new().await else { return };
    let [one, _two] = pair.start().await;
    assert_eq!(one.post(&an_event("bind", "early", "c-1")).await, Some(202));
    let (_, start) = followed(&one, "0", 1).await;
    // One that has settled something and is not committed yet: what commits meanwhile must not be passed over it.
    let url = pair.server.url();
    let (client, connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("a connection");
    let connection = tokio::spawn(connection);
    let slow = "BEGIN; INSERT INTO awa_bridge.settled (position, event)
        SELECT txid_current(), number FROM awa_bridge.event LIMIT 1";
    client.batch_execute(slow).await.expect("a row");
    assert_eq!(one.post(&an_event("bind", "late", "c-2")).await, Some(202));
    let path = format!("/v1/changes?after={start}&wait=1");
    assert_eq!(ids(&one.get(&path).await), Vec::<String>::new());
    client.batch_execute("COMMIT").await.expect("a commit");
    let (told, _) = followed(&one, &start, 2).await;
    assert_eq!(told, ["early", "late"]);
    drop(client);
    drop(connection.await);
}
