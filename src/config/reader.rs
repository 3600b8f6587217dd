//! The serde [`Deserializer`] of the configuration, over figment's merged values. It notes each problem with its key
//! and its place in the [`Report`], refuses unknown keys of every struct, and never quotes a text.
//!
//! What differs from other formats:
//! - An environment variable's text is parsed where a number, flag, array or table is wanted, and only there: a secret
//!   of digits keeps every digit.
//! - What is not there is read too: as none, as an empty array or table, else it is a problem. So no field says
//!   `default`.
//! - An enum is a word, and the fields of its variant stand beside that word (`kind = "basic", username = "…"`).
//! - Some types are known by their names: [`SHOWN`], [`FILE`], [`EMPTY_IS_NONE`], [`KEY_FILE`], [`SECRET`],
//!   [`SECRETS`].

use figment::value::{Dict, Num, Tag, Value};
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::report::Report;
use super::secret::Secret;
use super::table::{Fields, Table, Variant};
use super::unread::{Unread, Wanted};

/// What is asked for in place of a type whose text is no secret, so that a reload may tell it.
pub(super) const SHOWN: &str = "Shown";
/// A newtype whose text names a file, the content of which is part of what is configured.
pub(super) const FILE: &str = "File";
/// A newtype for which an empty text is none.
pub(super) const EMPTY_IS_NONE: &str = "EmptyIsNone";
/// A newtype around a secret for which a plain text is the path of its file.
pub(super) const KEY_FILE: &str = "KeyFile";
/// A secret.
pub(super) const SECRET: &str = "Secret";
/// A newtype for an array of secrets, in the place of which one may stand.
pub(super) const SECRETS: &str = "Secrets";
/// A field that is the name of its table.
pub(super) const OWN_NAME: &str = "$name";
/// A field whose own fields stand in the same table.
pub(super) const SAME_TABLE: &str = "$same";
/// One value, there or not.
#[derive(Clone)]
pub(super) struct Reader<'t> {
    pub(super) report: &'t Report,
    pub(super) path: Vec<String>,
    /// Where it comes from: values inside a variable's text carry no tag of their own.
    pub(super) tag: Tag,
    pub(super) value: Option<Value>,
    /// It is read as one that is not there, because it is refused.
    pub(super) is_refused: bool,
    /// Its place in an array.
    pub(super) index: Option<usize>,
    /// It is made an array of the one value that stands there.
    pub(super) is_single: bool,
    /// A plain text is the path of a secret's file.
    pub(super) is_path: bool,
    /// The table that it stands in.
    pub(super) table: Option<&'t Table<'t>>,
    /// It is that table itself.
    pub(super) is_table: bool,
}

impl<'t> Reader<'t> {
    pub(super) fn new(
        report: &'t Report,
        path: Vec<String>,
        tag: Tag,
        value: Option<Value>,
    ) -> Self {
        let own = value.as_ref().map(Value::tag).filter(|tag| !tag.is_default());
        let tag = own.unwrap_or(tag);
        Self {
            report,
            path,
            tag,
            value,
            is_refused: false,
            index: None,
            is_single: false,
            is_path: false,
            table: None,
            is_table: false,
        }
    }

    /// The key's path with dots.
    fn key(&self) -> String {
        self.path.join(".")
    }

    fn place(&self) -> Option<String> {
        match self.value {
            Some(_) if self.path.last().is_none_or(|last| last != OWN_NAME) => {
                self.report.layers.place(self.tag, &self.path)
            }
            _ => self.report.layers.nearest(self.path.split_last().map_or(&[], |(_, table)| table)),
        }
    }

    fn is_variable(&self) -> bool {
        self.report.layers.is_environment(self.tag)
    }

