//! What is not done, because the engine is away or refuses it.

#![expect(clippy::disallowed_methods, reason = "the store's own threads")]

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use super::request::Question;
use super::writer::Queued;

/// How long answers that cannot be recorded wait until they are tried again.
const AWAY: Duration = Duration::from_millis(50);

/// While the engine is away: deliveries are refused and claims are dropped, since what is due comes up again. The
/// answers of calls stay until they can be recorded. Whether the store is to be closed.
pub(super) fn turn_away(waiting: &mut VecDeque<Queued>) -> bool {
    let mut closing = false;
    for queued in std::mem::take(waiting) {
        match queued.question {
            Question::Reply(_) => waiting.push_back(queued),
            Question::Close => closing = true,
            // The writer works, whatever the engine does.
            Question::RoundTrip(asked) => asked.answer_with(()),
            Question::Accept(_)
            | Question::Claim(_)
            | Question::Reloaded(_)
            | Question::Swap(_)
            | Question::Replay(_)
            | Question::Discard(_) => {}
        }
    }
    if !waiting.is_empty() {
        thread::sleep(AWAY);
    }
    closing
}

/// Gives up what the database refuses to have written, whatever it is committed with.
pub(super) fn give_up(queued: Queued, why: &str) {
    tracing::error!(
        error = why,
        "the database refuses what one request would write: it alone is given up"
    );
    match queued.question {
        // Its call lapses, and is looked up.
        Question::Reply(asked) => asked.answer_with(()),
        Question::RoundTrip(asked) => asked.answer_with(()),
        Question::Accept(_)
        | Question::Claim(_)
        | Question::Reloaded(_)
        | Question::Swap(_)
        | Question::Replay(_)
        | Question::Discard(_)
        | Question::Close => {}
    }
}
