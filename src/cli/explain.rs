//! `explain`: what a vendor's request bodies would become.

#![expect(clippy::disallowed_methods, reason = "a command has the process to itself")]

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Exit, say};
use crate::app::explain::{Explained, Explainer};
use crate::clock;

pub(super) fn run(config: Option<&Path>, source: &str, json: bool, files: &[PathBuf]) -> Exit {
    let (settings, loaded) = match super::load(config) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let mut explainer = match Explainer::new(&settings, &loaded, source) {
        Ok(explainer) => explainer,
        Err(text) => return Exit::Usage(text),
    };
    let mut failed = false;
    for file in files {
        let body = match read(file) {
            Ok(body) => body,
            Err(error) => return Exit::Usage(format!("{}: {error}", file.display())),
        };
        let request = match explainer.request(file, body, clock::now()) {
            Ok(request) => request,
            Err(problem) => return Exit::Usage(problem.to_string()),
        };
        match explainer.explain(&request) {
            Ok(explained) if explained.is_empty() => show(&nothing(), file, json),
            Ok(explained) => explained.iter().for_each(|one| show(one, file, json)),
            Err(malformed) => {
                failed = true;
                let reason = format!("the webhook would be refused: {malformed}");
                show(&Explained { event: None, request: None, reason: Some(reason) }, file, json);
            }
        }
    }
    if failed { Exit::Failed(String::new()) } else { Exit::Done }
}

fn nothing() -> Explained {
    let reason = "the filter yields nothing: the profile does not know this event".to_owned();
    Explained { event: None, request: None, reason: Some(reason) }
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut body = Vec::new();
        std::io::stdin().lock().read_to_end(&mut body)?;
        return Ok(body);
    }
    std::fs::read(file)
}

fn show(explained: &Explained, file: &Path, json: bool) {
    if json {
        say(&serde_json::to_string(explained).unwrap_or_default());
        return;
    }
    say(&format!("# {}", file.display()));
    if let Some(event) = &explained.event {
        say(&format!("event    {event}"));
    }
    if let Some(request) = &explained.request {
        say(&format!("request  {} {}", request.method, request.path));
        if let Some(body) = &request.body {
            say(&serde_json::to_string_pretty(body).unwrap_or_default());
        }
    }
    if let Some(reason) = &explained.reason {
        say(&format!("reason   {reason}"));
    }
    say("");
}
