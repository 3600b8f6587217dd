//! jaq's native filters without those that a profile must not have, and ours in the place of three.

use std::cmp::Ordering;
use std::iter::{empty, from_fn};

use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Error, ValX};
use jaq_json::Val;

use super::super::decode::{parse_json, string_of};
use super::meter::{Data, spend};
use super::words;

/// Definitions and native filters that a profile does not have.
pub(super) const DENIED: [&str; 12] = [
    // They loop until something holds: a mapping that uses one fails as soon as it does not hold.
    "repeat",
    "while",
    "until",
    "combinations",
    // They see or end the process, or read its clock.
    "env",
    "now",
    "halt",
    "halt_error",
    "localtime",
    "strflocaltime",
    // As many rounds as their first argument says, in one step.
    "jn",
    "yn",
];

/// Those in whose place ours stand.
const REPLACED: [&str; 4] = ["range", "fromjson", "debug_empty", "stderr_empty"];

/// All native filters that a profile has.
pub(super) fn natives() -> impl Iterator<Item = Fun<Data>> {
    let jq = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let kept = |(name, ..): &Fun<Data>| !DENIED.contains(name) && !REPLACED.contains(name);
    jq.filter(kept).chain(replacements()).chain(words::words())
}

fn replacements() -> [Fun<Data>; 4] {
    [
        run(("range", v(3), |mut cv| {
            let (by, to, from) = (cv.0.pop_var(), cv.0.pop_var(), cv.0.pop_var());
            Box::new(range(from, to, by))
        })),
        // JSON alone, of limited depth; the error does not quote it.
        run(("fromjson", v(0), |(_, input)| {
            let parsed = parse_json(string_of(&input).unwrap_or_default().as_bytes());
            bome(parsed.map_err(|_| Error::str("a text is not JSON")))
        })),
        run(("debug_empty", v(0), |_| Box::new(empty()))),
        run(("stderr_empty", v(0), |_| Box::new(empty()))),
    ]
}

/// jaq's, but each value costs a step: it makes them without a look-up.
fn range<'a>(from: Val, to: Val, by: Val) -> impl Iterator<Item = ValX<'a, Val>> {
    let direction = by.cmp(&Val::from(0_isize));
    let mut next = Some(Ok(from));
    from_fn(move || {
        spend(1);
        let this = match next.take()? {
            Ok(this) => this,
            Err(error) => return Some(Err(error)),
        };
        let goes_on = match direction {
            Ordering::Greater => this < to,
            Ordering::Less => this > to,
            Ordering::Equal => this != to,
        };
        next = goes_on.then(|| (this.clone() + by.clone()).map_err(Into::into));
        goes_on.then_some(Ok(this))
    })
}
