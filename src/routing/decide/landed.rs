//! A step has been carried out: what the conversation has become, and whether the entry goes on.

use super::plan::{self, Stop};
use super::{Effect, Lane};
use crate::routing::{
    Action, Conversation, DocumentRef, Entry, EntryId, HandOver, ItemState, OpenConsult, Outcome,
    Reason, ReasonCode, Rules, Stage, Step, SysId, TransferKind, UnixMillis, VendorAgentId,
    VendorTarget, WorkItem,
};

/// What a landed step leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The event is carried out.
    Settle,
    /// The same, but the card has to be taken back if the ring ends without an answer.
    SettleAndWatch,
    /// Another step may follow.
    GoOn,
}

/// It is done: remember what the conversation has become, then settle, or go on with the next step.
pub(super) fn landed(
    lane: &mut Lane,
    id: EntryId,
    work_item: Option<SysId>,
    code: ReasonCode,
    at: UnixMillis,
    rules: &Rules,
) {
    let Some(position) = lane.position(id) else { return };
    let entry = lane.entry_at(position);
    let step = entry.story.step.clone().unwrap_or(Step::Own);
    let named = entry.story.work_item.filter(|_| names_item(&step, &entry.event.action));
    let work_item = named.or(work_item);
    entry.story.work_item = work_item.or(entry.story.work_item);
    let entry = entry.clone();
    let new = New { entry: &entry, work_item, at, rules };
    let then = apply(&mut lane.conversation, &step, &new);
    let reason = Reason::plain(code);
    if entry.ended.is_some() {
        return lane.settle(id, Outcome::Delivered, reason, at);
    }
    match then {
        Then::Settle => lane.settle(id, Outcome::Delivered, reason, at),
        Then::SettleAndWatch => lane.settle_and_watch(id, reason, at, rules),
        Then::GoOn => go_on(lane, id, reason, at, rules),
    }
}

/// The next step follows at once, if there is one.
pub(super) fn go_on(lane: &mut Lane, id: EntryId, reason: Reason, at: UnixMillis, rules: &Rules) {
    let Some(entry) = lane.entry_mut(id) else { return };
    if entry.story.withdrawn {
        return lane.settle(id, Outcome::Superseded, Reason::plain(ReasonCode::Withdrawn), at);
    }
    entry.begins_anew();
    entry.story.work_item = None;
    let entry = entry.clone();
    let next = plan::next(&lane.conversation, &entry, at, rules);
    if let Err(Stop::Done(Outcome::Delivered, _)) = next {
        return lane.settle(id, Outcome::Delivered, reason, at);
    }
    if let Some(entry) = lane.entry_mut(id) {
        entry.stage = Stage::Waiting;
        entry.due = at;
        let why = Reason::plain(ReasonCode::NextStep);
        lane.effects.push(Effect::Reschedule { entry: id, at, why });
    }
}

/// The agent of a ring or of a transfer has this work item already: it is the card of that leg now, unless the agent
/// was rung since. A transfer says also what a consult that a ring began is for.
pub(super) fn takes_over(
    lane: &mut Lane,
    id: EntryId,
    work_item: SysId,
    at: UnixMillis,
    rules: &Rules,
) {
    let Some(entry) = lane.conversation.entry(id).cloned() else { return };
    let event = &entry.event;
    let is_ring = matches!(event.action, Action::Offer { .. });
    let mut watches = false;
    for item in lane.conversation.work_items.iter_mut().filter(|item| item.sys_id == work_item) {
        item.entry = Some(id);
        if is_ring || item.rung.is_none_or(|rung| rung <= event.occurred_at) {
            item.segment = event.segment.clone().or_else(|| item.segment.take());
            item.conversation = Some(event.conversation.clone());
        }
        if is_ring {
            item.rung = item.rung.map(|rung| rung.max(event.occurred_at));
            watches = item.state == ItemState::Pending && item.until.is_none();
        }
    }
    if let (Action::Transfer { kind, .. }, Some(consult)) =
        (&event.action, &mut lane.conversation.consult)
    {
        consult.by_ring = match kind {
            TransferKind::Consult => None,
            TransferKind::Blind => Some(HandOver::Blind),
        };
    }
    let reason = Reason::plain(ReasonCode::AlreadyInPlace);
    if watches {
        lane.settle_and_watch(id, reason, at, rules);
    } else {
        lane.settle(id, Outcome::Delivered, reason, at);
    }
}

