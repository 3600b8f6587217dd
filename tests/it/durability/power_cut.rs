//! The power goes at moments that a seed decides, and of what was written and not synced each page survives by the toss
//! of a coin.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::super::seed::test_seed;
use super::super::support::program::skipped;
use super::promises::Promises;
use super::{listen, writer};

/// Databases, and how often the power goes on each; one after another on the same disk. `POWER_CUT_DATABASES=200` for
/// thousands of cuts by hand.
const DATABASES: u64 = 6;
const CUTS: u64 = 11;

/// The latest moment of a cut after the start of the process; opening the store takes some tens of milliseconds of it.
const LATEST: Duration = Duration::from_millis(420);

#[test]
fn no_power_cut_takes_what_was_acknowledged_or_halves_a_decision() {
    let Some(disk) = Disk::compile() else { return };
    let cut = |databases: std::ops::Range<u64>| {
        databases.map(|database| chain(&disk, database)).sum::<usize>()
    };
    let wanted = std::env::var("POWER_CUT_DATABASES").ok();
    let databases = wanted.map_or(DATABASES, |number| number.parse().expect("a number"));
    let kept: usize = std::thread::scope(|scope| {
        let half = scope.spawn(|| cut(0..databases / 2));
        cut(databases / 2..databases) + half.join().expect("no breach in the other half")
    });
    println!("{} power cuts, {kept} deliveries acknowledged, none lost", databases * CUTS);
    assert!(kept > 500, "only {kept} deliveries were acknowledged: the rig is too slow to tell");
}

/// The rig sees what it is for: with flushes that do not reach the disk, as sled's do without our override, records are
/// lost.
#[test]
fn a_disk_that_lies_about_flushes_is_found_out() {
    let Some(mut disk) = Disk::compile() else { return };
    disk.lies = true;
    let found = (0..12).any(|database| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = directory.path().join("state.sled");
        let mut promises = Promises::default();
        let seed = 1_000 + database;
        disk.cut(&store, seed, Duration::from_millis(350), &mut promises);
        promises.kept() > 0 && {
            let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                promises.breaches(&store)
            }));
            looked.map_or(true, |breaches| !breaches.is_empty())
        }
    });
    assert!(found, "no loss in twelve cuts of a disk that lies");
}

/// One database through several cuts; returns how many deliveries were acknowledged.
fn chain(disk: &Disk, database: u64) -> usize {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = directory.path().join("state.sled");
    let mut promises = Promises::default();
    for cut in 0..CUTS {
        let seed = test_seed().wrapping_add(database * CUTS + cut);
        let after = LATEST.mul_f64(StdRng::seed_from_u64(seed).random_range(0.05..1.0));
        disk.cut(&store, seed, after, &mut promises);
        let breaches = promises.breaches(&store);
        assert!(
            breaches.is_empty(),
            "database {database}, cut {cut} after {after:?}, seed {seed}:\n{}",
            breaches.join("\n")
        );
    }
    let breaches = promises.old_breaches(&store);
    assert!(breaches.is_empty(), "database {database}:\n{}", breaches.join("\n"));
    assert!(!store.join("blobs").read_dir().is_ok_and(|mut files| files.next().is_some()));
    promises.kept()
}

/// A disk that can lose power: a library that stands between the writer and the kernel.
struct Disk {
    _directory: tempfile::TempDir,
    library: PathBuf,
    lies: bool,
}

impl Disk {
    /// None, with a line that says so, where there is no C compiler.
    fn compile() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let library = directory.path().join("power_cut.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/durability/power_cut.c");
        let compiled = Command::new("cc")
            .args(["-O2", "-Wall", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .args([source, "-lpthread"])
            .output();
        match compiled {
            Err(error) => {
                skipped(&format!("no power cuts were simulated, `cc` cannot be run: {error}"));
                None
            }
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "power_cut.c does not compile:\n{said}");
                Some(Self { _directory: directory, library, lies: false })
            }
        }
    }

    /// Runs the writer until the power goes, and leaves the directory as it would be found afterwards.
    fn cut(&self, store: &Path, seed: u64, after: Duration, promises: &mut Promises) {
        let shadow = store.with_extension("shadow");
        std::fs::create_dir_all(&shadow).expect("a directory for what survives");
        let mut command = writer(store, seed);
        command
            .env("LD_PRELOAD", &self.library)
            .env("POWER_CUT_STORE", store)
            .env("POWER_CUT_SHADOW", &shadow)
            .env("POWER_CUT_AFTER", after.as_micros().to_string())
            .env("POWER_CUT_SEED", seed.to_string());
        if self.lies {
            command.env("POWER_CUT_LIES", "1");
        }
        let mut child = command.spawn().expect("the writer starts");
        listen(&mut child, promises);
        // Of each file that is there, what the disk has of it after the cut.
        for survivor in std::fs::read_dir(&shadow).expect("what survives") {
            let survivor = survivor.expect("a file");
            let file = store.join(survivor.file_name());
            if file.exists() {
                std::fs::rename(survivor.path(), file).expect("the disk after the cut");
            }
        }
    }
}
