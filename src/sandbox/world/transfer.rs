//! Offer Work as a transfer: blind or consult, to an agent or a queue.
//!
//! A blind transfer ends the current work item and makes a new one that points back at it; a consult makes a second
//! one beside it. A document without an active work item gets one in the source queue first.

use serde_json::Value;

use super::super::switches::TransferOfPending;
use super::offer::segment;
use super::options::{Options, text};
use super::{ConsultState, Refusal, SysId, UnixMillis, WorkItemState, World};
use crate::routing::{DisplayOption, DocumentRef};

/// Whom a transfer goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Agent(SysId),
    Queue(SysId),
}

impl World {
    pub(super) fn transfer(
        &mut self,
        document: &DocumentRef,
        body: &Value,
        now: UnixMillis,
    ) -> Result<SysId, Refusal> {
        let transfer = &body["transfer"];
        let consult = match text(&transfer["transfer_type"]).as_str() {
            "blind" => false,
            "consult" => true,
            other => return Err(bad_parameter("transfer_type", other)),
        };
        let source = self.queue_given(&transfer["source_queue_id"], "source_queue_id")?;
        let target = match text(&transfer["target_type"]).as_str() {
            "agent" => Target::Agent(self.external_agent(&transfer["target_id"])?),
            "queue" => Target::Queue(self.queue_given(&transfer["target_id"], "target_id")?),
            other => return Err(bad_parameter("target_type", other)),
        };
        if let Some(item) = self.existing_transfer(document, target, consult)? {
            return Ok(item);
        }
        if let Target::Agent(agent) = target
            && !self.is_available(agent, now)
        {
            let refusal =
                if consult { Refusal::NotAvailable } else { Refusal::BlindTransferFailed };
            return Err(refusal);
        }
        let current = self.current_item(document.sys_id);
        if let Some(item) = current
            && item.state == WorkItemState::PendingAccept
            && let Some(holder) = item.assigned_to
            && self.switches.transfer_of_pending == TransferOfPending::Refused
        {
            return Err(Refusal::AlreadyAssigned(holder));
        }
        let current = current.map(|item| item.sys_id);
        let previous = current.unwrap_or_else(|| self.add_work_item(document.clone(), source, now));
        if !consult {
            self.end_item(previous, now);
        }
        let queue = match target {
            Target::Agent(_) => source,
            Target::Queue(queue) => queue,
        };
        let item = self.add_work_item(document.clone(), queue, now);
        self.change(item, |item| {
            item.previous_work_item = Some(previous);
            item.external_segment_id = segment(body);
            item.consult = consult.then_some(ConsultState::Requested);
        });
        if let Target::Agent(agent) = target {
            self.offer_to_agent(item, agent, &without_limit(now), None, now);
        }
        Ok(item)
    }

    /// The work item of a transfer that has been carried out already; refused if the target agent has accepted.
    fn existing_transfer(
        &self,
        document: &DocumentRef,
        target: Target,
        consult: bool,
    ) -> Result<Option<SysId>, Refusal> {
        let item = if consult {
            self.open_consult(document.sys_id)
        } else {
            self.current_item(document.sys_id)
        };
        let Some(item) = item else {
            return Ok(None);
        };
        match target {
            Target::Agent(agent) if item.assigned_to == Some(agent) => {
                if item.state == WorkItemState::Accepted {
                    return Err(Refusal::AlreadyAssigned(agent));
                }
                self.may_offer_again(agent, agent).map(|()| Some(item.sys_id))
            }
            Target::Queue(queue) if item.queue == queue => {
                let waits =
                    item.state == WorkItemState::Queued && item.previous_work_item.is_some();
                Ok(waits.then_some(item.sys_id))
            }
            // One consult per document at a time.
            Target::Agent(_) | Target::Queue(_) if consult => {
                Err(Refusal::AlreadyAssigned(item.assigned_to.unwrap_or(item.queue)))
            }
            Target::Agent(_) | Target::Queue(_) => Ok(None),
        }
    }

    /// Ends a work item that is transferred: an accepted one stays accepted, any other is canceled.
    pub(super) fn end_item(&mut self, item: SysId, now: UnixMillis) {
        self.change(item, |item| {
            if item.state == WorkItemState::Accepted {
                item.active = false;
                item.updated = now;
            } else {
                item.cancel("Manually assigned", now);
            }
        });
    }
}

/// A transfer has no parameters of an assignment.
const fn without_limit(now: UnixMillis) -> Options {
    Options {
        allowed_to_decline: true,
        auto_assign: false,
        display_option: DisplayOption::CardOnly,
        offered_on: now,
        timeout_seconds: None,
        after_timeout_presence: None,
    }
}

fn bad_parameter(parameter: &str, given: &str) -> Refusal {
    Refusal::BadParameter(match given {
        "" => format!("Missing {parameter}"),
        other => format!("{parameter}: {other} is not valid"),
    })
}
