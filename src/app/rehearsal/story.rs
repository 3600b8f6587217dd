//! The result of a rehearsal: step by step what was asked and answered and who has the card, and how all events ended.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::routing::{SysId, UnixMillis};

/// One step, and what came of it until the next one.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Played {
    /// Counted from 1.
    pub(crate) step: usize,
    pub(crate) name: String,
    #[serde(serialize_with = "moment")]
    pub(crate) at: UnixMillis,
    /// Since the start.
    pub(crate) after_ms: u64,
    /// What an agent did in ServiceNow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) also: Option<String>,
    /// The routing events; `{"ignored"}`, `{"unknown"}`, `{"duplicate"}`, `{"unreadable"}` or `{"refused"}` for what is
    /// none.
    pub(crate) events: Vec<Value>,
    pub(crate) calls: Vec<Called>,
    /// All cards when that was done.
    pub(crate) cards: Vec<CardShown>,
    /// What happened by itself before the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) later: Option<Later>,
}

/// What happens by itself while time goes by.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Later {
    pub(crate) calls: Vec<Called>,
    pub(crate) cards: Vec<CardShown>,
}

/// A call or a look-up, and ServiceNow's answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Called {
    pub(crate) event: String,
    pub(crate) call: &'static str,
    /// When it left.
    #[serde(serialize_with = "moment")]
    pub(crate) at: UnixMillis,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    pub(crate) status: Option<u16>,
    pub(crate) meaning: &'static str,
    pub(crate) message: String,
}

/// A work item that an agent has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CardShown {
    pub(crate) document: SysId,
    /// The vendor's id; the sys_user where no table has one.
    pub(crate) agent: String,
    pub(crate) state: &'static str,
    #[serde(serialize_with = "moment")]
    pub(crate) since: UnixMillis,
    pub(crate) work_item: SysId,
    /// It stands beside another agent's card.
    pub(crate) consult: bool,
}

/// How an event ended, or where it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct EventShown {
    pub(crate) source: String,
    pub(crate) id: String,
    pub(crate) kind: Option<&'static str>,
    pub(crate) conversation: Option<String>,
    pub(crate) state: &'static str,
    pub(crate) reason: Option<String>,
}

/// A call that was played to its end.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Story {
    #[serde(skip)]
    pub(crate) steps: Vec<Played>,
    /// In the order of arrival.
    pub(crate) events: Vec<EventShown>,
    /// When the call had come to rest after its last step.
    pub(crate) cards: Vec<CardShown>,
    pub(crate) dead: usize,
    /// What is not as it has to be: promises that were broken and expectations that were not met.
    pub(crate) faults: Vec<String>,
}

fn moment<S: Serializer>(at: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}
