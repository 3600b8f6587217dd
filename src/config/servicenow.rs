//! The sections about the calls to ServiceNow: `[servicenow]`, `[rate_limit]`, `[retry]`, `[offer]` and `[withdraw]`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::auth::{Auth, auth};
use super::values::{
    File, api_version, at_most, duration, hosts, optional, share, sys_id_or_empty, tables, whole,
};
use super::{KeyPair, Secret};
use crate::base_url::BaseUrl;
use crate::routing::{
    DisplayOption, Doubt, HandOver, OfferDefaults, Replace, SysId, TableName, WithdrawAction,
};

/// `[servicenow]`: which instance, as whom, and how much at once.
#[derive(Debug, Clone, Deserialize)]
pub struct ServiceNow {
    /// Not needed where a sandbox takes its place; see [`super::Settings::instance`].
    #[serde(deserialize_with = "instance")]
    pub(crate) instance: Option<BaseUrl>,
    /// 1 where the paths of AWA's APIs are to say `v1`; none for their default URLs.
    #[serde(deserialize_with = "api_version")]
    pub(crate) api_version: Option<u16>,
    /// From the start of a call to the end of its answer. ServiceNow cancels a transaction of its own accord at 60 s,
    /// its load balancer at 5 min.
    #[serde(deserialize_with = "duration::<10, 300_000, _>")]
    pub request_timeout: Duration,
    /// Calls in flight at the same time. An integration pool is 4 threads and a queue of 50 a node (KB0635398); more
    /// only queues.
    #[serde(deserialize_with = "whole::<1, 1_024, _, _>")]
    pub max_in_flight: usize,
    /// Not needed where a sandbox takes the instance's place, or where the client certificate is enough.
    #[serde(deserialize_with = "auth")]
    pub auth: Option<Auth>,
    /// Shown to the instance in the TLS handshake.
    pub(crate) client_certificate: Option<KeyPair>,
    /// Authorities in PEM to trust beside the system's.
    #[serde(deserialize_with = "optional::<File, _, _>")]
    pub(crate) ca: Option<PathBuf>,
    /// The URL of the proxy to go through, which may hold a user and a password.
    pub(crate) proxy: Option<Secret>,
    /// What is spoken to past the proxy.
    #[serde(deserialize_with = "hosts")]
    pub(crate) no_proxy: Vec<String>,
    /// What becomes of a call in doubt that may not be looked up.
    pub in_doubt: Doubt,
    /// The only tables whose documents are called for.
    #[serde(deserialize_with = "tables")]
    pub(crate) tables: Vec<TableName>,
    /// Vendor channels and their `awa_service_channel` records.
    pub(crate) channels: BTreeMap<String, SysId>,
    /// The sandbox that takes the instance's place; see [`ServiceNow::point_to`].
    #[serde(skip)]
    pub(crate) sandbox: Option<String>,
}

impl ServiceNow {
    /// Puts a sandbox on this machine in the instance's place, with credentials of its own.
    ///
    /// # Errors
    /// The address is no URL.
    pub(crate) fn point_to(&mut self, sandbox: &str) -> Result<(), String> {
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

/// Reads ServiceNow's address.
fn instance<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BaseUrl>, D::Error> {
    let url = Option::<BaseUrl>::deserialize(deserializer)?;
    url.map(BaseUrl::instance).transpose().map_err(D::Error::custom)
}

/// `[rate_limit]`, for all calls to the instance together.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct RateLimit {
    #[serde(deserialize_with = "rate")]
    pub per_second: NonZeroU32,
    #[serde(deserialize_with = "rate")]
    pub burst: NonZeroU32,
    /// 0 = no hourly budget.
    #[serde(deserialize_with = "whole::<0, 100_000_000, _, _>")]
    pub(crate) per_hour: u32,
    /// The share of the budget that only accept, reject and transfer may use: 0 to less than 1.
    #[serde(deserialize_with = "share")]
    pub reserve: f64,
}

/// `[retry]`: pauses and patience.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Retry {
    #[serde(deserialize_with = "duration::<1, 3_600_000, _>")]
    pub(crate) initial: Duration,
    #[serde(deserialize_with = "duration::<1, 3_600_000, _>")]
    pub(crate) max: Duration,
    /// For events without a deadline of their own, from their receipt.
    #[serde(deserialize_with = "duration::<1, 604_800_000, _>")]
    pub(crate) give_up_after: Duration,
    /// How long an event waits for a document or a work item that another feed may still bring; zero: none.
    #[serde(deserialize_with = "duration::<0, 600_000, _>")]
    pub(crate) hold: Duration,
    /// Pauses after "agent is not available"; when they are used up the offer is given up.
    #[serde(deserialize_with = "pauses")]
    pub agent_unavailable: Vec<Duration>,
}

/// `[withdraw]`: what is done about work that has been sent already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Withdraw {
    pub(crate) action: WithdrawAction,
    /// Also ends an open consult.
    pub(crate) end_consult: bool,
}

/// The keys of `[offer]`.
#[derive(Deserialize)]
#[serde(remote = "OfferDefaults")]
pub(super) struct Offer {
    #[serde(rename = "timeout", deserialize_with = "ring_time")]
    timeout_seconds: u32,
    allowed_to_decline: bool,
    enable_auto_assign: bool,
    display_option: DisplayOption,
    #[serde(deserialize_with = "sys_id_or_empty")]
    after_timeout_presence: Option<SysId>,
    hand_over: HandOver,
    replace: Replace,
}

/// Reads the seconds of a ring. The longest that an event may carry is a day.
fn ring_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let time = duration::<1_000, 86_400_000, D>(deserializer)?;
    match u32::try_from(time.as_secs()) {
        Ok(seconds) if time.subsec_millis() == 0 => Ok(seconds),
        Ok(_) | Err(_) => {
            Err(D::Error::custom("has a part of a second; ServiceNow takes whole ones"))
        }
    }
}

/// Reads requests: at least one.
fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    let rate = whole::<1, 10_000, u32, D>(deserializer)?;
    NonZeroU32::new(rate).ok_or_else(|| D::Error::custom("is 0"))
}

/// Reads a few pauses.
fn pauses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Duration>, D::Error> {
    #[derive(Deserialize)]
    struct Pause(#[serde(deserialize_with = "duration::<1, 3_600_000, _>")] Duration);

    at_most::<20, Pause, D>(deserializer)
        .map(|pauses| pauses.into_iter().map(|Pause(pause)| pause).collect())
}
