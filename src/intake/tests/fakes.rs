//! An endpoint that reads one word and an id a line, and a store in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, LazyLock, Mutex};

use bytes::Bytes;
use hyper::{HeaderMap, Method, StatusCode};
use tokio::sync::{Notify, Semaphore};

use crate::intake::endpoint::{DeliveryStore, Endpoint};
use crate::routing::{ContactCenter, EventJson, RoutingEvent, UnixMillis};
use crate::source::{AnswerPolicy, HandshakeAnswer, Malformed, Reading, Request, Unverified};
use crate::store::{Acceptance, Delivery, Item, Refusal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Handshake,
    Verify,
    Read,
}

#[derive(Default)]
pub(super) struct FakeEndpoint {
    policy: AnswerPolicy,
    steps: Mutex<Vec<Step>>,
    /// Whether heavy bodies may be read; until then whoever reads one waits.
    open: Mutex<bool>,
    opened: Condvar,
}

impl FakeEndpoint {
    /// Lets heavy bodies be read.
    pub(super) fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        self.steps.lock().unwrap().clone()
    }

    fn did(&self, step: Step) {
        self.steps.lock().unwrap().push(step);
    }
}

impl Endpoint for FakeEndpoint {
    fn contact_center(&self) -> &ContactCenter {
        static CONTACT_CENTER: LazyLock<ContactCenter> = LazyLock::new(|| "cc".into());
        &CONTACT_CENTER
    }

    fn answer_policy(&self) -> &AnswerPolicy {
        &self.policy
    }

    fn handshake(&self, request: &Request) -> Option<HandshakeAnswer> {
        self.did(Step::Handshake);
        (request.method == Method::GET).then(|| HandshakeAnswer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from(request.path_and_query.clone()),
        })
    }

    fn verify(&self, request: &Request) -> Result<(), Unverified> {
        self.did(Step::Verify);
        match request.headers.get("x-secret") {
            Some(secret) if secret == "right" => Ok(()),
            Some(_) | None => Err(Unverified::Wrong),
        }
    }

    fn read_quickly(&self, request: &Request) -> Result<Option<Vec<Reading>>, Malformed> {
        if request.body.starts_with(b"heavy") { Ok(None) } else { self.read(request).map(Some) }
    }

    fn read(&self, request: &Request) -> Result<Vec<Reading>, Malformed> {
        self.did(Step::Read);
        let text = std::str::from_utf8(&request.body).unwrap();
        if let Some(id) = text.strip_prefix("heavy ") {
            drop(self.opened.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap());
            return Ok(vec![reading(("event", id))]);
        }
        match text {
            "syntax" => return Err(Malformed::Syntax("JSON".to_owned())),
            "content type" => return Err(Malformed::ContentType),
            "panic" => panic!("told to"),
            _ => {}
        }
        Ok(text.lines().map(|line| reading(line.split_once(' ').unwrap_or((line, "")))).collect())
    }
}

fn reading((word, id): (&str, &str)) -> Reading {
    let id = id.to_owned();
    match word {
        "event" => Reading::Event(Box::new(withdraw(id))),
        "ignore" => Reading::Ignored { id: Some(id), why: "told to".to_owned() },
        "unknown" => Reading::Unknown { event_type: None },
        _ => Reading::Unreadable {
            id,
            kind: None,
            conversation: None,
            problem: "is no event".to_owned(),
        },
    }
}

fn withdraw(id: String) -> RoutingEvent {
    let json = EventJson {
        id: Some(id),
        kind: Some("withdraw".to_owned()),
        conversation: Some("c-1".to_owned()),
        ..EventJson::default()
    };
    RoutingEvent::parse(json, UnixMillis(0)).unwrap()
}

/// Keeps ids in memory; can be told to refuse, or to take its time.
pub(super) struct FakeStore {
    state: Mutex<State>,
    asked: Arc<Notify>,
    gate: Semaphore,
}

#[derive(Default)]
struct State {
    known: BTreeSet<String>,
    deliveries: Vec<Arc<Delivery>>,
    refusal: Option<Refusal>,
    held: bool,
    finished: usize,
}

impl FakeStore {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), asked: Arc::default(), gate: Semaphore::new(0) })
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        self.state.lock().unwrap().refusal = Some(refusal);
    }

    /// Lets the next delivery wait; tells when it has come.
    pub(super) fn hold(&self) -> Arc<Notify> {
        self.state.lock().unwrap().held = true;
        Arc::clone(&self.asked)
    }

    pub(super) fn release(&self) {
        self.gate.add_permits(1);
    }

    pub(super) fn finished(&self) -> usize {
        self.state.lock().unwrap().finished
    }

    pub(super) fn deliveries(&self) -> Vec<Arc<Delivery>> {
        self.state.lock().unwrap().deliveries.clone()
    }

    fn keep(&self, delivery: Delivery) -> Result<Vec<Acceptance>, Refusal> {
        let mut state = self.state.lock().unwrap();
        state.finished += 1;
        if let Some(refusal) = state.refusal {
            return Err(refusal);
        }
        let ids = delivery.items.iter().map(|item| match item {
            Item::Event(event) => event.id.to_string(),
            Item::Unreadable { id, .. } => id.clone(),
        });
        let receipts = ids
            .map(|id| {
                if state.known.insert(id) {
                    Acceptance::Accepted
                } else {
                    Acceptance::Duplicate
                }
            })
            .collect();
        state.deliveries.push(Arc::new(delivery));
        Ok(receipts)
    }
}

impl DeliveryStore for Arc<FakeStore> {
    async fn accept(&self, delivery: Delivery) -> Result<Vec<Acceptance>, Refusal> {
        let held = std::mem::take(&mut self.state.lock().unwrap().held);
        if held {
            self.asked.notify_one();
            self.gate.acquire().await.unwrap().forget();
        }
        self.keep(delivery)
    }
}
