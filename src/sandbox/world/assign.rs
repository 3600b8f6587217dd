//! Manual Assignment: `POST /api/now/awa/workitems/{work_item_sys_id}/assignments`.

use serde_json::{Value, json};

use super::offer::REQUESTED;
use super::{Answer, Refusal, SysId, UnixMillis, WorkItemState, World};

impl World {
    pub(super) fn assign(
        &mut self,
        caller: SysId,
        work_item: &str,
        body: &Value,
        now: UnixMillis,
    ) -> Answer {
        match self.try_assign(caller, work_item, body, now) {
            Ok(()) => Answer::result(json!({ "success": true, "message": REQUESTED })),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn try_assign(
        &mut self,
        caller: SysId,
        work_item: &str,
        body: &Value,
        now: UnixMillis,
    ) -> Result<(), Refusal> {
        self.may_assign(caller)?;
        let item = SysId::parse(work_item).ok().and_then(|id| self.work_items.get(&id));
        let Some(item) = item else {
            return Err(Refusal::NotAWorkItem(work_item.to_owned()));
        };
        let (id, state, holder) = (item.sys_id, item.state, item.assigned_to);
        if matches!(state, WorkItemState::Accepted | WorkItemState::Canceled) {
            return Err(Refusal::CannotBeAssigned(id));
        }
        let options = self.options(body, now)?;
        let agent = self.agent(&body["agent_sys_id"])?;
        if let Some(holder) = holder {
            self.may_offer_again(holder, agent)?;
        }
        if !self.is_available(agent, now) {
            return Err(Refusal::NotAvailable);
        }
        self.offer_to_agent(id, agent, &options, None, now);
        Ok(())
    }
}
