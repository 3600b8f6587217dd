//! `check`: every problem of the files at once; with `--online` also what ServiceNow lacks.

use std::path::Path;

use super::{Exit, say};
use crate::app::{self, Failure};
use crate::config::Settings;

pub(super) fn run(config: Option<&Path>, online: bool) -> Exit {
    let settings = match Settings::load(config) {
        Ok(settings) => settings,
        Err(problems) => {
            return Exit::Usage(format!("the configuration does not hold:\n{problems}"));
        }
    };
    let checked = match app::check::check(&settings) {
        Ok(checked) => checked,
        Err(problems) => {
            let count = problems.len();
            let problems = Failure::Configuration(problems);
            return Exit::Usage(format!("{count} problems:\n{problems}"));
        }
    };
    for line in &checked.lines {
        say(line);
    }
    say("All files hold.");
    if online { super::check_online(&settings, &checked.files) } else { Exit::Done }
}
