//! The durable store: what is accepted is on disk before it is answered, what is to be sent before it is sent.
//!
//! Its interface is events and entries; keys, rows and engines stay inside. One thread owns all writes (`writer`): it
//! decides what has queued up (`group`), has an engine write that (`embedded`, `postgres`), and answers; all others ask
//! it through a bounded queue, or read. It is given its clock, and never starts afresh over a store it cannot read.

mod agenda;
mod changes;
mod counted;
mod database;
mod direct;
mod embedded;
mod engine;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod group;
mod hashes;
mod index;
mod lane;
mod left;
mod open_error;
mod postgres;
mod reads;
mod record;
mod records;
mod refusal;
mod register;
mod request;
mod search;
mod settings;
mod settled;
mod shared;
mod space;
mod todo;
mod turned_away;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

pub(crate) use self::database::{DatabaseStanding, NodeStanding};
pub(crate) use self::direct::{DirectDispatch, SendSlot};
pub(crate) use self::embedded::of_others;
use self::embedded::open::Opened;
use self::engine::Reader;
pub(crate) use self::index::Owed;
pub(crate) use self::open_error::OpenError;
pub(crate) use self::postgres::Schema;
pub use self::postgres::{Node, PostgresSettings};
pub(crate) use self::record::Filter;
pub(crate) use self::refusal::Limit;
pub use self::refusal::Refusal;
pub(crate) use self::register::{Reading, RegisterRow, Swapped};
pub(crate) use self::request::{
    Acceptance, Counts, DiscardAnswer, EventMeta, Failed, Health, Operated, ReplayAnswer, Settled,
};
use self::request::{Asked, Question, Replied, Wish};
pub use self::request::{Claim, Delivery, Item, Transition};
pub(crate) use self::search::{Found, Search};
pub use self::settings::{Limits, Settings};
pub(crate) use self::settled::{Changes, Cursor};
use self::shared::Shared;
pub(crate) use self::space::Space;
use self::space::SpaceWatch;
pub(crate) use self::todo::{DeadGroup, Group, Grouped, Member, ParkedGroup, Todo};
use self::writer::{Outside, Queued, Writer};
pub(crate) use self::{agenda::Agenda, counted::CountedRow};
use crate::routing::{
    Answered, ClaimId, ClockOffset, ContactCenter, EntryId, LaneKey, Rules, UnixMillis, Waited,
};

/// How many requests may wait for the writer.
const QUEUE: usize = 4096;

/// How long a sender waits for a database that does not answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// `Retry-After` when the writer cannot keep up.
const QUEUE_RETRY_AFTER_SECONDS: u32 = 1;

/// Where the rules of a contact centre come from; asked for each decision, so that a reload takes effect at once.
pub trait RulesFor: Send + Sync {
    /// The rules that are in force for that contact centre.
    fn rules(&self, contact_center: &ContactCenter) -> Arc<Rules>;

    /// What is known of ServiceNow's clock.
    fn clock_offset(&self) -> Option<ClockOffset> {
        None
    }
}

/// A handle to the store; clones are the same store. When the last is dropped, the store closes by itself.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    reader: Arc<dyn Reader>,
    queue: mpsc::Sender<Queued>,
    places: Arc<Semaphore>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Other nodes write, too.
    has_nodes: bool,
    /// How long a sender waits for the engine before it is told to come again.
    patience: Option<Duration>,
}

