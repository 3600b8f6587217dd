//! A writer over a store of its own that tells what it was promised, for the tests that cut it off.
//!
//! Each line of its output is written in one piece: `O` once the store is open, `T name conversation…` before a
//! delivery is asked for (event `name-i` for each conversation), `A name` when it was accepted, `S id` when an event
//! was delivered. It calls no ServiceNow: every call lands.

mod written;

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use awa_bridge::testing::clock;
use awa_bridge::testing::routing::{
    Answer, Answered, AwaReply, DocumentJson, EventJson, RoutingEvent, SysId, UnixMillis, Waited,
};
use awa_bridge::testing::sandbox::world::sys_id_of;
use awa_bridge::testing::store::{Claim, Delivery, Item, Refusal, Settings, Store, Transition};
use clap::Parser;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use written::{SOURCE, body, rules, settings};

const WORK_ITEM: &str = "59616aba87bd5210be070d48dabb35e6";

/// Writes to the store at STORE until its work is done or it is ended.
#[derive(Debug, Clone, Parser)]
struct Work {
    /// The store.
    store: PathBuf,
    /// Deliveries at a time.
    #[arg(long, default_value_t = 8)]
    tasks: usize,
    /// Deliveries in all for each task; none: until the process is ended.
    #[arg(long)]
    deliveries: Option<usize>,
    /// Begins the names, so that they differ from those of earlier runs.
    #[arg(long, default_value_t = 0)]
    round: u64,
    /// Carry nothing out.
    #[arg(long)]
    only_accept: bool,
}

#[expect(clippy::disallowed_methods, reason = "the store is opened before anything else runs")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let work = Work::parse();
    let settings = Settings { tell: Arc::new(tell_of), ..settings(&work.store) };
    let store = Store::open(settings, rules(), clock::now)?;
    tell("O");
    let carrier = (!work.only_accept).then(|| tokio::spawn(carry(store.clone())));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..work.tasks {
        tasks.spawn(deliver(store.clone(), work.clone(), task));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    if let Some(carrier) = carrier {
        carrier.abort();
    }
    store.close().await;
    Ok(())
}

async fn deliver(store: Store, work: Work, task: usize) -> Result<(), Refusal> {
    let mut dice = StdRng::seed_from_u64(work.round.wrapping_mul(1_000).wrapping_add(task as u64));
    for number in 0..work.deliveries.unwrap_or(usize::MAX) {
        let name = format!("{}-{task}-{number}", work.round);
        let conversations: Vec<_> = (0..dice.random_range(1..5))
            .map(|_| format!("c{}-{}", work.round, dice.random_range(0..40)))
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
            Claim::Nothing => continue,
        };
        let reply = AwaReply::Landed { work_item: SysId::parse(WORK_ITEM).ok() };
        let answer = Answer { status: Some(200), message: "ok".to_owned() };
        let answered = Answered { reply, answer, elapsed_ms: 1 };
        if store.reply(lane, due.entry, claim, answered, 100).await.is_err() {
            return;
        }
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

fn tell_of(transition: &Transition) {
    if let Transition::Settled(settled) = transition
        && settled.outcome.as_str() == "delivered"
    {
        tell(&format!("S {}", settled.meta.id));
    }
}

fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever listened may be gone; the store is what counts.
    drop(out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()));
}
