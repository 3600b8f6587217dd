//! What goes into the store and what comes out of it: the words between it and its callers. No key, no row.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::refusal::Refusal;
use super::register::Swapped;
use crate::routing::{
    Answered, AwaCall, CallOptions, ClaimId, ContactCenter, EntryId, LaneKey, LookUp, Missing,
    Outcome, Reason, RoutingEvent, UnixMillis, Unreadable, Waited,
};

/// What is asked of the writer, each with the type of its answer.
#[derive(Debug)]
pub(super) enum Question {
    Accept(Asked<Delivery, Result<Vec<Acceptance>, Refusal>>),
    Claim(Asked<(Arc<LaneKey>, EntryId, Waited), Box<Claim>>),
    Reply(Asked<(Arc<LaneKey>, EntryId, Replied), ()>),
    /// Answered when the reload is through.
    Reloaded(Asked<(), usize>),
    /// Writes a register, by its name, of which that version was seen.
    Swap(Asked<(&'static str, u64, serde_json::Value), Result<Swapped, Failed>>),
    /// With whether it is forced.
    Replay(Asked<(Wish, bool), Result<ReplayAnswer, Failed>>),
    Discard(Asked<Wish, Result<DiscardAnswer, Failed>>),
    /// Nothing but an answer.
    RoundTrip(Asked<(), ()>),
    Close,
}

/// What is asked, what the last decision answered to it, and who waits for that.
#[derive(Debug)]
pub(super) struct Asked<Q, A> {
    pub(super) question: Q,
    pub(super) answer: Option<A>,
    to: oneshot::Sender<A>,
}

impl<Q, A> Asked<Q, A> {
    pub(super) fn new(question: Q) -> (Self, oneshot::Receiver<A>) {
        let (to, answer) = oneshot::channel();
        (Self { question, answer: None, to }, answer)
    }

    /// Decides it: anew where no commit came about. The answer leaves after the commit.
    pub(super) fn decide(
        &mut self,
        decide: impl FnOnce(&Q) -> Result<A, Failed>,
    ) -> Result<(), Failed> {
        self.answer = Some(decide(&self.question)?);
        Ok(())
    }

    /// Answers this, whatever was decided. A caller that has stopped waiting does not get it.
    pub(super) fn answer_with(self, answer: A) {
        drop(self.to.send(answer));
    }

    fn answer(mut self) {
        if let Some(answer) = self.answer.take() {
            self.answer_with(answer);
        }
    }
}

impl Question {
    /// How much it brings, in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Accept(asked) => asked.question.body.as_ref().map_or(0, Bytes::len),
            _ => 0,
        }
    }

    /// Whether it has to see on disk what came before it, and is decided in a group of its own.
    pub(super) const fn is_alone(&self) -> bool {
        matches!(self, Self::Replay(_) | Self::Discard(_))
    }

    /// Answers what was decided, once that is committed.
    pub(super) fn answer(self) {
        match self {
            Self::Accept(asked) => asked.answer(),
            Self::Claim(asked) => asked.answer(),
            Self::Reply(asked) => asked.answer(),
            Self::Reloaded(asked) => asked.answer(),
            Self::Swap(asked) => asked.answer(),
            Self::Replay(asked) => asked.answer(),
            Self::Discard(asked) => asked.answer(),
            Self::RoundTrip(asked) => asked.answer(),
            Self::Close => {}
        }
    }
}

/// ServiceNow's answer to an entry's call.
#[derive(Debug, Clone)]
pub(super) struct Replied {
    pub(super) claim: ClaimId,
    pub(super) answered: Answered,
    pub(super) retry_in: u64,
}

/// An operator's wish about one event.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) source: String,
    pub(super) id: String,
    pub(super) who: String,
}

/// One authentic request of a vendor: stored as a whole or not at all.
#[derive(Debug)]
pub struct Delivery {
    /// The source's name in the configuration.
    pub source: Arc<str>,
    /// Whose tables and conversations it goes by.
    pub contact_center: ContactCenter,
    /// When the request came in.
    pub received_at: UnixMillis,
    /// The vendor's body as it came; not kept where there is none. Erased after the body retention.
    pub body: Option<Bytes>,
    /// The events of the request, in its order.
    pub items: Vec<Item>,
    /// What the signature covers, where the same signed bytes can be read as other events: a second delivery with the
    /// same one is a duplicate as a whole.
    pub fingerprint: Option<[u8; 32]>,
}

/// One event of a delivery.
#[derive(Debug)]
pub enum Item {
    /// A routing event.
    Event(Box<RoutingEvent>),
    /// Something that the profile could not read: kept as a dead letter.
    Unreadable(Unreadable),
}

impl Item {
    /// The sender's id of the event.
    #[must_use]
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Event(event) => event.id.as_str(),
            Self::Unreadable(one) => &one.id,
        }
    }
}

/// What became of an item; as many as there were items, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// Stored now.
    Accepted,
    /// Stored before, by this delivery or an earlier one.
    Duplicate,
}

/// What names an event in logs and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMeta {
    pub(crate) source: Arc<str>,
    pub id: String,
    /// One of the eight kinds, or `unknown`.
    pub(crate) kind: &'static str,
    /// Empty where it is not known.
    pub(crate) conversation: String,
}

