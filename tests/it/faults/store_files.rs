//! The store's files are damaged, missing, of another version or not to be written: the bridge does not start, says
//! which path, which key and what to do, and with the files back everything goes on.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::super::support::program::{Home, skipped};
use super::{acknowledged, acknowledged_after, all_delivered_once, copy, heal, outage, refuses};

/// A name and what it does to the store's directory.
type Damage = (&'static str, fn(&Path));

/// Damage that takes acknowledged events with it, or may.
const DAMAGE: [Damage; 8] = [
    ("an empty database", |store| db(store).set_len(0).expect("cut off")),
    ("half a database", |store| {
        let db = db(store);
        db.set_len(db.metadata().expect("its length").len() / 2).expect("cut off");
    }),
    ("a database that is gone", |store| fs::remove_file(store.join("db")).expect("removed")),
    ("bytes turned over near the end", |store| turn_over(store, 0.9)),
    ("bytes turned over after the middle", |store| turn_over(store, 0.7)),
    ("the second half as zeros", |store| {
        let db = db(store);
        let length = db.metadata().expect("its length").len();
        db.set_len(length / 2).expect("cut off");
        db.set_len(length).expect("filled up");
    }),
    ("a `conf` that is gone", |store| fs::remove_file(store.join("conf")).expect("removed")),
    ("a `conf` of another sled", |store| {
        let conf = OpenOptions::new().read(true).write(true).open(store.join("conf"));
        turn_over_at(&conf.expect("it is there"), 4, 4);
    }),
];

fn db(store: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(store.join("db")).expect("it is there")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place in a file"
)]
fn turn_over(store: &Path, share: f64) {
    let db = db(store);
    let length = db.metadata().expect("its length").len();
    turn_over_at(&db, (length as f64 * share) as u64, 16);
}

fn turn_over_at(file: &File, at: u64, count: usize) {
    let mut bytes = vec![0; count];
    file.read_exact_at(&mut bytes, at).expect("bytes");
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
    file.write_all_at(&bytes, at).expect("bytes");
}

fn store(home: &Home) -> std::path::PathBuf {
    home.directory.path().join("state.sled")
}

/// It ends by itself with exit code 1, and names the directory, the key and what to do.
fn is_clear(code: Option<i32>, said: &str, home: &Home, advice: &[&str]) {
    assert_eq!(code, Some(1), "{said}");
    // The log goes to another pipe, and may be read after it.
    let reported = said.lines().rev().find(|line| line.starts_with("awa-bridge: "));
    let last = reported.unwrap_or_else(|| panic!("no last word: {said}"));
    assert!(last.starts_with("awa-bridge: the store "), "{said}");
    for words in [store(home).to_str().expect("a path"), "[store] path"].iter().chain(advice) {
        assert!(last.contains(words), "no {words:?} in: {last}");
    }
}

#[tokio::test]
async fn a_damaged_store_is_refused_with_what_to_do_and_never_started_with_less() {
    let (sandbox, home) = outage().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mut daemon = home.start().await;
        ids = acknowledged_after(&daemon, ids, 40).await;
        daemon.signal("TERM");
        assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
    }
    let daemon = home.start().await;
    ids = acknowledged_after(&daemon, ids, 5).await;
    daemon.kill();
    let good = home.directory.path().join("good");
    copy(&store(&home), &good);
    let mut refused = 0;
    for (name, damage) in DAMAGE {
        fs::remove_dir_all(store(&home)).expect("removed");
        copy(&good, &store(&home));
        damage(&store(&home));
        for start in 1..=2 {
            match home.tried(home.command(&["run"])).await {
                Err((code, said)) => {
                    is_clear(code, &said, &home, &["from a backup"]);
                    refused += 1;
                }
                // sled was not hit by it.
                Ok(daemon) => {
                    for id in &ids {
                        let found = daemon.get(&format!("/v1/events/native/{id}")).await;
                        assert_eq!(found["id"], **id, "{name}, start {start}: {found}");
                    }
                }
            }
        }
    }
    assert!(refused >= 12, "only {refused} of the damaged stores were refused");
    // As the message says: the whole directory from a backup.
    fs::remove_dir_all(store(&home)).expect("removed");
    copy(&good, &store(&home));
    heal(&sandbox);
    let daemon = home.start().await;
    all_delivered_once(&daemon, &sandbox, &ids).await;
}

