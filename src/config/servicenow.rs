//! The sections about the calls to ServiceNow: `[servicenow]`, `[rate_limit]`, `[retry]`, `[offer]` and `[withdraw]`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::secret::secret;
use super::section::Section;
use super::share::share;
use super::values::{
    BaseUrl, ShownDuration, api_version, choice, duration, durations, flag, hosts, instance_url,
    path, sys_id, sys_id_or_empty, tables, whole,
};
use super::{Auth, KeyPair, Secret, limits};
use crate::routing::{Doubt, OfferDefaults, SysId, TableName, WithdrawAction};

/// `[servicenow]`: which instance, as whom, and how much at once.
#[derive(Debug, Clone)]
pub struct ServiceNow {
    /// Not needed where a sandbox takes its place; see [`super::Settings::instance`].
    pub instance: Option<BaseUrl>,
    /// 1 where the paths of AWA's APIs are to say `v1`; none for their default URLs.
    pub api_version: Option<u16>,
    /// From the start of a call to the end of its answer.
    pub request_timeout: Duration,
    /// Calls in flight at the same time.
    pub max_in_flight: usize,
    /// Not needed where a sandbox takes the instance's place, or where the client certificate is enough.
    pub auth: Option<Auth>,
    /// Shown to the instance in the TLS handshake.
    pub client_certificate: Option<KeyPair>,
    /// Authorities in PEM to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// The URL of the proxy to go through, which may hold a user and a password.
    pub proxy: Option<Secret>,
    /// What is spoken to past the proxy.
    pub no_proxy: Vec<String>,
    /// What becomes of a call in doubt that may not be looked up.
    pub in_doubt: Doubt,
    /// The only tables whose documents are called for.
    pub tables: Vec<TableName>,
    /// Vendor channels and their `awa_service_channel` records.
    pub channels: BTreeMap<String, SysId>,
    /// The sandbox that takes the instance's place; see [`ServiceNow::point_to`].
    pub sandbox: Option<String>,
}

impl ServiceNow {
    /// Puts a sandbox on this machine in the instance's place, with credentials of its own.
    ///
    /// # Errors
    /// The address is no URL.
    pub fn point_to(&mut self, sandbox: &str) -> Result<(), String> {
        self.instance = Some(BaseUrl::parse(sandbox)?);
        let password = Secret::of("sandbox");
        self.auth = Some(Auth::Basic { username: "bridge".to_owned(), password });
        self.client_certificate = None;
        self.sandbox = Some(sandbox.to_owned());
        self.ca = None;
        self.proxy = None;
        Ok(())
    }
}

/// `[rate_limit]`, for all calls to the instance together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    pub per_second: NonZeroU32,
    pub burst: NonZeroU32,
    /// 0 = no hourly budget.
    pub per_hour: u32,
    /// The share of the budget that only accept, reject and transfer may use: 0 to less than 1.
    pub reserve: f64,
}

/// `[retry]`: pauses and patience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    pub initial: Duration,
    pub max: Duration,
    /// For events without a deadline of their own, from their receipt.
    pub give_up_after: Duration,
    /// How long an event waits for a document or a work item that another feed may still bring.
    pub hold: Duration,
    /// Pauses after "agent is not available"; when they are used up the offer is given up.
    pub agent_unavailable: Vec<Duration>,
}

/// `[withdraw]`: what is done about work that has been sent already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Withdraw {
    pub action: WithdrawAction,
    /// Also ends an open consult.
    pub end_consult: bool,
}

