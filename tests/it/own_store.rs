//! The store is its user's alone: what is made is closed to others whatever the umask, and what is a stranger's or a
//! link is not used.

use std::fs::{Permissions, create_dir, set_permissions, write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use super::support::an_offer;
use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Home, run, skipped};

/// Another user, whom every system has.
const NOBODY: u32 = 65534;

/// The daemon's command under a umask that closes nothing.
fn open_to_all(home: &Home) -> Command {
    let own = home.command(&["run"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 0; exec \"$0\" \"$@\""])
        .arg(own.get_program())
        .args(own.get_args())
        .current_dir(home.directory.path())
        .env_remove("RUST_LOG");
    command
}

/// Every file and folder below, and what others may do with it.
fn open_to_others(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let about = std::fs::symlink_metadata(entry.path()).expect("it is there");
        if about.mode() & 0o077 != 0 {
            found.push(format!("{} {:o}", entry.path().display(), about.mode()));
        }
        if about.is_dir() {
            open_to_others(&entry.path(), found);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_the_daemon_makes_is_closed_to_others_whatever_the_umask() {
    let sandbox = start_sandbox(Setup::default().switches).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let store = home.directory.path().join("state.sled");
    for first in [true, false] {
        let mut daemon = home.started(open_to_all(&home)).await;
        assert_eq!(daemon.post(&an_offer(&format!("e-{first}"), "c-1")).await, Some(202));
        daemon.settled(&format!("e-{first}")).await;
        let closed = || {
            let mut found = Vec::new();
            open_to_others(&store, &mut found);
            assert_eq!(found, Vec::<String>::new());
            let mode = std::fs::metadata(&store).expect("the store").mode();
            assert_eq!(mode & 0o7777, 0o700);
        };
        closed();
        daemon.signal("TERM");
        assert_eq!(daemon.ended().await, Some(0));
        closed();
        // As an older version has left it.
        set_permissions(&store, Permissions::from_mode(0o755)).expect("a mode");
        for file in ["db", "awa-bridge.commits"] {
            set_permissions(store.join(file), Permissions::from_mode(0o644)).expect("a mode");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_around_the_store_is_made_closed_too() {
    let sandbox = start_sandbox(Setup::default().switches).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let mut command = open_to_all(&home);
    command.env("AWA_BRIDGE_STORE__PATH", home.directory.path().join("data/deep/state.sled"));
    let daemon = home.started(command).await;
    for folder in ["data", "data/deep", "data/deep/state.sled"] {
        let mode = std::fs::metadata(home.directory.path().join(folder)).expect("a folder").mode();
        assert_eq!(mode & 0o7777, 0o700, "{folder}");
    }
    drop(daemon);
}

/// What the daemon says to a store that it does not take.
#[track_caller]
fn is_refused(home: &Home, words: &[&str]) {
    let (code, out, errors) = run(&mut home.command(&["run"]));
    assert_eq!(code, 64, "{out}{errors}");
    for word in words {
        assert!(errors.contains(word), "{word}: {errors}");
    }
}

#[test]
fn a_link_in_the_place_of_a_file_is_refused_and_not_followed() {
    let files = ["awa-bridge.commits", "awa-bridge.lock"];
    let others = ["awa-bridge.marker", "awa-bridge.marker.new", "db", "conf", "snap.00"];
    for file in files.into_iter().chain(others) {
        let home = Home::new("http://127.0.0.1:9", &Setup::default());
        let (store, victim) =
            (home.directory.path().join("state.sled"), home.directory.path().join("victim"));
        create_dir(&store).expect("a folder");
        write(&victim, "what must stay").expect("a file");
        symlink(&victim, store.join(file)).expect("a link");
        is_refused(&home, &[file, "is a link or no plain file"]);
        assert_eq!(std::fs::read_to_string(&victim).expect("the file"), "what must stay");
    }
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    let home = Home::new("http://127.0.0.1:9", &Setup::default());
    let store = home.directory.path().join("state.sled");
    create_dir(&store).expect("a folder");
    if chown(&store, Some(NOBODY), None).is_err() {
        return skipped("files can be given to another user by root alone");
    }
    is_refused(&home, &["state.sled belongs to the user with the number 65534", "chown"]);
    assert_eq!(std::fs::read_dir(&store).expect("the folder").count(), 0, "nothing is made in it");

    chown(&store, Some(0), None).expect("given back");
    write(store.join("awa-bridge.commits"), "").expect("a file");
    chown(store.join("awa-bridge.commits"), Some(NOBODY), None).expect("given away");
    is_refused(&home, &["awa-bridge.commits belongs to the user with the number 65534"]);

    // A link of a stranger's to a folder of one's own.
    std::fs::rename(&store, home.directory.path().join("real")).expect("a move");
    std::fs::remove_file(home.directory.path().join("real/awa-bridge.commits")).expect("a file");
    symlink(home.directory.path().join("real"), &store).expect("a link");
    std::os::unix::fs::lchown(&store, Some(NOBODY), None).expect("given away");
    is_refused(&home, &["state.sled belongs to the user with the number 65534"]);
}

#[test]
fn check_tells_of_secrets_that_every_user_may_read() {
    let home = Home::new("http://127.0.0.1:9", &Setup::default());
    let mode = |mode| set_permissions(home.config(), Permissions::from_mode(mode)).expect("a mode");
    mode(0o644);
    let (code, shown, errors) = run(&mut home.command(&["check"]));
    assert_eq!(code, 0, "{errors}");
    let reported =
        "config.toml can be read by every user of this machine and holds secrets as text (";
    assert!(shown.contains(reported) && shown.contains("sources.native.secrets[0]"), "{shown}");
    mode(0o640);
    let (_, shown, _) = run(&mut home.command(&["check"]));
    assert!(!shown.contains("can be read by every user"), "{shown}");

    let secret = home.directory.path().join("password");
    write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("a file");
    set_permissions(&secret, Permissions::from_mode(0o644)).expect("a mode");
    let mut command = home.command(&["check"]);
    command.env("AWA_BRIDGE_SOURCES__NATIVE__SECRETS", format!("[{{ file = {secret:?} }}]"));
    let (_, shown, errors) = run(&mut command);
    assert!(shown.contains("password can be read by every user"), "{shown}{errors}");
}
