//! Reject reasons by their display value: resolved to the sys_id that ServiceNow wants, and remembered per channel.

use std::collections::HashMap;

use serde_json::Value;
use tokio::sync::Mutex;

use super::classify::{Verdict, failure, read};
use super::exchange::Exchange;
use super::lookup::condition;
use super::pace::Signal;
use super::transport::Outgoing;
use super::work_item::text;
use crate::routing::{AwaReply, SysId, UnixMillis};

const CALL: &str = "reject_reasons";
/// How long the reasons of a channel are good for, in milliseconds.
const FRESH: u64 = 600_000;

/// The reasons and channels that were asked for so far.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    /// From the configuration: a channel's name to its sys_id.
    channels: HashMap<String, String>,
    /// Found out: a channel's name to what ServiceNow knows it by.
    found: Mutex<HashMap<String, String>>,
    lists: Mutex<HashMap<String, (UnixMillis, Vec<Reason>)>>,
}

/// One reject reason of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) sys_id: SysId,
    pub(super) display_value: String,
    pub(super) value: String,
}

impl Reasons {
    pub(super) fn new(channels: HashMap<String, String>) -> Self {
        let channels = channels.into_iter().map(|(name, id)| (name.to_lowercase(), id)).collect();
        Self { channels, ..Self::default() }
    }

