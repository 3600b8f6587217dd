//! Agent Consult: `PUT /api/now/awa/consult/end` ends or hands over the open consult of a document.

use serde_json::{Value, json};

use super::inbox::NOT_TAKEN;
use super::options::{boolean, text};
use super::{Answer, ConsultState, Refusal, SysId, UnixMillis, WorkItem, World};

impl World {
    pub(super) fn end_consult(&mut self, caller: SysId, body: &Value, now: UnixMillis) -> Answer {
        if let Err(answer) = self.may_integrate(caller) {
            return answer;
        }
        match self.try_end_consult(body, now) {
            Ok(()) => Answer::result(
                json!({ "success": true, "message": "Consult is successfully ended." }),
            ),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn try_end_consult(&mut self, body: &Value, now: UnixMillis) -> Result<(), Refusal> {
        let hand_over = boolean(&body["hand_over"], false)?;
        let given = text(&body["document_sys_id"]);
        let consult = SysId::parse(&given).ok().and_then(|document| self.open_consult(document));
        let Some(consult) = consult else {
            return Err(Refusal::NoConsult(given));
        };
        let (id, document) = (consult.sys_id, consult.document.sys_id);
        // Whatever `hand_over` says: nobody has taken the consult yet.
        if consult.consult == Some(ConsultState::Requested) {
            self.change(id, |item| {
                item.consult = Some(ConsultState::Cancelled);
                item.cancel(NOT_TAKEN, now);
            });
            return Ok(());
        }
        if hand_over {
            let agent = consult.assigned_to;
            if let Some(first) = self.current_item(document).map(|item| item.sys_id) {
                self.end_item(first, now);
            }
            if let Some(document) = self.documents.get_mut(&document) {
                document.assigned_to = agent;
            }
        }
        self.change(id, |item| {
            item.consult =
                Some(if hand_over { ConsultState::Transferred } else { ConsultState::Ended });
            item.active = hand_over;
            item.updated = now;
        });
        Ok(())
    }

    /// The second agent's work item of a consult that is not over.
    pub(super) fn open_consult(&self, document: SysId) -> Option<&WorkItem> {
        self.work_items_of(document).filter(|item| item.is_open_consult()).last()
    }
}
