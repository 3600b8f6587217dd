//! What the operators' page asks for: counts by source, groups of what needs a person, search, stories. All of it is
//! small, whatever the store holds.

use std::collections::BTreeSet;

use awa_bridge::testing::sandbox::{Fault, Misbehaviour};
use serde_json::{Value, json};

use super::support::bridge::{Bridge, Setup, http_client, start_sandbox};
use super::support::program::{Daemon, Home, run};
use super::support::{an_event, an_offer, document, eventually, with};

/// An event that no profile can read.
pub(crate) fn unreadable(id: &str) -> Value {
    json!({ "id": id, "kind": "ring", "conversation": "c" })
}

/// Posts that many dead letters: of a body with more, one is made of all.
pub(crate) async fn dead_letters(daemon: &Daemon, many: usize) {
    for from in (0..many).step_by(50) {
        let some = from..many.min(from + 50);
        let some: Vec<_> = some.map(|number| unreadable(&format!("bad-{number:05}"))).collect();
        assert_eq!(daemon.post(&Value::Array(some)).await, Some(202));
    }
}

async fn text(daemon: &Daemon, path: &str) -> String {
    let request = http_client().get(format!("{}{path}", daemon.admin)).bearer_auth(daemon.token());
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.expect("a text")
}

async fn home(config: &str) -> (awa_bridge::testing::sandbox::Sandbox, Home) {
    let sandbox = start_sandbox(Setup::default().switches).await;
    let home = Home::new(&sandbox.url(), &Setup { config: config.to_owned(), ..Setup::default() });
    (sandbox, home)
}

