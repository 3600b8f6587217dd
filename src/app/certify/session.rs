//! The requests of a certification, one at a time: each is written down, and what it put before an agent is remembered
//! until it is taken back.

use std::time::Duration;

use serde_json::Value;

use super::Subject;
use super::at_stake::AtStake;
use super::undo::Undone;
use crate::awa::Client;
use crate::awa::observe::{Look, Observed, SeenItem};
use crate::clock;
use crate::routing::{
    Assignment, AwaCall, AwaReply, DisplayOption, DocumentRef, ExternalId, OfferWindow, SegmentId,
    SysId, TransferKind, TransferTarget, UnixMillis, Wait,
};
use crate::shutdown::Shutdown;

/// The ring time of offers, in seconds: what is left by accident is gone after it.
pub(super) const RING: u32 = 60;
/// A request that the instance was too busy for is repeated so often.
const TRIES: u32 = 3;
/// No pause that the instance asks for is waited for longer than this, in milliseconds.
const LONGEST_PAUSE: u64 = 60_000;

/// One request and its answer, and what it was for.
#[derive(Debug, Clone)]
pub(crate) struct Exchanged {
    pub(crate) what: String,
    pub(crate) observed: Observed,
}

/// Why a probe goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Halt {
    /// It cannot be tried; says why.
    Untried(String),
    /// The document is closed: another may do.
    Closed,
    /// No probe can be tried; says why.
    Instance(String),
    /// Somebody asked for the end.
    Stopped,
}

pub(super) type Tried<T> = Result<T, Halt>;

/// A request, whichever it is.
enum Ask<'a> {
    Call(&'a AwaCall),
    Look(&'a Look<'a>),
    Presence(SysId, &'a Value),
}

/// One certification under way.
pub(super) struct Session<'a> {
    pub(super) client: &'a Client,
    pub(super) subject: &'a Subject,
    pub(super) shutdown: &'a Shutdown,
    pub(super) log: Vec<Exchanged>,
    pub(super) at_stake: AtStake,
    pub(super) undone: Undone,
    /// Whether work items can be read; none where it is not known yet.
    pub(super) reads: Option<bool>,
    /// Why cards could not be taken back.
    pub(super) cannot_reject: Option<String>,
    /// The queue as offers name it.
    pub(super) queue: ExternalId,
    document: usize,
    segments: u32,
}

impl<'a> Session<'a> {
    pub(super) fn new(client: &'a Client, subject: &'a Subject, shutdown: &'a Shutdown) -> Self {
        Self {
            client,
            subject,
            shutdown,
            log: Vec::new(),
            at_stake: AtStake::default(),
            undone: Undone::default(),
            reads: None,
            cannot_reject: None,
            queue: subject.queue.clone(),
            document: 0,
            segments: 0,
        }
    }

    /// The document that offers are made of now.
    pub(super) fn document(&self) -> DocumentRef {
        let index = self.document.min(self.subject.documents.len().saturating_sub(1));
        self.subject.documents[index].clone()
    }

    /// Goes on with the next document; false where there is none.
    pub(super) fn next_document(&mut self) -> bool {
        let more = self.document + 1 < self.subject.documents.len();
        self.document += usize::from(more);
        more
    }

    /// Sends a call.
    pub(super) async fn call(&mut self, what: &str, call: &AwaCall) -> Tried<Observed> {
        self.ask(what, &Ask::Call(call)).await
    }

    /// Reads.
    pub(super) async fn look(&mut self, what: &str, look: &Look<'_>) -> Tried<Observed> {
        self.ask(what, &Ask::Look(look)).await
    }

    /// Gives the agent a presence.
    pub(super) async fn set_presence(&mut self, what: &str, presence: &Value) -> Tried<Observed> {
        self.ask(what, &Ask::Presence(self.subject.agent, presence)).await
    }

    async fn ask(&mut self, what: &str, ask: &Ask<'_>) -> Tried<Observed> {
        let mut tries = 0;
        loop {
            if self.shutdown.is_requested() {
                return Err(Halt::Stopped);
            }
            tries += 1;
            let observed = self.once(what, ask).await;
            match &observed.reply {
                AwaReply::Busy { wait } if tries < TRIES => self.pause(pause(*wait, tries)).await?,
                AwaReply::Busy { .. } => {
                    return Err(Halt::Untried(format!(
                        "ServiceNow was too busy for {what}: {}",
                        observed.message
                    )));
                }
                AwaReply::Unauthorised { why } => return Err(Halt::Instance(why.clone())),
                AwaReply::NotServiceNow { what: why } | AwaReply::NotSent { why } => {
                    let ever = self.log.iter().any(|exchanged| exchanged.observed.body.is_some());
                    return Err(if ever {
                        Halt::Untried(format!("{what}: {why}"))
                    } else {
                        Halt::Instance(why.clone())
                    });
                }
                AwaReply::InDoubt { why } => {
                    return Err(Halt::Untried(format!("no useful answer came to {what}: {why}")));
                }
                _ => return Ok(observed),
            }
        }
    }

    /// Sends a request whatever was asked for meanwhile, and writes it down.
    pub(super) async fn undo(&mut self, what: &str, call: &AwaCall) -> Observed {
        self.once(what, &Ask::Call(call)).await
    }

    /// The same of a presence.
    pub(super) async fn undo_presence(&mut self, what: &str, presence: &Value) -> Observed {
        self.once(what, &Ask::Presence(self.subject.agent, presence)).await
    }

    /// The same of a look at the document's work items; none where they cannot be read.
    pub(super) async fn undo_look(&mut self, what: &str) -> Option<Vec<SeenItem>> {
        let document = self.document();
        let observed = self.once(what, &Ask::Look(&Look::WorkItems(&document))).await;
        readable(&observed, &document)
    }

