use serde_json::json;

use super::finding::Probe;
use super::report::without_numbers;
use super::{Finding, Group, Outcome, judge};
use crate::awa::observe::{Observed, SeenQueue};
use crate::awa::wire::WireRequest;
use crate::routing::{AwaReply, ClockOffset, SysId, UnixMillis};

fn id(digit: char) -> SysId {
    SysId::parse(&digit.to_string().repeat(32)).unwrap()
}

fn answer(status: u16, body: serde_json::Value, reply: AwaReply) -> Observed {
    Observed {
        request: WireRequest { method: hyper::Method::POST, path: "/api".to_owned(), body: None },
        at: UnixMillis(0),
        elapsed_ms: 1,
        status: Some(status),
        retry_after: None,
        rate_limit: None,
        body: Some(body),
        reply,
        message: "words".to_owned(),
        undocumented: false,
    }
}

fn setting<'a>(finding: &'a Finding, key: &str) -> Option<&'a str> {
    finding.settings.iter().find(|(own, _)| *own == key).map(|(_, value)| value.as_str())
}

#[test]
fn every_probe_is_listed_once_and_has_a_name_of_its_own() {
    let tried = Group::ALL.into_iter().flat_map(Group::probes).copied();
    let mut names: Vec<_> =
        tried.chain([Probe::Clock, Probe::RateLimit]).map(Probe::as_str).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), all), (27, 27));
}

#[test]
fn a_reject_that_ends_the_document_changes_how_cards_make_room() {
    let closed = answer(409, json!({}), AwaReply::DocumentClosed);
    for again in [false, true] {
        let finding = judge::reject(None, &closed, again);
        assert_eq!(finding.outcome, Outcome::DoesNotHold);
        assert_eq!(setting(&finding, "offer.replace"), Some("\"wait\""));
        assert_eq!(setting(&finding, "withdraw.action"), Some("\"none\""));
    }
    let open = answer(200, json!({}), AwaReply::Landed { work_item: None });
    assert_eq!(judge::reject(None, &open, true).outcome, Outcome::Holds);
    let away = answer(409, json!({}), AwaReply::AgentUnavailable);
    assert!(matches!(judge::reject(None, &away, true).outcome, Outcome::NotTried(_)));
}

#[test]
fn an_offer_that_makes_a_second_work_item_must_not_be_repeated_blindly() {
    let other = answer(200, json!({}), AwaReply::Landed { work_item: Some(id('2')) });
    let finding = judge::repeat_offer(id('1'), &other);
    assert_eq!(finding.outcome, Outcome::DoesNotHold);
    assert_eq!(setting(&finding, "servicenow.in_doubt"), Some("\"dead\""));
}

#[test]
fn the_pauses_for_an_agent_reach_beyond_the_lag() {
    let finding = judge::presence_lag(Some(20_000), 45_000);
    let pauses = setting(&finding, "retry.agent_unavailable");
    assert_eq!(pauses, Some("[\"500ms\", \"1s\", \"2s\", \"4s\", \"8s\", \"16s\"]"));
    assert_eq!(judge::presence_lag(Some(0), 45_000).outcome, Outcome::Holds);
    assert_eq!(judge::presence_lag(None, 45_000).outcome, Outcome::DoesNotHold);
}

#[test]
fn a_clock_is_only_wrong_where_it_surely_is() {
    for (low, high, holds) in
        [(-999, 999, true), (900, 1_900, true), (1_001, 1_900, false), (-9_000, -8_000, false)]
    {
        let finding = judge::clock(Some(ClockOffset { low, high }));
        assert_eq!(finding.outcome == Outcome::Holds, holds, "{low} to {high}");
    }
}

#[test]
fn of_queues_that_share_an_external_id_it_is_said_which_one_is_taken() {
    let queue = |digit| SeenQueue {
        sys_id: id(digit),
        external_id: "both".to_owned(),
        channel: "voice".to_owned(),
        created: String::new(),
    };
    let queues = [queue('1'), queue('2')];
    for (taken, switch) in [(Some('1'), "first"), (Some('2'), "last"), (None, "not_found")] {
        let taken = taken.map(|digit| id(digit).to_string());
        let finding = judge::shared_external_id(&queues, taken.as_deref());
        assert_eq!(finding.switches, [("shared_external_id", json!(switch))]);
    }
    let one = judge::shared_external_id(&queues[..1], None);
    assert_eq!(one.outcome, Outcome::Holds);
}

#[test]
fn telephone_numbers_and_addresses_are_not_in_a_report() {
    for text in [
        "call of +4930123456",
        "call of +49 30 123 456",
        "from (030)1234567",
        "mail to ada@example.com,",
    ] {
        assert!(without_numbers(text).ends_with('…'), "{text}");
    }
    for text in [
        "Work Item is already assigned to 46d44a23a9fe19810012d100cca80666",
        "Offered time (2024-04-03T23:09:31.000) must be before",
        "12 rows after 1500 ms",
    ] {
        assert_eq!(without_numbers(text), text);
    }
}
