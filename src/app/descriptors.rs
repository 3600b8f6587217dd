//! How many files and sockets the process may have open, and how many webhook connections fit into that: senders must
//! not use up what the store and the calls to ServiceNow need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use crate::config::Settings;

/// What the store, the log, name look-ups, calls to ServiceNow beside `max_in_flight` and connections that are about to
/// end may need.
const RESERVED: usize = 64;

/// How many connections of the admin address are taken at the same time: people, their scripts and Prometheus.
const ADMIN: usize = 32;

/// How many connections are taken at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) intake: usize,
    pub(super) admin: usize,
}

/// Raises the limit as far as the system allows, and says how many connections are taken at the same time.
pub(super) fn connections(settings: &Settings) -> Places {
    let (wanted, max_in_flight) =
        (settings.intake.max_connections, settings.servicenow.max_in_flight);
    let limit = raised();
    let places = fitting(wanted, limit, max_in_flight);
    let fitting = places.intake;
    if fitting < wanted {
        warn!(
            limit,
            connections = fitting,
            "This process may open {limit} files, too few for intake.max_connections = {wanted}: {fitting} connections are \
             taken at the same time, more wait; raise the limit (LimitNOFILE=, ulimit -n) or lower max_connections"
        );
    }
    places
}

/// The hard limit, if it can be had.
fn raised() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = current != maximum
        && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let limit = if raised { maximum } else { current };
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// For webhooks a quarter of all at least: with none the bridge takes nothing.
fn fitting(wanted: usize, limit: usize, max_in_flight: usize) -> Places {
    let admin = ADMIN.min(limit / 8).max(2);
    let left = limit.saturating_sub(RESERVED.saturating_add(admin).saturating_add(max_in_flight));
    Places { intake: wanted.min(left.max(limit / 4)).max(1), admin }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_the_store_and_the_calls() {
        let fits = |limit, max_in_flight| {
            let Places { intake, admin } = fitting(1_024, limit, max_in_flight);
            (intake, admin)
        };
        assert_eq!(fits(usize::MAX, 4), (1_024, 32));
        assert_eq!(fits(1_124, 4), (1_024, 32));
        assert_eq!(fits(1_024, 4), (924, 32));
        assert_eq!(fits(1_024, 64), (864, 32));
        assert_eq!(fits(160, 4), (72, 20));
        assert_eq!(fits(80, 4), (20, 10));
        assert_eq!(fits(0, 4), (1, 2));
    }
}
