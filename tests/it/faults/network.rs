//! ServiceNow's name cannot be resolved, a resolver hangs, and connections that are open on one side only.

use std::time::Duration;

use awa_bridge::testing::sandbox::{Endpoint, Switches};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::support::bridge::{Setup, start_sandbox};
use super::super::support::program::Home;
use super::super::support::{an_offer, eventually, with};
use super::machine::Machine;
use super::{all_delivered_once, lines};

fn settings(more: &str) -> Setup {
    Setup { config: more.to_owned(), ..Setup::default() }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_named_and_what_waits_goes_out_once_it_does() {
    let home = Home::new("https://does-not-exist.invalid", &Setup::default());
    let daemon = home.start().await;
    let mut ids = Vec::new();
    for number in 0..9 {
        ids.push(format!("e-{number}"));
        assert_eq!(daemon.post(&an_offer(&ids[number], &format!("c-{number}"))).await, Some(202));
    }
    let reason = eventually("/readyz to say so", async || {
        let ready = daemon.get("/readyz").await;
        (ready["ready"] == false).then(|| ready["reasons"].to_string())
    })
    .await;
    assert!(reason.contains("does not answer"), "{reason}");
    let log = daemon.says("calls are held").await;
    let held = lines(&log, "calls are held");
    assert_eq!(held.len(), 1, "{log}");
    let why = held[0]["why"].as_str().expect("a reason");
    assert!(why.contains("failed to lookup address"), "{why}");
    assert!(held[0].to_string().contains("check servicenow.instance"), "what to do: {log}");
    let metrics = daemon.get("/metrics").await.to_string();
    assert!(metrics.contains("awa_bridge_breaker_open 1"), "{metrics}");
    assert_eq!(daemon.get("/v1/events/native/e-0").await["state"], "pending");
    daemon.kill();

    let sandbox = start_sandbox(Switches { documents_appear: true, ..Switches::default() }).await;
    let text = std::fs::read_to_string(home.config()).expect("the configuration");
    let text = text.replace("https://does-not-exist.invalid", &sandbox.url());
    std::fs::write(home.config(), text).expect("the configuration");
    let daemon = home.start().await;
    all_delivered_once(&daemon, &sandbox, &ids).await;
}

#[tokio::test]
async fn a_resolver_that_hangs_takes_no_longer_than_a_connection_may_and_does_not_hold_up_a_stop() {
    let Some(machine) = Machine::build() else { return };
    let home = Home::new(
        "https://does-not-exist.invalid",
        &settings("[servicenow]\nrequest_timeout = \"900ms\""),
    );
    // Longer than the test waits for the end of the daemon.
    machine.look_ups_hang(Duration::from_secs(600));
    let mut daemon = home.started(machine.runs(home.command(&["run"]))).await;
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    let event = eventually("the first try to be given up", async || {
        let event = daemon.get("/v1/events/native/e-1").await;
        (event["calls"][0]["meaning"] == "not_sent").then_some(event)
    })
    .await;
    let took = event["calls"][0]["elapsed_ms"].as_u64().expect("a time");
    assert!(took >= 250, "a third of the request's time: {event:#}");
    assert_eq!(event["state"], "pending");
    daemon.signal("TERM");
    assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
}

/// What a way to ServiceNow does with the calls of one kind, until it is set right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Takes the connection and the request, and says nothing more.
    Silent,
    /// Lets the call take effect, passes on half of the answer, and is gone without closing.
    GoneInTheAnswer,
}

/// Stands between the bridge and the sandbox. The first two calls that offer work meet the fault.
async fn faulty_way(to: String, way: Way) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let to = to.trim_start_matches("http://").to_owned();
    let left = std::sync::Arc::new(std::sync::atomic::AtomicI32::new(2));
    tokio::spawn(async move {
        loop {
            let Ok((from, _)) = listener.accept().await else { return };
            tokio::spawn(pass_on(from, to.clone(), way, std::sync::Arc::clone(&left)));
        }
    });
    format!("http://{address}")
}

async fn pass_on(
    mut from: TcpStream,
    to: String,
    way: Way,
    left: std::sync::Arc<std::sync::atomic::AtomicI32>,
) {
    let mut to = TcpStream::connect(to).await.expect("the sandbox takes it");
    let (mut request, mut answer) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = from.read(&mut request) => {
                let Ok(read @ 1..) = read else { return };
                let offers = request[..read].starts_with(b"POST") && request[..read].windows(6).any(|word| word == b"/offer");
                let faulty = offers && left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) > 0;
                if faulty && way == Way::Silent {
                    return std::future::pending().await;
                }
                to.write_all(&request[..read]).await.expect("the sandbox listens");
                if faulty {
                    let read = to.read(&mut answer).await.expect("the sandbox answers");
                    from.write_all(&answer[..read / 2]).await.expect("the bridge listens");
                    return std::future::pending().await;
                }
            }
            read = to.read(&mut answer) => {
                let Ok(read @ 1..) = read else { return };
                from.write_all(&answer[..read]).await.expect("the bridge listens");
            }
        }
    }
}

#[tokio::test]
async fn a_half_open_connection_ends_with_the_requests_time_and_the_call_is_looked_up_and_never_doubled()
 {
    for way in [Way::Silent, Way::GoneInTheAnswer] {
        let switches = Switches { documents_appear: true, ..Switches::default() };
        let sandbox = start_sandbox(switches).await;
        let instance = faulty_way(sandbox.url(), way).await;
        let home = Home::new(&instance, &settings("[servicenow]\nrequest_timeout = \"600ms\""));
        let daemon = home.start().await;
        let mut ids = Vec::new();
        for number in 0..4 {
            ids.push(format!("e-{number}"));
            let offer = with(an_offer(&ids[number], &format!("c-{number}")), json!({}));
            assert_eq!(daemon.post(&offer).await, Some(202));
        }
        all_delivered_once(&daemon, &sandbox, &ids).await;
        let (mut found, mut doubts) = (0, Vec::new());
        for id in &ids {
            let event = daemon.settled(id).await;
            found += usize::from(event["reason"] == "found_by_look_up");
            let calls = event["calls"].as_array().expect("a list");
            let doubt = calls.iter().filter(|call| call["meaning"] == "in_doubt");
            doubts.extend(doubt.filter_map(|call| call["elapsed_ms"].as_u64()));
        }
        // What never arrived is not found and made again; what was done is found.
        assert_eq!(found, if way == Way::Silent { 0 } else { 2 });
        assert_eq!(sandbox.calls_to(Endpoint::Offer).len(), 4);
        let whole = doubts.iter().all(|ms| *ms >= 550);
        assert!(whole && doubts.len() == 2, "the request's time: {doubts:?}");
    }
}
