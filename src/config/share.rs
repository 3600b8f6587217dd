//! Shares of a whole, as the settings give them.

use figment::value::Value;

use super::section::Given;
use super::values::{plain, what};

/// Reads a share: 0 or more, less than 1.
pub(super) fn share(given: Given) -> Result<f64, String> {
    let (number, told) = number(given);
    number
        .filter(|share| (0.0..1.0).contains(share))
        .ok_or_else(|| format!("is {told}; write a share from 0 to less than 1, such as 0.2"))
}

/// Reads a share of which something is left: more than 0, up to 1.
pub(super) fn positive_share(given: Given) -> Result<f64, String> {
    let (number, told) = number(given);
    number
        .filter(|share| *share > 0.0 && *share <= 1.0)
        .ok_or_else(|| format!("is {told}; write a share of more than 0 up to 1, such as 0.5"))
}

/// A number, if it is one, and what was given.
fn number(given: Given) -> (Option<f64>, String) {
    given.may_be_shown();
    let value = plain(given);
    let number = match &value {
        Value::Num(_, number) => match (number.to_i128(), number.to_u128()) {
            (Some(whole @ (0 | 1)), _) => Some(if whole == 0 { 0.0 } else { 1.0 }),
            (None, Some(whole @ (0 | 1))) => Some(if whole == 0 { 0.0 } else { 1.0 }),
            _ => number.to_f64(),
        },
        _ => None,
    };
    (number, what(&value))
}
