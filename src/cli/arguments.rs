//! What may be said on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::logging::LogFormat;
use crate::routing::duration;

/// Carries a contact centre's routing events to ServiceNow Advanced Work Assignment.
#[derive(Debug, Parser)]
#[command(name = "awa-bridge", version, about, max_term_width = 100)]
pub(super) struct Arguments {
    /// Configuration file [default: ./config.toml, else /etc/awa-bridge/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// How log lines look [default: json; `demo` and a terminal: pretty]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(super) log_format: Option<LogFormat>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the daemon
    Run {
        /// Put an AWA sandbox in the same process in place of ServiceNow
        #[arg(long)]
        sandbox: bool,
    },
    /// Play vendor events through a bridge and a sandbox, and show what becomes of each
    Demo,
    /// Check configuration, profiles, filters, samples, flows and tables; list all problems
    Check {
        /// Also ask ServiceNow whether queues, agents, roles and reject reasons are there
        #[arg(long)]
        online: bool,
    },
    /// Show which routing events and AWA requests vendor request bodies would become; sends and stores nothing
    Explain {
        /// The source of the configuration whose profile, options and tables are used
        #[arg(long, value_name = "NAME")]
        source: String,
        /// One line of JSON an event
        #[arg(long)]
        json: bool,
        /// Files with one request body each, or profile samples; `-` = stdin
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Have a daemon read its files anew: SIGHUP, for units on systems without `kill`
    #[command(hide = true)]
    Reload {
        /// The daemon's process
        #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(2..))]
        pid: i32,
    },
    /// Play a whole call against the sandbox in virtual time, and show who has the card after each step
    Rehearse {
        /// The source of the configuration whose profile, options and tables are used
        #[arg(long, value_name = "NAME")]
        source: String,
        /// One line of JSON a step, and one for the end
        #[arg(long)]
        json: bool,
        /// The requests of one call in their order, each a body or a profile's sample, or flows; a folder stands for its files
        /// in name order, `-` for stdin
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Write the folder of a new profile, a working one of an invented vendor, to be filled
    NewVendor {
        /// What the vendor is called: a-z, 0-9, _ and -
        #[arg(value_name = "NAME")]
        vendor: String,
        /// The folder of vendors [default: `vendors` in the mappings folder of the configuration]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// List, show, replay or discard events of the running daemon
    Events {
        #[command(subcommand)]
        command: EventsCommand,
    },
    /// Tell the whole story of one conversation in time order
    Trace {
        /// The vendor's conversation id
        conversation: String,
        /// Its source or contact centre, where several have a conversation of that id
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
        /// JSON for machines
        #[arg(long)]
        json: bool,
    },
    /// Keep events and send nothing until `resume`, for a maintenance window; also after a restart
    Hold {
        /// End it by itself after this time, such as 30m or 2h
        #[arg(long = "for", value_name = "DURATION", value_parser = checked_duration)]
        for_: Option<String>,
        /// JSON for machines
        #[arg(long)]
        json: bool,
    },
    /// End a hold: what waits goes out, the most urgent first
    Resume {
        /// JSON for machines
        #[arg(long)]
        json: bool,
    },
    /// Write man pages and shell completions, for packages
    #[command(hide = true)]
    Generate {
        /// Gets the folders `man` and `completions`
        directory: PathBuf,
    },
    /// Run the AWA sandbox alone
    Sandbox {
        /// Where it listens
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
        listen: SocketAddr,
    },
    /// Prove on this machine and disk that kills lose nothing and double nothing
    Selftest {
        /// How many times the daemon is killed (SIGKILL) under load
        #[arg(long, value_name = "N", default_value_t = 20)]
        kill: u32,
        /// Chooses the moments of the kills and the faults of the sandbox [default: others each time]
        #[arg(long)]
        seed: Option<u64>,
        /// On whose disk the store is put [default: the system's folder for temporary files]
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum EventsCommand {
    /// List events, newest first
    List {
        /// Only of this state: pending, parked, delivered, expired, superseded, dead, discarded
        #[arg(long)]
        state: Option<String>,
        /// Only of this source
        #[arg(long)]
        source: Option<String>,
        /// Only of this conversation
        #[arg(long)]
        conversation: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// JSON for machines
        #[arg(long)]
        json: bool,
    },
    /// Show all that is known of one event
    Show {
        /// Its id, or SOURCE/ID where several sources have it
        id: String,
        /// Show the vendor's body instead, as it came: it may hold callers' numbers and names
        #[arg(long, conflicts_with = "json")]
        body: bool,
        /// JSON for machines
        #[arg(long)]
        json: bool,
    },
    /// Do dead events again
    Replay {
        /// Ids, or SOURCE/ID
        #[arg(required_unless_present = "reason")]
        ids: Vec<String>,
        /// All dead events with this reason
        #[arg(long, conflicts_with = "ids")]
        reason: Option<String>,
        /// Also what cannot help, such as an offer whose time is over
        #[arg(long)]
        force: bool,
        /// JSON for machines
        #[arg(long)]
        json: bool,
    },
    /// Give events up for good
    Discard {
        /// Ids, or SOURCE/ID
        #[arg(required = true)]
        ids: Vec<String>,
        /// JSON for machines
        #[arg(long)]
        json: bool,
    },
}

/// A duration of the configuration's grammar, as it was written.
fn checked_duration(text: &str) -> Result<String, String> {
    match duration::parse(text).filter(|duration| !duration.is_zero()) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write a whole number and a unit, such as 30m or 2h".to_owned()),
    }
}
