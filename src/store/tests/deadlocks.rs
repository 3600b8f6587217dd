//! Transactions that want the same rows take them in one order, or do not wait for them: the server never has to end
//! one of them.

use super::*;
use crate::postgres_server::Server;

const HOUR: u64 = 3_600_000;

/// Nodes over one schema of one server.
struct Nodes {
    server: Server,
    directory: tempfile::TempDir,
    stores: Vec<Store>,
}

impl Nodes {
    fn new(is_plain: bool) -> Option<Self> {
        let serializes = is_plain.then_some("default_transaction_isolation = 'serializable'");
        let server = Server::start(serializes.as_slice())?;
        let mut nodes = Self { server, directory: tempfile::tempdir().unwrap(), stores: vec![] };
        for name in ["a", "b"] {
            nodes.stores.push(nodes.node(name, is_plain, || NOON));
        }
        Some(nodes)
    }

    fn node(&self, name: &str, is_plain: bool, now: fn() -> UnixMillis) -> Store {
        let path = self.directory.path().join("state.sled");
        let node = Arc::new(Node::new(name.to_owned(), tempfile::tempfile().unwrap()));
        let own = postgres::over(&self.server.url(), &path);
        let schema = Schema { is_plain, ..own.schema };
        let postgres = Some(PostgresSettings { schema, node, ..own });
        let settings = Settings { postgres, retention_ms: HOUR, ..settings(&path) };
        Store::open(settings, mapped(), now).unwrap()
    }

    fn named(&self, statement: &str) -> String {
        let path = self.directory.path().join("state.sled");
        let schema = postgres::over(&self.server.url(), &path).schema;
        statement.replace('@', &schema.name)
    }

    fn sql(&self, statement: &str) -> String {
        self.server.sql(&self.named(statement))
    }

    /// Has each row that is inserted into a table take so many seconds.
    fn slow_down(&self, table: &str, seconds: f64) {
        self.sql(&format!(
            "CREATE FUNCTION @.slow_{table}() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$;
             CREATE TRIGGER slow BEFORE INSERT ON @.{table} FOR EACH ROW EXECUTE FUNCTION @.slow_{table}()"
        ));
    }

