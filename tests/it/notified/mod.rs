//! Settled events are pushed to the receiver of `[notify]`: signed, in order, at least once, whatever the receiver
//! does.

mod over_nodes;

use std::collections::BTreeSet;
use std::time::Duration;

use awa_bridge::testing::clock;
use awa_bridge::testing::sandbox::Sandbox;
use serde_json::{Value, json};

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Daemon, Home, run};
use super::support::receiver::{Answers, Receiver, SECRET};
use super::support::sign::NATIVE_SECRET;
use super::support::{an_event, an_offer, eventually, with};

/// Something that ends dead at once: nobody can read it.
fn unreadable(id: &str) -> Value {
    with(an_offer(id, &format!("c-{id}")), json!({ "kind": "ring" }))
}

async fn home(config: &str) -> (Sandbox, Home) {
    let setup = Setup { config: config.to_owned(), ..Setup::default() };
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    (sandbox, home)
}

/// Waits until the daemon pushes.
async fn started(home: &Home) -> Daemon {
    let daemon = home.start().await;
    pushes(&daemon).await;
    daemon
}

async fn pushes(daemon: &Daemon) {
    eventually("the node to push", async || {
        (daemon.get("/v1/status").await["notify"]["own"] == true).then_some(())
    })
    .await;
}

async fn post(daemon: &Daemon, ids: &[&str]) {
    for id in ids {
        assert_eq!(daemon.post(&unreadable(id)).await, Some(202));
    }
}

async fn metric(daemon: &Daemon, name: &str) -> f64 {
    let page = daemon.get("/metrics").await;
    let lines = page.as_str().expect("a page").lines();
    let mut values = lines.filter_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
    values.next_back().unwrap_or_else(|| panic!("no {name}"))
}

fn rewrite(home: &Home, from: &str, to: &str) {
    let config = std::fs::read_to_string(home.config()).expect("the configuration");
    assert!(config.contains(from), "{config}");
    std::fs::write(home.config(), config.replace(from, to)).expect("a file");
}

#[tokio::test]
async fn a_card_that_could_not_be_shown_is_told_within_a_second_and_nobody_elses_business_is() {
    let receiver = Receiver::start().await;
    let (_sandbox, home) = home(&receiver.section("")).await;
    let daemon = started(&home).await;
    assert_eq!(daemon.post(&an_offer("shown", "c-1")).await, Some(202));
    daemon.settled("shown").await;
    let began = clock::instant();
    post(&daemon, &["not-shown"]).await;
    assert_eq!(receiver.takes(1).await, ["not-shown"], "of delivered events nothing is told");
    assert!(began.elapsed() < Duration::from_secs(10), "told after {:?}", began.elapsed());
    let push = &receiver.pushes()[0];
    assert!(push.head.starts_with("POST /awa?key=k-1 "), "{}", push.head);
    assert_eq!(push.header("content-type"), Some("application/json"));
    assert!(push.is_signed(SECRET) && !push.is_signed(NATIVE_SECRET), "{}", push.head);
    for none in ["authorization", "cookie", "awa-bridge-gap"] {
        assert_eq!(push.header(none), None);
    }
    let told = push.event();
    let told = told.as_object().expect("an object");
    let members: BTreeSet<_> = told.keys().map(String::as_str).collect();
    let contract = "attempts conversation id kind last_answer reason received_at settled_at source state work_item";
    assert_eq!(members, contract.split(' ').collect());
    let changes = daemon.get("/v1/changes?after=0&wait=0").await;
    let shown = changes["events"].as_array().expect("events");
    let shown = shown.iter().find(|event| event["id"] == "not-shown").expect("the event");
    assert!(told.iter().all(|(name, value)| shown[name] == *value), "{told:?} {shown:#}");
    assert_eq!((&told["state"], &told["reason"]), (&json!("dead"), &json!("unreadable")));
    assert!(metric(&daemon, "awa_bridge_notify_total{result=\"taken\"}").await >= 1.0);
    assert!(metric(&daemon, "awa_bridge_notify_lag_seconds").await < 3.0);
    let status = daemon.get("/v1/status").await;
    assert_eq!(status["notify"]["receiver"], "127.0.0.1", "{status:#}");
    let said = format!("{}{status}", daemon.log());
    assert!(!said.contains("k-1") && !said.contains(SECRET), "{said}");
}

