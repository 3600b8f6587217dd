//! Statements that a connection prepares: only where it is direct, and what becomes of them when the tables change.

use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use super::postgres::over;
use super::*;
use crate::postgres_server::Server;
use crate::store::register::Swapped;

/// The server writes down each statement that it carries out, with its name and its plan.
const LOGGED: [&str; 5] = [
    "log_statement = 'all'",
    "shared_preload_libraries = 'auto_explain'",
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_verbose = off",
    "log_line_prefix = '>> '",
];

/// A store over a server that is reached by that URL.
struct Over {
    store: Store,
    schema: String,
    _directory: tempfile::TempDir,
}

impl Over {
    fn open(url: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.sled");
        let postgres = over(url, &path);
        let schema = postgres.schema.name.clone();
        let settings = Settings { postgres: Some(postgres), ..settings(&path) };
        let store = Store::open(settings, mapped(), || NOON).unwrap();
        Self { store, schema, _directory: directory }
    }

    /// Has events taken of so many conversations of their own, each in a group of its own.
    async fn take(&self, round: &str, events: u32) {
        for number in 0..events {
            let (event, conversation) =
                (format!("e-{round}-{number}"), format!("c-{round}-{number}"));
            let taken = self.store.accept(delivery(vec![an_offer(&event, &conversation)])).await;
            assert_eq!(taken, Ok(vec![Acceptance::Accepted]), "{event}");
        }
    }
}

fn log_of(server: &Server) -> String {
    std::fs::read_to_string(format!("{}/log", server.data())).unwrap()
}

/// How many statements the server has carried out under a name.
fn named(server: &Server) -> usize {
    let log = log_of(server);
    let executions = log.match_indices("execute s").map(|(at, found)| &log[at + found.len()..]);
    executions.filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit())).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_prepared_on_a_direct_connection_over_postgresql() {
    let Some(server) = Server::start(&LOGGED) else { return };
    let bench = Over::open(&server.url());
    bench.take("a", 3).await;
    let (before, seen) = (named(&server), log_of(&server).len());
    assert!(before > 0, "none is prepared");
    bench.take("b", 20).await;
    // It locks its lanes, reads with a mark, and writes.
    assert_eq!(named(&server) - before, 3 * 20);
    let log = &log_of(&server)[seen..];
    assert_eq!(log.matches("statement: BEGIN\n").count(), 20, "a connection is set up once");
    let store = bench.store.clone();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_is_prepared_through_a_pooler_over_postgresql() {
    let Some(server) = Server::start(&LOGGED) else { return };
    let Some(pooler) = server.pooled() else { return };
    let bench = Over::open(&pooler.url());
    bench.take("a", 5).await;
    assert_eq!(named(&server), 0);
}

/// It passes each connection on as a proxy does: what stands behind it cannot be told from a pooler.
#[tokio::test(flavor = "multi_thread")]
async fn no_statement_is_prepared_through_a_proxy_over_postgresql() {
    let Some(server) = Server::start(&LOGGED) else { return };
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = proxy.local_addr().unwrap().port();
    let address = server.address();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = proxy.accept().await {
            let mut far = TcpStream::connect(&address).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let bench = Over::open(&format!("postgres://bridge@127.0.0.1:{port}/postgres"));
    bench.take("a", 5).await;
    assert_eq!(named(&server), 0);
    let socket = server.data().replace('/', "%2F");
    let port = server.address().rsplit(':').next().unwrap().to_owned();
    let bench = Over::open(&format!("postgres://bridge@{socket}:{port}/postgres"));
    bench.take("a", 5).await;
    assert_eq!(named(&server), 0, "a Unix socket has no ends to compare");
}

/// As a newer program changes tables while older ones go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_goes_on_while_its_tables_change_over_postgresql() {
    let Some(server) = Server::start(&LOGGED) else { return };
    let bench = Over::open(&server.url());
    let schema = &bench.schema;
    bench.take("a", 3).await;
    for version in 0..3 {
        let swapped = bench.store.swap("pace", version, json!(version)).await;
        assert_eq!(swapped, Ok(Swapped::Written));
    }
    for table in ["event", "known", "body", "lane", "call", "document", "register", "commit_mark"] {
        server.sql(&format!("ALTER TABLE {schema}.{table} ADD COLUMN later text DEFAULT 'x'"));
        bench.take(table, 2).await;
    }
    let outdated = "cached plan must not change result type";
    assert!(!log_of(&server).contains(outdated));
    server.sql(&format!("ALTER TABLE {schema}.register ALTER COLUMN value TYPE varchar"));
    for version in 3..6 {
        let swapped = bench.store.swap("pace", version, json!(version)).await;
        assert_eq!(swapped, Ok(Swapped::Written));
    }
    let log = log_of(&server);
    assert!(log.contains(outdated), "what was prepared was not in the way");
    assert!(named(&server) > 0);
}

/// As a pooler does that is not seen, or an operator's tool.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_goes_on_whose_statements_are_gone_over_postgresql() {
    let Some(server) = Server::start(&LOGGED) else { return };
    let bench = Over::open(&server.url());
    let schema = &bench.schema;
    bench.take("a", 3).await;
    server.sql(&format!(
        "CREATE FUNCTION {schema}.forget() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN NEW; END $$;
         CREATE TRIGGER forget AFTER INSERT ON {schema}.known EXECUTE FUNCTION {schema}.forget()"
    ));
    bench.take("b", 6).await;
    let log = log_of(&server);
    assert!(log.contains("does not exist"), "no statement was missed");
    let events = server.sql(&format!("SELECT count(*) FROM {schema}.event"));
    assert_eq!(events, "9", "each is there once");
}

/// It is made while there are hardly any rows, and used when there are many.
#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_a_prepared_statement_goes_by_an_index_over_postgresql() {
    let Some(server) = Server::start(&LOGGED) else { return };
    let bench = Over::open(&server.url());
    bench.take("a", 3).await;
    server.sql("ANALYZE");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let seen = log_of(&server).len();
    for round in ["b", "c"] {
        bench.take(round, 4).await;
        let (lane, due) = bench.store.agenda().take_most_urgent(NOON).expect("something is due");
        bench.store.claim(lane, due.entry, Waited::default()).await.unwrap();
    }
    // What a node does now and then over the same connection is planned for its values, and may read a whole table.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let log = &log_of(&server)[seen..];
    assert!(log.contains("Query Text: SELECT other.name"), "it has not said that it lives");
    assert!(!log.contains("cost=10000000000"), "a way was taken that was to be avoided");
    let of_groups = [
        "SELECT hash, version, content",
        "WITH mark AS (INSERT INTO",
        "WITH part_0 AS (INSERT INTO @.event",
    ];
    for statement in of_groups {
        let text = format!("Query Text: {}", statement.replace('@', &bench.schema));
        let plans: Vec<_> = log.split(">> ").filter(|entry| entry.contains(&text)).collect();
        assert!(!plans.is_empty(), "{statement} was not carried out");
        for plan in plans {
            assert!(!plan.contains("Seq Scan"), "{plan}");
            assert!(plan.contains("Index Cond"), "{plan}");
        }
    }
}
