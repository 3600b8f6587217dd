//! What agents do with their cards in ServiceNow itself, and the end of a card's time, brought about by hand.

use super::{SysId, UnixMillis, WorkItem, WorkItemState, World};

impl World {
    /// The agent takes the newest card that is pending.
    ///
    /// # Errors
    /// Says that there is none.
    pub(crate) fn agent_accepts(&mut self, agent: SysId, now: UnixMillis) -> Result<(), String> {
        self.tick(now);
        let item = self.pending_card(agent)?.sys_id;
        self.accept_item(item, now);
        Ok(())
    }

    /// The agent declines the newest card that is pending.
    ///
    /// # Errors
    /// Says that there is none, or that it has no button for that.
    pub(crate) fn agent_rejects(&mut self, agent: SysId, now: UnixMillis) -> Result<(), String> {
        self.tick(now);
        let card = self.pending_card(agent)?;
        if !card.allowed_to_decline {
            return Err("may not decline the card: it was offered with allowed_to_decline = false"
                .to_owned());
        }
        let item = card.sys_id;
        self.decline(item, now);
        Ok(())
    }

    /// The time of the agent's newest pending card is over.
    ///
    /// # Errors
    /// Says that there is none.
    pub(crate) fn card_times_out(&mut self, agent: SysId, now: UnixMillis) -> Result<(), String> {
        self.tick(now);
        let item = self.pending_card(agent)?.sys_id;
        self.time_out(item, now);
        Ok(())
    }

    /// The work items that agents have, pending or accepted, oldest first.
    pub fn cards(&self) -> impl Iterator<Item = (&WorkItem, SysId)> {
        let mut cards: Vec<_> = self
            .work_items
            .values()
            .filter(|item| item.active)
            .filter(|item| match item.state {
                WorkItemState::PendingAccept | WorkItemState::Accepted => true,
                WorkItemState::Queued | WorkItemState::Canceled => false,
            })
            .filter_map(|item| Some((item, item.assigned_to?)))
            .collect();
        cards.sort_by_key(|(item, _)| (item.created, item.sys_id));
        cards.into_iter()
    }

    fn pending_card(&self, agent: SysId) -> Result<&WorkItem, String> {
        let cards = self.cards().filter(|(item, holder)| {
            *holder == agent && item.state == WorkItemState::PendingAccept
        });
        cards.map(|(item, _)| item).last().ok_or_else(|| "has no pending card".to_owned())
    }
}
