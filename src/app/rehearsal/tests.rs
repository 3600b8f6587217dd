//! The player over flows of the native profile, each written here as a file would be.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::flows::{play_flow_as, scenario_of};
use super::*;
use crate::source::flows::{self, Flow};

const DOCUMENT: &str = "59616aba87bd5210be070d48dabb35e6";
const OTHER: &str = "aa616aba87bd5210be070d48dabb35e6";

fn vendors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/vendors")
}

fn native() -> Scenario {
    scenario_of(&vendors().join("native"), &vendors().join("..")).unwrap()
}

fn flow(steps: &Value, cards: &Value) -> Value {
    json!({"description": "d", "steps": steps, "expect": {"cards": cards}})
}

fn play(flow: &Value) -> Story {
    let flow = flows::parse(Path::new("a.json"), &flow.to_string()).unwrap();
    play_flow(&native(), &flow).unwrap()
}

fn card(agent: &str, state: &str) -> Value {
    json!({"document": DOCUMENT, "agent": agent, "state": state})
}

fn event(kind: &str, id: &str, more: &Value) -> Value {
    let mut event = json!({"id": id, "kind": kind, "conversation": "c", "occurred_at": "{{now}}"});
    event.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    event
}

fn ring(id: &str, agent: &str) -> Value {
    let document = json!({"table": "interaction", "sys_id": DOCUMENT});
    let ring = json!({"agent": agent, "segment": agent, "queue": "q", "timeout_seconds": 20, "document": document});
    event("offer", id, &ring)
}

fn accept(id: &str, agent: &str) -> Value {
    event("accept", id, &json!({"agent": agent, "segment": agent}))
}

fn step(at: &str, body: Value) -> Value {
    json!({"at": at, "body": body})
}

fn told(story: &Story) -> String {
    story.faults.join("\n")
}

fn state<'a>(story: &'a Story, id: &str) -> &'a str {
    story.events.iter().find(|event| event.id == id).map_or("none", |event| event.state)
}

#[test]
fn a_call_that_is_answered_ends_with_the_card_of_who_answered() {
    let steps = json!([step("0s", ring("r", "anna")), step("5s", accept("a", "anna"))]);
    let story = play(&flow(&steps, &json!([card("anna", "accepted")])));
    assert_eq!(told(&story), "");
    assert_eq!((state(&story, "r"), state(&story, "a")), ("delivered", "delivered"));
    assert_eq!((story.dead, story.steps.len()), (0, 2));
    let first = &story.steps[0];
    assert_eq!((first.step, first.after_ms, first.name.as_str()), (1, 0, "step 1"));
    assert_eq!(first.events[0]["agent"], "anna");
    let call = &first.calls[0];
    assert_eq!((call.event.as_str(), call.call, call.method.as_str()), ("r", "offer", "POST"));
    assert_eq!((call.status, call.meaning), (Some(200), "landed"));
    assert_eq!(call.path, format!("/api/now/awa/documents/interaction/{DOCUMENT}/offer"));
    assert_eq!((first.cards[0].agent.as_str(), first.cards[0].state), ("anna", "pending_accept"));
    assert_eq!(first.cards[0].since.since(first.at), 20);
    assert_eq!(story.cards[0].state, "accepted");
}

#[test]
fn what_is_not_as_expected_is_said_in_words() {
    let steps = json!([step("0s", ring("r", "anna"))]);
    let expected = json!([card("bela", "accepted"), card("anna", "accepted")]);
    let mut flow = flow(&steps, &expected);
    flow["expect"]["dead"] = json!(1);
    flow["expect"]["events"] = json!({"r": "superseded", "x": "dead"});
    let story = play(&flow);
    assert_eq!(
        story.faults,
        [
            format!(
                "agent bela has no card for document {DOCUMENT}, expected one that is accepted"
            ),
            format!(
                "the card of agent anna for document {DOCUMENT} is pending_accept, expected accepted"
            ),
            "0 events are dead, expected 1".to_owned(),
            "event r is delivered (confirmed), expected superseded".to_owned(),
            "no event x came, expected to be dead".to_owned(),
        ]
    );
    let story = play(&self::flow(&steps, &json!([])));
    let surplus = format!(
        "agent anna has a card for document {DOCUMENT} that is pending_accept, expected none"
    );
    assert_eq!(story.faults, [surplus]);
}

