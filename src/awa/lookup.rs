//! Clears doubt: asks ServiceNow's work items what became of a call. Only reads.

mod allowed;

use super::caller::QueueIds;
use super::classify::{Verdict, failure, read};
use super::exchange::Exchange;
use super::pace::Signal;
use super::received::Received;
use super::transport::Outgoing;
use super::work_item::{self, FIELDS, Row, text};
use crate::routing::{AwaCall, AwaReply, ExternalId, LookUp, SysId, TransferTarget, UnixMillis};

pub(super) use allowed::probe;
pub(crate) use allowed::{LookUps, Probed};

const CALL: &str = "look_up";

/// Asks what became of a call.
pub(super) async fn look_up(
    exchange: &impl Exchange,
    queues: &QueueIds,
    question: &LookUp,
) -> Verdict {
    let since = exchange.offset().on_their_clock(question.first_sent, exchange.now());
    let found = match &question.call {
        AwaCall::Offer { document, agent, .. } => by_document(exchange, document.sys_id)
            .await
            .map(|rows| work_item::offered(&rows, *agent, since)),
        AwaCall::Transfer { document, target: TransferTarget::Agent(agent), .. } => {
            by_document(exchange, document.sys_id)
                .await
                .map(|rows| work_item::transferred_to_agent(&rows, *agent, since))
        }
        AwaCall::Transfer { document, target: TransferTarget::Queue(queue), .. } => {
            to_queue(exchange, queues, document.sys_id, queue, since).await
        }
        AwaCall::Assign { work_item, agent, .. } => {
            by_id(exchange, *work_item).await.map(|row| work_item::assigned(&row, *agent))
        }
        AwaCall::Accept { work_item, agent } => {
            by_id(exchange, *work_item).await.map(|row| work_item::accepted(&row, *agent))
        }
        AwaCall::Reject { work_item, agent, reason: _ } => {
            by_id(exchange, *work_item).await.map(|row| work_item::rejected(&row, *agent))
        }
        // Both are safe to repeat, and a work item does not show whether they landed.
        AwaCall::EndConsult { .. } | AwaCall::CloseDocument { .. } => {
            let message = "safe to repeat: nothing to look up".to_owned();
            return Verdict::new(AwaReply::NotLanded, message, Signal::Nothing);
        }
    };
    found.map_or_else(in_doubt, |reply| Verdict {
        status: Some(200),
        ..Verdict::new(reply, "looked up".to_owned(), Signal::Answered)
    })
}

/// A look-up that fails leaves the doubt as it was, whatever the failure would mean for a call.
fn in_doubt(verdict: Verdict) -> Verdict {
    // A page for a browser with the status of a client error: the Table API is not available to the bridge.
    let refused = verdict.status.is_some_and(|status| (400..=499).contains(&status));
    let reply = match verdict.reply {
        AwaReply::Misconfigured { .. } => AwaReply::LookUpForbidden,
        AwaReply::NotServiceNow { .. } if refused => AwaReply::LookUpForbidden,
        AwaReply::NotSent { why } => AwaReply::InDoubt { why },
        reply @ (AwaReply::Unauthorised { .. }
        | AwaReply::NotServiceNow { .. }
        | AwaReply::Busy { .. }
        | AwaReply::InDoubt { .. }
        | AwaReply::LookUpForbidden) => reply,
        AwaReply::Landed { .. }
        | AwaReply::AlreadyOurs { .. }
        | AwaReply::TakenBy { .. }
        | AwaReply::NoConsult
        | AwaReply::AgentUnavailable
        | AwaReply::DocumentClosed
        | AwaReply::TooLate
        | AwaReply::ClockSkew
        | AwaReply::Conflict { .. }
        | AwaReply::Unexplained { .. }
        | AwaReply::NotThere { .. }
        | AwaReply::NotLanded => AwaReply::InDoubt { why: verdict.message.clone() },
    };
    Verdict { reply, ..verdict }
}

