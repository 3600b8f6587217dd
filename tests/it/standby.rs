//! A synchronous standby: its server takes over, is missing, or a COMMIT is told to wait for it no longer. What was
//! answered 2xx is on both servers.

use std::time::Duration;

use super::database_faults::{carried_out_once, insist, long_offer, sandbox_and_homes};
use super::postgres::Server;
use super::support::eventually;
use super::support::program::Daemon;

/// A server whose commits wait for its standby, and that.
fn pair() -> Option<(Server, Server)> {
    let primary = Server::start(&["synchronous_standby_names = 'standby'"])?;
    let standby = primary.standby();
    standby.up();
    Some((primary, standby))
}

fn both(primary: &Server, standby: &Server) -> String {
    format!("postgres://bridge@{},{}/postgres", primary.address(), standby.address())
}

async fn readiness(daemon: &Daemon, what: &str, is_so: impl Fn(&str) -> bool) {
    eventually(what, async || is_so(&daemon.get("/readyz").await.to_string()).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_standby_takes_over_and_nothing_is_lost_or_done_twice() {
    let Some((primary, standby)) = pair() else { return };
    let url = both(&primary, &standby);
    let (sandbox, homes) = sandbox_and_homes([&url, &url]).await;
    let (mut one, mut two) = (homes[0].start().await, homes[1].start().await);
    insist(&[&one, &two], 0..40).await;
    let nodes = [&one, &two];
    let load = insist(&nodes, 40..240);
    let failover = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::task::block_in_place(|| {
            primary.kill();
            standby.promote();
        });
    };
    tokio::join!(load, failover);
    assert!(one.is_running() && two.is_running());
    carried_out_once(&one, &sandbox, 240).await;
    assert_eq!(standby.sql("SELECT count(*) FROM awa_bridge.event"), "240");
}

#[tokio::test]
async fn what_is_committed_on_one_server_only_is_not_acknowledged() {
    let Some((primary, standby)) = pair() else { return };
    let url = both(&primary, &standby);
    let (sandbox, [home]) = sandbox_and_homes([&url]).await;
    let mut daemon = home.start().await;
    insist(&[&daemon], 0..2).await;
    standby.down();
    let cancelled =
        "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let posts = async {
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(daemon.post(&long_offer(2)).await);
        }
        answers
    };
    let cancels = async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            primary.sql(cancelled);
        }
    };
    let answers = tokio::select! {
        answers = posts => answers,
        () = cancels => Vec::new(),
    };
    assert_eq!(answers, [Some(503); 4], "{}", daemon.log());
    let there = "SELECT count(*) FROM awa_bridge.event";
    assert_eq!(primary.sql(there), "3", "others see what may be lost");
    primary.kill();
    standby.up();
    // Asked before the daemon can write here: what its writer still waits for is written on the new primary.
    assert_eq!(standby.sql(there), "2", "it is lost");
    standby.promote();
    insist(&[&daemon], 2..4).await;
    assert!(daemon.is_running());
    carried_out_once(&daemon, &sandbox, 4).await;
}

#[tokio::test]
async fn without_a_standby_that_is_required_nothing_is_taken() {
    let Some((primary, standby)) = pair() else { return };
    let url = format!("{}\"\nreplicas = \"required", primary.url());
    let (sandbox, [home]) = sandbox_and_homes([&url]).await;
    let mut daemon = home.start().await;
    insist(&[&daemon], 0..2).await;
    standby.down();
    // Found missing before anything is written, or by a COMMIT that waits.
    readiness(&daemon, "the reason to be told", |ready| ready.contains("synchronous standby"))
        .await;
    assert_eq!(daemon.post(&long_offer(2)).await, Some(503));
    standby.up();
    readiness(&daemon, "the daemon to be ready", |ready| !ready.contains("store")).await;
    insist(&[&daemon], 2..4).await;
    assert!(daemon.is_running());
    carried_out_once(&daemon, &sandbox, 4).await;
}

#[tokio::test]
async fn a_fresh_database_without_the_standby_that_is_required_says_what_is_missing() {
    let Some((primary, standby)) = pair() else { return };
    primary.sql("CREATE ROLE weak LOGIN IN ROLE pg_monitor");
    standby.down();
    let required = |url: &str| format!("{url}\"\nreplicas = \"required");
    let weak = required(&primary.url().replace("bridge@", "weak@"));
    let (_sandbox, [home]) = sandbox_and_homes([&weak]).await;
    let Err((code, log)) = home.tried(home.command(&["run"])).await else { panic!("it runs") };
    assert_eq!(code, Some(64), "{log}");
    assert!(log.contains("permission denied") && log.contains("awa-bridge migrate"), "{log}");

    let (sandbox, [home]) = sandbox_and_homes([&required(&primary.url())]).await;
    let daemon = home.start().await;
    readiness(&daemon, "the reason to be told", |ready| {
        ready.contains("no synchronous standby is attached")
    })
    .await;
    standby.up();
    readiness(&daemon, "the daemon to be ready", |ready| !ready.contains("store")).await;
    insist(&[&daemon], 0..2).await;
    carried_out_once(&daemon, &sandbox, 2).await;
}

/// Where replicas are not required, commits wait for a standby that is not there: each node leaves the server few
/// connections that wait, however long it takes.
#[tokio::test]
async fn a_standby_that_is_missing_does_not_use_the_connections_up() {
    let Some((primary, standby)) = pair() else { return };
    let (sandbox, [home]) = sandbox_and_homes([&primary.url()]).await;
    let daemon = home.start().await;
    insist(&[&daemon], 0..2).await;
    standby.down();
    for _ in 0..5 {
        assert_eq!(daemon.post(&long_offer(2)).await, Some(503));
    }
    readiness(&daemon, "the reason to be told", |ready| ready.contains("synchronous standby"))
        .await;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let waiting: u32 = primary.sql(waiting).parse().expect("a number");
    assert!((1..=3).contains(&waiting), "{waiting} connections wait");
    standby.up();
    readiness(&daemon, "the daemon to be ready", |ready| !ready.contains("store")).await;
    insist(&[&daemon], 2..4).await;
    carried_out_once(&daemon, &sandbox, 4).await;
}
