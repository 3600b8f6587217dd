//! The card is not where a call expected it: with another agent, with nobody any more, or not to be taken away.

use super::Lane;
use super::landed::go_on;
use super::on_reply::{Again, again};
use crate::routing::{
    Conversation, EntryId, ItemState, Outcome, Pause, Reason, ReasonCode, Rules, Step, SysId,
    UnixMillis, VendorAgentId, WorkItem,
};

/// Who has the work item in the place of the agent of a call.
pub(super) struct Holder {
    pub(super) agent: Option<String>,
    pub(super) work_item: Option<SysId>,
    pub(super) accepted: bool,
}

/// The work item is with somebody else, or with nobody any more. If the bridge knows the agent, the conversation goes
/// on from there; a stranger's work is not touched.
pub(super) fn taken(
    lane: &mut Lane,
    id: EntryId,
    step: &Step,
    holder: &Holder,
    back_off: Pause,
    at: UnixMillis,
    rules: &Rules,
) -> Option<(Outcome, Reason)> {
    let known = lane.note_holder(holder, rules);
    if step.tidies() {
        // Accepted by its own agent, or with somebody else: in either case there is no card to take back.
        if !known && let Step::TakeBack { work_item, agent } = step {
            lane.conversation.returned(*work_item, Some(agent));
        }
        go_on(lane, id, Reason::plain(ReasonCode::TakenByAnother), at, rules);
        return None;
    }
    let detail = match &holder.agent {
        Some(agent) => agent.clone(),
        None => "nobody: it is back in its queue".to_owned(),
    };
    let dead = (Outcome::Dead, Reason::with(ReasonCode::TakenByAnother, detail));
    match step {
        Step::Accept { .. } if lane.may_move(id, step) && (known || holder.agent.is_none()) => {
            moves(lane, id, step, at, rules);
            None
        }
        // It was the work item of a queue, and has not been offered to the agent: the ring may still come.
        Step::Accept { work_item } if holder.agent.is_none() && lane.is_queued(*work_item) => {
            moves(lane, id, step, at, rules);
            None
        }
        Step::Reject { .. } if holder.accepted => {
            let detail = "the agent has accepted it in ServiceNow";
            Some((Outcome::Superseded, Reason::with(ReasonCode::Answered, detail)))
        }
        Step::Own | Step::HandOver { .. } if known && holder.accepted => {
            go_on(lane, id, Reason::plain(ReasonCode::TakenByAnother), at, rules);
            None
        }
        // The bridge takes the card for gone, and it is still there: it is made to go, or goes within moments.
        Step::Own | Step::HandOver { .. } if known => {
            lane.conversation.extend_cards(at.plus(back_off.ms.max(1)), at);
            again(lane, id, &Again::Call, back_off, at);
            None
        }
        _ => Some(dead),
    }
}

/// The card is not where the accept expected it: it has to be moved to the agent.
pub(super) fn moves(lane: &mut Lane, id: EntryId, step: &Step, at: UnixMillis, rules: &Rules) {
    if let Step::Accept { work_item } = step {
        let items = lane.conversation.work_items.iter_mut();
        let agent = lane.conversation.entries.iter().find(|entry| entry.id == id);
        let agent = agent.and_then(|entry| entry.event.agent());
        for item in items.filter(|item| item.sys_id == *work_item && item.agent.as_ref() == agent) {
            item.state = ItemState::Returned;
        }
    }
    if let Some(entry) = lane.entry_mut(id) {
        entry.story.moves += 1;
    }
    go_on(lane, id, Reason::plain(ReasonCode::CardGone), at, rules);
}

/// A card cannot be taken back: the ring waits for its end.
pub(super) fn no_room(lane: &mut Lane, id: EntryId, at: UnixMillis, rules: &Rules) {
    if let Some(entry) = lane.entry_mut(id) {
        entry.story.no_room = true;
    }
    go_on(lane, id, Reason::plain(ReasonCode::NoRoom), at, rules);
}

impl Lane {
    /// Whether an accept may have the work moved to its agent: a ring of the bridge's has to have been there.
    pub(super) fn may_move(&self, id: EntryId, step: &Step) -> bool {
        let Some(entry) = self.conversation.entry(id) else { return false };
        let rung = self.conversation.leg(&entry.event).is_some_and(|leg| leg.rung.is_some());
        matches!(step, Step::Accept { .. }) && rung && entry.story.moves == 0
    }

    fn is_queued(&self, sys_id: SysId) -> bool {
        let queued = |item: &WorkItem| item.sys_id == sys_id && item.state == ItemState::Queued;
        self.conversation.work_items.iter().any(queued)
    }

    /// Books who has the work item, if that is an agent of this conversation.
    pub(super) fn note_holder(&mut self, holder: &Holder, rules: &Rules) -> bool {
        let is = |agent: &VendorAgentId| {
            let ours = rules.directory.agent(agent).map(|agent| agent.to_string());
            let theirs = holder.agent.as_deref();
            ours.zip(theirs).is_some_and(|(ours, theirs)| ours.eq_ignore_ascii_case(theirs))
        };
        let conversation = &mut self.conversation;
        let held = |item: &WorkItem| {
            item.agent.as_ref().is_some_and(is)
                && matches!(item.state, ItemState::Pending | ItemState::Accepted)
        };
        if let Some(item) = conversation.work_items.iter_mut().rev().find(|item| held(item)) {
            if holder.accepted {
                item.state = ItemState::Accepted;
                item.until = None;
            }
            return true;
        }
        let leg = conversation.legs.iter().rev().find(|leg| leg.agent.as_ref().is_some_and(is));
        let Some(leg) = leg.cloned() else { return false };
        if let Some(sys_id) = holder.work_item.filter(|_| holder.accepted) {
            conversation.work_items.retain(|item| item.sys_id != sys_id);
            conversation.work_items.push(WorkItem {
                sys_id,
                document: conversation.document.clone(),
                conversation: Some(leg.conversation),
                agent: leg.agent,
                segment: leg.segment,
                entry: None,
                state: ItemState::Accepted,
                rung: None,
                until: None,
                consult: false,
            });
        }
        true
    }
}

impl Conversation {
    /// Cards whose time is over are still there.
    fn extend_cards(&mut self, until: UnixMillis, at: UnixMillis) {
        let late = |item: &&mut WorkItem| {
            item.state == ItemState::Pending && item.until.is_some_and(|until| until <= at)
        };
        for item in self.work_items.iter_mut().filter(late) {
            item.until = Some(until.plus(1));
        }
    }
}
