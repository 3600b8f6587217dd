//! What jaq asks of a value: making it, looking into it, changing a part of it.

use std::sync::Arc;

use bytes::Bytes;
use jaq_core::box_iter::{BoxIter, box_once};
use jaq_core::path::Opt;
use jaq_core::val::Range;
use jaq_core::{Error, Exn, ValR, ValT, ValX};
use jaq_json::{Map, Val};

use super::super::meter::{spend, spend_look, spend_size};
use super::operators::metered;
use super::{Metered, weigh};

const ITERABLE: &str = "iterable (array or object)";

impl ValT for Metered {
    fn from_num(text: &str) -> ValR<Self> {
        spend_size(text.len());
        metered(Val::from_num(text))
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(fields: I) -> ValR<Self> {
        let field = |(key, value): (Self, Self)| {
            spend(1);
            weigh_key(&key.0);
            (key.0, value.0)
        };
        Ok(Self(Val::obj(fields.into_iter().map(field).collect())))
    }

    fn key_values(self) -> BoxIter<'static, ValR<(Self, Self), Self>> {
        spend_look();
        let pair = |(key, value)| {
            spend(1);
            Ok((Self(key), Self(value)))
        };
        match self.0 {
            Val::Arr(elements) => Box::new(
                elements_of(elements).enumerate().map(|(n, value)| (Val::from(n), value)).map(pair),
            ),
            Val::Obj(fields) => {
                let fields = Arc::unwrap_or_clone(fields);
                spend(fields.len() as u64 / 2);
                Box::new(fields.into_iter().map(pair))
            }
            _ => box_once(Err(Error::typ(self, ITERABLE))),
        }
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR<Self>>> {
        spend_look();
        let paid = |value| {
            spend(1);
            Ok(Self(value))
        };
        match self.0 {
            Val::Arr(elements) => Box::new(elements_of(elements).map(paid)),
            Val::Obj(fields) => {
                let fields = Arc::unwrap_or_clone(fields);
                spend(fields.len() as u64 / 2);
                Box::new(fields.into_values().map(paid))
            }
            _ => box_once(Err(Error::typ(self, ITERABLE))),
        }
    }

    fn index(self, index: &Self) -> ValR<Self> {
        match (&self.0, &index.0) {
            (Val::Null, _) => return Ok(Self(Val::Null)),
            (Val::Obj(fields), key) => {
                weigh_key(key);
                return Ok(Self(fields.get(key).cloned().unwrap_or_default()));
            }
            (Val::Arr(elements), Val::Arr(wanted)) => {
                let weight = weigh(&index.0, 0).saturating_add(weigh(&self.0, 0) / 16);
                if !wanted.is_empty() {
                    spend(weight.saturating_mul(elements.len() as u64));
                }
            }
            (Val::Arr(_), Val::Num(_)) => {}
            (Val::BStr(_), Val::Num(_)) => {}
            (Val::Arr(_) | Val::BStr(_) | Val::TStr(_), Val::Obj(bounds)) => {
                let bound =
                    |name: &str| bounds.get(&Val::from(name.to_owned())).cloned().map(Metered);
                let (start, end) = (bound("start"), bound("end"));
                return self.range(start.as_ref()..end.as_ref());
            }
            _ => return Err(Error::index(self, index.clone())),
        }
        metered(self.0.index(&index.0))
    }

    fn range(self, range: Range<&Self>) -> ValR<Self> {
        match &self.0 {
            Val::BStr(text) | Val::TStr(text) => spend_size(text.len()),
            Val::Arr(elements) => spend_size(elements.len() * 16),
            _ => return Err(Error::typ(self, "rangeable (array or string)")),
        }
        let inner = |bound: Option<&Self>| bound.map(|bound| bound.0.clone());
        let (start, end) = (inner(range.start), inner(range.end));
        metered(self.0.range(start.as_ref()..end.as_ref()))
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        spend_look();
        match self.0 {
            Val::Arr(elements) => elements_of(elements).flat_map(|value| f(Self(value))).collect(),
            Val::Obj(fields) => {
                let fields = Arc::unwrap_or_clone(fields);
                spend(fields.len() as u64 / 2);
                let changed = fields.into_iter().filter_map(|(key, value)| {
                    let first = f(Self(value)).next()?;
                    Some(first.map(|value| (key, value.0)))
                });
                Ok(Self(Val::obj(changed.collect::<Result<Map, Exn<'_, Self>>>()?)))
            }
            _ => opt.fail(self, |value| Exn::from(Error::typ(value, ITERABLE))),
        }
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Self>>>(
        mut self,
        index: &Self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        match (&mut self.0, &index.0) {
            (Val::BStr(_) | Val::TStr(_) | Val::Arr(_), Val::Obj(bounds)) => {
                let bound =
                    |name: &str| bounds.get(&Val::from(name.to_owned())).cloned().map(Metered);
                let (start, end) = (bound("start"), bound("end"));
                self.map_range(start.as_ref()..end.as_ref(), opt, f)
            }
            (Val::Obj(fields), key) => {
                weigh_key(key);
                pay_for_copy(fields, fields.len());
                let fields = Arc::make_mut(fields);
                let place = fields.get_mut(key).map(std::mem::take);
                let known = place.is_some();
                match f(Self(place.unwrap_or_default())).next().transpose()? {
                    Some(value) => {
                        spend(1);
                        fields.insert(key.clone(), value.0);
                    }
                    // As jaq does it: quick, at the price of the order.
                    None if known => drop(fields.swap_remove(key)),
                    None => {}
                }
                Ok(self)
            }
            (Val::Arr(elements), Val::Num(_)) => {
                let Some(at) = position(&index.0, elements.len()) else {
                    let error = || Error::str(format_args!("index {index} out of bounds"));
                    return opt.fail(self, |_| Exn::from(error()));
                };
                pay_for_copy(elements, elements.len());
                let elements = Arc::make_mut(elements);
                let value = std::mem::take(&mut elements[at]);
                match f(Self(value)).next().transpose()? {
                    Some(value) => elements[at] = value.0,
                    None => {
                        spend_size((elements.len() - at) * 16);
                        elements.remove(at);
                    }
                }
                Ok(self)
            }
            (Val::Arr(_), _) => opt.fail(self, |_| Exn::from(Error::typ(index.clone(), "integer"))),
            _ => opt.fail(self, |value| Exn::from(Error::typ(value, ITERABLE))),
        }
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        range: Range<&Self>,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        if !matches!(self.0, Val::Arr(_) | Val::BStr(_) | Val::TStr(_)) {
            return opt.fail(self, |value| Exn::from(Error::typ(value, "array")));
        }
        let before = match range.start {
            None => Ok(0),
            Some(_) => self.clone().range(None..range.start).map(|before| length(&before.0)),
        };
        let middle = self.clone().range(range);
        let (skip, middle) = match (before, middle) {
            (Ok(skip), Ok(middle)) => (skip, middle),
            (Err(error), _) | (_, Err(error)) => return opt.fail(self, |_| Exn::from(error)),
        };
        let take = length(&middle.0);
        let new = f(middle).next().transpose()?;
        match (self.0, new.map(|new| new.0)) {
            (Val::Arr(elements), new @ (None | Some(Val::Arr(_)))) => {
                let new = if let Some(Val::Arr(new)) = new { new } else { Arc::default() };
                spend_size((elements.len() + new.len()) * 16);
                let mut elements = Arc::unwrap_or_clone(elements);
                elements.splice(skip..skip + take, new.iter().cloned());
                Ok(Self(Val::Arr(Arc::new(elements))))
            }
            (Val::TStr(text), new @ (None | Some(Val::TStr(_)))) => {
                Ok(Self(Val::utf8_str(spliced(&text, skip, take, new))))
            }
            (Val::BStr(text), new @ (None | Some(Val::BStr(_)))) => {
                Ok(Self(Val::byte_str(spliced(&text, skip, take, new))))
            }
            (Val::Arr(_), new) => Err(Error::typ(Self(new.unwrap_or_default()), "array").into()),
            (_, new) => Err(Error::typ(Self(new.unwrap_or_default()), "string").into()),
        }
    }

    fn as_bool(&self) -> bool {
        self.0.as_bool()
    }

    fn into_string(self) -> Self {
        self.weigh();
        Self(self.0.into_string())
    }
}

impl jaq_std::ValT for Metered {
    fn into_seq<S: FromIterator<Self>>(self) -> Result<S, Self> {
        match self.0 {
            Val::Arr(elements) => {
                spend_size(elements.len() * 16);
                Ok(elements_of(elements).map(Self).collect())
            }
            _ => Err(self),
        }
    }

    fn is_int(&self) -> bool {
        jaq_std::ValT::is_int(&self.0)
    }

    fn as_isize(&self) -> Option<isize> {
        self.0.as_isize()
    }

    fn as_f64(&self) -> Option<f64> {
        weigh_numbers_alone(&self.0);
        self.0.as_f64()
    }

    fn is_utf8_str(&self) -> bool {
        self.0.is_utf8_str()
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        let bytes = self.0.as_bytes()?;
        spend_size(bytes.len());
        Some(bytes)
    }

    fn as_sub_str(&self, part: &[u8]) -> Self {
        Self(self.0.as_sub_str(part))
    }

    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        spend_size(bytes.as_ref().len());
        Self(Val::from_utf8_bytes(bytes))
    }
}

/// The elements one after the other; those of an array that others hold too are not copied beforehand.
fn elements_of(elements: Arc<Vec<Val>>) -> Box<dyn Iterator<Item = Val>> {
    match Arc::try_unwrap(elements) {
        Ok(elements) => Box::new(elements.into_iter()),
        Err(shared) => Box::new((0..shared.len()).map(move |at| shared[at].clone())),
    }
}

/// A list or an object that others hold too is copied before it is changed.
fn pay_for_copy<T>(shared: &Arc<T>, length: usize) {
    if Arc::strong_count(shared) > 1 {
        spend_size(length * 32);
    }
}

/// A key is hashed, and compared.
fn weigh_key(key: &Val) {
    match key {
        Val::TStr(text) | Val::BStr(text) => spend(text.len() as u64 / 64),
        key => drop(weigh(key, 0)),
    }
}

fn weigh_numbers_alone(value: &Val) {
    if matches!(value, Val::Num(_)) {
        weigh(value, 0);
    }
}

/// Where an index points to in a list of that length; negative ones count from its end.
pub(in super::super) fn position(index: &Val, length: usize) -> Option<usize> {
    let index = jaq_std::ValT::as_isize(index)?;
    let at = if index < 0 { index.checked_add_unsigned(length)? } else { index };
    usize::try_from(at).ok().filter(|at| *at < length)
}

/// Elements, or bytes.
fn length(value: &Val) -> usize {
    match value {
        Val::Arr(elements) => elements.len(),
        Val::TStr(text) | Val::BStr(text) => text.len(),
        _ => 0,
    }
}

fn spliced(text: &Bytes, skip: usize, take: usize, new: Option<Val>) -> Bytes {
    let new = match &new {
        Some(Val::TStr(new) | Val::BStr(new)) => new.as_ref().clone(),
        _ => Bytes::new(),
    };
    spend_size(text.len() + new.len());
    [&text[..skip], &new, &text[skip + take..]].concat().into()
}
