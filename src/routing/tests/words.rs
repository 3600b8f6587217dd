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
