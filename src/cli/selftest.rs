//! `selftest`: proves on this machine and this disk that nothing that was answered is lost or doubled.

use std::path::Path;

use super::{Exit, runtime, say};
use crate::app::{Failure, selftest};

pub(super) fn run(kill: u32, seed: Option<u64>, directory: Option<&Path>) -> Exit {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let seed = seed.unwrap_or_else(rand::random);
    match runtime.block_on(selftest::kill(kill, seed, directory, say)) {
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