/// Whether the call of a step names its work item, so that the answer's is the same.
const fn names_item(step: &Step, action: &Action) -> bool {
    match step {
        Step::TakeBack { .. } | Step::Accept { .. } | Step::Reject { .. } => true,
        Step::Own => matches!(action, Action::Assign { .. }),
        Step::HandOver { .. } | Step::EndConsult { .. } | Step::CloseDocument { .. } => false,
    }
}

/// What a landed step is about.
struct New<'a> {
    entry: &'a Entry,
    work_item: Option<SysId>,
    at: UnixMillis,
    rules: &'a Rules,
}

impl New<'_> {
    fn document(&self, conversation: &Conversation) -> Option<DocumentRef> {
        let brought =
            self.entry.story.brought.as_ref().and_then(|brought| brought.document.clone());
        self.entry.event.document.clone().or(brought).or_else(|| conversation.document.clone())
    }

    fn item(
        &self,
        conversation: &Conversation,
        agent: Option<&VendorAgentId>,
        state: ItemState,
    ) -> Option<WorkItem> {
        let event = &self.entry.event;
        Some(WorkItem {
            sys_id: self.work_item?,
            document: self.document(conversation),
            conversation: Some(event.conversation.clone()),
            agent: agent.cloned(),
            segment: event.segment.clone(),
            entry: Some(self.entry.id),
            state,
            rung: None,
            until: None,
            consult: false,
        })
    }
}

/// Books a step; what follows it.
fn apply(conversation: &mut Conversation, step: &Step, new: &New<'_>) -> Then {
    let event = &new.entry.event;
    match (step, &event.action) {
        (Step::Own, Action::Offer { agent, assignment, .. }) => {
            let auto = new.rules.offer.assignment(assignment).enable_auto_assign;
            let state = if auto { ItemState::Accepted } else { ItemState::Pending };
            let item = new.item(conversation, Some(agent), state);
            let until = Some(new.entry.deadline).filter(|_| !auto);
            let rung = Some(event.occurred_at);
            conversation.offered(item.map(|item| WorkItem { until, rung, ..item }));
            if !auto && conversation.has_answered(event) { Then::GoOn } else { Then::Settle }
        }
        (Step::Own, Action::Transfer { kind, target, .. }) => {
            let (agent, state) = match target {
                VendorTarget::Agent(agent) => (Some(agent), ItemState::Pending),
                VendorTarget::Queue(_) => (None, ItemState::Queued),
            };
            let item = new.item(conversation, agent, state);
            conversation.transferred(*kind, item, new, None);
            Then::Settle
        }
        (Step::Own, Action::Assign { agent, .. }) => {
            let item = new.item(conversation, Some(agent), ItemState::Pending);
            conversation.learn_work_item(item);
            Then::Settle
        }
        (Step::Own, Action::ConsultEnd { hand_over }) => {
            conversation.consult_ended(*hand_over);
            Then::Settle
        }
        (Step::Own, _) => Then::Settle,
        (Step::HandOver { kind }, action) => {
            let by_ring = event.style.hand_over.unwrap_or(new.rules.offer.hand_over);
            let item = new.item(conversation, event.agent(), ItemState::Pending);
            let rung = matches!(action, Action::Offer { .. }).then_some(event.occurred_at);
            let item = item.map(|item| WorkItem { rung, ..item });
            conversation.transferred(*kind, item, new, Some(by_ring));
            match action {
                // Without its work item nothing more can be asked for it.
                _ if new.work_item.is_none() => Then::Settle,
                Action::Offer { assignment, .. }
                    if new.rules.offer.assignment(assignment).enable_auto_assign
                        || conversation.has_answered(event) =>
                {
                    Then::GoOn
                }
                Action::Offer { .. } => Then::SettleAndWatch,
                _ => Then::GoOn,
            }
        }
        (Step::Accept { work_item }, _) => {
            conversation.accepted(*work_item, new);
            if plan::hands_over(conversation, new.entry, new.at, new.rules) {
                Then::GoOn
            } else {
                Then::Settle
            }
        }
        (Step::Reject { work_item }, _) => {
            conversation.returned(*work_item, event.agent());
            Then::Settle
        }
        (Step::TakeBack { work_item, agent }, _) => {
            conversation.returned(*work_item, Some(agent));
            Then::GoOn
        }
        (Step::EndConsult { hand_over, .. }, action) => {
            conversation.consult_ended(*hand_over);
            match action {
                Action::Reject { .. } => Then::Settle,
                _ => Then::GoOn,
            }
        }
        (Step::CloseDocument { document }, _) => {
            let closed =
                |item: &WorkItem| item.document.as_ref().is_none_or(|theirs| theirs == document);
            conversation.work_items.retain(|item| !closed(item));
            Then::GoOn
        }
    }
}

