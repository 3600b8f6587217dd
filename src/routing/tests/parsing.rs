//! A routing event from JSON: every field's refusals, what is passed over, and the way back.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;

fn parse(value: Value) -> Result<RoutingEvent, String> {
    let json: EventJson = serde_json::from_value(value).map_err(|error| error.to_string())?;
    RoutingEvent::parse(json, START).map_err(|error| error.to_string())
}

/// The least of this kind that is taken.
fn least(kind: &str) -> Value {
    let mut event = json!({"id": "e", "kind": kind, "conversation": "c"});
    let needs = match kind {
        "transfer" => json!({"transfer": {"type": "blind", "target": {"agent": "a"}}}),
        "offer" | "assign" | "accept" | "reject" | "leave" => json!({"agent": "a"}),
        "consult_end" => json!({"hand_over": false}),
        "bind" => json!({"queue": "q"}),
        _ => json!({}),
    };
    merge(&mut event, needs);
    event
}

fn merge(event: &mut Value, more: Value) {
    let Value::Object(more) = more else { panic!("an object") };
    event.as_object_mut().unwrap().extend(more);
}

#[test]
fn the_least_of_every_kind_is_taken_and_nothing_less() {
    for kind in Kind::ALL {
        let event = parse(least(kind.as_str())).unwrap();
        assert_eq!((event.kind(), event.occurred_at), (kind, START));
        for field in least(kind.as_str()).as_object().unwrap().keys() {
            let mut less = least(kind.as_str());
            less.as_object_mut().unwrap().remove(field);
            let refusal = parse(less).unwrap_err();
            assert!(refusal.contains("is missing"), "{kind} without {field}: {refusal}");
        }
    }
}

#[test]
fn every_field_says_what_is_wrong_with_it() {
    let long = "x".repeat(300);
    let sys_id = "59616aba87bd5210be070d48dabb35e6";
    let table = [
        ("offer", json!({"id": ""}), "`id` is empty"),
        ("offer", json!({"id": long}), "`id` is longer than 256 bytes"),
        ("offer", json!({"conversation": "a\nb"}), "`conversation` holds a control character"),
        ("offer", json!({"segment": "\u{7f}"}), "`segment` holds a control character"),
        ("offer", json!({"channel": long}), "`channel` is longer than 256 bytes"),
        ("offer", json!({"agent": ""}), "`agent` is empty"),
        ("offer", json!({"agent": null}), "`agent` is missing"),
        ("offer", json!({"timeout_seconds": 0}), "`timeout_seconds` is 0, not from 1 to 86400"),
        ("offer", json!({"timeout_seconds": -1}), "`timeout_seconds` is -1, not from 1 to 86400"),
        (
            "offer",
            json!({"timeout_seconds": 86_401}),
            "`timeout_seconds` is 86401, not from 1 to 86400",
        ),
        (
            "offer",
            json!({"occurred_at": "now\n"}),
            "`occurred_at` is `now\\n`, not an RFC 3339 time",
        ),
        ("offer", json!({"document": {"sys_id": sys_id}}), "`document.table` is missing"),
        ("offer", json!({"document": {"table": "t"}}), "`document.sys_id` is missing"),
        (
            "offer",
            json!({"document": {"table": "a/b", "sys_id": sys_id}}),
            "`document.table` is not a table name ([a-z0-9_]+)",
        ),
        (
            "offer",
            json!({"document": {"table": "t", "sys_id": "../x"}}),
            "`document.sys_id` is not a sys_id (32 lower-case hex digits)",
        ),
        (
            "accept",
            json!({"work_item": "1"}),
            "`work_item` is not a sys_id (32 lower-case hex digits)",
        ),
        ("transfer", json!({"transfer": {}}), "`transfer.type` is missing"),
        (
            "transfer",
            json!({"transfer": {"type": "warm"}}),
            "`transfer.type` is `warm`, not blind or consult",
        ),
        ("transfer", json!({"transfer": {"type": "blind"}}), "`transfer.target` is missing"),
        (
            "transfer",
            json!({"transfer": {"type": "blind", "target": {"agent": "", "queue": null}}}),
            "`transfer.target` names neither an agent nor a queue",
        ),
        (
            "transfer",
            json!({"transfer": {"type": "blind", "target": {"agent": "a", "queue": "q"}}}),
            "`transfer.target` names both an agent and a queue",
        ),
        (
            "transfer",
            json!({"transfer": {"type": "blind", "target": {"queue": long}}}),
            "`transfer.target.queue` is longer than 256 bytes",
        ),
        (
            "transfer",
            json!({"transfer": {"type": "blind", "target": {"agent": "a"}, "source_queue": "\t"}}),
            "`transfer.source_queue` holds a control character",
        ),
        (
            "bind",
            json!({"queue": ""}),
            "`document` is missing, and `queue` too: a bind needs at least one",
        ),
    ];
    for (kind, change, refusal) in table {
        let mut event = least(kind);
        merge(&mut event, change.clone());
        assert_eq!(parse(event), Err(refusal.to_owned()), "{kind} {change}");
    }
}

