//! What a writer said before it was cut off, and whether the store keeps to it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use awa_bridge::testing::clock;
use awa_bridge::testing::routing::{EventRecord, State};
use awa_bridge::testing::store::Store;

use super::written::{self, SOURCE};

/// What was asked of a store and what it has promised.
#[derive(Default)]
pub(super) struct Promises {
    /// The conversations of each delivery that was begun, one for each event.
    begun: BTreeMap<String, Vec<String>>,
    accepted: HashSet<String>,
    settled: HashSet<String>,
    /// Of earlier rounds: the events that were found, and those that may be settled by now.
    before: HashSet<String>,
    /// Whether the store was ever opened.
    pub(super) opened: u32,
}

impl Promises {
    /// Takes in one line of a writer.
    pub(super) fn hear(&mut self, line: &str) {
        let mut words = line.split(' ').map(str::to_owned);
        match (words.next().as_deref(), words.next()) {
            (Some("O"), None) => self.opened += 1,
            (Some("T"), Some(name)) => drop(self.begun.insert(name, words.collect())),
            (Some("A"), Some(name)) => drop(self.accepted.insert(name)),
            (Some("S"), Some(id)) => drop(self.settled.insert(id)),
            // The power went while it spoke.
            _ => {}
        }
    }

    /// How many deliveries were accepted so far.
    pub(super) fn kept(&self) -> usize {
        self.accepted.len()
    }

    /// Every way in which the store at `path` does not keep to what was promised since the last look.
    pub(super) fn breaches(&mut self, path: &Path) -> Vec<String> {
        let opened = Store::open(written::settings(path), written::rules(), clock::now);
        let store = match opened {
            Ok(store) => store,
            Err(error) => return vec![format!("it does not open: {error}")],
        };
        let mut breaches = Vec::new();
        let mut lanes: HashMap<&str, HashSet<String>> = HashMap::new();
        let begun = std::mem::take(&mut self.begun);
        for (name, conversations) in &begun {
            let ids: Vec<_> = (0..conversations.len()).map(|at| format!("{name}-{at}")).collect();
            let found: Vec<_> = ids.iter().filter_map(|id| event(&store, id)).collect();
            match found.len() {
                0 if self.accepted.contains(name) => breaches.push(format!("{name} is lost")),
                0 => {}
                some if some < ids.len() => breaches.push(format!("{name} is there in part")),
                _ => self.check_delivery(&store, name, &found, &mut breaches),
            }
            for (event, conversation) in found.iter().zip(conversations) {
                lanes.entry(conversation).or_default().insert(event.id.clone());
                self.before.insert(event.id.clone());
            }
        }
        for (conversation, events) in lanes {
            check_lane(&store, conversation, &events, &mut breaches);
        }
        self.check_counts(&store, &mut breaches);
        close(&store);
        breaches
    }

    /// Every event ever found that the store has no more, and every one whose end is not the promised one.
    pub(super) fn old_breaches(&self, path: &Path) -> Vec<String> {
        let store = Store::open(written::settings(path), written::rules(), clock::now);
        let store = store.expect("it was opened before");
        let lost = self.before.iter().filter(|id| match event(&store, id) {
            None => true,
            Some(event) => self.settled.contains(*id) && event.state != State::Delivered,
        });
        let lost = lost.map(|id| format!("{id} is lost or settled otherwise")).collect();
        close(&store);
        lost
    }

    fn check_delivery(
        &self,
        store: &Store,
        name: &str,
        found: &[EventRecord],
        breaches: &mut Vec<String>,
    ) {
        let expected = written::body(name);
        for event in found {
            let settled = self.settled.contains(&event.id);
            if settled && event.state != State::Delivered {
                breaches.push(format!("{} was settled and is {:?}", event.id, event.state));
            }
            match wait(store.body(SOURCE, &event.id)) {
                Ok(Some(body)) if body == expected => {}
                Ok(Some(_)) => breaches.push(format!("{} has another body", event.id)),
                other => breaches.push(format!("{} has no body: {other:?}", event.id)),
            }
        }
    }

    fn check_counts(&self, store: &Store, breaches: &mut Vec<String>) {
        let counts = store.counts();
        if counts.remembered != self.before.len() || counts.damaged_rows > 0 {
            breaches.push(format!("{} events were found, counted: {counts:?}", self.before.len()));
        }
    }
}

/// A conversation names all its events, and what is pending in it can be carried out.
fn check_lane(store: &Store, lane: &str, events: &HashSet<String>, breaches: &mut Vec<String>) {
    let Ok(Some(conversation)) = wait(store.conversation(SOURCE, lane)) else {
        return breaches.push(format!("{lane} is lost"));
    };
    let all = conversation.events.len();
    let own = conversation.events.iter();
    let own = own.filter(|event| event.conversation.as_deref() == Some(lane));
    let named: HashSet<_> = own.map(|event| event.id.clone()).collect();
    if !named.is_subset(events) {
        breaches.push(format!(
            "{lane} names events that were not found: {:?}",
            named.difference(events)
        ));
    }
    // The last hundred are those of all conversations that share the document.
    if named.len() < events.len() && all < 100 {
        breaches.push(format!("{lane} names {} of {} events", named.len(), events.len()));
    }
    for event in conversation.events {
        if event.state == State::Pending && event.due_at.is_none() {
            breaches.push(format!("{} is pending and in no lane", event.id));
        }
    }
}

/// So that the next process can have the directory at once.
fn close(store: &Store) {
    wait(store.close());
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn event(store: &Store, id: &str) -> Option<EventRecord> {
    wait(store.event(SOURCE, id)).expect("the row can be read")
}
