pub(crate) mod defect;

use super::*;

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
    let counters = COUNTERS.iter().map(|(name, _)| *name);
    let gauges = GAUGES.iter().map(|(name, ..)| *name);
    let histograms = HISTOGRAMS.iter().map(|(name, _)| *name);
    assert!(counters.clone().all(|name| name.ends_with("_total")));
    assert!(histograms.clone().all(|name| name.ends_with("_seconds")));

    let all: Vec<_> = counters.chain(gauges).chain(histograms).collect();
    assert!(all.iter().all(|name| name.starts_with("awa_bridge_")));
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn a_label_from_outside_has_few_values() {
    let label = BoundedLabel::default();
    let reported: BTreeSet<_> = (0..1_000).map(|number| label.of(&number.to_string())).collect();
    assert_eq!(reported.len(), BoundedLabel::MOST + 1);
    assert_eq!((label.of("7").as_str(), label.of("999").as_str()), ("7", "other"));
}
