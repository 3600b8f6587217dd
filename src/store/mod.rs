//! The durable store: what was accepted is on disk before it is answered, and what is to be sent is on disk before it is sent.
//!
//! Its words are events and entries; keys, rows and sled stay inside, so that another engine could stand behind the same
//! words. One thread owns all writes and runs `decide` (`writer`); everyone else asks it through a bounded queue or reads. A commit
//! is on disk when it is in the `journal`, and visible from then on (`memtable`); the `keeper` moves it into sled behind. It never
//! calls ServiceNow, never reads the wall clock but through the function it is given, and never starts afresh over a store that it cannot read.

mod agenda;
mod apart;
mod direct;
mod directory;
mod durable;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod ids;
mod journal;
mod keeper;
mod lane;
mod layout;
mod ledger;
mod memtable;
mod open;
mod open_error;
mod own_file;
mod pack;
mod read;
mod record;
mod request;
mod row;
mod rows;
mod settings;
mod shared;
mod shelf;
mod space;
mod tally;
mod writer;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

pub use self::agenda::Agenda;
pub use self::direct::{DirectDispatch, SendSlot};
pub use self::open_error::OpenError;
pub use self::record::Filter;
pub use self::request::{
    Acceptance, Claim, Counts, Delivery, DiscardAnswer, EventMeta, Failed, Health, Item, Limit,
    Refusal, ReplayAnswer, Settled,
};
pub use self::settings::{Limits, Settings};
use self::shared::{Shared, watch_commits};
pub use self::space::Space;
use self::space::SpaceWatch;
use self::writer::{Queued, Replied, Request, Terms, Wish, Writer};
use crate::contained::{panic_message, supervised_thread};
use crate::routing::{
    Answer, AwaReply, ContactCenter, ConversationRecord, EntryId, EventRecord, LaneKey, Page,
    Rules, UnixMillis, Waited,
};

/// How many requests may wait for the writer.
const QUEUE: usize = 4096;

/// What a sender is told to wait when the writer cannot keep up.
const QUEUE_RETRY_AFTER_SECONDS: u32 = 1;

/// Where the rules of a contact centre come from; asked for each decision, so that a reload takes effect at once.
pub trait RulesFor: Send + Sync {
    /// The rules that are in force for that contact centre.
    fn rules(&self, contact_center: &ContactCenter) -> Arc<Rules>;
}

