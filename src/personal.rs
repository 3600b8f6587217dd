//! What looks like somebody's number or address, whatever the text around it is about.

use std::net::IpAddr;
use std::ops::Range;

/// Fewer digits are no telephone number that anybody could be called by.
pub(crate) const LEAST_DIGITS: usize = 7;
const MOST_DIGITS: usize = 15;

/// What stands in the place of what is not repeated.
pub(crate) const MASK: &str = "[…]";

/// A word of so many characters, of small and capital letters and digits, is a token: no class and no sys_id is.
const TOKEN: usize = 40;

/// What a part of a text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Phone,
    Email,
    Ip,
}

/// How many digits a text has.
pub(crate) fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Whether the value is written as telephone numbers are, with signs between the digits.
pub(crate) fn is_phone(value: &str) -> bool {
    let count = digits(value);
    (LEAST_DIGITS..=MOST_DIGITS).contains(&count)
        && value.chars().all(|c| c.is_ascii_digit() || " +()-./".contains(c))
}

/// Whether the value is an address of mail.
pub(crate) fn is_email(value: &str) -> bool {
    let Some((local, host)) = value.split_once('@') else { return false };
    !local.is_empty()
        && local.chars().all(is_of_local)
        && local.chars().any(char::is_alphabetic)
        && host.contains('.')
        && host.chars().all(is_of_host)
}

fn is_of_local(letter: char) -> bool {
    letter.is_alphanumeric() || "._%+-'".contains(letter)
}

fn is_of_host(letter: char) -> bool {
    letter.is_alphanumeric() || ".-".contains(letter)
}

/// Personal parts of a longer text: addresses, numbers with their country prefix, IP addresses; none overlaps another.
pub(crate) fn embedded(text: &str) -> Vec<(Range<usize>, Look)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('@') {
        let local = text[..at].chars().rev().take_while(|c| is_of_local(*c));
        let from = at - local.map(char::len_utf8).sum::<usize>();
        let host = text[at + 1..].chars().take_while(|c| is_of_host(*c));
        let to = at + 1 + host.map(char::len_utf8).sum::<usize>();
        if from < at && to > at + 1 {
            found.push((from..to, Look::Email));
        }
    }
    for (at, _) in text.match_indices('+') {
        let run = text[at + 1..].find(|c: char| !(c.is_ascii_digit() || " ()-./".contains(c)));
        let end = run.map_or(text.len(), |end| at + 1 + end);
        let end = at + text[at..end].trim_end_matches(|c: char| !c.is_ascii_digit()).len();
        if end > at && is_phone(&text[at..end]) {
            found.push((at..end, Look::Phone));
        }
    }
    let is_of_ip = |c: char| c.is_ascii_digit() || c == '.';
    let mut rest = 0;
    while let Some(at) = text[rest..].find(is_of_ip).map(|at| rest + at) {
        let end = text[at..].find(|c| !is_of_ip(c)).map_or(text.len(), |end| at + end);
        let run = text[at..end].trim_matches('.');
        if run.split('.').count() == 4 && run.parse::<IpAddr>().is_ok() {
            let from = at + text[at..end].find(run).unwrap_or_default();
            found.push((from..from + run.len(), Look::Ip));
        }
        rest = end;
    }
    found.sort_by_key(|(span, _)| (span.start, usize::MAX - span.end));
    let mut end = 0;
    found.retain(|(span, _)| {
        let free = span.start >= end;
        if free {
            end = span.end;
        }
        free
    });
    found
}

/// A text without telephone numbers, addresses of mail and tokens; sys_ids, dates and IP addresses stay.
pub(crate) fn masked(text: &str) -> String {
    let mut hidden: Vec<Range<usize>> = Vec::new();
    for (span, look) in embedded(text) {
        match look {
            Look::Phone | Look::Email => hidden.push(span),
            Look::Ip => {}
        }
    }
    let mut after_scheme = false;
    for word in text.split(' ') {
        let from = word.as_ptr().addr() - text.as_ptr().addr();
        if is_token(word) || after_scheme && word.len() >= 8 {
            hidden.push(from..from + word.len());
        }
        after_scheme = ["basic", "bearer"].contains(&word.to_ascii_lowercase().as_str());
        hidden.extend(numbers(word).map(|span| from + span.start..from + span.end));
    }
    hidden.sort_by_key(|span| span.start);
    let (mut shown, mut copied) = (String::with_capacity(text.len()), 0);
    for span in hidden {
        if span.start >= copied {
            shown.push_str(&text[copied..span.start]);
            shown.push_str(MASK);
        }
        copied = copied.max(span.end);
    }
    shown.push_str(&text[copied..]);
    shown
}

fn is_token(word: &str) -> bool {
    let has = |is: fn(&u8) -> bool| word.bytes().any(|byte| is(&byte));
    word.len() >= TOKEN
        && !word.contains("://")
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
}

/// Runs of digits that may be somebody's number and are part of no longer id.
fn numbers(word: &str) -> impl Iterator<Item = Range<usize>> {
    let is_of_id = |c: char| c.is_alphanumeric() || "-_:.".contains(c);
    let mut from = 0;
    let parts = word.split(move |c| !is_of_id(c)).map(move |part| {
        let span = from..from + part.len();
        // What stands between two parts may be longer than a byte.
        from = span.end + word[span.end..].chars().next().map_or(0, char::len_utf8);
        span
    });
    parts.filter(move |span| {
        let part = word[span.clone()].trim_matches(['.', ':']);
        part.bytes().all(|byte| byte.is_ascii_digit()) && is_phone(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_parts_are_found_in_a_text() {
        let text = "call +49 151 12345678 or a.b@x.org (10.1.2.3), sip:1001@pbx.local";
        let parts: Vec<_> =
            embedded(text).into_iter().map(|(span, look)| (&text[span], look)).collect();
        assert_eq!(
            parts,
            [
                ("+49 151 12345678", Look::Phone),
                ("a.b@x.org", Look::Email),
                ("10.1.2.3", Look::Ip),
                ("1001@pbx.local", Look::Email),
            ]
        );
        assert_eq!(embedded("a+b, 1.2.3, @x, 1+1"), []);
    }

    #[test]
    fn numbers_addresses_and_tokens_are_not_repeated() {
        for (text, shown) in [
            ("Caller +4915112345678 is blocked", "Caller […] is blocked"),
            ("Caller (015112345678), max@example.com", "Caller ([…]), […]"),
            ("sent with Basic YnJpZGdlOnNlY3JldA== to it", "sent with Basic […] to it"),
            ("no token Bearer abcdefgh1234 here", "no token Bearer […] here"),
            ("Basic auth is off", "Basic auth is off"),
            ("got X9yPZtLfJpQmWcRb2kVsHn4uDgEa7TiOoS5wMxYzAbCdEfGh from you", "got […] from you"),
            (
                "Agent with sys_id 00000000000000000000000000000001 is not available",
                "Agent with sys_id 00000000000000000000000000000001 is not available",
            ),
            (
                "INT0012345 closed on 2026-11-30 12:00:00",
                "INT0012345 closed on 2026-11-30 12:00:00",
            ),
            (
                "com.glide.awa.offer.OfferWorkException at https://10.1.2.3/api/now/v1/awa/Offer1",
                "com.glide.awa.offer.OfferWorkException at https://10.1.2.3/api/now/v1/awa/Offer1",
            ),
            ("ünïcode、4915112345678。", "ünïcode、[…]。"),
            ("", ""),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
