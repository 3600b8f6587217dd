//! `certify`: tries an instance with test records that the operator names, and writes down how it behaves.

#![expect(clippy::disallowed_methods, reason = "a command has the process to itself")]

use std::fs::OpenOptions;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Exit, runtime, say};
use crate::app::certify::{self, Finding, Report, Subject, seen};
use crate::config::Settings;
use crate::routing::{
    DocumentRef, ExternalId, RejectReason, SysId, TableName, visible, visible_line,
};
use crate::shutdown::{Hangups, Shutdown};

/// Out of the box, the presence state Away.
const AWAY: &str = "41f9b8dfb31313005baa6e5f26a8dcac";

/// What may be said behind `certify`.
#[derive(Debug, Args)]
pub(super) struct CertifyArguments {
    /// The test agent's user record: available, with the roles awa_agent and awa_external_user
    #[arg(long, value_name = "SYS_ID", value_parser = sys_id)]
    agent: SysId,
    /// A second test agent, for what takes two
    #[arg(long, value_name = "SYS_ID", value_parser = sys_id)]
    second_agent: Option<SysId>,
    /// The test queue's Provider Queue ID, or its sys_id
    #[arg(long, value_name = "EXTERNAL_ID", value_parser = external_id)]
    queue: ExternalId,
    /// A second test queue, for the transfer to a queue
    #[arg(long, value_name = "EXTERNAL_ID", value_parser = external_id)]
    second_queue: Option<ExternalId>,
    /// An open test document such as interaction:SYS_ID; several: the next is taken where one is closed
    #[arg(long = "document", value_name = "TABLE:SYS_ID", required = true, value_parser = document)]
    documents: Vec<DocumentRef>,
    /// With which cards are taken back: sys_id or display value [default: the row * of reject_reasons.csv]
    #[arg(long, value_name = "REASON")]
    reject_reason: Option<String>,
    /// The presence state of an agent who is away [default: out of the box's Away]
    #[arg(long, value_name = "SYS_ID", value_parser = sys_id)]
    away: Option<SysId>,
    /// Also try what needs accepted work: the document stays in progress
    #[arg(long)]
    accept: bool,
    /// Close the interactions at the end, and try whether that takes their cards away
    #[arg(long)]
    close_document: bool,
    /// Do not ask whether the instance is a production instance: it is none
    #[arg(long)]
    yes_non_production: bool,
    /// Write the report, with requests and answers, to this file in Markdown
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print one line of JSON per finding, and one for the end
    #[arg(long)]
    json: bool,
}

pub(super) fn run(config: Option<&Path>, arguments: CertifyArguments) -> Exit {
    tried(config, &arguments).unwrap_or_else(|exit| exit)
}

fn tried(config: Option<&Path>, arguments: &CertifyArguments) -> Result<Exit, Exit> {
    let settings = super::load_settings(config)?;
    let subject = subject(config, &settings, arguments).map_err(|exit| *exit)?;
    if let Some(file) = &arguments.report {
        // Before anything is tried: what was found must not be lost for a typing error.
        OpenOptions::new().append(true).create(true).open(file).map_err(|error| {
            Exit::Usage(format!("--report: {} cannot be written: {error}", file.display()))
        })?;
    }
    if !arguments.yes_non_production {
        confirm(&settings)?;
    }
    let shutdown = Shutdown::new();
    let json = arguments.json;
    let report = runtime()?.block_on(async {
        let caught = shutdown.on_signals().and_then(|_| Hangups::catch());
        let mut hangups =
            caught.map_err(|error| Exit::Failed(format!("cannot listen for signals: {error}")))?;
        let terminal = shutdown.clone();
        tokio::spawn(async move {
            hangups.next().await;
            terminal.trigger();
        });
        let show = |finding: &Finding| say(&shown(finding, json));
        let report = certify::certify(&settings, subject, &shutdown, show).await;
        report.map_err(|failure| Exit::Usage(failure.to_string()))
    })?;
    say(&if json { report.json().to_string() } else { summary(&report) });
    if let Some(file) = &arguments.report {
        std::fs::write(file, report.markdown()).map_err(|error| {
            Exit::Failed(format!("the report cannot be written to {}: {error}", file.display()))
        })?;
    }
    if shutdown.is_requested() {
        return Err(Exit::Failed("interrupted; what was left is named above".to_owned()));
    }
    if report.is_whole() {
        return Ok(Exit::Done);
    }
    Err(Exit::Failed("not everything could be tried".to_owned()))
}

