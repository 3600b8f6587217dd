//! What is to be added to the tables for a parked event.

use crate::routing::Missing;

/// The table, and the CSV line with ServiceNow's side left open.
pub(crate) fn line_to_add(missing: &Missing) -> (&'static str, String) {
    let (table, fields) = match missing {
        Missing::Queues { queue, channel } => {
            let channel = channel.as_deref().unwrap_or_default();
            ("queues.csv", vec![queue, channel, "EXTERNAL_ID"])
        }
        Missing::Agents { agent } => ("agents.csv", vec![agent.as_str(), "SYS_ID"]),
        Missing::RejectReasons { reason } => {
            ("reject_reasons.csv", vec![reason.as_str(), "REJECT_REASON"])
        }
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(&fields).ok().and_then(|()| writer.into_inner().ok());
    let line = String::from_utf8(written.unwrap_or_default()).unwrap_or_default();
    (table, line.trim_end().to_owned())
}
