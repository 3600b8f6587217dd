//! A commit ends in a real sync, as the kernel sees it.

use std::process::Command;

use super::super::support::program::skipped;
use super::promises::Promises;
use super::{listen, writer};

const COMMITS: usize = 50;

#[test]
fn every_commit_is_one_sync_and_never_sync_file_range() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let trace = directory.path().join("trace");
    let store = directory.path().join("state.sled");
    let own = writer(&store, 1);
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-y", "-e", "trace=fsync,fdatasync,sync_file_range", "-o"])
        .arg(&trace)
        .arg(own.get_program())
        .args(own.get_args())
        .args(["--tasks", "1", "--only-accept", "--deliveries", &COMMITS.to_string()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null());
    let Ok(mut child) = command.spawn() else {
        return skipped("strace is not installed, so syncs were not counted");
    };
    let mut promises = Promises::default();
    listen(&mut child, &mut promises);
    if promises.opened == 0 {
        return skipped("strace may not trace here, so syncs were not counted");
    }
    assert_eq!(promises.kept(), COMMITS);
    let trace = std::fs::read_to_string(&trace).expect("what strace wrote");
    let count = |call: &str, file: &str| {
        trace.lines().filter(|line| line.contains(call) && line.contains(file)).count()
    };
    assert_eq!(count("sync_file_range(", ""), 0, "sync_file_range is no sync");
    let syncs = count("fsync(", "/state.sled/db>");
    assert!(syncs >= COMMITS, "each commit is synced: {syncs} syncs");
}