#[test]
fn an_unknown_kind_is_named_but_not_at_length() {
    let refusal = parse(json!({"kind": "ring\u{7}".repeat(40)})).unwrap_err();
    assert!(refusal.starts_with("`kind` is `ring\\u{7}ring"), "{refusal}");
    assert!(refusal.ends_with("consult_end, withdraw, leave, bind"), "{refusal}");
    assert!(refusal.len() < 250, "{refusal}");
}

#[test]
fn a_field_of_the_wrong_type_is_refused() {
    for (field, value) in [
        ("id", json!(1.5)),
        ("agent", json!(true)),
        ("queue", json!(["q"])),
        ("timeout_seconds", json!("30")),
        ("hand_over", json!("true")),
        ("occurred_at", json!(1_795_276_800)),
        ("document", json!("interaction")),
        ("assignment", json!({"display_option": "poster"})),
        ("assignment", json!({"after_timeout_presence": "away"})),
    ] {
        let mut event = least("offer");
        merge(&mut event, json!({ field: value }));
        assert!(parse(event).is_err(), "{field}");
    }
}

#[test]
fn numbers_that_name_things_are_kept_digit_for_digit() {
    let event = r#"{"id": 18446744073709551615, "kind": "offer", "conversation": -7,
        "queue": 9007199254740993, "agent": 42}"#;
    let event = parse(serde_json::from_str(event).unwrap()).unwrap();
    assert_eq!(event.id.as_str(), "18446744073709551615");
    assert_eq!(event.conversation.as_str(), "-7");
    let Action::Offer { agent, .. } = event.action else { panic!("an offer") };
    assert_eq!((event.queue, agent.as_str()), (Some(queue("9007199254740993")), "42"));
}

#[test]
fn a_stored_event_says_its_kind_with_what_that_kind_needs() {
    let mut event = least("offer");
    merge(
        &mut event,
        json!({"queue": "q", "timeout_seconds": 20, "occurred_at": "1970-01-01T00:00:00.007Z"}),
    );
    let stored = serde_json::to_value(parse(event).unwrap()).unwrap();
    let action = json!({"offer": {"agent": "a", "timeout_seconds": 20}});
    let expected =
        json!({"id": "e", "conversation": "c", "occurred_at": 7, "queue": "q", "action": action});
    assert_eq!(stored, expected);
}

#[test]
fn unknown_fields_and_empty_ones_are_passed_over() {
    let mut event = least("reject");
    merge(&mut event, json!({"colour": "red", "segment": "", "channel": "", "reason": ""}));
    merge(&mut event, json!({"work_item": "", "queue": null, "document": null}));
    assert_eq!(parse(event), parse(least("reject")));
    let target = json!({"agent": "a", "queue": "", "more": 1});
    let mut transfer = least("transfer");
    merge(
        &mut transfer,
        json!({"transfer": {"type": "blind", "target": target, "source_queue": ""}}),
    );
    assert_eq!(parse(transfer), parse(least("transfer")));
    let mut offer = least("offer");
    merge(&mut offer, json!({"assignment": {"after_timeout_presence": "", "note": 1}}));
    assert_eq!(parse(offer), parse(least("offer")));
}

