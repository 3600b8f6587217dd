//! A machine whose clock, name look-ups and disk can be made to fail under the running program.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::super::support::program::skipped;

/// `EROFS`: what a file system answers that the kernel has remounted read-only after an error.
pub(super) const READ_ONLY: i64 = 30;

/// The switches of `machine.c`.
pub(super) struct Machine {
    directory: tempfile::TempDir,
    library: PathBuf,
    switches: File,
}

impl Machine {
    /// None, with a line that says so, where there is no C compiler.
    pub(super) fn build() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let library = directory.path().join("machine.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/faults/machine.c");
        let compiled = Command::new("cc")
            .args(["-O2", "-Wall", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .args([source, "-ldl"])
            .output();
        let output = match compiled {
            Ok(output) => output,
            Err(error) => {
                skipped(&format!(
                    "no fault of the machine was simulated, `cc` cannot be run: {error}"
                ));
                return None;
            }
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "machine.c does not compile:\n{said}");
        let switches = File::create(directory.path().join("faults")).expect("the switches");
        switches.set_len(32).expect("the switches");
        Some(Self { directory, library, switches })
    }

    /// The same command, on this machine.
    pub(super) fn runs(&self, mut command: Command) -> Command {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAULTS", self.directory.path().join("faults"));
        command
    }

    /// Sets the wall clock, relative to the true one.
    pub(super) fn clock_off_by(&self, ms: i64) {
        self.set(0, ms);
    }

    /// From now on a name look-up hangs for so long.
    pub(super) fn look_ups_hang(&self, time: Duration) {
        self.set(1, i64::try_from(time.as_millis()).expect("a short time"));
    }

    /// From now on nothing of the store can be written, for this errno; 0 = it can again.
    pub(super) fn disk_fails(&self, errno: i64) {
        self.set(2, errno);
    }

    /// The same of sled's own file alone.
    pub(super) fn sled_fails(&self, errno: i64) {
        self.set(3, errno);
    }

    fn set(&self, switch: u64, value: i64) {
        self.switches.write_all_at(&value.to_ne_bytes(), switch * 8).expect("the switch");
    }
}
