//! A jq value whose every operation is paid for, in proportion to what it copies, looks through or makes.
//!
//! Values hold each other and may share: what is small in memory can be endless to print. So whatever walks through a
//! whole value is preceded by [`Metered::weigh`], which walks first, pays for each part and refuses what is too deep.

mod core_ops;
mod operators;

use std::cmp::Ordering;
use std::fmt;

use jaq_json::{Num, Val};

pub(super) use self::core_ops::position;
use super::meter::{Spent, spend, spend_size, stop};

/// How deep a value may be where it is walked through. A request has at most 128 levels.
const MAX_DEPTH: u32 = 512;

/// A value inside a filter.
#[derive(Clone)]
pub(super) struct Metered(pub(super) Val);

impl Metered {
    /// Pays for a walk through the whole value; returns how many parts it has.
    pub(super) fn weigh(&self) -> u64 {
        weigh(&self.0, 0)
    }
}

fn weigh(value: &Val, depth: u32) -> u64 {
    if depth > MAX_DEPTH {
        stop(Spent::Depth);
    }
    match value {
        Val::Null | Val::Bool(_) => 1,
        Val::Num(number) => {
            let size = bits(number) / 64;
            spend(size.saturating_mul(size) / 16);
            size.max(1)
        }
        Val::BStr(bytes) | Val::TStr(bytes) => {
            spend(bytes.len() as u64 / 64);
            1 + bytes.len() as u64 / 64
        }
        Val::Arr(elements) => {
            spend(1 + elements.len() as u64 / 4);
            elements.iter().map(|element| weigh(element, depth + 1)).fold(1, u64::saturating_add)
        }
        Val::Obj(fields) => {
            spend(1 + fields.len() as u64 / 2);
            let field =
                |(key, value)| weigh(key, depth + 1).saturating_add(weigh(value, depth + 1));
            fields.iter().map(field).fold(1, u64::saturating_add)
        }
    }
}

/// The bits of a number, where it is longer than a machine's.
fn bits(number: &Num) -> u64 {
    match number {
        Num::BigInt(integer) => integer.bits(),
        Num::Dec(digits) => digits.len() as u64 * 4,
        Num::Int(_) | Num::Float(_) => 0,
    }
}

/// Pays for a calculation: long multiplication takes the product of the lengths.
fn weigh_numbers(left: &Val, right: &Val) {
    if let (Val::Num(left), Val::Num(right)) = (left, right) {
        let (left, right) = (bits(left) / 64 + 1, bits(right) / 64 + 1);
        if left.max(right) > 1 {
            spend(left.saturating_mul(right) / 16 + left.max(right));
        }
    }
}

/// Pays for a comparison.
fn weigh_pair(left: &Val, right: &Val) {
    match (left, right) {
        (Val::Arr(_) | Val::Obj(_), Val::Arr(_) | Val::Obj(_)) => {
            weigh(left, 0);
            weigh(right, 0);
        }
        (Val::TStr(left) | Val::BStr(left), Val::TStr(right) | Val::BStr(right)) => {
            spend(left.len().min(right.len()) as u64 / 64);
        }
        _ => weigh_numbers(left, right),
    }
}

impl PartialEq for Metered {
    fn eq(&self, other: &Self) -> bool {
        weigh_pair(&self.0, &other.0);
        self.0 == other.0
    }
}

impl Eq for Metered {}

impl PartialOrd for Metered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Metered {
    fn cmp(&self, other: &Self) -> Ordering {
        weigh_pair(&self.0, &other.0);
        self.0.cmp(&other.0)
    }
}

impl fmt::Display for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.weigh();
        self.0.fmt(f)
    }
}

impl From<bool> for Metered {
    fn from(value: bool) -> Self {
        Self(value.into())
    }
}

impl From<isize> for Metered {
    fn from(value: isize) -> Self {
        Self(value.into())
    }
}

impl From<usize> for Metered {
    fn from(value: usize) -> Self {
        Self(value.into())
    }
}

impl From<f64> for Metered {
    fn from(value: f64) -> Self {
        Self(value.into())
    }
}

impl From<String> for Metered {
    fn from(text: String) -> Self {
        spend_size(text.len());
        Self(text.into())
    }
}

impl From<jaq_core::val::Range<Self>> for Metered {
    fn from(range: jaq_core::val::Range<Self>) -> Self {
        let inner = |bound: Option<Self>| bound.map(|bound| bound.0);
        Self((inner(range.start)..inner(range.end)).into())
    }
}

impl FromIterator<Self> for Metered {
    fn from_iter<I: IntoIterator<Item = Self>>(values: I) -> Self {
        let paid = |value: Self| {
            spend(1);
            value.0
        };
        Self(values.into_iter().map(paid).collect())
    }
}