impl Store {
    /// Opens the store, creating an empty one where there is none, and continues what was not finished. Blocks.
    ///
    /// # Errors
    /// Names the path and what to do. Nothing is changed in a store that cannot be opened.
    pub fn open(
        settings: Settings,
        rules: Arc<dyn RulesFor>,
        now: fn() -> UnixMillis,
    ) -> Result<Self, OpenError> {
        let commits = Arc::default();
        let shared = Arc::new(Shared::new(Arc::clone(&commits), settings.limits));
        let outside = Outside { rules, now, tell: Arc::clone(&settings.tell) };
        let (path, has_nodes) = (settings.path.clone(), settings.postgres.is_some());
        let space = SpaceWatch::new(&path, settings.free_space_floor);
        let commit_timeout = settings.commit_timeout;
        if let Some(postgres) = settings.postgres {
            let (retention, bodies) = (settings.retention_ms, settings.body_retention_ms);
            let (engine, reader) = postgres::Postgres::open(postgres, retention, bodies)?;
            let reader: Arc<dyn Reader> = Arc::new(reader);
            let mut writer = Writer::new(Box::new(engine), Arc::clone(&shared), outside, space);
            postgres::apart(|| writer.begin());
            let opened = (writer, shared, reader);
            return Self::start(opened, has_nodes, commit_timeout, &path, Some(PATIENCE));
        }
        let unreadable =
            |failed: Failed| OpenError::Unreadable { path: path.clone(), why: failed.to_string() };
        let Opened { mut engine, lanes, lost, repairs } =
            embedded::open::open(&settings, &commits)?;
        engine.repair(&outside.terms(&shared), &repairs, lost).map_err(unreadable)?;
        let kept = engine.kept();
        let mut writer = Writer::new(Box::new(engine), Arc::clone(&shared), outside, space);
        let in_doubt = writer.recover(lanes).map_err(unreadable)?;
        let counts = kept.counts();
        tracing::info!(path = %path.display(), pending = counts.pending, parked = counts.parked,
            dead = counts.dead, remembered = counts.remembered, in_doubt, "store opened");
        Self::start((writer, shared, kept), has_nodes, commit_timeout, &path, None)
    }

    fn start(
        (writer, shared, reader): (Writer, Arc<Shared>, Arc<dyn Reader>),
        has_nodes: bool,
        commit_timeout: Duration,
        path: &Path,
        patience: Option<Duration>,
    ) -> Result<Self, OpenError> {
        let (queue, questions) = mpsc::channel();
        let thread = writer::start(writer, questions, Arc::clone(&shared), commit_timeout)
            .map_err(|error| OpenError::Directory { path: path.to_owned(), error })?;
        let places = Arc::new(Semaphore::new(QUEUE));
        let writer = Mutex::new(Some(thread));
        let inner = Inner { shared, reader, queue, places, writer, has_nodes, patience };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Stores a delivery, all of it or nothing, and says of each item whether it is new. Answers once it is synced.
    ///
    /// # Errors
    /// Too much is pending, or the store cannot write: nothing is stored.
    pub async fn accept(&self, delivery: Delivery) -> Result<Vec<Acceptance>, Refusal> {
        let place = match Arc::clone(&self.inner.places).try_acquire_owned() {
            Ok(place) => place,
            Err(TryAcquireError::NoPermits) => {
                let limit = Limit::Queue;
                return Err(Refusal::Full {
                    limit,
                    retry_after_seconds: QUEUE_RETRY_AFTER_SECONDS,
                });
            }
            Err(TryAcquireError::Closed) => return Err(Refusal::Unavailable),
        };
        let accepted = self.ask_from(place, Question::Accept, delivery);
        let accepted = match self.inner.patience {
            Some(patience) => tokio::time::timeout(patience, accepted).await,
            None => Ok(accepted.await),
        };
        match accepted {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
        }
    }

    /// Takes a due entry for a call: deadline, mapping and supersession are looked at once more, and the call is on
    /// record before it is answered. `waited` is what the entry waited for pace since it was due.
    ///
    /// # Errors
    /// The store has failed; nothing may be sent.
    pub async fn claim(
        &self,
        lane: LaneKey,
        entry: EntryId,
        waited: Waited,
    ) -> Result<Claim, Failed> {
        self.ask(Question::Claim, (Arc::new(lane), entry, waited)).await.map(|claim| *claim)
    }

    /// Records the answer to a call or look-up that was made under that claim; `retry_in`: the next delay, in ms.
    ///
    /// # Errors
    /// The store has failed; after the next start the call is in doubt.
    pub async fn reply(
        &self,
        lane: LaneKey,
        entry: EntryId,
        claim: ClaimId,
        answered: Answered,
        retry_in: u64,
    ) -> Result<(), Failed> {
        let replied = Replied { claim, answered, retry_in };
        self.ask(Question::Reply, (Arc::new(lane), entry, replied)).await
    }

    /// Looks again at everything parked, after the tables have changed; returns how many entries may go on.
    ///
    /// # Errors
    /// The store has failed.
    pub(crate) async fn reloaded(&self) -> Result<usize, Failed> {
        self.ask(Question::Reloaded, ()).await
    }

    /// Puts a settled event into its lane again, for `who`. Without `force` only dead letters.
    ///
    /// # Errors
    /// The store has failed, or a row of the event is damaged.
    pub(crate) async fn replay(
        &self,
        source: &str,
        id: &str,
        force: bool,
        who: String,
    ) -> Result<ReplayAnswer, Failed> {
        let wish = Wish { source: source.to_owned(), id: id.to_owned(), who };
        self.ask(Question::Replay, (wish, force)).await?
    }

    /// Discards an unsettled event or a dead letter, for `who`.
    ///
    /// # Errors
    /// The store has failed, or a row of the event is damaged.
    pub(crate) async fn discard(
        &self,
        source: &str,
        id: &str,
        who: String,
    ) -> Result<DiscardAnswer, Failed> {
        let wish = Wish { source: source.to_owned(), id: id.to_owned(), who };
        self.ask(Question::Discard, wish).await?
    }

    /// Goes through the writer's queue and back, and writes nothing: it shows that the writer works.
    ///
    /// # Errors
    /// The store has failed or was closed.
    pub(crate) async fn round_trip(&self) -> Result<(), Failed> {
        self.ask(Question::RoundTrip, ()).await
    }

    /// Takes new limits; what is owed already stays.
    pub(crate) fn set_limits(&self, limits: Limits) {
        self.inner.shared.set_limits(limits);
    }

    /// From now on what may be sent at once is dispatched directly, and does not come on the agenda first.
    pub(crate) fn set_direct_dispatch(&self, direct: Arc<dyn DirectDispatch>) {
        self.inner.shared.set_direct(direct);
    }

    /// Which lanes have something due.
    #[must_use]
    pub fn agenda(&self) -> &Agenda {
        &self.inner.shared.agenda
    }

    /// How much is in the store; from memory.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inner.reader.counts()
    }

