//! Reads jaq's values with serde: what a filter yields becomes an event without a tree of another kind between the two.

use std::borrow::Cow;

use jaq_json::{Num, Val};
use serde::de::value::{CowStrDeserializer, Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::string_of;

/// A value as serde reads it. Integers beyond 64 bits are strings of their digits, whole floats are integers, and what
/// is no number of JSON is null.
#[derive(Clone, Copy)]
pub(in super::super) struct Reader<'de>(pub(in super::super) &'de Val);

/// A number as JSON has it.
enum Number {
    Unsigned(u64),
    Signed(i64),
    Digits(String),
    Float(f64),
    Null,
}

impl Number {
    fn of(number: &Num) -> Self {
        let digits = number.to_string();
        if let Ok(whole) = digits.parse() {
            return Self::Unsigned(whole);
        }
        if let Ok(whole) = digits.parse() {
            return Self::Signed(whole);
        }
        if matches!(number, Num::BigInt(_)) {
            return Self::Digits(digits);
        }
        match digits.parse::<f64>() {
            Ok(float) if float.fract() == 0.0 && float.abs() < 9e15 => Self::Signed(float as i64),
            Ok(float) if float.is_finite() => Self::Float(float),
            Ok(_) | Err(_) => Self::Null,
        }
    }
}

/// The text of a string, what is not UTF-8 replaced.
fn text_of(value: &Val) -> Option<Cow<'_, str>> {
    match value {
        Val::TStr(bytes) | Val::BStr(bytes) => Some(String::from_utf8_lossy(bytes)),
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::Arr(_) | Val::Obj(_) => None,
    }
}

impl Reader<'_> {
    /// A string, or the digits of an integer.
    pub(in super::super) fn text_or_integer(self) -> Option<String> {
        let Val::Num(number) = self.0 else { return text_of(self.0).map(Cow::into_owned) };
        match Number::of(number) {
            Number::Unsigned(whole) => Some(whole.to_string()),
            Number::Signed(whole) => Some(whole.to_string()),
            Number::Digits(digits) => Some(digits),
            Number::Float(_) | Number::Null => None,
        }
    }
}

impl<'de> IntoDeserializer<'de, Error> for Reader<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Val::Null => visitor.visit_unit(),
            Val::Bool(yes) => visitor.visit_bool(*yes),
            Val::Num(number) => match Number::of(number) {
                Number::Unsigned(whole) => visitor.visit_u64(whole),
                Number::Signed(whole) => visitor.visit_i64(whole),
                Number::Digits(digits) => visitor.visit_string(digits),
                Number::Float(float) => visitor.visit_f64(float),
                Number::Null => visitor.visit_unit(),
            },
            Val::TStr(bytes) | Val::BStr(bytes) => match String::from_utf8_lossy(bytes) {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            Val::Arr(elements) => {
                visitor.visit_seq(SeqDeserializer::new(elements.iter().map(Reader)))
            }
            Val::Obj(fields) => {
                let name = |key| text_of(key).or_else(|| string_of(key).map(Cow::Owned));
                let name = |key: &'de Val| name(key).unwrap_or_else(|| key.to_string().into());
                let fields = fields.iter().map(|(key, value)| (name(key), Reader(value)));
                visitor.visit_map(MapDeserializer::new(fields))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let is_null = match self.0 {
            Val::Null => true,
            Val::Num(number) => matches!(Number::of(number), Number::Null),
            Val::Bool(_) | Val::BStr(_) | Val::TStr(_) | Val::Arr(_) | Val::Obj(_) => false,
        };
        if is_null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match text_of(self.0) {
            Some(text) => visitor.visit_enum(CowStrDeserializer::new(text)),
            None => Err(Error::invalid_type(Unexpected::Other("another value"), &"a string")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}
