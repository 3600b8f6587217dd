//! What only ServiceNow knows: whether everything that configuration and tables name is there, and whether calls in
//! doubt can be looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracing::{debug, info, warn};

use super::files::Files;
use super::tables::{Table, rows_that_name};
use super::{Failure, instance};
use crate::awa::online::{Finding, Found, Wanted};
use crate::awa::{Client, LookUps};
use crate::config::Settings;
use crate::routing::{Doubt, ReasonRow, RejectReason};

/// What would let calls in doubt be looked up.
const REMEDY: &str = "give the integration user read access (a role or an ACL) to awa_work_item with its fields sys_id, \
                      state, assigned_to, document_id and queue";

/// What ServiceNow said about everything.
pub(crate) struct Asked {
    /// In the order in which it was asked for.
    pub(crate) lines: Vec<Line>,
    /// Whether the bridge can work with what is there.
    pub(crate) fit: bool,
}

/// What it said about one thing.
pub(crate) struct Line {
    /// The sort of thing, such as `queue`.
    pub(crate) what: &'static str,
    /// ServiceNow's name for it, and the contact centre's where there is one.
    pub(crate) name: String,
    /// `ok`, `missing`, `ambiguous`, `unfit`, `unknown` or `forbidden`.
    pub(crate) found: &'static str,
    /// What is wrong and what to do.
    pub(crate) detail: String,
}

/// Asks the instance for everything that the configuration and the tables name.
///
/// # Errors
/// The configuration does not say how to call the instance.
#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
pub(crate) async fn check(settings: &Settings, files: &Files) -> Result<Asked, Failure> {
    let client = instance::client(settings)?;
    let findings = client.check_online(&wanted(settings, files)).await;
    let instance_answers =
        !findings.iter().any(|finding| finding.what == "api" && finding.name == "instance");
    let fit = instance_answers
        && findings.iter().any(|finding| finding.found == Found::Ok)
        && findings.iter().all(|finding| matches!(finding.found, Found::Ok | Found::Unknown));
    let names = names(settings);
    let mut lines: Vec<Line> = findings.into_iter().map(|finding| line(finding, &names)).collect();
    if instance_answers {
        lines.push(look_ups(&client, settings.servicenow.in_doubt).await);
    }
    Ok(Asked { lines, fit })
}

fn wanted(settings: &Settings, files: &Files) -> Wanted {
    let tables = || files.directories.values();
    let queues: BTreeSet<_> =
        tables().flat_map(|tables| tables.external_ids()).map(|(_, _, id)| id.clone()).collect();
    let agents: BTreeSet<_> =
        tables().flat_map(|tables| tables.agents()).map(|(_, sys_id)| sys_id).collect();
    let reasons: BTreeSet<_> = tables()
        .flat_map(|tables| tables.reasons())
        .map(|(_, row)| match row {
            ReasonRow::SysId(sys_id) => RejectReason::SysId(*sys_id),
            ReasonRow::DisplayValue(text) => {
                RejectReason::DisplayValue { text: text.clone(), channel: None }
            }
        })
        .collect();
    let channels = settings.servicenow.channels.iter();
    Wanted {
        queues: queues.into_iter().collect(),
        agents: agents.into_iter().collect(),
        reasons: reasons.into_iter().collect(),
        channels: channels.map(|(name, sys_id)| (name.clone(), sys_id.to_string())).collect(),
    }
}

/// The rows that lead to a thing: what the contact centre calls it, and where the row is.
type Names = BTreeMap<(&'static str, String), Vec<(String, String)>>;

/// By the sort of thing and ServiceNow's name of it.
fn names(settings: &Settings) -> Names {
    let tables = [
        ("queue", Table::Queues),
        ("agent", Table::Agents),
        ("reject reason", Table::RejectReasons),
    ];
    let mut names = Names::new();
    for (what, table) in tables {
        let rows = rows_that_name(settings, table);
        names.extend(rows.into_iter().map(|(target, rows)| ((what, target), rows)));
    }
    names
}

fn line(finding: Finding, names: &Names) -> Line {
    let Finding { what, name, found, mut detail } = finding;
    let rows = names.get(&(what, name.clone())).map(Vec::as_slice).unwrap_or_default();
    let theirs: BTreeSet<&str> = rows.iter().map(|(theirs, _)| theirs.as_str()).collect();
    let theirs = theirs.into_iter().collect::<Vec<_>>().join(", ");
    if !matches!(found, Found::Ok | Found::Unknown) && !rows.is_empty() {
        let places = rows.iter().map(|(_, place)| place.as_str()).collect::<Vec<_>>();
        let before = if detail.is_empty() { "" } else { "; " };
        detail = format!("{detail}{before}{}", places.join(", "));
    }
    let name =
        if theirs.is_empty() || theirs == name { name } else { format!("{name} ({theirs})") };
    Line { what, name, found: found.as_str(), detail }
}

/// That the look-up is forbidden is a policy that the bridge can live with.
async fn look_ups(client: &Client, policy: Doubt) -> Line {
    let (found, detail) = match client.probe().await.look_ups {
        LookUps::Allowed => ("ok", String::new()),
        LookUps::Forbidden(why) => {
            ("forbidden", format!("{why}; until then {}: {REMEDY}", in_force(policy)))
        }
        LookUps::Unknown(why) => ("unknown", why),
    };
    Line { what: "look-up", name: "awa_work_item".to_owned(), found, detail }
}

const fn in_force(policy: Doubt) -> &'static str {
    match policy {
        Doubt::Repeat => {
            "calls in doubt are repeated and may ring an agent twice (servicenow.in_doubt = \"repeat\")"
        }
        Doubt::Dead => "calls in doubt become dead letters (servicenow.in_doubt = \"dead\")",
    }
}

/// Finds out once whether calls in doubt can be looked up, and warns if they cannot. Whatever it finds, the daemon
/// runs.
pub(super) async fn warn_if_forbidden(client: Arc<Client>, policy: Doubt) {
    info!(
        "ServiceNow's error messages are recognised by their English text: set the integration user's language to English"
    );
    match client.probe().await.look_ups {
        LookUps::Allowed => {}
        LookUps::Forbidden(reason) => warn!(
            reason,
            policy = in_force(policy),
            "ServiceNow does not let the bridge read awa_work_item, so {}; {REMEDY}",
            in_force(policy)
        ),
        LookUps::Unknown(reason) => {
            debug!(reason, "It is not known whether calls in doubt can be looked up")
        }
    }
}
