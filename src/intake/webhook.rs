//! What is done with one webhook request, in order: source, method, body, handshake, signature, reading, commit,
//! answer.
//!
//! Nothing is parsed before it is verified, and a 2xx leaves only when all is synced.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::HeaderMap;
use hyper::{Method, Request as HttpRequest, Uri};
use metrics::{counter, histogram};

use super::answer::{Answer, EventStatus, Status, Verdict, answer};
use super::detach_on_drop::{DetachOnDrop, Panicked};
use super::entrance::{Entrance, enter, keys_refreshed};
use super::line::{Line, LineLimits, TooLong};
use super::sources::Sources;
use crate::clock;
use crate::metrics::{
    INTAKE_ANSWERS, INTAKE_DURATION, INTAKE_EVENTS, INTAKE_PANICS, REJECTED_REQUESTS,
};
use crate::report::{self, Happening, Repeats};
use crate::routing::UnixMillis;
use crate::source::{AnswerPolicy, Reading, Request, Source, Unverified};
use crate::store::{Acceptance, Delivery, Item, Refusal, Store};

const PATH_PREFIX: &str = "/webhooks/";

/// A larger body, in bytes, is not verified on a thread of the runtime.
const SMALL_BODY: usize = 32 * 1024;

/// Requests of one source that may wait to be read, and for how long: senders give up after some seconds.
const READING: LineLimits =
    LineLimits { threads: 1, waiting: 64, patience: Duration::from_secs(5) };

/// Requests that wait to be verified. They are as many as there are connections: who signs is not known yet, so nobody
/// is refused for a stranger.
fn verifying() -> LineLimits {
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get() / 2);
    let threads = threads.clamp(1, 4);
    LineLimits { threads, waiting: usize::MAX, patience: Duration::from_secs(60) }
}

/// How much of a request is taken, and how long it may take to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// In bytes.
    pub(crate) max: usize,
    /// From the end of the head to the end of the body.
    pub(crate) timeout: Duration,
}

/// Takes webhook requests; shared by all connections.
pub(crate) struct Webhooks {
    sources: Sources,
    store: Store,
    limits: RwLock<BodyLimits>,
    warned: Repeats,
    verifying: Line,
    pub(super) reading: Line,
}

/// A request whose body has come, with the source that it came to.
pub(super) struct Arrival {
    pub(super) source: Arc<Source>,
    pub(super) request: Request,
}

impl Webhooks {
    /// Takes requests for these sources and keeps what they say in `store`.
    pub(crate) fn new(sources: Sources, store: Store, limits: BodyLimits) -> Self {
        let (verifying, reading) = (Line::new(verifying()), Line::new(READING));
        Self {
            sources,
            store,
            limits: RwLock::new(limits),
            warned: Repeats::default(),
            verifying,
            reading,
        }
    }

    /// Takes other limits for the requests that come from now on.
    pub(crate) fn set_limits(&self, limits: BodyLimits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// Answers one request. Once the body has come, it is carried out to the end even if the vendor hangs up.
    pub(crate) async fn take<B>(self: Arc<Self>, request: HttpRequest<B>) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let received_at = clock::now();
        let (head, body) = request.into_parts();
        let Some(source) = self.source_of(&head.uri) else {
            return counted("", answer(Verdict::UnknownSource, &AnswerPolicy::default()));
        };
        let request = request_of(head.method, &head.uri, head.headers, received_at);
        let answered = match self.with_body(&source, request, body).await {
            Err(verdict) => answer(verdict, source.answer()),
            Ok(request) => {
                let arrival = Arrival { source: Arc::clone(&source), request };
                Arc::clone(&self).contained(Arc::new(arrival)).await
            }
        };
        let seconds = clock::seconds(clock::now().since(received_at));
        histogram!(INTAKE_DURATION, "source" => Arc::clone(source.name())).record(seconds);
        counted(source.name(), answered)
    }

    fn source_of(&self, uri: &Uri) -> Option<Arc<Source>> {
        self.sources.find(uri.path().strip_prefix(PATH_PREFIX)?)
    }