impl ServiceNow {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let instance = section.wish("instance", instance_url);
        let api_version = section.need("api_version", api_version);
        let request_timeout = section.need("request_timeout", duration(limits::REQUEST_TIMEOUT));
        let max_in_flight = section.need("max_in_flight", whole(limits::IN_FLIGHT));
        let in_doubt = section.need("in_doubt", choice);
        let tables = section.need("tables", tables);
        let auth = section.table("auth").map(Auth::read);
        let client_certificate = section.table("client_certificate").map(KeyPair::read);
        let ca = section.wish("ca", path);
        let proxy = section.wish("proxy", secret);
        let no_proxy = section.need("no_proxy", hosts);
        let channels = section.entries("channels", sys_id);
        section.close();
        Some(Self {
            instance: instance?,
            api_version: api_version?,
            request_timeout: request_timeout?,
            max_in_flight: max_in_flight?,
            auth: required_if_there(auth)?,
            client_certificate: required_if_there(client_certificate)?,
            ca: ca?,
            proxy: proxy?,
            no_proxy: no_proxy?,
            in_doubt: in_doubt?,
            tables: tables?,
            channels: channels?,
            sandbox: None,
        })
    }
}

/// A table that is not there is fine, one that could not be read is not.
fn required_if_there<T>(table: Option<Option<T>>) -> Option<Option<T>> {
    match table {
        None => Some(None),
        Some(None) => None,
        Some(read) => Some(read),
    }
}

impl RateLimit {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let per_second = section.need("per_second", whole(limits::RATE));
        let burst = section.need("burst", whole(limits::RATE));
        let per_hour = section.need("per_hour", whole(limits::HOURLY));
        let reserve = section.need("reserve", share);
        section.close();
        Some(Self {
            per_second: NonZeroU32::new(per_second?)?,
            burst: NonZeroU32::new(burst?)?,
            per_hour: per_hour?,
            reserve: reserve?,
        })
    }
}

impl Retry {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let initial = section.need("initial", duration(limits::PAUSE));
        let max = section.need("max", duration(limits::PAUSE));
        let give_up_after = section.need("give_up_after", duration(limits::GIVE_UP));
        let hold = section.need("hold", duration(limits::HOLD));
        let pauses = durations(limits::PAUSE, limits::UNAVAILABLE_PAUSES);
        let agent_unavailable = section.need("agent_unavailable", pauses);
        if let (Some(initial), Some(max)) = (initial, max)
            && initial > max
        {
            let max = ShownDuration(max);
            section.complain("initial", format!("is longer than `max` ({max}); make it shorter"));
        }
        if let (Some(hold), Some(limit)) = (hold, give_up_after)
            && hold >= limit
        {
            let limit = ShownDuration(limit);
            section.complain("hold", format!("must be shorter than `give_up_after` ({limit})"));
        }
        section.close();
        Some(Self {
            initial: initial?,
            max: max?,
            give_up_after: give_up_after?,
            hold: hold?,
            agent_unavailable: agent_unavailable?,
        })
    }
}

/// Reads `[offer]`.
pub(super) fn read_offer(mut section: Section<'_>) -> Option<OfferDefaults> {
    let timeout = section.need("timeout", |given| {
        let timeout = duration(limits::RING)(given)?;
        match u32::try_from(timeout.as_secs()) {
            Ok(seconds) if timeout.subsec_millis() == 0 => Ok(seconds),
            Ok(_) | Err(_) => Err("has a part of a second; ServiceNow takes whole ones".to_owned()),
        }
    });
    let allowed_to_decline = section.need("allowed_to_decline", flag);
    let enable_auto_assign = section.need("enable_auto_assign", flag);
    let display_option = section.need("display_option", choice);
    let after_timeout_presence = section.need("after_timeout_presence", sys_id_or_empty);
    let hand_over = section.need("hand_over", choice);
    let replace = section.need("replace", choice);
    section.close();
    Some(OfferDefaults {
        timeout_seconds: timeout?,
        allowed_to_decline: allowed_to_decline?,
        enable_auto_assign: enable_auto_assign?,
        display_option: display_option?,
        after_timeout_presence: after_timeout_presence?,
        hand_over: hand_over?,
        replace: replace?,
    })
}

impl Withdraw {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let action = section.need("action", choice);
        let end_consult = section.need("end_consult", flag);
        section.close();
        Some(Self { action: action?, end_consult: end_consult? })
    }
}
