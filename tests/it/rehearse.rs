//! `rehearse`: whole calls with a user's own configuration and tables.

use std::path::Path;

use serde_json::{Value, json};

use super::support::bridge::Setup;
use super::support::program::{Home, root, run};
use super::support::{an_event, an_offer, document, with};

fn home() -> Home {
    Home::new("http://127.0.0.1:9", &Setup::default())
}

fn write(home: &Home, name: &str, value: &Value) -> String {
    let file = home.directory.path().join(name);
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("the folder");
    std::fs::write(&file, value.to_string()).expect("a file");
    file.to_str().expect("a path").to_owned()
}

fn rehearse(home: &Home, more: &[&str]) -> (i32, String, String) {
    let arguments = [&["rehearse", "--source", "native"], more].concat();
    run(&mut home.command(&arguments))
}

fn lines(shown: &str) -> Vec<Value> {
    shown.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn offer(id: &str) -> Value {
    with(
        an_offer(id, "c-1"),
        json!({ "occurred_at": "2026-03-01T10:00:00Z", "timeout_seconds": 30 }),
    )
}

fn accept(id: &str) -> Value {
    let accept = json!({ "agent": "ada", "occurred_at": "2026-03-01T10:00:07Z" });
    with(an_event("accept", id, "c-1"), accept)
}

#[test]
fn a_folder_of_requests_is_played_in_the_order_of_names_and_at_their_own_times() {
    let home = home();
    write(&home, "call/2-accept.json", &accept("e-2"));
    write(&home, "call/1-offer.json", &offer("e-1"));
    let (code, shown, errors) = rehearse(&home, &["--json", "call"]);
    assert_eq!(code, 0, "{shown}{errors}");
    let lines = lines(&shown);
    assert_eq!(lines.len(), 3, "{shown}");
    assert_eq!(lines[0]["step"], 1);
    assert!(lines[0]["name"].as_str().is_some_and(|name| name.ends_with("1-offer.json")));
    assert_eq!(lines[0]["at"], "2026-03-01T10:00:00.000Z");
    assert_eq!(lines[1]["at"], "2026-03-01T10:00:07.000Z");
    assert_eq!(lines[0]["events"][0]["id"], "e-1");
    let call = &lines[0]["calls"][0];
    assert_eq!(
        (&call["event"], &call["call"], &call["method"]),
        (&json!("e-1"), &json!("offer"), &json!("POST"))
    );
    let path = format!("/api/now/awa/documents/interaction/{}/offer", document("c-1"));
    assert_eq!(call["path"], path);
    assert_eq!(call["body"]["queue_id"], "support-voice");
    assert_eq!((&call["status"], &call["meaning"]), (&json!(200), &json!("landed")));
    assert_eq!(lines[0]["cards"][0]["agent"], "ada");
    assert_eq!(lines[0]["cards"][0]["state"], "pending_accept");
    assert_eq!(lines[1]["cards"][0]["state"], "accepted");
    let states: Vec<_> = lines[2]["events"].as_array().expect("events").iter().collect();
    assert_eq!(states.len(), 2);
    assert!(states.iter().all(|event| event["state"] == "delivered"), "{shown}");
    assert!(!home.directory.path().join("state.sled").exists(), "nothing is stored");
}

#[test]
fn a_person_is_shown_who_has_the_card() {
    let home = home();
    let files = [write(&home, "1.json", &offer("e-1")), write(&home, "2.json", &accept("e-2"))];
    let (code, shown, errors) = rehearse(&home, &[&files[0], &files[1]]);
    assert_eq!(code, 0, "{errors}");
    for part in [
        "+0.000 s",
        "call   +0.000 s offer for e-1: POST /api/now/awa/documents/",
        "answer 200 landed",
        "card   ada: pending_accept since +0.020 s",
        "+7.000 s",
        "card   ada: accepted since +7.020 s",
        "event  accept e-2 of c-1 (native): delivered",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

#[test]
fn a_dead_event_and_a_parked_one_are_told() {
    let home = home();
    let lonely = write(
        &home,
        "reject.json",
        &with(an_event("reject", "e-1", "c-9"), json!({ "agent": "ada" })),
    );
    let broken =
        write(&home, "broken.json", &with(an_offer("e-2", "c-2"), json!({ "kind": "ring" })));
    let (code, shown, _) = rehearse(&home, &["--json", &lonely, &broken]);
    assert_eq!(code, 1, "{shown}");
    let last = lines(&shown).pop().expect("a last line");
    assert_eq!(last["events"][1]["state"], "dead");
    let unmapped =
        write(&home, "unmapped.json", &with(an_offer("e-3", "c-3"), json!({ "queue": "night" })));
    let (_, shown, _) = rehearse(&home, &["--json", &unmapped]);
    assert!(shown.contains("queue `night` is not in queues.csv"), "{shown}");
}

#[test]
fn a_sample_is_known_by_its_content_in_any_folder() {
    let home = home();
    let sample = root().join("mappings/vendors/native/samples/01-offer.json");
    let text = std::fs::read_to_string(sample).expect("a shipped sample");
    let sample: Value = serde_json::from_str(&text).expect("JSON");
    let file = write(&home, "elsewhere/mine.json", &sample);
    let (_, shown, _) = rehearse(&home, &["--json", &file]);
    assert_eq!(lines(&shown)[0]["events"][0]["id"], "evt-1", "{shown}");
    let (_, shown, _) = run(&mut home.command(&["explain", "--source", "native", "--json", &file]));
    assert_eq!(lines(&shown)[0]["event"]["id"], "evt-1", "{shown}");
}

#[test]
fn a_flow_is_judged_by_what_it_expects() {
    let home = home();
    let flow = root().join("mappings/vendors/native/flows/01-answered.json");
    let (code, shown, errors) = rehearse(&home, &[flow.to_str().expect("a path")]);
    assert_eq!(code, 0, "{shown}{errors}");
    assert!(shown.contains("The call ends as expected."), "{shown}");

    let text = std::fs::read_to_string(flow).expect("a shipped flow");
    let mut flow: Value = serde_json::from_str(&text).expect("JSON");
    flow["expect"]["cards"] = json!([]);
    let file = write(&home, "flow.json", &flow);
    let (code, shown, _) = rehearse(&home, &[&file]);
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("agent anna has a card for document"), "{shown}");

    flow["stpes"] = json!([]);
    let file = write(&home, "flow.json", &flow);
    let (code, _, errors) = rehearse(&home, &[&file]);
    assert_eq!(code, 64);
    assert!(errors.contains("flow.json:1: unknown field `stpes`"), "{errors}");
}

#[test]
fn wrong_usage_exits_with_64() {
    let home = home();
    let offer = write(&home, "1.json", &offer("e-1"));
    let flow = root().join("mappings/vendors/native/flows/01-answered.json");
    let flow = flow.to_str().expect("a path");
    let empty = home.directory.path().join("empty");
    std::fs::create_dir(&empty).expect("a folder");
    for arguments in [
        vec!["rehearse", "--source", "native"],
        vec!["rehearse", "--source", "nobody", &offer],
        vec!["rehearse", "--source", "native", "nowhere.json"],
        vec!["rehearse", "--source", "native", "empty"],
        vec!["rehearse", "--source", "native", &offer, flow],
    ] {
        let (code, _, errors) = run(&mut home.command(&arguments));
        assert_eq!(code, 64, "{arguments:?}: {errors}");
        assert!(!errors.is_empty(), "{arguments:?}");
    }
}

#[test]
fn check_names_the_flow_that_does_not_end_as_it_says() {
    let home = home();
    let vendors = home.directory.path().join("mappings/vendors");
    std::fs::remove_dir_all(&vendors).expect("the links to the profiles");
    copy(&root().join("mappings/vendors/native"), &vendors.join("native"));
    std::fs::remove_dir_all(vendors.join("native/flows")).expect("the flows");
    let (code, shown, errors) = run(&mut home.command(&["check"]));
    assert_eq!(code, 0, "{errors}");
    assert!(shown.contains("samples as expected, 0 flows end as expected"), "{shown}");
    let flow = json!({
        "description": "nobody is rung", "steps": [{ "at": "0s", "body": offer("e-1") }], "expect": { "cards": [], "dead": 2 }
    });
    write(&home, "mappings/vendors/native/flows/01.json", &flow);
    let (code, _, errors) = run(&mut home.command(&["check"]));
    assert_eq!(code, 64, "{errors}");
    assert!(errors.contains("flows/01.json: 0 events are dead, expected 2"), "{errors}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).expect("a copy");
        }
    }
}
