//! A port that stays free between its choice and the start of the program that is to listen on it.

#![expect(clippy::disallowed_methods, reason = "runs before a sandbox or a daemon starts")]

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below it lie ports that other programs are used to.
const FIRST: u32 = 10_000;

/// Where Linux keeps the ports that it gives to connections and to whoever asks for any.
const GIVEN_AWAY: &str = "/proc/sys/net/ipv4/ip_local_port_range";

static CHOSEN: AtomicU32 = AtomicU32::new(0);

/// Listens on a port of the loopback interface that no connection and no other caller of this function in this process
/// is given once the listener is dropped: it lies below those that the system gives away (`ip_local_port_range`), as long
/// as there are any below.
///
/// # Errors
/// No port is free.
pub fn lasting_port() -> io::Result<TcpListener> {
    let given_away = std::fs::read_to_string(GIVEN_AWAY).unwrap_or_default();
    let range = FIRST..first_given_away(&given_away);
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
fn first_given_away(range: &str) -> u32 {
    range.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_lie_below_those_that_connections_get_and_none_comes_twice() {
        let given_away = first_given_away(&std::fs::read_to_string(GIVEN_AWAY).unwrap());
        let port = || lasting_port().unwrap().local_addr().unwrap().port();
        let ports: std::collections::BTreeSet<u16> = (0..100).map(|_| port()).collect();
        assert_eq!(ports.len(), 100);
        if given_away > FIRST + 1_000 {
            assert!(ports.iter().all(|port| u32::from(*port) < given_away), "{ports:?}");
        }
    }

    #[test]
    fn the_systems_range_is_read() {
        assert_eq!(first_given_away("32768\t60999\n"), 32_768);
        assert_eq!(first_given_away("1024 65535"), 1_024);
        assert_eq!(first_given_away(""), 32_768);
    }
}