impl Conversation {
    /// An offer has put a card before an agent: of its document nobody else has one, a consult apart.
    fn offered(&mut self, item: Option<WorkItem>) {
        let Some(mut item) = item else { return };
        item.consult =
            self.work_items.iter().any(|known| known.sys_id == item.sys_id && known.consult);
        if !item.consult {
            self.work_items.retain(|known| known.consult || !known.is_of_document_of(&item));
        }
        self.learn_work_item(Some(item));
    }

    fn transferred(
        &mut self,
        kind: TransferKind,
        item: Option<WorkItem>,
        new: &New<'_>,
        by_ring: Option<HandOver>,
    ) {
        let event = &new.entry.event;
        match kind {
            TransferKind::Blind => {
                if let Some(item) = &item {
                    self.work_items.retain(|known| !known.is_of_document_of(item));
                }
                self.consult = None;
                self.learn_work_item(item);
            }
            TransferKind::Consult => {
                self.learn_work_item(item.map(|item| WorkItem { consult: true, ..item }));
                let document = new.document(self);
                self.consult = document.map(|document| OpenConsult {
                    document,
                    conversation: Some(event.conversation.clone()),
                    segment: event.segment.clone(),
                    entry: Some(new.entry.id),
                    since: new.at,
                    by_ring,
                });
            }
        }
    }

    fn learn_work_item(&mut self, learnt: Option<WorkItem>) {
        let Some(learnt) = learnt else { return };
        self.work_items.retain(|item| item.sys_id != learnt.sys_id);
        if self.work_items.len() >= Self::WORK_ITEMS {
            self.work_items.remove(0);
        }
        self.work_items.push(learnt);
    }

    fn accepted(&mut self, sys_id: SysId, new: &New<'_>) {
        let event = &new.entry.event;
        let known = self.work_items.iter_mut().find(|item| item.sys_id == sys_id);
        if let Some(item) = known {
            item.state = ItemState::Accepted;
            item.until = None;
            item.agent = event.agent().cloned().or_else(|| item.agent.take());
            item.segment = event.segment.clone().or_else(|| item.segment.take());
            item.conversation = Some(event.conversation.clone());
        } else {
            let new = New { work_item: Some(sys_id), ..*new };
            let item = new.item(self, event.agent(), ItemState::Accepted);
            self.learn_work_item(item);
        }
    }

    /// The card of that agent is gone, of a consult the work item too. ServiceNow puts the next agent's card on the
    /// same work item, so that it may be another's by now.
    pub(super) fn returned(&mut self, sys_id: SysId, agent: Option<&VendorAgentId>) {
        let theirs = |item: &WorkItem| item.agent.is_some() && item.agent.as_ref() != agent;
        if self.work_items.iter().any(|item| item.sys_id == sys_id && theirs(item)) {
            return;
        }
        let consults = |item: &WorkItem| item.sys_id == sys_id && item.consult;
        if self.work_items.iter().any(consults) {
            self.consult = None;
            self.work_items.retain(|item| item.sys_id != sys_id);
        }
        for item in self.work_items.iter_mut().filter(|item| item.sys_id == sys_id) {
            item.state = ItemState::Returned;
        }
    }

    /// The consult is over: with a hand-over the second agent's work item is the document's.
    pub(super) fn consult_ended(&mut self, hand_over: bool) {
        self.consult = None;
        let second = self.work_items.iter().rposition(|item| item.consult);
        let second = second.map(|place| self.work_items.remove(place));
        self.work_items.retain(|item| !item.consult);
        let taken = |item: &WorkItem| item.state == ItemState::Accepted;
        if let Some(second) = second.filter(|item| hand_over && taken(item)) {
            self.work_items.retain(|item| !item.is_of_document_of(&second));
            self.work_items.push(WorkItem { consult: false, ..second });
        }
    }
}

impl WorkItem {
    fn is_of_document_of(&self, other: &Self) -> bool {
        let documents = self.document.as_ref().zip(other.document.as_ref());
        documents.is_none_or(|(ours, theirs)| ours == theirs)
    }
}
