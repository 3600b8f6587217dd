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
    assert_eq!(
        (unknown.last_call_meaning(), unknown.last_meaning()),
        (None, "cold_already".into())
    );
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
    assert_eq!(Reason::plain("deadline").to_string(), "deadline");
    assert_eq!(Reason::with("deadline", "late").to_string(), "deadline: late");
}
