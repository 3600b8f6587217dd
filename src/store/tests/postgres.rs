//! The same tests over PostgreSQL: each store is a schema of its own in one server.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::postgres_server::Server;
use crate::store::{Node, PostgresSettings};

/// Where the server is, for the process that runs the tests over PostgreSQL.
const URL: &str = "STORE_TESTS_OVER";

/// Tests of what the embedded engine does with its files.
const EMBEDDED: [&str; 12] = [
    "below_the_floor_of_free_space",
    "a_store_of_this_schema_stays_readable",
    "damage",
    "stops_growing",
    "no_blob_file_is_made",
    "a_half_written_snapshot",
    "from_before_the_first_release",
    "opened_by_one_at_a_time",
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
    let name = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let letters = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase());
    let roots = rustls::RootCertStore::empty();
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    PostgresSettings {
        config: url.parse().expect("a URL"),
        tls: Arc::new(tls),
        schema: format!("s_{}", letters.collect::<String>()),
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

const TABLES: [&str; 11] = [
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

#[test]
fn the_store_keeps_its_promises_over_postgresql_behind_a_pooler() {
    let Some(server) = Server::start(&[]) else { return };
    let Some(pooler) = server.pooled() else { return };
    run_over(&pooler.url(), &server);
}

fn run_over(url: &str, server: &Server) {
    let program = std::env::current_exe().expect("the test's own program");
    let tests = Command::new(program)
        .args(["store::tests::", "--skip", "over_postgresql", "--test-threads", "4"])
        .args(EMBEDDED.iter().flat_map(|name| ["--skip", name]))
        .env(URL, url)
        .output()
        .expect("it can be run");
    assert!(tests.status.success(), "{}", String::from_utf8_lossy(&tests.stdout));
    let schemas = server.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'event'");
    assert!(schemas.parse::<u32>().is_ok_and(|schemas| schemas >= 60), "{schemas} stores");
}
