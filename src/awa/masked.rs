//! What an answer says, without what it must not be repeated with: callers' numbers and addresses, tokens, and the bridge's own
//! credentials. ServiceNow's words go into the log, the store and to operators, and whoever wrote a script on the instance
//! decides what they are.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::settings::{Auth, Grant, Settings};
use crate::personal::{self, Look};
use crate::routing::AwaReply;

/// What stands in the place of what is not repeated.
const MASK: &str = "[…]";

/// A word of so many characters, of small and capital letters and digits, is a token: no class and no sys_id is.
const TOKEN: usize = 40;

/// A shorter secret would be found in too many words by chance.
const LEAST_SECRET: usize = 4;

/// The bridge's own credentials at one instance.
#[derive(Debug, Default)]
pub(super) struct Own(Vec<SecretString>);

impl Own {
    pub(super) fn of(settings: &Settings) -> Self {
        let mut own = Vec::new();
        match &settings.auth {
            Some(Auth::Basic { username, password }) => {
                let pair = format!("{username}:{}", password.expose_secret());
                own.extend([password.clone(), STANDARD.encode(pair).into()]);
            }
            Some(Auth::ApiKey { key }) => own.push(key.clone()),
            Some(Auth::OAuth(oauth)) => {
                own.extend(oauth.extra.values().cloned());
                match &oauth.grant {
                    Grant::ClientCredentials { client_secret } => own.push(client_secret.clone()),
                    Grant::Password { client_secret, username: _, password } => {
                        own.extend([client_secret.clone(), password.clone()]);
                    }
                    Grant::JwtBearer { client_secret, .. } => own.extend(client_secret.clone()),
                }
            }
            None => {}
        }
        own.retain(|secret| secret.expose_secret().chars().count() >= LEAST_SECRET);
        // A secret that has another one in it goes as a whole.
        own.sort_by_key(|secret| usize::MAX - secret.expose_secret().len());
        Self(own)
    }

    /// A text without them.
    pub(super) fn blotted(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| match text.contains(secret.expose_secret()) {
            true => text.replace(secret.expose_secret(), MASK),
            false => text,
        })
    }

    /// A reply without them.
    pub(super) fn blotted_in(&self, reply: AwaReply) -> AwaReply {
        let why = |why: String| self.blotted(why);
        match reply {
            AwaReply::Conflict { why: text } => AwaReply::Conflict { why: why(text) },
            AwaReply::Unexplained { why: text } => AwaReply::Unexplained { why: why(text) },
            AwaReply::NotThere { what } => AwaReply::NotThere { what: why(what) },
            AwaReply::Misconfigured { what } => AwaReply::Misconfigured { what: why(what) },
            AwaReply::NotSent { why: text } => AwaReply::NotSent { why: why(text) },
            AwaReply::InDoubt { why: text } => AwaReply::InDoubt { why: why(text) },
            AwaReply::Unauthorised { why: text } => AwaReply::Unauthorised { why: why(text) },
            AwaReply::NotServiceNow { what } => AwaReply::NotServiceNow { what: why(what) },
            other @ (AwaReply::Landed { .. }
            | AwaReply::AlreadyOurs { .. }
            | AwaReply::TakenBy { .. }
            | AwaReply::NoConsult
            | AwaReply::AgentUnavailable
            | AwaReply::DocumentClosed
            | AwaReply::TooLate
            | AwaReply::ClockSkew
            | AwaReply::Busy { .. }
            | AwaReply::NotLanded
            | AwaReply::LookUpForbidden) => other,
        }
    }
}

/// A text without telephone numbers, addresses of mail and tokens; sys_ids, dates and IP addresses stay.
pub(super) fn masked(text: &str) -> String {
    let mut hidden: Vec<Range<usize>> = Vec::new();
    for (span, look) in personal::embedded(text) {
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
        part.bytes().all(|byte| byte.is_ascii_digit()) && personal::is_phone(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn own_secrets_are_taken_out_of_whatever_they_stand_in() {
        let own = Own(vec![SecretString::from("sn-geheim-pw"), SecretString::from("geheim")]);
        let said = own.blotted("wrong password \"sn-geheim-pw\", geheim".to_owned());
        assert_eq!(said, "wrong password \"[…]\", […]");
        let reply = own.blotted_in(AwaReply::Unexplained { why: "geheim".to_owned() });
        assert_eq!(reply, AwaReply::Unexplained { why: "[…]".to_owned() });
    }
}
