//! The store from the outside: deliveries in, calls out, and everything again after a restart.

mod accepting;
mod cluster;
mod compatibility;
mod damage;
mod deadlocks;
mod direct;
mod failing;
mod forgetting;
mod lanes;
mod limits;
mod model;
mod operators;
mod postgres;
mod prepared;
mod registers;
mod rejected;
mod reopening;
mod row_fields;
mod row_versions;
mod turns;

use std::path::{Path, PathBuf};

use bytes::Bytes;

use self::model::opened;
use super::*;
use crate::routing::{
    AwaReply, ContactCenter, ConversationId, Directory, DocumentJson, EventJson, EventRecord,
    ExternalId, QueueRow, ReasonRow, RoutingEvent, State, SysId, Unreadable, VendorAgentId,
    VendorQueueId,
};

const NOON: UnixMillis = UnixMillis(1_795_262_400_000);
const DOCUMENT: &str = "59616aba87bd5210be070d48dabb35e6";
const AGENT: &str = "11111111111111111111111111111111";
const SECOND_AGENT: &str = "33333333333333333333333333333333";
const WORK_ITEM: &str = "22222222222222222222222222222222";

/// A store in a directory of its own.
struct Bench {
    store: Store,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(&directory.path().join("state.sled"));
        change(&mut settings);
        let store = opened(settings, mapped(), || NOON).unwrap();
        Self { store, directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("state.sled")
    }

    async fn reopened(self) -> Self {
        self.store.close().await;
        let store = opened(settings(&self.path()), mapped(), || NOON).unwrap();
        Self { store, directory: self.directory }
    }

    /// What a process would find that starts after this one was killed now.
    fn after_a_kill(&self) -> Self {
        self.after_a_kill_at(|| NOON)
    }

    /// The same, with a clock of the test's own.
    fn after_a_kill_at(&self, now: fn() -> UnixMillis) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.sled");
        if !postgres::copied(&self.path(), &path) && !model::copied(&self.path(), &path) {
            copy(&self.path(), &path);
        }
        let store = opened(settings(&path), mapped(), now).unwrap();
        Self { store, directory }
    }

    async fn accept(&self, events: Vec<RoutingEvent>) -> Vec<Acceptance> {
        self.store.accept(delivery(events)).await.unwrap()
    }

    /// Takes what is most urgent and claims it.
    async fn claim_next(&self) -> (LaneKey, EntryId, Claim) {
        let (lane, due) = self.store.agenda().take_most_urgent(NOON).expect("something is due");
        let claim = self.store.claim(lane.clone(), due.entry, Waited::default()).await.unwrap();
        (lane, due.entry, claim)
    }

    async fn reply(&self, lane: LaneKey, entry: EntryId, reply: AwaReply) {
        let answer = crate::routing::Answer { status: Some(200), message: "ok".to_owned() };
        let claim =
            self.store.inner.reader.claim_of(entry.0).unwrap_or_else(|| ClaimId::after(None));
        let answered = Answered { reply, answer, elapsed_ms: 35 };
        self.store.reply(lane, entry, claim, answered, 500).await.unwrap();
    }

    async fn state(&self, id: &str) -> State {
        self.event(id).await.state.known().unwrap()
    }

    async fn event(&self, id: &str) -> EventRecord {
        self.store.event("demo", id).await.unwrap().expect("the event is there")
    }
}

struct Fixed(Arc<Rules>);

impl RulesFor for Fixed {
    fn rules(&self, _: &ContactCenter) -> Arc<Rules> {
        Arc::clone(&self.0)
    }
}

