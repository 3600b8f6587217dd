//! Durations in a profile, written as in the configuration.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::routing::duration;

/// A duration written with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(Duration);

impl Span {
    pub(super) const fn of_seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub(super) const fn get(self) -> Duration {
        self.0
    }

    pub(super) fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        duration::parse(&text).map(Self).ok_or_else(|| {
            serde::de::Error::custom(
                "is not a duration such as \"250ms\", \"5s\", \"5m\", \"24h\" or \"3d\"",
            )
        })
    }
}
