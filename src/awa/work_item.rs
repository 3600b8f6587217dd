//! Rows of `awa_work_item`, and what they say about a call in doubt. Pure.
//!
//! A row counts only after it was checked against what was asked for: ServiceNow drops a query's unknown conditions
//! and hides fields that the user may not read.

use serde_json::Value;

use crate::routing::{AwaReply, SysId, UnixMillis};

/// The fields that a look-up asks for.
pub(super) const FIELDS: &str = "sys_id,state,active,assigned_to,queue,queue.external_id,document_id,\
document_table,offered_on,rejected,timed_out,sys_created_on,sys_updated_on";

/// How far a row's time stamps, which have one second's resolution, may lag behind the sending, in milliseconds.
const SLACK: u64 = 2_000;

/// One work item as far as the user may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) sys_id: SysId,
    pub(super) document: Option<String>,
    pub(super) state: Option<State>,
    pub(super) active: bool,
    /// None where the field is hidden, empty where no agent has it.
    pub(super) assigned_to: Option<String>,
    pub(super) queue: String,
    pub(super) external_id: Option<String>,
    pub(super) timed_out: bool,
    pub(super) updated: Option<UnixMillis>,
}

/// Where a work item stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Queued,
    PendingAccept,
    Accepted,
    Canceled,
    Other(String),
}