/// The document's work items, newest first, each of them checked to be the document's.
async fn by_document(exchange: &impl Exchange, document: SysId) -> Result<Vec<Row>, Verdict> {
    let query = format!("document_id={document}^ORDERBYDESCsys_created_on");
    let (rows, received) = work_items(exchange, &query, "20").await?;
    let id = document.to_string();
    let hidden = rows.iter().all(|row| row.document.is_none());
    if hidden && (!rows.is_empty() || received.total.is_some_and(|total| total > 0)) {
        return Err(forbidden("the integration user may not read document_id of awa_work_item"));
    }
    Ok(rows.into_iter().filter(|row| row.document.as_ref() == Some(&id)).collect())
}

/// One work item. It is known to exist, so that no row means that access rules hide it.
async fn by_id(exchange: &impl Exchange, work_item: SysId) -> Result<Row, Verdict> {
    let query = format!("sys_id={work_item}");
    let (rows, _) = work_items(exchange, &query, "1").await?;
    rows.into_iter()
        .find(|row| row.sys_id == work_item)
        .ok_or_else(|| forbidden("the integration user may not read the work item"))
}

async fn work_items(
    exchange: &impl Exchange,
    query: &str,
    limit: &str,
) -> Result<(Vec<Row>, Received), Verdict> {
    let query = [
        ("sysparm_query", query),
        ("sysparm_fields", FIELDS),
        ("sysparm_exclude_reference_link", "true"),
        ("sysparm_limit", limit),
    ];
    let outgoing = Outgoing::get(CALL, "/api/now/table/awa_work_item", &query);
    let received = exchange.exchange(&outgoing).await.map_err(failure)?;
    let value = read(&received, exchange.now())?;
    Ok((Row::all(&value), received))
}

async fn to_queue(
    exchange: &impl Exchange,
    queues: &QueueIds,
    document: SysId,
    queue: &ExternalId,
    since: UnixMillis,
) -> Result<AwaReply, Verdict> {
    let rows = by_document(exchange, document).await?;
    let named = |row: &Row| {
        row.queue == queue.as_str() || row.external_id.as_deref() == Some(queue.as_str())
    };
    let needs_ids = SysId::parse(queue.as_str()).is_err()
        && rows.iter().any(|row| row.external_id.is_none() && !row.queue.is_empty());
    if !needs_ids {
        return Ok(work_item::transferred_to_queue(&rows, named, since));
    }
    let ids = queue_ids(exchange, queues, queue).await?;
    let known = |row: &Row| named(row) || ids.contains(&row.queue);
    Ok(work_item::transferred_to_queue(&rows, known, since))
}

/// The queues of an external id, from the cache or the table. Several share one where they serve several channels.
async fn queue_ids(
    exchange: &impl Exchange,
    queues: &QueueIds,
    queue: &ExternalId,
) -> Result<Vec<String>, Verdict> {
    if let Some(ids) = queues.lock().await.get(queue) {
        return Ok(ids.clone());
    }
    let Some(query) = condition("external_id", queue.as_str()) else {
        return Err(forbidden("the external id cannot stand in a query"));
    };
    let query = [("sysparm_query", query.as_str()), ("sysparm_fields", "sys_id,external_id")];
    let outgoing = Outgoing::get(CALL, "/api/now/table/awa_queue", &query);
    let received = exchange.exchange(&outgoing).await.map_err(failure)?;
    let value = read(&received, exchange.now())?;
    let rows = value["result"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ours =
        rows.iter().filter(|row| text(&row["external_id"]).as_deref() == Some(queue.as_str()));
    let ids: Vec<String> = ours.filter_map(|row| text(&row["sys_id"])).collect();
    if ids.is_empty() {
        return Err(forbidden("no readable queue has the external id"));
    }
    queues.lock().await.insert(queue.clone(), ids.clone());
    Ok(ids)
}

/// A condition of an encoded query; none where the value would end it early or be evaluated.
pub(super) fn condition(field: &str, value: &str) -> Option<String> {
    let evaluated = value.trim_start().to_ascii_lowercase().starts_with("javascript:");
    (!value.contains('^') && !evaluated).then(|| format!("{field}={value}"))
}

fn forbidden(message: &str) -> Verdict {
    Verdict::new(AwaReply::LookUpForbidden, message.to_owned(), Signal::Answered)
}

#[cfg(test)]
mod tests;
