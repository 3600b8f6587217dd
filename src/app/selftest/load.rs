//! Senders that behave as a contact centre does: events of a conversation in their order, each sent again until it is
//! answered.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Failure, Files, SOURCE, broken};
use crate::app::local_client;
use crate::clock;
use crate::source::{Request, Source};

/// How many conversations are open at a time.
const SENDERS: usize = 12;

/// The pause before an event is sent again.
const AGAIN: Duration = Duration::from_millis(20);

/// What happens in a conversation, in this order.
pub(super) const KINDS: [&str; 3] = ["offer", "accept", "transfer"];

/// The senders and what they were answered.
pub(super) struct Load {
    source: Arc<Source>,
    http: Client,
    /// Of the intakes; each request goes to the next.
    urls: Vec<String>,
    stopped: AtomicBool,
    /// Conversations begun.
    begun: AtomicU64,
    /// Conversations of which every event was answered.
    finished: Mutex<Vec<u64>>,
    answered: AtomicU64,
    sent: AtomicU64,
}

impl Load {
    pub(super) fn new(
        files: Files,
        intakes: impl Iterator<Item = String>,
    ) -> Result<Self, Failure> {
        let source = files.sources.get(SOURCE).cloned();
        let source =
            source.ok_or_else(|| Failure::Broken("the test lacks its source".to_owned()))?;
        let http = local_client(Duration::from_secs(5))
            .build()
            .map_err(|error| broken("no HTTP client", &error))?;
        Ok(Self {
            source,
            http,
            urls: intakes.map(|intake| format!("http://{intake}")).collect(),
            stopped: AtomicBool::new(false),
            begun: AtomicU64::new(0),
            finished: Mutex::default(),
            answered: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        })
    }

    pub(super) fn start(self: &Arc<Self>) -> JoinSet<()> {
        let mut senders = JoinSet::new();
        for _ in 0..SENDERS {
            let this = Arc::clone(self);
            senders.spawn(async move {
                while !this.stopped.load(Ordering::Relaxed) {
                    this.converse().await;
                }
            });
        }
        senders
    }

    /// Lets conversations end and begins no new ones.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Events that were answered with a 2xx.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Requests sent, those without an answer included.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The conversations that were begun: all of them were finished once the senders have ended.
    pub(super) fn conversations(&self) -> Vec<u64> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn converse(&self) {
        let conversation = self.begun.fetch_add(1, Ordering::Relaxed);
        for kind in KINDS {
            let event = event(kind, conversation);
            while !self.deliver(&event).await {
                tokio::time::sleep(AGAIN).await;
            }
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).push(conversation);
    }

    async fn deliver(&self, event: &Value) -> bool {
        let sent = usize::try_from(self.sent()).unwrap_or_default();
        self.deliver_to(sent % self.urls.len(), event).await
    }

    /// Sends an event to the intake of that place; whether it was taken.
    pub(super) async fn deliver_to(&self, place: usize, event: &Value) -> bool {
        let path = format!("/webhooks/{SOURCE}");
        let content_type = HeaderValue::from_static("application/json");
        let mut request = Request {
            method: Method::POST,
            path_and_query: path.clone(),
            headers: [(CONTENT_TYPE, content_type)].into_iter().collect(),
            body: event.to_string().into(),
            received_at: clock::now(),
        };
        if self.source.sign(&mut request).is_err() {
            return false;
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        let url = &self.urls[place];
        let post = self.http.post(format!("{url}{path}"));
        let answer = post.headers(request.headers).body(request.body).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}

/// The id of an event.
pub(super) fn id(kind: &str, conversation: u64) -> String {
    format!("{kind}-{conversation}")
}

/// The document of a conversation.
pub(super) fn document(conversation: u64) -> String {
    format!("{:032x}", 0x5e1f_0000_0000_0000_u128 + u128::from(conversation))
}

/// An event of a conversation.
pub(super) fn event(kind: &str, conversation: u64) -> Value {
    let mut event = json!({
        "id": id(kind, conversation), "kind": kind, "conversation": format!("call-{conversation}"),
        "segment": format!("leg-{conversation}"), "occurred_at": clock::now().to_string(), "channel": "voice",
        "document": { "table": "interaction", "sys_id": document(conversation) },
    });
    match kind {
        "offer" => {
            event["queue"] = json!("support");
            event["agent"] = json!("anna");
        }
        "accept" => event["agent"] = json!("anna"),
        _ => event["transfer"] = json!({ "type": "blind", "target": { "agent": "bela" } }),
    }
    event
}
