//! How many files and sockets the process may have open, and how many webhook connections fit into that: senders must
//! not use up what the store and the calls to ServiceNow need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// What the store, the log, the admin address, name look-ups and calls to ServiceNow beside `max_in_flight` may need.
const RESERVED: usize = 64;

/// Raises the limit as far as the system allows, and says how many webhook connections are taken at the same time.
pub(super) fn connections(wanted: usize, max_in_flight: usize) -> usize {
    let limit = raised();
    let fitting = fitting(wanted, limit, max_in_flight);
    if fitting < wanted {
        warn!(
            limit,
            connections = fitting,
            "This process may open {limit} files, too few for intake.max_connections = {wanted}: {fitting} connections are \
             taken at the same time, more wait; raise the limit (LimitNOFILE=, ulimit -n) or lower max_connections"
        );
    }
    fitting
}

/// The hard limit, if it can be had.
fn raised() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = current != maximum
        && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let limit = if raised { maximum } else { current };
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// At least a quarter: a bridge that takes nothing is of no use.
fn fitting(wanted: usize, limit: usize, max_in_flight: usize) -> usize {
    let left = limit.saturating_sub(RESERVED.saturating_add(max_in_flight));
    wanted.min(left.max(limit / 4)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_the_store_and_the_calls() {
        assert_eq!(fitting(1_024, usize::MAX, 4), 1_024);
        assert_eq!(fitting(1_024, 1_092, 4), 1_024);
        assert_eq!(fitting(1_024, 1_024, 4), 956);
        assert_eq!(fitting(1_024, 1_024, 64), 896);
        assert_eq!(fitting(1_024, 80, 4), 20);
        assert_eq!(fitting(1_024, 0, 4), 1);
    }
}
