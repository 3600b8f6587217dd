//! Limits that a reload replaces, felt at the sockets: of the intake's connections, and of the calls to ServiceNow.

use std::time::Duration;

use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour, Sandbox};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Daemon, Home};
use super::support::{an_offer, eventually};

/// Only to keep a test from hanging.
const LONG: Duration = Duration::from_secs(60);

const LIVE: &str = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";

async fn started(config: &str) -> (Sandbox, Home, Daemon) {
    let setup = Setup { config: config.to_owned(), ..Setup::default() };
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    (sandbox, home, daemon)
}

/// Replaces a line of the configuration and reloads; the line has to be reported as in force.
async fn reloads(home: &Home, daemon: &Daemon, from: &str, to: &str) {
    let text = std::fs::read_to_string(home.config()).expect("the configuration");
    assert!(text.contains(from), "{from} is not in {text}");
    std::fs::write(home.config(), text.replace(from, to)).expect("the configuration");
    let (status, answer) = daemon.post_admin("/v1/reload").await;
    assert_eq!(status, 200, "{answer}");
    assert!(!answer.to_string().contains("needs a restart"), "{answer}");
}

async fn connect(daemon: &Daemon) -> TcpStream {
    let address = daemon.intake.trim_start_matches("http://");
    TcpStream::connect(address).await.expect("a connection")
}

/// Whether a request over it is answered; false where the connection is over.
async fn answers(stream: &mut TcpStream) -> bool {
    if stream.write_all(LIVE.as_bytes()).await.is_err() {
        return false;
    }
    let mut bytes = [0; 4096];
    let read = tokio::time::timeout(LONG, stream.read(&mut bytes)).await.expect("in time");
    read.is_ok_and(|read| bytes[..read].starts_with(b"HTTP/1.1 200 "))
}

/// Waits until the other side ends the connection.
async fn is_closed(stream: &mut TcpStream) {
    let mut bytes = [0; 4096];
    loop {
        let read = tokio::time::timeout(LONG, stream.read(&mut bytes)).await;
        if matches!(read.expect("it is closed in time"), Ok(0) | Err(_)) {
            return;
        }
    }
}

async fn open_and_answered(daemon: &Daemon, number: usize) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for _ in 0..number {
        let mut stream = connect(daemon).await;
        assert!(answers(&mut stream).await, "a new connection is answered");
        open.push(stream);
    }
    open
}

async fn still_answered(open: &mut [TcpStream]) -> usize {
    let mut number = 0;
    for stream in open {
        number += usize::from(answers(stream).await);
    }
    number
}

/// How many are still answered, once they are no more than there are places: those that gave way end a moment later.
async fn kept(open: &mut [TcpStream], places: usize) -> usize {
    for _ in 0..100 {
        let kept = still_answered(open).await;
        if kept <= places {
            return kept;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("more than {places} places");
}

#[tokio::test]
async fn a_lowered_idle_timeout_ends_connections_without_a_request() {
    let (_sandbox, home, daemon) = started("[intake]\nidle_timeout = \"1h\"\n").await;
    let mut older = connect(&daemon).await;
    assert!(answers(&mut older).await);
    reloads(&home, &daemon, "idle_timeout = \"1h\"", "idle_timeout = \"200ms\"").await;
    let mut newer = connect(&daemon).await;
    assert!(answers(&mut newer).await);
    is_closed(&mut newer).await;
    assert!(answers(&mut older).await, "it has begun to wait before");
    is_closed(&mut older).await;
}

#[tokio::test]
async fn a_lowered_header_timeout_ends_half_a_head() {
    let (_sandbox, home, daemon) =
        started("[intake]\nheader_timeout = \"600s\"\nidle_timeout = \"1h\"\n").await;
    let mut older = connect(&daemon).await;
    assert!(answers(&mut older).await);
    reloads(&home, &daemon, "header_timeout = \"600s\"", "header_timeout = \"200ms\"").await;
    let mut newer = connect(&daemon).await;
    for stream in [&mut newer, &mut older] {
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost:").await.expect("half a head");
        is_closed(stream).await;
    }
}

#[tokio::test]
async fn places_for_connections_grow_and_shrink() {
    let (_sandbox, home, daemon) =
        started("[intake]\nmax_connections = 2\nidle_timeout = \"1h\"\n").await;
    let mut open = open_and_answered(&daemon, 6).await;
    kept(&mut open, 2).await;
    drop(open);
    reloads(&home, &daemon, "max_connections = 2\n", "max_connections = 12\n").await;
    let mut open = open_and_answered(&daemon, 8).await;
    assert_eq!(still_answered(&mut open).await, 8, "there are 12 places");
    reloads(&home, &daemon, "max_connections = 12\n", "max_connections = 3\n").await;
    assert_eq!(still_answered(&mut open).await, 8, "nobody asks for their places");
    let mut new = open_and_answered(&daemon, 1).await;
    assert!(kept(&mut open, 2).await >= 1, "beside the new one, of 3 places");
    assert_eq!(still_answered(&mut new).await, 1);
}

#[tokio::test]
async fn more_calls_leave_at_once_after_max_in_flight_was_raised() {
    let (sandbox, home, daemon) =
        started("[servicenow]\nmax_in_flight = 1\nrequest_timeout = \"60s\"\n").await;
    sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::HangAfterEffect).times(100));
    for number in 0..4 {
        let offer = an_offer(&format!("e-{number}"), &format!("c-{number}"));
        assert_eq!(daemon.post(&offer).await, Some(202));
    }
    eventually("one call to be in flight", async || {
        (sandbox.calls_to(Endpoint::Offer).len() == 1).then_some(())
    })
    .await;
    reloads(&home, &daemon, "max_in_flight = 1", "max_in_flight = 3").await;
    eventually("three calls to be in flight", async || {
        (sandbox.calls_to(Endpoint::Offer).len() == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_lowered_request_timeout_gives_up_the_next_call() {
    let (sandbox, home, daemon) = started("[servicenow]\nrequest_timeout = \"60s\"\n").await;
    reloads(&home, &daemon, "request_timeout = \"60s\"", "request_timeout = \"300ms\"").await;
    sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::HangAfterEffect).times(1));
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    let event = daemon.settled("e-1").await;
    assert_eq!(event["state"], "delivered", "{event:#}");
}
