//! A writer over a store of its own that tells what it was promised, for tests that cut it off.
//!
//! Each line of its output is written in one piece: `T name conversation…` before a delivery is asked for (event `name-i` for
//! each conversation), `A name` when it was accepted, `S id` when an event was settled. It calls no ServiceNow: every call lands.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::app::Failure;
use crate::clock;
use crate::routing::{
    Answer, Answered, AwaReply, ContactCenter, Directory, DocumentJson, EventJson, ExternalId,
    QueueRow, RoutingEvent, Rules, SysId, UnixMillis, VendorAgentId, VendorQueueId, Waited,
};
use crate::sandbox::world::sys_id_of;
use crate::store::{self, Claim, Delivery, Item, RulesFor, Store};

/// The source and the contact centre of everything that it writes.
pub const SOURCE: &str = "selftest";

const WORK_ITEM: &str = "59616aba87bd5210be070d48dabb35e6";
const AGENT: &str = "46d44a23a9fe19810012d100cca80666";

/// How much is written.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// Deliveries at a time.
    pub tasks: usize,
    /// Deliveries in all for each task; none: until the process is ended.
    pub deliveries: Option<usize>,
    /// Begins the names, so that they differ from those of earlier runs.
    pub round: u64,
    /// Whether events are carried out, too.
    pub carries: bool,
}

/// The rules that the writer goes by: everything is mapped.
#[must_use]
pub fn rules() -> Arc<dyn RulesFor> {
    struct Mapped(Arc<Rules>);
    impl RulesFor for Mapped {
        fn rules(&self, _: &ContactCenter) -> Arc<Rules> {
            Arc::clone(&self.0)
        }
    }
    let mut directory = Directory::default();
    if let (Ok(queue), Ok(external_id)) = (VendorQueueId::parse("q"), ExternalId::parse("queue")) {
        let added = directory.add_queue(QueueRow { queue, channel: None, external_id });
        debug_assert!(added, "the table was empty");
    }
    if let (Ok(agent), Ok(sys_id)) = (VendorAgentId::parse("a"), SysId::parse(AGENT)) {
        let added = directory.add_agent(agent, sys_id);
        debug_assert!(added, "the table was empty");
    }
    Arc::new(Mapped(Arc::new(Rules { directory: Arc::new(directory), ..Rules::default() })))
}

/// The store's settings, the same for whoever looks into it afterwards.
#[must_use]
pub fn settings(path: &Path) -> store::Settings {
    store::Settings { path: path.to_owned(), ..store::Settings::default() }
}

/// The body that came with the delivery of that name: of any length up to some 40 KB, mostly small.
#[must_use]
pub fn body(name: &str) -> Bytes {
    let sum = name.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
    let length = if sum.is_multiple_of(16) { sum % 40_000 } else { sum % 1_500 };
    name.bytes().cycle().take(length).collect()
}

/// Writes until it has done its work or the process ends.
///
/// # Errors
/// The store cannot be opened or fails.
pub async fn write(directory: &Path, work: Work) -> Result<(), Failure> {
    let broken = |error: &dyn std::fmt::Display| Failure::Broken(error.to_string());
    let store =
        Store::open(settings(directory), rules(), clock::now).map_err(|error| broken(&error))?;
    tell("O");
    let carrier = work.carries.then(|| tokio::spawn(carry(store.clone())));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..work.tasks {
        tasks.spawn(deliver(store.clone(), work, task));
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| broken(&error))?.map_err(|refusal| broken(&refusal))?;
    }
    if let Some(carrier) = carrier {
        carrier.abort();
    }
    store.close().await;
    Ok(())
}

async fn deliver(store: Store, work: Work, task: usize) -> Result<(), store::Refusal> {
    for number in 0..work.deliveries.unwrap_or(usize::MAX) {
        let name = format!("{}-{task}-{number}", work.round);
        let conversations: Vec<_> = (0..1 + rand::random_range(0..4_u32))
            .map(|_| format!("c{}-{}", work.round, rand::random_range(0..40_u32)))
            .collect();
        let at = clock::now();
        let items = conversations.iter().enumerate().filter_map(|(index, conversation)| {
            offer(&format!("{name}-{index}"), conversation, at)
        });
        let delivery = Delivery {
            fingerprint: None,
            source: SOURCE.into(),
            contact_center: SOURCE.into(),
            received_at: at,
            body: Some(body(&name)),
            items: items.collect(),
        };
        tell(&format!("T {name} {}", conversations.join(" ")));
        store.accept(delivery).await?;
        tell(&format!("A {name}"));
    }
    Ok(())
}

/// Carries out what is due, as the dispatcher does, but that every call lands.
async fn carry(store: Store) {
    loop {
        let Some((lane, due)) = store.agenda().take_most_urgent(clock::now()) else {
            store.agenda().changed().notified().await;
            continue;
        };
        let Ok(claim) = store.claim(lane.clone(), due.entry, Waited::default()).await else {
            return;
        };
        let claim = match claim {
            Claim::Call { options, .. } | Claim::LookUp { options, .. } => options.claim,
            Claim::Nothing(_) => continue,
        };
        let reply = AwaReply::Landed { work_item: SysId::parse(WORK_ITEM).ok() };
        let answer = Answer { status: Some(200), message: "ok".to_owned() };
        let answered = Answered { reply, answer, elapsed_ms: 1 };
        let Ok(settled) = store.reply(lane, due.entry, claim, answered, 100).await else { return };
        settled.iter().for_each(|settled| tell(&format!("S {}", settled.meta.id)));
    }
}

/// Two conversations each share a document.
fn document_of(conversation: &str) -> String {
    let (round, number) = conversation.split_once('-').unwrap_or((conversation, ""));
    let pair = number.parse::<u32>().unwrap_or(0) / 2;
    sys_id_of(&format!("{round}-{pair}")).to_string()
}

fn offer(id: &str, conversation: &str, at: UnixMillis) -> Option<Item> {
    let json = EventJson {
        id: Some(id.to_owned()),
        kind: Some("offer".to_owned()),
        conversation: Some(conversation.to_owned()),
        queue: Some("q".to_owned()),
        agent: Some("a".to_owned()),
        document: Some(DocumentJson {
            table: Some("interaction".to_owned()),
            sys_id: Some(document_of(conversation)),
        }),
        ..EventJson::default()
    };
    RoutingEvent::parse(json, at).ok().map(|event| Item::Event(Box::new(event)))
}

fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever listened may be gone; the store is what counts.
    drop(out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()));
}