    /// Finds the reason of that name for the work item's channel.
    ///
    /// # Errors
    /// Every verdict says that the reject has not left.
    pub(super) async fn resolve(
        &self,
        exchange: &impl Exchange,
        name: &str,
        channel: Option<&str>,
        work_item: SysId,
    ) -> Result<SysId, Verdict> {
        let channel = self.channel(exchange, channel, work_item).await?;
        let cached = self.lists.lock().await.get(&channel).cloned();
        if let Some((at, reasons)) = cached
            && exchange.now().since(at) < FRESH
            && let Some(sys_id) = named(&reasons, name)
        {
            return Ok(sys_id);
        }
        let reasons = fetch(exchange, &channel).await.map_err(unsent)?;
        let found = named(&reasons, name);
        let known = || {
            reasons
                .iter()
                .map(|reason| reason.display_value.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let missing = || {
            misconfigured(format!(
                "reject reason `{name}` is not one of channel {channel}, which has: {}; correct reject_reasons.csv",
                known()
            ))
        };
        let answer = found.ok_or_else(missing);
        self.lists.lock().await.insert(channel, (exchange.now(), reasons));
        answer
    }

    /// What ServiceNow knows the channel by: a sys_id wherever one can be found, else the name itself.
    async fn channel(
        &self,
        exchange: &impl Exchange,
        channel: Option<&str>,
        work_item: SysId,
    ) -> Result<String, Verdict> {
        let name = channel.map(str::to_lowercase);
        if let Some(name) = &name {
            if SysId::parse(name).is_ok() {
                return Ok(name.clone());
            }
            if let Some(id) = self.channels.get(name) {
                return Ok(id.clone());
            }
            if let Some(id) = self.found.lock().await.get(name) {
                return Ok(id.clone());
            }
        }
        let mut id = channel_of(exchange, work_item).await?;
        if let (None, Some(channel)) = (&id, channel) {
            id = channel_named(exchange, channel).await?;
        }
        let id = id.or_else(|| channel.map(str::to_owned)).ok_or_else(|| {
            misconfigured("the work item's channel cannot be read, so its reject reasons cannot be asked for: name the reason by sys_id in reject_reasons.csv".to_owned())
        })?;
        if let Some(name) = name {
            self.found.lock().await.insert(name, id.clone());
        }
        Ok(id)
    }
}

/// Asks for the reject reasons of a channel.
pub(super) async fn fetch(exchange: &impl Exchange, channel: &str) -> Result<Vec<Reason>, Verdict> {
    let segment =
        percent_encoding::utf8_percent_encode(channel, percent_encoding::NON_ALPHANUMERIC);
    let path = exchange.api_version().path(format_args!("inbox/actions/reject_reasons/{segment}"));
    let named = |verdict: Verdict| {
        let AwaReply::Misconfigured { what } = &verdict.reply else { return verdict };
        let what = format!("reject reasons of channel {channel}: {what}");
        Verdict { reply: AwaReply::Misconfigured { what }, ..verdict }
    };
    let value = get(exchange, &path, &[]).await.map_err(named)?;
    let rows = value["result"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(rows.iter().filter_map(Reason::parse).collect())
}

impl Reason {
    fn parse(row: &Value) -> Option<Self> {
        let id = text(&row["sys_id"]).or_else(|| text(&row["Sys_id"]))?;
        Some(Self {
            sys_id: SysId::parse(&id).ok()?,
            display_value: text(&row["display_value"]).unwrap_or_default(),
            value: text(&row["value"]).unwrap_or_default(),
        })
    }
}

/// By display value first, then by value.
pub(super) fn named(reasons: &[Reason], name: &str) -> Option<SysId> {
    let name = name.trim().to_lowercase();
    let same = |text: &str| text.trim().to_lowercase() == name;
    let by_display = reasons.iter().find(|reason| same(&reason.display_value));
    by_display
        .or_else(|| reasons.iter().find(|reason| same(&reason.value)))
        .map(|reason| reason.sys_id)
}

async fn channel_of(exchange: &impl Exchange, work_item: SysId) -> Result<Option<String>, Verdict> {
    let path = format!("/api/now/table/awa_work_item/{work_item}");
    let query =
        [("sysparm_fields", "sys_id,service_channel"), ("sysparm_exclude_reference_link", "true")];
    let row = readable(get(exchange, &path, &query).await)?;
    let row = row.map(|value| value["result"].clone()).unwrap_or_default();
    let ours = text(&row["sys_id"]).as_deref() == Some(work_item.to_string().as_str());
    Ok(text(&row["service_channel"]).filter(|id| ours && SysId::parse(id).is_ok()))
}

async fn channel_named(exchange: &impl Exchange, name: &str) -> Result<Option<String>, Verdict> {
    let Some(query) = condition("name", name) else { return Ok(None) };
    let query = [("sysparm_query", query.as_str()), ("sysparm_fields", "sys_id,name")];
    let value = readable(get(exchange, "/api/now/table/awa_service_channel", &query).await)?;
    let rows = value.and_then(|value| value["result"].as_array().cloned()).unwrap_or_default();
    let same =
        |row: &&Value| text(&row["name"]).is_some_and(|found| found.eq_ignore_ascii_case(name));
    Ok(rows.iter().find(same).and_then(|row| text(&row["sys_id"])))
}

async fn get(
    exchange: &impl Exchange,
    path: &str,
    query: &[(&str, &str)],
) -> Result<Value, Verdict> {
    let outgoing = Outgoing::get(CALL, path, query);
    let received = exchange.exchange(&outgoing).await.map_err(failure)?;
    read(&received, exchange.now())
}

/// A read that ServiceNow forbids is passed over; one that fails ends the attempt.
fn readable(answer: Result<Value, Verdict>) -> Result<Option<Value>, Verdict> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(Verdict { reply: AwaReply::Misconfigured { .. }, .. }) => Ok(None),
        Err(verdict) => Err(unsent(verdict)),
    }
}

/// What fails before the reject has not put the reject in doubt.
fn unsent(verdict: Verdict) -> Verdict {
    let AwaReply::InDoubt { why } = &verdict.reply else { return verdict };
    let why = format!("the reject reasons could not be read: {why}");
    Verdict { reply: AwaReply::NotSent { why }, ..verdict }
}

fn misconfigured(what: String) -> Verdict {
    Verdict::new(AwaReply::Misconfigured { what: what.clone() }, what, Signal::Answered)
}

#[cfg(test)]
mod tests;
