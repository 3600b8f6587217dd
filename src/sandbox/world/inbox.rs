//! Inbox Actions: accept and reject on behalf of an agent, and the reject reasons of a service channel.

use serde_json::{Value, json};

use super::super::switches::{RejectedAgain, RejectedConsult, RejectedTransfer};
use super::options::text;
use super::{
    Answer, ConsultState, RejectReasonRecord, SysId, UnixMillis, WorkItem, WorkItemState, World,
};

/// The documented cancel reason of a transfer that nobody took.
pub(super) const NOT_TAKEN: &str = "Transfer was canceled or rejected";

impl World {
    pub(super) fn accept(&mut self, caller: SysId, body: &Value, now: UnixMillis) -> Answer {
        match self.try_accept(caller, body, now) {
            Ok(answer) | Err(answer) => answer,
        }
    }

    fn try_accept(
        &mut self,
        caller: SysId,
        body: &Value,
        now: UnixMillis,
    ) -> Result<Answer, Answer> {
        self.may_integrate(caller)?;
        let agent = required(body, "agent_id", "Missing agent ID")?;
        let id = required(body, "work_item_id", "Missing work item ID")?;
        let item = SysId::parse(&id).ok().and_then(|id| self.work_items.get(&id));
        let item = item.ok_or_else(|| invalid("Wrong work item ID"))?;
        pending_with(item, &agent)?;
        let (id, document) = (item.sys_id, item.document.clone());
        self.accept_item(id, now);
        Ok(Answer::result(
            json!({ "documentSysId": document.sys_id, "documentTable": document.table }),
        ))
    }

    pub(super) fn reject(&mut self, caller: SysId, body: &Value, now: UnixMillis) -> Answer {
        match self.try_reject(caller, body, now) {
            Ok(answer) | Err(answer) => answer,
        }
    }

    fn try_reject(
        &mut self,
        caller: SysId,
        body: &Value,
        now: UnixMillis,
    ) -> Result<Answer, Answer> {
        self.may_integrate(caller)?;
        let agent = required(body, "agent_id", "Missing agent ID")?;
        let id = required(body, "work_item_id", "Missing work item ID")?;
        let reason = required(body, "reject_reason_id", "Missing reject reason item ID")?;
        self.record_of(&agent, "sys_user", |world, id| world.users.contains_key(id))?;
        self.record_of(&reason, "awa_reject_reason", |world, id| {
            world.reject_reasons.contains_key(id)
        })?;
        let item_id =
            self.record_of(&id, "awa_work_item", |world, id| world.work_items.contains_key(id))?;
        let item = self.work_items.get(&item_id).ok_or_else(Answer::no_record)?;
        pending_with(item, &agent)?;
        self.decline(item_id, now);
        Ok(Answer::result(
            json!({ "work_item_id": id, "reject_reason_id": reason, "agent_id": agent }),
        ))
    }

    /// The agent declines a pending work item.
    pub(super) fn decline(&mut self, id: SysId, now: UnixMillis) {
        let switches = &self.switches;
        let (rejected_consult, rejected_transfer, rejected_again) =
            (switches.rejected_consult, switches.rejected_transfer, switches.rejected_again);
        let Some(item) = self.work_items.get_mut(&id) else { return };
        let consult = item.consult == Some(ConsultState::Requested);
        let transfer = item.previous_work_item.is_some() && item.offer_count == 1;
        let canceled = if consult {
            rejected_consult == RejectedConsult::Canceled
        } else {
            transfer && rejected_transfer == RejectedTransfer::Canceled
        };
        if canceled {
            item.consult = item.consult.map(|_| ConsultState::Cancelled);
            item.cancel(NOT_TAKEN, now);
            item.assigned_to = None;
        } else {
            item.back_to_queue(now);
        }
        item.rejected = true;
        let closes =
            !consult && item.offer_count > 1 && rejected_again == RejectedAgain::ClosesDocument;
        let document = item.document.sys_id;
        if closes {
            self.abandon(document, now);
        }
    }

    pub(super) fn list_reject_reasons(&self, caller: SysId, channel: &str) -> Answer {
        if let Err(answer) = self.may_integrate(caller) {
            return answer;
        }
        let channel = SysId::parse(channel).ok().filter(|id| self.channels.contains_key(id));
        let Some(channel) = channel else {
            return Answer::error(404, "Record not found", "The channel ID provided is not valid.");
        };
        let row = |reason: &RejectReasonRecord| {
            json!({
                "order": reason.order,
                "value": reason.value,
                "display_value": reason.display_value,
                "sys_id": reason.sys_id,
            })
        };
        let reasons = self.reject_reasons.values().filter(|r| r.service_channel == channel);
        Answer::result(reasons.map(row).collect())
    }

    fn record_of(
        &self,
        given: &str,
        table: &str,
        is_there: impl Fn(&Self, &SysId) -> bool,
    ) -> Result<SysId, Answer> {
        let id = SysId::parse(given).ok().filter(|id| is_there(self, id));
        id.ok_or_else(|| {
            let detail = format!("There is no record for {table} : {given}");
            Answer::error(404, "Not found", detail)
        })
    }
}

fn required(body: &Value, name: &str, missing: &str) -> Result<String, Answer> {
    let given = text(&body[name]);
    if given.is_empty() { Err(invalid(missing)) } else { Ok(given) }
}

fn pending_with(item: &WorkItem, agent: &str) -> Result<(), Answer> {
    match (item.state, item.assigned_to) {
        (_, Some(holder)) if holder.to_string() != agent => {
            Err(invalid("Work item is assigned to a different agent"))
        }
        (WorkItemState::PendingAccept, _) => Ok(()),
        (WorkItemState::Queued | WorkItemState::Accepted | WorkItemState::Canceled, _) => {
            Err(invalid("Work item is not in pending accept state"))
        }
    }
}

fn invalid(detail: &str) -> Answer {
    Answer::error(400, "Invalid request", detail)
}
