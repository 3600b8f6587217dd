//! The client without a network: its calls and look-ups go to an instance in memory, at a moment that the caller says,
//! and are answered at once. The requests and the meaning of the answers are the real client's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::Value;

use super::caller::Caller;
use super::classify::{Failure, Verdict};
use super::exchange::Exchange;
use super::offset::Offset;
use super::received::Received;
use super::transport::Outgoing;
use super::wire::ApiVersion;
use crate::routing::{Answer, AwaCall, AwaReply, CallOptions, LookUp, UnixMillis};

/// A request to the instance, as it would go over the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<&'a Value>,
}

/// An instance in memory: answers a request with an HTTP status and a JSON body.
pub(crate) type Instance<'a> = dyn FnMut(Asked<'_>) -> (u16, Value) + 'a;

/// A client whose instance is in memory.
#[derive(Debug)]
pub(crate) struct Offline {
    caller: Caller,
    version: ApiVersion,
}

impl Offline {
    /// `channels`: the contact centre's names of channels to ServiceNow's sys_ids.
    #[must_use]
    pub(crate) fn new(channels: HashMap<String, String>, version: ApiVersion) -> Self {
        Self { caller: Caller::new(channels), version }
    }

    /// Sends a call, once.
    pub(crate) fn send(
        &self,
        instance: &mut Instance<'_>,
        call: &AwaCall,
        options: &CallOptions,
        now: UnixMillis,
    ) -> (AwaReply, Answer) {
        reply_of(at_once(self.caller.send(
            &Memory::new(instance, now, self.version),
            call,
            options,
        )))
    }

    /// Asks what became of a call in doubt.
    pub(crate) fn look_up(
        &self,
        instance: &mut Instance<'_>,
        question: &LookUp,
        now: UnixMillis,
    ) -> (AwaReply, Answer) {
        reply_of(at_once(self.caller.look_up(&Memory::new(instance, now, self.version), question)))
    }
}

fn reply_of(verdict: Verdict) -> (AwaReply, Answer) {
    (verdict.reply, Answer { status: verdict.status, message: verdict.message })
}

/// The instance at one moment; its clock is ours.
struct Memory<'a, 'b> {
    instance: RefCell<&'a mut Instance<'b>>,
    now: UnixMillis,
    version: ApiVersion,
}

impl<'a, 'b> Memory<'a, 'b> {
    fn new(instance: &'a mut Instance<'b>, now: UnixMillis, version: ApiVersion) -> Self {
        Self { instance: RefCell::new(instance), now, version }
    }
}

impl Exchange for Memory<'_, '_> {
    fn exchange(
        &self,
        outgoing: &Outgoing<'_>,
    ) -> impl Future<Output = Result<Received, Failure>> + Send {
        let (status, body) = (self.instance.borrow_mut())(Asked {
            method: outgoing.method.as_str(),
            path: outgoing.path,
            query: outgoing.query,
            body: outgoing.body,
        });
        std::future::ready(Ok(Received {
            status,
            content_type: "application/json".to_owned(),
            body: body.to_string().into_bytes(),
            complete: true,
            ..Received::default()
        }))
    }

    fn now(&self) -> UnixMillis {
        self.now
    }

    fn offset(&self) -> Offset {
        let mut offset = Offset::default();
        offset.measure(self.now, self.now, self.now);
        offset
    }

    fn api_version(&self) -> ApiVersion {
        self.version
    }
}

impl fmt::Debug for Memory<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("now", &self.now).finish_non_exhaustive()
    }
}

/// The outcome of work that waits for nothing outside itself.
fn at_once<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => unreachable!("an instance in memory answers at once"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::awa::samples::{OURS, WORK_ITEM, id, offer_at};
    use crate::routing::RejectReason;

    const NOW: UnixMillis = UnixMillis(1_795_280_401_000);
    const CHANNEL: &str = "27f675e3739713004a905ee515f6a7c3";
    const BUSY: &str = "4e93fa29b38023002e7b6e5f26a8dc20";

    fn client() -> Offline {
        Offline::new(HashMap::new(), ApiVersion::default())
    }

    #[test]
    fn an_answer_means_what_it_means_to_the_real_client() {
        let refusal = json!({ "error": { "message": "Agent is not available" } });
        let mut asked = Vec::new();
        let mut instance = |request: Asked<'_>| {
            asked.push(format!("{} {}", request.method, request.path));
            (409, refusal.clone())
        };
        let (reply, answer) =
            client().send(&mut instance, &offer_at(NOW.minus(5)), &CallOptions::first(NOW), NOW);
        assert_eq!(reply, AwaReply::AgentUnavailable);
        assert_eq!((answer.status, answer.message.as_str()), (Some(409), "Agent is not available"));
        assert_eq!(asked.len(), 1);
        assert!(asked[0].starts_with("POST /api/now/awa/documents/interaction/"), "{asked:?}");
    }

    #[test]
    fn a_reject_reason_is_looked_up_and_remembered() {
        let reason = RejectReason::DisplayValue {
            text: "busy".to_owned(),
            channel: Some(CHANNEL.to_owned()),
        };
        let reject = AwaCall::Reject { work_item: id(WORK_ITEM), agent: id(OURS), reason };
        let mut asked = Vec::new();
        let mut instance = |request: Asked<'_>| {
            asked.push((request.method.to_owned(), request.body.cloned()));
            let reasons = json!([{ "sys_id": BUSY, "display_value": "Busy", "value": "Busy" }]);
            (200, json!({ "result": if request.method == "GET" { reasons } else { json!({}) } }))
        };
        let client = client();
        for _ in 0..2 {
            let (reply, _) = client.send(&mut instance, &reject, &CallOptions::first(NOW), NOW);
            assert_eq!(reply, AwaReply::Landed { work_item: Some(id(WORK_ITEM)) });
        }
        let methods: Vec<_> = asked.iter().map(|(method, _)| method.as_str()).collect();
        assert_eq!(methods, ["GET", "POST", "POST"]);
        let body = asked[1].1.as_ref().unwrap();
        assert_eq!(body["reject_reason_id"], BUSY);
    }
}
