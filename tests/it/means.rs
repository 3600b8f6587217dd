//! Nodes over one PostgreSQL with different `means` never work side by side: the later one is refused, or gives way,
//! and works once the others are gone.

use std::time::Duration;

use serde_json::Value;

use super::database_faults::{carried_out_once, insist, long_offer, sandbox_and_homes};
use super::nodes::Pair;
use super::postgres::Server;
use super::support::database_proxy::{DatabaseProxy, Mode};
use super::support::program::{Daemon, Home};
use super::support::{an_offer, eventually};

fn set_means(home: &Home, means: &str) {
    let config = std::fs::read_to_string(home.config()).expect("the configuration");
    let lines = config.lines().filter(|line| !line.starts_with("means = "));
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    let section = lines.iter().position(|line| line == "[store.postgres]").expect("a section");
    lines.insert(section + 1, format!("means = \"{means}\""));
    std::fs::write(home.config(), lines.join("\n")).expect("a file");
}

async fn refused(home: &Home) -> String {
    let Err((code, log)) = home.tried(home.command(&["run"])).await else { panic!("it runs") };
    assert_eq!(code, Some(64), "{log}");
    log
}

async fn carries_out(daemon: &Daemon, id: &str) {
    assert_eq!(daemon.post(&an_offer(id, &format!("c-{id}"))).await, Some(202));
    assert_eq!(daemon.settled(id).await["state"], "delivered");
}

#[tokio::test]
async fn a_node_with_other_means_is_refused_until_the_others_are_gone() {
    let Some(pair) = Pair::new().await else { return };
    let [first, second] = &pair.homes;
    let one = first.start().await;
    carries_out(&one, "e-1").await;
    set_means(second, "plain");
    let log = refused(second).await;
    for part in ["store.postgres.means is \"plain\" here", "has \"all\"", "stop all other nodes"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    carries_out(&one, "e-2").await;
    let nodes = one.get("/v1/status").await["database"]["nodes"].clone();
    let alive = |node: &&Value| node["alive"] == true;
    assert_eq!(nodes.as_array().expect("nodes").iter().filter(alive).count(), 1, "{nodes:#}");

    // It counts until its lease is over, which the start waits for.
    one.kill();
    let two = second.start().await;
    carries_out(&two, "e-3").await;
    assert!(refused(first).await.contains("has \"plain\""));
    set_means(first, "plain");
    let one = first.start().await;
    carries_out(&one, "e-4").await;
    assert_eq!(one.get("/v1/status").await["database"]["means"], "plain");
    pair.offered_once(4);
}

#[tokio::test]
async fn means_are_changed_once_all_nodes_have_stopped_in_order() {
    let Some(pair) = Pair::new().await else { return };
    let [mut one, mut two] = pair.start().await;
    carries_out(&one, "e-1").await;
    for daemon in [&mut one, &mut two] {
        daemon.signal("TERM");
        assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
    }
    pair.homes.iter().for_each(|home| set_means(home, "plain"));
    let [one, two] = pair.start().await;
    carries_out(&one, "e-2").await;
    carries_out(&two, "e-3").await;
    assert_eq!(two.post(&an_offer("e-1", "c-e-1")).await, Some(200), "it is known");
    pair.offered_once(3);
}

#[tokio::test]
async fn a_node_that_was_cut_off_gives_way_to_those_that_have_changed_their_means_meanwhile() {
    let Some(server) = Server::start(&[]) else { return };
    let proxy = DatabaseProxy::before(&server.address()).await;
    let (sandbox, homes) = sandbox_and_homes([&proxy.url(), &server.url()]).await;
    let mut one = homes[0].start().await;
    insist(&[&one], 0..3).await;
    proxy.set(Mode::Refuse);
    set_means(&homes[1], "plain");
    let mut two = homes[1].start().await;
    insist(&[&two], 3..6).await;
    proxy.set(Mode::Pass);
    eventually("the reason to be told", async || {
        one.get("/readyz").await.to_string().contains("store.postgres.means").then_some(())
    })
    .await;
    for number in 6..9 {
        assert_eq!(one.post(&long_offer(number)).await, Some(503));
        assert_eq!(two.post(&long_offer(number)).await, Some(202));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(two.post(&long_offer(9)).await, Some(202), "it does not give way");
    two.signal("TERM");
    assert_eq!(two.ended().await, Some(0), "{}", two.log());
    insist(&[&one], 6..12).await;
    assert!(one.is_running());
    carried_out_once(&one, &sandbox, 12).await;
}
