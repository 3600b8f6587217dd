//! The events of a rehearsal: which came in already, and how each of them ended.

use std::collections::{HashMap, HashSet};

use super::story::EventShown;
use crate::routing::{EntryId, Outcome, Reason, ReasonCode, RoutingEvent};

/// Every event, in the order of arrival.
#[derive(Default)]
pub(super) struct Register {
    /// By source and id.
    seen: HashSet<(String, String)>,
    entries: u64,
    /// By entry, the place among `events`.
    places: HashMap<EntryId, usize>,
    events: Vec<EventShown>,
}

impl Register {
    /// Whether an event comes in for the first time; it is known from then on.
    pub(super) fn is_new(&mut self, source: &str, id: &str) -> bool {
        self.seen.insert((source.to_owned(), id.to_owned()))
    }

    /// Takes an event in and gives it its place in the order of arrival.
    pub(super) fn add(&mut self, source: &str, event: &RoutingEvent) -> EntryId {
        self.entries += 1;
        let entry = EntryId(self.entries);
        self.places.insert(entry, self.events.len());
        self.events.push(EventShown {
            source: source.to_owned(),
            id: event.id.to_string(),
            kind: Some(event.kind().as_str()),
            conversation: Some(event.conversation.to_string()),
            state: "pending",
            reason: None,
        });
        entry
    }

    /// Takes in what the profile could not read, dead from the start.
    pub(super) fn add_unreadable(
        &mut self,
        source: &str,
        id: String,
        conversation: Option<String>,
        problem: String,
    ) {
        self.events.push(EventShown {
            source: source.to_owned(),
            id,
            kind: None,
            conversation,
            state: Outcome::Dead.as_str(),
            reason: Some(Reason::with(ReasonCode::Unreadable, problem).to_string()),
        });
    }

    /// An event has come to a state.
    pub(super) fn mark(&mut self, entry: EntryId, state: &'static str, reason: Option<String>) {
        if let Some(place) = self.places.get(&entry) {
            let event = &mut self.events[*place];
            (event.state, event.reason) = (state, reason);
        }
    }

    /// The sender's id of an event.
    pub(super) fn id_of(&self, entry: EntryId) -> String {
        self.places.get(&entry).map(|place| self.events[*place].id.clone()).unwrap_or_default()
    }

    /// All of them.
    pub(super) fn into_events(self) -> Vec<EventShown> {
        self.events
    }
}
