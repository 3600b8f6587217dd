//! A transaction that somebody holds open in the database's server is seen: it lets tables grow and holds up those that
//! follow.

use super::nodes::Pair;
use super::support::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_somebody_holds_open_is_seen() {
    let Some(pair) = Pair::new().await else { return };
    let daemon = pair.homes[0].start().await;
    let age = async || {
        let status = daemon.get("/v1/status").await;
        let page = daemon.get("/metrics").await;
        let name = "awa_bridge_database_oldest_transaction_seconds ";
        let mut lines = page.as_str().expect("a page").lines();
        let metric = lines.find_map(|line| line.strip_prefix(name)).expect("the metric");
        let said = status["database"]["oldest_transaction_seconds"].as_u64().expect("seconds");
        (said, metric.parse::<f64>().expect("a number"))
    };
    eventually("no old transaction", async || (age().await.0 < 2).then_some(())).await;
    let server = &pair.server;
    std::thread::scope(|scope| {
        let held =
            scope.spawn(|| server.sql("BEGIN; SELECT txid_current(); SELECT pg_sleep(9); COMMIT"));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                eventually("its age to rise", async || {
                    let (status, metric) = age().await;
                    (status >= 4 && metric >= 4.0).then_some(())
                })
                .await;
            });
            held.join().expect("it ends");
        });
    });
    eventually("it to be over", async || (age().await.0 < 2).then_some(())).await;
}
