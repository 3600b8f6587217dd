//! Moments as RFC 3339 texts, both ways, for serde's `with`.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

use super::UnixMillis;

/// Writes the moment in UTC with three fraction digits.
///
/// # Errors
/// The serializer's own.
pub(crate) fn serialize<S: Serializer>(at: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// Reads what [`serialize`] writes, and RFC 3339 with any offset.
///
/// # Errors
/// The text is no moment.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<UnixMillis, D::Error> {
    parsed(&String::deserialize(deserializer)?)
}

fn parsed<E: Error>(text: &str) -> Result<UnixMillis, E> {
    // A moment outside of the calendar is written as milliseconds.
    let beyond = || text.strip_suffix("ms")?.parse().ok().map(UnixMillis);
    UnixMillis::from_rfc3339(text)
        .or_else(beyond)
        .ok_or_else(|| E::custom(format!("`{text}` is not an RFC 3339 time")))
}

/// The same for a moment that may be none: `null`.
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, Serializer, UnixMillis, parsed};

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(crate) fn serialize<S: Serializer>(
        at: &Option<UnixMillis>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.collect_str(at),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<UnixMillis>, D::Error> {
        Option::<String>::deserialize(deserializer)?.map(|text| parsed(&text)).transpose()
    }
}