#[tokio::test]
async fn only_wanted_outcomes_and_sources_are_pushed() {
    let receiver = Receiver::start().await;
    let more = format!(
        "outcomes = [\"delivered\"]\nsources = [\"other\"]\n[sources.other]\nvendor = \"native\"\n\
         contact_center = \"native\"\nsecrets = [\"{NATIVE_SECRET}\"]"
    );
    let (_sandbox, home) = home(&receiver.section(&more)).await;
    let daemon = started(&home).await;
    assert_eq!(daemon.post(&an_event("bind", "e-1", "c-1")).await, Some(202));
    assert_eq!(daemon.post_to("other", &unreadable("e-2")).await, Some(202));
    assert_eq!(daemon.post_to("other", &an_event("bind", "e-3", "c-3")).await, Some(202));
    assert_eq!(receiver.takes(1).await, ["e-3"]);
    assert_eq!(receiver.pushes().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_fails_redirects_or_hangs_loses_nothing_and_delays_nothing_else() {
    let receiver = Receiver::start().await;
    let (_sandbox, home) = home(&receiver.section("")).await;
    let daemon = started(&home).await;
    let mut expected = Vec::new();
    let failures = [
        Answers::Status(500, "x-a: b"),
        Answers::Status(400, "x-a: b"),
        Answers::Status(307, "location: /elsewhere"),
        Answers::Nothing,
    ];
    for (number, answers) in failures.into_iter().enumerate() {
        receiver.now_answers(answers);
        let ids = [format!("a-{number}"), format!("b-{number}")];
        post(&daemon, &[&ids[0]]).await;
        receiver.is_tried().await;
        post(&daemon, &[&ids[1]]).await;
        let offer = format!("offer-{number}");
        assert_eq!(daemon.post(&an_offer(&offer, &format!("c-{number}"))).await, Some(202));
        assert_eq!(daemon.settled(&offer).await["state"], "delivered");
        receiver.now_answers(Answers::Taken);
        expected.extend(ids);
        assert_eq!(receiver.takes(expected.len()).await, expected);
    }
    let pushes = receiver.pushes();
    assert!(pushes.iter().all(|push| push.head.starts_with("POST /awa?key=k-1 ")));
    assert!(pushes.iter().all(|push| push.is_signed(SECRET)), "each try is signed anew");
    let of_first = pushes.iter().filter(|push| push.event_id() == "a-0");
    let of_first: BTreeSet<_> = of_first.map(|push| push.webhook_id()).collect();
    assert_eq!(of_first.len(), 1, "one settling has one webhook-id, however often it is pushed");
    let all: BTreeSet<_> = pushes.iter().map(|push| push.webhook_id()).collect();
    assert_eq!(all.len(), expected.len());
}

#[tokio::test]
async fn a_receiver_that_was_away_for_long_gets_all_in_order_and_costs_two_lines() {
    let mut receiver = Receiver::start().await;
    let (_sandbox, home) = home(&receiver.section("")).await;
    let daemon = started(&home).await;
    receiver.go_away().await;
    let ids: Vec<_> = (0..250).map(|number| format!("e-{number}")).collect();
    for id in &ids {
        post(&daemon, &[id]).await;
    }
    let failed = "awa_bridge_notify_total{result=\"failed\"}";
    eventually("some failures", async || (metric(&daemon, failed).await >= 5.0).then_some(()))
        .await;
    assert!(metric(&daemon, "awa_bridge_notify_lag_seconds").await > 0.5);
    let status = daemon.get("/v1/status").await;
    assert!(status["notify"]["refused"].is_string(), "{status:#}");
    assert_eq!(status["ready"], true, "it is nobody else's trouble: {status:#}");
    receiver.come_back().await;
    assert_eq!(receiver.takes(ids.len()).await, ids);
    let log = daemon.says("takes settled events again").await;
    assert_eq!(log.matches("does not take settled events").count(), 1, "{log}");
    assert_eq!(receiver.pushes().len(), ids.len(), "what was taken is not pushed again");
    eventually("nothing to wait for", async || {
        (metric(&daemon, "awa_bridge_notify_lag_seconds").await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_slow_receiver_and_one_whose_answer_does_not_end_get_all_in_order() {
    let receiver = Receiver::start().await;
    let (_sandbox, home) = home(&receiver.section("")).await;
    let daemon = started(&home).await;
    receiver.now_answers(Answers::Late(Duration::from_millis(1_500)));
    post(&daemon, &["a-0", "a-1", "a-2"]).await;
    assert_eq!(receiver.takes(3).await, ["a-0", "a-1", "a-2"]);
    receiver.now_answers(Answers::Endless);
    let began = clock::instant();
    post(&daemon, &["b-0", "b-1"]).await;
    assert_eq!(receiver.takes(5).await, ["a-0", "a-1", "a-2", "b-0", "b-1"]);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    receiver.now_answers(Answers::Taken);
    post(&daemon, &["c-0"]).await;
    receiver.takes(6).await;
    assert_eq!(receiver.pushes().len(), 6, "each once");
}

#[tokio::test]
async fn a_receiver_is_left_alone_for_as_long_as_it_asks_and_after_410_until_a_reload() {
    let receiver = Receiver::start().await;
    let (_sandbox, home) = home(&receiver.section("")).await;
    let daemon = started(&home).await;
    receiver.now_answers(Answers::Status(429, "retry-after: 4"));
    post(&daemon, &["e-1"]).await;
    receiver.is_tried().await;
    receiver.now_answers(Answers::Taken);
    assert_eq!(receiver.takes(1).await, ["e-1"]);
    let tries = receiver.pushes();
    assert_eq!(tries.len(), 2);
    let pause = tries[1].at.duration_since(tries[0].at);
    assert!(pause >= Duration::from_secs(4), "tried again after {pause:?}");
    receiver.now_answers(Answers::Status(410, "x-a: b"));
    post(&daemon, &["e-2"]).await;
    receiver.is_tried().await;
    receiver.now_answers(Answers::Taken);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(receiver.taken(), ["e-1"]);
    assert_eq!(daemon.post_admin("/v1/reload").await.0, 200);
    assert_eq!(receiver.takes(2).await, ["e-1", "e-2"]);
}

#[tokio::test]
async fn what_was_not_taken_before_a_kill_is_pushed_after_it() {
    let receiver = Receiver::start().await;
    let (_sandbox, home) = home(&receiver.section("")).await;
    let daemon = started(&home).await;
    post(&daemon, &["e-1", "e-2"]).await;
    receiver.takes(2).await;
    receiver.now_answers(Answers::Status(503, "x-a: b"));
    post(&daemon, &["e-3", "e-4"]).await;
    receiver.is_tried().await;
    // What was taken is written after half a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    daemon.kill();
    receiver.now_answers(Answers::Taken);
    let daemon = home.start().await;
    post(&daemon, &["e-5"]).await;
    assert_eq!(receiver.takes(5).await, ["e-1", "e-2", "e-3", "e-4", "e-5"]);
    let again = receiver.pushes().iter().filter(|push| push.is_taken).count();
    assert_eq!(again, 5, "what was taken before is not pushed again");
}

#[tokio::test]
async fn an_orderly_stop_repeats_nothing_and_loses_nothing() {
    let receiver = Receiver::start().await;
    let (_sandbox, home) = home(&receiver.section("")).await;
    let mut daemon = started(&home).await;
    post(&daemon, &["e-1", "e-2"]).await;
    receiver.takes(2).await;
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
    let daemon = home.start().await;
    post(&daemon, &["e-3"]).await;
    assert_eq!(receiver.takes(3).await, ["e-1", "e-2", "e-3"]);
    assert_eq!(receiver.pushes().len(), 3);
}

#[tokio::test]
async fn a_reload_names_another_receiver_and_secret_and_it_goes_on_where_the_first_ended() {
    let (receiver, second) = (Receiver::start().await, Receiver::start().await);
    let (_sandbox, home) = home(&receiver.section("")).await;
    let kept = home.directory.path().join("notify-secret");
    std::fs::write(&kept, format!("{SECRET}\n")).expect("a file");
    let in_file = format!("{{ file = \"{}\" }}", kept.display());
    rewrite(&home, &format!("secret = \"{SECRET}\""), &format!("secret = {in_file}"));
    let daemon = started(&home).await;
    post(&daemon, &["e-1"]).await;
    receiver.takes(1).await;
    receiver.now_answers(Answers::Nothing);
    post(&daemon, &["e-2"]).await;
    receiver.is_tried().await;
    rewrite(&home, &receiver.url, &second.url);
    std::fs::write(&kept, NATIVE_SECRET).expect("a file");
    let began = clock::instant();
    let (status, answer) = daemon.post_admin("/v1/reload").await;
    assert_eq!(status, 200, "{answer}");
    let answer = answer.to_string();
    assert!(answer.contains("notify.url") && answer.contains("notify.secret"), "{answer}");
    assert!(!answer.contains("k-1") && !answer.contains("whsec_"), "{answer}");
    assert_eq!(second.takes(1).await, ["e-2"]);
    assert!(began.elapsed() < Duration::from_secs(5), "the one that hangs is not waited for");
    assert!(second.pushes()[0].is_signed(NATIVE_SECRET));
    // Without the section nothing is pushed; named again, it goes on where it was.
    let section = format!("[notify]\nurl = \"{}\"\nsecret = {in_file}\n", second.url);
    rewrite(&home, &section, "");
    assert_eq!(daemon.post_admin("/v1/reload").await.0, 200);
    post(&daemon, &["e-3"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(second.taken(), ["e-2"]);
    let config = std::fs::read_to_string(home.config()).expect("the configuration");
    std::fs::write(home.config(), format!("{config}\n{section}")).expect("a file");
    assert_eq!(daemon.post_admin("/v1/reload").await.0, 200);
    assert_eq!(second.takes(2).await, ["e-2", "e-3"]);
}

#[tokio::test]
async fn what_is_forgotten_before_it_is_taken_is_said_to_operators_and_to_the_receiver() {
    let mut receiver = Receiver::start().await;
    let store = "[store]\nretention = \"8s\"\n";
    let config = receiver.section("outcomes = [\"delivered\"]");
    let (_sandbox, home) = home(&format!("{store}{config}")).await;
    let daemon = started(&home).await;
    let bind = async |id: &str| {
        assert_eq!(daemon.post(&an_event("bind", id, &format!("c-{id}"))).await, Some(202));
    };
    bind("e-1").await;
    receiver.takes(1).await;
    receiver.go_away().await;
    bind("e-2").await;
    let gaps = "awa_bridge_notify_gaps_total";
    eventually("a gap", async || (metric(&daemon, gaps).await >= 1.0).then_some(())).await;
    bind("e-3").await;
    bind("e-4").await;
    receiver.come_back().await;
    let taken = receiver.takes(3).await;
    assert_eq!(taken, ["e-1", "e-3", "e-4"]);
    let pushes = receiver.pushes();
    let gap_before: Vec<_> = pushes.iter().map(|push| push.header("awa-bridge-gap")).collect();
    assert_eq!(gap_before, [None, Some("true"), None]);
    let log = daemon.says("forgotten before their receiver took them").await;
    assert_eq!(log.matches("forgotten before their receiver took them").count(), 1, "{log}");
}

#[tokio::test]
async fn check_names_what_is_wrong_with_the_receiver() {
    let url = "url = \"https://router.example.com/\"";
    let secret = format!("secret = \"{SECRET}\"");
    let http = "url = \"http://router.example.com/\"";
    let user = "url = \"https://u:p@router.example.com\"";
    // Problems are told all at once.
    let cases: [(String, &[(&str, &str)]); 5] = [
        (
            format!(
                "{http}\n{secret}\noutcomes = [\"parked\"]\nsources = [\"nobody\"]\nretries = 3"
            ),
            &[
                ("notify.url", "loopback only"),
                ("notify.outcomes", "no final state"),
                ("notify.retries", ""),
            ],
        ),
        (
            format!("{user}\nsources = [\"nobody\"]\noutcomes = []"),
            &[
                ("notify.url", "user name"),
                ("notify.outcomes", "is empty"),
                ("notify.sources", "nobody"),
            ],
        ),
        (secret.clone(), &[("notify.url", "is missing")]),
        (url.to_owned(), &[("notify.secret", "is missing")]),
        (format!("{url}\nsecret = \"whsec_c2hvcnQ=\""), &[("notify.secret", "at least 16 bytes")]),
    ];
    for (section, problems) in cases {
        let setup = Setup { config: format!("[notify]\n{section}\n"), ..Setup::default() };
        let home = Home::new("http://127.0.0.1:9", &setup);
        let (code, said, errors) = run(&mut home.command(&["check"]));
        let all = format!("{said}{errors}");
        assert_eq!(code, 64, "{section}: {all}");
        for (key, wanted) in problems {
            let line = all.lines().find(|line| line.contains(key));
            assert!(line.is_some_and(|line| line.contains(wanted)), "{section}: {all}");
        }
        assert!(!all.contains(SECRET) && !all.contains("u:p@"), "{all}");
    }
    let setup = Setup { config: format!("[notify]\n{url}\n{secret}\n"), ..Setup::default() };
    let home = Home::new("http://127.0.0.1:9", &setup);
    let (code, said, errors) = run(&mut home.command(&["check"]));
    assert_eq!(code, 0, "{errors}");
    assert!(said.contains("dead, expired events are pushed to router.example.com"), "{said}");
}