fn subject(
    config: Option<&Path>,
    settings: &Settings,
    arguments: &CertifyArguments,
) -> Result<Subject, Box<Exit>> {
    let usage = |text: String| Box::new(Exit::Usage(text));
    let documents = arguments.documents.clone();
    if arguments.second_agent == Some(arguments.agent) {
        return Err(usage("--second-agent: is the first agent; name another".to_owned()));
    }
    if arguments.second_queue.as_ref() == Some(&arguments.queue) {
        return Err(usage("--second-queue: is the first queue; name another".to_owned()));
    }
    for document in &documents {
        if !settings.servicenow.tables.contains(&document.table) {
            return Err(usage(format!(
                "--document: {} is not among servicenow.tables, the only ones that the bridge calls for",
                document.table
            )));
        }
        if arguments.close_document && !document.is_interaction() {
            return Err(usage(format!(
                "--close-document: {document} is no interaction, and the bridge closes no other"
            )));
        }
    }
    let reason = match &arguments.reject_reason {
        Some(text) => reason(text),
        None => default_reason(config).map_err(Box::new)?,
    };
    let away = SysId::parse(AWAY).map_err(|error| usage(error.to_string()))?;
    Ok(Subject {
        agent: arguments.agent,
        second_agent: arguments.second_agent,
        queue: arguments.queue.clone(),
        second_queue: arguments.second_queue.clone(),
        documents,
        reason,
        accept: arguments.accept,
        close: arguments.close_document,
        away: arguments.away.unwrap_or(away),
    })
}

fn reason(text: &str) -> RejectReason {
    match SysId::parse(text) {
        Ok(sys_id) => RejectReason::SysId(sys_id),
        Err(_) => RejectReason::DisplayValue { text: text.to_owned(), channel: None },
    }
}

/// The one reason that all tables have for taking cards away.
fn default_reason(config: Option<&Path>) -> Result<RejectReason, Exit> {
    let missing = |why: &str| {
        Exit::Usage(format!(
            "{why}: name the reason with which cards are taken back by --reject-reason"
        ))
    };
    let (_, files) = super::load(config).map_err(|exit| match exit {
        Exit::Usage(why) => missing(&why),
        other => other,
    })?;
    let mut reasons: Vec<_> =
        files.directories.values().filter_map(|tables| tables.reason(None, None)).collect();
    reasons.sort();
    reasons.dedup();
    match reasons.as_slice() {
        [reason] => Ok(reason.clone()),
        [] => Err(missing("no reject_reasons.csv has a row *")),
        [..] => Err(missing("the reject_reasons.csv differ in their rows *")),
    }
}

/// Asks for the instance's name, so that nobody tries a production instance by accident.
fn confirm(settings: &Settings) -> Result<(), Exit> {
    let (instance, _) =
        settings.instance().map_err(|problems| Exit::Usage(problems.to_string()))?;
    let address = instance.to_string();
    let host = address.split("://").last().unwrap_or_default();
    let name = host.split(['.', ':', '/']).next().unwrap_or_default();
    let question = format!(
        "This shows cards to test agents of {address}, changes an agent's presence and may change documents.\n\
         It must not be a production instance. Type its name ({name}) to go on: "
    );
    let mut out = std::io::stderr().lock();
    drop(out.write_all(visible(&question).as_bytes()).and_then(|()| out.flush()));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && !name.is_empty() && answer.trim() == name {
        return Ok(());
    }
    Err(Exit::Usage(
        "not confirmed, nothing was sent: type the instance's name, or say --yes-non-production"
            .to_owned(),
    ))
}

fn shown(finding: &Finding, json: bool) -> String {
    if json {
        return finding.json().to_string();
    }
    let text = seen(finding);
    let text = if text.is_empty() { text } else { format!("\n    {}", visible_line(&text)) };
    format!("{:<18} {}{text}", finding.outcome.as_str(), finding.probe.assumption())
}

fn summary(report: &Report) -> String {
    let mut lines = vec![String::new(), "Settings that follow:".to_owned()];
    let settings = report.settings();
    if settings.is_empty() {
        lines.push("  none".to_owned());
    }
    lines.extend(settings.iter().map(|(key, value)| format!("  {key} = {value}")));
    lines.push("A sandbox behaves alike with these switches:".to_owned());
    lines.push(format!("  {}", report.switches()));
    for (title, what) in
        [("Taken back:", &report.undone.done), ("Not taken back:", &report.undone.left)]
    {
        lines.push(title.to_owned());
        if what.is_empty() {
            lines.push("  nothing".to_owned());
        }
        lines.extend(what.iter().map(|line| format!("  {line}")));
    }
    lines.join("\n")
}

fn sys_id(text: &str) -> Result<SysId, String> {
    SysId::parse(text).map_err(|error| error.to_string())
}

fn external_id(text: &str) -> Result<ExternalId, String> {
    ExternalId::parse(text).map_err(|error| error.to_string())
}

fn document(text: &str) -> Result<DocumentRef, String> {
    let (table, sys_id) =
        text.split_once(':').ok_or("write TABLE:SYS_ID, such as interaction:59616aba…")?;
    let table = TableName::parse(table).map_err(|error| format!("the table {error}"))?;
    let sys_id = SysId::parse(sys_id).map_err(|error| format!("the sys_id {error}"))?;
    Ok(DocumentRef { table, sys_id })
}
