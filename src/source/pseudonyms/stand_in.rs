//! What stands in the place of a personal value: of the same shape, the same for the same value, and nobody's.

use std::collections::{BTreeMap, BTreeSet};

use super::Kind;
use super::words::tokens;

/// How often another stand-in is tried where one is taken.
const TRIES: usize = 1_000;

/// Who got which.
#[derive(Debug, Clone, Default)]
pub(super) struct StandIns {
    /// By sort and value; a number's value is its digits, however it is written.
    given: BTreeMap<(Kind, String), String>,
    /// What no value may be replaced by.
    taken: BTreeSet<String>,
    made: usize,
}

impl StandIns {
    /// Takes care that a value of somebody's is nobody's stand-in.
    pub(super) fn avoid(&mut self, value: &str) {
        self.taken.insert(value.to_owned());
    }

    /// How many values of each sort were replaced.
    pub(super) fn counts(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        for (kind, _) in self.given.keys() {
            *counts.entry(*kind).or_default() += 1;
        }
        counts
    }

    /// The stand-in of a value.
    pub(super) fn of(&mut self, kind: Kind, value: &str) -> String {
        match kind {
            Kind::Phone => self.phone(value),
            Kind::Other => self.same_shape(value, value),
            Kind::Token => self.given(kind, value.to_owned(), |n| same_shape(value, false, n)),
            Kind::Email => self.email(value),
            Kind::Name => {
                let spaced = value.trim().contains(char::is_whitespace);
                let name = |n| if spaced { format!("Person {n}") } else { format!("person{n}") };
                self.given(kind, value.trim().to_owned(), name)
            }
            Kind::Address if value.chars().any(char::is_alphabetic) => {
                self.given(kind, value.trim().to_owned(), |n| format!("{n} Example Street"))
            }
            Kind::Address => self.given(kind, value.to_owned(), |n| same_shape(value, false, n)),
            Kind::Ip if value.contains(':') => {
                self.given(kind, value.to_owned(), |n| format!("2001:db8::{n:x}"))
            }
            Kind::Ip => {
                let address = |n: usize| format!("192.0.2.{}", n % 254 + 1);
                self.given(kind, value.to_owned(), address)
            }
            Kind::Url => self.given(kind, value.to_owned(), |n| format!("https://example.com/{n}")),
            Kind::Text => {
                let spaced = value.trim().contains(char::is_whitespace);
                let text = |n| if spaced { format!("Text {n}") } else { format!("text{n}") };
                self.given(kind, value.trim().to_owned(), text)
            }
        }
    }

    /// Letters for letters and digits for digits, word by word; hexadecimal where the whole, of which it is a part, is.
    pub(super) fn same_shape(&mut self, value: &str, whole: &str) -> String {
        let digits = whole.bytes().filter(|byte| *byte != b'-');
        let hex = whole.len() >= 8 && digits.clone().all(|byte| byte.is_ascii_hexdigit());
        let mut text = String::with_capacity(value.len());
        let mut copied = 0;
        for at in tokens(value) {
            text.push_str(&value[copied..at.start]);
            let word = &value[at.clone()];
            text += &self.given(Kind::Other, word.to_owned(), |n| same_shape(word, hex, n));
            copied = at.end;
        }
        text.push_str(&value[copied..]);
        text
    }

    /// The digits of the same number are the same wherever it is written, and with which signs between.
    fn phone(&mut self, value: &str) -> String {
        let digits: String = value.chars().filter(char::is_ascii_digit).collect();
        let international = value.contains('+');
        let others = self.given(Kind::Phone, digits.clone(), |n| number(&digits, international, n));
        let mut others = others.chars();
        let other = |letter: char| match letter.is_ascii_digit() {
            true => others.next().unwrap_or('0'),
            false => letter,
        };
        value.chars().map(other).collect()
    }

    /// What stands before the `@` of a telephone's address may be a number.
    fn email(&mut self, value: &str) -> String {
        let value = value.trim();
        let local = value.split('@').next().unwrap_or_default();
        let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'+');
        if !local.is_empty() && is_number(local) {
            return format!("{}@example.com", self.phone(local));
        }
        let address = |n| format!("person-{n}@example.com");
        self.given(Kind::Email, value.to_lowercase(), address)
    }

    fn given(&mut self, kind: Kind, value: String, make: impl Fn(usize) -> String) -> String {
        if let Some(given) = self.given.get(&(kind, value.clone())) {
            return given.clone();
        }
        let same = self.given.range((kind, String::new())..).take_while(|((k, _), _)| *k == kind);
        // Counted for each sort, so that the first person is the first.
        let first = if kind == Kind::Other { self.made } else { same.count() };
        let mut stand_in = make(first + 1);
        for n in first + 2..first + TRIES {
            if stand_in != value && !self.taken.contains(&stand_in) {
                break;
            }
            stand_in = make(n);
        }
        self.made += 1;
        self.taken.insert(stand_in.clone());
        self.given.insert((kind, value), stand_in.clone());
        stand_in
    }
}

