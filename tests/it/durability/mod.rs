//! What was answered survives a power cut, a kill, a full disk; proved on a process that only writes to a store.

#![allow(clippy::print_stdout, reason = "what was skipped, and how much was tried, has to be seen")]

mod full_disk;
mod kills;
mod power_cut;
mod promises;
mod sync;
mod written;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use super::support::program::{root, run};
use promises::Promises;

/// The example `store_writer`, built beside the program: `cargo test --test it` builds no examples.
static WRITER: LazyLock<PathBuf> = LazyLock::new(|| {
    let beside = Path::new(env!("CARGO_BIN_EXE_awa-bridge")).parent().expect("its folder");
    let target = beside.parent().expect("the folder of all profiles");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--locked", "--quiet", "--example", "store_writer"]);
    build.arg("--target-dir").arg(target).current_dir(root());
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    // What cargo tells a test of its package, some build scripts look at: all that hangs on them would be built anew.
    let reported = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let of_package =
        |name: &String| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|of| name.starts_with(of));
    for name in reported.filter(of_package) {
        build.env_remove(name);
    }
    let (code, _, errors) = run(&mut build);
    assert_eq!(code, 0, "the store's writer is not built:\n{errors}");
    beside.join("examples/store_writer")
});

/// The store's writer over that directory.
pub(super) fn writer(store: &Path, round: u64) -> Command {
    let mut command = Command::new(&*WRITER);
    command.args(["--round", &round.to_string()]).arg(store);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Reads what a writer says, until it ends.
fn listen(child: &mut Child, promises: &mut Promises) {
    let lines = BufReader::new(child.stdout.take().expect("its stdout")).lines();
    for line in lines.map_while(Result::ok) {
        promises.hear(&line);
    }
    child.wait().expect("it ends");
}
