//! What answers say about transfers, consults and what becomes of them.

use super::super::finding::{Finding, Outcome, Probe};
use super::says;
use crate::awa::observe::{Observed, SeenItem};
use crate::routing::AwaReply;

/// A transfer that should succeed.
pub(in crate::app::certify) fn transfer(probe: Probe, observed: &Observed) -> Finding {
    match &observed.reply {
        AwaReply::Landed { .. } => Finding::holds(probe, ""),
        AwaReply::AgentUnavailable => Finding::not_tried(probe, says(observed)),
        _ => Finding::fails(probe, says(observed)),
    }
}

/// A transfer of a work item that is pending with another agent.
pub(in crate::app::certify) fn transfer_of_pending(observed: &Observed) -> Finding {
    let finding = transfer(Probe::TransferOfPending, observed);
    match (&observed.reply, &finding.outcome) {
        (_, Outcome::Holds) => finding.switch("transfer_of_pending", "allowed"),
        (AwaReply::TakenBy { .. }, _) => finding.switch("transfer_of_pending", "refused"),
        _ => finding,
    }
}

/// What became of a transferred or consulted work item that its agent has rejected.
pub(in crate::app::certify) fn rejected(probe: Probe, item: Option<&SeenItem>) -> Finding {
    let (switch, assumed) = match probe {
        Probe::RejectedConsult => ("rejected_consult", "canceled"),
        _ => ("rejected_transfer", "queued"),
    };
    let became = match item {
        Some(item) if item.is_in("queued") => "queued",
        Some(item) if item.is_canceled() => "canceled",
        Some(item) => {
            let state = item.state.as_deref().unwrap_or_default();
            return Finding::fails(probe, format!("its state is `{state}`"));
        }
        None => return Finding::not_tried(probe, "its work item cannot be read"),
    };
    let finding = if became == assumed {
        Finding::holds(probe, "")
    } else {
        Finding::fails(probe, format!("it is {became}"))
    };
    finding.switch(switch, became)
}

/// How the state of work that was taken back is spelt.
pub(in crate::app::certify) fn canceled_spelling(items: &[SeenItem]) -> Finding {
    let probe = Probe::CanceledSpelling;
    let raw = items.iter().find(|item| item.is_canceled()).and_then(|item| item.state.as_deref());
    match raw {
        Some("canceled") => Finding::holds(probe, "").switch("canceled_spelling", "canceled"),
        Some(raw) => Finding::fails(probe, format!("it is `{raw}`; the bridge reads both"))
            .switch("canceled_spelling", raw),
        None => Finding::not_tried(probe, "no work item of the document was taken back"),
    }
}
