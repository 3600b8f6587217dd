//! What a stranger sees first: `demo` ends well, wherever it is started.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::postgres::Server;
use super::support::program::{program, run};

#[test]
fn the_demonstration_ends_as_expected_anywhere() {
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let (code, shown, errors) = run(program().arg("demo").current_dir(elsewhere.path()));
    assert_eq!(code, 0, "{shown}\n{errors}");
    for word in ["delivered", "expired", "parked", "dead", "duplicate", "204", "no answer"] {
        assert!(shown.contains(word), "{word} is not shown:\n{shown}");
    }
    assert!(!shown.contains("NOT AS EXPECTED"), "{shown}");
    let left = std::fs::read_dir(elsewhere.path()).expect("the folder").count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[test]
fn every_run_of_the_demonstration_shows_the_same() {
    let shown = || {
        let (code, shown, errors) = run(program().arg("demo"));
        assert_eq!(code, 0, "{shown}\n{errors}");
        let lines = shown.lines().skip_while(|line| line.contains("http://127.0.0.1:"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let first = shown();
    for _ in 0..4 {
        assert_eq!(shown(), first);
    }
}

/// A place for temporary folders that also the user of a database may enter, where tests run as root.
fn temporary_place() -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(place.path(), mode).expect("a mode");
    place
}

/// Nothing lies there any more, and nobody works there.
fn is_left_clean(place: &Path) {
    let left: Vec<_> = std::fs::read_dir(place).expect("the folder").collect();
    assert!(left.is_empty(), "{left:?}");
    let name = place.display().to_string();
    for process in std::fs::read_dir("/proc").expect("processes").flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        assert!(!line.contains(&name), "{line} still runs");
    }
}

#[test]
fn the_demonstration_of_two_nodes_brings_its_own_database_and_leaves_nothing() {
    if Server::start(&[]).is_none() {
        return;
    }
    let place = temporary_place();
    let mut command = program();
    command.args(["demo", "--nodes", "2"]).env("TMPDIR", place.path());
    let (code, shown, errors) = run(&mut command);
    assert_eq!((code, errors.as_str()), (0, ""), "{shown}");
    assert!(shown.contains("12 calls were offered, by 12 offers"), "{shown}");
    is_left_clean(place.path());
}

#[test]
fn an_interrupted_demonstration_of_two_nodes_leaves_nothing() {
    if Server::start(&[]).is_none() {
        return;
    }
    let place = temporary_place();
    let mut command = program();
    command.args(["demo", "--nodes", "2"]).env("TMPDIR", place.path()).stdout(Stdio::piped());
    let mut demo = command.stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut shown = BufReader::new(demo.stdout.take().expect("its output")).lines();
    let began = shown.any(|line| line.expect("a line").contains("Two nodes take webhooks"));
    assert!(began, "it plays");
    let pid = demo.id().to_string();
    let asked = Command::new("kill").args(["-s", "INT", &pid]).status().expect("kill runs");
    assert!(asked.success());
    // It must be able to write until it ends.
    let rest = shown.map_while(Result::ok).count();
    let ended = demo.wait_with_output().expect("it ends");
    let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{errors}");
    assert!(errors.contains("interrupted"), "{rest} lines, {errors}");
    is_left_clean(place.path());
}

/// Runs the program with these arguments in a place of its own; fails where it does not end within a minute.
fn ends_soon(arguments: &[&str]) -> (i32, String) {
    let place = temporary_place();
    let mut command = Command::new("timeout");
    command.arg("60").arg(program().get_program()).args(arguments);
    let (code, shown, errors) = run(command.env("TMPDIR", place.path()));
    is_left_clean(place.path());
    (code, shown + &errors)
}

#[test]
fn what_needs_a_database_says_at_once_why_it_cannot_be_used() {
    let nobody = "postgres://bridge@127.0.0.1:1/postgres";
    let Some(server) = Server::start(&[]) else { return };
    let access = Path::new(&server.data()).join("pg_hba.conf");
    std::fs::write(access, "host all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\n")
        .expect("who may come in");
    server.sql("SELECT pg_reload_conf()");
    let cases = [(nobody, "Connection refused"), (&server.url(), "store.postgres.password")];
    for (url, why) in cases {
        let selftest = ["selftest", "--kill", "2", "--nodes", "2", "--postgres", url];
        for arguments in [&selftest[..], &["demo", "--nodes", "2", "--postgres", url]] {
            let (code, said) = ends_soon(arguments);
            assert_eq!(code, 1, "{arguments:?}: {said}");
            assert!(said.contains(why), "{arguments:?}: {said}");
            assert!(!said.contains("kill 1 of"), "{said}");
        }
    }
}

#[test]
fn what_is_asked_to_stop_leaves_nothing() {
    for (arguments, shown, signal) in [
        (&["selftest", "--kill", "1000"][..], "kill 1 of", "TERM"),
        (&["demo"], "1. an offer", "INT"),
    ] {
        let place = temporary_place();
        let mut command = program();
        command.args(arguments).env("TMPDIR", place.path()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        assert!(lines.any(|line| line.expect("a line").contains(shown)), "it runs");
        let pid = child.id().to_string();
        let asked = Command::new("kill").args(["-s", signal, &pid]).status().expect("kill runs");
        assert!(asked.success());
        // It must be able to write until it ends.
        let rest = lines.map_while(Result::ok).count();
        let ended = child.wait_with_output().expect("it ends");
        let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{rest} lines, {errors}");
        assert!(errors.contains("interrupted"), "{errors}");
        is_left_clean(place.path());
    }
}
