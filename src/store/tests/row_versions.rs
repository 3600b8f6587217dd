//! Nodes that know different versions of rows, over one database: what the newer has written the older leaves alone.
//!
//! The newer one is this program with a higher number, which stands in the rows that it writes.

use super::*;
use crate::postgres_server::Server;
use crate::store::postgres::PostgresSettings;

const NEWER: i16 = PostgresSettings::ROWS + 1;

/// Nodes over one schema of one server.
struct Nodes {
    server: Server,
    directory: tempfile::TempDir,
}

impl Nodes {
    fn new() -> Option<Self> {
        let server = Server::start(&[])?;
        Some(Self { server, directory: tempfile::tempdir().unwrap() })
    }

    fn node(&self, rows_up_to: i16) -> Bench {
        let path = self.directory.path().join("state.sled");
        let name = format!("knows {rows_up_to}");
        let node = Arc::new(Node::new(name, tempfile::tempfile().unwrap()));
        let own = postgres::over(&self.server.url(), &path);
        let own = PostgresSettings { rows_up_to, node, ..own };
        let settings = Settings { postgres: Some(own), ..settings(&path) };
        let store = Store::open(settings, mapped(), || NOON).unwrap();
        Bench { store, directory: tempfile::tempdir().unwrap() }
    }

    fn sql(&self, statement: &str) -> String {
        let path = self.directory.path().join("state.sled");
        let schema = postgres::over(&self.server.url(), &path).schema;
        self.server.sql(&statement.replace('@', &schema.name))
    }

    /// All that the tables of events, lanes and calls hold.
    fn rows(&self) -> Vec<String> {
        ["event", "lane", "call"]
            .map(|table| self.sql(&format!("SELECT row::text FROM @.{table} AS row ORDER BY 1")))
            .to_vec()
    }

    /// The versions in which lanes and events are written, by conversation.
    fn versions(&self, conversation: &str) -> String {
        self.sql(&format!(
            "SELECT string_agg(DISTINCT lane.row_version || '/' || event.row_version, ' ') FROM @.lane
             JOIN @.event ON event.conversation = lane.conversation WHERE lane.name LIKE '%\"{conversation}\"%'"
        ))
    }
}

