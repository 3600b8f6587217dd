//! A port that stays free between its choice and the start of the program that is to listen on it.

#![expect(clippy::disallowed_methods, reason = "runs before a sandbox or a daemon starts")]

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below it lie ports that other programs are used to.
const FIRST: u32 = 10_000;

/// Linux's range of ephemeral ports: those of outgoing connections, and of whoever asks for any.
const EPHEMERAL_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

static CHOSEN: AtomicU32 = AtomicU32::new(0);

/// Listens on a port of the loopback interface that no connection and no other caller of this function in this process
/// is given once the listener is dropped: it lies below the ephemeral ports, as long as there are any below.
///
/// # Errors
/// No port is free.
pub fn stable_port() -> io::Result<TcpListener> {
    let ephemeral = std::fs::read_to_string(EPHEMERAL_RANGE).unwrap_or_default();
    let range = FIRST..first_ephemeral(&ephemeral);
    let count = u32::try_from(range.len()).unwrap_or(0);
    for _ in 0..count {
        // Two processes begin far from one another.
        let step = CHOSEN.fetch_add(1, Ordering::Relaxed);
        let chosen = std::process::id().wrapping_mul(641).wrapping_add(step) % count;
        let port = u16::try_from(range.start + chosen).unwrap_or(0);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

/// The first port of the system's own, read from its two numbers.
fn first_ephemeral(range: &str) -> u32 {
    range.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_lie_below_those_that_connections_get_and_none_comes_twice() {
        let ephemeral = first_ephemeral(&std::fs::read_to_string(EPHEMERAL_RANGE).unwrap());
        let port = || stable_port().unwrap().local_addr().unwrap().port();
        let ports: std::collections::BTreeSet<u16> = (0..100).map(|_| port()).collect();
        assert_eq!(ports.len(), 100);
        if ephemeral > FIRST + 1_000 {
            assert!(ports.iter().all(|port| u32::from(*port) < ephemeral), "{ports:?}");
        }
    }

    #[test]
    fn the_systems_range_is_read() {
        assert_eq!(first_ephemeral("32768\t60999\n"), 32_768);
        assert_eq!(first_ephemeral("1024 65535"), 1_024);
        assert_eq!(first_ephemeral(""), 32_768);
    }
}
