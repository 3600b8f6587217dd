//! The tables: a queue by its channel, a reason by its default, and no second row for one key.

use super::*;

fn channel(name: &str) -> Channel {
    Channel::parse(name).unwrap()
}

fn with_rows(rows: &[(Option<&str>, &str)]) -> Directory {
    let mut tables = Directory::default();
    for (of, id) in rows {
        let (channel, external_id) = (of.map(channel), ExternalId::parse(id).unwrap());
        assert!(tables.add_queue(QueueRow { queue: queue("q"), channel, external_id }));
    }
    tables
}

#[test]
fn a_queue_is_found_by_its_channel_then_by_any_then_by_being_the_only_one() {
    let both = [(Some("voice"), "v"), (None, "any")];
    let two = [(Some("voice"), "v"), (Some("chat"), "c")];
    let one = [(Some("voice"), "v")];
    let table: [(&[_], Option<&str>, Option<&str>); 9] = [
        (&both, Some("voice"), Some("v")),
        (&both, Some("chat"), Some("any")),
        (&both, None, Some("any")),
        (&two, Some("chat"), Some("c")),
        (&two, Some("sms"), None),
        (&two, None, None),
        (&one, None, Some("v")),
        (&one, Some("chat"), None),
        (&[], None, None),
    ];
    for (rows, of, expected) in table {
        let found = with_rows(rows).queue(&queue("q"), of.map(channel).as_ref());
        assert_eq!(found.as_ref().map(ExternalId::as_str), expected, "{rows:?} {of:?}");
    }
}

#[test]
fn queues_pass_through_only_where_no_table_names_them() {
    let tables = with_rows(&[(Some("voice"), "v")]).passing_queues_through();
    let found = |name, of: Option<&str>| {
        tables.queue(&queue(name), of.map(channel).as_ref()).map(|id| id.to_string())
    };
    assert_eq!(found("other", None), Some("other".to_owned()));
    assert_eq!(found("q", Some("voice")), Some("v".to_owned()));
    assert_eq!(found("q", Some("chat")), None);
}

#[test]
fn a_second_row_for_one_key_is_refused_and_the_first_stays() {
    let mut tables = Directory::default();
    let row = |id| QueueRow {
        queue: queue("q"),
        channel: None,
        external_id: ExternalId::parse(id).unwrap(),
    };
    assert!(tables.add_queue(row("1")) && !tables.add_queue(row("2")));
    assert!(
        tables.add_agent(agent("a"), sys_id('1')) && !tables.add_agent(agent("a"), sys_id('2'))
    );
    let reason = |digit| ReasonRow::SysId(sys_id(digit));
    assert!(tables.add_reason("r".to_owned(), reason('1')));
    assert!(!tables.add_reason("r".to_owned(), reason('2')));
    assert_eq!(tables.counts(), TableCounts { queues: 1, agents: 1, reject_reasons: 1 });
    assert_eq!(tables.queue(&queue("q"), None).unwrap().as_str(), "1");
    assert_eq!(tables.agent(&agent("a")), Some(sys_id('1')));
    assert_eq!(tables.reason(Some("r"), None), Some(RejectReason::SysId(sys_id('1'))));
}

#[test]
fn a_reason_is_its_own_row_or_the_default_and_a_display_value_takes_the_channel_along() {
    let mut tables = Directory::default();
    assert_eq!(tables.reason(Some("busy"), None), None);
    assert!(tables.add_reason("*".to_owned(), ReasonRow::SysId(sys_id('1'))));
    assert!(tables.add_reason("busy".to_owned(), ReasonRow::DisplayValue("Busy".to_owned())));
    let default = Some(RejectReason::SysId(sys_id('1')));
    assert_eq!(tables.reason(None, None), default);
    assert_eq!(tables.reason(Some("else"), None), default);
    let (text, voice) = ("Busy".to_owned(), channel("voice"));
    let busy = RejectReason::DisplayValue { text, channel: Some("voice".to_owned()) };
    assert_eq!(tables.reason(Some("busy"), Some(&voice)), Some(busy));
}

#[test]
fn the_tables_can_be_walked() {
    let tables = tables();
    let mut ids: Vec<&str> = tables.external_ids().map(|(_, _, id)| id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["x-care", "x-sales"]);
    assert_eq!((tables.agents().count(), tables.reasons().count()), (2, 1));
}
