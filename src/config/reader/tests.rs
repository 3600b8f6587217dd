use serde::Deserialize;
use serde::de::value;

use super::super::daemon::IntakeTls;
use super::super::secret::{KeyFile, Secrets};
use super::super::sources::Source;
use super::super::values::{EmptyIsNone, File};
use super::*;

/// Answers with the name of the type, and of its fields, that it is asked for.
struct Asked;

impl<'de> Deserializer<'de> for Asked {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, value::Error> {
        Err(value::Error::custom("a type without a name"))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: V,
    ) -> Result<V::Value, value::Error> {
        Err(value::Error::custom(name))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, value::Error> {
        Err(value::Error::custom(format!("{name}: {}", fields.join(" "))))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

fn asked<T: for<'de> Deserialize<'de>>() -> String {
    T::deserialize(Asked).err().map(|asked| asked.to_string()).unwrap_or_default()
}

#[test]
fn the_types_that_are_known_by_name_have_those_names() {
    assert_eq!(asked::<File>(), FILE);
    assert_eq!(asked::<EmptyIsNone<u16>>(), EMPTY_IS_NONE);
    assert_eq!(asked::<KeyFile>(), KEY_FILE);
    assert_eq!(asked::<Secrets>(), SECRETS);
    let secret = asked::<Secret>();
    assert_eq!(secret.split(':').next(), Some(SECRET), "{secret}");
}

#[test]
fn the_fields_that_are_known_by_name_have_those_names() {
    let has = |asked: &str, field: &str| asked.split(' ').any(|name| name == field);
    let (source, tls) = (asked::<Source>(), asked::<IntakeTls>());
    assert!(has(&source, OWN_NAME), "{source}");
    assert!(has(&tls, SAME_TABLE), "{tls}");
}
