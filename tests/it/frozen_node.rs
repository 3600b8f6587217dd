//! A node that stands still in the midst of its work, for longer than its calls may take, and then goes on: others have
//! taken its work up, and what it still does changes nothing.

use std::time::Duration;

use awa_bridge::testing::clock;
use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour};

use super::database_faults::{carried_out_once, insist, long_offer, sandbox_and_homes};
use super::postgres::Server;
use super::support::database_proxy::{DatabaseProxy, Mode};
use super::support::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_frozen_does_nothing_that_another_has_taken_up() {
    let Some(server) = Server::start(&[]) else { return };
    // Its transactions take long, so that it is frozen within one.
    let proxy = DatabaseProxy::before(&server.address()).await;
    let (sandbox, homes) = sandbox_and_homes([&proxy.url(), &server.url()]).await;
    let (mut one, two) = (homes[0].start().await, homes[1].start().await);
    insist(&[&one, &two], 0..10).await;
    proxy.set(Mode::Late(10));
    sandbox
        .inject(Fault::on(Endpoint::Offer, Misbehaviour::DelayAfterEffect { ms: 300 }).times(40));
    let frozen = async {
        let in_transaction =
            "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'
                              AND state_change < clock_timestamp() - interval '3 s'";
        tokio::time::sleep(Duration::from_millis(700)).await;
        one.signal("STOP");
        let began = clock::instant();
        while began.elapsed() < Duration::from_secs(13) {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let held = tokio::task::block_in_place(|| server.sql(in_transaction));
            assert_eq!(held, "0", "locks are held after {:?}", began.elapsed());
        }
    };
    // The frozen one does not answer, so nothing is sent to it that would wait for it.
    let to_other = [&two];
    let load = async {
        tokio::join!(
            async {
                for number in 10..30 {
                    let offer = long_offer(number);
                    let posted = one.post(&offer);
                    if tokio::time::timeout(Duration::from_secs(2), posted).await.is_err() {
                        return;
                    }
                }
            },
            insist(&to_other, 30..90),
        );
    };
    tokio::join!(load, frozen);
    // What it had been sent is sent to the other: it was taken, or not.
    insist(&[&two], 10..30).await;
    for number in 0..90 {
        two.settled(&format!("e-{number}")).await;
    }
    proxy.set(Mode::Pass);
    one.signal("CONT");
    eventually("the node to go on", async || {
        (one.post(&long_offer(90)).await == Some(202)).then_some(())
    })
    .await;
    assert!(one.is_running());
    tokio::time::sleep(Duration::from_secs(2)).await;
    carried_out_once(&one, &sandbox, 91).await;
}
