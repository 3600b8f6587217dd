use std::ffi::OsString;
use std::os::unix::net::UnixDatagram;

use super::*;

/// The other end of the notify socket: what systemd would read.
struct Systemd {
    socket: UnixDatagram,
    address: OsString,
    _directory: tempfile::TempDir,
}

impl Systemd {
    fn listening() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, address: path.into(), _directory: directory }
    }

    fn notifier(&self) -> Notifier {
        Notifier::to(&self.address).unwrap()
    }

    fn heard(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        std::iter::from_fn(|| self.socket.recv(&mut buffer).ok().map(|n| buffer[..n].to_vec()))
            .map(|message| String::from_utf8(message).unwrap())
            .collect()
    }
}

#[test]
fn every_step_of_a_life_is_one_message() {
    let systemd = Systemd::listening();
    let notifier = systemd.notifier();

    notifier.ready("0 pending");
    notifier.reloading(Duration::from_micros(1_500_000));
    notifier.extend_timeout(Duration::from_secs(30));
    notifier.stopping("draining");
    notifier.feed_watchdog();

    assert_eq!(
        systemd.heard(),
        [
            "READY=1\nSTATUS=0 pending\n",
            "RELOADING=1\nMONOTONIC_USEC=1500000\n",
            "EXTEND_TIMEOUT_USEC=30000000\n",
            "STOPPING=1\nSTATUS=draining\n",
            "WATCHDOG=1\n",
        ]
    );
}

#[test]
fn the_same_status_is_said_once() {
    let systemd = Systemd::listening();
    let notifier = systemd.notifier();

    notifier.ready("1 pending");
    notifier.status("1 pending");
    notifier.clone().status("2 pending");
    notifier.status("2 pending");

    assert_eq!(systemd.heard(), ["READY=1\nSTATUS=1 pending\n", "STATUS=2 pending\n"]);
}

#[test]
fn a_status_cannot_begin_another_assignment() {
    let systemd = Systemd::listening();

    systemd.notifier().status("queues\nWATCHDOG=trigger");

    assert_eq!(systemd.heard(), ["STATUS=queues WATCHDOG=trigger\n"]);
}

#[test]
fn a_status_that_did_not_arrive_is_said_again() {
    let systemd = Systemd::listening();
    let notifier = systemd.notifier();
    std::fs::remove_file(&systemd.address).unwrap();
    notifier.status("1 pending");

    let systemd = UnixDatagram::bind(&systemd.address).unwrap();
    notifier.status("1 pending");

    let mut buffer = [0; 64];
    let length = systemd.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"STATUS=1 pending\n");
}

#[test]
fn an_abstract_address_is_spoken_to() {
    let name = format!("awa-bridge-notify-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let systemd = UnixDatagram::bind_addr(&address).unwrap();

    Notifier::to(OsStr::new(&format!("@{name}"))).unwrap().feed_watchdog();

    let mut buffer = [0; 64];
    let length = systemd.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"WATCHDOG=1\n");
}

#[test]
fn a_path_too_long_for_a_socket_is_refused() {
    assert!(Notifier::to(OsStr::new(&"x".repeat(200))).is_err());
}

#[test]
fn without_systemd_nothing_is_said_and_nothing_fails() {
    let notifier = Notifier::silent();
    notifier.ready("0 pending");
    notifier.status("1 pending");
    notifier.stopping("draining");
}

#[tokio::test(start_paused = true)]
async fn a_long_store_open_asks_for_time_until_it_is_done() {
    let systemd = Systemd::listening();
    let notifier = systemd.notifier();
    let open = tokio::time::sleep(Duration::from_secs(25));

    notifier.extending("opening the store", Duration::from_secs(600), open).await;

    let extension = "EXTEND_TIMEOUT_USEC=30000000\n";
    assert_eq!(systemd.heard(), ["STATUS=opening the store\n", extension, extension, extension]);
}

#[tokio::test(start_paused = true)]
async fn a_store_open_without_end_stops_asking() {
    let systemd = Systemd::listening();
    let notifier = systemd.notifier();
    let open = async {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        "open"
    };

    let output = notifier.extending("opening the store", Duration::from_secs(20), open).await;

    assert_eq!(output, "open");
    assert_eq!(
        systemd.heard(),
        [
            "STATUS=opening the store\n",
            "EXTEND_TIMEOUT_USEC=20000000\n",
            "EXTEND_TIMEOUT_USEC=10000000\n"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn quick_work_asks_once() {
    let systemd = Systemd::listening();
    let work = std::future::ready(7);

    let output =
        systemd.notifier().extending("opening the store", Duration::from_secs(600), work).await;

    assert_eq!(output, 7);
    assert_eq!(systemd.heard().len(), 2);
}

#[test]
fn the_status_line_names_what_an_operator_looks_for() {
    let quiet = Condition::default();
    assert_eq!(quiet.to_string(), "0 pending; breaker closed");

    let busy = Condition {
        pending: 12,
        oldest: Some(Duration::from_millis(3_900)),
        parked: 2,
        dead: 1,
        breaker_open: true,
        held: true,
        reload_failed: true,
    };
    assert_eq!(
        busy.to_string(),
        "12 pending, oldest 3 s, 2 parked, 1 dead; breaker open; held by an operator; last reload refused"
    );
}

#[test]
fn ages_are_told_in_whole_units() {
    let reported = [0, 59, 60, 7199, 7200, 90_000].map(|s| rounded(Duration::from_secs(s)));
    assert_eq!(reported, ["0 s", "59 s", "1 min", "119 min", "2 h", "25 h"]);
}