    /// The request with its body, which is not asked for where the head says already that it is nobody's.
    async fn with_body<B>(
        &self,
        source: &Source,
        mut request: Request,
        body: B,
    ) -> Result<Request, Verdict>
    where
        B: Body<Data = Bytes>,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        if let Some(why) = source.refused_by_head(&request) {
            self.note_unverified(source.name(), &why, request.received_at);
            return Err(if body.is_end_stream() {
                Verdict::Unverified
            } else {
                Verdict::UnverifiedUnread
            });
        }
        request.body = self.body(body, source.profile().max_body()).await?;
        Ok(request)
    }

    /// At most as much as the intake takes, or as the profile does, whichever is less.
    async fn body<B>(&self, body: B, of_profile: Option<usize>) -> Result<Bytes, Verdict>
    where
        B: Body<Data = Bytes>,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let limits = *self.limits.read().unwrap_or_else(PoisonError::into_inner);
        let limit = of_profile.map_or(limits.max, |of_profile| of_profile.min(limits.max));
        // Known by its length, it is not even read.
        if usize::try_from(body.size_hint().lower()).map_or(true, |length| length > limit) {
            return Err(Verdict::TooLarge { limit });
        }
        let collected = Limited::new(body, limit).collect();
        match tokio::time::timeout(limits.timeout, collected).await {
            Err(_) => Err(Verdict::TooSlow),
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Verdict::TooLarge { limit }),
            Ok(Err(_)) => Err(Verdict::BrokenOff),
        }
    }

    /// Handles it so that a panic costs this request alone and a hang-up costs nothing.
    async fn contained(self: Arc<Self>, arrival: Arc<Arrival>) -> Answer {
        let source = Arc::clone(&arrival.source);
        let warned = Arc::clone(&self);
        let handled = DetachOnDrop::new(async move { self.handle(&arrival).await });
        let verdict = handled.await.unwrap_or_else(|Panicked| {
            counter!(INTAKE_PANICS).increment(1);
            if let Some(repeats) = warned.may_warn(source.name(), "defect", clock::now()) {
                tracing::error!(
                    source = %source.name(), repeats,
                    "The handling of a webhook panicked; the sender should retry"
                );
            }
            Verdict::Defect
        });
        answer(verdict, source.answer())
    }

    async fn handle(&self, arrival: &Arc<Arrival>) -> Verdict {
        let Arrival { source, request } = &**arrival;
        let name = source.name();
        let is_small = request.body.len() <= SMALL_BODY;
        let mut entrance = self.entrance(arrival).await;
        if let Ok(Entrance::Unverified(Unverified::UnknownTokenKey | Unverified::NoKeys)) = entrance
            && keys_refreshed(source).await
        {
            entrance = self.entrance(arrival).await;
        }
        match entrance {
            Ok(Entrance::Verified) => {}
            Ok(Entrance::Unverified(why)) => {
                self.note_unverified(name, &why, request.received_at);
                return match why {
                    Unverified::NoKeys => Verdict::NoKeys,
                    _ => Verdict::Unverified,
                };
            }
            Ok(Entrance::Answered(verdict)) => {
                if matches!(verdict, Verdict::Handshake(_))
                    && let Some(repeats) = self.may_warn(name, "handshake", request.received_at)
                {
                    tracing::info!(source = %name, repeats, "Answered a handshake");
                }
                return verdict;
            }
            Err(TooLong) => return self.overloaded(name, request.received_at),
        }
        let quickly = if is_small { source.read_quickly(request) } else { Ok(None) };
        let readings = match quickly {
            Ok(Some(readings)) => Ok(readings),
            Err(malformed) => Err(malformed),
            Ok(None) => {
                let theirs = Arc::clone(arrival);
                let read = move || theirs.source.read(&theirs.request);
                match self.reading.after(name, read).await {
                    Ok(readings) => readings,
                    Err(TooLong) => return self.overloaded(name, request.received_at),
                }
            }
        };
        match readings {
            Err(malformed) => {
                if let Some(repeats) = self.may_warn(name, "malformed", request.received_at) {
                    tracing::warn!(source = %name, why = %malformed, repeats, "Refused an authentic webhook that cannot be read");
                }
                Verdict::Malformed(malformed)
            }
            Ok(readings) => self.keep(arrival, readings).await,
        }
    }

    async fn entrance(&self, arrival: &Arc<Arrival>) -> Result<Entrance, TooLong> {
        let Arrival { source, request } = &**arrival;
        if request.body.len() <= SMALL_BODY && !source.is_costly() {
            return Ok(enter(arrival));
        }
        let arrival = Arc::clone(arrival);
        self.verifying.after(source.name(), move || enter(&arrival)).await
    }

    async fn keep(&self, arrival: &Arrival, readings: Vec<Reading>) -> Verdict {
        let Arrival { source, request } = arrival;
        let name = source.name();
        report::heard(name, request.received_at);
        let mut unknown = BTreeSet::new();
        let (mut statuses, items) = sorted(name, readings, &mut unknown);
        self.note_unknown(name, &unknown, request.received_at);
        // Of a request that its signature does not bind, also that it was nothing has to be remembered.
        let fingerprint = source.fingerprint(request);
        if !items.is_empty() || fingerprint.is_some() {
            let delivery = Delivery {
                source: Arc::clone(name),
                contact_center: source.contact_center().clone(),
                received_at: request.received_at,
                body: Some(source.body_to_keep(request)),
                items,
                fingerprint,
            };
            match self.store.accept(delivery).await {
                Ok(accepted) => fill_in(&mut statuses, &accepted),
                Err(refusal) => {
                    self.note_refusal(name, refusal, request.received_at);
                    return Verdict::Refused(refusal);
                }
            }
        }
        count(name, &statuses);
        Verdict::Handled(statuses)
    }

    fn note_unverified(&self, source: &str, why: &Unverified, at: UnixMillis) {
        report::last_hour().count(source, Happening::Unverified, at);
        if let Some(repeats) = self.may_warn(source, "unverified", at) {
            tracing::warn!(
                source, %why, repeats,
                "Rejected a webhook: signature verification failed"
            );
        }
    }

    fn overloaded(&self, source: &str, at: UnixMillis) -> Verdict {
        if let Some(repeats) = self.may_warn(source, "overloaded", at) {
            tracing::warn!(
                source,
                repeats,
                "Rejected a webhook: too many large ones of its source wait to be read; the sender should retry"
            );
        }
        Verdict::Overloaded
    }

    /// A sample of what the profile does not know, types only, each type now and then.
    fn note_unknown(&self, source: &str, types: &BTreeSet<String>, at: UnixMillis) {
        for event_type in types {
            let event_type: String = event_type.chars().take(60).collect();
            if let Some(repeats) = self.may_warn(source, &format!("unknown {event_type}"), at) {
                tracing::info!(
                    source,
                    event_type,
                    repeats,
                    "The profile knows nothing about events of this type; they are passed over"
                );
            }
        }
    }

    fn note_refusal(&self, source: &str, refusal: Refusal, at: UnixMillis) {
        let limit = refusal.limit();
        counter!(REJECTED_REQUESTS, "source" => source.to_owned(), "limit" => limit).increment(1);
        if let Some(repeats) = self.may_warn(source, &format!("refused {limit}"), at) {
            tracing::warn!(source, limit, why = %refusal, repeats, "Rejected a webhook; the sender should retry");
        }
    }

    /// Whoever floods the intake shall not flood the log.
    fn may_warn(&self, source: &str, cause: &str, at: UnixMillis) -> Option<Option<u64>> {
        self.warned.may_say_of(source, cause, at)
    }
}

