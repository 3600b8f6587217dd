//! The way to the database fails in the middle of it: connections are cut around a COMMIT, fall silent, are refused.
//! What was answered 2xx is there once and is carried out once; everything else is 503, and no daemon ends.

use std::cell::Cell;
use std::ops::Range;
use std::time::Duration;

use awa_bridge::testing::clock;
use awa_bridge::testing::sandbox::{Endpoint, Sandbox, Switches};
use serde_json::{Value, json};

use super::postgres::Server;
use super::support::bridge::{Setup, start_sandbox};
use super::support::database_proxy::{Cut, DatabaseProxy, Mode};
use super::support::program::{Daemon, Home};
use super::support::{an_offer, eventually, with};

/// A sandbox, and homes over these databases.
pub(crate) async fn sandbox_and_homes<const N: usize>(urls: [&str; N]) -> (Sandbox, [Home; N]) {
    let switches = Switches { documents_appear: true, ..Switches::default() };
    let sandbox = start_sandbox(switches).await;
    let homes = urls.map(|url| {
        let config = format!(
            "[store]\nengine = \"postgres\"\n[store.postgres]\nurl = \"{url}\"\n[servicenow]\nrequest_timeout = \"1s\"\n"
        );
        Home::new(&sandbox.url(), &Setup { config, ..Setup::default() })
    });
    (sandbox, homes)
}

/// An offer with a ring that outlasts every fault here.
pub(crate) fn long_offer(number: usize) -> Value {
    let offer = an_offer(&format!("e-{number}"), &format!("c-{number}"));
    with(offer, json!({ "timeout_seconds": 120 }))
}

/// Sends offers of these numbers, six at a time and each again until it is taken; the nodes take turns.
pub(crate) async fn insist(nodes: &[&Daemon], numbers: Range<usize>) {
    let next = Cell::new(numbers.start);
    let sender = async || {
        loop {
            let number = next.get();
            next.set(number + 1);
            if number >= numbers.end {
                return;
            }
            let tries = Cell::new(number);
            eventually(&format!("offer {number} to be taken"), async || {
                tries.set(tries.get() + 1);
                match nodes[tries.get() % nodes.len()].post(&long_offer(number)).await {
                    Some(200 | 202) => Some(()),
                    Some(503) | None => None,
                    other => panic!("{other:?}"),
                }
            })
            .await;
        }
    };
    tokio::join!(sender(), sender(), sender(), sender(), sender(), sender());
}

/// Each of these offers is known, settled and was made once.
pub(crate) async fn carried_out_once(daemon: &Daemon, sandbox: &Sandbox, count: usize) {
    for number in 0..count {
        let event = daemon.settled(&format!("e-{number}")).await;
        assert_eq!(event["state"], "delivered", "{event:#}\n{}", daemon.log());
    }
    let calls = sandbox.calls_to(Endpoint::Offer);
    let done = calls.into_iter().filter(|call| call.performed == Some(200));
    let mut offers: Vec<_> = done.map(|call| call.path).collect();
    offers.sort();
    let all = offers.len();
    offers.dedup();
    assert_eq!((offers.len(), all), (count, count), "documents, offers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_cut_off_leaves_each_event_once() {
    let Some(server) = Server::start(&[]) else { return };
    let proxy = DatabaseProxy::before(&server.address()).await;
    let (sandbox, [home]) = sandbox_and_homes([&proxy.url()]).await;
    let mut daemon = home.start().await;
    let mut count = 0;
    for cut in [Cut::AfterCommit(3), Cut::BeforeCommit(3), Cut::Either(2)] {
        proxy.cut(Some(cut));
        insist(&[&daemon], count..count + 40).await;
        count += 40;
    }
    proxy.cut(None);
    assert!(proxy.cuts() >= 10, "{} cuts", proxy.cuts());
    assert!(daemon.is_running());
    for number in 0..count {
        assert_eq!(daemon.post(&long_offer(number)).await, Some(200), "it is known");
    }
    carried_out_once(&daemon, &sandbox, count).await;
    assert_eq!(server.sql("SELECT count(*) FROM awa_bridge.event"), count.to_string());
}

/// 40003, which says that nobody knows: the mark of the COMMIT decides, whatever had become of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_of_which_the_database_says_that_it_does_not_know_leaves_each_event_once() {
    let Some(server) = Server::start(&[]) else { return };
    let proxies = [
        DatabaseProxy::before(&server.address()).await,
        DatabaseProxy::before(&server.address()).await,
    ];
    let (sandbox, homes) = sandbox_and_homes([&proxies[0].url(), &proxies[1].url()]).await;
    let (mut one, mut two) = (homes[0].start().await, homes[1].start().await);
    let mut count = 0;
    for cut in [Cut::Unknown(3), Cut::Unknown(2), Cut::Any(3)] {
        proxies.iter().for_each(|proxy| proxy.cut(Some(cut)));
        insist(&[&one, &two], count..count + 40).await;
        count += 40;
    }
    proxies.iter().for_each(|proxy| proxy.cut(None));
    for proxy in &proxies {
        let [done, undone] = proxy.unknown();
        assert!(done >= 5 && undone >= 5, "{done} carried out, {undone} rolled back");
    }
    assert!(one.is_running() && two.is_running());
    for number in 0..count {
        assert_eq!(one.post(&long_offer(number)).await, Some(200), "it is known");
    }
    carried_out_once(&two, &sandbox, count).await;
    assert_eq!(server.sql("SELECT count(*) FROM awa_bridge.event"), count.to_string());
}

