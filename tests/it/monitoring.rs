//! What is shipped for Prometheus and Grafana fits the program: every metric that it names is there from the start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Home, root, skipped};
use super::support::{an_offer, eventually};

const FILES: [&str; 7] = [
    "alerts.yml",
    "alerts_test.yml",
    "alerts_week_test.yml",
    "dashboard.json",
    "../README.md",
    "../docs/operating.md",
    "../docs/security.md",
];

/// Every `awa_bridge_…` of a text, without what a histogram adds; recorded series (`awa_bridge:…`) are not the
/// program's.
fn names(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (start, _) in text.match_indices("awa_bridge_") {
        let name: String = text[start..]
            .chars()
            .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
            .collect();
        let parts = ["_bucket", "_sum", "_count"];
        let base = parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(&name);
        names.insert(base.to_owned());
    }
    names
}

#[tokio::test]
async fn every_metric_of_rules_and_dashboard_is_in_the_first_scrape() {
    let sandbox = start_sandbox(Setup::default().switches).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let daemon = home.start().await;
    let Value::String(page) = daemon.get("/metrics").await else { panic!("a text") };
    let contract = "events_total pending_events oldest_pending_seconds awa_requests_total \
                    awa_request_duration_seconds event_to_call_seconds rate_limit_wait_seconds retries_total \
                    expired_total mapping_rows last_event_timestamp_seconds clock_offset_seconds \
                    store_commit_duration_seconds";
    let contract = contract.split(' ').map(|name| format!("awa_bridge_{name}"));
    let shipped = FILES.iter().flat_map(|file| {
        names(&fs::read_to_string(root().join("monitoring").join(file)).expect("a shipped file"))
    });
    let series: BTreeSet<String> =
        page.lines().filter(|line| !line.starts_with('#')).flat_map(names).collect();
    let missing: BTreeSet<_> =
        contract.chain(shipped).filter(|name| !series.contains(name)).collect();
    assert!(missing.is_empty(), "not in a scrape: {missing:?}\n{page}");
    let undescribed: Vec<_> =
        series.iter().filter(|name| !page.contains(&format!("# HELP {name} "))).collect();
    assert!(undescribed.is_empty(), "without a help text: {undescribed:?}");
}

/// A row of the table in `monitoring/README.md`: kind, labels with their values where these are a closed set, help.
struct Row {
    kind: String,
    labels: BTreeMap<String, Option<BTreeSet<String>>>,
    help: String,
}

fn documented() -> BTreeMap<String, Row> {
    let page = fs::read_to_string(root().join("monitoring/README.md")).expect("a shipped file");
    let rows = page.lines().filter(|line| line.starts_with("| `awa_bridge_"));
    let row = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, help] = cells[..] else { panic!("four cells: {line}") };
        let mut known = BTreeMap::new();
        let mut parts = labels.split('`').skip(1);
        while let (Some(label), behind) = (parts.next(), parts.next().unwrap_or_default()) {
            let values = behind.trim().strip_prefix('(').and_then(|rest| rest.split_once(')'));
            let values = values.map(|(values, _)| values.split(", ").map(str::to_owned).collect());
            known.insert(label.to_owned(), values);
        }
        let (kind, help) = (kind.to_owned(), help.to_owned());
        (name.trim_matches('`').to_owned(), Row { kind, labels: known, help })
    };
    rows.map(row).collect()
}

