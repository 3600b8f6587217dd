//! Kills under load and while the store is being opened.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::super::seed::test_seed;
use super::super::support::program::{program, run};
use super::promises::Promises;
use super::{listen, writer};

#[test]
fn kills_during_open_leave_a_store_that_opens_with_everything() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = directory.path().join("state.sled");
    let mut promises = Promises::default();
    let mut first = writer(&store, 1);
    let mut child = first.args(["--deliveries", "60"]).spawn().expect("the writer starts");
    listen(&mut child, &mut promises);
    assert_eq!(promises.kept(), 480, "the writer did all its work");
    let mut dice = StdRng::seed_from_u64(test_seed());
    for round in 2..42 {
        let mut child = writer(&store, round).spawn().expect("the writer starts");
        std::thread::sleep(Duration::from_micros(dice.random_range(2_000..80_000)));
        child.kill().expect("it can be killed");
        listen(&mut child, &mut promises);
    }
    let breaches = promises.breaches(&store);
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
    let leftovers: Vec<_> = std::fs::read_dir(&store)
        .expect("the store's directory")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".generating"))
        .collect();
    assert_eq!(leftovers, Vec::<String>::new());
}

#[test]
fn no_body_of_any_size_makes_a_blob_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = directory.path().join("state.sled");
    let mut command = writer(&store, 1);
    let mut child = command.args(["--deliveries", "120"]).spawn().expect("the writer starts");
    let mut promises = Promises::default();
    listen(&mut child, &mut promises);
    assert_eq!(promises.kept(), 960);
    let blobs = store.join("blobs").read_dir().map_or(0, Iterator::count);
    assert_eq!(blobs, 0, "sled never syncs blob files");
    assert_eq!(promises.breaches(&store), Vec::<String>::new());
}

#[test]
fn the_kill_test_passes_on_this_machine() {
    let mut command = program();
    let (code, out, errors) =
        run(command.args(["selftest", "--kill", "20", "--seed", &test_seed().to_string()]));
    println!("{out}");
    assert_eq!(code, 0, "{out}\n{errors}");
    assert!(out.contains("PASSED"), "{out}");
}
