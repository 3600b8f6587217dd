//! A test's own ServiceNow in the place of the network: it gets what the client would send, and answers when the test
//! says.

use std::fmt;

use tokio::sync::oneshot;

use super::client::Reply;
use super::lookup::{LookUps, Probed};
use super::pace::Signal;
use crate::routing::{AwaCall, LookUp, UnixMillis};

/// What would be sent, with its deadline, and where the answer goes.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) deadline: UnixMillis,
    pub(crate) answer: oneshot::Sender<Reply>,
}

/// A call or a look-up.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    Call(AwaCall),
    LookUp(LookUp),
}

impl Request {
    /// The call that is sent or looked up.
    pub(crate) const fn call(&self) -> &AwaCall {
        match self {
            Self::Call(call) => call,
            Self::LookUp(look_up) => &look_up.call,
        }
    }
}

/// Takes the place of the network in a [`Client`](super::Client).
pub(crate) struct StandIn(pub(crate) Box<dyn Fn(Asked) + Send + Sync>);

impl StandIn {
    /// The answer; an answer that is never given is waited for without end.
    pub(super) async fn asks(&self, request: Request, deadline: UnixMillis) -> Reply {
        let (answer, reply) = oneshot::channel();
        (self.0)(Asked { request, deadline, answer });
        match reply.await {
            Ok(reply) => reply,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Probed {
    /// The instance is there.
    pub(super) const fn well() -> Self {
        let message = String::new();
        Self { look_ups: LookUps::Allowed, message, signal: Signal::Answered, requests: 1 }
    }
}

impl fmt::Debug for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StandIn")
    }
}