/// The labels of a series, such as `name{a="b",c="d"} 1`; no value of the page has a comma or a quote in it.
fn labels_of(series: &str) -> BTreeMap<String, String> {
    let inside = series.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let pairs = inside.map(|(labels, _)| labels).unwrap_or_default().split(',');
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('"').to_owned()))
    };
    pairs.filter_map(pair).filter(|(name, _)| name != "le").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_page_is_as_documented() {
    let sandbox = start_sandbox(Setup::default().switches).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let daemon = home.start().await;
    let mut wrong_queue = an_offer("e-2", "c-2");
    wrong_queue["queue"] = Value::from("night");
    for (event, state) in [(an_offer("e-1", "c-1"), "delivered"), (wrong_queue, "parked")] {
        assert_eq!(daemon.post(&event).await, Some(202));
        let id = event["id"].as_str().expect("an id");
        eventually("the event to be carried out", async || {
            let event = daemon.get(&format!("/v1/events/native/{id}")).await;
            (event["state"] == state).then_some(())
        })
        .await;
    }
    let Value::String(page) = daemon.get("/metrics").await else { panic!("a text") };
    let documented = documented();
    let mut wrong = Vec::new();
    let mut shown = BTreeSet::new();
    for line in page.lines().filter(|line| !line.is_empty()) {
        let name = names(line).into_iter().next().expect("a name");
        let Some(row) = documented.get(&name) else {
            wrong.push(format!("not documented: {line}"));
            continue;
        };
        shown.insert(name.clone());
        if line.starts_with("# TYPE") {
            if line != format!("# TYPE {name} {}", row.kind) {
                wrong.push(format!("documented as a {}: {line}", row.kind));
            }
        } else if line.starts_with("# HELP") {
            if line != format!("# HELP {name} {}", row.help) {
                wrong.push(format!("documented as {}: {line}", row.help));
            }
        } else {
            let labels = labels_of(line);
            if !labels.keys().eq(row.labels.keys()) {
                wrong.push(format!("other labels than documented: {line}"));
            }
            for (label, value) in labels {
                let values = row.labels.get(&label).and_then(Option::as_ref);
                if values.is_some_and(|values| !values.contains(&value)) {
                    wrong.push(format!("a value of {label} that is not documented: {line}"));
                }
            }
        }
    }
    // What ServiceNow has said of a rate limit rule is shown once it has said it.
    let by_rule = |name: &&String| !documented[*name].labels.contains_key("rule");
    let missing = documented.keys().filter(by_rule).filter(|name| !shown.contains(*name));
    wrong.extend(missing.map(|name| format!("not on the page: {name}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_documents_say_of_metrics_is_in_the_table() {
    let documented = documented();
    let mut wrong = Vec::new();
    for file in ["README.md", "docs/operating.md", "docs/security.md"] {
        let text = fs::read_to_string(root().join(file)).expect("a document");
        for name in names(&text).iter().filter(|name| !documented.contains_key(*name)) {
            wrong.push(format!("{file}: {name}"));
        }
        for series in text.split('`').filter(|part| part.starts_with("awa_bridge_")) {
            let labels = &documented[names(series).first().expect("a name")].labels;
            let inside = series.split_once('{').map_or("", |(_, rest)| rest.trim_end_matches('}'));
            for label in inside.split(',').filter(|label| !label.is_empty()) {
                let (name, value) = label.split_once('=').unwrap_or((label, ""));
                let value = value.trim_matches('"');
                let values = labels.get(name);
                let known = values.is_some_and(|values| {
                    values.as_ref().is_none_or(|all| value.is_empty() || all.contains(value))
                });
                if !known {
                    wrong.push(format!("{file}: {label} of {series}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "not in the table of monitoring/README.md: {wrong:#?}");
}

#[test]
fn every_task_whose_panics_are_counted_is_in_the_table() {
    let all = documented()["awa_bridge_task_panics_total"].labels["task"].clone();
    let all = all.expect("a list of tasks");
    let mut counted = BTreeSet::from(["intake".to_owned(), "admin".to_owned()]);
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the program") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a source file");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for call in ["supervised(", "supervised_thread(", "watched(", "essential("] {
                let behind = code.split(call).skip(1).filter_map(|rest| {
                    rest.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned)
                });
                counted.extend(behind);
            }
        }
    }
    assert_eq!(all, counted, "the table and the program name the same tasks");
}

#[test]
fn the_rules_hold_by_promtool() {
    let promtool = |arguments: &[&str]| {
        Command::new("promtool").args(arguments).current_dir(root().join("monitoring")).output()
    };
    let Ok(checked) = promtool(&["check", "rules", "alerts.yml"]) else {
        return skipped("promtool is not installed (Debian: prometheus)");
    };
    let tested = promtool(&["test", "rules", "alerts_test.yml", "alerts_week_test.yml"]);
    for output in [Ok(checked), tested] {
        let output = output.expect("promtool runs");
        let (shown, errors) = (output.stdout, output.stderr);
        let text = String::from_utf8_lossy(&shown) + String::from_utf8_lossy(&errors);
        assert!(output.status.success(), "{text}");
    }
}
