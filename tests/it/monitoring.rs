//! What is shipped for Prometheus and Grafana fits the program: every metric that it names is there from the start.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Home, root, skipped};

const FILES: [&str; 7] = [
    "alerts.yml",
    "alerts_test.yml",
    "alerts_week_test.yml",
    "dashboard.json",
    "../README.md",
    "../docs/operating.md",
    "../docs/security.md",
];

/// Every `awa_bridge_…` of a text, without what a histogram adds; recorded series (`awa_bridge:…`) are not the program's.
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
