//! Offer Work: `POST /api/now/awa/documents/{document_table}/{document_sys_id}/offer`.

use serde_json::{Value, json};

use super::super::switches::{OfferToAnother, RepeatOffer, ReplyQueue, SharedExternalId};
use super::options::{Options, text};
use super::route::is_transfer;
use super::{Answer, Refusal, SysId, UnixMillis, WorkItemState, World, sys_id_of};
use crate::routing::{DocumentRef, ExternalId, TableName};

/// What success says, here and at Manual Assignment.
pub(super) const REQUESTED: &str = "Manual assignment successfully requested.";

impl World {
    pub(super) fn offer(
        &mut self,
        caller: SysId,
        table: &str,
        sys_id: &str,
        body: &Value,
        now: UnixMillis,
    ) -> Answer {
        let transfer = is_transfer(body);
        let given_queue =
            if transfer { &body["transfer"]["source_queue_id"] } else { &body["queue_id"] };
        let item = self.may_assign(caller).and_then(|()| {
            let document = self.open_document(table, sys_id)?;
            if transfer {
                self.transfer(&document, body, now)
            } else {
                self.offer_document(&document, body, now)
            }
        });
        match item {
            Ok(item) => self.offered(item, &text(given_queue)),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn offer_document(
        &mut self,
        document: &DocumentRef,
        body: &Value,
        now: UnixMillis,
    ) -> Result<SysId, Refusal> {
        let assignment = &body["assignment"];
        if !assignment.is_object() {
            return Err(Refusal::BadParameter("Missing assignment".to_owned()));
        }
        let options = self.options(assignment, now)?;
        let queue = self.queue_given(&body["queue_id"], "queue_id")?;
        let agent = self.external_agent(&assignment["agent_sys_id"])?;
        let pending = self.pending_for(document, agent)?;
        if !self.is_available(agent, now) {
            return Err(Refusal::NotAvailable);
        }
        let item = match pending {
            Some(item) => item,
            None => self.add_work_item(document.clone(), queue, now),
        };
        self.change(item, |item| item.queue = queue);
        self.offer_to_agent(item, agent, &options, segment(body), now);
        Ok(item)
    }

    /// The work item that an offer to that agent would be put on; none if the document has none.
    fn pending_for(&self, document: &DocumentRef, agent: SysId) -> Result<Option<SysId>, Refusal> {
        let current = self.current_item(document.sys_id);
        // A consult to a queue is offered to the agent whom the queue's router picks.
        let consult = self.open_consult(document.sys_id).filter(|consult| {
            consult.state != WorkItemState::Accepted
                && current.is_none_or(|item| item.state == WorkItemState::Accepted)
        });
        let Some(current) = consult.or(current) else {
            return Ok(None);
        };
        match (current.state, current.assigned_to) {
            (WorkItemState::Accepted, _) => Err(Refusal::AcceptedCannotBeAssigned),
            (WorkItemState::PendingAccept, Some(holder)) => {
                self.may_offer_again(holder, agent).map(|()| Some(current.sys_id))
            }
            (WorkItemState::Queued | WorkItemState::PendingAccept, _) => Ok(Some(current.sys_id)),
            (WorkItemState::Canceled, _) => Ok(None),
        }
    }

    /// Whether a work item that is pending with `holder` can be offered to `agent`.
    pub(super) fn may_offer_again(&self, holder: SysId, agent: SysId) -> Result<(), Refusal> {
        let may = if holder == agent {
            self.switches.repeat_offer == RepeatOffer::Success
        } else {
            self.switches.offer_to_another == OfferToAnother::Moves
        };
        if may { Ok(()) } else { Err(Refusal::AlreadyAssigned(holder)) }
    }

    /// Offers a work item to an agent, who has accepted it at once with `enable_auto_assign`.
    pub(super) fn offer_to_agent(
        &mut self,
        item: SysId,
        agent: SysId,
        options: &Options,
        segment: Option<String>,
        now: UnixMillis,
    ) {
        self.change(item, |item| {
            item.enter(WorkItemState::PendingAccept, now);
            item.assigned_to = Some(agent);
            item.offered_on = Some(options.offered_on);
            item.timeout_seconds = options.timeout_seconds;
            item.after_timeout_presence = options.after_timeout_presence;
            item.allowed_to_decline = options.allowed_to_decline;
            item.display_option = options.display_option;
            item.auto_accepted = options.auto_assign;
            item.offer_count += 1;
            item.rejected = false;
            item.timed_out = false;
            if segment.is_some() {
                item.external_segment_id = segment;
            }
        });
        if options.auto_assign {
            self.accept_item(item, now);
        }
        let time_out = self.work_items.get(&item).and_then(super::WorkItem::times_out_at);
        self.time_outs.extend(time_out.map(|at| (at, item)));
    }

    /// Turns a pending work item into an accepted one and puts its document in progress.
    pub(super) fn accept_item(&mut self, id: SysId, now: UnixMillis) {
        let Some(item) = self.work_items.get_mut(&id) else {
            return;
        };
        item.enter(WorkItemState::Accepted, now);
        if item.consult == Some(super::ConsultState::Requested) {
            item.consult = Some(super::ConsultState::Accepted);
            return;
        }
        let (document, agent) = (item.document.sys_id, item.assigned_to);
        if let Some(document) = self.documents.get_mut(&document) {
            "work_in_progress".clone_into(&mut document.state);
            document.assigned_to = agent;
        }
    }

    /// The document of a path, known and open.
    pub(super) fn open_document(
        &mut self,
        table: &str,
        sys_id: &str,
    ) -> Result<DocumentRef, Refusal> {
        let (Ok(table), Ok(sys_id)) = (TableName::parse(table), SysId::parse(sys_id)) else {
            return Err(Refusal::NoRecord);
        };
        let appears = self.switches.documents_appear && table.as_str() == "interaction";
        if appears && !self.documents.contains_key(&sys_id) {
            self.add_interaction(sys_id);
        }
        let document = self.documents.get(&sys_id).filter(|document| document.table == table);
        match document {
            None => Err(Refusal::NoRecord),
            Some(document) if !document.is_open() => Err(Refusal::DocumentNotActive),
            Some(document) => Ok(document.reference()),
        }
    }

    /// The queue of that sys_id or external id.
    pub(super) fn queue_given(&mut self, given: &Value, name: &str) -> Result<SysId, Refusal> {
        let given = text(given);
        if given.is_empty() {
            return Err(Refusal::BadParameter(format!("Missing {name}")));
        }
        if let Some(queue) = self.find_queue(&given) {
            return Ok(queue);
        }
        if !self.switches.queues_appear {
            return Err(Refusal::NoRecord);
        }
        let (sys_id, external_id) = match (SysId::parse(&given), ExternalId::parse(&given)) {
            (Ok(sys_id), _) => (sys_id, None),
            (Err(_), Ok(_)) => (sys_id_of(&format!("queue {given}")), Some(given.as_str())),
            (Err(_), Err(_)) => return Err(Refusal::NoRecord),
        };
        self.add_queue(sys_id, &given, external_id, "voice");
        Ok(sys_id)
    }

    fn find_queue(&self, given: &str) -> Option<SysId> {
        if let Some(id) = SysId::parse(given).ok().filter(|id| self.queues.contains_key(id)) {
            return Some(id);
        }
        let external_id = ExternalId::parse(given).ok()?;
        let ids = self.queues_by_external_id.get(&external_id)?;
        let mut ids = ids.iter().copied();
        match self.switches.shared_external_id {
            SharedExternalId::First => ids.next(),
            SharedExternalId::Last => ids.next_back(),
            SharedExternalId::NotFound => ids.next().filter(|_| ids.next().is_none()),
        }
    }

    fn offered(&self, id: SysId, given_queue: &str) -> Answer {
        let Some(item) = self.work_items.get(&id) else {
            return Answer::no_record();
        };
        let name = self.documents.get(&item.document.sys_id).map(super::Document::display_name);
        let queue = match self.switches.reply_queue {
            ReplyQueue::SysId => item.queue.to_string(),
            ReplyQueue::AsGiven => given_queue.to_owned(),
        };
        Answer::result(json!({
            "work_item": {
                "display_name": name,
                "sys_id": item.sys_id,
                "document_id": item.document.sys_id,
                "document_table": item.document.table,
                "queue": queue,
            },
            "success": true,
            "message": REQUESTED,
        }))
    }
}

/// The `external_segment_id` of a request.
pub(super) fn segment(body: &Value) -> Option<String> {
    Some(text(&body["external_segment_id"])).filter(|segment| !segment.is_empty())
}
