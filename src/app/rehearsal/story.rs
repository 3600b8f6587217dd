//! The result of a rehearsal: step by step what was asked and answered and who has the card, and how all events ended.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::routing::{SysId, UnixMillis};

/// One step, and what came of it until the next one.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Played {
    /// Counted from 1.
    pub step: usize,
    pub name: String,
    #[serde(serialize_with = "moment")]
    pub at: UnixMillis,
    /// Since the start.
    pub after_ms: u64,
    /// What an agent did in ServiceNow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub also: Option<String>,
    /// The routing events; `{"ignored"}`, `{"unknown"}`, `{"duplicate"}`, `{"unreadable"}` or `{"refused"}` for what is none.
    pub events: Vec<Value>,
    pub calls: Vec<Called>,
    /// All cards when that was done.
    pub cards: Vec<CardShown>,
    /// What happened by itself before the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub later: Option<Later>,
}

/// What happens by itself while time goes by.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Later {
    pub calls: Vec<Called>,
    pub cards: Vec<CardShown>,
}

/// A call or a look-up, and ServiceNow's answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Called {
    pub event: String,
    pub call: &'static str,
    /// When it left.
    #[serde(serialize_with = "moment")]
    pub at: UnixMillis,
    pub method: String,
    pub path: String,
    pub body: Option<Value>,
    pub status: Option<u16>,
    pub meaning: &'static str,
    pub message: String,
}

/// A work item that an agent has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CardShown {
    pub document: SysId,
    /// The vendor's id; the sys_user where no table has one.
    pub agent: String,
    pub state: &'static str,
    #[serde(serialize_with = "moment")]
    pub since: UnixMillis,
    pub work_item: SysId,
    /// It stands beside another agent's card.
    pub consult: bool,
}

/// How an event ended, or where it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct EventShown {
    pub source: String,
    pub id: String,
    pub kind: Option<&'static str>,
    pub conversation: Option<String>,
    pub state: &'static str,
    pub reason: Option<String>,
}

/// A call that was played to its end.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Story {
    #[serde(skip)]
    pub steps: Vec<Played>,
    /// In the order of arrival.
    pub events: Vec<EventShown>,
    /// When the call had come to rest after its last step.
    pub cards: Vec<CardShown>,
    pub dead: usize,
    /// What is not as it has to be: promises that were broken and expectations that were not met.
    pub faults: Vec<String>,
}

fn moment<S: Serializer>(at: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}
