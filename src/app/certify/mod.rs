//! Tries on a real instance, with a test agent, queue and document, what no document of ServiceNow's settles, and says
//! which settings follow. The daemon's own client asks; [`judge`] reads the answers; what is put before an agent is
//! taken back at every end.

mod at_stake;
mod finding;
mod judge;
mod probes;
mod report;
mod session;
#[cfg(test)]
mod tests;
mod undo;

use std::time::Duration;

use super::{Failure, instance};
use crate::awa::observe::{Look, SeenItem};
use crate::clock;
use crate::config::Settings;
use crate::contained::{Panicked, contained};
use crate::routing::{AwaCall, AwaReply, DocumentRef, ExternalId, RejectReason, SysId, UnixMillis};
use crate::shutdown::Shutdown;
pub(crate) use finding::{Finding, Outcome};
use probes::{Group, NOBODY};
pub(crate) use report::seen;
pub(crate) use session::Exchanged;
use session::{Halt, Session, Tried};
pub(crate) use undo::Undone;

/// How long a card may take that was asked for last.
const SETTLING: Duration = Duration::from_secs(1);

/// Whom and what is tried with: records of a test's own.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) agent: SysId,
    pub(crate) second_agent: Option<SysId>,
    pub(crate) queue: ExternalId,
    pub(crate) second_queue: Option<ExternalId>,
    /// One at least. The next is taken where one is closed.
    pub(crate) documents: Vec<DocumentRef>,
    /// With which cards are taken back.
    pub(crate) reason: RejectReason,
    /// Whether an agent may accept work, which cannot be taken back.
    pub(crate) accept: bool,
    /// Whether the documents are closed at the end.
    pub(crate) close: bool,
    /// The presence state of an agent who is away.
    pub(crate) away: SysId,
}

/// What a certification found out.
#[derive(Debug)]
pub(crate) struct Report {
    /// The instance's address.
    pub(crate) instance: String,
    pub(crate) started: UnixMillis,
    pub(crate) subject: Subject,
    /// In the order of the probes.
    pub(crate) findings: Vec<Finding>,
    /// Every request, in order.
    pub(crate) exchanges: Vec<Exchanged>,
    pub(crate) undone: Undone,
}

impl Report {
    /// Whether every probe could be tried.
    #[must_use]
    pub(crate) fn is_whole(&self) -> bool {
        let untried = |finding: &Finding| matches!(finding.outcome, Outcome::NotTried(_));
        !self.findings.iter().any(untried)
    }
}

/// Tries everything; `show` is called with each finding as it is made. A wish to end that comes through `shutdown` ends
/// the probes, not what takes back what they left.
///
/// # Errors
/// The configuration does not say how to speak to the instance.
#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
pub(crate) async fn certify(
    settings: &Settings,
    subject: Subject,
    shutdown: &Shutdown,
    mut show: impl FnMut(&Finding),
) -> Result<Report, Failure> {
    let client = instance::client(settings)?;
    let address = settings.servicenow.instance.as_ref().map(ToString::to_string);
    let started = clock::now();
    let mut session = Session::new(&client, &subject, shutdown);
    let mut ended = session.prepare().await.err().map(|halt| because(&halt, &session));
    let mut findings = Vec::new();
    for group in Group::ALL {
        if group == Group::Close && !subject.close {
            continue;
        }
        let mut found = Vec::new();
        let halt = match &ended {
            Some(why) => Some(Halt::Untried(why.clone())),
            None => session.attempt(group, &mut found).await.err(),
        };
        if let Some(halt @ (Halt::Instance(_) | Halt::Stopped)) = &halt {
            ended.get_or_insert_with(|| because(halt, &session));
        }
        for probe in group.probes() {
            if !found.iter().any(|finding| finding.probe == *probe) {
                let why = halt.as_ref().map_or_else(
                    || "what it rests on did not come about".to_owned(),
                    |halt| because(halt, &session),
                );
                found.push(Finding::not_tried(*probe, why));
            }
        }
        found.iter().for_each(&mut show);
        findings.append(&mut found);
    }
    let of_all = [judge::clock(client.clock_offset()), judge::rate_limit(session.rate_limit())];
    of_all.iter().for_each(&mut show);
    findings.extend(of_all);
    findings.sort_by_key(|finding| finding.probe);
    session.finish().await;
    let Session { log, undone, .. } = session;
    Ok(Report {
        instance: address.unwrap_or_default(),
        started,
        findings,
        exchanges: log,
        undone,
        subject: subject.clone(),
    })
}

/// Why a probe could not be tried.
fn because(halt: &Halt, session: &Session<'_>) -> String {
    match halt {
        Halt::Untried(why) | Halt::Instance(why) => why.clone(),
        Halt::Closed => format!(
            "document {} is closed{}: name an open one, or several, by --document",
            session.document(),
            if session.at_stake.routed.contains(&session.document()) {
                " by now, which on some instances a reject brings about"
            } else {
                ""
            }
        ),
        Halt::Stopped => "it was interrupted".to_owned(),
    }
}