#[tokio::test]
async fn a_store_of_another_schema_is_refused_and_left_alone() {
    let (sandbox, home) = outage().await;
    let daemon = home.start().await;
    let ids = acknowledged(&daemon, 5).await;
    daemon.signal("TERM");
    let mut daemon = daemon;
    assert_eq!(daemon.ended().await, Some(0));
    let ours = schema(&home, None);
    let newer = (b"3", ["has schema 3", "start a version"]);
    let older = (b"1", ["has schema 1", "move it away"]);
    for (schema_in_it, [text, advice]) in [newer, older] {
        schema(&home, Some(row_of(schema_in_it)));
        let (code, said) = refuses(home.command(&["run"])).await;
        is_clear(Some(code), &said, &home, &[text, "this program knows 2", advice]);
    }
    schema(&home, Some(ours));
    heal(&sandbox);
    let daemon = home.start().await;
    all_delivered_once(&daemon, &sandbox, &ids).await;
}

/// Replaces the row of the schema; what it was.
fn schema(home: &Home, row: Option<Vec<u8>>) -> Vec<u8> {
    // A program that another test is starting has the lock until it replaces this one's image.
    let tries = (0..200).map(|_| {
        sled::open(store(home)).inspect_err(|_| std::thread::sleep(Duration::from_millis(20)))
    });
    let db = tries.flatten().next().expect("nobody else has it");
    let key = b"mschema\0\0";
    let before = db.get(key).expect("it can be read").expect("it is there").to_vec();
    if let Some(row) = row {
        db.insert(key, row).expect("it can be written");
        db.flush().expect("it can be written");
    }
    before
}

/// A row as `src/store/embedded/value.rs` describes it.
fn row_of(content: &[u8]) -> Vec<u8> {
    let rest = [b"\0\x01\0\0\0\0".as_slice(), content].concat();
    let checksum = crc32fast::hash(&[b"mschema\0\0".as_slice(), &rest].concat());
    [b"\x02".as_slice(), &checksum.to_be_bytes(), &rest].concat()
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_refused_and_nothing_in_it_changes() {
    let (sandbox, home) = outage().await;
    let daemon = home.start().await;
    let ids = acknowledged(&daemon, 5).await;
    daemon.kill();
    let mut reported = 0;
    if let Some(command) = on_a_read_only_mount(&home) {
        let (code, said) = refuses(command).await;
        is_clear(Some(code), &said, &home, &["cannot be used", "be able to write"]);
        reported += 1;
    }
    if let Some(command) = as_nobody(&home) {
        let (code, said) = refuses(command).await;
        assert_eq!(code, 64, "{said}");
        assert!(said.contains("belongs to the user with the number 0"), "{said}");
        assert!(said.contains("runs as 65534") && said.contains("chown"), "{said}");
        reported += 1;
    }
    if reported == 0 {
        skipped("neither a read-only mount nor another user can be had here");
    }
    heal(&sandbox);
    let daemon = home.start().await;
    all_delivered_once(&daemon, &sandbox, &ids).await;
}

/// The daemon in a mount namespace of its own, where its directory is read-only.
fn on_a_read_only_mount(home: &Home) -> Option<Command> {
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    let inside = |program: &Command| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]).arg(store(home));
        command.arg(program.get_program()).args(program.get_args());
        command.current_dir(home.directory.path());
        command
    };
    let allowed = inside(&Command::new("true")).output().is_ok_and(|tried| tried.status.success());
    allowed.then(|| inside(&home.command(&["run"])))
}

/// The daemon as a user who may read everything there and write nothing.
fn as_nobody(home: &Home) -> Option<Command> {
    let as_nobody = |program: &Command| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(program.get_program()).args(program.get_args());
        command.current_dir(home.directory.path());
        command
    };
    fs::set_permissions(home.directory.path(), fs::Permissions::from_mode(0o755)).ok()?;
    let mut sees = Command::new("test");
    sees.arg("-x").arg(env!("CARGO_BIN_EXE_awa-bridge"));
    let allowed = as_nobody(&sees).output().is_ok_and(|tried| tried.status.success());
    allowed.then(|| as_nobody(&home.command(&["run"])))
}
