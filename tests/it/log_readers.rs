//! The log's reader stalls, comes back, or goes away: the daemon goes on, and says what was lost.

use std::io::{PipeReader, Read, Write, pipe};
use std::process::Command;
use std::sync::{Arc, Mutex};

use awa_bridge::testing::sandbox::{Sandbox, Switches};

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Daemon, Home};
use super::support::{an_offer, eventually};
use super::systemd::Ear;

/// A daemon that logs all that it can, into a pipe.
struct Stage {
    _sandbox: Sandbox,
    home: Home,
}

impl Stage {
    async fn new() -> Self {
        let sandbox =
            start_sandbox(Switches { documents_appear: true, ..Switches::default() }).await;
        let config = "[log]\nfilter = \"trace\"\n".to_owned();
        let home = Home::new(&sandbox.url(), &Setup { config, ..Setup::default() });
        Self { _sandbox: sandbox, home }
    }

    fn command(&self) -> Command {
        self.home.command(&["run"])
    }
}

/// A pipe that is full already.
fn full_pipe() -> (PipeReader, std::io::PipeWriter) {
    let (reader, writer) = pipe().expect("a pipe");
    let mut filler = writer.try_clone().expect("its other end");
    // It ends when the pipe is read or shut.
    std::thread::spawn(move || drop(filler.write_all(&[b'\n'; 256 * 1024])));
    (reader, writer)
}

async fn dropped(daemon: &Daemon) -> u64 {
    let page = daemon.get("/metrics").await;
    let page = page.as_str().expect("a text");
    let value =
        page.lines().find_map(|line| line.strip_prefix("awa_bridge_log_lines_dropped_total "));
    value.and_then(|value| value.parse().ok()).expect("the metric is there from the start")
}

/// Posts offers, each of which must be carried out, until lines have been dropped.
async fn carries_out_until_lines_are_dropped(daemon: &Daemon) {
    for number in 0.. {
        let id = format!("e-{number}");
        let status = daemon.post(&an_offer(&id, &format!("c-{number}"))).await;
        assert_eq!(status, Some(202), "event {id}");
        assert_eq!(daemon.settled(&id).await["state"], "delivered");
        if dropped(daemon).await > 0 {
            return;
        }
    }
}

#[tokio::test]
async fn a_log_reader_that_stalls_stops_nothing_and_is_told_what_it_missed() {
    let stage = Stage::new().await;
    let (ear, notify) = Ear::new(&stage.home);
    let (mut reader, writer) = full_pipe();
    let mut command = stage.command();
    command.env("NOTIFY_SOCKET", &notify).env("WATCHDOG_USEC", "1000000");
    let daemon = stage.home.unheard(command, writer).await;

    carries_out_until_lines_are_dropped(&daemon).await;
    while ear.0.recv(&mut [0; 4096]).is_ok() {}
    ear.hears("WATCHDOG=1").await;
    ear.hears("WATCHDOG=1").await;

    let heard = Arc::new(Mutex::new(String::new()));
    let hears = Arc::clone(&heard);
    std::thread::spawn(move || {
        let mut bytes = [0; 65_536];
        while let Ok(length @ 1..) = reader.read(&mut bytes) {
            hears.lock().expect("no panic").push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    });
    let line = eventually("the reader to be named", async || {
        let heard = heard.lock().expect("no panic");
        heard.lines().find(|line| line.contains("Log lines were dropped")).map(str::to_owned)
    })
    .await;
    assert!(line.contains("\"dropped\":"), "{line}");
}

#[tokio::test]
async fn a_stalled_log_reader_does_not_keep_the_daemon_from_stopping() {
    let stage = Stage::new().await;
    let (reader, writer) = full_pipe();
    let mut daemon = stage.home.unheard(stage.command(), writer).await;
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));

    daemon.signal("TERM");
    assert_eq!(daemon.ended().await, Some(0));
    drop(reader);
}

#[tokio::test]
async fn a_log_reader_that_went_away_stops_nothing() {
    let stage = Stage::new().await;
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let mut daemon = stage.home.unheard(stage.command(), writer).await;

    carries_out_until_lines_are_dropped(&daemon).await;
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await, Some(0));
}

#[tokio::test]
async fn what_was_logged_last_is_read_before_the_end() {
    let stage = Stage::new().await;
    let mut daemon = stage.home.start().await;
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await, Some(0));
    assert!(daemon.log().contains("Stopped"), "{}", daemon.log());
}
