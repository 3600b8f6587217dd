use super::super::fixture::{NOW, open_source, profile, request, spec};
use super::super::{Source, SourceSpec};
use super::*;

fn read_with(jq: &str, body: &str) -> Vec<Reading> {
    open_source(jq).read(&request(&[], body)).unwrap()
}

fn id(reading: &Reading) -> &str {
    match reading {
        Reading::Event(event) => event.id.as_str(),
        Reading::Unreadable(one) => &one.id,
        Reading::Ignored { .. } | Reading::Unknown { .. } => panic!("has no id: {reading:?}"),
    }
}

fn problem(reading: &Reading) -> &str {
    let Reading::Unreadable(one) = reading else { panic!("is readable: {reading:?}") };
    &one.problem
}

#[test]
fn an_event_without_an_id_gets_one_that_every_redelivery_gets_again() {
    let body = r#"[{"kind":"withdraw","conversation":"c"},{"kind":"withdraw","conversation":"d"}]"#;
    let (once, again) = (read_with(".[]", body), read_with(".[]", body));
    assert_eq!(once, again);
    assert!(id(&once[0]).starts_with("sha256:") && id(&once[0]).len() == 7 + 64);
    assert_ne!(id(&once[0]), id(&once[1]));
    let other = read_with(".[]", &body.replace('c', "e"));
    assert_ne!(id(&once[0]), id(&other[0]));
}

