//! The fixed limits that the settings are held against, each with its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// `intake.max_body` in bytes: the largest documented vendor notification is under 1 MiB, and a body is held in memory.
pub(crate) const BODY: RangeInclusive<u64> = 1..=16_777_216;
/// `intake.max_connections`: each holds a file descriptor.
pub(crate) const CONNECTIONS: RangeInclusive<u64> = 1..=65_536;
/// `intake.max_pending`: pending events are also held in memory, by id and time.
pub(crate) const PENDING: RangeInclusive<u64> = 1..=10_000_000;
/// `intake.max_pending_per_conversation`: a decision looks at all of them.
pub(crate) const PENDING_PER_CONVERSATION: RangeInclusive<u64> = 1..=100_000;
/// `intake.header_timeout` and `body_timeout`: the slowest vendor gives up after 60 s.
pub(crate) const READ_TIMEOUT: RangeInclusive<Duration> = ms(10)..=secs(600);
/// `intake.idle_timeout`: load balancers keep connections for a minute by default, for an hour at most.
pub(crate) const IDLE_TIMEOUT: RangeInclusive<Duration> = ms(10)..=secs(3_600);
/// `servicenow.request_timeout`: ServiceNow cancels a transaction of its own accord at 60 s, its load balancer at 5 min.
pub(crate) const REQUEST_TIMEOUT: RangeInclusive<Duration> = ms(10)..=secs(300);
/// `servicenow.max_in_flight`: an integration pool is 4 threads and a queue of 50 a node (KB0635398); more only queues.
pub(crate) const IN_FLIGHT: RangeInclusive<u64> = 1..=1_024;
/// `rate_limit.per_second` and `burst`.
pub(crate) const RATE: RangeInclusive<u64> = 1..=10_000;
/// `rate_limit.per_hour`; 0 means none.
pub(crate) const HOURLY: RangeInclusive<u64> = 0..=100_000_000;
/// `retry.initial`, `retry.max` and each pause of `retry.agent_unavailable`.
pub(crate) const PAUSE: RangeInclusive<Duration> = ms(1)..=secs(3_600);
/// `retry.give_up_after`.
pub(crate) const GIVE_UP: RangeInclusive<Duration> = ms(1)..=secs(7 * 86_400);
/// `retry.hold`; zero means that nothing is held.
pub(crate) const HOLD: RangeInclusive<Duration> = ms(0)..=secs(600);
/// Two events of one kind, leg and agent whose moments lie no further apart tell the same thing: one answer raises
/// events for two channels at once (Zoom), parallel topics tell the same change (Genesys, Webex).
pub(crate) const DUPLICATE_WINDOW: Duration = secs(2);
/// `offer.timeout`: the longest ring time that an event may carry is a day.
pub(crate) const RING: RangeInclusive<Duration> = secs(1)..=secs(86_400);
/// `store.retention` and `body_retention`.
pub(crate) const RETENTION: RangeInclusive<Duration> = ms(1)..=secs(366 * 86_400);
/// `store.free_space_floor` in bytes; 0 means none.
pub(crate) const FREE_SPACE: RangeInclusive<u64> = 0..=1_125_899_906_842_624;
/// How many pauses `retry.agent_unavailable` may list.
pub(crate) const UNAVAILABLE_PAUSES: usize = 20;
/// How many secrets a source may have; each is tried on each request.
pub(crate) const SECRETS: usize = 16;
/// The largest file that is read as a secret, in bytes.
pub(crate) const SECRET_FILE: u64 = 65_536;
/// The largest configuration file, in bytes.
pub(crate) const FILE: u64 = 4_194_304;
