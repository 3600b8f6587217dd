use super::*;
use crate::routing::ConversationId;

impl Agenda {
    /// How many lanes are on it.
    pub(in crate::store) fn len(&self) -> usize {
        self.lanes().due.len()
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[test]
fn calls_about_live_conversations_go_before_offers_and_then_by_time() {
    let agenda = Agenda::default();
    agenda.publish(vec![
        (lane("late offer"), Some(due(1, 10, Urgency::Offer(UnixMillis(900))))),
        (lane("early offer"), Some(due(2, 10, Urgency::Offer(UnixMillis(500))))),
        (lane("accept"), Some(due(3, 10, Urgency::Live(UnixMillis(999))))),
        (lane("not yet"), Some(due(4, 11, Urgency::Live(UnixMillis(1))))),
    ]);
    assert_eq!(taken(&agenda, 10), ["accept", "early offer", "late offer"]);
    assert_eq!(agenda.next_at(), Some(UnixMillis(11)));
    assert_eq!(taken(&agenda, 11), ["not yet"]);
    assert_eq!(agenda.next_at(), None);
}

#[test]
fn a_lane_is_published_once_and_can_be_taken_back() {
    let agenda = Agenda::default();
    agenda.publish(vec![(lane("a"), Some(due(1, 5, Urgency::Live(UnixMillis(1)))))]);
    assert!(agenda.take_most_urgent(UnixMillis(4)).is_none());
    agenda.publish(vec![(lane("a"), Some(due(2, 7, Urgency::Live(UnixMillis(1)))))]);
    assert_eq!(agenda.len(), 1);
    assert_eq!(agenda.next_at(), Some(UnixMillis(7)));
    agenda.publish(vec![(lane("a"), None)]);
    assert!(agenda.is_empty());
    assert_eq!(taken(&agenda, 100), [] as [&str; 0]);
}

#[test]
fn a_lane_that_ripened_and_was_not_taken_can_still_be_replaced() {
    let agenda = Agenda::default();
    agenda.publish(vec![
        (lane("a"), Some(due(1, 5, Urgency::Live(UnixMillis(1))))),
        (lane("b"), Some(due(2, 5, Urgency::Live(UnixMillis(2))))),
    ]);
    assert_eq!(agenda.take_most_urgent(UnixMillis(5)).map(|(_, due)| due.entry), Some(EntryId(1)));
    assert_eq!(agenda.next_at(), Some(UnixMillis(5)));
    agenda.publish(vec![(lane("b"), None)]);
    assert!(agenda.take_most_urgent(UnixMillis(5)).is_none());
}

#[test]
fn what_is_over_is_taken_whether_it_is_due_or_not() {
    let agenda = Agenda::default();
    agenda.publish(vec![
        (lane("a"), Some(due(1, 5, Urgency::Live(UnixMillis(1))))),
        (lane("b"), Some(due(2, 2000, Urgency::Live(UnixMillis(2))))),
    ]);
    assert_eq!(agenda.next_deadline(), Some(UnixMillis(1005)));
    assert!(agenda.take_expired(UnixMillis(1004)).is_none());
    let expired = agenda.take_expired(UnixMillis(1005));
    assert_eq!(expired.map(|(_, due)| due.entry), Some(EntryId(1)));
    assert!(agenda.most_urgent(UnixMillis(1005)).is_none());
    assert_eq!(agenda.next_deadline(), Some(UnixMillis(3000)));
}

#[test]
fn a_clock_that_is_set_back_makes_everything_due_once() {
    let agenda = Agenda::default();
    let urgency = Urgency::Live(UnixMillis(1));
    agenda.publish(vec![(lane("a"), Some(due(1, 3_600_500, urgency)))]);
    assert!(taken(&agenda, 3_600_000).is_empty());
    assert!(taken(&agenda, 3_599_500).is_empty(), "half a second is only a correction");
    assert_eq!(taken(&agenda, 0), ["a"]);
    agenda.publish(vec![(lane("b"), Some(due(2, 3_600_000, urgency)))]);
    assert!(taken(&agenda, 500).is_empty());
    assert_eq!(taken(&agenda, 3_600_000), ["b"]);
}

fn taken(agenda: &Agenda, now: i64) -> Vec<String> {
    std::iter::from_fn(|| agenda.take_most_urgent(UnixMillis(now)))
        .map(|(lane, _)| lane.conversation.to_string())
        .collect()
}

fn lane(name: &str) -> Arc<LaneKey> {
    let conversation = ConversationId::parse(name).unwrap();
    Arc::new(LaneKey { contact_center: "connect".into(), conversation })
}

fn due(entry: u64, at: i64, urgency: Urgency) -> Due {
    Due {
        entry: EntryId(entry),
        at: UnixMillis(at),
        expires: (EntryId(entry), UnixMillis(at + 1000)),
        urgency,
        calls: true,
    }
}