    /// Reads a key of a table; what goes wrong is noted, or was noted below.
    pub(super) fn read<'de, S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Unread> {
        let (report, path, place, before) =
            (self.report, self.path.clone(), self.place(), self.report.count());
        seed.deserialize(self).map_err(|unread| {
            match unread {
                Unread::Because(text) if !report.is_refused(&path) => {
                    report.note(place, &path, text)
                }
                // Once nothing new comes to light below, the next reading has to do without it.
                Unread::Because(_) | Unread::Noted if report.count() == before => {
                    report.refuse(path)
                }
                Unread::Because(_) | Unread::Noted => {}
            }
            Unread::Noted
        })
    }

    fn shown(self) -> Self {
        self.report.marks.borrow_mut().shown.insert(self.key());
        self
    }

    /// A variable's text as what it looks like.
    fn parsed(self) -> Self {
        match self.value {
            Some(Value::String(_, text)) if self.report.layers.is_environment(self.tag) => {
                Self { value: Some(parsed(&text)), ..self }
            }
            _ => self,
        }
    }

    fn table(self) -> Result<Table<'t>, Unread> {
        let Self { report, path, tag, value, is_refused, .. } = self.parsed();
        let entries = match value {
            None if is_refused => return Err(Unread::Noted),
            None => Dict::new(),
            Some(Value::Dict(_, entries)) => entries,
            Some(_) => {
                let text = "is not a table; write it as [section] or { key = value }";
                return Err(Unread::Because(text.to_owned()));
            }
        };
        Ok(Table::new(report, path, tag, entries))
    }

    fn elements<'de, V: Visitor<'de>>(
        self,
        elements: Vec<Value>,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        let element = |(index, value)| Self {
            value: Some(value),
            index: Some(index).filter(|_| !self.is_single),
            ..self.clone()
        };
        visitor.visit_seq(SeqDeserializer::new(elements.into_iter().enumerate().map(element)))
    }

    fn visit<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Unread> {
        match self.value.take() {
            None => Err(Unread::missing()),
            Some(Value::String(_, text)) => visitor.visit_string(text),
            Some(Value::Char(_, char)) => visitor.visit_char(char),
            Some(Value::Bool(_, flag)) => visitor.visit_bool(flag),
            Some(Value::Num(_, number)) => visit_number(number, visitor),
            Some(Value::Empty(..)) => visitor.visit_unit(),
            Some(Value::Array(_, elements)) => self.elements(elements, visitor),
            Some(value @ Value::Dict(..)) => {
                Self { value: Some(value), ..self }.deserialize_map(visitor)
            }
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match &self.value {
            Some(value) if !value.tag().is_default() => self.parsed().visit(visitor),
            _ => self.visit(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.shown().parsed().visit(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.shown().parsed().visit(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.shown().parsed().visit(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match &self.value {
            Some(Value::String(_, text)) if text.trim().is_empty() => Err(Unread::empty(&visitor)),
            _ => self.visit(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.value.is_none() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.value {
            None if !self.is_refused => self.elements(Vec::new(), visitor),
            _ => self.parsed().visit(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        let table = self.table()?;
        visitor.visit_map(Fields::new(&table, table.entries.keys()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        match self.table {
            _ if name == SECRET => self.secret(visitor),
            Some(table) if self.is_table => table.visit(fields, visitor),
            _ => self.table()?.read(fields, visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        let reader = self.shown();
        match (&reader.value, reader.table) {
            (Some(Value::String(_, word)), Some(table)) if words.contains(&word.as_str()) => {
                visitor.visit_enum(Variant { table, word })
            }
            (Some(Value::String(_, word)), _) => Err(Unread::unknown_variant(word, words)),
            _ => match reader.visit(Wanted(format!("one of {}", words.join(", "))))? {},
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        let text = self.value.as_ref().and_then(Value::as_str);
        match (name, text) {
            (SHOWN, _) => visitor.visit_newtype_struct(self.shown()),
            (FILE, Some(file)) => {
                self.report.marks.borrow_mut().files.insert(self.key(), file.into());
                visitor.visit_newtype_struct(self)
            }
            (EMPTY_IS_NONE, Some("")) => {
                visitor.visit_newtype_struct(Reader { value: None, ..self })
            }
            (KEY_FILE, _) => visitor.visit_newtype_struct(Reader { is_path: true, ..self }),
            (SECRETS, text) => {
                let is_array = text
                    .is_some_and(|text| self.is_variable() && text.trim_start().starts_with('['));
                visitor.visit_newtype_struct(match self.value {
                    Some(value) if !is_array && !matches!(value, Value::Array(..)) => {
                        Reader { value: Some(vec![value].into()), is_single: true, ..self }
                    }
                    _ => self,
                })
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Unread> for Reader<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Reader<'_> {
    fn secret<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        let (place, key, is_variable) = (self.place(), self.key(), self.is_variable());
        let index = self.index.map(|index| format!("[{index}]")).unwrap_or_default();
        let value = match self.value.ok_or_else(Unread::missing)? {
            Value::String(_, text)
                if is_variable && self.index.is_none() && text.starts_with('{') =>
            {
                Some(parsed(&text))
                    .filter(|value| value.as_dict().is_some())
                    .unwrap_or_else(|| text.into())
            }
            value => value,
        };
        let wrong = |text| Unread::Because(format!("{index} {text}").trim_start().to_owned());
        let key = format!("{key}{index}");
        let secret = Secret::read(&value, self.is_path, place, key).map_err(wrong)?;
        let parts = secret.parts();
        self.report.marks.borrow_mut().secrets.push(secret);
        visitor.visit_map(MapDeserializer::new(parts.into_iter()))
    }
}

fn visit_number<'de, V: Visitor<'de>>(number: Num, visitor: V) -> Result<V::Value, Unread> {
    let whole = number.to_i128().or_else(|| number.to_u128().and_then(|n| i128::try_from(n).ok()));
    let (signed, unsigned) = (whole.map(i64::try_from), whole.map(u64::try_from));
    match (unsigned, signed, number.to_f64()) {
        (Some(Ok(unsigned)), _, _) => visitor.visit_u64(unsigned),
        (_, Some(Ok(signed)), _) => visitor.visit_i64(signed),
        (_, _, Some(fraction)) => visitor.visit_f64(fraction),
        _ => Err(Unread::Because("is a number out of all bounds".to_owned())),
    }
}

/// Reads an environment variable's text as figment does: numbers, arrays, tables, else text.
fn parsed(text: &str) -> Value {
    match text.parse() {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests;
