//! How long things took, in a fixed number of buckets: so histograms of minutes and of nodes can be added, and the
//! quantiles of the sum are those of all.

use serde::Serialize;

/// Each power of two has so many buckets: a duration is known to an eighth.
const FINE: usize = 8;
/// Durations up to 2^22 ms, which is more than an hour; longer ones count as that.
const BUCKETS: usize = FINE * 20;

/// How many events were carried to ServiceNow, and how long that took from the webhook on: at most so many
/// milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Calls {
    pub(crate) calls: u64,
    pub(crate) p50_ms: Option<u64>,
    pub(crate) p99_ms: Option<u64>,
}

/// Durations in buckets that grow with them.
pub(super) struct Histogram(Box<[u32; BUCKETS]>);

impl Default for Histogram {
    fn default() -> Self {
        Self(Box::new([0; BUCKETS]))
    }
}

impl Histogram {
    pub(super) fn record(&mut self, ms: u64) {
        let bucket = &mut self.0[bucket_of(ms)];
        *bucket = bucket.saturating_add(1);
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        for (bucket, more) in self.0.iter_mut().zip(other.0.iter()) {
            *bucket = bucket.saturating_add(*more);
        }
    }

    /// The buckets that have something.
    pub(super) fn counted(&self) -> Vec<(usize, u32)> {
        let buckets = self.0.iter().copied().enumerate();
        buckets.filter(|(_, count)| *count > 0).collect()
    }

    pub(super) fn add_counted(&mut self, counted: &[(usize, u32)]) {
        for (bucket, more) in counted {
            if let Some(bucket) = self.0.get_mut(*bucket) {
                *bucket = bucket.saturating_add(*more);
            }
        }
    }

    pub(super) fn summary(&self) -> Calls {
        let calls = self.0.iter().map(|bucket| u64::from(*bucket)).sum();
        Calls { calls, p50_ms: self.quantile(calls, 50), p99_ms: self.quantile(calls, 99) }
    }

    /// What so many of a hundred did not exceed.
    fn quantile(&self, calls: u64, of_hundred: u64) -> Option<u64> {
        let wanted = (calls * of_hundred).div_ceil(100);
        let mut seen = 0;
        let within = self.0.iter().position(|bucket| {
            seen += u64::from(*bucket);
            seen >= wanted
        });
        within.filter(|_| calls > 0).map(longest_in)
    }
}

/// Up to 15 ms each has its own bucket.
fn bucket_of(ms: u64) -> usize {
    let Some(octave) = ms.checked_ilog2().and_then(|log| log.checked_sub(FINE.ilog2())) else {
        return usize::try_from(ms).unwrap_or_default();
    };
    let fine = usize::try_from(ms >> octave).unwrap_or_default();
    (octave as usize * FINE + fine).min(BUCKETS - 1)
}

/// The longest duration of a bucket, in milliseconds.
fn longest_in(bucket: usize) -> u64 {
    let octave = (bucket / FINE).saturating_sub(1);
    let fine = (bucket - octave * FINE) as u64;
    ((fine + 1) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_known_to_an_eighth() {
        for ms in (0..5_000).chain([60_000, 599_999, 3_600_000]) {
            let shown = longest_in(bucket_of(ms));
            assert!(shown >= ms && shown <= ms + ms / 8, "{ms}: {shown}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }
}
