//! `selftest`: proves on this machine and this disk that nothing that was answered is lost or doubled.

use std::path::Path;

use super::arguments::Writer;
use super::{Exit, runtime, say};
use crate::app::selftest::writer::{self, Work};
use crate::app::{Failure, selftest};

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
    match runtime.block_on(selftest::kill(kill, directory, say)) {
        Ok(verdict) => {
            say(&format!("\n{verdict}"));
            match verdict.breaches.len() {
                0 => Exit::Done,
                breaches => Exit::Failed(format!("the kill test found {breaches} breaches")),
            }
        }
        Err(failure @ Failure::Configuration(_)) => Exit::Usage(failure.to_string()),
        Err(failure @ Failure::Broken(_)) => Exit::Failed(failure.to_string()),
    }
}