#[test]
fn a_signed_message_id_stands_in_with_a_number_where_there_are_several() {
    let toml = "[request]\ndecode = \"json\"\n[verify]\nscheme = \"standard_webhooks\"";
    let source =
        Source::build(profile(toml, ".[]").unwrap(), spec(&["whsec_c29tZXRoaW5nIGVsc2U="]))
            .unwrap();
    let ids = |body: &str| -> Vec<String> {
        let readings = source.read(&request(&[("webhook-id", "msg_1")], body)).unwrap();
        let counted = |reading: &&Reading| !matches!(reading, Reading::Ignored { .. });
        readings.iter().filter(counted).map(|reading| id(reading).to_owned()).collect()
    };
    assert_eq!(ids(r#"[{"kind":"withdraw","conversation":"c"}]"#), ["msg_1"]);
    assert_eq!(ids(r#"[{"ignore":"x"},{"kind":"withdraw","conversation":"c"}]"#), ["msg_1"]);
    let several = r#"[{"id":"own","kind":"withdraw","conversation":"c"},{"kind":"withdraw","conversation":"c"},{"kind":"?"}]"#;
    assert_eq!(ids(several), ["own", "msg_1/1", "msg_1/2"]);
}

#[test]
fn an_id_that_no_id_can_be_is_replaced_by_a_hash() {
    let long = "x".repeat(257);
    for bad in [
        format!("\"{long}\""),
        "\"a\\nb\"".to_owned(),
        "\"\"".to_owned(),
        "1.5".to_owned(),
        "{}".to_owned(),
    ] {
        let body = format!(r#"{{"id":{bad},"kind":"withdraw","conversation":"c"}}"#);
        let readings = read_with(".", &body);
        assert!(matches!(readings[0], Reading::Event(_)), "{bad}");
        assert!(id(&readings[0]).starts_with("sha256:"), "{bad}");
    }
    let digits = read_with(".", r#"{"id":9007199254740993,"kind":"withdraw","conversation":"c"}"#);
    assert_eq!(id(&digits[0]), "9007199254740993");
    let endless = "123456789012345678901234567890";
    let digits = read_with(
        ".",
        &format!(r#"{{"id":{endless},"kind":"withdraw","conversation":{endless}}}"#),
    );
    assert_eq!(id(&digits[0]), endless);
}

#[test]
fn what_is_no_routing_event_is_kept_with_its_id_kind_and_conversation() {
    let readings = read_with(".", r#"{"id":"e","kind":"offer","conversation":"c","queue":"q"}"#);
    assert_eq!(
        readings,
        [Reading::Unreadable(Unreadable {
            id: "e".to_owned(),
            kind: Some("offer".to_owned()),
            conversation: Some("c".to_owned()),
            problem: "`agent` is missing".to_owned(),
        })]
    );
    assert_eq!(problem(&read_with("1", "{}")[0]), "what the filter yields is not an object");
    assert_eq!(problem(&read_with("null", "{}")[0]), "what the filter yields is not an object");
    let wrong = read_with(
        ".",
        r#"{"id":"e","kind":"offer","conversation":"c","timeout_seconds":"soon +4915112345678"}"#,
    );
    assert_eq!(problem(&wrong[0]), "`timeout_seconds` is not a whole number");
}

#[test]
fn a_wrong_type_is_told_without_the_programs_own_names() {
    for (field, reported) in [
        (
            r#""document":"interaction:59616aba""#,
            "`document` is not an object with `table` and `sys_id`",
        ),
        (r#""document":{"table":1}"#, "`document.table` is not a string"),
        (r#""transfer":"blind""#, "`transfer` is not an object with `type` and `target`"),
        (
            r#""transfer":{"type":"blind","target":"a"}"#,
            "`transfer.target` is not an object with `agent` or `queue`",
        ),
        (r#""assignment":true"#, "`assignment` is not an object"),
        (r#""assignment":{"display_option":1}"#, "`assignment.display_option` is not a string"),
        (
            r#""assignment":{"display_option":"x"}"#,
            "`assignment.display_option` is not `card_only` or `card_and_tab`",
        ),
        (r#""hand_over":"yes""#, "`hand_over` is not a boolean"),
        (r#""queue":{}"#, "`queue` is not a string or an integer"),
        (r#""occurred_at":1"#, "`occurred_at` is not a string"),
    ] {
        let body = format!(r#"{{"id":"e","kind":"offer","conversation":"c","agent":"a",{field}}}"#);
        assert_eq!(problem(&read_with(".", &body)[0]), reported);
    }
}

#[test]
fn keys_that_nothing_reads_are_named_on_request_and_passed_over_otherwise() {
    let event = r#"{"id":"e","kind":"offer","conversation":"c","agent":"a","queue":"q","accepted":true,
        "segment":null,"zone":null,"document":{"table":"interaction","sys_id":"59616aba87bd5210be070d48dabb35e6","x":1},
        "assignment":{"allowed_to_decline":true,"decline":false},
        "transfer":{"type":"blind","target":{"agent":"b","quue":"q"},"targt":{}}}"#;
    let body = format!(
        r#"[{event},{{"ignore":"why","note":1}},{{"id":"f","kind":"withdraw","conversation":"c"}},7]"#
    );
    let source = open_source(".[]");
    let inspected = source.inspect(&request(&[], &body)).unwrap();
    let (readings, unread): (Vec<_>, Vec<_>) =
        inspected.into_iter().map(|one| (one.reading, one.unread)).unzip();
    assert_eq!(readings, source.read(&request(&[], &body)).unwrap());
    let mut first = unread[0].clone();
    first.sort();
    assert_eq!(
        first,
        [
            "accepted",
            "assignment.decline",
            "document.x",
            "transfer.target.quue",
            "transfer.targt",
            "zone"
        ]
    );
    assert!(matches!(readings[0], Reading::Event(_)));
    assert_eq!(unread[1..], [Vec::<String>::new(), Vec::new(), Vec::new()]);
}

#[test]
fn every_key_of_an_event_is_known() {
    let full = serde_json::json!({
        "id": "e", "kind": "transfer", "conversation": "c", "segment": "s", "occurred_at": "2026-11-21T17:00:00Z",
        "document": { "table": "interaction", "sys_id": "59616aba87bd5210be070d48dabb35e6" },
        "queue": "q", "channel": "voice", "agent": "a", "timeout_seconds": 1,
        "assignment": { "allowed_to_decline": true, "enable_auto_assign": true, "display_option": "card_only", "after_timeout_presence": "" },
        "transfer": { "type": "blind", "source_queue": "q", "target": { "agent": "a", "queue": null } },
        "work_item": null, "reason": "r", "hand_over": true,
    });
    let inspected = open_source(".").inspect(&request(&[], &full.to_string())).unwrap();
    assert!(matches!(inspected[0].reading, Reading::Event(_)), "{inspected:?}");
    assert_eq!(inspected[0].unread, Vec::<String>::new());
}

#[test]
fn a_part_that_the_filter_does_not_know_is_unknown_beside_its_neighbours() {
    let jq = r#".[] | if .kind then . else { unknown: .what } end"#;
    let body = r#"[{"what":"mystery"},{"id":"e","kind":"withdraw","conversation":"c"},{"what":7},{"what":[]}]"#;
    let readings = read_with(jq, body);
    let unknown = |name: Option<&str>| Reading::Unknown { event_type: name.map(ToOwned::to_owned) };
    assert_eq!(readings[0], unknown(Some("mystery")));
    assert_eq!(id(&readings[1]), "e");
    assert_eq!(readings[2..], [unknown(Some("7")), unknown(None)]);
    let long = read_with("{ unknown: (\"x\" * 100) }", "{}");
    let Reading::Unknown { event_type: Some(name) } = &long[0] else { panic!("{long:?}") };
    assert!(name.chars().count() <= 41);
    let both = read_with(r#"{ kind: "withdraw", conversation: "c", unknown: "x" }"#, "{}");
    assert!(matches!(both[0], Reading::Event(_)), "what has a kind is an event: {both:?}");
}

#[test]
fn a_senders_text_is_cut_and_escaped() {
    let kind = format!("a\u{1b}[31m{}", "x".repeat(100));
    let body = serde_json::json!({"id": "e", "kind": kind, "conversation": "bad\nid"}).to_string();
    let readings = read_with(".", &body);
    let Reading::Unreadable(Unreadable { kind, conversation, problem, .. }) = &readings[0] else {
        panic!()
    };
    assert!(kind.as_ref().unwrap().chars().count() < 60);
    assert!(!kind.as_ref().unwrap().contains('\u{1b}') && !problem.contains('\u{1b}'));
    assert_eq!(*conversation, None);
}

#[test]
fn a_bad_element_leaves_its_neighbours() {
    let body = r#"[{"id":"1","kind":"withdraw","conversation":"c"},{"id":"2","kind":"nine"},"x",{"id":"4","kind":"withdraw","conversation":"c"}]"#;
    let readings = read_with(".[]", body);
    assert!(matches!(&readings[0], Reading::Event(_)) && matches!(&readings[3], Reading::Event(_)));
    assert_eq!(id(&readings[1]), "2");
    assert!(id(&readings[2]).starts_with("sha256:"));
}

#[test]
fn nothing_at_all_is_unknown_and_tells_what_the_vendor_calls_it() {
    let toml = "[request]\ndecode = \"json\"\nevent_type = \"/type\"";
    let profile = profile(toml, "empty").unwrap();
    let source = Source::build(profile, SourceSpec { loopback: true, ..spec(&[]) }).unwrap();
    let readings = source.read(&request(&[], r#"{"type":"task.moved"}"#)).unwrap();
    assert_eq!(readings, [Reading::Unknown { event_type: Some("task.moved".to_owned()) }]);
}

#[test]
fn the_time_of_receipt_stands_in_for_a_missing_one_and_whole_floats_are_integers() {
    let readings = read_with(
        ".timeout_seconds = .ms / 1000 | .",
        r#"{"id":"e","kind":"offer","conversation":"c","queue":1,"agent":2,"ms":30000}"#,
    );
    let Reading::Event(event) = &readings[0] else { panic!("{readings:?}") };
    assert_eq!(event.occurred_at, NOW);
    let json = event.to_json();
    assert_eq!((json.timeout_seconds, json.queue.as_deref()), (Some(30), Some("1")));
}

#[test]
fn many_unreadable_events_of_one_body_are_one_dead_letter_and_the_others_are_kept() {
    let body = |unreadable: usize| {
        let wrong = vec!["{\"kind\":\"?\"}"; unreadable].join(",");
        format!(r#"[{{"id":"good","kind":"withdraw","conversation":"c"}},{wrong}]"#)
    };
    assert_eq!(read_with(".[]", &body(50)).len(), 51);
    let readings = read_with(".[]", &body(51));
    assert_eq!((readings.len(), id(&readings[0])), (2, "good"));
    assert!(
        problem(&readings[1]).starts_with("51 events of this body cannot be read; the first: ")
    );
    assert_eq!(id(&readings[1]), id(&read_with(".[]", &body(51))[1]), "a redelivery is known");
    assert_eq!(read_with(".[] | error", &body(999)).len(), 1, "errors of the filter too");
}