impl State {
    fn parse(text: &str) -> Self {
        match text.trim().to_lowercase().replace([' ', '-'], "_").as_str() {
            "queued" => Self::Queued,
            "pending_accept" => Self::PendingAccept,
            "accepted" => Self::Accepted,
            "canceled" | "cancelled" => Self::Canceled,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Whether the work is in an agent's hands.
    const fn with_agent(&self) -> bool {
        match self {
            Self::PendingAccept | Self::Accepted | Self::Other(_) => true,
            Self::Queued | Self::Canceled => false,
        }
    }
}

impl Row {
    /// Reads the `result` of a Table API answer; rows without an id are left out.
    pub(super) fn all(answer: &Value) -> Vec<Self> {
        match &answer["result"] {
            Value::Array(rows) => rows.iter().filter_map(Self::parse).collect(),
            row => Self::parse(row).into_iter().collect(),
        }
    }

    fn parse(row: &Value) -> Option<Self> {
        let flag =
            |field: &str| text(&row[field]).is_some_and(|word| word == "true" || word == "1");
        Some(Self {
            sys_id: SysId::parse(&text(&row["sys_id"])?).ok()?,
            document: text(&row["document_id"]),
            state: text(&row["state"]).map(|state| State::parse(&state)),
            active: text(&row["active"]).is_none_or(|word| word == "true" || word == "1"),
            assigned_to: text(&row["assigned_to"]),
            queue: text(&row["queue"]).unwrap_or_default(),
            external_id: text(&row["queue.external_id"]),
            timed_out: flag("timed_out"),
            updated: text(&row["sys_updated_on"]).and_then(|at| moment(&at)),
        })
    }

    fn is_with(&self, agent: SysId) -> bool {
        self.assigned_to.as_deref() == Some(agent.to_string().as_str())
    }

    /// Whether the fields that a decision needs are readable.
    const fn is_readable(&self) -> bool {
        self.state.is_some() && self.assigned_to.is_some()
    }

    /// Whether it can still bear on a call first sent at `since`: finished work of earlier times cannot.
    fn is_live(&self, since: UnixMillis) -> bool {
        let recent = self.updated.is_none_or(|updated| updated >= since.minus(SLACK));
        self.state != Some(State::Canceled) && (self.active || recent)
    }

    fn is_in(&self, state: &State) -> bool {
        self.state.as_ref() == Some(state)
    }
}

/// What the rows of a document, newest first, say about an offer to `agent`. `since`: when the call was first sent,
/// on ServiceNow's clock.
pub(super) fn offered(rows: &[Row], agent: SysId, since: UnixMillis) -> AwaReply {
    match newest_or_pending(rows, agent, since) {
        Found::With(row) => AwaReply::Landed { work_item: Some(row.sys_id) },
        Found::Other(row) if row.state.as_ref().is_some_and(State::with_agent) => taken(row),
        Found::Other(_) | Found::Nothing => AwaReply::NotLanded,
        Found::Hidden => AwaReply::LookUpForbidden,
    }
}

/// The same about a transfer to `agent`.
pub(super) fn transferred_to_agent(rows: &[Row], agent: SysId, since: UnixMillis) -> AwaReply {
    match newest_or_pending(rows, agent, since) {
        Found::With(row) => AwaReply::Landed { work_item: Some(row.sys_id) },
        Found::Other(_) | Found::Nothing => AwaReply::NotLanded,
        Found::Hidden => AwaReply::LookUpForbidden,
    }
}

/// The same about a transfer to the queue that `is_target` knows by sys_id and external id.
pub(super) fn transferred_to_queue(
    rows: &[Row],
    is_target: impl Fn(&Row) -> bool,
    since: UnixMillis,
) -> AwaReply {
    let landed = rows.iter().filter(|row| row.active && row.is_live(since)).find(|row| {
        // What an agent accepted before the transfer left is the work that was to be transferred.
        let before = row.is_in(&State::Accepted)
            && row.updated.is_some_and(|updated| updated < since.minus(SLACK));
        is_target(row) && !before
    });
    match landed {
        Some(row) => AwaReply::Landed { work_item: Some(row.sys_id) },
        None if rows.iter().any(|row| row.queue.is_empty()) => AwaReply::LookUpForbidden,
        None => AwaReply::NotLanded,
    }
}

/// What a work item says about its assignment to `agent`.
pub(super) fn assigned(row: &Row, agent: SysId) -> AwaReply {
    let Some(state) = row.state.as_ref().filter(|_| row.is_readable()) else {
        return AwaReply::LookUpForbidden;
    };
    match state {
        State::Canceled => AwaReply::DocumentClosed,
        State::Queued => AwaReply::NotLanded,
        State::PendingAccept | State::Accepted | State::Other(_) if row.is_with(agent) => {
            AwaReply::Landed { work_item: Some(row.sys_id) }
        }
        State::PendingAccept | State::Accepted | State::Other(_) => held_or_free(row),
    }
}

/// What a work item says about its acceptance by `agent`.
pub(super) fn accepted(row: &Row, agent: SysId) -> AwaReply {
    let Some(state) = row.state.as_ref().filter(|_| row.is_readable()) else {
        return AwaReply::LookUpForbidden;
    };
    match state {
        State::Queued | State::Canceled if row.timed_out => AwaReply::TooLate,
        State::Canceled => AwaReply::DocumentClosed,
        State::Accepted if row.is_with(agent) => AwaReply::Landed { work_item: Some(row.sys_id) },
        State::PendingAccept | State::Other(_) if row.is_with(agent) => AwaReply::NotLanded,
        State::Queued | State::Accepted | State::PendingAccept | State::Other(_) => taken(row),
    }
}

/// What a work item says about its rejection by `agent`: once it is not pending with the agent, the wish is met,
/// unless the agent has accepted it.
pub(super) fn rejected(row: &Row, agent: SysId) -> AwaReply {
    let Some(state) = row.state.as_ref().filter(|_| row.is_readable()) else {
        return AwaReply::LookUpForbidden;
    };
    match state {
        State::PendingAccept | State::Other(_) if row.is_with(agent) => AwaReply::NotLanded,
        State::Accepted if row.is_with(agent) => taken(row),
        State::Queued
        | State::Canceled
        | State::Accepted
        | State::PendingAccept
        | State::Other(_) => AwaReply::Landed { work_item: Some(row.sys_id) },
    }
}

enum Found<'a> {
    With(&'a Row),
    Other(&'a Row),
    Nothing,
    Hidden,
}

/// The card that the agent has now, in whatever state; else that of the agent with the newest open row.
fn newest_or_pending(rows: &[Row], agent: SysId, since: UnixMillis) -> Found<'_> {
    if rows.iter().any(|row| !row.is_readable()) {
        return Found::Hidden;
    }
    let mut living = rows.iter().filter(|row| row.is_live(since));
    let pending = |row: &&Row| row.is_with(agent) && row.active && row.is_in(&State::PendingAccept);
    if let Some(row) = living.clone().find(pending) {
        return Found::With(row);
    }
    match living.next() {
        Some(row) if row.is_with(agent) && !row.is_in(&State::Queued) => Found::With(row),
        Some(row) => Found::Other(row),
        None => Found::Nothing,
    }
}

fn held_or_free(row: &Row) -> AwaReply {
    if row.assigned_to.as_deref().is_none_or(str::is_empty) {
        return AwaReply::NotLanded;
    }
    taken(row)
}

fn taken(row: &Row) -> AwaReply {
    AwaReply::TakenBy {
        agent: row.assigned_to.clone().filter(|agent| !agent.is_empty()),
        work_item: Some(row.sys_id),
        accepted: row.is_in(&State::Accepted),
    }
}

/// A field's raw value, which may come as a string, a boolean, or `{value, link}`; none where it is hidden.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(reference) => reference.get("value").and_then(text),
        Value::Null | Value::Array(_) => None,
    }
}

/// Reads a raw time stamp, `yyyy-MM-dd HH:mm:ss` in UTC.
fn moment(text: &str) -> Option<UnixMillis> {
    UnixMillis::from_rfc3339(&format!("{}Z", text.trim().trim_end_matches('Z').replace(' ', "T")))
}

#[cfg(test)]
mod tests;
