//! The tables of one contact centre: vendor ids to ServiceNow ids. Look-up only; ambiguity is refused when built.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Channel, ExternalId, RejectReason, SysId, VendorAgentId, VendorQueueId};

/// One row of queues.csv.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRow {
    /// What the vendor calls the queue.
    pub queue: VendorQueueId,
    /// None = any channel.
    pub channel: Option<Channel>,
    /// What ServiceNow knows it by.
    pub external_id: ExternalId,
}

/// Where a reject reason of the table leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReasonRow {
    SysId(SysId),
    DisplayValue(String),
}

/// How many rows the tables have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TableCounts {
    pub(crate) queues: usize,
    pub(crate) agents: usize,
    pub(crate) reject_reasons: usize,
}

/// Queues, agents and reject reasons of one contact centre.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directory {
    queues: HashMap<VendorQueueId, Vec<(Option<Channel>, ExternalId)>>,
    agents: HashMap<VendorAgentId, SysId>,
    reasons: HashMap<String, ReasonRow>,
    counts: TableCounts,
    pass_through_queues: bool,
}

impl Directory {
    /// Where no table says otherwise, takes vendor queue ids as external ids (`pass_through_queues`).
    #[must_use]
    pub(crate) const fn passing_queues_through(mut self) -> Self {
        self.pass_through_queues = true;
        self
    }

    /// Adds a queue; false if (queue, channel) is there already.
    #[must_use]
    pub fn add_queue(&mut self, row: QueueRow) -> bool {
        let rows = self.queues.entry(row.queue).or_default();
        if rows.iter().any(|(channel, _)| *channel == row.channel) {
            return false;
        }
        rows.push((row.channel, row.external_id));
        self.counts.queues += 1;
        true
    }

    /// Adds an agent; false if the agent is there already; the first row stays.
    #[must_use]
    pub fn add_agent(&mut self, agent: VendorAgentId, sys_id: SysId) -> bool {
        let Entry::Vacant(free) = self.agents.entry(agent) else { return false };
        free.insert(sys_id);
        self.counts.agents += 1;
        true
    }

    /// Adds a reject reason (`*` = the default); false if it is there already.
    #[must_use]
    pub(crate) fn add_reason(&mut self, reason: String, row: ReasonRow) -> bool {
        let Entry::Vacant(free) = self.reasons.entry(reason) else { return false };
        free.insert(row);
        self.counts.reject_reasons += 1;
        true
    }

    /// The external id of a queue: the row of the channel before the row of any channel. A queue whose rows all
    /// name a channel is also found by an event without one, if there is exactly one.
    #[must_use]
    pub(crate) fn queue(
        &self,
        queue: &VendorQueueId,
        channel: Option<&Channel>,
    ) -> Option<ExternalId> {
        let Some(rows) = self.queues.get(queue) else {
            return self.pass_through_queues.then(|| ExternalId::parse(queue.as_str()).ok())?;
        };
        let of = |wanted: Option<&Channel>| {
            rows.iter().find(|(channel, _)| channel.as_ref() == wanted).map(|(_, id)| id.clone())
        };
        match channel {
            Some(_) => of(channel).or_else(|| of(None)),
            None => of(None).or_else(|| match rows.as_slice() {
                [(_, id)] => Some(id.clone()),
                _ => None,
            }),
        }
    }

    /// The `sys_user` of an agent.
    #[must_use]
    pub(crate) fn agent(&self, agent: &VendorAgentId) -> Option<SysId> {
        self.agents.get(agent).copied()
    }

    /// The reject reason for a vendor's reason, else the default. `channel` goes along with a display value.
    #[must_use]
    pub(crate) fn reason(
        &self,
        reason: Option<&str>,
        channel: Option<&Channel>,
    ) -> Option<RejectReason> {
        let row =
            reason.and_then(|reason| self.reasons.get(reason)).or_else(|| self.reasons.get("*"));
        row.map(|row| match row {
            ReasonRow::SysId(sys_id) => RejectReason::SysId(*sys_id),
            ReasonRow::DisplayValue(text) => RejectReason::DisplayValue {
                text: text.clone(),
                channel: channel.map(ToString::to_string),
            },
        })
    }

    /// How many rows there are.
    #[must_use]
    pub(crate) const fn counts(&self) -> TableCounts {
        self.counts
    }

    /// Every external id that an event can be mapped to, with its channel, in no order.
    pub(crate) fn external_ids(
        &self,
    ) -> impl Iterator<Item = (&VendorQueueId, Option<&Channel>, &ExternalId)> {
        self.queues.iter().flat_map(|(queue, rows)| {
            rows.iter().map(move |(channel, id)| (queue, channel.as_ref(), id))
        })
    }

    /// Every agent, in no order.
    pub(crate) fn agents(&self) -> impl Iterator<Item = (&VendorAgentId, SysId)> {
        self.agents.iter().map(|(agent, sys_id)| (agent, *sys_id))
    }

    /// Every reject reason, in no order.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = (&str, &ReasonRow)> {
        self.reasons.iter().map(|(reason, row)| (reason.as_str(), row))
    }
}
