//! Reject reasons: a row for each reason that agents are shown. The vendor's word for it is known to its profile alone.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::{Compared, Rules, Status, Wanted, compare, left_out};
use crate::awa::Client;
use crate::awa::records::{ReasonRecord, Unreadable};
use crate::mapping::Sheet;
use crate::routing::SysId;

/// Asks every channel for its reasons and compares.
pub(super) async fn compared(
    client: &Client,
    channels: &BTreeMap<String, SysId>,
    sheet: &Sheet,
) -> Result<Compared, Unreadable> {
    let mut asked: BTreeSet<SysId> = channels.values().copied().collect();
    let mut notes = Vec::new();
    let mut some_hidden = false;
    match client.channels().await {
        Ok(found) => asked.extend(found.into_iter().map(|(sys_id, _)| sys_id)),
        Err(unread) if asked.is_empty() => return Err(unread),
        Err(unread) => {
            some_hidden = true;
            notes.push(format!("only the channels of servicenow.channels were asked: {unread}"));
        }
    }
    let mut all = Vec::new();
    for channel in asked {
        all.extend(client.reasons(channel).await?);
    }
    if all.is_empty() {
        let why = "no service channel has any".to_owned();
        return Err(Unreadable { table: "awa_reject_reason".to_owned(), why, absent: false });
    }
    let mut by_name: BTreeMap<&str, Vec<SysId>> = BTreeMap::new();
    for reason in &all {
        let ids = by_name.entry(reason.display_value.trim()).or_default();
        if !ids.contains(&reason.sys_id) {
            ids.push(reason.sys_id);
        }
    }
    let (mut wanted, mut lines) = (Vec::new(), Vec::new());
    for (name, records) in by_name {
        // A name that is on several channels is looked up on the work item's when it is needed.
        let value = match records.as_slice() {
            [only] => only.to_string(),
            _ => name.to_owned(),
        };
        let key = vec![name.to_owned()];
        let readable = !name.is_empty() && name != "*" && !name.chars().any(char::is_control);
        if readable {
            wanted.push(Wanted { key, value, records });
        } else {
            let row = vec![name.to_owned(), value];
            lines.push(left_out(row, "its display value cannot stand in the table".to_owned()));
        }
    }
    // The key is the vendor's word, which was written there by hand.
    let rules = Rules { one_row_is_enough: true, record_decides: false };
    let (mut found, unchanged) = compare(sheet, &wanted, |value| status(&all, value), &rules);
    found.extend(lines);
    if !sheet.rows().iter().any(|row| row.cells.first().is_some_and(|reason| reason == "*")) {
        notes.push(
            "there is no row `*`, the reason that a card is taken away with: add one".to_owned(),
        );
    }
    Ok(Compared { lines: found, unchanged, notes, some_hidden })
}

fn status(all: &[ReasonRecord], value: &str) -> Status {
    let name = value.trim().to_lowercase();
    let is_it = |reason: &&ReasonRecord| match SysId::parse(value) {
        Ok(sys_id) => reason.sys_id == sys_id,
        Err(_) => {
            reason.display_value.trim().to_lowercase() == name
                || reason.value.trim().to_lowercase() == name
        }
    };
    let records: Vec<SysId> = all.iter().filter(is_it).map(|reason| reason.sys_id).collect();
    if records.is_empty() {
        return Status::Gone("no service channel has this reject reason".to_owned());
    }
    Status::There(records)
}
