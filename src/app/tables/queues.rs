//! Queues: a row for each Provider queue ID, or for each of its channels where several queues share it.

use std::collections::BTreeMap;

use super::compare::{Compared, Rules, Status, Wanted, compare, left_out};
use super::ids;
use crate::awa::Client;
use crate::awa::records::{QueueRecord, Unreadable};
use crate::mapping::Sheet;
use crate::routing::{Channel, ExternalId, SysId, VendorQueueId};

/// Asks for the queues and compares.
pub(super) async fn compared(
    client: &Client,
    channels: &BTreeMap<String, SysId>,
    sheet: &Sheet,
) -> Result<Compared, Unreadable> {
    let read = client.queues().await?;
    let mut by_external_id: BTreeMap<&str, Vec<&QueueRecord>> = BTreeMap::new();
    for queue in read.rows.iter().filter(|queue| queue.active && !queue.external_id.is_empty()) {
        by_external_id.entry(&queue.external_id).or_default().push(queue);
    }
    let (mut wanted, mut lines) = (Vec::new(), Vec::new());
    for (external_id, queues) in &by_external_id {
        let row = |channel: &str, target: &str| {
            vec![(*external_id).into(), channel.into(), target.into()]
        };
        let queue = VendorQueueId::parse(external_id).map(drop);
        let fits = queue.and_then(|()| ExternalId::parse(external_id).map(drop));
        if let Err(error) = fits {
            lines.push(left_out(row("", external_id), format!("its Provider queue ID {error}")));
            continue;
        }
        if let [queue] = queues.as_slice() {
            wanted.push(Wanted {
                key: vec![(*external_id).to_owned(), String::new()],
                value: (*external_id).to_owned(),
                records: vec![queue.sys_id],
            });
            continue;
        }
        // An offer by an external id that several queues share may reach any of them.
        let mut by_channel: BTreeMap<String, Vec<SysId>> = BTreeMap::new();
        for queue in queues {
            by_channel.entry(channel(queue, channels)).or_default().push(queue.sys_id);
        }
        for (channel, queues) in by_channel {
            match queues.as_slice() {
                [queue] if Channel::parse(&channel).is_ok() => wanted.push(Wanted {
                    key: vec![(*external_id).to_owned(), channel],
                    value: queue.to_string(),
                    records: vec![*queue],
                }),
                several => lines.push(left_out(
                    row(&channel, ""),
                    format!(
                        "{} queues share this Provider queue ID and nothing tells them apart by channel: {}",
                        several.len(),
                        ids(several)
                    ),
                )),
            }
        }
    }
    let rules = Rules { one_row_is_enough: true, record_decides: true };
    let (mut found, unchanged) =
        compare(sheet, &wanted, |value| status(&read.rows, &by_external_id, value), &rules);
    found.extend(lines);
    Ok(Compared { lines: found, unchanged, notes: Vec::new(), some_hidden: read.some_hidden })
}

fn status(
    all: &[QueueRecord],
    by_external_id: &BTreeMap<&str, Vec<&QueueRecord>>,
    value: &str,
) -> Status {
    let by_sys_id = SysId::parse(value).ok();
    if let Some(queue) = all.iter().find(|queue| Some(queue.sys_id) == by_sys_id) {
        return if queue.active {
            Status::There(vec![queue.sys_id])
        } else {
            Status::Gone("the queue is not active".to_owned())
        };
    }
    match by_external_id.get(value).map(Vec::as_slice) {
        Some([queue]) => Status::There(vec![queue.sys_id]),
        Some(several) => {
            let names = several.iter().map(|queue| queue.name.as_str()).collect::<Vec<_>>();
            let names = names.join(", ");
            let count = several.len();
            Status::Unfit(format!("{count} queues share it ({names}): name one by its sys_id"))
        }
        None if all.iter().any(|queue| queue.external_id == value) => {
            Status::Gone("the queue is not active".to_owned())
        }
        None => Status::Gone("no awa_queue has it".to_owned()),
    }
}

/// What the contact centre calls the queue's channel: the name in `servicenow.channels`, else ServiceNow's in small
/// letters.
fn channel(queue: &QueueRecord, channels: &BTreeMap<String, SysId>) -> String {
    let named = channels.iter().find(|(_, id)| Some(**id) == queue.channel).map(|(name, _)| name);
    named.cloned().unwrap_or_else(|| queue.channel_name.trim().to_lowercase())
}
