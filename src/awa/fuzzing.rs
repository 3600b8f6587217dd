//! Target `answers`: any answer of ServiceNow's, or of whatever stands in its place.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::classify::{self, Verdict};
use super::received::Received;
use super::samples::{
    OURS, accept, assign, close, end_consult, id, offer_at, queue, reject, transfer_to,
};
use super::token::read_token;
use super::work_item::{self, Row};
use crate::fuzzing::head_and_body;
use crate::routing::{AwaReply, TransferTarget, UnixMillis};

const NOW: UnixMillis = UnixMillis(1_795_280_401_000);

/// The longest of what is kept of an answer, with our own words around it, in characters.
const LONGEST: usize = 1_200;

/// The first line is the status, `cut` behind it where the body broke off; then headers, a blank line and the body.
pub fn answers(data: &[u8]) {
    let (first, headers, body) = head_and_body(data);
    let status = first.get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(200_u16);
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter().take(64) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            map.append(name, value);
        }
    }
    let received = Received {
        body: body.to_vec(),
        complete: !first.ends_with("cut"),
        ..Received::new(status.clamp(100, 599), &map)
    };
    calls(&received);
    questions(&received);
    match read_token(&received, NOW) {
        Ok(hidden) => assert!(hidden, "a token that may be logged"),
        Err(verdict) => {
            judged(&received, &verdict);
            assert!(!landed(&verdict.reply), "a token is no effect: {verdict:?}");
        }
    }
}

fn calls(received: &Received) {
    let calls = [
        offer_at(NOW),
        transfer_to(TransferTarget::Agent(id(OURS))),
        transfer_to(TransferTarget::Queue(queue("q-2"))),
        assign(),
        accept(),
        reject(),
        end_consult(),
        close(),
    ];
    for call in calls {
        for after_doubt in [false, true] {
            let verdict = classify::call(&call, after_doubt, received, NOW);
            judged(received, &verdict);
            assert_eq!(verdict.status, Some(received.status));
            // Only what says so itself is done.
            if landed(&verdict.reply) {
                assert!(
                    received.complete && !received.body.is_empty() || received.is_success(),
                    "{verdict:?}"
                );
            }
            let not_sent = matches!(verdict.reply, AwaReply::NotSent { .. });
            assert!(!not_sent, "there is an answer: {verdict:?}");
        }
    }
}

/// A look-up's answer: rows of work items.
fn questions(received: &Received) {
    let value = match classify::read(received, NOW) {
        Ok(value) => value,
        Err(verdict) => return judged(received, &verdict),
    };
    assert!(received.is_success());
    let rows = Row::all(&value);
    let replies = [
        work_item::offered(&rows, id(OURS), NOW),
        work_item::transferred_to_agent(&rows, id(OURS), NOW),
        work_item::transferred_to_queue(&rows, |row| row.queue == "q-2", NOW),
    ];
    let each = rows.iter().flat_map(|row| {
        [
            work_item::assigned(row, id(OURS)),
            work_item::accepted(row, id(OURS)),
            work_item::rejected(row, id(OURS)),
        ]
    });
    for reply in replies.into_iter().chain(each) {
        assert!(format!("{reply:?}").chars().count() < LONGEST, "{reply:?}");
    }
}

fn judged(received: &Received, verdict: &Verdict) {
    assert!(verdict.message.chars().count() < LONGEST, "{verdict:?}");
    assert!(!verdict.message.contains(['\n', '\r', '\0']), "{verdict:?}");
    assert!(format!("{:?}", verdict.reply).chars().count() < 2 * LONGEST, "{verdict:?}");
    if !received.complete && received.is_success() {
        assert!(!landed(&verdict.reply), "half an answer is none: {verdict:?}");
    }
}

const fn landed(reply: &AwaReply) -> bool {
    matches!(reply, AwaReply::Landed { .. } | AwaReply::AlreadyOurs { .. })
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_answer_has_one_meaning_that_is_short_and_never_more_than_it_says() {
        crate::fuzzing::replay("answers", 5_000, super::answers);
    }
}