#[test]
fn no_cards_time_is_waited_for_but_every_event_ends() {
    let steps = json!([
        step("0s", ring("r", "anna")),
        step("1s", event("accept", "a", &json!({"agent": "bela"})))
    ]);
    let story = play(&flow(&steps, &json!([card("anna", "pending_accept")])));
    assert_eq!(story.cards.len(), 1);
    assert_ne!(state(&story, "a"), "pending");
}

#[test]
fn an_event_that_comes_again_is_known_again() {
    let steps = json!([step("0s", ring("r", "anna")), step("1s", ring("r", "anna"))]);
    let story = play(&flow(&steps, &json!([card("anna", "pending_accept")])));
    assert_eq!(told(&story), "");
    assert_eq!(story.events.len(), 1);
    assert_eq!(story.steps[1].events, [json!({"duplicate": "r"})]);
    assert!(story.steps[1].calls.is_empty());
}

#[test]
fn an_agent_may_act_in_servicenow() {
    for (act, state, cards) in [
        ("agent_accepts", "delivered", json!([card("anna", "accepted")])),
        ("agent_rejects", "delivered", json!([])),
        ("card_times_out", "delivered", json!([])),
    ] {
        let steps = json!([step("0s", ring("r", "anna")), {"at": "3s", "also": {act: "anna"}}]);
        let story = play(&flow(&steps, &cards));
        assert_eq!(told(&story), "", "{act}");
        assert_eq!(self::state(&story, "r"), state);
        assert!(story.steps[1].also.is_some() && story.steps[1].events.is_empty());
    }
}

#[test]
fn an_agent_acts_as_soon_as_the_card_is_there_and_not_without_one() {
    let mut first = step("0s", ring("r", "anna"));
    first["also"] = json!({"agent_accepts": "anna"});
    let story = play(&flow(&json!([first]), &json!([card("anna", "accepted")])));
    assert_eq!(told(&story), "");
    let steps =
        json!([{"at": "0s", "also": {"agent_accepts": "anna"}}, step("1s", ring("r", "bela"))]);
    let story = play(&flow(&steps, &json!([card("bela", "pending_accept")])));
    assert_eq!(story.faults, ["after 1000 ms: agent anna has no pending card"]);
}

#[test]
fn a_card_ends_by_itself_between_two_steps() {
    let steps = json!([step("0s", ring("r", "anna")), {"at": "30s"}]);
    let story = play(&flow(&steps, &json!([])));
    assert_eq!(told(&story), "");
    assert_eq!(story.steps[0].cards.len(), 1);
    assert!(story.steps[0].later.as_ref().unwrap().cards.is_empty());
}

#[test]
fn what_the_profile_cannot_read_is_dead_and_what_the_intake_refuses_is_a_fault() {
    let steps = json!([step("0s", json!({"id": "e", "kind": "ring", "conversation": "c"}))]);
    let story = play(&flow(&steps, &json!([])));
    assert_eq!(state(&story, "e"), "dead");
    assert!(
        told(&story).contains("1 event is dead, expected 0: e (unreadable"),
        "{}",
        told(&story)
    );
    let steps = json!([step("0s", json!("not JSON"))]);
    assert!(
        told(&play(&flow(&steps, &json!([])))).contains("step 1: the webhook would be refused")
    );
}

#[test]
fn a_step_may_be_of_another_source_of_the_contact_centre() {
    let bind = event("bind", "b", &json!({"document": {"table": "task", "sys_id": OTHER}}));
    let mut ring = ring("r", "anna");
    ring.as_object_mut().unwrap().remove("document");
    let steps = json!([{"at": "0s", "source": "native", "body": bind}, step("1s", ring)]);
    let card = json!({"document": OTHER, "agent": "anna", "state": "pending_accept"});
    let story = play(&flow(&steps, &json!([card])));
    assert_eq!(told(&story), "");
    assert_eq!(
        (story.events[0].source.as_str(), story.events[1].source.as_str()),
        ("native", "flow")
    );
}

