//! Makes the requests of one call or one look-up and says what came of them; what it learns of the instance it
//! remembers.
//!
//! It repeats nothing. What carries the requests is an [`Exchange`].

use std::collections::HashMap;

use tokio::sync::Mutex;

use super::classify::{self, Verdict};
use super::exchange::Exchange;
use super::lookup;
use super::reasons::Reasons;
use super::transport::Outgoing;
use super::wire;
use crate::routing::{AwaCall, CallOptions, ExternalId, LookUp, RejectReason};

/// The queues of an external id, by sys_id, as far as they were asked for.
pub(super) type QueueIds = Mutex<HashMap<ExternalId, Vec<String>>>;

/// What is remembered from one call to the next.
#[derive(Debug)]
pub(super) struct Caller {
    queues: QueueIds,
    reasons: Reasons,
}

impl Caller {
    /// `channels`: the contact centre's names of channels to ServiceNow's sys_ids.
    pub(super) fn new(channels: HashMap<String, String>) -> Self {
        Self { queues: QueueIds::default(), reasons: Reasons::new(channels) }
    }

    /// Sends a call, once.
    pub(super) async fn send(
        &self,
        exchange: &impl Exchange,
        call: &AwaCall,
        options: &CallOptions,
    ) -> Verdict {
        let call = match self.resolve(exchange, call).await {
            Ok(resolved) => resolved,
            Err(verdict) => return verdict,
        };
        let request = wire::request(&call, exchange.api_version());
        let outgoing = Outgoing {
            call: call.kind().as_str(),
            method: request.method.clone(),
            path: &request.path,
            query: &[],
            body: request.body.as_ref(),
        };
        match exchange.exchange(&outgoing).await {
            Ok(received) => classify::call(&call, options.after_doubt, &received, exchange.now()),
            Err(failure) => classify::failure(failure),
        }
    }

    /// Asks what became of a call in doubt.
    pub(super) async fn look_up(&self, exchange: &impl Exchange, question: &LookUp) -> Verdict {
        lookup::look_up(exchange, &self.queues, question).await
    }

    /// The call with its reject reason as a sys_id.
    pub(super) async fn resolve(
        &self,
        exchange: &impl Exchange,
        call: &AwaCall,
    ) -> Result<AwaCall, Verdict> {
        let mut call = call.clone();
        if let AwaCall::Reject { work_item, reason, .. } = &mut call
            && let RejectReason::DisplayValue { text, channel } = reason
        {
            let found =
                self.reasons.resolve(exchange, text, channel.as_deref(), *work_item).await?;
            *reason = RejectReason::SysId(found);
        }
        Ok(call)
    }
}
