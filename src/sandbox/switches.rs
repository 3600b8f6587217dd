//! What an instance can be like where ServiceNow's pages leave it open, and what state it is in as a whole.
//!
//! Every field has a default that the pages allow; a test sets the one that it is about.

use serde::{Deserialize, Serialize};

use super::world::Endpoint;

/// How the instance behaves. In JSON all keys are optional and unknown ones are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Status and shape of a refused Offer, Manual Assignment or consult end.
    pub refusals: RefusalShape,
    /// How a caller without the role is refused at Offer and Manual Assignment, whose pages name no 403.
    pub missing_role: MissingRole,
    /// What the same offer to the same agent gets while the card is still pending.
    pub repeat_offer: RepeatOffer,
    /// What an offer to another agent does while the card is still pending.
    pub offer_to_another: OfferToAnother,
    /// What a transfer of a work item does whose card is still pending.
    pub transfer_of_pending: TransferOfPending,
    /// What becomes of a work item that was transferred to an agent who rejects it.
    pub rejected_transfer: RejectedTransfer,
    /// What becomes of a consult whose agent rejects it.
    pub rejected_consult: RejectedConsult,
    /// What becomes of a work item that was offered anew after a reject, and is rejected again.
    pub rejected_again: RejectedAgain,
    /// What becomes of a work item whose card's time is over.
    pub timed_out: TimedOut,
    /// Which queue is taken when several share an external id.
    pub shared_external_id: SharedExternalId,
    /// The queue in an offer's answer.
    pub reply_queue: ReplyQueue,
    /// The raw value of a canceled work item's state.
    pub canceled_spelling: CanceledSpelling,
    /// `glide.invalid_query.returns_no_rows`: otherwise unknown fields of a query are dropped.
    pub invalid_query_returns_no_rows: bool,
    /// Whether the caller may read tables.
    pub table_reads: TableReads,
    /// Tables that the caller may not read: 403 "Insufficient rights to query records".
    pub closed_tables: Vec<String>,
    /// Tables that this instance does not have.
    pub missing_tables: Vec<String>,
    /// Columns that are left out of the rows, as `table.column`: an access rule hides them.
    pub hidden_fields: Vec<String>,
    /// Rows that are left out of a page after it was counted off, as `table/sys_id`.
    pub hidden_rows: Vec<String>,
    /// How long offers go by the presence that an agent had before a change through the Agent API, in milliseconds.
    pub presence_lag_ms: u64,
    /// The `glide.awa.enabled` property.
    pub awa_enabled: bool,
    /// The AWA plugin is not there: its paths do not represent any resource.
    pub plugin_missing: bool,
    /// APIs that this release does not have.
    pub missing_apis: Vec<Endpoint>,
    /// A developer instance asleep: every path answers 200 with an HTML page.
    pub hibernating: bool,
    /// A document that is not known is created when it is first named (table `interaction` only).
    pub documents_appear: bool,
    /// A queue that is not known is created when it is first named.
    pub queues_appear: bool,
    /// An agent who is not known is created, available and with both roles, when first named.
    pub agents_appear: bool,
    /// The instance's clock less the real one, in milliseconds.
    pub clock_offset_ms: i64,
    /// A rate limit rule for the caller.
    pub rate_limit: Option<RateLimit>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            refusals: RefusalShape::default(),
            missing_role: MissingRole::default(),
            repeat_offer: RepeatOffer::default(),
            offer_to_another: OfferToAnother::default(),
            transfer_of_pending: TransferOfPending::default(),
            rejected_transfer: RejectedTransfer::default(),
            rejected_consult: RejectedConsult::default(),
            rejected_again: RejectedAgain::default(),
            timed_out: TimedOut::default(),
            shared_external_id: SharedExternalId::default(),
            reply_queue: ReplyQueue::default(),
            canceled_spelling: CanceledSpelling::default(),
            invalid_query_returns_no_rows: false,
            table_reads: TableReads::default(),
            closed_tables: Vec::new(),
            missing_tables: Vec::new(),
            hidden_fields: Vec::new(),
            hidden_rows: Vec::new(),
            presence_lag_ms: 0,
            awa_enabled: true,
            plugin_missing: false,
            missing_apis: Vec::new(),
            hibernating: false,
            documents_appear: false,
            queues_appear: false,
            agents_appear: false,
            clock_offset_ms: 0,
            rate_limit: None,
        }
    }
}

