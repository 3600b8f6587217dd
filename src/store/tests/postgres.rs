//! The same tests over PostgreSQL: each store is a schema of its own in one server.

use std::process::Command;

use super::*;
use crate::postgres_server::Server;
use crate::store::{Node, PostgresSettings, Schema};

/// Where the server is, for the process that runs the tests over PostgreSQL.
const URL: &str = "STORE_TESTS_OVER";

/// Set where only the plain means are used.
const PLAIN: &str = "STORE_TESTS_PLAIN";

/// Tests of what the embedded engine does with its files, and of the model, which has engines of its own.
pub(super) const EMBEDDED: [&str; 14] = [
    "store::tests::cluster",
    "below_the_floor_of_free_space",
    "a_store_of_this_schema_stays_readable",
    "damage",
    "stops_growing",
    "no_blob_file_is_made",
    "a_half_written_snapshot",
    "from_before_the_first_release",
    "opened_by_one_at_a_time",
    "a_lock_that_is_held",
    "of_a_newer_program",
    "that_lost_its_records",
    "under_a_marker",
    "a_database_of_another_program",
];

/// The schema that stands for a folder; none where the tests run over the embedded engine.
pub(super) fn of_folder(path: &Path) -> Option<PostgresSettings> {
    let url = std::env::var(URL).ok()?;
    Some(over(&url, path))
}

/// The schema of a server that stands for a folder.
pub(super) fn over(url: &str, path: &Path) -> PostgresSettings {
    let is_plain = std::env::var_os(PLAIN).is_some();
    let name = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let letters = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase());
    let roots = rustls::RootCertStore::empty();
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    PostgresSettings {
        config: url.parse().expect("a URL"),
        tls: Arc::new(tls),
        schema: Schema { name: format!("s_{}", letters.collect::<String>()), is_plain },
        replicas_required: false,
        node: Arc::new(Node::new("node".to_owned(), tempfile::tempfile().expect("a file"))),
        call_ms: 10_000,
        rows_up_to: PostgresSettings::ROWS,
    }
}

/// Copies all rows of one folder's schema into another's, as they are at one moment; false over the embedded engine.
pub(super) fn copied(from: &Path, to: &Path) -> bool {
    let (Some(from), Some(to)) = (of_folder(from), of_folder(to)) else { return false };
    let copy = async {
        let (client, connection) = from.config.connect(tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        for statement in crate::store::postgres::statements(&to.schema) {
            client.batch_execute(&statement).await.unwrap();
        }
        let (from, to) = (from.schema, to.schema);
        let mut copies = "BEGIN ISOLATION LEVEL REPEATABLE READ;".to_owned();
        for table in TABLES {
            copies += &format!("INSERT INTO {to}.{table} SELECT * FROM {from}.{table};");
        }
        copies += &format!("SELECT setval('{to}.number', nextval('{from}.number')); COMMIT");
        client.batch_execute(&copies).await.unwrap();
        drop(client);
        drop(connection.await);
    };
    crate::store::postgres::apart(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(copy);
    });
    true
}

pub(super) const TABLES: [&str; 11] = [
    "meta",
    "node",
    "commit_mark",
    "known",
    "event",
    "body",
    "lane",
    "call",
    "document",
    "register",
    "settled",
];

#[test]
fn the_store_keeps_its_promises_over_postgresql() {
    let Some(server) = Server::start(&[]) else { return };
    run_over(&server.url(), &server);
}

/// Conflicts are then the database's to find, and it gives up transactions that it has done nothing wrong in.
#[test]
fn the_store_keeps_its_promises_over_postgresql_that_serializes() {
    let settings = ["default_transaction_isolation = 'serializable'"];
    let Some(server) = Server::start(&settings) else { return };
    run_over(&server.url(), &server);
}

/// The means that databases have in common which speak as PostgreSQL does; where it serializes, as those do.
#[test]
fn the_store_keeps_its_promises_over_postgresql_by_plain_means() {
    let settings = ["default_transaction_isolation = 'serializable'"];
    let Some(server) = Server::start(&settings) else { return };
    run_with(&server.url(), &server, &[(PLAIN, "1")]);
}

/// Two nodes take events of the same conversations at the same time; the server has to refuse some of it.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_in_each_others_way_go_on_over_postgresql_by_plain_means() {
    let settings = ["default_transaction_isolation = 'serializable'"];
    let Some(server) = Server::start(&settings) else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.sled");
    let open = || {
        let own = over(&server.url(), &path);
        let schema = Schema { is_plain: true, ..own.schema };
        let postgres = Some(PostgresSettings { schema, ..own });
        Store::open(Settings { postgres, ..super::settings(&path) }, mapped(), || NOON).unwrap()
    };
    let nodes = [open(), open()];
    for round in 0..40 {
        let event = |node| an_offer(&format!("e-{round}-{node}"), &format!("c-{}", round % 3));
        let accepted = tokio::join!(
            nodes[0].accept(delivery(vec![event(0)])),
            nodes[1].accept(delivery(vec![event(1)])),
        );
        let taken = Ok(vec![Acceptance::Accepted]);
        assert_eq!(accepted, (taken.clone(), taken), "round {round}");
    }
    let log = std::fs::read_to_string(format!("{}/log", server.data())).unwrap();
    let refused = log.matches("could not serialize access").count();
    assert!(refused > 0, "they were never in each other's way");
    let schema = over(&server.url(), &path).schema;
    let events =
        server.sql(&format!("SELECT count(*), count(DISTINCT number) FROM {schema}.event"));
    assert_eq!(events, "80|80", "{refused} were refused");
    let (mut told, mut cursor) = (Vec::new(), Cursor::default());
    for id in ["e-0-0", "e-1-1", "e-2-0"] {
        nodes[1].discard("demo", id, "ann".to_owned()).await.unwrap();
    }
    for _ in 0..100 {
        let changes = nodes[0].changes(Some(cursor), 2).await.unwrap();
        let Changes::Told { events, cursor: next } = changes else { panic!("{changes:?}") };
        told.extend(events.into_iter().map(|(_, event)| event.id));
        cursor = next;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(told, ["e-0-0", "e-1-1", "e-2-0"], "each is told once, in its order");
}

#[test]
fn the_store_keeps_its_promises_over_postgresql_behind_a_pooler() {
    let Some(server) = Server::start(&[]) else { return };
    let Some(pooler) = server.pooled() else { return };
    run_over(&pooler.url(), &server);
}

fn run_over(url: &str, server: &Server) {
    run_with(url, server, &[]);
}

fn run_with(url: &str, server: &Server, environment: &[(&str, &str)]) {
    let program = std::env::current_exe().expect("the test's own program");
    let tests = Command::new(program)
        .args(["store::tests::", "--skip", "over_postgresql", "--skip", "over_the_model"])
        .args(["--test-threads", "4"])
        .args(EMBEDDED.iter().flat_map(|name| ["--skip", name]))
        .env(URL, url)
        .envs(environment.iter().copied())
        .output()
        .expect("it can be run");
    assert!(tests.status.success(), "{}", String::from_utf8_lossy(&tests.stdout));
    let schemas = server.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'event'");
    assert!(schemas.parse::<u32>().is_ok_and(|schemas| schemas >= 60), "{schemas} stores");
}