/// Until something holds; what the nodes do by themselves they do every 250 ms, and every second.
async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} has not come about");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_node_has_written_an_older_one_leaves_alone_over_postgresql() {
    let Some(nodes) = Nodes::new() else { return };
    let newer = nodes.node(NEWER);
    newer.accept(vec![an_offer("due", "c"), an_offer("sent", "s"), an_offer("over", "o")]).await;
    newer.store.discard("demo", "over", "ann".to_owned()).await.unwrap();
    let (in_flight, entry, _) = newer.claim_next().await;
    assert_eq!(nodes.versions("c"), format!("{NEWER}/{NEWER}"));
    let other = if in_flight == lane("c") { "s" } else { "c" };
    let due = newer.store.agenda().take_most_urgent(NOON).expect("the other is due").1;
    let older = nodes.node(PostgresSettings::ROWS);
    let before = nodes.rows();

    eventually("the older node to count", async || {
        older.store.database().is_some_and(|database| database.newer_lanes == 3)
    })
    .await;
    assert_eq!(older.store.agenda().take_most_urgent(NOON), None, "nothing of it is due here");
    let refused = older.store.accept(delivery(vec![an_offer("next", other)])).await;
    assert_eq!(refused, Err(Refusal::Newer));
    let claim = older.store.claim(lane(other), due.entry, Waited::default()).await;
    assert_eq!(claim, Ok(Claim::Nothing));
    older.reply(in_flight.clone(), entry, landed()).await;
    let discarded = older.store.discard("demo", "due", "ann".to_owned()).await;
    assert_eq!(discarded, Err(Failed::Newer));
    let replayed = older.store.replay("demo", "over", true, "ann".to_owned()).await;
    assert_eq!(replayed, Err(Failed::Newer));
    assert_eq!(older.store.reloaded().await, Ok(0));
    assert_eq!(older.accept(vec![an_offer("due", "c")]).await, [Acceptance::Duplicate]);
    assert_eq!(nodes.rows(), before, "not a byte of them has changed");
    assert_eq!(older.event("over").await.state.known(), Some(State::Discarded), "it can be read");

    // In one commit with what is left, another conversation goes on.
    let (left, taken) = tokio::join!(
        older.store.accept(delivery(vec![an_offer("next", other)])),
        older.store.accept(delivery(vec![an_offer("own", "d")])),
    );
    assert_eq!((left, taken), (Err(Refusal::Newer), Ok(vec![Acceptance::Accepted])));
    let (key, own, _) = older.claim_next().await;
    assert_eq!(key, lane("d"));
    older.reply(key, own, landed()).await;
    assert_eq!(older.state("own").await, State::Delivered);
    assert_eq!(older.store.health(), Health::Working);

    newer.reply(in_flight, entry, landed()).await;
    let claim = newer.store.claim(lane(other), due.entry, Waited::default()).await.unwrap();
    assert!(matches!(claim, Claim::Call { .. }), "{claim:?}");
    newer.reply(lane(other), due.entry, landed()).await;
    for id in ["due", "sent"] {
        assert_eq!(older.state(id).await, State::Delivered);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_written_in_the_version_that_all_living_nodes_read_over_postgresql() {
    let Some(nodes) = Nodes::new() else { return };
    let newer = nodes.node(NEWER);
    newer.accept(vec![an_offer("first", "c")]).await;
    assert_eq!(nodes.versions("c"), format!("{NEWER}/{NEWER}"), "no other node is there");
    // A node that has died, but not for long enough.
    let lease = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + 4000";
    nodes.sql(&format!("INSERT INTO @.node VALUES ('\\x01', 'old', '0.1', 0, {lease}, 1)"));
    let writes = async |version| {
        eventually("the version to be taken up", async || {
            let standing = newer.store.database();
            standing.is_some_and(|standing| standing.rows_written == version)
        })
        .await;
    };
    writes(1).await;
    newer.accept(vec![an_offer("second", "d")]).await;
    assert_eq!(nodes.versions("d"), "1/1", "the old node might have to carry it on");
    newer.accept(vec![an_offer("third", "c")]).await;
    let versions = nodes.versions("c");
    assert!(versions.split(' ').all(|pair| pair.starts_with(&NEWER.to_string())), "{versions}");
    writes(NEWER).await;
    newer.accept(vec![an_offer("fourth", "d")]).await;
    let versions = nodes.versions("d");
    assert!(versions.split(' ').all(|pair| pair.starts_with(&NEWER.to_string())), "{versions}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_row_that_cannot_be_read_is_no_damage_over_postgresql() {
    let Some(nodes) = Nodes::new() else { return };
    let node = nodes.node(PostgresSettings::ROWS);
    let start = node.store.changes(None, 10).await.unwrap();
    let Changes::Told { cursor, .. } = start else { panic!("{start:?}") };
    node.accept(vec![an_offer("before", "b"), an_offer("later", "c"), an_offer("due", "d")]).await;
    for id in ["before", "later"] {
        node.store.discard("demo", id, "ann".to_owned()).await.unwrap();
    }
    let doctored = |column: &str, of: &str| {
        format!(
            "UPDATE @.{of} SET row_version = {NEWER}, content = '{{\"later\": true}}' WHERE {column}"
        )
    };
    nodes.sql(&doctored("content LIKE '%\"later\"%'::bytea", "event"));
    nodes.sql(&doctored("content LIKE '%\"due\"%'::bytea", "event"));
    nodes.sql(&doctored("name LIKE '%\"d\"%'", "lane"));
    let before = nodes.rows();
    assert_eq!(node.store.event("demo", "later").await, Err(Failed::Newer));
    assert_eq!(node.store.conversation("connect", "d").await, Err(Failed::Newer));
    let refused = node.store.accept(delivery(vec![an_offer("next", "d")])).await;
    assert_eq!(refused, Err(Refusal::Newer));
    let discarded = node.store.discard("demo", "later", "ann".to_owned()).await;
    assert_eq!(discarded, Err(Failed::Newer));
    assert_eq!(nodes.rows(), before);
    let told = node.store.changes(Some(cursor), 10).await.unwrap();
    let Changes::Told { events, cursor } = told else { panic!("{told:?}") };
    assert_eq!(events.iter().map(|(_, event)| event.id.as_str()).collect::<Vec<_>>(), ["before"]);
    let told = node.store.changes(Some(cursor), 10).await;
    assert!(matches!(told, Err(Failed::Newer)), "it is not passed over: {told:?}");
    assert_eq!(node.store.counts().dead, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_register_of_a_newer_node_is_not_written_by_an_older_one_over_postgresql() {
    let Some(nodes) = Nodes::new() else { return };
    let node = nodes.node(PostgresSettings::ROWS);
    assert_eq!(node.store.swap("hold", 0, 1.into()).await, Ok(Swapped::Written));
    nodes.sql(&format!("UPDATE @.register SET row_version = {NEWER}"));
    assert_eq!(node.store.swap("hold", 1, 2.into()).await, Err(Failed::Newer));
    let row = node.store.register("hold").await.unwrap().unwrap();
    assert_eq!((row.version, row.value), (1, 1.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_only_newer_programs_may_write_are_refused_while_it_runs_over_postgresql() {
    let Some(nodes) = Nodes::new() else { return };
    let node = nodes.node(PostgresSettings::ROWS);
    node.accept(vec![an_offer("before", "c")]).await;
    nodes.sql("UPDATE @.meta SET oldest = 99");
    let before = nodes.rows();
    let refused = node.store.accept(delivery(vec![an_offer("meanwhile", "c")])).await;
    assert_eq!(refused, Err(Refusal::Unavailable));
    eventually("it to be said", async || {
        let health = node.store.health();
        health.problem().is_some_and(|failed| failed.to_string().contains("start a version that"))
    })
    .await;
    assert_eq!(nodes.rows(), before);
    nodes.sql("UPDATE @.meta SET oldest = 1");
    eventually("it to go on", async || {
        node.store.accept(delivery(vec![an_offer("after", "c")])).await.is_ok()
    })
    .await;
}