impl Switches {
    /// Documents, queues and agents are created when they are first named.
    #[must_use]
    pub(crate) fn permissive() -> Self {
        Self { documents_appear: true, queues_appear: true, agents_appear: true, ..Self::default() }
    }
}

/// Shape of a refusal. No page shows one: 409 is documented, `success` is "possibly false".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalShape {
    /// 409 (404 for what does not exist) and `{"error":{"message","detail"},"status":"failure"}`.
    #[default]
    ConflictError,
    /// 409 (404 for what does not exist) and `{"result":{"success":false,"message"}}`.
    ConflictResult,
    /// 200 and `{"result":{"success":false,"message"}}`.
    SuccessFalse,
}

/// How a missing caller role shows at Offer and Manual Assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingRole {
    Unauthorised401,
    Forbidden403,
    /// The page lists the message among those of 409.
    #[default]
    Conflict409,
    ServerError500,
    SuccessFalse200,
}

/// The same offer to the same agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepeatOffer {
    /// It succeeds on the same work item: "already assigned" is explained as "to *another* agent".
    #[default]
    Success,
    /// "Work Item is already assigned to" that agent.
    AlreadyAssigned,
}

/// An offer to a second agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferToAnother {
    /// "Work Item is already assigned to" the first.
    #[default]
    Refused,
    /// The card moves.
    Moves,
}

/// A transfer while the card is still pending with an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferOfPending {
    /// The card goes; the target gets one.
    #[default]
    Allowed,
    /// "Work Item is already assigned to" the agent.
    Refused,
}

/// A rejected blind transfer. "Transfer was canceled or rejected" is a documented cancel reason; of which transfers the
/// pages do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectedTransfer {
    /// It waits in its queue, as any rejected work item.
    #[default]
    Queued,
    Canceled,
}

/// A rejected consult.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectedConsult {
    /// The consult is over.
    #[default]
    Canceled,
    /// It waits in its queue for another agent, still requested.
    Queued,
}

/// A reject after a reassignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectedAgain {
    /// It waits in its queue.
    #[default]
    Queued,
    /// The known defect PRB1935541: the work item is canceled and the interaction closed as abandoned.
    ClosesDocument,
}

/// A card whose time is over. "Time out" is a documented cancel reason; whether of such a card the pages do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimedOut {
    /// The work item waits in its queue.
    #[default]
    Queued,
    Canceled,
}

/// Two queues with one external id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharedExternalId {
    /// The one that was created first.
    #[default]
    First,
    /// The one that was created last.
    Last,
    /// 404, as if there were none.
    NotFound,
}

/// The queue in an offer's answer ("sys_id or the queue identifier in an external system").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyQueue {
    #[default]
    SysId,
    AsGiven,
}

/// How the state is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanceledSpelling {
    #[default]
    Canceled,
    Cancelled,
}

impl CanceledSpelling {
    /// The raw value.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What the caller gets of the Table API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableReads {
    /// They are answered.
    #[default]
    Allowed,
    /// 403 "Insufficient rights to query records".
    Forbidden,
    /// 200 without rows: an access rule hides each of them.
    NoRows,
}

/// A rate limit rule: so many requests in a window that starts with the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests in a window; `X-RateLimit-Limit`.
    pub(crate) limit: u32,
    /// Length of the window in seconds; ServiceNow's is an hour.
    #[serde(default = "an_hour")]
    pub(crate) window_seconds: u32,
    /// The rule's sys_id; `X-RateLimit-Rule`.
    #[serde(default = "a_rule")]
    pub(crate) rule: String,
    /// Whether a refusal carries `Retry-After`.
    #[serde(default = "yes")]
    pub(crate) retry_after: bool,
}

impl RateLimit {
    /// So many an hour.
    #[must_use]
    pub fn per_hour(limit: u32) -> Self {
        Self { limit, window_seconds: an_hour(), rule: a_rule(), retry_after: true }
    }
}

const fn an_hour() -> u32 {
    3600
}

fn a_rule() -> String {
    "6b7bfb2bd7832100f20bc8170e610385".to_owned()
}

const fn yes() -> bool {
    true
}