/// The `n`th number with as many digits; of one with a country's prefix the prefix stays.
fn number(digits: &str, international: bool, n: usize) -> String {
    let prefix = match (international, digits.as_bytes()) {
        (true, [b'1' | b'7', ..]) => 1,
        (true, [_, _, _, ..]) => 2,
        (false, [b'0', ..]) => 1,
        _ => 0,
    };
    let rest = digits.len() - prefix;
    let lead = if rest >= 6 { "555" } else { "" };
    let width = rest - lead.len();
    let counted = format!("{n:0width$}");
    let counted = &counted[counted.len() - width..];
    format!("{}{lead}{counted}", &digits[..prefix])
}

/// A word of the same length, each sign of the same sort; what is hexadecimal stays so.
fn same_shape(word: &str, hex: bool, n: usize) -> String {
    let mut state = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = |below: u64| {
        // Marsaglia's xorshift: it need not be hard to guess, for it is made of nothing.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from((state >> 33) % below).unwrap_or_default()
    };
    let letters = if hex { 6 } else { 26 };
    let mut first = true;
    let other = |letter: char| {
        let leading = std::mem::take(&mut first);
        let other = match letter {
            '1'..='9' if leading => b'1' + next(9),
            '0'..='9' => b'0' + next(10),
            letter if letter.is_uppercase() => b'A' + next(letters),
            letter if letter.is_alphanumeric() => b'a' + next(letters),
            other => return other,
        };
        char::from(other)
    };
    word.chars().map(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_a_number_however_it_is_written() {
        let mut stand_ins = StandIns::default();
        let first = stand_ins.of(Kind::Phone, "+49 (151) 123-45678");
        assert_eq!(first, "+49 (555) 000-00001");
        assert_eq!(stand_ins.of(Kind::Phone, "4915112345678"), "4955500000001");
        assert_eq!(stand_ins.of(Kind::Phone, "+4915112345679"), "+4955500000002");
        assert_eq!(stand_ins.of(Kind::Phone, "+15550100"), "+15550003");
        assert_eq!(stand_ins.of(Kind::Phone, "030 1234567"), "055 5000004");
        assert_eq!(stand_ins.of(Kind::Phone, "101"), "005");
        assert_eq!(stand_ins.counts(), BTreeMap::from([(Kind::Phone, 5)]));
    }

    #[test]
    fn each_sort_keeps_its_shape_and_no_stand_in_is_somebodys_value() {
        let mut stand_ins = StandIns::default();
        stand_ins.avoid("person-1@example.com");
        assert_eq!(stand_ins.of(Kind::Email, "Anna@x.org"), "person-2@example.com");
        assert_eq!(stand_ins.of(Kind::Email, "anna@X.org"), "person-2@example.com");
        assert_eq!(stand_ins.of(Kind::Email, "+4915112345678@pbx"), "+4955500000001@example.com");
        assert_eq!(stand_ins.of(Kind::Name, "Anna Berg"), "Person 1");
        assert_eq!(stand_ins.of(Kind::Name, "jdoe"), "person2");
        assert_eq!(stand_ins.of(Kind::Ip, "10.0.0.7"), "192.0.2.2");
        let token = stand_ins.of(Kind::Token, "eyJhbGci.eyJhIjox.c2ln");
        assert_eq!(token.len(), 22);
        assert_eq!(token.match_indices('.').map(|(at, _)| at).collect::<Vec<_>>(), [8, 17]);
        let account = stand_ins.of(Kind::Other, "acct_3f2e1d4c-0a0b");
        assert!(account != "acct_3f2e1d4c-0a0b" && account.len() == 18, "{account}");
        for hex in ["59616aba87bd5210be070d48dabb35e6", "8be34eb4-7c7d-4fab-96cc-0000abcdef01"] {
            let other = stand_ins.of(Kind::Other, hex);
            assert!(other != hex && other.len() == hex.len(), "{other}");
            assert!(other.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'), "{other}");
        }
    }
}
