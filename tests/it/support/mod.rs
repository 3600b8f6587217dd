//! What the stories have in common: a bridge with its sandbox, signed deliveries, and waiting for an outcome.

pub(crate) mod behind_tls;
pub(crate) mod bridge;
pub(crate) mod browser;
pub(crate) mod database_proxy;
pub(crate) mod issuer;
pub(crate) mod program;
pub(crate) mod raw;
pub(crate) mod receiver;

pub(crate) mod sign;

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

/// The agents that every test's tables know, by vendor id.
pub(crate) const ADA: &str = "46d44a23a9fe19810012d100cca80666";
pub(crate) const GRACE: &str = "0d584509c323120095ccd02422d3ae5b";
/// The reject reason "Busy" as a sys_id.
pub(crate) const BUSY: &str = "4e93fa29b38023002e7b6e5f26a8dc20";

/// A `webhook-id` that no other delivery has.
pub(crate) fn fresh_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("msg_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The document of a conversation: always the same for the same name.
pub(crate) fn document(conversation: &str) -> String {
    awa_bridge::testing::sandbox::world::sys_id_of(conversation).to_string()
}

/// An offer to agent `ada` from queue `support`, happening now.
pub(crate) fn an_offer(id: &str, conversation: &str) -> Value {
    let mut event = an_event("offer", id, conversation);
    event["queue"] = json!("support");
    event["agent"] = json!("ada");
    event
}

/// An event of a kind with its conversation's document and segment, happening now.
pub(crate) fn an_event(kind: &str, id: &str, conversation: &str) -> Value {
    json!({
        "id": id,
        "kind": kind,
        "conversation": conversation,
        "segment": format!("segment-{conversation}"),
        "occurred_at": now(),
        "document": { "table": "interaction", "sys_id": document(conversation) },
    })
}

/// The present, RFC 3339 with milliseconds.
pub(crate) fn now() -> String {
    awa_bridge::testing::clock::now().to_string()
}

/// The present and so many milliseconds, which may be negative.
pub(crate) fn from_now(ms: i64) -> String {
    let now = awa_bridge::testing::clock::now();
    awa_bridge::testing::routing::UnixMillis(now.0 + ms).to_string()
}

/// Adds or replaces members of a JSON object.
pub(crate) fn with(mut event: Value, members: Value) -> Value {
    if let (Some(event), Value::Object(members)) = (event.as_object_mut(), members) {
        event.extend(members);
    }
    event
}

/// Asks again and again until the answer is there; panics after a minute with what was waited for.
pub(crate) async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    for _ in 0..6_000 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited a minute in vain for {what}");
}
