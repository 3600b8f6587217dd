//! A real store on a disk of its own, in memory where the machine has such a place, with a clock and tables that are
//! set by hand.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::history::NOON;
use super::witness::{Ended, number_of};
use crate::routing::*;
use crate::store::{
    Acceptance, Delivery, Item, ReplayAnswer, RulesFor, Settings, Store, Transition,
};

/// A year: histories are about what is remembered.
const RETENTION_MS: u64 = 365 * 24 * 3_600_000;

/// The wall clock of a property: its store asks `now`, its thread winds `at`.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub(super) at: &'static AtomicI64,
    pub(super) now: fn() -> UnixMillis,
}

impl Clock {
    pub(super) fn set(self, now: UnixMillis) {
        self.at.store(now.0, Ordering::SeqCst);
    }
}

pub(super) struct Kept<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) store: Store,
    pub(super) clock: Clock,
    directory: TempDir,
    outside: Outside,
}

/// What a store is given, and what it tells.
struct Outside {
    tables: Arc<Tables>,
    clock: Clock,
    told: Arc<Mutex<Vec<Transition>>>,
}

struct Tables(Mutex<Arc<Rules>>);

impl RulesFor for Tables {
    fn rules(&self, _: &ContactCenter) -> Arc<Rules> {
        Arc::clone(&self.0.lock().unwrap())
    }
}

impl<'a> Kept<'a> {
    pub(super) fn new(runtime: &'a Runtime, clock: Clock, rules: Rules) -> Self {
        clock.set(NOON);
        let tables = Arc::new(Tables(Mutex::new(Arc::new(rules))));
        let outside = Outside { tables, clock, told: Arc::default() };
        let directory = a_directory();
        let store = outside.open(&path_in(&directory));
        Self { runtime, store, clock, directory, outside }
    }

    /// What has been told since this was last asked.
    fn told(&self) -> Vec<Transition> {
        std::mem::take(&mut *self.outside.told.lock().unwrap())
    }

    /// What of it has ended.
    pub(super) fn ended(&self) -> Vec<Ended> {
        self.told().iter().filter_map(end_in).collect()
    }

    /// Takes one request, or as many as there are events, all at once.
    pub(super) fn accept(&self, events: Vec<RoutingEvent>) -> Vec<Option<Vec<Ended>>> {
        let now = (self.clock.now)();
        let deliveries: Vec<Delivery> = if come_apart(&events) {
            events.into_iter().map(|event| delivery(vec![event], now)).collect()
        } else {
            vec![delivery(events, now)]
        };
        let numbers: Vec<usize> = deliveries.iter().flat_map(numbers_in).collect();
        self.told();
        let accepted: Vec<Acceptance> = self.runtime.block_on(async {
            let mut answers = JoinSet::new();
            for (place, delivery) in deliveries.into_iter().enumerate() {
                let store = self.store.clone();
                answers.spawn(async move { (place, store.accept(delivery).await.unwrap()) });
            }
            let mut answers = answers.join_all().await;
            answers.sort_by_key(|(place, _)| *place);
            answers.into_iter().flat_map(|(_, accepted)| accepted).collect()
        });
        // What an event settles is told after it, and before the next one.
        let (mut ended, mut latest) = (HashMap::<usize, Vec<Ended>>::new(), 0);
        for told in self.told() {
            match &told {
                Transition::Pending(meta) => latest = number_of(&meta.id),
                other => ended.entry(latest).or_default().extend(end_in(other)),
            }
        }
        let accepted = numbers.into_iter().zip(accepted);
        accepted
            .map(|(number, acceptance)| match acceptance {
                Acceptance::Accepted => Some(ended.remove(&number).unwrap_or_default()),
                Acceptance::Duplicate => None,
            })
            .collect()
    }

    pub(super) fn reload(&self, rules: &Rules) {
        *self.outside.tables.0.lock().unwrap() = Arc::new(rules.clone());
        self.runtime.block_on(self.store.reloaded()).unwrap();
    }

    /// Goes on with what a process finds that starts after this one was killed now.
    pub(super) fn crash(&mut self) {
        let directory = a_directory();
        copy(&path_in(&self.directory), &path_in(&directory));
        self.runtime.block_on(self.store.close());
        self.store = self.outside.open(&path_in(&directory));
        self.directory = directory;
    }