    /// How the store is; from memory.
    #[must_use]
    pub(crate) fn health(&self) -> Health {
        self.inner.shared.health()
    }

    /// How much room the disk has; from memory, at most some seconds old.
    #[must_use]
    pub(crate) fn space(&self) -> Space {
        self.inner.shared.space()
    }

    /// Waits until the store fails, for good: the process has to be started anew.
    pub(crate) async fn failed(&self) -> Failed {
        self.inner.shared.failed().await
    }

    /// Finishes what has been asked for, flushes, and releases the directory. Every later request fails.
    pub async fn close(&self) {
        let asked = match self.place().await {
            Ok(place) => self.inner.queue.send(Queued { question: Question::Close, place }).is_ok(),
            Err(_) => false,
        };
        self.inner.places.close();
        let thread = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|_| asked) {
            #[expect(clippy::disallowed_methods, reason = "beside the runtime")]
            let joined = tokio::task::spawn_blocking(move || thread.join());
            tokio::select! {
                _ = joined => {}
                _ = self.failed() => {}
            }
        }
    }

    /// Reads beside the runtime: a read may wait for the disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Reader) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, Failed> {
        let reader = Arc::clone(&self.inner.reader);
        let found = tokio::task::spawn_blocking(move || read(&*reader)).await;
        found.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Failed::Closed),
        })
    }

    /// Asks a question of that kind.
    async fn ask<Q, A>(&self, kind: fn(Asked<Q, A>) -> Question, question: Q) -> Result<A, Failed> {
        let place = self.place().await?;
        self.ask_from(place, kind, question).await
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Failed> {
        Arc::clone(&self.inner.places).acquire_owned().await.map_err(|_| self.gone())
    }

    async fn ask_from<Q, A>(
        &self,
        place: OwnedSemaphorePermit,
        kind: fn(Asked<Q, A>) -> Question,
        question: Q,
    ) -> Result<A, Failed> {
        if let Some(failed) = self.inner.shared.failure() {
            return Err(failed);
        }
        let (asked, answer) = Asked::new(question);
        let queued = Queued { question: kind(asked), place };
        self.inner.queue.send(queued).map_err(|_| self.gone())?;
        tokio::select! {
            biased;
            answer = answer => answer.map_err(|_| self.gone()),
            failed = self.failed() => Err(failed),
        }
    }

    fn gone(&self) -> Failed {
        self.inner.shared.why_not()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("health", &self.health()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