/// With so many rows there may be more.
const ALL_REASONS: usize = 100;

impl Session<'_> {
    /// Looks whether anything can be tried at all, and whether it could be taken back.
    async fn prepare(&mut self) -> Tried<()> {
        for document in &self.subject.documents {
            let look = Look::WorkItems(document);
            let observed = self.look("the document's work items", &look).await?;
            let items = session::readable(&observed, document).unwrap_or_default();
            let busy = |item: &&SeenItem| {
                item.active && (item.is_in("pending_accept") || item.is_in("accepted"))
            };
            if let Some(item) = items.iter().find(busy) {
                let state = item.state.as_deref().unwrap_or_default();
                return Err(Halt::Instance(format!(
                    "document {document} is being worked on (work item {} is {state}): name one of the test's own",
                    item.sys_id
                )));
            }
        }
        let nobody = SysId::parse(NOBODY).map_err(|why| Halt::Instance(why.to_string()))?;
        let reason = match &self.subject.reason {
            reason @ RejectReason::SysId(_) => reason.clone(),
            RejectReason::DisplayValue { .. } => RejectReason::SysId(nobody),
        };
        let known = matches!(self.subject.reason, RejectReason::SysId(_));
        let call = AwaCall::Reject { work_item: nobody, agent: self.subject.agent, reason };
        let observed = self.call("the reject of a work item that is not there", &call).await?;
        let says = observed.message.to_lowercase();
        let cannot = says.contains("does not represent any resource")
            || observed.status == Some(403)
            || (known && says.contains("awa_reject_reason"));
        self.cannot_reject = cannot.then(|| match &observed.reply {
            AwaReply::Misconfigured { what } => what.clone(),
            _ => observed.message.clone(),
        });
        self.look_at_reason().await?;
        // Of several that share the external id one is named by its sys_id from here on.
        match self.queues().await {
            Ok(_) | Err(Halt::Untried(_) | Halt::Closed) => Ok(()),
            Err(halt) => Err(halt),
        }
    }

    /// Whether the reject reason is among those that the user may read: without it no card could be taken back.
    async fn look_at_reason(&mut self) -> Tried<()> {
        let RejectReason::SysId(reason) = self.subject.reason else { return Ok(()) };
        let observed = self.look("the reject reasons", &Look::Reasons).await?;
        let rows = observed.body.as_ref().and_then(|body| body["result"].as_array());
        let rows = rows.map(Vec::as_slice).unwrap_or_default();
        let is_it = |row: &serde_json::Value| row["sys_id"] == reason.to_string();
        if rows.is_empty() || rows.len() >= ALL_REASONS || rows.iter().any(is_it) {
            return Ok(());
        }
        Err(Halt::Instance(format!(
            "there is no reject reason {reason}, so that no card could be taken back: name one by --reject-reason"
        )))
    }

    /// Tries a group, on another document where one is closed, and takes back what it left.
    async fn attempt(&mut self, group: Group, found: &mut Vec<Finding>) -> Tried<()> {
        if !self.at_stake.is_clear() {
            let why = "what an earlier probe put before an agent could not be taken back";
            return Err(Halt::Untried(why.to_owned()));
        }
        if let (Some(why), false) = (&self.cannot_reject, group == Group::Refusal) {
            let why = format!("cards could not be taken back: {why}");
            return Err(Halt::Untried(why));
        }
        loop {
            found.clear();
            let first = self.log.len() + 1;
            let tried = contained(self.try_group(group, found)).await;
            self.take_back().await;
            let exchanges: Vec<_> = (first..=self.log.len()).collect();
            found.iter_mut().for_each(|finding| finding.exchanges.clone_from(&exchanges));
            let tried = tried.unwrap_or_else(|Panicked(words)| {
                Err(Halt::Untried(format!("a defect of awa-bridge: {words}")))
            });
            if tried == Err(Halt::Closed) && self.next_document() {
                continue;
            }
            return tried;
        }
    }

    /// The lowest limit that an answer named.
    fn rate_limit(&self) -> Option<u64> {
        self.log.iter().filter_map(|exchanged| exchanged.observed.rate_limit).min()
    }

    /// Takes back what is left, closes documents where that is wanted, and says what stays.
    async fn finish(&mut self) {
        self.take_back().await;
        if self.reads != Some(false) && !self.at_stake.routed.is_empty() {
            // ServiceNow answers that an assignment is requested: its card may come a moment later.
            tokio::select! {
                () = tokio::time::sleep(SETTLING) => self.sweep().await,
                () = self.shutdown.hurried() => {}
            }
        }
        if self.subject.close {
            for document in self.at_stake.routed.clone() {
                let close = AwaCall::CloseDocument { document: document.clone() };
                if self.undo("undo: close the document", &close).await.is_done() {
                    self.undone.done.push(format!("closed document {document}"));
                }
            }
        }
        self.leave();
    }
}
