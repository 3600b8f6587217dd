//! Requests whose answers are looked at as they came, beside what the client makes of them: how an instance behaves is
//! judged by both. The way out is that of every other request: limiter, proxy, credentials, no redirect. Repeats
//! nothing.

use hyper::Method;
use serde_json::Value;

use super::classify::{self, Verdict, failure, read};
use super::client::Client;
use super::exchange::Exchange;
use super::received::{Received, Shape};
use super::transport::Outgoing;
use super::wire::{self, WireRequest};
use super::work_item::{FIELDS, text};
use crate::clock;
use crate::routing::{AwaCall, AwaReply, DocumentRef, SysId, UnixMillis};

const CALL: &str = "certify";
/// Time for a request, in milliseconds; the client's request time is the nearer bound.
const PATIENCE: u64 = 60_000;

/// One request and what came back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Observed {
    /// As it was sent; a query stands behind the path.
    pub(crate) request: WireRequest,
    /// When it was sent, on our clock.
    pub(crate) at: UnixMillis,
    /// From the sending to the end of the answer, the wait for the limiter included.
    pub(crate) elapsed_ms: u64,
    /// The HTTP status; none if no answer came.
    pub(crate) status: Option<u16>,
    /// `Retry-After`, as it stands in the answer.
    pub(crate) retry_after: Option<String>,
    /// The rate limit rule that the request counted for: requests an hour.
    pub(crate) rate_limit: Option<u64>,
    /// The JSON body; none where it is not JSON.
    pub(crate) body: Option<Value>,
    /// What the client makes of it; of a read that was answered: done.
    pub(crate) reply: AwaReply,
    /// ServiceNow's own words, or what went wrong.
    pub(crate) message: String,
    /// The words are not among those that ServiceNow documents.
    pub(crate) undocumented: bool,
}

/// A row of `awa_work_item`, as far as the user may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenItem {
    pub(crate) sys_id: SysId,
    /// The raw value; none where the field is hidden.
    pub(crate) state: Option<String>,
    pub(crate) active: bool,
    /// Empty where nobody has it.
    pub(crate) assigned_to: String,
    /// The queue's sys_id.
    pub(crate) queue: String,
}

/// A row of `awa_queue`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenQueue {
    pub(crate) sys_id: SysId,
    pub(crate) external_id: String,
    pub(crate) channel: String,
    /// The raw time stamp; empty where it is hidden.
    pub(crate) created: String,
}

