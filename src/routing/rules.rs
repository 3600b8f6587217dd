//! The numbers and policies that decisions follow; they come from the configuration.

use serde::Deserialize;

use super::{
    Assignment, AssignmentWish, Directory, DisplayOption, DocumentRef, HandOver, SysId, TableName,
};

/// What `decide` goes by, beside the conversation and the input.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The tables of the conversation's contact centre.
    pub directory: std::sync::Arc<Directory>,
    /// What an offer has where the event does not say it.
    pub offer: OfferDefaults,
    /// For events without a deadline of their own, in milliseconds from their receipt.
    pub give_up_after: u64,
    /// How long an event waits for a document or a work item that another feed may still bring, in milliseconds.
    pub hold: u64,
    /// How far apart two events may lie, on the vendor's clock, that tell the same thing under two ids, in
    /// milliseconds; 0 = never taken for the same.
    pub repeat_window: u64,
    /// Pauses after "agent is not available", in milliseconds; when they are used up the offer is given up.
    pub unavailable_pauses: Vec<u64>,
    /// What to do with a call in doubt that may not be looked up.
    pub doubt: Doubt,
    /// What takes a card back when the call has gone.
    pub withdraw: WithdrawAction,
    /// Ends an open consult when the conversation is withdrawn.
    pub withdraw_ends_consult: bool,
    /// How long after it occurred an event is taken, in milliseconds: its id must still be remembered if it is sent
    /// again.
    pub memory: u64,
    /// The only tables whose documents are called for.
    pub tables: Vec<TableName>,
}

impl Rules {
    /// Whether a document may be called for: who fills a vendor's attribute must not choose any record of the instance.
    #[must_use]
    pub(crate) fn allow(&self, document: &DocumentRef) -> bool {
        self.tables.contains(&document.table)
    }
}

/// The `[offer]` section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferDefaults {
    /// How long a card stays, in seconds.
    pub timeout_seconds: u32,
    /// Whether the agent may decline it.
    pub allowed_to_decline: bool,
    /// Whether AWA may route it on after a decline.
    pub enable_auto_assign: bool,
    /// How the inbox shows it.
    pub display_option: DisplayOption,
    /// The presence that an agent gets who let it time out.
    pub after_timeout_presence: Option<SysId>,
    /// What a ring means while another agent has accepted and is still there; a profile may say otherwise.
    pub hand_over: HandOver,
    /// How a pending card makes room for the next agent.
    pub replace: Replace,
}

/// How a pending card makes room for the next agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replace {
    /// It is rejected with the default reason.
    #[default]
    Reject,
    /// The next agent waits for its end, inside the own ring time.
    Wait,
}

impl OfferDefaults {
    /// The event's wish where it says one, else the default.
    #[must_use]
    pub(crate) fn assignment(&self, wish: &AssignmentWish) -> Assignment {
        Assignment {
            allowed_to_decline: wish.allowed_to_decline.unwrap_or(self.allowed_to_decline),
            enable_auto_assign: wish.enable_auto_assign.unwrap_or(self.enable_auto_assign),
            display_option: wish.display_option.unwrap_or(self.display_option),
            after_timeout_presence: wish.after_timeout_presence.or(self.after_timeout_presence),
        }
    }
}

impl Default for OfferDefaults {
    fn default() -> Self {
        Self {
            timeout_seconds: 30,
            allowed_to_decline: true,
            enable_auto_assign: false,
            display_option: DisplayOption::CardOnly,
            after_timeout_presence: None,
            hand_over: HandOver::default(),
            replace: Replace::default(),
        }
    }
}

/// What becomes of a call in doubt when ServiceNow forbids the look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Repeat it: the agent may ring twice, the caller is not lost.
    #[default]
    Repeat,
    /// Give it up as a dead letter.
    Dead,
}

/// What a withdraw does about work that has been sent already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawAction {
    None,
    /// Rejects the pending work item with the default reason; without a default reason nothing is done.
    #[default]
    Reject,
    /// At the end of the conversation, sets the interaction to closed_abandoned; of a leg that ends alone, rejects the
    /// pending work item.
    CloseDocument,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            directory: std::sync::Arc::default(),
            offer: OfferDefaults::default(),
            give_up_after: 600_000,
            hold: 2_000,
            repeat_window: 2_000,
            unavailable_pauses: vec![500, 1_000, 2_000, 4_000],
            doubt: Doubt::Repeat,
            withdraw: WithdrawAction::default(),
            withdraw_ends_consult: false,
            memory: 72 * 3_600_000 - super::MAX_AHEAD,
            tables: ["interaction", "task", "incident", "sn_customerservice_case"]
                .into_iter()
                .filter_map(|name| TableName::parse(name).ok())
                .collect(),
        }
    }
}
