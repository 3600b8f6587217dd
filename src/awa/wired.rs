//! What calls are made with under one configuration: connections, credentials, and the channels that calls name. A
//! reload builds another and leaves the old one to the calls that are in flight.

use super::caller::Caller;
use super::exchange::Network;
use super::settings::{Settings, SettingsError};
use super::transport::{Allowance, Transport};

/// Built by [`super::Client::prepare`].
#[derive(Debug)]
pub(crate) struct Wired {
    pub(super) transport: Transport,
    pub(super) caller: Caller,
}

impl Wired {
    pub(super) fn new(settings: Settings) -> Result<Self, SettingsError> {
        let (transport, channels) = Transport::new(settings)?;
        Ok(Self { transport, caller: Caller::new(channels) })
    }

    /// The same for other settings. The requests of the last second and the instance's clock stay known; queues and
    /// reasons are asked for anew.
    pub(super) fn successor(&self, settings: Settings) -> Result<Self, SettingsError> {
        let (transport, channels) = self.transport.successor(settings)?;
        Ok(Self { transport, caller: Caller::new(channels) })
    }

    /// The network within an allowance.
    pub(super) const fn network<'a>(&'a self, allowance: &'a Allowance) -> Network<'a> {
        Network { transport: &self.transport, allowance }
    }
}
