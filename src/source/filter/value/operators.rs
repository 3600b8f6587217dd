//! `+`, `-`, `*`, `/`, `%` and the sign.

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::sync::Arc;

use jaq_core::ValR;
use jaq_json::{Num, Val};

use super::super::meter::{spend, spend_size};
use super::{Metered, weigh, weigh_numbers};

/// jaq's outcome of an operation as ours.
pub(super) fn metered(outcome: jaq_json::ValR) -> ValR<Metered> {
    outcome.map(Metered).map_err(|error| {
        let value = error.into_val();
        jaq_core::Error::new(Metered(value))
    })
}

impl Add for Metered {
    type Output = ValR<Self>;

    fn add(self, other: Self) -> Self::Output {
        match (&self.0, &other.0) {
            (Val::TStr(left) | Val::BStr(left), Val::TStr(right) | Val::BStr(right)) => {
                let copied = if left.is_unique() { 0 } else { left.len() };
                spend_size(copied + right.len());
            }
            (Val::Arr(left), Val::Arr(right)) => {
                let copied = if Arc::strong_count(left) > 1 { left.len() } else { 0 };
                spend_size((copied + right.len()) * 16);
            }
            (Val::Obj(left), Val::Obj(right)) => {
                let copied = if Arc::strong_count(left) > 1 { left.len() } else { 0 };
                spend((copied + right.len()) as u64);
            }
            (Val::Null, _) | (_, Val::Null) => {}
            (left, right) if is_calculation(left, right) => weigh_numbers(left, right),
            // The error quotes both.
            _ => return Err(jaq_core::Error::math(self, jaq_core::ops::Math::Add, other)),
        }
        metered(self.0 + other.0)
    }
}

impl Sub for Metered {
    type Output = ValR<Self>;

    fn sub(self, other: Self) -> Self::Output {
        match (&self.0, &other.0) {
            (Val::Arr(elements), Val::Arr(_)) => {
                let weight = weigh(&self.0, 0).saturating_add(weigh(&other.0, 0));
                // Each element is looked up in a tree of the others.
                spend(weight.saturating_mul(u64::from(elements.len().max(2).ilog2())) / 4);
            }
            (left, right) if is_calculation(left, right) => weigh_numbers(left, right),
            _ => return Err(jaq_core::Error::math(self, jaq_core::ops::Math::Sub, other)),
        }
        metered(self.0 - other.0)
    }
}

impl Mul for Metered {
    type Output = ValR<Self>;

    fn mul(self, other: Self) -> Self::Output {
        match (&self.0, &other.0) {
            (Val::TStr(text) | Val::BStr(text), Val::Num(times))
            | (Val::Num(times), Val::TStr(text) | Val::BStr(text)) => {
                let times = match times {
                    Num::Int(times) => usize::try_from(*times).unwrap_or(0),
                    Num::BigInt(_) => usize::MAX,
                    Num::Float(_) | Num::Dec(_) => 0,
                };
                // Also nothing at all, repeated for ever, would end in too large a capacity.
                spend_size(text.len().max(1).saturating_mul(times));
            }
            (Val::Obj(_), Val::Obj(_)) => {
                weigh(&self.0, 0);
                weigh(&other.0, 0);
            }
            (left, right) if is_calculation(left, right) => weigh_numbers(left, right),
            _ => return Err(jaq_core::Error::math(self, jaq_core::ops::Math::Mul, other)),
        }
        metered(self.0 * other.0)
    }
}

impl Div for Metered {
    type Output = ValR<Self>;

    fn div(self, other: Self) -> Self::Output {
        match (&self.0, &other.0) {
            // Split into at most as many parts as there are bytes.
            (Val::TStr(text), Val::TStr(by)) | (Val::BStr(text), Val::BStr(by)) => {
                spend_size(text.len() * if by.is_empty() { 64 } else { 1 });
            }
            (left, right) if is_calculation(left, right) => weigh_numbers(left, right),
            _ => return Err(jaq_core::Error::math(self, jaq_core::ops::Math::Div, other)),
        }
        let divided = metered(self.0 / other.0);
        if let Ok(Self(Val::Arr(parts))) = &divided {
            spend(parts.len() as u64);
        }
        divided
    }
}

impl Rem for Metered {
    type Output = ValR<Self>;

    fn rem(self, other: Self) -> Self::Output {
        if !is_calculation(&self.0, &other.0) {
            return Err(jaq_core::Error::math(self, jaq_core::ops::Math::Rem, other));
        }
        weigh_numbers(&self.0, &other.0);
        metered(self.0 % other.0)
    }
}

impl Neg for Metered {
    type Output = ValR<Self>;

    fn neg(self) -> Self::Output {
        if !matches!(self.0, Val::Num(_)) {
            return Err(jaq_core::Error::typ(self, "number"));
        }
        weigh_numbers(&self.0, &self.0);
        metered(-self.0)
    }
}

fn is_calculation(left: &Val, right: &Val) -> bool {
    matches!((left, right), (Val::Num(_), Val::Num(_)))
}
