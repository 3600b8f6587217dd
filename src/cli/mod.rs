//! The command line: one file per command, and the exit codes that scripts and systemd rely on.

mod admin_client;
mod admin_token;
mod arguments;
mod certify;
mod check;
mod demo;
mod events;
mod explain;
pub(crate) mod generate;
mod hold;
mod migrate;
mod new_vendor;
mod rehearse;
mod reload;
mod run;
mod sample;
mod sandbox;
mod selftest;
mod story;
mod table;
mod tables;
mod trace;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use crate::app::Failure;
use crate::app::files::Files;
use crate::config::Settings;
use crate::routing::visible;
use arguments::{Arguments, Command};

/// How long the end of a process waits for whoever reads its log.
const LAST_LINES: Duration = Duration::from_secs(2);

/// How a command ends.
#[derive(Debug)]
pub(crate) enum Exit {
    /// It did what it was asked.
    Done,
    /// It failed while running; the text says at what.
    Failed(String),
    /// The configuration or the command line is wrong; systemd must not start it again.
    Usage(String),
}

impl Exit {
    const fn code(&self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) => 64,
        }
    }
}

/// Parses the arguments, runs the command and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    take_no_huge_pages();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let wrong = error.use_stderr();
            // Nothing can be done where the terminal is gone.
            drop(error.print());
            return ExitCode::from(if wrong { 64 } else { 0 });
        }
    };
    let exit = dispatch(arguments);
    match &exit {
        Exit::Done => {}
        Exit::Failed(text) | Exit::Usage(text) => {
            if !text.is_empty() {
                drop(writeln!(std::io::stderr(), "awa-bridge: {}", visible(text)));
            }
        }
    }
    ExitCode::from(exit.code())
}

/// The kernel zeroes a huge page (2 MiB) when it is first touched, which takes some 6 ms where a host gives a guest its
/// memory only then, and every call waits meanwhile.
fn take_no_huge_pages() {
    // A kernel without huge pages, or one that may not be asked, works as well.
    rustix::thread::disable_transparent_huge_pages(true).unwrap_or_default();
}

/// What the daemon writes, its own files and those that its libraries make, is for its user alone, whatever the umask
/// that it was started with.
fn close_new_files() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

fn dispatch(arguments: Arguments) -> Exit {
    let Arguments { config, log_format, command } = arguments;
    if matches!(command, Command::Run { .. } | Command::Demo { .. } | Command::Selftest { .. }) {
        close_new_files();
    }
    match command {
        Command::Run { sandbox } => run::run(config.as_deref(), log_format, sandbox),
        Command::Demo { nodes: Some(_), postgres } => demo::nodes(postgres),
        Command::Demo { nodes: None, .. } => demo::run(),
        Command::Certify(arguments) => certify::run(config.as_deref(), *arguments),
        Command::Check { online } => check::run(config.as_deref(), online),
        Command::Explain { source, json, files } => {
            explain::run(config.as_deref(), &source, json, &files)
        }
        Command::Rehearse { source, json, files } => {
            rehearse::run(config.as_deref(), &source, json, &files)
        }
        Command::Tables { command } => tables::run(config.as_deref(), &command),
        Command::Events { command } => events::run(config.as_deref(), command),
        Command::Trace { conversation, source, json } => {
            trace::run(config.as_deref(), &conversation, source.as_deref(), json)
        }
        Command::Hold { for_, json } => hold::run(config.as_deref(), hold::Wish::Hold(for_), json),
        Command::Reload { pid } => reload::run(pid),
        Command::Resume { json } => hold::run(config.as_deref(), hold::Wish::Resume, json),
        Command::Generate { directory } => {
            match generate::write_assets(Arguments::command(), &directory) {
                Ok(()) => Exit::Done,
                Err(error) => Exit::Failed(error.to_string()),
            }
        }
        Command::NewVendor { vendor, dir } => {
            new_vendor::run(config.as_deref(), &vendor, dir.as_deref())
        }
        Command::Sandbox { listen } => sandbox::run(listen, log_format),
        Command::Migrate { from } => migrate::run(config.as_deref(), from.as_deref()),
        Command::Selftest { kill, seed, directory, nodes, postgres } => {
            selftest::run(kill, seed, directory, nodes.map(usize::from), postgres)
        }
    }
}

/// Writes to stdout, hidden characters of others escaped. A reader that went away (`| head`) is no fault of the
/// command.
fn say(text: &str) {
    let text = visible(text);
    let mut out = std::io::stdout().lock();
    drop(
        out.write_all(text.as_bytes())
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush()),
    );
}

/// The configuration, and all files that it names.
#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
fn load(config: Option<&Path>) -> Result<(Settings, Files), Exit> {
    let settings = load_settings(config)?;
    let files = Files::load(&settings)
        .map_err(|problems| Exit::Usage(Failure::Configuration(problems).to_string()))?;
    Ok((settings, files))
}

#[expect(clippy::disallowed_methods, reason = "at the start, and in commands")]
fn load_settings(config: Option<&Path>) -> Result<Settings, Exit> {
    Settings::load(config)
        .map_err(|problems| Exit::Usage(format!("the configuration is not valid:\n{problems}")))
}

/// A runtime for commands that talk.
fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Exit::Failed(format!("cannot start the runtime: {error}")))
}
