//! Where requests go: over the network within an allowance or, in a rehearsal, to an instance in memory. Which requests
//! a call or a look-up takes and what the answers mean is the same for both.

use std::future::Future;

use super::classify::Failure;
use super::offset::Offset;
use super::received::Received;
use super::transport::{Allowance, Outgoing, Transport};
use super::wire::ApiVersion;
use crate::clock;
use crate::routing::UnixMillis;

/// One request and its answer, and the clocks that both are seen by.
pub(super) trait Exchange {
    /// Sends a request and reads its answer.
    fn exchange(
        &self,
        outgoing: &Outgoing<'_>,
    ) -> impl Future<Output = Result<Received, Failure>> + Send;

    /// Our clock.
    fn now(&self) -> UnixMillis;

    /// ServiceNow's clock, as far as it is known.
    fn offset(&self) -> Offset;

    /// Which version of AWA's APIs is called.
    fn api_version(&self) -> ApiVersion;
}

/// The network, for as long as one call may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network<'a> {
    pub(super) transport: &'a Transport,
    pub(super) allowance: &'a Allowance,
}

impl Exchange for Network<'_> {
    async fn exchange(&self, outgoing: &Outgoing<'_>) -> Result<Received, Failure> {
        self.transport.exchange(outgoing, self.allowance).await
    }

    fn now(&self) -> UnixMillis {
        clock::now()
    }

    fn offset(&self) -> Offset {
        self.transport.offset()
    }

    fn api_version(&self) -> ApiVersion {
        self.transport.api_version
    }
}