#[test]
fn settings_options_and_switches_are_the_flows_and_have_to_be_there() {
    let steps =
        json!([step("0s", ring("r", "anna")), step("1s", event("withdraw", "w", &json!({})))]);
    let mut rejecting = flow(&steps, &json!([]));
    rejecting["settings"] = json!({"withdraw": {"action": "reject"}});
    assert_eq!(told(&play(&rejecting)), "");
    let mut letting = flow(&steps, &json!([card("anna", "pending_accept")]));
    letting["settings"] = json!({"withdraw": {"action": "none"}});
    assert_eq!(told(&play(&letting)), "");

    let wrong = [
        ("settings", json!({"withdraw": {"acton": "none"}}), "settings: withdraw.acton"),
        ("settings", json!({"wihdraw": {}}), "settings: wihdraw"),
        ("options", json!({"ring": 1}), "options.ring: is none of native's options"),
        ("needs", json!({"timd_out": "queued"}), "needs: unknown field `timd_out`"),
        ("needs", json!({"timed_out": "later"}), "needs: unknown variant `later`"),
    ];
    for (key, value, expected) in wrong {
        let mut wrong = flow(&steps, &json!([]));
        wrong[key] = value;
        let wrong = flows::parse(Path::new("a.json"), &wrong.to_string()).unwrap();
        let problems = play_flow(&native(), &wrong).unwrap_err();
        assert_eq!(problems[0].file, Path::new("a.json"));
        assert!(problems[0].message.contains(expected), "{}", problems[0]);
    }
}

#[test]
fn conversations_that_name_one_document_are_one_lane() {
    let mut lanes = lanes::Lanes::default();
    let parsed = |body: Value| {
        let json = serde_json::from_value(body).unwrap();
        crate::routing::RoutingEvent::parse(json, UnixMillis(0)).unwrap()
    };
    let of = |conversation: &str, document: Option<&str>| {
        let document = document.map(|id| json!({"table": "interaction", "sys_id": id}));
        let event = json!({"id": "e", "kind": "withdraw", "conversation": conversation, "document": document});
        parsed(event)
    };
    let first = lanes.of(&of("c-1", Some(DOCUMENT)));
    let second = lanes.of(&of("c-2", None));
    assert_ne!(first, second);
    assert_eq!(lanes.of(&of("c-3", Some(OTHER))), lanes.of(&of("c-3", None)));
    assert_eq!(lanes.of(&of("c-2", Some(DOCUMENT))), first);
    assert_eq!(lanes.of(&of("c-2", None)), first);
}