/// What the dispatcher has to do for a due entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// Send this call, once.
    Call {
        /// The event that wants it.
        event: EventMeta,
        /// When that event came in.
        received_at: UnixMillis,
        /// What is sent.
        call: AwaCall,
        /// How it is sent.
        options: CallOptions,
    },
    /// Ask what became of the last try.
    LookUp {
        /// The event that wanted the call.
        event: EventMeta,
        /// What is asked.
        question: LookUp,
        /// How it is asked.
        options: CallOptions,
    },
    /// Nothing to send.
    Nothing,
}

/// An event that has reached its last state.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    pub meta: EventMeta,
    pub outcome: Outcome,
    pub(crate) reason: Reason,
    /// Calls sent.
    pub(crate) attempts: u32,
    pub(crate) waited: Waited,
}

/// Which event an operator has replayed or discarded, and who that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operated {
    pub source: String,
    pub event_id: String,
    pub by: String,
}

impl Wish {
    pub(super) fn carried_out(&self) -> Operated {
        let Self { source, id, who } = self;
        Operated { source: source.clone(), event_id: id.clone(), by: who.clone() }
    }
}

/// What a group has done that is told, once it is committed: a change of an event's state in most cases.
#[derive(Debug, Clone, PartialEq)]
pub enum Transition {
    /// It is stored.
    Pending(EventMeta),
    /// It was stored before: nothing is done.
    Duplicate(EventMeta),
    /// It waits for a mapping.
    Parked(EventMeta, Missing),
    /// Its mapping is there now.
    Resumed(EventMeta),
    /// It has reached its last state.
    Settled(Settled),
    /// It was settled and is to be carried out again.
    Replayed(Operated),
    /// An operator has given it up.
    Discarded(Operated),
    /// Its row cannot be read any more, so that it is a dead letter: its number, and why.
    Damaged(u64, String),
    /// The answer to its call concerns rows of a newer program, and is left to other nodes.
    LeftToNewer(EntryId),
    /// The first conversation names a document of the second, in whose lane it goes on.
    Joined(Arc<LaneKey>, Arc<LaneKey>),
}

/// What came of the wish to replay an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ReplayAnswer {
    /// It is in its lane again.
    Replayed,
    /// No such event is remembered.
    Unknown,
    /// It is not settled yet.
    NotSettled,
    /// It can hardly help, and is only done by force: why, as the end of a sentence.
    NeedsForce(String),
    /// It was never understood, so there is nothing to carry out.
    Unreadable,
}

/// What came of the wish to discard an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DiscardAnswer {
    /// It is discarded.
    Discarded,
    /// No such event is remembered.
    Unknown,
    /// It had ended already, and not as a dead letter.
    Settled(Outcome),
    /// Its call is in flight and cannot be called back.
    InFlight,
}

/// Why the store cannot do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// It was closed.
    Closed,
    /// sled gave an error; the store writes no more until the process is started again.
    Write(String),
    /// The database is away or refuses; it is tried again.
    Unreachable(String),
    /// The database refuses what was to be written; with other requests it may do.
    Rejected(String),
    /// A write took longer than the limit, in milliseconds.
    TimedOut(u64),
    /// The writer panicked.
    Panicked(String),
    /// A row is not what was written; only the question about it fails.
    Damaged(String),
    /// A newer program has written the row; only the question about it fails.
    Newer,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the store is closed"),
            Self::Write(why) => write!(
                f,
                "the store failed: {why}; check the disk of [store] path, then restart the bridge"
            ),
            Self::Unreachable(why) => {
                write!(
                    f,
                    "the database of [store.postgres] cannot be used: {why}; it is tried again"
                )
            }
            Self::Rejected(why) => {
                write!(f, "the database of [store.postgres] refuses what this would write: {why}")
            }
            Self::TimedOut(ms) => write!(
                f,
                "a write of the store hung for more than {ms} ms; check the disk of [store] path, then restart the bridge"
            ),
            Self::Panicked(why) => {
                write!(f, "the store's writer panicked: {why}; restart the bridge")
            }
            Self::Damaged(why) => write!(f, "the store holds a damaged row: {why}"),
            Self::Newer => f.write_str(
                "a newer version of awa-bridge has written this, which only nodes of that version carry on; ask one of them",
            ),
        }
    }
}

impl std::error::Error for Failed {}

/// How the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    Working,
    Failed(Failed),
}

impl Health {
    /// What is wrong, if anything is.
    #[must_use]
    pub(crate) const fn problem(&self) -> Option<&Failed> {
        match self {
            Self::Working => None,
            Self::Failed(failed) => Some(failed),
        }
    }
}

/// How much is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Not settled and not parked.
    pub pending: usize,
    pub parked: usize,
    pub(crate) dead: usize,
    /// Event ids remembered.
    pub remembered: usize,
    /// When the oldest unsettled event was received.
    pub(crate) oldest_received_at: Option<UnixMillis>,
    /// Damaged rows found since the start.
    pub damaged_rows: u64,
}

pub(super) fn meta_of(source: &str, event: &RoutingEvent) -> EventMeta {
    EventMeta {
        source: source.into(),
        id: event.id.to_string(),
        kind: event.kind().as_str(),
        conversation: event.conversation.to_string(),
    }
}
