//! What the database refuses to have written costs the request that brings it, and nothing that is committed with it.

use super::*;
use crate::postgres_server::Server;

/// A store whose server refuses some rows of events.
fn refusing(when: &str) -> Option<(Server, Bench)> {
    let server = Server::start(&[])?;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.sled");
    let own = postgres::over(&server.url(), &path);
    let schema = own.schema.name.clone();
    let settings = Settings { postgres: Some(own), ..settings(&path) };
    let store = Store::open(settings, mapped(), || NOON).unwrap();
    server.sql(&format!("ALTER TABLE {schema}.event ADD CHECK (NOT ({when}))"));
    Some((server, Bench { store, directory }))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_refused_costs_no_other_over_postgresql() {
    let poison = "convert_from(content, 'UTF8') LIKE '%poison%'";
    let Some((_server, bench)) = refusing(poison) else { return };
    let accept = |id: &str| bench.store.accept(delivery(vec![an_offer(id, id)]));
    for round in 0..5 {
        let id = |name: &str| format!("{name}-{round}");
        let answers = tokio::join!(
            accept(&id("a")),
            accept(&id("poison")),
            accept(&id("b")),
            accept(&id("c"))
        );
        let taken = || Ok(vec![Acceptance::Accepted]);
        assert_eq!(answers, (taken(), Err(Refusal::Unavailable), taken(), taken()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_refused_stops_no_other_over_postgresql() {
    let poison = "state = 4 AND convert_from(content, 'UTF8') LIKE '%poison%'";
    let Some((_server, bench)) = refusing(poison) else { return };
    for id in ["poison", "a"] {
        bench.accept(vec![an_offer(id, id)]).await;
    }
    let claims = [bench.claim_next().await, bench.claim_next().await];
    for (lane, entry, _) in claims {
        bench.reply(lane, entry, landed()).await;
    }
    assert_eq!(bench.state("a").await, State::Delivered);
    assert_eq!(bench.state("poison").await, State::Pending);
    assert_eq!(bench.accept(vec![an_offer("b", "b")]).await, [Acceptance::Accepted]);
}
