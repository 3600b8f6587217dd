//! How a time of signing is written.

use serde::Deserialize;

use crate::routing::UnixMillis;

/// Seconds or milliseconds since 1970, or RFC 3339.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    #[default]
    S,
    Ms,
    Rfc3339,
}

impl Unit {
    pub(super) fn read(self, text: &str) -> Option<UnixMillis> {
        match self {
            Self::S => text.parse::<i64>().ok()?.checked_mul(1_000).map(UnixMillis),
            Self::Ms => text.parse().ok().map(UnixMillis),
            Self::Rfc3339 => UnixMillis::from_rfc3339(text),
        }
    }

    pub(super) fn write(self, at: UnixMillis) -> String {
        match self {
            Self::S => at.0.div_euclid(1_000).to_string(),
            Self::Ms => at.0.to_string(),
            Self::Rfc3339 => at.to_string(),
        }
    }
}
