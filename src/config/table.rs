//! What the [`Reader`] goes into: tables with their keys, and the keys beside a word.

use std::vec;

use figment::value::{Dict, Tag, Value};
use serde::de::{
    DeserializeSeed, EnumAccess, Error, IntoDeserializer, MapAccess, VariantAccess, Visitor,
};

use super::reader::{OWN_NAME, Reader, SAME_TABLE};
use super::report::Report;
use super::unread::Unread;

/// A table that is being read.
pub(super) struct Table<'t> {
    report: &'t Report,
    path: Vec<String>,
    tag: Tag,
    pub(super) entries: Dict,
}

impl<'t> Table<'t> {
    pub(super) fn new(report: &'t Report, path: Vec<String>, tag: Tag, entries: Dict) -> Self {
        Self { report, path, tag, entries }
    }

    /// Reads the fields, and refuses what else stands there.
    pub(super) fn read<'de, V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        let before = self.report.count();
        let read = self.visit(fields, visitor);
        if self.report.count() == before {
            self.report.note_unknown(&self.path, self.tag, &self.entries);
        }
        read
    }

    /// Reads the fields.
    pub(super) fn visit<'de, V: Visitor<'de>>(
        &self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        self.report.knows(&self.path, fields);
        visitor.visit_map(Fields::new(self, fields))
    }

    /// A key, unless it is dropped.
    fn reader(&self, key: &str) -> Option<Reader<'_>> {
        let path = self.path_of(key);
        if self.report.is_dropped(&path) {
            return None;
        }
        let is_refused = self.report.is_refused(&path);
        let value = match self.entries.get(key) {
            _ if is_refused => Report::default_of(&path),
            _ if key == OWN_NAME => self.path.last().cloned().map(Value::from),
            value => value.cloned(),
        };
        let reader = Reader::new(self.report, path, self.tag, value);
        Some(Reader { is_refused, table: Some(self), is_table: key == SAME_TABLE, ..reader })
    }

    fn path_of(&self, key: &str) -> Vec<String> {
        [self.path.as_slice(), &[key.to_owned()]].concat()
    }
}

/// Some keys of a table, there or not.
pub(super) struct Fields<'t> {
    table: &'t Table<'t>,
    left: vec::IntoIter<String>,
    next: Option<Reader<'t>>,
}

impl<'t> Fields<'t> {
    pub(super) fn new(table: &'t Table<'t>, keys: impl IntoIterator<Item = impl ToString>) -> Self {
        let keys: Vec<_> = keys.into_iter().map(|key| key.to_string()).collect();
        Self { table, left: keys.into_iter(), next: None }
    }
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unread> {
        for key in self.left.by_ref() {
            self.next = self.table.reader(&key);
            if self.next.is_some() {
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        self.next.take().ok_or(Unread::Noted)?.read(seed)
    }
}

/// A word, and the table that it stands in.
pub(super) struct Variant<'t> {
    pub(super) table: &'t Table<'t>,
    pub(super) word: &'t str,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Unread;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Unread> {
        Ok((seed.deserialize(self.word.into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Unread;

    fn unit_variant(self) -> Result<(), Unread> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unread> {
        let Table { report, path, tag, .. } = self.table;
        let reader = Reader::new(report, path.clone(), *tag, None);
        seed.deserialize(Reader { table: Some(self.table), is_table: true, ..reader })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Unread> {
        Err(Unread::custom("is a word for something that cannot be written"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        self.table.visit(fields, visitor)
    }
}
