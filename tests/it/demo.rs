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
