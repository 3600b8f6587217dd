//! What was answered survives a power cut, a kill, a full disk; proved on the built program's own store writer.

#![allow(clippy::print_stdout, reason = "what was skipped, and how much was tried, has to be seen")]

mod full_disk;
mod kills;
mod power_cut;
mod promises;
mod sync;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::support::program::program;
use promises::Promises;

/// The store's writer over that directory.
pub(super) fn writer(store: &Path, round: u64) -> Command {
    let mut command = program();
    command.args(["selftest", "--round", &round.to_string(), "--writer"]).arg(store);
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