    /// A session of another program, which carries the statements out one after the other.
    async fn session(&self, statements: &str) -> Result<(), tokio_postgres::Error> {
        let (client, connection) =
            tokio_postgres::connect(&self.server.url(), tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        let done = client.batch_execute(&self.named(statements)).await;
        drop(client);
        drop(connection.await);
        done
    }

    /// How many transactions the server has ended for a deadlock. What a session has met is counted when it is over.
    async fn deadlocks(self) -> String {
        for store in &self.stores {
            store.close().await;
        }
        let counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        for _ in 0..20 {
            if self
                .sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'awa-bridge'")
                == "0"
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.sql(counted)
    }
}

/// An event of one conversation that names the document of another.
fn an_offer_about(id: &str, conversation: &str, other: &str) -> RoutingEvent {
    event(EventJson {
        queue: Some("q".to_owned()),
        agent: Some("a".to_owned()),
        document: Some(document_json(&document_of(other))),
        ..of_kind("offer", id, conversation)
    })
}

/// Of each two conversations one node's event names the other's document, and another node's the first's: each node
/// holds the lane that the other finds that it wants.
async fn two_want_each_others_lanes(is_plain: bool) {
    let Some(nodes) = Nodes::new(is_plain) else { return };
    let [a, b] = &nodes.stores[..] else { panic!() };
    nodes.slow_down("commit_mark", 0.03);
    let rounds = 4;
    for round in 0..rounds {
        let [x, y] = [format!("x-{round}"), format!("y-{round}")];
        let first = vec![an_offer(&format!("1-{x}"), &x), an_offer(&format!("1-{y}"), &y)];
        assert_eq!(a.accept(delivery(first)).await, Ok(vec![Acceptance::Accepted; 2]));
        let accepted = tokio::join!(
            a.accept(delivery(vec![an_offer_about(&format!("2-{x}"), &x, &y)])),
            b.accept(delivery(vec![an_offer_about(&format!("2-{y}"), &y, &x)])),
        );
        let taken = Ok(vec![Acceptance::Accepted]);
        assert_eq!(accepted, (taken.clone(), taken), "round {round}");
    }
    let found = nodes.sql(
        "SELECT count(*), count(DISTINCT lane), (SELECT count(*) FROM @.lane) FROM @.event WHERE lane IS NOT NULL",
    );
    assert_eq!(found, format!("{}|{rounds}|{}", 4 * rounds, 2 * rounds), "each two became one");
    assert_eq!(nodes.deadlocks().await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_want_each_others_lanes_both_get_them_over_postgresql() {
    two_want_each_others_lanes(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_want_each_others_lanes_both_get_them_over_postgresql_by_plain_means() {
    two_want_each_others_lanes(true).await;
}

/// Two nodes take events of the same conversations, which are new to both, or known.
async fn two_take_the_same_conversations(is_plain: bool) {
    let Some(nodes) = Nodes::new(is_plain) else { return };
    let [a, b] = &nodes.stores[..] else { panic!() };
    nodes.slow_down("lane", 0.01);
    let (rounds, conversations) = (6, 10);
    for round in 0..rounds {
        let of = |node: &str| {
            let offers = (0..conversations)
                .map(|c| an_offer(&format!("{node}-{round}-{c}"), &format!("{}-{c}", round / 2)));
            delivery(offers.collect())
        };
        let accepted = tokio::join!(a.accept(of("a")), b.accept(of("b")));
        let taken = Ok(vec![Acceptance::Accepted; conversations]);
        assert_eq!(accepted, (taken.clone(), taken), "round {round}");
    }
    let found = nodes.sql("SELECT count(*), count(DISTINCT lane) FROM @.event");
    assert_eq!(found, format!("{}|{}", 2 * rounds * conversations, rounds / 2 * conversations));
    assert_eq!(nodes.deadlocks().await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_take_the_same_conversations_both_go_on_over_postgresql() {
    two_take_the_same_conversations(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_take_the_same_conversations_both_go_on_over_postgresql_by_plain_means() {
    two_take_the_same_conversations(true).await;
}

/// A node forgets lanes while a transaction takes the same lanes in their order, as a group does.
#[tokio::test(flavor = "multi_thread")]
async fn lanes_are_forgotten_in_the_order_in_which_groups_take_them_over_postgresql() {
    let Some(mut nodes) = Nodes::new(false) else { return };
    let binds = (0..12).map(|c| a_bind(&format!("e-{c}"), &format!("c-{c}"))).collect();
    nodes.stores[0].accept(delivery(binds)).await.unwrap();
    for store in std::mem::take(&mut nodes.stores) {
        store.close().await;
    }
    // They lie on the disk in the opposite order.
    nodes.sql(
        "CREATE TABLE @.moved AS SELECT * FROM @.lane; DELETE FROM @.lane;
         INSERT INTO @.lane SELECT * FROM @.moved ORDER BY hash DESC; DROP TABLE @.moved; ANALYZE @.lane",
    );
    let taken = nodes.session(
        "BEGIN; SELECT FROM @.lane WHERE hash = (SELECT hash FROM @.lane ORDER BY hash LIMIT 1) FOR UPDATE;
         SELECT pg_sleep(2);
         SELECT FROM @.lane WHERE hash = (SELECT hash FROM @.lane ORDER BY hash DESC LIMIT 1) FOR UPDATE; COMMIT",
    );
    let forgotten = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let later = || UnixMillis(NOON.0 + i64::try_from(3 * HOUR).unwrap());
        let store = tokio::task::block_in_place(|| nodes.node("c", false, later));
        for _ in 0..200 {
            store.reloaded().await.unwrap();
            if nodes.sql("SELECT count(*) FROM @.lane") == "0" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        store
    };
    let (taken, store) = tokio::join!(taken, forgotten);
    taken.expect("it is not ended");
    assert_eq!(nodes.sql("SELECT count(*) FROM @.lane"), "0");
    nodes.stores.push(store);
    assert_eq!(nodes.deadlocks().await, "0");
}

/// A node starts again, whose calls before another takes up in a group of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_and_a_group_that_write_the_same_calls_both_go_on_over_postgresql() {
    let Some(nodes) = Nodes::new(false) else { return };
    let [a, _] = &nodes.stores[..] else { panic!() };
    a.accept(delivery(vec![an_offer("1", "x"), an_offer("2", "y")])).await.unwrap();
    for _ in 0..2 {
        let (lane, due) = a.agenda().take_most_urgent(NOON).expect("something is due");
        a.claim(lane, due.entry, Waited::default()).await.unwrap();
    }
    let calls = "SELECT count(*) FROM @.call";
    assert_eq!(nodes.sql(calls), "2");
    // On the disk the later one comes first.
    nodes.sql("UPDATE @.call SET claim = claim WHERE entry = (SELECT min(entry) FROM @.call)");
    let group = nodes.session(
        "BEGIN; UPDATE @.call SET claim = claim WHERE entry = (SELECT min(entry) FROM @.call); SELECT pg_sleep(2);
         UPDATE @.call SET claim = claim WHERE entry = (SELECT max(entry) FROM @.call); COMMIT",
    );
    let started = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::task::block_in_place(|| nodes.node("a", false, || NOON))
    };
    let (group, again) = tokio::join!(group, started);
    group.expect("it is not ended");
    again.accept(delivery(vec![an_offer("3", "z")])).await.unwrap();
    again.close().await;
    assert_eq!(nodes.deadlocks().await, "0");
}
