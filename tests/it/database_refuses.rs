//! A database that refuses: the daemon ends with exit code 64 and says what to do.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use super::database_faults::sandbox_and_homes;
use super::postgres::Server;
use super::support::program::run;

async fn refused(url: &str) -> String {
    let (_sandbox, [home]) = sandbox_and_homes([url]).await;
    match home.tried(home.command(&["run"])).await {
        Ok(daemon) => panic!("it runs:\n{}", daemon.log()),
        Err((code, log)) => {
            assert_eq!(code, Some(64), "{log}");
            log
        }
    }
}

#[tokio::test]
async fn a_database_that_refuses_is_told_with_what_to_do() {
    let Some(server) = Server::start(&[]) else { return };
    let access = Path::new(&server.data()).join("pg_hba.conf");
    let before = fs::read_to_string(&access).expect("who may come in");
    let asked = format!("host all weak 127.0.0.1/32 scram-sha-256\n{before}");
    fs::write(&access, asked).expect("who may come in");
    server.sql("CREATE ROLE weak LOGIN PASSWORD 'right'");
    server.sql("SELECT pg_reload_conf()");
    let as_weak = |password: &str, database: &str| {
        format!("postgres://weak:{password}@{}/{database}", server.address())
    };

    let log = refused(&as_weak("wrong", "postgres")).await;
    assert!(log.contains("password authentication failed"), "{log}");
    assert!(log.contains("check url, password and rights"), "{log}");
    assert!(!log.contains(":wrong@"), "no password in {log}");

    let without = format!("postgres://weak@{}/postgres", server.address());
    let log = refused(&without).await;
    let missing = "store.postgres.password is not set";
    assert!(log.contains(missing), "{log}");
    let (_sandbox, [home]) = sandbox_and_homes([&without]).await;
    let (code, shown, errors) = run(&mut home.command(&["migrate"]));
    assert!(code != 0 && errors.contains(missing), "{shown}{errors}");

    let log = refused(&as_weak("right", "elsewhere")).await;
    assert!(log.contains("database \"elsewhere\" does not exist"), "{log}");

    let log = refused(&as_weak("right", "postgres")).await;
    assert!(log.contains("permission denied for database"), "{log}");
    assert!(log.contains("awa-bridge migrate"), "{log}");

    let (_sandbox, [home]) = sandbox_and_homes([&server.url()]).await;
    drop(home.start().await);
    let log = refused(&as_weak("right", "postgres")).await;
    assert!(log.contains("permission denied for schema awa_bridge"), "{log}");
    assert!(log.contains("rights"), "{log}");

    // As after a restore of an older dump, for a user who may not make what it lacks.
    server.sql("ALTER TABLE awa_bridge.settled RENAME TO later");
    server.sql("GRANT USAGE ON SCHEMA awa_bridge TO weak");
    server.sql("GRANT SELECT ON ALL TABLES IN SCHEMA awa_bridge TO weak");
    let log = refused(&as_weak("right", "postgres")).await;
    assert!(log.contains("\"awa_bridge.settled\" does not exist"), "{log}");
    assert!(log.contains("awa-bridge migrate") && log.contains("older dump"), "{log}");
    server.sql("ALTER TABLE awa_bridge.later RENAME TO settled");

    server.sql("UPDATE awa_bridge.meta SET schema = 99, oldest = 99");
    let log = refused(&server.url()).await;
    assert!(log.contains("schema 99") && log.contains("start a version that knows it"), "{log}");

    server.sql("ALTER SYSTEM SET fsync = off");
    server.sql("SELECT pg_reload_conf()");
    let log = refused(&server.url()).await;
    assert!(log.contains("fsync = off"), "{log}");
}

/// Makes the server speak TLS with a certificate that no system trusts.
fn with_tls(server: &Server) {
    let data = server.data();
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    for (name, pem) in
        [("server.crt", own.cert.pem()), ("server.key", own.signing_key.serialize_pem())]
    {
        let path = Path::new(&data).join(name);
        fs::write(&path, pem).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        let about = fs::metadata(&data).expect("the folder");
        chown(&path, Some(about.uid()), Some(about.gid())).expect("an owner");
    }
    server.sql("ALTER SYSTEM SET ssl = on");
    server.sql("SELECT pg_reload_conf()");
}

#[tokio::test]
async fn a_server_whose_certificate_is_not_trusted_is_told_but_not_where_another_may_only_be_away()
{
    let Some(server) = Server::start(&[]) else { return };
    with_tls(&server);
    let log = refused(&server.url()).await;
    assert!(log.contains("store.postgres.ca"), "{log}");

    // The first is away at the moment, and would have been used.
    let two = server.url().replace('@', "@127.0.0.1:1,");
    let (_sandbox, [home]) = sandbox_and_homes([&two]).await;
    let daemon = home.start().await;
    let reasons = daemon.get("/readyz").await;
    assert!(reasons.to_string().contains("store.postgres.ca"), "{reasons}");
}
