//! The log: one event a line on stdout, as JSON or for people, by tracing-subscriber. What is logged can be changed
//! while the program runs. It never decides what a line says: no bodies, no secrets is the writers' duty. It never
//! makes anybody wait: lines that stdout's reader does not take in time are dropped and counted.

mod lines;

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::clock;
use lines::Lines;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LogFormat {
    /// One object a line, the event's fields beside `timestamp`, `level`, `target` and `message`.
    #[default]
    Json,
    /// For people at a terminal.
    Pretty,
}

impl FromStr for LogFormat {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        match text {
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            other => Err(LogError::Format(other.to_owned())),
        }
    }
}

/// Why the log could not be set up or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogError {
    /// Neither `json` nor `pretty`.
    Format(String),
    /// A filter that tracing-subscriber does not take, and its words for that.
    Filter { filter: String, problem: String },
    /// Another part of the process has set up a log of its own.
    Taken,
    /// There is no stdout or no thread to write to it, in the system's words.
    Unwritable(String),
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(format) => write!(f, "log format {format:?} is neither json nor pretty"),
            Self::Filter { filter, problem } => {
                write!(
                    f,
                    "log.filter {filter:?} is not a filter ({problem}); write one such as \"info\""
                )
            }
            Self::Taken => write!(f, "another log is installed in this process"),
            Self::Unwritable(problem) => write!(f, "the log cannot be written: {problem}"),
        }
    }
}

impl std::error::Error for LogError {}

/// The process's log. There is one; later calls of [`Logging::init`] get the same.
#[derive(Clone)]
pub(crate) struct Logging {
    filter: reload::Handle<EnvFilter, Registry>,
    lines: Lines,
}

static INSTALLED: OnceLock<Result<Logging, LogError>> = OnceLock::new();

impl Logging {
    /// Sets up the log, or, if there is one already, changes its filter and keeps its format.
    ///
    /// # Errors
    /// The filter is not one, or somebody else's log is installed.
    pub(crate) fn init(format: LogFormat, filter: &str) -> Result<Self, LogError> {
        let first = parse(filter)?;
        let logging = INSTALLED.get_or_init(|| Self::install(format, first)).clone()?;
        logging.set_filter(filter)?;
        Ok(logging)
    }

    /// Changes what is logged, such as `info,awa_bridge::awa=debug`.
    ///
    /// # Errors
    /// The filter is not one; the old one stays.
    pub(crate) fn set_filter(&self, filter: &str) -> Result<(), LogError> {
        self.filter.reload(parse(filter)?).map_err(|error| LogError::Filter {
            filter: filter.to_owned(),
            problem: error.to_string(),
        })
    }

    /// Waits until all lines so far are written, at most so long: for the end of the process.
    pub(crate) fn flush(&self, patience: Duration) {
        self.lines.flush(patience);
    }

    /// The same for the log of this process, if there is one.
    pub(crate) fn flush_installed(patience: Duration) {
        if let Some(Ok(logging)) = INSTALLED.get() {
            logging.flush(patience);
        }
    }

    fn install(format: LogFormat, filter: EnvFilter) -> Result<Self, LogError> {
        let unwritable = |error: io::Error| LogError::Unwritable(error.to_string());
        // Not by std's handle: its lock would be held as long as a write lasts.
        let stdout = io::stdout().as_fd().try_clone_to_owned().map_err(unwritable)?;
        let lines = Lines::to(File::from(stdout), lines::MOST).map_err(unwritable)?;
        let (filter, handle) = reload::Layer::new(filter);
        tracing_subscriber::registry()
            .with(filter)
            .with(layer(format, lines.clone()))
            .try_init()
            .map_err(|_| LogError::Taken)?;
        Ok(Self { filter: handle, lines })
    }
}

type Filtered = tracing_subscriber::layer::Layered<reload::Layer<EnvFilter, Registry>, Registry>;

fn layer(format: LogFormat, lines: Lines) -> Box<dyn Layer<Filtered> + Send + Sync> {
    match format {
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_timer(UtcMillis)
            .with_writer(lines)
            .boxed(),
        LogFormat::Pretty => tracing_subscriber::fmt::layer()
            .with_timer(UtcMillis)
            .with_target(false)
            .with_ansi(io::stdout().is_terminal())
            .with_writer(lines)
            .boxed(),
    }
}

/// A word alone is a level: one that is misspelt would name a part that is not there, and silence all others.
fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    for word in filter.split(',').map(str::trim).filter(|part| !part.contains(['=', '['])) {
        if word.parse::<LevelFilter>().is_err() {
            return Err(LogError::Filter {
                filter: filter.to_owned(),
                problem: "a word alone is one of error, warn, info, debug, trace and off; a part of the program has \
                          its level beside it, such as info,awa_bridge::awa=debug"
                    .to_owned(),
            });
        }
    }
    EnvFilter::builder()
        .parse(filter)
        .map_err(|error| LogError::Filter { filter: filter.to_owned(), problem: error.to_string() })
}

/// RFC 3339, UTC, milliseconds.
struct UtcMillis;

impl FormatTime for UtcMillis {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", clock::now())
    }
}

#[cfg(test)]
mod tests;
