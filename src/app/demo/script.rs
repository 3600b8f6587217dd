//! The steps of the demonstration, and what has to become of each.

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

use crate::routing::UnixMillis;
use crate::sandbox::{Endpoint, Fault, Misbehaviour};
use crate::source::{Profile, Request};

/// The agent `carl` of the demonstration's tables: away in ServiceNow.
pub(super) const AWAY: &str = "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3";

/// The three sources, with invented secrets.
pub(super) const SOURCES: &str = r#"
[sources.demo]
vendor = "native"
secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
[sources.demo-twilio]
vendor = "twilio-taskrouter"
secrets = ["demonstration-token"]
[sources.demo-connect]
vendor = "amazon-connect"
secrets = ["demonstration-key"]
"#;

/// One request of a vendor and what has to become of it.
pub(super) struct Step {
    pub(super) title: &'static str,
    pub(super) source: &'static str,
    pub(super) origin: Origin,
    /// What the vendor is answered.
    pub(super) status: u16,
    /// The state of each event.
    pub(super) expect: &'static [&'static str],
    /// How many calls that change something reach AWA.
    pub(super) writes: usize,
    /// The fault that the sandbox injects.
    pub(super) fault: Option<Fault>,
}

/// Where a request comes from.
pub(super) enum Origin {
    /// A shipped sample.
    Sample { vendor: &'static str, file: &'static str },
    /// A native event of this moment.
    Event(fn(UnixMillis) -> Value),
}

/// All steps, in order.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = vec![
        event("an offer to anna", first_offer, 202, &["delivered"], 1),
        event("the same offer again: nothing is sent twice", first_offer, 200, &["delivered"], 0),
        event(
            "anna accepts: with the work item of the offer's answer",
            accept,
            202,
            &["delivered"],
            1,
        ),
        event("anna consults bela", consult, 202, &["delivered"], 1),
        event("the consult ends with a hand-over", consult_end, 202, &["delivered"], 1),
    ];
    steps.extend([
        twilio("Twilio: a reservation is made for a worker", "01-offer.json", &["delivered"], 1),
        twilio("Twilio: the worker accepts", "02-accept.json", &["delivered"], 1),
        twilio("Twilio: an event that is of no concern", "08-ignored.json", &[], 0),
        connect("Amazon Connect: a contact waits in a queue", "01-queued.json", &["delivered"], 0),
        connect("Amazon Connect: an agent is connected", "02-connected.json", &["delivered"], 1),
        connect(
            "Amazon Connect: the contact is transferred",
            "03-transfer.json",
            &["delivered", "delivered"],
            2,
        ),
    ]);
    let mut lost = event(
        "an offer whose answer is lost: looked up, not repeated",
        lost,
        202,
        &["delivered"],
        1,
    );
    lost.fault = Some(Fault::on(Endpoint::Offer, Misbehaviour::DropResponseAfterEffect));
    let mut busy =
        event("an offer to an overloaded instance: made again", busy, 202, &["delivered"], 2);
    busy.fault =
        Some(Fault::on(Endpoint::Offer, Misbehaviour::TooManyRequests { retry_after: None }));
    steps.extend([
        lost,
        busy,
        event("an offer that comes an hour late: never sent", late, 202, &["expired"], 0),
        event("a queue that no table has: kept until it is mapped", unmapped, 202, &["parked"], 0),
        event("carl is away in ServiceNow: tried again, then given up", away, 202, &["dead"], 3),
        event("an event that cannot be read: kept, with the reason", unreadable, 202, &["dead"], 0),
    ]);
    steps
}

fn event(
    title: &'static str,
    event: fn(UnixMillis) -> Value,
    status: u16,
    expect: &'static [&'static str],
    writes: usize,
) -> Step {
    Step {
        title,
        source: "demo",
        origin: Origin::Event(event),
        status,
        expect,
        writes,
        fault: None,
    }
}

fn twilio(
    title: &'static str,
    file: &'static str,
    expect: &'static [&'static str],
    writes: usize,
) -> Step {
    let origin = Origin::Sample { vendor: "twilio-taskrouter", file };
    Step { title, source: "demo-twilio", origin, status: 204, expect, writes, fault: None }
}

fn connect(
    title: &'static str,
    file: &'static str,
    expect: &'static [&'static str],
    writes: usize,
) -> Step {
    let origin = Origin::Sample { vendor: "amazon-connect", file };
    Step { title, source: "demo-connect", origin, status: 202, expect, writes, fault: None }
}

/// The request of a native event.
pub(super) fn native(profile: &Profile, path: &str, event: Value, at: UnixMillis) -> Request {
    let content_type = HeaderValue::from_str(profile.content_type());
    Request {
        method: Method::POST,
        path_and_query: path.to_owned(),
        headers: content_type.map(|value| (CONTENT_TYPE, value)).into_iter().collect(),
        body: event.to_string().into(),
        received_at: at,
    }
}

fn native_event(kind: &str, id: &str, conversation: u8, at: UnixMillis) -> Value {
    json!({
        "id": id, "kind": kind, "conversation": format!("call-{conversation}"),
        "segment": format!("leg-{conversation}"), "occurred_at": at.to_string(), "channel": "voice",
        "document": { "table": "interaction", "sys_id": format!("{conversation:032x}") },
    })
}

fn with(mut event: Value, members: Value) -> Value {
    if let (Some(event), Value::Object(members)) = (event.as_object_mut(), members) {
        event.extend(members);
    }
    event
}

fn offer(id: &str, conversation: u8, at: UnixMillis) -> Value {
    with(
        native_event("offer", id, conversation, at),
        json!({ "queue": "support", "agent": "anna" }),
    )
}

fn first_offer(at: UnixMillis) -> Value {
    offer("offer-1", 1, at)
}

fn accept(at: UnixMillis) -> Value {
    with(native_event("accept", "accept-1", 1, at), json!({ "agent": "anna" }))
}

fn consult(at: UnixMillis) -> Value {
    let transfer = json!({ "type": "consult", "target": { "agent": "bela" } });
    with(native_event("transfer", "consult-1", 1, at), json!({ "transfer": transfer }))
}

fn consult_end(at: UnixMillis) -> Value {
    with(native_event("consult_end", "consult-end-1", 1, at), json!({ "hand_over": true }))
}

fn lost(at: UnixMillis) -> Value {
    offer("offer-2", 2, at)
}

fn busy(at: UnixMillis) -> Value {
    offer("offer-3", 3, at)
}

fn late(at: UnixMillis) -> Value {
    offer("offer-4", 4, at.minus(3_600_000))
}

fn unmapped(at: UnixMillis) -> Value {
    with(offer("offer-5", 5, at), json!({ "queue": "night-desk" }))
}

fn away(at: UnixMillis) -> Value {
    with(offer("offer-6", 6, at), json!({ "agent": "carl" }))
}

fn unreadable(at: UnixMillis) -> Value {
    with(offer("offer-7", 7, at), json!({ "kind": "ring-ring" }))
}