/// The request before its body has come.
fn request_of(method: Method, uri: &Uri, headers: HeaderMap, received_at: UnixMillis) -> Request {
    let path_and_query = uri.path_and_query().map_or_else(String::new, ToString::to_string);
    Request { method, path_and_query, headers, body: Bytes::new(), received_at }
}

/// Parts what is to be kept from what is not; the kept ones are `Accepted` until the store says otherwise.
fn sorted(
    source: &str,
    readings: Vec<Reading>,
    unknown: &mut BTreeSet<String>,
) -> (Vec<EventStatus>, Vec<Item>) {
    let mut statuses = Vec::with_capacity(readings.len());
    let mut items = Vec::with_capacity(readings.len());
    for reading in readings {
        let (id, status) = match reading {
            Reading::Event(event) => {
                let id = event.id.to_string();
                items.push(Item::Event(event));
                (Some(id), Status::Accepted)
            }
            Reading::Unreadable(unreadable) => {
                let id = unreadable.id.clone();
                items.push(Item::Unreadable(unreadable));
                (Some(id), Status::Accepted)
            }
            Reading::Ignored { id, why } => {
                tracing::debug!(source, event_id = id, why, "Passed an event over");
                (id, Status::Ignored)
            }
            Reading::Unknown { event_type } => {
                tracing::debug!(source, event_type, "The profile knows nothing about this");
                unknown.insert(event_type.unwrap_or_default());
                report::unknown(source);
                (None, Status::Ignored)
            }
        };
        statuses.push(EventStatus { id, status });
    }
    (statuses, items)
}

fn fill_in(statuses: &mut [EventStatus], accepted: &[Acceptance]) {
    let kept = statuses.iter_mut().filter(|event| event.status == Status::Accepted);
    for (event, acceptance) in kept.zip(accepted) {
        event.status = match acceptance {
            Acceptance::Accepted => Status::Accepted,
            Acceptance::Duplicate => Status::Duplicate,
        };
    }
}

fn count(source: &Arc<str>, statuses: &[EventStatus]) {
    for event in statuses {
        let result = match event.status {
            Status::Accepted => "accepted",
            Status::Duplicate => "duplicate",
            Status::Ignored => "ignored",
        };
        counter!(INTAKE_EVENTS, "source" => Arc::clone(source), "result" => result).increment(1);
    }
}

fn counted(source: &str, answered: Answer) -> Answer {
    let status = answered.status().as_str().to_owned();
    counter!(INTAKE_ANSWERS, "source" => source.to_owned(), "status" => status).increment(1);
    answered
}
