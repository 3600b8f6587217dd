//! Over PostgreSQL one node pushes at a time, and another takes over when it is gone.

use std::time::Duration;

use awa_bridge::testing::clock;

use super::super::nodes::Pair;
use super::super::support::eventually;
use super::super::support::receiver::Receiver;
use super::{post, pushes, started};

/// Two nodes that push to it.
async fn pair_to(receiver: &Receiver) -> Option<Pair> {
    let pair = Pair::new().await?;
    for home in &pair.homes {
        let config = std::fs::read_to_string(home.config()).expect("the configuration");
        let config = format!("{config}\n{}", receiver.section(""));
        std::fs::write(home.config(), config).expect("a file");
    }
    Some(pair)
}

#[tokio::test]
async fn over_postgresql_one_node_pushes_and_another_takes_over_when_it_is_killed() {
    let receiver = Receiver::start().await;
    let Some(pair) = pair_to(&receiver).await else { return };
    let one = started(&pair.homes[0]).await;
    let two = pair.homes[1].start().await;
    for number in 0..20 {
        let node = if number % 2 == 0 { &one } else { &two };
        post(node, &[&format!("a-{number}")]).await;
    }
    let mut all: Vec<_> = (0..20).map(|number| format!("a-{number}")).collect();
    assert_eq!(receiver.takes(20).await, all);
    assert_eq!(receiver.pushes().len(), 20, "one of them pushes");
    let status = two.get("/v1/status").await;
    assert_eq!(status["notify"]["own"], false, "{status:#}");
    one.kill();
    let began = clock::instant();
    post(&two, &["b-0", "b-1"]).await;
    all.extend(["b-0".to_owned(), "b-1".to_owned()]);
    assert_eq!(receiver.takes(22).await, all);
    assert!(began.elapsed() < Duration::from_secs(20), "after {:?}", began.elapsed());
    pushes(&two).await;
}

#[tokio::test]
async fn over_postgresql_a_node_that_stops_in_order_leaves_pushing_to_the_other_at_once() {
    let receiver = Receiver::start().await;
    let Some(pair) = pair_to(&receiver).await else { return };
    let mut one = started(&pair.homes[0]).await;
    let two = pair.homes[1].start().await;
    post(&one, &["e-1"]).await;
    receiver.takes(1).await;
    one.signal("TERM");
    assert_eq!(one.ended().await, Some(0), "{}", one.log());
    let began = clock::instant();
    post(&two, &["e-2"]).await;
    assert_eq!(receiver.takes(2).await, ["e-1", "e-2"]);
    assert!(began.elapsed() < Duration::from_secs(5), "after {:?}", began.elapsed());
    assert_eq!(receiver.pushes().len(), 2);
}

#[tokio::test]
async fn over_postgresql_a_node_that_stands_still_pushes_nothing_when_it_goes_on() {
    let receiver = Receiver::start().await;
    let Some(pair) = pair_to(&receiver).await else { return };
    let one = started(&pair.homes[0]).await;
    let two = pair.homes[1].start().await;
    let place = "SELECT value::json ->> 'cursor' FROM awa_bridge.register WHERE name = 'notify'";
    let before = pair.server.sql(place);
    post(&one, &["e-1"]).await;
    receiver.takes(1).await;
    // What is not recorded may be pushed again.
    eventually("what was taken to be recorded", async || {
        (pair.server.sql(place) != before).then_some(())
    })
    .await;
    one.signal("STOP");
    post(&two, &["e-2"]).await;
    assert_eq!(receiver.takes(2).await, ["e-1", "e-2"]);
    one.signal("CONT");
    for number in 3..13 {
        post(&two, &[&format!("e-{number}")]).await;
    }
    receiver.takes(12).await;
    pushes(&two).await;
    let expected: Vec<_> = (1..13).map(|number| format!("e-{number}")).collect();
    let all: Vec<_> = receiver.pushes().iter().map(|push| push.event_id()).collect();
    assert_eq!(all, expected, "each once, in order");
}
