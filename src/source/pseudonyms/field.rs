//! What a field's name says about its value.

use super::Kind;

const EMAIL: [&str; 3] = ["email", "mail", "emails"];
const IP: [&str; 4] = ["ip", "ipv4", "ipv6", "ips"];
const SECRET: [&str; 19] = [
    "token",
    "secret",
    "signature",
    "password",
    "passwd",
    "authorization",
    "authentication",
    "cookie",
    "apikey",
    "jwt",
    "credential",
    "credentials",
    "pin",
    "cvv",
    "ssn",
    "iban",
    "card",
    "otp",
    "passcode",
];
const BIRTH: [&str; 6] = ["birth", "birthday", "birthdate", "dob", "gender", "nationality"];
const PHONE: [&str; 23] = [
    "phone",
    "phones",
    "phonenumber",
    "mobile",
    "cell",
    "msisdn",
    "ani",
    "dnis",
    "tel",
    "telephone",
    "fax",
    "e164",
    "did",
    "cli",
    "clid",
    "dialed",
    "dialled",
    "dtmf",
    "whatsapp",
    "exten",
    "calleridnum",
    "callerid",
    "connectedlinenum",
];
/// Names that are a number's as a whole.
const NUMBER: [&str; 14] = [
    "from",
    "to",
    "caller",
    "called",
    "callee",
    "calling",
    "origin",
    "destination",
    "source",
    "number",
    "fromnumber",
    "tonumber",
    "remote",
    "party",
];
const ADDRESS: [&str; 16] = [
    "address",
    "addresses",
    "street",
    "city",
    "town",
    "zip",
    "zipcode",
    "postal",
    "postcode",
    "county",
    "latitude",
    "longitude",
    "lat",
    "lng",
    "lon",
    "location",
];
const NAME: [&str; 3] = ["name", "names", "label"];
const OF_A_NAME: [&str; 14] = [
    "first",
    "last",
    "full",
    "given",
    "family",
    "middle",
    "sur",
    "nick",
    "maiden",
    "firstname",
    "lastname",
    "fullname",
    "surname",
    "nickname",
];
const PERSON: [&str; 26] = [
    "caller",
    "callee",
    "called",
    "customer",
    "contact",
    "client",
    "guest",
    "visitor",
    "consumer",
    "participant",
    "user",
    "agent",
    "worker",
    "person",
    "member",
    "owner",
    "patient",
    "employee",
    "sender",
    "author",
    "requester",
    "assignee",
    "connected",
    "line",
    "profile",
    "display",
];
/// Things that have a name and are nobody.
const THING: [&str; 24] = [
    "queue",
    "topic",
    "event",
    "channel",
    "team",
    "group",
    "skill",
    "flow",
    "workflow",
    "activity",
    "site",
    "account",
    "department",
    "type",
    "workspace",
    "integration",
    "media",
    "division",
    "unique",
    "campaign",
    "workbin",
    "app",
    "service",
    "resource",
];

/// What the name of a field, inside an object of that name, says: the sort of its value, and whether it is personal
/// whatever the value is.
pub(super) fn kind(name: &str, parent: &str) -> Option<(Kind, bool)> {
    let (own, parent) = (words(name), words(parent));
    let whole = own.concat();
    let has = |list: &[&str]| own.iter().any(|word| list.contains(&word.as_str()));
    let around = |list: &[&str]| has(list) || parent.iter().any(|w| list.contains(&w.as_str()));
    if has(&EMAIL) || whole.contains("email") {
        return Some((Kind::Email, true));
    }
    if has(&IP) || whole.ends_with("ipaddress") {
        return Some((Kind::Ip, true));
    }
    if has(&SECRET) || whole.contains("apikey") {
        return Some((Kind::Token, true));
    }
    if has(&BIRTH) {
        return Some((Kind::Text, true));
    }
    if has(&PHONE) || NUMBER.contains(&whole.as_str()) || whole.contains("phone") {
        return Some((Kind::Phone, true));
    }
    if has(&OF_A_NAME) && (has(&NAME) || own.len() == 1) {
        return Some((Kind::Name, true));
    }
    if has(&NAME) || whole.ends_with("name") {
        return Some((Kind::Name, around(&PERSON) && !around(&THING)));
    }
    if has(&["num", "number", "numbers"]) {
        return Some((Kind::Phone, around(&PERSON)));
    }
    if has(&ADDRESS) {
        return Some((Kind::Address, true));
    }
    None
}

/// `CallerIDNum` and `caller_id-num` as `caller`, `id`, `num`.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (n, letter) in letters.iter().enumerate() {
        let before = n.checked_sub(1).and_then(|n| letters.get(n));
        let after = letters.get(n + 1);
        let begins = letter.is_uppercase()
            && (before.is_some_and(|before| before.is_lowercase())
                || after.is_some_and(|after| after.is_lowercase()));
        if (begins || !letter.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_are_read_in_any_spelling() {
        for (name, parent, expected) in [
            ("caller_number", "", Some((Kind::Phone, true))),
            ("CallerIDNum", "", Some((Kind::Phone, true))),
            ("externalPhone", "", Some((Kind::Phone, true))),
            ("from", "", Some((Kind::Phone, true))),
            ("order_number", "", Some((Kind::Phone, false))),
            ("emailAddress", "", Some((Kind::Email, true))),
            ("remoteIpAddress", "", Some((Kind::Ip, true))),
            ("shipping-address", "", Some((Kind::Address, true))),
            ("access_token", "", Some((Kind::Token, true))),
            ("firstName", "", Some((Kind::Name, true))),
            ("name", "customer", Some((Kind::Name, true))),
            ("WorkerName", "", Some((Kind::Name, true))),
            ("name", "", Some((Kind::Name, false))),
            ("TaskQueueName", "", Some((Kind::Name, false))),
            ("topicName", "", Some((Kind::Name, false))),
            ("state", "caller", None),
            ("queueId", "", None),
        ] {
            assert_eq!(kind(name, parent), expected, "{parent}.{name}");
        }
    }
}
