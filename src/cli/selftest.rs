//! `selftest`: proves on this machine and this disk that nothing that was answered is lost or doubled.

use std::path::PathBuf;

use secrecy::SecretString;

use super::demo::caught;
use super::{Exit, runtime, say};
use crate::app::{Failure, selftest};
use crate::shutdown::Shutdown;

pub(super) fn run(
    kills: u32,
    seed: Option<u64>,
    directory: Option<PathBuf>,
    nodes: Option<usize>,
    postgres: Option<String>,
) -> Exit {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let seed = seed.unwrap_or_else(rand::random);
    let nodes = nodes.zip(postgres.map(SecretString::from));
    let plan = selftest::Plan { kills, seed, directory, nodes };
    let killed = runtime.block_on(async {
        let stop = Shutdown::new();
        let _signals = caught(&stop)?;
        selftest::kill(&plan, &stop, say).await
    });
    match killed {
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
