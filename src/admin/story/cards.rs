//! Which agent has the card, as far as calls and their answers tell.

use super::CallKind;
use crate::routing::{CallRecord, EventRecord, Meaning, Word};

/// Who has the card of a document, one call after the other.
#[derive(Default)]
pub(super) struct Cards {
    holder: Option<String>,
}

impl Cards {
    /// What a call has changed; none where it changed nothing.
    pub(super) fn after(&mut self, event: &EventRecord, call: &CallRecord) -> Option<String> {
        if !call.meaning.as_ref().and_then(Word::known).is_some_and(Meaning::is_done) {
            return None;
        }
        let said = event.event.as_ref();
        let target = said.and_then(|said| said.transfer.as_ref()?.target.as_ref());
        let to_queue = target.and_then(|target| target.queue.as_deref());
        let agent = said.and_then(|said| said.agent.as_deref());
        let agent = target.and_then(|target| target.agent.as_deref()).or(agent);
        let agent = || agent.unwrap_or("an agent").to_owned();
        let kind = event.kind.as_deref().unwrap_or_default();
        // What a look-up found is the event's own call.
        let (changed, holder) = match (call.call.known()?, kind) {
            (CallKind::Offer | CallKind::Transfer, _)
            | (CallKind::LookUp, "offer" | "transfer") => match to_queue {
                Some(queue) => (format!("the work is in queue {queue}"), None),
                None => (format!("{} has a card", agent()), Some(agent())),
            },
            (CallKind::Assign, _) | (CallKind::LookUp, "assign") => {
                (format!("{} has the work", agent()), Some(agent()))
            }
            (CallKind::Accept, _) | (CallKind::LookUp, "accept") => {
                (format!("{} has accepted", agent()), Some(agent()))
            }
            (CallKind::Reject, "reject") | (CallKind::LookUp, "reject") => {
                (format!("{} has declined", agent()), None)
            }
            (CallKind::Reject, _) => {
                let of = self.holder.clone().unwrap_or_else(|| "the agent".to_owned());
                (format!("the card of {of} is taken back"), None)
            }
            (CallKind::EndConsult, _) => ("the consult has ended".to_owned(), self.holder.clone()),
            (CallKind::CloseDocument, _) => ("no card: the document is closed".to_owned(), None),
            (CallKind::LookUp, _) => return None,
        };
        self.holder = holder;
        Some(changed)
    }
}
