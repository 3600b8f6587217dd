//! All that is heavy at once: operators who page, a reload of a large table, large bodies. Health checks are answered
//! and systemd's watchdog is fed all the while, and a reload is carried to its end also where whoever asked has gone.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use awa_bridge::testing::sandbox::Switches;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Daemon, Home};
use super::support::{an_offer, eventually, with};
use super::systemd::Ear;

/// How many events operators page through.
const EVENTS: usize = 3_000;
/// How many rows the table has that is read anew.
const ROWS: usize = 100_000;
/// How many reloads are asked for.
const RELOADS: usize = 3;
/// The bytes of a large body, below the usual `intake.max_body`.
const LARGE: usize = 200_000;

fn ring(number: usize) -> Value {
    let offer = an_offer(&format!("e-{number}"), &format!("c-{number}"));
    with(offer, json!({ "timeout_seconds": 3_600 }))
}

/// A table of agents with as many rows, other ones in each round.
fn agents(round: usize) -> String {
    let mut table = Setup::default().agents;
    for row in 0..ROWS {
        writeln!(table, "agent-{round}-{row},{row:032x}").expect("a text grows");
    }
    table
}

fn write_agents(home: &Home, round: usize) {
    let tables = home.directory.path().join("mappings/sources/native");
    std::fs::write(tables.join("agents.csv"), agents(round)).expect("the table");
}

/// Goes through all events, page by page.
async fn page_through(daemon: &Daemon) {
    let mut cursor = String::new();
    loop {
        let page = daemon.get(&format!("/v1/events?limit=500&cursor={cursor}")).await;
        assert!(page["events"].is_array(), "{page}");
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_checks_and_the_watchdog_go_on_under_all_that_is_heavy() {
    let sandbox = start_sandbox(Switches { documents_appear: true, ..Switches::default() }).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let (ear, notify) = Ear::new(&home);
    let mut command = home.command(&["run"]);
    command.env("NOTIFY_SOCKET", &notify).env("WATCHDOG_USEC", "1000000");
    let daemon = home.started(command).await;
    assert_eq!(daemon.post_admin("/v1/hold").await.0, 200);
    for some in (0..EVENTS).map(ring).collect::<Vec<_>>().chunks(200) {
        assert_eq!(daemon.post(&Value::Array(some.to_vec())).await, Some(202));
    }
    while ear.0.recv(&mut [0; 4096]).is_ok() {}

    let (done, during) = (AtomicBool::new(false), AtomicUsize::new(0));
    let is_done = || done.load(Ordering::Relaxed);
    let operator = async || {
        while !is_done() {
            page_through(&daemon).await;
        }
    };
    let heavy_bodies = async {
        for number in 0.. {
            if is_done() {
                return;
            }
            let pad = "x".repeat(LARGE);
            let status = daemon.post(&with(ring(EVENTS + number), json!({ "pad": pad }))).await;
            assert_eq!(status, Some(202));
        }
    };
    let reloads = async {
        for round in 1..=RELOADS {
            write_agents(&home, round);
            let (status, answer) = daemon.post_admin("/v1/reload").await;
            assert_eq!(status, 200, "{answer}");
        }
        ear.hears("WATCHDOG=1").await;
        ear.hears("WATCHDOG=1").await;
        done.store(true, Ordering::Relaxed);
    };
    let health = async {
        while !is_done() {
            assert_eq!(daemon.get("/livez").await, "ok\n");
            during.fetch_add(1, Ordering::Relaxed);
        }
    };
    tokio::join!(operator(), operator(), heavy_bodies, reloads, health);
    assert!(during.load(Ordering::Relaxed) > 0, "health checks are answered");
}

#[tokio::test]
async fn a_reload_goes_on_where_whoever_asked_has_gone() {
    let sandbox = start_sandbox(Switches::default()).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let (ear, notify) = Ear::new(&home);
    let mut command = home.command(&["run"]);
    command.env("NOTIFY_SOCKET", &notify);
    let daemon = home.started(command).await;
    write_agents(&home, 1);
    let address = daemon.admin.trim_start_matches("http://");
    let mut asked = TcpStream::connect(address).await.expect("a connection");
    let token = daemon.token();
    let request = format!(
        "POST /v1/reload HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-length: 0\r\n\r\n"
    );
    asked.write_all(request.as_bytes()).await.expect("it is written");
    ear.hears("RELOADING=1").await;
    drop(asked);
    eventually("the table in the metrics", async || {
        let page = daemon.get("/metrics").await;
        let rows = format!(" {}", ROWS + Setup::default().agents.lines().count() - 1);
        page.as_str()?.lines().any(|line| line.ends_with(&rows)).then_some(())
    })
    .await;
}
