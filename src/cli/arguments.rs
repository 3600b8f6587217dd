//! What may be said on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use super::certify::CertifyArguments;
use crate::admin::hold_time;
use crate::app::tables::Table;
use crate::logging::LogFormat;

/// Carries a contact centre's routing events to ServiceNow Advanced Work Assignment.
#[derive(Debug, Parser)]
#[command(name = "awa-bridge", version, about, max_term_width = 100)]
pub(super) struct Arguments {
    /// Configuration file [default: ./config.toml, else /etc/awa-bridge/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Log format [default: json; pretty for `demo` and on a terminal]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(super) log_format: Option<LogFormat>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the daemon
    Run {
        /// Use a built-in AWA sandbox instead of ServiceNow
        #[arg(long)]
        sandbox: bool,
    },
    /// Run sample vendor events through a bridge and a sandbox, and show the outcome of each
    Demo {
        /// Show two daemons over one database instead, one of which is killed
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=2))]
        nodes: Option<u8>,
        /// The database, such as postgres://bridge@db1/bridge; its tables are made in a schema of their own, and
        /// removed. Without it a server is started for the demonstration, where PostgreSQL is installed
        #[arg(long, value_name = "URL", requires = "nodes")]
        postgres: Option<String>,
    },
    /// Check configuration, profiles, filters, samples, flows and tables; list all problems
    Check {
        /// Also ask ServiceNow whether queues, agents, roles and reject reasons exist
        #[arg(long)]
        online: bool,
    },
    /// Try on a non-production instance what ServiceNow's documents leave open, and show which settings follow
    Certify(Box<CertifyArguments>),
    /// Show the routing events and AWA requests that request bodies would become; sends and stores nothing
    Explain {
        /// The configured source whose profile, options and tables are used
        #[arg(long, value_name = "NAME")]
        source: String,
        /// Print one line of JSON per event
        #[arg(long)]
        json: bool,
        /// Files with one request body each, or profile samples; `-` = stdin
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Make a daemon reload its files (SIGHUP), for systems without `kill`
    #[command(hide = true)]
    Reload {
        /// The daemon's process id
        #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(2..))]
        pid: i32,
    },
    /// Play a whole call against the sandbox in virtual time, and show who has the card after each step
    Rehearse {
        /// The configured source whose profile, options and tables are used
        #[arg(long, value_name = "NAME")]
        source: String,
        /// Print one line of JSON per step, and one for the end
        #[arg(long)]
        json: bool,
        /// The requests of one call in order (bodies or profile samples), or flow files; a folder means its files in
        /// name order, `-` means stdin
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
    /// Compare the tables of a contact centre with ServiceNow's records, and write them
    Tables {
        #[command(subcommand)]
        command: TablesCommand,
    },
    /// List, show, record, replay or discard events of the running daemon
    Events {
        #[command(subcommand)]
        command: EventsCommand,
    },
    /// Show the history of one conversation in time order
    Trace {
        /// The vendor's conversation id
        conversation: String,
        /// Its source or contact centre, if several have a conversation with this id
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Keep events and send nothing until `resume`, for a maintenance window; also after a restart
    Hold {
        /// End it by itself after this time, such as 30m or 2h; at most 7d
        #[arg(long = "for", value_name = "DURATION", value_parser = checked_hold_time)]
        for_: Option<String>,
        /// JSON for machines
        #[arg(long)]
        json: bool,
    },
    /// End a hold: pending events are sent, the most urgent first
    Resume {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write man pages and shell completions, for packages
    #[command(hide = true)]
    Generate {
        /// Where the folders `man` and `completions` are written
        directory: PathBuf,
    },
    /// Make the tables of `[store] engine = "postgres"`, by a user who may; the daemon's then needs no such right
    Migrate {
        /// Take over the store of files in this folder, of a daemon that is stopped; into tables that hold no events
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Run the AWA sandbox alone
    Sandbox {
        /// Address to listen on
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
        listen: SocketAddr,
    },
    /// Test on this machine and disk that a killed daemon loses and duplicates nothing
    Selftest {
        /// How many times the daemon is killed (SIGKILL) under load
        #[arg(long, value_name = "N", default_value_t = 20)]
        kill: u32,
        /// Chooses the moments of the kills and the faults of the sandbox [default: others each time]
        #[arg(long)]
        seed: Option<u64>,
        /// Where the store is written, on the disk to be tested [default: the system's temporary directory]
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
        /// How many daemons run over one database, one of which is killed each time; needs --postgres
        #[arg(long, value_name = "N", requires = "postgres", value_parser = clap::value_parser!(u8).range(2..=8))]
        nodes: Option<u8>,
        /// The database, such as postgres://bridge@db1/bridge; its tables are made in a schema of their own, and
        /// removed
        #[arg(long, value_name = "URL", requires = "nodes")]
        postgres: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TablesCommand {
    /// Show what ServiceNow would add to and change in queues.csv, agents.csv and reject_reasons.csv, and what is gone
    Pull {
        /// Which tables [default: all]
        #[arg(value_name = "TABLE")]
        tables: Vec<TableName>,
        /// Whose tables: `contact_center` of a source, or its name [default: the only one]
        #[arg(long, value_name = "NAME")]
        contact_center: Option<String>,
        /// The vendor's agents: a CSV with the columns `agent` and one of `email`, `user_name`, `employee_number`
        #[arg(long, value_name = "FILE")]
        agents: Option<PathBuf>,
        /// Write what is added and changed
        #[arg(long)]
        write: bool,
        /// With --write: remove the rows whose target is gone or not active
        #[arg(long, requires = "write")]
        remove_gone: bool,
        /// Print one line of JSON per difference, and one per table
        #[arg(long)]
        json: bool,
    },
}

/// A table, by the name of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum TableName {
    Queues,
    Agents,
    RejectReasons,
}

impl TableName {
    pub(super) const fn table(self) -> Table {
        match self {
            Self::Queues => Table::Queues,
            Self::Agents => Table::Agents,
            Self::RejectReasons => Table::RejectReasons,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum EventsCommand {
    /// List events, newest first
    List {
        /// Only events in this state: pending, parked, delivered, expired, superseded, dead, discarded
        #[arg(long)]
        state: Option<String>,
        /// Only events from this source
        #[arg(long)]
        source: Option<String>,
        /// Only events of this conversation
        #[arg(long)]
        conversation: Option<String>,
        /// The largest number of events to show
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show everything known about one event
    Show {
        /// Its id, or SOURCE/ID if several sources have it
        id: String,
        /// Show the vendor's body instead, as it came: it may hold callers' numbers and names
        #[arg(long, conflicts_with = "json")]
        body: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write an event's request as a sample of its profile, personal data replaced
    Sample {
        /// Its id, or SOURCE/ID if several sources have it
        id: String,
        /// Write the whole conversation as a flow instead
        #[arg(long)]
        call: bool,
        /// Where to write it, `-` = stdout [default: a new file of the profile's samples or flows]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Leave the values of fields of this name as they are; may be given several times
        #[arg(long, value_name = "FIELD")]
        keep: Vec<String>,
    },
    /// Retry dead events
    Replay {
        /// Ids, or SOURCE/ID
        #[arg(required_unless_present = "reason")]
        ids: Vec<String>,
        /// All dead events with this reason
        #[arg(long, conflicts_with = "ids")]
        reason: Option<String>,
        /// Even where it cannot help, such as an offer whose ring time is over
        #[arg(long)]
        force: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give up on events for good
    Discard {
        /// Ids, or SOURCE/ID
        #[arg(required = true)]
        ids: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// A duration of the configuration's grammar, as it was written.
fn checked_hold_time(text: &str) -> Result<String, String> {
    hold_time(text).map(|_| text.to_owned()).map_err(|why| format!("it {why}"))
}
