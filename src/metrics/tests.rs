pub(crate) mod defect;

use super::*;
use crate::routing::{CallKind, State};
use crate::store::Refusal;

#[test]
fn two_daemons_of_a_process_share_one_recorder_with_buckets() {
    let first = Metrics::install().unwrap();
    let second = Metrics::install().unwrap();

    metrics::histogram!(EVENT_TO_CALL, "kind" => "of_this_test").record(0.004);

    second.upkeep();
    let text = first.render();
    assert!(
        text.contains(
            r#"awa_bridge_event_to_call_seconds_bucket{kind="of_this_test",le="0.005"} 1"#
        )
    );
    assert!(
        text.contains(r#"awa_bridge_event_to_call_seconds_bucket{kind="of_this_test",le="60"} 1"#)
    );
    assert!(text.contains("# HELP awa_bridge_event_to_call_seconds From an event's receipt"));
}

#[test]
fn names_are_prefixed_unique_and_of_base_units() {
    for metric in METRICS {
        let Metric { name, kind, .. } = metric;
        assert!(name.starts_with("awa_bridge_"), "{name}");
        assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        let seconds = [Kind::Histogram, Kind::Gauge(Unit::Seconds)].contains(kind);
        assert_eq!(name.ends_with("_seconds"), seconds, "{name}");
    }
    let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len());
}

#[test]
fn the_values_of_labels_are_the_programs_own_words() {
    let kinds = crate::routing::Kind::ALL.map(crate::routing::Kind::as_str);
    assert_eq!(KIND.known(), kinds);
    assert_eq!(KIND_OR_UNKNOWN.known(), [&kinds[..], &["unknown"]].concat());
    assert_eq!(STATE.known(), State::ALL.map(State::as_str));
    assert_eq!(LIMIT.known(), Refusal::LIMITS);
    let calls = [
        CallKind::Offer,
        CallKind::Transfer,
        CallKind::Assign,
        CallKind::Accept,
        CallKind::Reject,
        CallKind::EndConsult,
        CallKind::CloseDocument,
        CallKind::LookUp,
    ];
    assert_eq!(CALL.known()[..calls.len()], calls.map(CallKind::as_str));
}

/// `tests/it/monitoring.rs` holds the page of a daemon against the same table.
#[test]
fn the_page_on_monitoring_shows_this_table() {
    let mut table = String::from("| metric | kind | labels | help |\n|---|---|---|---|\n");
    for Metric { name, kind, labels, help } in METRICS {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge(_) => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels = labels.iter().map(|label| match label.values {
            Values::All(values) => format!("`{}` ({})", label.name, values.join(", ")),
            Values::First(_) => format!("`{}`", label.name),
        });
        let labels = labels.collect::<Vec<_>>().join(", ");
        table += &format!("| `{name}` | {kind} | {labels} | {help} |\n");
    }
    let page = include_str!("../../monitoring/README.md");
    assert!(page.contains(&table), "monitoring/README.md should have\n{table}");
}

#[test]
fn a_label_from_outside_has_few_values() {
    let label = BoundedLabel::default();
    let reported: BTreeSet<_> = (0..1_000).map(|number| label.of(&number.to_string())).collect();
    assert_eq!(reported.len(), BoundedLabel::MOST + 1);
    assert_eq!((label.of("7").as_str(), label.of("999").as_str()), ("7", "other"));
}