/// What settles is told in one order by plain means, too, where COMMITs are in doubt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_in_doubt_leaves_each_event_once_by_plain_means() {
    let Some(server) = Server::start(&["default_transaction_isolation = 'serializable'"]) else {
        return;
    };
    let proxy = DatabaseProxy::before(&server.address()).await;
    let plain = |url: &str| format!("{url}\"\nmeans = \"plain");
    let (through, around) = (plain(&proxy.url()), plain(&server.url()));
    let (sandbox, homes) = sandbox_and_homes([&through, &around]).await;
    let (one, two) = (homes[0].start().await, homes[1].start().await);
    proxy.cut(Some(Cut::Any(3)));
    insist(&[&one, &two], 0..60).await;
    proxy.cut(None);
    carried_out_once(&one, &sandbox, 60).await;
    assert_eq!(server.sql("SELECT count(*) FROM awa_bridge.event"), "60");
    let told = eventually("all to be told", async || {
        let changes = two.get("/v1/changes?after=0&limit=1000").await;
        let told = changes["events"].as_array().map_or(0, Vec::len);
        (told >= 60).then_some(told)
    })
    .await;
    assert_eq!(told, 60);
}

#[tokio::test]
async fn a_database_that_falls_silent_is_answered_503_in_time_and_found_again() {
    let Some(server) = Server::start(&[]) else { return };
    let proxy = DatabaseProxy::before(&server.address()).await;
    let (sandbox, [home]) = sandbox_and_homes([&proxy.url()]).await;
    let mut daemon = home.start().await;
    insist(&[&daemon], 0..3).await;
    proxy.set(Mode::Silent);
    for number in 3..6 {
        let began = clock::instant();
        assert_eq!(daemon.post(&long_offer(number)).await, Some(503));
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
    eventually("the reason to be told", async || {
        let ready = daemon.get("/readyz").await.to_string();
        ready.contains("does not answer within").then_some(())
    })
    .await;
    proxy.set(Mode::Pass);
    // Nobody sends anything: a load balancer keeps away from what is not ready.
    eventually("the daemon to be ready", async || {
        (!daemon.get("/readyz").await.to_string().contains("store")).then_some(())
    })
    .await;
    insist(&[&daemon], 3..9).await;
    assert!(daemon.is_running());
    carried_out_once(&daemon, &sandbox, 9).await;
}

#[tokio::test]
async fn a_silent_host_does_not_keep_from_the_next() {
    let Some(server) = Server::start(&[]) else { return };
    let proxy = DatabaseProxy::before(&server.address()).await;
    proxy.set(Mode::Silent);
    let url = proxy.url().replace("/postgres", &format!(",{}/postgres", server.address()));
    let (sandbox, [home]) = sandbox_and_homes([&url]).await;
    let daemon = home.start().await;
    insist(&[&daemon], 0..3).await;
    carried_out_once(&daemon, &sandbox, 3).await;
}

#[tokio::test]
async fn a_database_that_is_away_at_the_start_is_waited_for() {
    let Some(server) = Server::start(&[]) else { return };
    let proxy = DatabaseProxy::before(&server.address()).await;
    proxy.set(Mode::Refuse);
    let (sandbox, [home]) = sandbox_and_homes([&proxy.url()]).await;
    let daemon = home.start().await;
    assert_eq!(daemon.post(&long_offer(0)).await, Some(503));
    let ready = daemon.get("/readyz").await.to_string();
    assert!(ready.contains("store.postgres") && ready.contains("tried again"), "{ready}");
    proxy.set(Mode::Pass);
    eventually("the daemon to be ready", async || {
        (!daemon.get("/readyz").await.to_string().contains("store")).then_some(())
    })
    .await;
    insist(&[&daemon], 0..3).await;
    carried_out_once(&daemon, &sandbox, 3).await;
}
