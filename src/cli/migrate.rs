//! `migrate`: makes the tables of a database, for a daemon whose user may not, and takes a store of files over.

use std::path::Path;

use super::{Exit, runtime, say};
use crate::app::{Failure, database};
use crate::config::Settings;

#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
pub(super) fn run(config: Option<&Path>, from: Option<&Path>) -> Exit {
    let settings = match Settings::load(config) {
        Ok(settings) => settings,
        Err(problems) => return Exit::Usage(problems.to_string()),
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    match runtime.block_on(database::migrate(&settings, from)) {
        Ok(done) => {
            say(&done);
            Exit::Done
        }
        Err(failure @ Failure::Configuration(_)) => Exit::Usage(failure.to_string()),
        Err(failure @ Failure::Broken(_)) => Exit::Failed(failure.to_string()),
    }
}
