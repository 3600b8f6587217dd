//! Refusals whose words are not documented, and records that are not there: what they may mean for the kind of call.

use super::Verdict;
use crate::routing::AwaReply;

/// A conflict over an offer, or a success that is false, in words that are not documented may be any of the documented
/// ones in another language.
pub(super) fn of_offer(verdict: Verdict) -> Verdict {
    match (&verdict.reply, verdict.status) {
        (AwaReply::Misconfigured { .. }, Some(200..=299 | 409)) if verdict.unknown => {
            let why = format!(
                "{} (not a documented message; where it is not English, give the integration user the language English)",
                verdict.message
            );
            Verdict { reply: AwaReply::Unexplained { why: why.clone() }, message: why, ..verdict }
        }
        _ => verdict,
    }
}

/// The same of an answer to a work item: a look-up of its state decides.
pub(super) fn of_item(verdict: Verdict) -> Verdict {
    match (&verdict.reply, verdict.status) {
        (AwaReply::Misconfigured { .. }, Some(409)) if verdict.unknown => {
            let why = verdict.message.clone();
            Verdict { reply: AwaReply::Conflict { why }, ..verdict }
        }
        _ => verdict,
    }
}

/// What is asked of a record that the instance itself has named does not come into being by waiting.
pub(super) fn final_word(verdict: Verdict) -> Verdict {
    let AwaReply::NotThere { what } = verdict.reply else { return verdict };
    Verdict { reply: AwaReply::Misconfigured { what }, ..verdict }
}
