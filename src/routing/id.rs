//! Identifiers as types: each is checked once, where it is parsed, and cannot be wrong or mixed up afterwards.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::is_hidden;

/// The longest identifier of a vendor that is taken, in bytes.
const MAX_TEXT: usize = 256;

/// Why a text is not the identifier that it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdError {
    /// Nothing is there.
    Empty,
    /// It is longer than the limit, in bytes.
    TooLong(usize),
    /// It holds a control character.
    Control,
    /// It holds a mark that changes the direction of text, or its lines.
    Direction,
    /// It is not 32 lower-case hexadecimal digits.
    NotASysId,
    /// It is not `[a-z0-9_]+`.
    NotATable,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "is empty"),
            Self::TooLong(limit) => write!(f, "is longer than {limit} bytes"),
            Self::Control => write!(f, "holds a control character"),
            Self::Direction => write!(f, "holds a mark of direction or of lines"),
            Self::NotASysId => write!(f, "is not a sys_id (32 lower-case hex digits)"),
            Self::NotATable => write!(f, "is not a table name ([a-z0-9_]+)"),
        }
    }
}

impl std::error::Error for IdError {}

macro_rules! text_id {
    ($(#[$doc:meta])* $visible:vis $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $visible struct $name(Arc<str>);

        impl $name {
            /// Takes a text of 1 to 256 bytes without hidden characters.
            ///
            /// # Errors
            /// Says what is wrong with the text.
            $visible fn parse(text: &str) -> Result<Self, IdError> {
                if text.is_empty() {
                    return Err(IdError::Empty);
                }
                if text.len() > MAX_TEXT {
                    return Err(IdError::TooLong(MAX_TEXT));
                }
                if text.chars().any(char::is_control) {
                    return Err(IdError::Control);
                }
                if text.chars().any(is_hidden) {
                    return Err(IdError::Direction);
                }
                Ok(Self(text.into()))
            }

            /// The text itself.
            #[must_use]
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// The sender's id of one event; the same on every redelivery.
    pub(crate) EventId
);
text_id!(
    /// The vendor's id of the whole contact: the lane in which order is kept.
    pub(crate) ConversationId
);
text_id!(
    /// The vendor's id of one leg, ServiceNow's `external_segment_id`.
    pub SegmentId
);
text_id!(
    /// What the contact centre calls a queue.
    pub VendorQueueId
);
text_id!(
    /// What the contact centre calls an agent.
    pub VendorAgentId
);
text_id!(
    /// What the contact centre calls a medium: voice, chat, …
    pub Channel
);
text_id!(
    /// The Provider queue ID of an `awa_queue` record (`external_id`), or its sys_id.
    pub ExternalId
);

/// The name under which sources share conversations and tables. It is checked where the configuration is read.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
pub struct ContactCenter(Arc<str>);

impl ContactCenter {
    /// The name itself.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ContactCenter {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<String> for ContactCenter {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for ContactCenter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ContactCenter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContactCenter({})", self.0)
    }
}

impl Serialize for ContactCenter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The id of a ServiceNow record: 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SysId([u8; 16]);

impl SysId {
    /// Takes exactly 32 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// Anything else is [`IdError::NotASysId`].
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 32 || !text.bytes().all(lower_hex) {
            return Err(IdError::NotASysId);
        }
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError::NotASysId)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for SysId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SysId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SysId({self})")
    }
}

impl FromStr for SysId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

impl Serialize for SysId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SysId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The name of a ServiceNow table, safe in a URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName(Arc<str>);

impl TableName {
    /// Takes `[a-z0-9_]+`, at most 80 bytes (ServiceNow's own limit for a table name).
    ///
    /// # Errors
    /// Anything else is [`IdError::NotATable`].
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if text.is_empty() || text.len() > 80 || !text.bytes().all(fits) {
            return Err(IdError::NotATable);
        }
        Ok(Self(text.into()))
    }

    /// The name itself.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TableName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TableName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The ServiceNow record that is being routed, such as an interaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DocumentRef {
    /// Its table.
    pub table: TableName,
    /// Its id.
    pub sys_id: SysId,
}

impl DocumentRef {
    /// Whether it is an interaction, the only kind of record that the bridge writes to itself.
    #[must_use]
    pub(crate) fn is_interaction(&self) -> bool {
        self.table.as_str() == "interaction"
    }
}

impl fmt::Display for DocumentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.table, self.sys_id)
    }
}

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// The last moment that can be represented.
    pub(crate) const MAX: Self = Self(i64::MAX);

    /// This moment and so many milliseconds more.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add_unsigned(ms))
    }

    /// This moment less so many milliseconds.
    #[must_use]
    pub(crate) const fn minus(self, ms: u64) -> Self {
        Self(self.0.saturating_sub_unsigned(ms))
    }

    /// Milliseconds from `earlier` to this moment; 0 if it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// Reads RFC 3339, any offset, any number of fraction digits (cut to milliseconds).
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let parsed = |text: &str| text.parse().ok().map(|at: jiff::Timestamp| at.as_millisecond());
        // A timestamp leaves out the last hours of the calendar, so that every offset fits: it is read a week earlier.
        let a_week_earlier = || {
            let (day, rest) = text.strip_prefix("9999-12-3")?.split_at_checked(1)?;
            let day = match day {
                "0" => "23",
                "1" => "24",
                _ => return None,
            };
            Some(parsed(&format!("9999-12-{day}{rest}"))? + 7 * 86_400_000)
        };
        parsed(text).or_else(a_week_earlier).map(Self)
    }
}

/// RFC 3339 in UTC with exactly three fraction digits.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}