#[test]
fn every_shipped_flow_ends_as_it_says() {
    let told: Vec<String> = profiles()
        .iter()
        .filter_map(|folder| play_profile(folder, &vendors().join("..")).err())
        .flatten()
        .map(|problem| problem.to_string())
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// What no page of ServiceNow's settles must not matter; a flow for which it does says so.
#[test]
fn every_shipped_flow_ends_as_it_says_whatever_the_pages_leave_open() {
    let either = [
        json!({
            "refusals": "conflict_result", "reply_queue": "as_given", "canceled_spelling": "cancelled",
            "invalid_query_returns_no_rows": true, "repeat_offer": "already_assigned",
        }),
        json!({"refusals": "success_false", "offer_to_another": "moves"}),
        json!({"transfer_of_pending": "refused", "timed_out": "canceled"}),
        json!({"rejected_transfer": "canceled", "rejected_consult": "queued"}),
        json!({"rejected_again": "closes_document"}),
    ];
    let told: BTreeSet<String> = std::thread::scope(|scope| {
        let either = &either;
        let played: Vec<_> = profiles()
            .into_iter()
            .map(|folder| scope.spawn(move || play_either(&folder, either)))
            .collect();
        played.into_iter().flat_map(|played| played.join().unwrap()).collect()
    });
    let told: Vec<String> = told.into_iter().collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// What comes out differently where the instance is like that.
fn play_either(folder: &Path, either: &[Value]) -> Vec<String> {
    let Ok(scenario) = scenario_of(folder, &vendors().join("..")) else { return Vec::new() };
    let faults = |flow: &Flow| {
        let told = |problems: Vec<_>| problems.iter().map(ToString::to_string).collect();
        play_flow(&scenario, flow).map_or_else(told, |story| story.faults)
    };
    let mut told = Vec::new();
    for flow in flows::load(folder).unwrap_or_default() {
        for switch in either {
            let found = faults(&needing(&flow, switch.as_object().unwrap()));
            // What does not end as it says at all is the other test's to tell.
            if !found.is_empty() && faults(&flow).is_empty() {
                let file = flow.file.display();
                told.extend(found.iter().map(|fault| format!("{file} with {switch}: {fault}")));
            }
        }
    }
    told
}

/// Every request once more, after what it caused and before the next one.
#[test]
fn every_shipped_flow_ends_as_it_says_where_all_requests_come_twice() {
    let told = over_all_flows(|scenario, flow| {
        let twice = |script: Vec<Scripted>| {
            let next: Vec<_> = script.iter().skip(1).map(|step| step.at).collect();
            let mut played = Vec::new();
            for (n, step) in script.into_iter().enumerate() {
                let again = step.request.clone().map(|(source, request)| {
                    let latest = next.get(n).copied().unwrap_or(UnixMillis::MAX);
                    let at = step.at.plus(300).min(latest);
                    let name = format!("{} again", step.name);
                    Scripted { at, name, request: Some((source, request)), also: None }
                });
                played.push(step);
                played.extend(again);
            }
            played
        };
        vec![("twice".to_owned(), play_flow_as(scenario, flow, twice))]
    });
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// Two neighbours that are close together, each as it was sent: events may end otherwise, cards may not.
#[test]
fn every_shipped_flow_ends_with_its_cards_where_neighbours_come_in_the_wrong_order() {
    let told = over_all_flows(|scenario, flow| {
        let mut outcomes = Vec::new();
        for n in 1..flow.steps.len() {
            let (before, after) = (&flow.steps[n - 1], &flow.steps[n]);
            let gap = after.at - before.at;
            if gap > 1_500 || before.also.is_some() || after.also.is_some() {
                continue;
            }
            let swap = |mut script: Vec<Scripted>| {
                let late = script[n].at;
                script[n - 1].at = late;
                script[n].at = late;
                script.swap(n - 1, n);
                script
            };
            let outcome = play_flow_as(scenario, flow, swap).map(|mut story| {
                story.faults.retain(|fault| !fault.starts_with("event "));
                story
            });
            outcomes.push((format!("with step {} before {n}", n + 1), outcome));
        }
        outcomes
    });
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// What the ways of playing every shipped flow tell, by profile on all cores.
fn over_all_flows(
    ways: impl Fn(&Scenario, &Flow) -> Vec<(String, Result<Story, Vec<crate::problem::Problem>>)> + Sync,
) -> Vec<String> {
    let ways = &ways;
    let tell = move |folder: PathBuf| {
        let Ok(scenario) = scenario_of(&folder, &vendors().join("..")) else { return Vec::new() };
        let mut told = Vec::new();
        for flow in flows::load(&folder).unwrap_or_default() {
            for (way, outcome) in ways(&scenario, &flow) {
                let file = flow.file.display();
                let faults = match outcome {
                    Ok(story) => story.faults,
                    Err(problems) => problems.iter().map(ToString::to_string).collect(),
                };
                told.extend(faults.iter().map(|fault| format!("{file} {way}: {fault}")));
            }
        }
        told
    };
    std::thread::scope(|scope| {
        let played: Vec<_> =
            profiles().into_iter().map(|folder| scope.spawn(move || tell(folder))).collect();
        played.into_iter().flat_map(|played| played.join().unwrap()).collect()
    })
}

/// The flow on an instance with that switch, unless it needs it otherwise.
fn needing(flow: &Flow, switch: &Map<String, Value>) -> Flow {
    let mut needs = switch.clone();
    needs.extend(flow.needs.clone());
    Flow { needs, ..flow.clone() }
}

fn profiles() -> Vec<PathBuf> {
    let entries = fs::read_dir(vendors()).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    folders
}