/// A handle to the store; clones are the same store. When the last is dropped, the store closes by itself.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Queued>,
    places: Arc<Semaphore>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the store, creating an empty one where there is none, and takes up what was left undone. Blocks.
    ///
    /// # Errors
    /// Names the path and what to do. Nothing is changed in a store that cannot be opened.
    pub fn open(
        settings: Settings,
        rules: Arc<dyn RulesFor>,
        now: fn() -> UnixMillis,
    ) -> Result<Self, OpenError> {
        let opened = open::open(&settings)?;
        let Settings {
            path,
            retention_ms,
            body_retention_ms,
            limits,
            commit_timeout,
            free_space_floor,
            journal_age,
            cache_bytes: _,
        } = settings;
        let space = SpaceWatch::new(&path, free_space_floor);
        let shared = Arc::new(Shared::new(opened.ledger, opened.place.rows.clone(), limits));
        let terms = Terms { rules, now, retention_ms, body_retention_ms, space, journal_age };
        let directory = |error| OpenError::Directory { path: path.clone(), error };
        let mut writer =
            Writer::new(opened.db, opened.directory, Arc::clone(&shared), terms, opened.place)
                .map_err(directory)?;
        let unreadable =
            |failed: Failed| OpenError::Unreadable { path: path.clone(), why: failed.to_string() };
        if opened.orphans {
            writer.bury_orphans().map_err(unreadable)?;
        }
        writer.forget_strays(&opened.strays).map_err(unreadable)?;
        let in_doubt = writer.recover(&opened.lanes).map_err(unreadable)?;
        let counts = shared.ledger().counts();
        tracing::info!(path = %path.display(), pending = counts.pending, parked = counts.parked,
            dead = counts.dead, remembered = counts.remembered, in_doubt, "store opened");
        let (queue, requests) = mpsc::channel();
        let thread =
            start(writer, requests, Arc::clone(&shared), commit_timeout).map_err(directory)?;
        let places = Arc::new(Semaphore::new(QUEUE));
        let writer = Mutex::new(Some(thread));
        Ok(Self { inner: Arc::new(Inner { shared, queue, places, writer }) })
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
        let request = |answer| Request::Accept { delivery, answer };
        self.ask_from(place, request).await.unwrap_or(Err(Refusal::Unavailable))
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
        self.ask(|answer| Request::Claim { lane, entry, waited, answer }).await?
    }

    /// Records ServiceNow's answer to a claimed call or look-up; returns what that has settled. `retry_in` is the back-off's next
    /// delay in milliseconds.
    ///
    /// # Errors
    /// The store has failed; after the next start the call is in doubt.
    pub async fn reply(
        &self,
        lane: LaneKey,
        entry: EntryId,
        reply: AwaReply,
        answer: Answer,
        elapsed_ms: u64,
        retry_in: u64,
    ) -> Result<Vec<Settled>, Failed> {
        let reply = Box::new(Replied { reply, answer, elapsed_ms, retry_in });
        self.ask(|answer| Request::Reply { lane, entry, reply, answer }).await?
    }

    /// Looks again at everything parked, after the tables have changed; returns how many entries may go on.
    ///
    /// # Errors
    /// The store has failed.
    pub async fn reloaded(&self) -> Result<usize, Failed> {
        self.ask(|answer| Request::Reloaded { answer }).await?
    }

    /// Puts a settled event into its lane again, for `who`. Without `force` only dead letters.
    ///
    /// # Errors
    /// The store has failed, or a row of the event is damaged.
    pub async fn replay(
        &self,
        source: &str,
        id: &str,
        force: bool,
        who: String,
    ) -> Result<ReplayAnswer, Failed> {
        let wish = Wish { source: source.to_owned(), id: id.to_owned(), who };
        self.ask(|answer| Request::Replay { wish, force, answer }).await?
    }

    /// Gives an unsettled event or a dead letter up, for `who`.
    ///
    /// # Errors
    /// The store has failed, or a row of the event is damaged.
    pub async fn discard(
        &self,
        source: &str,
        id: &str,
        who: String,
    ) -> Result<DiscardAnswer, Failed> {
        let wish = Wish { source: source.to_owned(), id: id.to_owned(), who };
        self.ask(|answer| Request::Discard { wish, answer }).await?
    }

    /// Goes through the writer's queue and back, and writes nothing: a sign that the writer is alive.
    ///
    /// # Errors
    /// The store has failed or was closed.
    pub async fn round_trip(&self) -> Result<(), Failed> {
        self.ask(|answer| Request::RoundTrip { answer }).await
    }

    /// Takes new limits; what is owed already stays.
    pub fn set_limits(&self, limits: Limits) {
        self.inner.shared.set_limits(limits);
    }

    /// From now on what may leave at once leaves through this door, and does not come on the agenda first.
    pub fn set_direct_dispatch(&self, door: Arc<dyn DirectDispatch>) {
        self.inner.shared.set_direct(door);
    }

    /// Which lanes want attention.
    #[must_use]
    pub fn agenda(&self) -> &Agenda {
        &self.inner.shared.agenda
    }

    /// One event. Blocks for a moment.
    ///
    /// # Errors
    /// The store is closed or cannot be read, or a row of the event is damaged.
    pub fn event(&self, source: &str, id: &str) -> Result<Option<EventRecord>, Failed> {
        read::event(&self.inner.shared, source, id)
    }

    /// The vendor's body that brought an event, while it is kept. Blocks for a moment.
    ///
    /// # Errors
    /// The store is closed or cannot be read, or a row of the event is damaged.
    pub fn body(&self, source: &str, id: &str) -> Result<Option<Vec<u8>>, Failed> {
        read::body(&self.inner.shared, source, id)
    }

    /// Events, newest first. An unreadable cursor gives an empty page. Blocks, for up to some fifty
    /// milliseconds.
    ///
    /// # Errors
    /// The store is closed or cannot be read, or a row is damaged.
    pub fn events(&self, filter: &Filter) -> Result<Page, Failed> {
        read::events(&self.inner.shared, filter)
    }

    /// One conversation with what is known of its document, and the latest events of all conversations that share that.
    /// Blocks for a moment.
    ///
    /// # Errors
    /// The store is closed or cannot be read, or a row is damaged.
    pub fn conversation(
        &self,
        contact_center: &str,
        conversation: &str,
    ) -> Result<Option<ConversationRecord>, Failed> {
        read::conversation(&self.inner.shared, contact_center, conversation)
    }

    /// How much is in the store; from memory.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inner.shared.ledger().counts()
    }

    /// How the store is; from memory.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.shared.health()
    }

    /// How much room the disk has; from memory, at most some seconds old.
    #[must_use]
    pub fn space(&self) -> Space {
        self.inner.shared.space()
    }

    /// Waits until the store fails, for good: the process has to be started anew.
    pub async fn failed(&self) -> Failed {
        self.inner.shared.failed().await
    }

    /// Finishes what has been asked for, flushes, and gives the directory up. Every later request fails.
    pub async fn close(&self) {
        let asked = match self.place().await {
            Ok(place) => self.inner.queue.send(Queued { request: Request::Close, place }).is_ok(),
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

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Failed> {
        let place = self.place().await?;
        self.ask_from(place, request).await
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Failed> {
        Arc::clone(&self.inner.places).acquire_owned().await.map_err(|_| self.gone())
    }

    async fn ask_from<T>(
        &self,
        place: OwnedSemaphorePermit,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Failed> {
        if let Some(failed) = self.inner.shared.failure() {
            return Err(failed);
        }
        let (sender, answer) = oneshot::channel();
        let queued = Queued { request: request(sender), place };
        self.inner.queue.send(queued).map_err(|_| self.gone())?;
        tokio::select! {
            biased;
            answer = answer => answer.map_err(|_| self.gone()),
            failed = self.failed() => Err(failed),
        }
    }

    fn gone(&self) -> Failed {
        self.inner.shared.failure().unwrap_or(Failed::Closed)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("health", &self.health()).finish_non_exhaustive()
    }
}

fn start(
    mut writer: Writer,
    requests: mpsc::Receiver<Queued>,
    shared: Arc<Shared>,
    commit_timeout: Duration,
) -> std::io::Result<JoinHandle<()>> {
    let (running, stopped) = mpsc::channel();
    let watched = Arc::clone(&shared);
    thread::Builder::new().name("store-watch".to_owned()).spawn(move || {
        supervised_thread("store watch", || {
            watch_commits(&watched, commit_timeout, &stopped);
        });
    })?;
    thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
        let ended = catch_unwind(AssertUnwindSafe(|| writer.run(&requests)));
        match ended {
            Ok(Ok(())) => writer.close(),
            Ok(Err(failed)) => shared.fail(failed),
            Err(panic) => shared.fail(Failed::Panicked(panic_message(panic.as_ref()))),
        }
        drop(running);
    })
}

#[cfg(test)]
mod tests;
