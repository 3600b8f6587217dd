//! The words that operators read and filter by.

use super::*;

#[test]
fn calls_and_options_are_spelt_as_logs_metrics_and_servicenow_spell_them() {
    use CallKind as Call;
    let calls = [
        Call::Offer,
        Call::Transfer,
        Call::Assign,
        Call::Accept,
        Call::Reject,
        Call::EndConsult,
        Call::CloseDocument,
        Call::LookUp,
    ];
    let words = "offer transfer assign accept reject end_consult close_document look_up";
    assert_eq!(calls.map(Call::as_str).join(" "), words);
    let options = [DisplayOption::CardOnly, DisplayOption::CardAndTab];
    assert_eq!(options.map(DisplayOption::as_str), ["card_only", "card_and_tab"]);
}

#[test]
fn meanings_are_spelt_in_rows_as_in_logs_and_as_ever() {
    let words = "landed already_ours taken_by_another no_consult agent_unavailable document_closed too_late clock_skew \
                 conflict unexplained not_there misconfigured busy not_landed not_sent in_doubt look_up_forbidden \
                 unauthorised not_servicenow";
    let spelt: Vec<_> = Meaning::ALL.iter().map(|meaning| meaning.as_str()).collect();
    assert_eq!(spelt.join(" "), words);
    for meaning in Meaning::ALL {
        let row = serde_json::to_value(Word::from(*meaning)).unwrap();
        assert_eq!(row, meaning.as_str());
        assert_eq!(serde_json::from_value::<Word<Meaning>>(row).unwrap(), *meaning);
    }
}

#[test]
fn reasons_are_spelt_in_rows_as_in_logs_and_as_ever() {
    let words = "confirmed found_by_look_up already_in_place presumed_in_place done \
                 noted bound no_action_configured nothing_left_to_withdraw no_default_reason \
                 next_step no_room card_of_another card_gone taken_by_another \
                 answered answered_by_another rung_since leg_ended logical_duplicate \
                 no_offer no_consult withdrawn discarded_by_operator deadline \
                 deadline_while_parked deadline_in_doubt late_on_arrival too_late_for_servicenow too_old \
                 unmapped mapping_lost_in_doubt no_document no_work_item no_queue \
                 no_source_queue unreadable damaged_row table_not_allowed refused \
                 misconfigured agent_unavailable document_closed clock_skew in_doubt \
                 recovered_in_doubt no_answer landed already_ours too_late \
                 conflict unexplained not_there busy not_landed \
                 not_sent look_up_forbidden unauthorised not_servicenow";
    let spelt: Vec<_> = ReasonCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(spelt.join(" "), words);
    for code in ReasonCode::ALL {
        let row = serde_json::json!({ "code": code.as_str() });
        assert_eq!(serde_json::to_value(Reason::plain(*code)).unwrap(), row);
        assert_eq!(serde_json::from_value::<Reason>(row).unwrap(), Reason::plain(*code));
    }
    for meaning in Meaning::ALL {
        assert_eq!(ReasonCode::from(*meaning).as_str(), meaning.as_str());
    }
}

#[test]
fn a_reason_of_another_version_is_kept_as_it_came() {
    let row = serde_json::json!({ "code": "cold_already", "detail": "since noon" });
    let reason: Reason = serde_json::from_value(row.clone()).unwrap();
    assert_eq!(
        (reason.code.known(), reason.to_string()),
        (None, "cold_already: since noon".into())
    );
    assert_eq!(serde_json::to_value(&reason).unwrap(), row);
}

/// What follows a state in code letters, as in: `dead`, `no_document`, `no_queue`.
fn reasons_named(page: &str) -> Vec<&str> {
    let mut named = Vec::new();
    let mut after_state = false;
    let parts: Vec<_> = page.split('`').collect();
    for pair in parts.chunks(2) {
        let [between, word] = pair else { break };
        after_state &= between.trim() == ",";
        if after_state {
            named.push(*word);
        }
        after_state |= ["parked", "expired", "superseded", "dead"].contains(word);
    }
    named
}

#[test]
fn the_docs_name_reasons_that_there_are_and_all_that_need_a_person() {
    let operating = include_str!("../../../docs/operating.md");
    let events = include_str!("../../../docs/events.md");
    let named = [reasons_named(operating), reasons_named(events)].concat();
    assert!(named.len() > 10, "{named:?}");
    let code = |word: &str| ReasonCode::ALL.iter().find(|code| code.as_str() == word);
    let unknown: Vec<_> = named.iter().filter(|word| code(word).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let advice = reasons_named(operating);
    let acted_on = ReasonCode::ALL.iter().filter(|code| code.needs_a_person());
    let missing: Vec<_> = acted_on.filter(|code| !advice.contains(&code.as_str())).collect();
    assert!(missing.is_empty(), "docs/operating.md, No card appears: {missing:?}");
}

#[test]
fn a_story_is_in_doubt_where_a_call_may_have_been_carried_out_unseen() {
    let of = |call, meaning| {
        let mut story = Story::default();
        story.record(Attempt {
            call,
            at: START,
            elapsed_ms: None,
            status: None,
            meaning,
            message: None,
        });
        story
    };
    let offer = |word: &str| {
        of(CallKind::Offer, Some(serde_json::from_value(word.into()).unwrap())).was_in_doubt()
    };
    assert!(
        of(CallKind::Offer, None).was_in_doubt() && offer("in_doubt") && offer("not_servicenow")
    );
    assert!(!offer("landed") && !offer("not_sent") && !offer("a_word_of_another_version"));
    assert!(!of(CallKind::LookUp, None).was_in_doubt(), "a look-up carries nothing out");
    let unknown = of(CallKind::Offer, Some(Word::Other("cold_already".to_owned())));
    let other = Word::Other("cold_already".to_owned());
    assert_eq!((unknown.last_call_meaning(), unknown.last_meaning()), (None, other));
}

#[test]
fn what_is_missing_names_the_line_and_the_file() {
    let queue = |channel: Option<&str>| {
        let channel = channel.map(str::to_owned);
        Missing::Queues { queue: "q".to_owned(), channel }.to_string()
    };
    assert_eq!(queue(None), "queue `q` is not in queues.csv");
    assert_eq!(queue(Some("chat")), "queue `q` (channel `chat`) is not in queues.csv");
}

#[test]
fn names_and_reasons_read_as_one_line() {
    let conversation = ConversationId::parse("c-1").unwrap();
    let lane = LaneKey { contact_center: "connect".into(), conversation };
    assert_eq!(lane.to_string(), "connect/c-1");
    assert_eq!(document().to_string(), format!("interaction:{}", "d".repeat(32)));
    assert_eq!(format!("{:?}", sys_id('d')), format!("SysId({})", "d".repeat(32)));
    assert_eq!(Reason::plain(ReasonCode::Deadline).to_string(), "deadline");
    assert_eq!(Reason::with(ReasonCode::Deadline, "late").to_string(), "deadline: late");
}