#[tokio::test]
async fn each_source_says_what_it_owes_and_what_came() {
    let config = "[sources.silent]\nvendor = \"native\"\nsecrets = [\"whsec_TfLd9r8GKYqrTwjUPD8ILPZIo2LaLPL+\"]\n\
                  contact_center = \"other\"";
    let (_sandbox, home) = home(config).await;
    let daemon = home.start().await;
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    daemon.settled("e-1").await;
    let parked = with(an_offer("e-2", "c-2"), json!({ "agent": "nobody", "timeout_seconds": 900 }));
    assert_eq!(daemon.post(&parked).await, Some(202));
    assert_eq!(daemon.post(&unreadable("e-3")).await, Some(202));
    let late = with(an_offer("e-4", "c-4"), json!({ "occurred_at": "2001-02-03T04:05:06Z" }));
    assert_eq!(daemon.post(&late).await, Some(202));
    assert_eq!(daemon.settled("e-4").await["state"], "expired");
    // With the secret of another.
    assert_eq!(daemon.post_to("silent", &an_offer("e-5", "c-5")).await, Some(401));

    let answer = daemon.get("/v1/sources").await;
    let [native, silent] = answer["sources"].as_array().expect("a list").as_slice() else {
        panic!("{answer:#}")
    };
    let named = json!([native["source"], native["vendor"], native["contact_center"]]);
    assert_eq!(named, json!(["native", "native", "native"]));
    let owed = json!([native["pending"], native["parked"], native["dead"]]);
    assert_eq!(owed, json!([0, 1, 1]), "{native:#}");
    let counts = json!({
        "events": 3, "refused_signatures": 0, "unknown": 0, "unreadable": 1, "expired": 1, "dead": 1,
    });
    assert_eq!((&native["last_hour"], &native["since_start"]), (&counts, &counts));
    assert!(native["last_event_at"].is_string());
    assert_eq!((&silent["source"], &silent["contact_center"]), (&json!("silent"), &json!("other")));
    assert_eq!(silent["last_event_at"], Value::Null);
    assert_eq!(silent["last_hour"]["refused_signatures"], 1);

    let activity = daemon.get("/v1/activity").await;
    assert_eq!((&activity["events"], &activity["calls"]), (&json!(3), &json!(1)), "{activity}");
    assert_eq!(activity["minutes"].as_array().map(Vec::len), Some(60));
    assert!(activity.get("nodes").is_none() && answer.get("nodes").is_none());
    assert!(activity["p99_ms"].as_u64().expect("a time") < 60_000);
    let status = daemon.get("/v1/status").await["servicenow"].clone();
    assert_eq!((&status["calls_per_second"], &status["burst"]), (&json!(500), &json!(100)));

    // What the page shows of the time before the start is what the store knows.
    drop(daemon);
    let daemon = home.start().await;
    let again = daemon.get("/v1/sources").await["sources"][0].clone();
    assert_eq!(again["last_event_at"], native["last_event_at"]);
    assert_eq!((&again["dead"], &again["parked"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn parked_events_are_grouped_by_the_line_that_is_missing() {
    let (_sandbox, home) = home("").await;
    let daemon = home.start().await;
    for number in 0..3 {
        let lost = json!({ "agent": "a,\"b", "timeout_seconds": 900 });
        let (id, conversation) = (format!("e-{number}"), format!("c-{number}"));
        assert_eq!(daemon.post(&with(an_offer(&id, &conversation), lost)).await, Some(202));
    }
    let lost = json!({ "queue": "unheard of", "channel": "voice", "timeout_seconds": 900 });
    assert_eq!(daemon.post(&with(an_offer("e-9", "c-9"), lost)).await, Some(202));
    let parked = daemon.get("/v1/todo").await["parked"].clone();
    assert_eq!((&parked["all"], &parked["counted"]), (&json!(4), &json!(4)), "{parked:#}");
    let [agent, queue] = parked["groups"].as_array().expect("groups").as_slice() else {
        panic!("{parked:#}")
    };
    assert_eq!((&agent["events"], &queue["events"]), (&json!(3), &json!(1)));
    let folder = home.directory.path().join("mappings/sources/native");
    let file = |name: &str| json!(folder.join(name).display().to_string());
    assert_eq!(agent["file"], file("agents.csv"));
    assert_eq!(agent["line"], "\"a,\"\"b\",SYS_ID");
    assert_eq!(
        (&queue["file"], &queue["line"]),
        (&file("queues.csv"), &json!("unheard of,voice,EXTERNAL_ID"))
    );
    assert!(agent["since"].as_str() <= agent["latest"].as_str());

    let group = "contact_center=native&table=queues&key=unheard%20of&channel=voice";
    let events = daemon.get(&format!("/v1/todo/events?{group}")).await;
    assert_eq!(events["events"][0]["id"], "e-9", "{events}");
    assert_eq!(daemon.post_admin(&format!("/v1/todo/replay?{group}")).await.0, 409);
    let (status, done) = daemon.post_admin(&format!("/v1/todo/discard?by=anna&{group}")).await;
    assert_eq!((status, &done["changed"]), (200, &json!(1)), "{done}");
    let event = daemon.get("/v1/events/native/e-9").await;
    assert_eq!(event["state"], "discarded");
    assert!(event["by"].as_str().is_some_and(|by| by.starts_with("anna discarded at ")));
    assert_eq!(daemon.get("/v1/todo").await["parked"]["all"], 3);
    for path in ["/v1/todo/discard", "/v1/todo/events?source=native", "/v1/todo?limit=x"] {
        let asked =
            http_client().get(format!("{}{path}", daemon.admin)).bearer_auth(daemon.token());
        assert!(asked.send().await.expect("an answer").status().is_client_error(), "{path}");
    }
}

#[tokio::test]
async fn an_event_that_is_replayed_and_dies_of_another_cause_changes_its_group() {
    let bridge = Bridge::start().await;
    let refusal = |status: u16, message: &str| Misbehaviour::Status {
        status,
        body: json!({ "error": { "message": message, "detail": "" }, "status": "failure" }),
        headers: Vec::new(),
    };
    bridge.sandbox.inject(Fault::next(refusal(400, "not today")).times(1));
    let bind = with(an_event("bind", "b-1", "c-1"), json!({ "queue": "support" }));
    bridge.accept(&bind).await;
    let transfer = json!({ "transfer": { "type": "blind", "target": { "queue": "sales" } } });
    bridge.accept(&with(an_event("transfer", "e-1", "c-1"), transfer)).await;
    bridge.ends("e-1", "dead").await;
    let groups = async || bridge.get("/v1/todo").await.1["dead"]["groups"].clone();
    let group = async |reason: &str| {
        eventually(&format!("the group {reason}"), async || {
            let groups = groups().await;
            let [group] = groups.as_array()?.as_slice() else { return None };
            (group["reason"] == reason && group["events"] == 1).then_some(())
        })
        .await;
    };
    group("misconfigured").await;

    bridge.sandbox.inject(Fault::next(refusal(400, "Agent is not available")).times(3));
    let path = "/v1/todo/replay?source=native&reason=misconfigured&by=anna";
    let (status, done) = bridge.post_admin(path).await;
    assert_eq!((status, &done["changed"], &done["refused"]), (200, &json!(1), &json!(0)), "{done}");
    group("agent_unavailable").await;
    assert_eq!(bridge.post_admin(path).await.1["changed"], 0, "nothing is left in the first group");

    let path = "/v1/todo/replay?source=native&reason=agent_unavailable&by=anna";
    assert_eq!(bridge.post_admin(path).await.1["changed"], 1);
    bridge.ends("e-1", "delivered").await;
    eventually("no groups", async || (groups().await == json!([])).then_some(())).await;
}

#[tokio::test]
async fn ten_thousand_dead_letters_are_one_line_and_are_done_with_in_pieces() {
    const MANY: usize = 10_000;
    let (_sandbox, home) = home("[log]\nfilter = \"warn\"").await;
    let daemon = home.start().await;
    dead_letters(&daemon, MANY).await;
    let groups = text(&daemon, "/v1/todo").await;
    assert!(groups.len() < 2_000, "{} bytes", groups.len());
    let groups: Value = serde_json::from_str(&groups).expect("JSON");
    assert_eq!((&groups["dead"]["all"], &groups["dead"]["counted"]), (&json!(MANY), &json!(MANY)));
    assert_eq!(groups["dead"]["groups"][0]["events"], MANY);
    assert_eq!(daemon.get("/v1/sources").await["sources"][0]["dead"], MANY);
    let group = "source=native&reason=unreadable";
    let events = text(&daemon, &format!("/v1/todo/events?{group}&limit=100000")).await;
    assert!(events.len() < 64 * 1024, "{} bytes", events.len());
    let events: Value = serde_json::from_str(&events).expect("JSON");
    let shown = events["events"].as_array().expect("events");
    assert_eq!((shown.len(), &shown[0]["id"]), (100, &json!("bad-00000")));

    let mut seen = BTreeSet::new();
    let mut cursor = String::new();
    for _ in 0..3 {
        let path = format!("/v1/todo/events?{group}&limit=30&cursor={cursor}");
        let page = daemon.get(&path).await;
        let ids = page["events"].as_array().expect("events").iter();
        seen.extend(ids.map(|event| event["id"].to_string()));
        cursor = page["next_cursor"].as_str().expect("there is more").to_owned();
    }
    assert_eq!(seen.len(), 90);

    // What cannot be replayed is refused with its reason, and the next piece is another.
    let (_, refused) = daemon.post_admin(&format!("/v1/todo/replay?{group}")).await;
    assert_eq!((&refused["changed"], &refused["refused"]), (&json!(0), &json!(50)), "{refused}");
    assert!(refused["refusals"].as_array().is_some_and(|some| some.len() <= 10));
    let next = refused["next_cursor"].as_str().expect("there is more");
    let (_, done) = daemon.post_admin(&format!("/v1/todo/discard?{group}&cursor={next}")).await;
    assert_eq!(done["changed"], 50, "{done}");
    assert_eq!(daemon.get("/v1/events/native/bad-00049").await["state"], "dead");
    assert_eq!(daemon.get("/v1/events/native/bad-00050").await["state"], "discarded");
    assert_eq!(daemon.get("/v1/todo").await["dead"]["counted"], MANY - 50);
}

#[tokio::test]
async fn a_call_is_found_by_event_conversation_document_and_agent() {
    let (_sandbox, home) = home("").await;
    let daemon = home.start().await;
    for number in 1..=3 {
        let offer = an_offer(&format!("e-{number}"), &format!("c-{number}"));
        assert_eq!(daemon.post(&offer).await, Some(202));
        daemon.settled(&format!("e-{number}")).await;
    }
    let other = with(an_offer("e-4", "c-4"), json!({ "agent": "grace" }));
    assert_eq!(daemon.post(&other).await, Some(202));
    assert_eq!(daemon.post(&json!({ "id": "e-5", "kind": "ring" })).await, Some(202));
    eventually("all of them", async || {
        (daemon.get("/v1/events?state=pending").await["events"] == json!([])).then_some(())
    })
    .await;
    let found = async |text: &str| {
        let found = daemon.get(&format!("/v1/search?q={text}")).await;
        assert_eq!(
            (&found["searched"], &found["next_cursor"]),
            (&json!(5), &Value::Null),
            "{found}"
        );
        let hits = found["found"].as_array().expect("a list").clone();
        let short = |hit: &Value| format!("{} {}", hit["is"], hit["conversation"]).replace('"', "");
        hits.iter().map(short).collect::<Vec<_>>()
    };
    assert_eq!(found("e-2").await, ["event c-2"]);
    assert_eq!(found("c-2").await, ["conversation c-2"]);
    assert_eq!(found(&document("c-3")).await, ["document c-3"]);
    assert_eq!(found(&format!("interaction:{}", document("c-3"))).await, ["document c-3"]);
    assert_eq!(found("grace").await, ["agent c-4"]);
    assert_eq!(found("ada").await, ["agent c-3", "agent c-2", "agent c-1"]);
    assert_eq!(found("e-5").await, ["event null"]);
    assert_eq!(found("nobody").await, [""; 0]);
    for bad in ["", &"x".repeat(600), "e-1&cursor=x"] {
        assert!(daemon.get(&format!("/v1/search?q={bad}")).await["title"].is_string(), "{bad}");
    }
}

#[tokio::test]
async fn a_search_among_many_events_ends_and_goes_on() {
    let (_sandbox, home) = home("[log]\nfilter = \"warn\"").await;
    let daemon = home.start().await;
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    daemon.settled("e-1").await;
    dead_letters(&daemon, 3_000).await;
    let first = daemon.get("/v1/search?q=ada").await;
    assert_eq!((&first["found"], &first["searched"]), (&json!([]), &json!(2_000)), "{first}");
    let next = first["next_cursor"].as_str().expect("there is more").to_owned();
    let second = daemon.get(&format!("/v1/search?q=ada&cursor={next}")).await;
    assert_eq!(second["searched"], 1_001);
    assert_eq!(second["found"][0]["conversation"], "c-1", "{second}");
    assert_eq!(second["next_cursor"], Value::Null);
    let known = daemon.get("/v1/search?q=c-1").await;
    assert_eq!(known["found"][0]["is"], "conversation", "an id is looked up, however old");
}

#[tokio::test]
async fn a_story_has_the_words_of_the_command_and_says_who_has_the_card() {
    let (_sandbox, home) = home("").await;
    let daemon = home.start().await;
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    daemon.settled("e-1").await;
    let accept = with(an_event("accept", "e-2", "c-1"), json!({ "agent": "ada" }));
    assert_eq!(daemon.post(&accept).await, Some(202));
    daemon.settled("e-2").await;
    let story = daemon.get("/v1/conversations/native/c-1/story").await;
    let moments = story["moments"].as_array().unwrap_or_else(|| panic!("{story:#}"));
    let (code, printed, errors) = run(&mut home.command(&["trace", "c-1"]));
    assert_eq!(code, 0, "{errors}");
    let words = |of: &Value, member: &str| of[member].as_str().unwrap_or_default().to_owned();
    assert!(printed.starts_with(&words(&story, "title")), "{printed}");
    for moment in moments {
        let line = printed.lines().find(|line| {
            ["time", "name", "text", "answer"]
                .iter()
                .all(|part| line.contains(&words(moment, part)))
        });
        assert!(line.is_some(), "{moment}\n{printed}");
    }
    let lanes: Vec<_> = moments.iter().map(|moment| words(moment, "lane")).collect();
    assert_eq!(lanes, ["event", "call", "decision", "event", "call", "decision"], "{story:#}");
    let cards: Vec<_> = moments.iter().map(|moment| words(moment, "card")).collect();
    assert_eq!(cards, ["", "ada has a card", "", "", "ada has accepted", ""]);
    let one = daemon.get("/v1/events/native/e-2/story").await;
    assert_eq!(one["moments"].as_array().map(Vec::len), Some(3), "{one:#}");
    assert_eq!(daemon.get("/v1/conversations/native/nobody/story").await["status"], 404);
}
