//! A configuration that only lies where a command is run is believed if nobody else can have put it there.

use std::fs::{Permissions, create_dir, set_permissions, write};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use super::support::program::{program, run, skipped};

/// Another user, whom every system has.
const NOBODY: u32 = 65534;

/// A folder with a configuration that nothing is wrong with.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    write(folder.path().join("config.toml"), "[offer]\ntimeout = \"20s\"\n").expect("a file");
    mode(&folder.path().join("config.toml"), 0o644);
    mode(folder.path(), 0o755);
    folder
}

fn mode(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

/// The exit code and the words of a command that is run there; the daemon that it asks is not there.
fn asked(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = program();
    command.env("AWA_BRIDGE_ADMIN__LISTEN", "127.0.0.1:9").current_dir(folder);
    let (code, _, errors) = run(command.args(arguments));
    (code, errors)
}

#[track_caller]
fn is_believed(folder: &Path) {
    let (code, errors) = asked(folder, &["events", "list"]);
    assert!(code == 1 && errors.contains("does not answer"), "{code} {errors}");
}

#[track_caller]
fn is_refused(folder: &Path, why: &str) {
    for arguments in [&["events", "list"], &["run", "--sandbox"], &["check", "--online"]] {
        let (code, errors) = asked(folder, arguments);
        assert!(code == 64 && errors.contains(why), "{arguments:?}: {code} {errors}");
        assert!(errors.contains("config.toml") && errors.contains("--config"), "{errors}");
    }
    // Named, it is the user's word.
    let (code, errors) = asked(folder, &["--config", "config.toml", "events", "list"]);
    assert!(code == 1 && errors.contains("does not answer"), "{code} {errors}");
}

#[test]
fn one_s_own_is_believed() {
    let folder = folder();
    is_believed(folder.path());
    mode(folder.path(), 0o700);
    mode(&folder.path().join("config.toml"), 0o600);
    is_believed(folder.path());
}

#[test]
fn one_that_others_may_write_is_refused() {
    for others in [0o664, 0o646, 0o666] {
        let folder = folder();
        mode(&folder.path().join("config.toml"), others);
        is_refused(folder.path(), "can be written by others");
    }
    for others in [0o775, 0o757, 0o777, 0o1777] {
        let folder = folder();
        mode(folder.path(), others);
        is_refused(folder.path(), "can be written by others");
    }
}

#[test]
fn another_user_s_is_refused_also_through_a_link() {
    let folder = folder();
    let file = folder.path().join("config.toml");
    if chown(&file, Some(NOBODY), None).is_err() {
        return skipped("files can be given to another user by root alone");
    }
    is_refused(folder.path(), "belongs to the user with the number 65534");

    let inner = folder.path().join("inner");
    create_dir(&inner).expect("a folder");
    symlink(&file, inner.join("config.toml")).expect("a link");
    is_refused(&inner, "belongs to the user with the number 65534");

    chown(&file, Some(0), None).expect("given back");
    is_believed(folder.path());
    is_believed(&inner);
    chown(folder.path(), Some(NOBODY), None).expect("given away");
    is_refused(folder.path(), "working directory, which belongs to the user with the number 65534");
}
