//! `check`: every problem of the files at once; with `--online` also what ServiceNow lacks, and whether issuers publish
//! their keys.

use std::path::Path;

use super::table::table;
use super::{Exit, runtime, say};
use crate::app::files::Files;
use crate::app::online::Line;
use crate::app::{self, Failure};
use crate::config::Settings;
use crate::problem::counted;

#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
pub(super) fn run(config: Option<&Path>, online: bool) -> Exit {
    let settings = match super::load_settings(config) {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let checked = match app::check::check(&settings) {
        Ok(checked) => checked,
        Err(problems) => {
            let count = counted(problems.len() as u64, "problem");
            let problems = Failure::Configuration(problems);
            return Exit::Usage(format!("{count}:\n{problems}"));
        }
    };
    for line in &checked.lines {
        say(line);
    }
    for text in settings.warnings().into_iter().chain(settings.open_secrets()) {
        say(&format!("warning: {text}"));
    }
    say("Configuration is valid.");
    if online { ask(&settings, &checked.files) } else { Exit::Done }
}

/// Asks ServiceNow for what configuration and tables name, and issuers for their keys; shows a table.
fn ask(settings: &Settings, files: &Files) -> Exit {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let asked = runtime.block_on(async {
        let asked = app::online::check(settings, files).await?;
        Ok::<_, Failure>((asked, app::online_keys::check(settings, files).await?))
    });
    let (asked, keys) = match asked {
        Ok(asked) => asked,
        Err(failure) => return Exit::Usage(failure.to_string()),
    };
    let row = |line: &Line| {
        vec![line.found.to_owned(), line.what.to_owned(), line.name.clone(), line.detail.clone()]
    };
    let rows: Vec<_> = asked.lines.iter().chain(&keys).map(row).collect();
    say("");
    say(&table(&["FOUND", "WHAT", "NAME", "DETAIL"], &rows));
    if !asked.fit {
        return Exit::Failed(
            "ServiceNow lacks something that is needed, or refuses the bridge's calls".to_owned(),
        );
    }
    if keys.iter().any(|line| line.found != "ok") {
        return Exit::Failed("the keys of an issuer cannot be fetched".to_owned());
    }
    say("ServiceNow has everything that could be checked.");
    Exit::Done
}