proptest! {
    #![proptest_config(crate::explore::chosen_by_seed(256))]

    #[test]
    fn an_event_written_as_json_reads_back_as_itself(event in any_event()) {
        let text = serde_json::to_string(&event.to_json()).unwrap();
        let json: EventJson = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(RoutingEvent::parse(json, at(1)), Ok(event));
    }

    #[test]
    fn a_stored_event_reads_back_as_itself(event in any_event()) {
        let stored = serde_json::to_vec(&event).unwrap();
        prop_assert_eq!(serde_json::from_slice::<RoutingEvent>(&stored).unwrap(), event);
    }

    #[test]
    fn nothing_that_is_json_makes_parsing_panic(kind in select(Kind::ALL.to_vec()), text in ".{0,40}", number: i64) {
        for field in ["id", "agent", "queue", "segment", "channel", "occurred_at", "work_item", "reason"] {
            let mut event = least(kind.as_str());
            merge(&mut event, json!({ field: text, "timeout_seconds": number }));
            drop(parse(event));
        }
    }
}

fn any_event() -> impl Strategy<Value = RoutingEvent> {
    let head = (
        "[^\\p{C}\\p{Zl}\\p{Zp}]{1,20}",
        "[a-z0-9-]{1,9}",
        option::of("[a-z]{1,5}"),
        0i64..4_102_444_800_000,
    );
    let place = (option::of(Just(document())), option::of("[a-z]{1,5}"), option::of("[a-z]{1,5}"));
    let style = (select(vec![Rings::One, Rings::Several]), option::of(Just(HandOver::OnAccept)))
        .prop_map(|(rings, hand_over)| Style { rings, hand_over });
    (head, place, style, any_action()).prop_map(
        |((id, conversation, leg, ms), (document, queue, channel), style, action)| {
            let queue = match (&action, queue) {
                (Action::Bind, None) if document.is_none() => Some(super::queue("q")),
                (_, queue) => queue.as_deref().map(super::queue),
            };
            RoutingEvent {
                id: EventId::parse(&id).unwrap(),
                conversation: ConversationId::parse(&conversation).unwrap(),
                segment: leg.as_deref().map(segment),
                occurred_at: UnixMillis(ms),
                document,
                queue,
                channel: channel.map(|name| Channel::parse(&name).unwrap()),
                style,
                action,
            }
        },
    )
}

fn any_action() -> impl Strategy<Value = Action> {
    let wish = (option::of(any::<bool>()), option::of(any::<bool>()), any::<bool>(), any::<bool>())
        .prop_map(|(allowed_to_decline, enable_auto_assign, tab, presence)| AssignmentWish {
            allowed_to_decline,
            enable_auto_assign,
            display_option: tab.then_some(DisplayOption::CardAndTab),
            after_timeout_presence: presence.then(|| sys_id('7')),
        });
    let shared = (
        "[a-z0-9]{1,9}".prop_map(|name| agent(&name)),
        option::of(Just(sys_id('9'))),
        option::of(1u32..=86_400),
        wish,
        any::<bool>(),
        option::of("[a-z ]{1,9}"),
    );
    (0usize..10, shared).prop_map(
        |(which, (agent, work_item, timeout_seconds, assignment, yes, text))| match which {
            0 => Action::Offer { agent, timeout_seconds, assignment },
            1 | 2 => Action::Transfer {
                kind: if yes { TransferKind::Blind } else { TransferKind::Consult },
                source_queue: text.as_deref().map(queue),
                target: if which == 1 { VendorTarget::Agent(agent) } else { to_queue("q-2") },
            },
            3 => Action::Assign { agent, work_item, timeout_seconds, assignment },
            4 => Action::Accept { agent, work_item },
            5 => Action::Reject { agent, work_item, reason: text.as_deref().map(ForeignText::of) },
            6 => Action::ConsultEnd { hand_over: yes },
            7 => Action::Withdraw,
            8 => Action::Leave { agent: Some(agent) },
            _ => Action::Bind,
        },
    )
}
