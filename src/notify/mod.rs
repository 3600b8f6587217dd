//! Pushes settled events to the URL of `[notify]`, one a request, signed as Standard Webhooks, in the order of
//! settling.
//!
//! What was taken is a cursor in a register of the store: it survives a restart, and of several nodes over one database
//! one pushes, for as long as it goes on writing that register. An event is pushed until the receiver answers 2xx, so
//! it may come twice (the `webhook-id` is the same then) and is never passed over while the store keeps it. Nothing
//! else waits for it.

mod lease;
mod receiver;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::counter;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::clock;
use crate::metrics as names;
use crate::pauses::backoff_delay;
use crate::routing::{EventRecord, UnixMillis};
use crate::shutdown::Shutdown;
use crate::store::{Changes, Cursor, Failed, Store};
use lease::{Lease, Lost};
use receiver::Refused;
pub(crate) use receiver::{Receiver, Wanted};

/// How many events are read at a time.
const PAGE: usize = 100;
/// How long it waits for more after something has settled.
const GATHER: Duration = Duration::from_millis(50);
/// Pauses between tries for one event, in milliseconds.
const FIRST_PAUSE: u64 = 200;
const LONGEST_PAUSE: u64 = 10_000;
/// How long a push that is under way may go on when an end is asked for.
const LAST: Duration = Duration::from_secs(1);
/// How long it waits after the store could not be used.
const AWAY: Duration = Duration::from_secs(1);

/// The receiver that is in force, and how pushing stands; what pushes and what reloads share it.
pub(crate) struct Pushing {
    receiver: watch::Sender<Option<Arc<Receiver>>>,
    standing: Mutex<Standing>,
}

/// How pushing stands, as far as this node knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The host that is pushed to; none: nothing is pushed.
    pub(crate) receiver: Option<String>,
    /// It is this node that pushes.
    pub(crate) is_here: bool,
    /// When the oldest event settled that the receiver has not taken.
    pub(crate) oldest: Option<UnixMillis>,
    /// Since when the receiver takes nothing, and why.
    pub(crate) refused: Option<(UnixMillis, String)>,
}

/// What pushes.
#[derive(Clone)]
pub(crate) struct Pusher {
    store: Store,
    pushing: Arc<Pushing>,
    /// Names this process.
    holder: String,
    /// From 0 to 1.
    jitter: fn() -> f64,
    stopped: Shutdown,
}

/// Why a round of pushing ended.
enum Ended {
    /// Another node pushes, or the store cannot be used.
    Lost,
    /// The receiver is another now, or none.
    Changed,
    Stopped,
}

/// What comes after a page.
enum Next {
    More,
    /// There is nothing more.
    Rest,
    /// The receiver has not taken an event.
    Again(Duration),
    Stop,
}

impl Pushing {
    /// To that receiver, where there is one.
    pub(crate) fn to(receiver: Option<Arc<Receiver>>) -> Self {
        let standing = Mutex::new(Standing::of(receiver.as_deref()));
        Self { receiver: watch::Sender::new(receiver), standing }
    }

    /// To another receiver from now on. A push that is under way is not waited for.
    pub(crate) fn replace(&self, receiver: Option<Arc<Receiver>>) {
        self.receiver.send_replace(receiver);
    }

    pub(crate) fn standing(&self) -> Standing {
        self.stands().clone()
    }

    fn stands(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    fn of(receiver: Option<&Receiver>) -> Self {
        Self { receiver: receiver.map(|receiver| receiver.host().to_owned()), ..Self::default() }
    }
}

impl Pusher {
    /// Of one process.
    pub(crate) fn new(
        store: Store,
        pushing: Arc<Pushing>,
        jitter: fn() -> f64,
        stopped: Shutdown,
    ) -> Self {
        Self { store, pushing, holder: format!("{:032x}", rand::random::<u128>()), jitter, stopped }
    }

    /// Pushes as long as a receiver is in force; ends when it is asked to stop.
    pub(crate) async fn run(self) {
        let mut changed = self.pushing.receiver.subscribe();
        loop {
            let receiver = changed.borrow_and_update().clone();
            *self.pushing.stands() = Standing::of(receiver.as_deref());
            let Some(receiver) = receiver else {
                tokio::select! {
                    _ = changed.changed() => continue,
                    () = self.stopped.requested() => return,
                }
            };
            if let Ended::Stopped = self.push_to(&receiver, &mut changed).await {
                return;
            }
        }
    }

    /// Pushes to one receiver, whenever it is this node's turn.
    async fn push_to(
        &self,
        receiver: &Receiver,
        changed: &mut watch::Receiver<Option<Arc<Receiver>>>,
    ) -> Ended {
        loop {
            let mut lease = tokio::select! {
                lease = Lease::take(&self.store, &self.holder) => lease,
                _ = changed.changed() => return Ended::Changed,
                () = self.stopped.requested() => return Ended::Stopped,
            };
            if !lease.goes_on {
                self.pushing.stands().refused = None;
                tracing::info!(
                    receiver = receiver.host(),
                    from = %lease.cursor(),
                    "This node pushes settled events to the receiver of [notify]"
                );
            }
            self.pushing.stands().is_here = true;
            let ended = tokio::select! {
                pushed = self.push(receiver, &mut lease) => match pushed {
                    Ok(()) => Ended::Stopped,
                    Err(Lost) => Ended::Lost,
                },
                _ = changed.changed() => Ended::Changed,
                () = self.last() => Ended::Stopped,
            };
            {
                let mut stands = self.pushing.stands();
                (stands.is_here, stands.oldest) = (false, None);
            }
            match ended {
                Ended::Lost => sleep(AWAY).await,
                Ended::Changed | Ended::Stopped => {
                    lease.release().await;
                    return ended;
                }
            }
        }
    }