fn mapped() -> Arc<dyn RulesFor> {
    let mut directory = Directory::default();
    assert!(directory.add_queue(QueueRow {
        queue: VendorQueueId::parse("q").unwrap(),
        channel: None,
        external_id: ExternalId::parse("queue-1").unwrap(),
    }));
    for (agent, sys_id) in [("a", AGENT), ("b", SECOND_AGENT)] {
        let agent = VendorAgentId::parse(agent).unwrap();
        assert!(directory.add_agent(agent, SysId::parse(sys_id).unwrap()));
    }
    assert!(directory.add_reason("*".to_owned(), ReasonRow::DisplayValue("busy".to_owned())));
    Arc::new(Fixed(Arc::new(Rules { directory: Arc::new(directory), ..Rules::default() })))
}

fn settings(path: &Path) -> Settings {
    let postgres = postgres::of_folder(path);
    Settings {
        path: path.to_owned(),
        postgres,
        cache_bytes: 8 * 1024 * 1024,
        ..Settings::default()
    }
}

fn delivery(events: Vec<RoutingEvent>) -> Delivery {
    delivery_at(NOON, events)
}

fn delivery_at(received_at: UnixMillis, events: Vec<RoutingEvent>) -> Delivery {
    Delivery {
        fingerprint: None,
        source: "demo".into(),
        contact_center: "connect".into(),
        received_at,
        body: Some(Bytes::from_static(b"{\"from\":\"the vendor\"}")),
        items: events.into_iter().map(|event| Item::Event(Box::new(event))).collect(),
    }
}

fn an_offer(id: &str, conversation: &str) -> RoutingEvent {
    an_offer_to(id, conversation, "q")
}

fn an_offer_to(id: &str, conversation: &str, queue: &str) -> RoutingEvent {
    event(EventJson {
        queue: Some(queue.to_owned()),
        agent: Some("a".to_owned()),
        document: Some(document_json(&document_of(conversation))),
        ..of_kind("offer", id, conversation)
    })
}

/// A conversation's own document.
fn document_of(conversation: &str) -> String {
    match conversation {
        "c" => DOCUMENT.to_owned(),
        other => hex::encode(hashes::of_event("documents", other)),
    }
}

fn document_json(sys_id: &str) -> DocumentJson {
    DocumentJson { table: Some("interaction".to_owned()), sys_id: Some(sys_id.to_owned()) }
}

fn an_accept(id: &str, conversation: &str) -> RoutingEvent {
    event(EventJson { agent: Some("a".to_owned()), ..of_kind("accept", id, conversation) })
}

fn a_bind(id: &str, conversation: &str) -> RoutingEvent {
    event(EventJson { queue: Some("q".to_owned()), ..of_kind("bind", id, conversation) })
}

fn a_withdraw(id: &str, conversation: &str) -> RoutingEvent {
    event(of_kind("withdraw", id, conversation))
}

fn of_kind(kind: &str, id: &str, conversation: &str) -> EventJson {
    EventJson {
        id: Some(id.to_owned()),
        kind: Some(kind.to_owned()),
        conversation: Some(conversation.to_owned()),
        ..EventJson::default()
    }
}

fn event(json: EventJson) -> RoutingEvent {
    RoutingEvent::parse(json, NOON).unwrap()
}

fn unreadable(id: &str) -> Item {
    Item::Unreadable(Unreadable {
        id: id.to_owned(),
        kind: Some("offer".to_owned()),
        conversation: Some("c".to_owned()),
        problem: "`agent` is missing".to_owned(),
    })
}

fn lane(conversation: &str) -> LaneKey {
    LaneKey {
        contact_center: "connect".into(),
        conversation: ConversationId::parse(conversation).unwrap(),
    }
}

fn is_new(acceptance: &Acceptance) -> bool {
    *acceptance == Acceptance::Accepted
}

fn landed() -> AwaReply {
    AwaReply::Landed { work_item: SysId::parse(WORK_ITEM).ok() }
}

/// Asks until the answer is yes; every asking makes the writer go round once.
async fn eventually(store: &Store, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        let is_true = condition().await;
        // What is counted in memory is on its way to the disk.
        store.reloaded().await.unwrap();
        if is_true {
            return;
        }
    }
    panic!("it never came true");
}

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
