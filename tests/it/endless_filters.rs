//! A vendor's filter that would never end: its events are kept as dead letters, and nobody else notices.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::support::bridge::{Bridge, Setup};
use super::support::{an_event, with};

/// Filters with what is said of each.
const HOSTILE: [(&str, &str); 10] = [
    ("def f: f; f", "steps"),
    ("def f: [f, f]; f", "steps"),
    ("def f: try f catch f; f", "steps"),
    ("def f(g): f(g | .); f(.)", "steps"),
    ("def r: 1, r; [limit(1e9; r)]", "steps"),
    ("def until(c; u): def r: if c then . else u | r end; r; until(false; .)", "steps"),
    ("reduce range(1e12) as $i (0; . + 1)", "steps"),
    ("[range(1e9)]", "steps"),
    ("def f: .a | f; path(f)", "steps"),
    ("reduce range(1e6) as $i (null; [.])", "steps"),
];

fn vendor(vendors: &Path, name: &str, filter: &str) {
    let folder = vendors.join(name);
    fs::create_dir_all(&folder).expect("a folder for the vendor");
    let toml = "[request]\ndecode = \"json\"\n[verify]\nscheme = \"none\"\n";
    fs::write(folder.join("vendor.toml"), toml).expect("a file is written");
    fs::write(folder.join("events.jq"), filter).expect("a file is written");
}

#[tokio::test]
async fn an_event_whose_filter_does_not_end_is_a_dead_letter_and_the_others_go_on() {
    let mappings = tempfile::tempdir().expect("a temporary directory");
    let vendors = mappings.path().join("vendors");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    fs::create_dir_all(&vendors).expect("a folder");
    for (from, to) in [("vendors/native", "vendors/native"), ("sources", "sources")] {
        std::os::unix::fs::symlink(shipped.join(from), mappings.path().join(to)).expect("a link");
    }
    let mut config = format!("[mappings]\ndirectory = \"{}\"\n", mappings.path().display());
    for (number, (filter, _)) in HOSTILE.iter().enumerate() {
        vendor(&vendors, &format!("hostile-{number}"), filter);
        config +=
            &format!("[sources.hostile-{number}]\nvendor = \"hostile-{number}\"\nsecrets = []\n");
    }
    let bridge = Bridge::with(Setup { config, ..Setup::default() }).await;

    for (number, (filter, why)) in HOSTILE.iter().enumerate() {
        let source = format!("hostile-{number}");
        let sent = bridge.http.post(format!("{}/webhooks/{source}", bridge.intake));
        let sent = sent.header("content-type", "application/json").body("{}").send().await;
        let answer = sent.expect("an answer");
        assert_eq!(answer.status(), 202, "{filter}");
        let answer: Value = answer.json().await.expect("JSON");
        let id = answer["events"][0]["id"].as_str().expect("an id");
        let (_, event) = bridge.get(&format!("/v1/events/{source}/{id}")).await;
        assert_eq!(
            (&event["state"], &event["reason"]),
            (&json!("dead"), &json!("unreadable")),
            "{filter}"
        );
        assert!(
            event.to_string().contains(&format!("more than 1000000 {why}")),
            "{filter}: {event:#}"
        );
    }
    bridge.accept(&with(an_event("bind", "e-1", "c-1"), json!({ "queue": "line-1" }))).await;
    bridge.ends("e-1", "delivered").await;
}