/// What one may want to see.
#[derive(Debug, Clone)]
pub(crate) enum Look<'a> {
    /// The document's work items, newest first.
    WorkItems(&'a DocumentRef),
    /// The same with a condition on a field that no table has.
    WorkItemsByUnknownField(&'a DocumentRef),
    /// Queues by a field's value.
    Queues { field: &'a str, value: &'a str },
    /// Reject reasons, a hundred at most.
    Reasons,
    /// An agent's presence.
    Presence(SysId),
}

impl Client {
    /// Sends a call, once.
    pub(crate) async fn observe(&self, call: &AwaCall) -> Observed {
        let wired = self.in_force();
        let ends = clock::now().plus(PATIENCE);
        let allowance = wired.transport.allowance(ends, ends);
        let network = wired.network(&allowance);
        let resolved = wired.caller.resolve(&network, call).await;
        let at = clock::now();
        match resolved {
            Err(verdict) => {
                let request = wire::request(call, network.api_version());
                Observed::new(request, at, allowance.elapsed_ms(), None, verdict)
            }
            Ok(call) => {
                let request = wire::request(&call, network.api_version());
                self.observed(request, |received, now| classify::call(&call, false, received, now))
                    .await
            }
        }
    }

    /// Reads what is to be seen, once.
    pub(crate) async fn look(&self, look: &Look<'_>) -> Observed {
        let table = |table: &str, query: String, fields: &str| {
            let pairs = [
                ("sysparm_query", query.as_str()),
                ("sysparm_fields", fields),
                ("sysparm_exclude_reference_link", "true"),
                ("sysparm_limit", "100"),
            ];
            let query =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            format!("/api/now/table/{table}?{query}")
        };
        let path = match look {
            Look::WorkItems(document) => {
                let query = format!("document_id={}^ORDERBYDESCsys_created_on", document.sys_id);
                table("awa_work_item", query, FIELDS)
            }
            Look::WorkItemsByUnknownField(document) => {
                let query = format!("document_id={}^u_no_such_field=1", document.sys_id);
                table("awa_work_item", query, FIELDS)
            }
            Look::Queues { field, value } => table(
                "awa_queue",
                format!("{field}={value}"),
                "sys_id,external_id,active,service_channel.name,sys_created_on",
            ),
            Look::Reasons => table("awa_reject_reason", "ORDERBYsys_id".to_owned(), "sys_id"),
            Look::Presence(agent) => {
                self.in_force().transport.api_version.path(format_args!("agents/{agent}"))
            }
        };
        self.observed(WireRequest { method: Method::GET, path, body: None }, answered).await
    }

    /// Gives an agent a presence; `presence` is the object of that name in the AWA Agent API.
    pub(crate) async fn set_presence(&self, agent: SysId, presence: &Value) -> Observed {
        let path = self.in_force().transport.api_version.path(format_args!("agents/{agent}"));
        let body = Some(serde_json::json!({ "presence": presence }));
        self.observed(WireRequest { method: Method::PUT, path, body }, answered).await
    }

    async fn observed(
        &self,
        request: WireRequest,
        meaning: impl FnOnce(&Received, UnixMillis) -> Verdict,
    ) -> Observed {
        let wired = self.in_force();
        let at = clock::now();
        let ends = at.plus(PATIENCE);
        let allowance = wired.transport.allowance(ends, ends);
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let query: Vec<_> =
            pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let body = request.body.as_ref();
        let outgoing =
            Outgoing { call: CALL, method: request.method.clone(), path, query: &query, body };
        let (received, verdict) = match wired.transport.exchange(&outgoing, &allowance).await {
            Ok(received) => {
                let verdict = meaning(&received, clock::now());
                (Some(received), verdict)
            }
            Err(fault) => (None, failure(fault)),
        };
        Observed::new(request, at, allowance.elapsed_ms(), received, verdict)
    }
}

/// What the answer to a read means.
fn answered(received: &Received, now: UnixMillis) -> Verdict {
    match read(received, now) {
        Ok(_) => Verdict {
            status: Some(received.status),
            ..Verdict::new(
                AwaReply::Landed { work_item: None },
                String::new(),
                super::pace::Signal::Answered,
            )
        },
        Err(verdict) => verdict,
    }
}

impl Observed {
    fn new(
        request: WireRequest,
        at: UnixMillis,
        elapsed_ms: u64,
        received: Option<Received>,
        verdict: Verdict,
    ) -> Self {
        let body = received.as_ref().and_then(|received| match received.shape() {
            Shape::Json(value) => Some(value),
            Shape::Page(_) | Shape::Empty | Shape::Broken | Shape::Foreign => None,
        });
        let rate = received.as_ref().and_then(|received| received.rate_rule.as_ref());
        Self {
            request,
            at,
            elapsed_ms,
            status: received.as_ref().map(|received| received.status),
            rate_limit: rate.map(|rule| rule.limit),
            retry_after: received.and_then(|received| received.retry_after),
            body,
            reply: verdict.reply,
            message: verdict.message,
            undocumented: verdict.unknown,
        }
    }

    /// The work item that an answer to an offer names.
    #[must_use]
    pub(crate) const fn work_item(&self) -> Option<SysId> {
        match &self.reply {
            AwaReply::Landed { work_item } | AwaReply::AlreadyOurs { work_item } => *work_item,
            _ => None,
        }
    }

    /// Whether the client takes it for done.
    #[must_use]
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.reply, AwaReply::Landed { .. })
    }

    /// The work items of a look at those of `document`; rows of others, which an access rule or a dropped condition
    /// lets through, do not count.
    #[must_use]
    pub(crate) fn items(&self, document: &DocumentRef) -> Vec<SeenItem> {
        let own = document.sys_id.to_string();
        let of_document =
            |row: &&Value| text(&row["document_id"]).is_some_and(|document| document == own);
        self.rows().filter(of_document).filter_map(SeenItem::read).collect()
    }

    /// The queues of a look at them, the oldest first.
    #[must_use]
    pub(crate) fn queues(&self, field: &str, value: &str) -> Vec<SeenQueue> {
        let same = |row: &&Value| text(&row[field]).as_deref() == Some(value);
        let mut queues: Vec<_> = self.rows().filter(same).filter_map(SeenQueue::read).collect();
        queues.sort_by(|one, other| one.created.cmp(&other.created));
        queues
    }

    /// How many rows there are, whosever.
    #[must_use]
    pub(crate) fn row_count(&self) -> usize {
        self.rows().count()
    }

    fn rows(&self) -> impl Iterator<Item = &Value> {
        let rows = self.body.as_ref().and_then(|body| body["result"].as_array());
        rows.into_iter().flatten()
    }
}

impl SeenItem {
    fn read(row: &Value) -> Option<Self> {
        let flag = text(&row["active"]);
        Some(Self {
            sys_id: SysId::parse(&text(&row["sys_id"])?).ok()?,
            state: text(&row["state"]),
            active: flag.is_none_or(|word| word == "true" || word == "1"),
            assigned_to: text(&row["assigned_to"]).unwrap_or_default(),
            queue: text(&row["queue"]).unwrap_or_default(),
        })
    }

    /// Whether its state is that one; letter case and blanks do not count.
    #[must_use]
    pub(crate) fn is_in(&self, state: &str) -> bool {
        let own = self.state.as_deref().unwrap_or_default();
        own.trim().to_lowercase().replace([' ', '-'], "_") == state
    }

    /// Whether it was taken back, however that is spelt.
    #[must_use]
    pub(crate) fn is_canceled(&self) -> bool {
        self.is_in("canceled") || self.is_in("cancelled")
    }

    /// Whether it is before that agent, not answered yet.
    #[must_use]
    pub(crate) fn is_pending_with(&self, agent: SysId) -> bool {
        self.active && self.is_in("pending_accept") && self.assigned_to == agent.to_string()
    }
}

impl SeenQueue {
    fn read(row: &Value) -> Option<Self> {
        Some(Self {
            sys_id: SysId::parse(&text(&row["sys_id"])?).ok()?,
            external_id: text(&row["external_id"]).unwrap_or_default(),
            channel: text(&row["service_channel.name"]).unwrap_or_default(),
            created: text(&row["sys_created_on"]).unwrap_or_default(),
        })
    }
}
