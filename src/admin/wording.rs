//! How times, durations, words of the program and long ids are shown to a person: by the commands and by the page
//! alike.

use crate::clock;
use crate::routing::{CallKind, Meaning, UnixMillis, Word};

/// `20:52:14` for today, `11-21 20:52` for another day; UTC.
pub(crate) fn short_time(at: UnixMillis) -> String {
    let (at, today) = (at.to_string(), clock::now().to_string());
    match (at.split_once('T'), today.split_once('T')) {
        (Some((day, time)), Some((today, _))) if day == today => first(time, 8),
        (Some((day, time)), _) => {
            format!("{} {}", day.get(5..).unwrap_or(day), first(time, 5))
        }
        (None, _) => at,
    }
}

/// `20:52:14.337`: the time of day with milliseconds, UTC.
pub(crate) fn time_of_day(at: UnixMillis) -> String {
    let at = at.to_string();
    at.split_once('T').map(|(_, time)| first(time, 12)).unwrap_or(at)
}

/// `2026-11-21 20:52:14.337 UTC`.
pub(crate) fn full_time(at: UnixMillis) -> String {
    at.to_string().replace('T', " ").replace('Z', " UTC")
}

/// `2026-11-21 20:52:14 UTC`.
pub(crate) fn full_second(at: UnixMillis) -> String {
    let text = full_time(at);
    text.split_once('.').map(|(second, _)| format!("{second} UTC")).unwrap_or(text)
}

/// At most `width` letters, with the middle left out.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= width || width < 3 {
        return text.to_owned();
    }
    let tail = (width - 1) / 2;
    let head = width - 1 - tail;
    let (start, end) = (&letters[..head], &letters[letters.len() - tail..]);
    start.iter().chain(&['…']).chain(end).collect()
}

/// What ServiceNow's answer meant, as the end of a sentence; a word that is not known stays.
pub(crate) fn meaning(word: &Word<Meaning>) -> String {
    let meaning = match word {
        Word::Known(meaning) => meaning,
        Word::Other(word) => return words(word),
    };
    let shown = match meaning {
        Meaning::Landed => "done",
        Meaning::AlreadyOurs => "already in place",
        Meaning::TakenByAnother => "the work item is assigned to someone else",
        Meaning::NoConsult => "no consult is open",
        Meaning::AgentUnavailable => "the agent is not available",
        Meaning::DocumentClosed => "the document is closed",
        Meaning::TooLate => "it was too late",
        Meaning::ClockSkew => "its time was ahead of ServiceNow's clock",
        Meaning::Conflict => "ServiceNow refused it for the work item's state",
        Meaning::Unexplained => "ServiceNow refused it in words that are not known",
        Meaning::NotThere => "the record was not found",
        Meaning::Misconfigured => "ServiceNow refused it",
        Meaning::Busy => "ServiceNow was too busy",
        Meaning::NotLanded => "it had not been carried out",
        Meaning::NotSent => "not sent: no connection",
        Meaning::InDoubt => "no answer: unknown whether it was carried out",
        Meaning::LookUpForbidden => "ServiceNow does not allow the look-up",
        Meaning::Unauthorised => "ServiceNow refused the credentials",
        Meaning::NotServiceNow => "something other than ServiceNow answered",
    };
    shown.to_owned()
}

/// What a call asks of ServiceNow, as the start of a sentence.
pub(crate) fn call(word: &Word<CallKind>) -> String {
    let kind = match word {
        Word::Known(kind) => kind,
        Word::Other(word) => return words(word),
    };
    let shown = match kind {
        CallKind::Offer => "Offer the work",
        CallKind::Transfer => "Transfer the work",
        CallKind::Assign => "Assign the work",
        CallKind::Accept => "Accept for the agent",
        CallKind::Reject => "Reject for the agent",
        CallKind::EndConsult => "End the consult",
        CallKind::CloseDocument => "Close the document",
        CallKind::LookUp => "Look up the outcome",
    };
    shown.to_owned()
}

/// `deadline_while_parked` → `deadline while parked`.
pub(crate) fn words(code: &str) -> String {
    code.replace('_', " ")
}

fn first(text: &str, letters: usize) -> String {
    text.chars().take(letters).collect::<String>().trim_end_matches('Z').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ids_lose_their_middle_and_short_ones_nothing() {
        assert_eq!(shortened("0f5e6b7c-1111-2222", 9), "0f5e…2222");
        assert_eq!(shortened("short", 9), "short");
        assert_eq!(shortened("ÄÖÜäöüß", 5), "ÄÖ…üß");
    }

    #[test]
    fn times_are_as_short_as_the_day_allows() {
        let today = clock::now();
        assert_eq!(short_time(today), today.to_string()[11..19]);
        let other = UnixMillis::from_rfc3339("2001-02-03T04:05:06.789Z").unwrap();
        assert_eq!(short_time(other), "02-03 04:05");
        assert_eq!(time_of_day(other), "04:05:06.789");
        assert_eq!(full_time(other), "2001-02-03 04:05:06.789 UTC");
        assert_eq!(full_second(other), "2001-02-03 04:05:06 UTC");
    }
}