    async fn once(&mut self, what: &str, ask: &Ask<'_>) -> Observed {
        let observed = match ask {
            Ask::Call(call) => self.client.observe(call).await,
            Ask::Look(look) => self.client.look(look).await,
            Ask::Presence(agent, presence) => self.client.set_presence(*agent, presence).await,
        };
        if let Ask::Call(call) = ask {
            self.at_stake.note(call, &observed);
        }
        self.log.push(Exchanged { what: what.to_owned(), observed: observed.clone() });
        observed
    }

    /// Waits, but not past the wish to end.
    pub(super) async fn pause(&self, length: Duration) -> Tried<()> {
        tokio::select! {
            () = tokio::time::sleep(length) => Ok(()),
            () = self.shutdown.requested() => Err(Halt::Stopped),
        }
    }

    /// Offers the document to an agent, for so many seconds.
    pub(super) async fn offer(&mut self, what: &str, agent: SysId) -> Tried<Observed> {
        let call = self.an_offer(agent, self.queue.clone(), RING, 0);
        self.call(what, &call).await
    }

    /// The same, where it must succeed; the work item.
    pub(super) async fn offered(&mut self, what: &str, agent: SysId) -> Tried<SysId> {
        let observed = self.offer(what, agent).await?;
        landed(what, &observed)
    }

    /// An offer in a segment of its own; `ahead`: by how many milliseconds its time lies ahead of ServiceNow's clock.
    pub(super) fn an_offer(
        &mut self,
        agent: SysId,
        queue: ExternalId,
        timeout_seconds: u32,
        ahead: u64,
    ) -> AwaCall {
        let offered_on = match ahead {
            0 => self.their_time(false).minus(500),
            ahead => self.their_time(true).plus(ahead),
        };
        AwaCall::Offer {
            document: self.document(),
            segment: self.segment(),
            queue,
            agent,
            window: OfferWindow { offered_on, timeout_seconds },
            assignment: Assignment {
                allowed_to_decline: true,
                enable_auto_assign: false,
                display_option: DisplayOption::CardOnly,
                after_timeout_presence: None,
            },
        }
    }

    /// A transfer in a segment of its own.
    pub(super) fn a_transfer(&mut self, kind: TransferKind, target: TransferTarget) -> AwaCall {
        AwaCall::Transfer {
            document: self.document(),
            segment: self.segment(),
            source_queue: self.queue.clone(),
            kind,
            target,
        }
    }

    fn segment(&mut self) -> Option<SegmentId> {
        self.segments += 1;
        SegmentId::parse(&format!("awa-bridge-certify-{}", self.segments)).ok()
    }

    /// ServiceNow's clock: the earliest or the latest that it may be.
    fn their_time(&self, latest: bool) -> UnixMillis {
        let offset = self.client.clock_offset();
        let least = if latest { 0 } else { -2_000 };
        let offset = offset.map_or(least, |known| if latest { known.high } else { known.low });
        UnixMillis(clock::now().0.saturating_add(offset))
    }

    /// The document's work items, newest first; none where they cannot be read.
    pub(super) async fn items(&mut self, what: &str) -> Tried<Option<Vec<SeenItem>>> {
        let document = self.document();
        let observed = self.look(what, &Look::WorkItems(&document)).await?;
        Ok(readable(&observed, &document))
    }

    /// Looks until the work items are as wanted, or the time is over. Of the looks the last is kept. How long it took,
    /// in milliseconds; none where it did not come about.
    pub(super) async fn until(
        &mut self,
        what: &str,
        patience: u64,
        mut wanted: impl FnMut(&[SeenItem]) -> bool,
    ) -> Tried<(Vec<SeenItem>, Option<u64>)> {
        let began = clock::instant();
        let mut pause = Duration::from_millis(100);
        loop {
            let items = self.items(what).await?;
            let took = clock::millis(began.elapsed());
            let unread = items.is_none() || self.reads == Some(false);
            let items = items.unwrap_or_default();
            if wanted(&items) {
                return Ok((items, Some(took)));
            }
            if took >= patience || unread {
                return Ok((items, None));
            }
            self.pause(pause).await?;
            pause = (pause * 2).min(Duration::from_secs(1));
            self.log.pop();
        }
    }
}

/// The work item of an offer or a transfer that must succeed.
pub(super) fn landed(what: &str, observed: &Observed) -> Tried<SysId> {
    let untried = |why: &str| Err(Halt::Untried(format!("{what} was refused: {why}")));
    match &observed.reply {
        AwaReply::Landed { work_item: Some(work_item) } => Ok(*work_item),
        AwaReply::DocumentClosed => Err(Halt::Closed),
        AwaReply::Misconfigured { what: why } | AwaReply::NotThere { what: why } => untried(why),
        AwaReply::AgentUnavailable => untried(&format!(
            "{} (make the agent available in ServiceNow, on the queue's channel)",
            observed.message
        )),
        _ => untried(&observed.message),
    }
}

/// The rows of a look, where the fields can be read that tell them apart.
pub(super) fn readable(observed: &Observed, document: &DocumentRef) -> Option<Vec<SeenItem>> {
    let items = observed.items(document);
    let hidden = items.iter().any(|item| item.state.is_none());
    let others = items.is_empty() && observed.row_count() > 0;
    (observed.is_done() && !hidden && !others).then_some(items)
}

fn pause(wait: Wait, tries: u32) -> Duration {
    let ms = match wait {
        Wait::RetryAfter(ms) => ms,
        Wait::BackOff => 500 * u64::from(tries),
    };
    Duration::from_millis(ms.min(LONGEST_PAUSE))
}