    /// Returns when nothing may go on any more.
    async fn last(&self) {
        self.stopped.requested().await;
        sleep(LAST).await;
    }

    /// Pushes until an end is asked for, or the lease is lost.
    async fn push(&self, receiver: &Receiver, lease: &mut Lease) -> Result<(), Lost> {
        let mut settlings = self.store.settlings();
        let mut tries = 0;
        loop {
            settlings.mark_unchanged();
            match self.page(receiver, lease, &mut tries).await? {
                Next::More => {}
                // What settles meanwhile is no reason to try sooner.
                Next::Again(pause) => lease.during(self.unless_stopped(sleep(pause))).await?,
                Next::Stop => return Ok(()),
                Next::Rest => {
                    let more = async {
                        // Ends with the store, too, which the next read finds out.
                        drop(settlings.changed().await);
                        sleep(GATHER).await;
                    };
                    lease.during(self.unless_stopped(more)).await?;
                }
            }
        }
    }

    async fn unless_stopped(&self, wait: impl Future<Output = ()>) {
        tokio::select! {
            () = wait => {}
            () = self.stopped.requested() => {}
        }
    }

    /// Pushes what is wanted of a page of events, one after the other.
    async fn page(
        &self,
        receiver: &Receiver,
        lease: &mut Lease,
        tries: &mut u32,
    ) -> Result<Next, Lost> {
        if self.stopped.is_requested() {
            return Ok(Next::Stop);
        }
        let (from, limit) = (lease.cursor(), if *tries == 0 { PAGE } else { 1 });
        let (events, end) = match lease.during(self.store.changes(Some(from), limit)).await? {
            Ok(Changes::Told { events, cursor }) => (events, cursor),
            Ok(Changes::Forgotten { oldest }) => {
                skip(lease, oldest);
                return Ok(Next::More);
            }
            Err(failed) => {
                if !matches!(failed, Failed::Unreachable(_)) {
                    tracing::debug!(error = %failed, "settled events cannot be read");
                }
                return Err(Lost);
            }
        };
        for (place, event) in events {
            if self.stopped.is_requested() {
                return Ok(Next::Stop);
            }
            if receiver.wants(&event)
                && let Err(refused) = self.push_one(receiver, lease, &place, &event).await?
            {
                return Ok(Next::Again(self.pause(receiver, refused, tries)));
            }
            *tries = 0;
            lease.pass(place);
        }
        lease.pass(end);
        if end != from {
            return Ok(Next::More);
        }
        self.pushing.stands().oldest = None;
        Ok(Next::Rest)
    }

    /// Pushes an event once.
    async fn push_one(
        &self,
        receiver: &Receiver,
        lease: &mut Lease,
        place: &Cursor,
        event: &EventRecord,
    ) -> Result<Result<(), Refused>, Lost> {
        self.pushing.stands().oldest = event.settled_at;
        let has_gap = lease.has_gap();
        let pushed = lease.during(receiver.push(place, event, has_gap, clock::now())).await?;
        let result = if pushed.is_ok() { "taken" } else { "failed" };
        counter!(names::NOTIFY, "result" => result).increment(1);
        if pushed.is_ok() {
            if has_gap {
                lease.told_of_gap();
            }
            if let Some((since, _)) = self.pushing.stands().refused.take() {
                let down_ms = clock::now().since(since);
                tracing::info!(
                    receiver = receiver.host(),
                    down_ms,
                    "The receiver takes settled events again"
                );
            }
        }
        Ok(pushed)
    }

    /// How long it waits until it tries again; tells of the first refusal.
    fn pause(&self, receiver: &Receiver, refused: Refused, tries: &mut u32) -> Duration {
        let pause = backoff_delay(*tries, FIRST_PAUSE, LONGEST_PAUSE, (self.jitter)());
        *tries = tries.saturating_add(1);
        let Refused { why, wait } = refused;
        let mut stands = self.pushing.stands();
        if stands.refused.is_none() {
            tracing::warn!(
                receiver = receiver.host(),
                error = why,
                "The receiver does not take settled events; they are kept, and it is tried again"
            );
        }
        let since = stands.refused.take().map_or_else(clock::now, |(since, _)| since);
        stands.refused = Some((since, why));
        wait.unwrap_or_default().max(Duration::from_millis(pause.max(FIRST_PAUSE)))
    }
}

/// Goes on after what was forgotten before it was taken, and says so.
fn skip(lease: &mut Lease, oldest: Cursor) {
    counter!(names::NOTIFY_GAPS).increment(1);
    if !lease.has_gap() {
        let (from, to) = (lease.cursor().to_string(), oldest.to_string());
        tracing::error!(
            from,
            to,
            "Settled events were forgotten before their receiver took them; pushing goes on after them"
        );
    }
    lease.skip(oldest);
}
