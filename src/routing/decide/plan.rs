//! The next step of an entry: what has to be asked of ServiceNow now, so that the right agent has the card.
//!
//! It looks at the cards that the bridge knows of and at the legs that the vendor has reported, never at what was
//! planned before: a step that has become needless, or another one that has become needed, follows from the state
//! alone.

mod answer;
mod cards;
mod end;
mod ring;

use super::build::Need;
use crate::routing::{
    Action, Conversation, Entry, Missing, Outcome, Reason, ReasonCode, RoutingEvent, Rules, Step,
    SysId, UnixMillis, VendorTarget,
};

pub(super) use self::cards::no_offer;
pub(super) use self::end::{Subject, concerns};

/// Why there is no call now.
pub(super) enum Stop {
    /// The tables lack an id.
    Missing(Missing),
    /// The conversation lacks something that a later event may bring.
    Unknown(Need),
    /// Another agent has the card; it has to be waited for, until then at the latest.
    Wait(UnixMillis),
    /// The agent has this card already: the leg is now the card's.
    Has(SysId),
    /// Nothing is left to do.
    Done(Outcome, Reason),
}

fn done(code: ReasonCode) -> Stop {
    Stop::Done(Outcome::Delivered, Reason::plain(code))
}

fn pointless(code: ReasonCode, detail: &str) -> Stop {
    Stop::Done(Outcome::Superseded, Reason::with(code, detail))
}

/// The next step of an entry as things stand at `at`.
pub(super) fn next(
    conversation: &Conversation,
    entry: &Entry,
    at: UnixMillis,
    rules: &Rules,
) -> Result<Step, Stop> {
    let plan = Plan { conversation, entry, event: &entry.event, at, rules };
    if entry.ended.is_some() {
        return plan.watch();
    }
    match &entry.event.action {
        Action::Offer { agent, assignment, .. } => {
            let auto = rules.offer.assignment(assignment).enable_auto_assign;
            plan.ring(agent, auto)
        }
        Action::Transfer { kind, target: VendorTarget::Agent(agent), .. } => {
            plan.transfer(*kind, agent)
        }
        Action::Transfer { kind, target: VendorTarget::Queue(_), .. } => {
            Ok(plan.own_after_consult(*kind))
        }
        Action::Assign { .. } | Action::ConsultEnd { .. } => Ok(Step::Own),
        Action::Accept { agent, work_item } => plan.accept(agent, *work_item),
        Action::Reject { agent, work_item, .. } => plan.reject(agent, *work_item),
        Action::Withdraw => plan.withdraw(),
        Action::Leave { .. } => plan.leave(),
        Action::Bind => Err(done(ReasonCode::Done)),
    }
}

/// Whether an accept that has landed ends the open consult.
pub(super) fn hands_over(
    conversation: &Conversation,
    entry: &Entry,
    at: UnixMillis,
    rules: &Rules,
) -> bool {
    Plan { conversation, entry, event: &entry.event, at, rules }.consult_step().is_some()
}

/// What a step is looked for with.
struct Plan<'a> {
    conversation: &'a Conversation,
    entry: &'a Entry,
    event: &'a RoutingEvent,
    at: UnixMillis,
    rules: &'a Rules,
}