    pub(super) fn discard(&self, number: usize) -> Vec<Ended> {
        let id = name(number);
        self.told();
        self.runtime.block_on(self.store.discard("demo", &id, "ann".to_owned())).unwrap();
        self.ended()
    }

    pub(super) fn replay(&self, number: usize) -> Option<Vec<Ended>> {
        let id = name(number);
        self.told();
        let wish = self.store.replay("demo", &id, true, "ann".to_owned());
        let answer = self.runtime.block_on(wish).unwrap();
        (answer == ReplayAnswer::Replayed).then(|| self.ended())
    }

    fn event(&self, number: usize) -> EventRecord {
        let event = self.runtime.block_on(self.store.event("demo", &name(number))).unwrap();
        event.expect("what was accepted is remembered")
    }

    /// How much of an ended event's time is told, and how much went by, in milliseconds.
    pub(super) fn waits(&self, number: usize) -> Option<(u64, u64)> {
        let event = self.event(number);
        Some((event.waited_ms.total(), event.settled_at?.since(event.received_at)))
    }

    pub(super) fn end_of(&self, number: usize) -> Option<Outcome> {
        match self.event(number).state.known()? {
            State::Pending | State::Parked => None,
            State::Delivered => Some(Outcome::Delivered),
            State::Expired => Some(Outcome::Expired),
            State::Superseded => Some(Outcome::Superseded),
            State::Dead => Some(Outcome::Dead),
            State::Discarded => Some(Outcome::Discarded),
        }
    }

    pub(super) fn counts(&self) -> (usize, usize) {
        let counts = self.store.counts();
        (counts.pending + counts.parked, counts.dead)
    }

    pub(super) fn next_at(&self) -> Option<UnixMillis> {
        let agenda = self.store.agenda();
        agenda.next_at().into_iter().chain(agenda.next_deadline()).min()
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.runtime.block_on(self.store.close());
    }
}

fn end_in(told: &Transition) -> Option<Ended> {
    let Transition::Settled(settled) = told else { return None };
    let (outcome, reason) = (settled.outcome, settled.reason.code.to_string());
    Some(Ended { number: number_of(&settled.meta.id), outcome, reason })
}

fn numbers_in(delivery: &Delivery) -> Vec<usize> {
    delivery.items.iter().map(|item| number_of(item.id())).collect()
}

fn name(number: usize) -> String {
    format!("e{number}")
}

fn delivery(events: Vec<RoutingEvent>, received_at: UnixMillis) -> Delivery {
    Delivery {
        fingerprint: None,
        source: "demo".into(),
        contact_center: "connect".into(),
        received_at,
        body: Some(Bytes::from_static(b"{\"from\":\"the vendor\"}")),
        items: events.into_iter().map(|event| Item::Event(Box::new(event))).collect(),
    }
}

impl Outside {
    fn open(&self, path: &Path) -> Store {
        let told = Arc::clone(&self.told);
        let settings = Settings {
            path: path.to_owned(),
            retention_ms: RETENTION_MS,
            cache_bytes: 8 * 1024 * 1024,
            free_space_floor: 0,
            tell: Arc::new(move |transition| told.lock().unwrap().push(transition.clone())),
            ..Settings::default()
        };
        let tables: Arc<dyn RulesFor> = Arc::clone(&self.tables) as Arc<dyn RulesFor>;
        Store::open(settings, tables, self.clock.now).unwrap()
    }
}

/// In memory if that can be, because every commit waits for the disk.
fn a_directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let directory = tempfile::Builder::new().prefix("awa-bridge-model").tempdir_in(root);
    directory.or_else(|_| tempfile::tempdir()).unwrap()
}

fn path_in(directory: &TempDir) -> PathBuf {
    directory.path().join("state.sled")
}

/// The last confirmed commit (`awa-bridge.commits`) before sled's files, which may have more meanwhile.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let mut entries: Vec<_> = std::fs::read_dir(from).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Whether these events come in deliveries of their own, which may fall into one commit or into several.
pub(super) fn come_apart(events: &[RoutingEvent]) -> bool {
    events.len() > 1 && number_of(events[0].id.as_str()).is_multiple_of(2)
}
