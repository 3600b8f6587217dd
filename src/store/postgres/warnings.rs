//! What an operator is to see in the log: that this machine's clock and the database's are apart, and that a
//! transaction stays open. Each is said when it begins, now and then while it lasts, and when it is over.

use std::time::{Duration, Instant};

use crate::clock;
use crate::store::database::DatabaseStanding;

/// Clocks that are kept by NTP are nearer to each other, in milliseconds.
const APART_MS: u64 = 1_000;
/// A transaction that is open for so long holds up what PostgreSQL cleans up, in seconds.
pub(super) const OLD_S: u64 = 600;
/// How often the same is said while it lasts.
const AGAIN: Duration = Duration::from_secs(600);

/// What was said last.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    clocks: Warning,
    transaction: Warning,
}

#[derive(Debug, Default)]
struct Warning {
    said: Option<Instant>,
}

/// What is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Say {
    Warning,
    Over,
    Nothing,
}

impl Warnings {
    /// Says what has to be said of how the database stands, and of its clock less ours.
    pub(super) fn look(&mut self, standing: &DatabaseStanding, ahead_ms: i64) {
        let seconds = ahead_ms as f64 / 1_000.0;
        match self.clocks.look(ahead_ms.unsigned_abs() >= APART_MS) {
            Say::Warning => tracing::warn!(
                database_ahead_seconds = seconds,
                "This machine's clock and the database's are apart. Events and calls go by the database's; signatures with a time \
                 and certificates are judged by this machine's: set the clock that is wrong (NTP)"
            ),
            Say::Over => tracing::info!(
                database_ahead_seconds = seconds,
                "This machine's clock and the database's are together again"
            ),
            Say::Nothing => {}
        }
        let open_seconds = standing.oldest_transaction_s;
        match self.transaction.look(open_seconds >= OLD_S) {
            Say::Warning => tracing::warn!(
                open_seconds,
                pid = standing.oldest_transaction_pid,
                "A transaction stays open in the database's server: meanwhile nothing is cleaned up behind the events, the tables \
                 grow, and /v1/changes waits. `SELECT * FROM pg_stat_activity WHERE pid = …` names it, pg_terminate_backend ends it"
            ),
            Say::Over => tracing::info!("The transaction that stayed open is over"),
            Say::Nothing => {}
        }
    }
}

impl Warning {
    fn look(&mut self, is_so: bool) -> Say {
        if !is_so {
            return if self.said.take().is_some() { Say::Over } else { Say::Nothing };
        }
        let now = clock::instant();
        if self.said.is_some_and(|said| now.saturating_duration_since(said) < AGAIN) {
            return Say::Nothing;
        }
        self.said = Some(now);
        Say::Warning
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::by_hand;

    #[test]
    fn what_lasts_is_said_when_it_begins_every_ten_minutes_and_when_it_is_over() {
        by_hand::stop();
        let mut warning = Warning::default();
        assert_eq!(warning.look(false), Say::Nothing);
        assert_eq!(warning.look(true), Say::Warning);
        by_hand::wind(AGAIN - Duration::from_secs(1));
        assert_eq!(warning.look(true), Say::Nothing);
        by_hand::wind(Duration::from_secs(1));
        assert_eq!([warning.look(true), warning.look(true)], [Say::Warning, Say::Nothing]);
        assert_eq!([warning.look(false), warning.look(false)], [Say::Over, Say::Nothing]);
        assert_eq!(warning.look(true), Say::Warning);
    }

    #[test]
    fn a_clock_is_apart_from_a_second_on_and_a_transaction_old_from_ten_minutes_on() {
        let standing = |oldest_transaction_s| DatabaseStanding {
            oldest_transaction_s,
            ..DatabaseStanding::default()
        };
        for (ahead_ms, open_s, clocks, transaction) in [
            (999, OLD_S - 1, false, false),
            (-999, 0, false, false),
            (1_000, 0, true, false),
            (-3_600_000, 0, true, false),
            (i64::MIN, 0, true, false),
            (0, OLD_S, false, true),
        ] {
            let mut warnings = Warnings::default();
            warnings.look(&standing(open_s), ahead_ms);
            let said = (warnings.clocks.said.is_some(), warnings.transaction.said.is_some());
            assert_eq!(said, (clocks, transaction), "{ahead_ms} ms, {open_s} s");
        }
    }
}
