//! What needs a work item that an agent has accepted: accepted work cannot be taken back, so it is asked for.

use super::super::finding::{Finding, Probe};
use super::super::judge::{self, says};
use super::super::session::{Halt, Session, Tried, landed};
use super::may_judge;
use crate::routing::{AwaCall, AwaReply, SysId, TransferKind, TransferTarget};

impl Session<'_> {
    pub(super) async fn accepted(&mut self, found: &mut Vec<Finding>) -> Tried<()> {
        if !self.subject.accept {
            let why = "it needs accepted work, which cannot be taken back: --accept allows it";
            return Err(Halt::Untried(why.to_owned()));
        }
        let (agent, second) = (self.subject.agent, self.second_agent()?);
        let work_item = self.offered("an offer to the agent", agent).await?;
        let call = AwaCall::Accept { work_item, agent };
        let observed = self.call("the accept of the card", &call).await?;
        if !observed.is_done() {
            found.push(Finding::fails(Probe::Accept, says(&observed)));
            return Ok(());
        }
        found.push(Finding::holds(Probe::Accept, ""));
        match self.consult(second, found).await {
            Ok(()) => {}
            Err(Halt::Untried(why)) => {
                let missing = [Probe::Consult, Probe::RejectedConsult, Probe::EndConsult];
                for probe in missing {
                    if !found.iter().any(|finding| finding.probe == probe) {
                        found.push(Finding::not_tried(probe, why.as_str()));
                    }
                }
            }
            Err(halt) => return Err(halt),
        }
        self.take_back().await;
        let call = self.a_transfer(TransferKind::Blind, TransferTarget::Agent(second));
        let observed = self.call("a blind transfer of accepted work", &call).await?;
        may_judge(&observed)?;
        found.push(judge::transfer(Probe::TransferOfAccepted, &observed));
        Ok(())
    }

    async fn consult(&mut self, second: SysId, found: &mut Vec<Finding>) -> Tried<()> {
        let end = AwaCall::EndConsult { document: self.document(), hand_over: false };
        let none = self.call("the end of a consult that is not there", &end).await?;
        let can_end = match &none.reply {
            AwaReply::Misconfigured { what } => Err(what.clone()),
            _ => Ok(()),
        };
        let what = "a consult transfer to the second agent";
        let call = self.a_transfer(TransferKind::Consult, TransferTarget::Agent(second));
        let observed = self.call(what, &call).await?;
        may_judge(&observed)?;
        let finding = judge::transfer(Probe::Consult, &observed);
        let hand_over = if observed.is_done() { "\"consult\"" } else { "\"on_accept\"" };
        found.push(finding.setting("offer.hand_over", hand_over));
        let item = landed(what, &observed)?;
        self.reject("the reject of the consult", item, second).await?;
        let row = self.item("the work item of the rejected consult", item).await?;
        found.push(judge::rejected(Probe::RejectedConsult, row.as_ref()));
        if row.as_ref().is_some_and(crate::awa::observe::SeenItem::is_canceled) {
            self.at_stake.consult = false;
        }
        if let Err(why) = can_end {
            found.push(Finding::not_tried(Probe::EndConsult, why));
            return Ok(());
        }
        self.take_back().await;
        let call = self.a_transfer(TransferKind::Consult, TransferTarget::Agent(second));
        let observed = self.call("another consult transfer", &call).await?;
        let item = landed("another consult transfer", &observed)?;
        let ended = self.call("the end of the consult", &end).await?;
        let row = self.item("the work item of the ended consult", item).await?;
        let stays = row.is_some_and(|row| row.is_pending_with(second));
        found.push(match (ended.is_done(), stays) {
            (true, false) => Finding::holds(Probe::EndConsult, ""),
            (true, true) => Finding::fails(Probe::EndConsult, "its card is still pending"),
            (false, _) => Finding::fails(Probe::EndConsult, says(&ended)),
        });
        Ok(())
    }
}
