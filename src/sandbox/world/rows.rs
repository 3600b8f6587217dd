//! Records as rows of the Table API, with the columns that a bridge asks for; every value is a text.

use std::collections::BTreeMap;

use super::query::Query;
use super::{Queue, SysId, UnixMillis, User, WorkItem, WorkItemState, World, sys_id_of};

/// A record by column; dot-walked columns by their whole path.
pub(super) type Row = BTreeMap<&'static str, String>;

/// Columns that refer to a record, and its table.
pub(super) const REFERENCES: [(&str, &str); 5] = [
    ("agent", "sys_user"),
    ("assigned_to", "sys_user"),
    ("queue", "awa_queue"),
    ("service_channel", "awa_service_channel"),
    ("user", "sys_user"),
];

const TABLES: [&str; 7] = [
    "awa_work_item",
    "awa_queue",
    "awa_service_channel",
    "awa_reject_reason",
    "sys_user",
    "sys_user_has_role",
    "external_agent_mapping",
];

/// When the first queue came into being, in every world.
const FOUNDED: UnixMillis = UnixMillis(1_700_000_000_000);

/// Whether the table can be read.
pub(super) fn is_table(table: &str) -> bool {
    TABLES.contains(&table)
}

impl World {
    /// The rows of a table, only those of certain documents, work items or users where the query names them.
    pub(super) fn rows(&self, table: &str, query: &Query) -> Vec<Row> {
        match table {
            "awa_work_item" => match (query.ids("document_id"), query.ids("sys_id")) {
                (Some(documents), _) => documents
                    .flat_map(|document| self.work_items_of(document))
                    .map(|item| self.work_item_row(item))
                    .collect(),
                (None, Some(ids)) => ids
                    .filter_map(|id| self.work_items.get(&id))
                    .map(|item| self.work_item_row(item))
                    .collect(),
                (None, None) => {
                    self.work_items.values().map(|item| self.work_item_row(item)).collect()
                }
            },
            "awa_queue" => self.queues.values().map(|queue| self.queue_row(queue)).collect(),
            "awa_service_channel" => self
                .channels
                .iter()
                .map(|(id, name)| Row::from([("sys_id", id.to_string()), ("name", name.clone())]))
                .collect(),
            "awa_reject_reason" => self
                .reject_reasons
                .keys()
                .map(|id| Row::from([("sys_id", id.to_string())]))
                .collect(),
            "sys_user" => self.users_named(query, "sys_id").map(user_row).collect(),
            "sys_user_has_role" => self.users_named(query, "user").flat_map(role_rows).collect(),
            "external_agent_mapping" => self
                .agent_mappings
                .iter()
                .map(|(id, mapping)| {
                    Row::from([
                        ("sys_id", id.to_string()),
                        ("external_agent_id", mapping.external_agent_id.clone()),
                        ("agent", mapping.agent.to_string()),
                        ("active", mapping.active.to_string()),
                    ])
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The users whom the column must name, or all.
    fn users_named(&self, query: &Query, column: &str) -> impl Iterator<Item = &User> {
        let ids: Vec<SysId> = match query.ids(column) {
            Some(ids) => ids.collect(),
            None => self.users.keys().copied().collect(),
        };
        ids.into_iter().filter_map(|id| self.users.get(&id))
    }

    fn work_item_row(&self, item: &WorkItem) -> Row {
        let state = match item.state {
            WorkItemState::Queued => "queued",
            WorkItemState::PendingAccept => "pending_accept",
            WorkItemState::Accepted => "accepted",
            WorkItemState::Canceled => self.switches.canceled_spelling.as_str(),
        };
        let queue = self.queues.get(&item.queue);
        let assigned_to = item.assigned_to.map(|agent| agent.to_string());
        Row::from([
            ("sys_id", item.sys_id.to_string()),
            ("state", state.to_owned()),
            ("active", item.active.to_string()),
            ("assigned_to", assigned_to.unwrap_or_default()),
            ("queue", item.queue.to_string()),
            ("queue.external_id", queue.map(external_id).unwrap_or_default()),
            (
                "service_channel",
                queue.map(|queue| queue.service_channel.to_string()).unwrap_or_default(),
            ),
            ("document_id", item.document.sys_id.to_string()),
            ("document_table", item.document.table.to_string()),
            ("offered_on", item.offered_on.map(date_time).unwrap_or_default()),
            ("rejected", item.rejected.to_string()),
            ("timed_out", item.timed_out.to_string()),
            ("sys_created_on", date_time(item.created)),
            ("sys_updated_on", date_time(item.updated)),
        ])
    }

    fn queue_row(&self, queue: &Queue) -> Row {
        let channel = self.channels.get(&queue.service_channel);
        Row::from([
            ("sys_id", queue.sys_id.to_string()),
            ("name", queue.name.clone()),
            ("external_id", external_id(queue)),
            ("service_channel", queue.service_channel.to_string()),
            ("service_channel.name", channel.cloned().unwrap_or_default()),
            ("active", queue.active.to_string()),
            ("sys_created_on", date_time(FOUNDED.plus(u64::from(queue.number) * 1000))),
        ])
    }

    /// What a reference shows of the record that it leads to.
    pub(super) fn display_value(&self, table: &str, id: &str) -> String {
        let shown = SysId::parse(id).ok().and_then(|id| match table {
            "sys_user" => self.users.get(&id).map(|user| user.user_name.clone()),
            "awa_queue" => self.queues.get(&id).map(|queue| queue.name.clone()),
            "awa_service_channel" => self.channels.get(&id).cloned(),
            _ => None,
        });
        shown.unwrap_or_default()
    }
}

fn external_id(queue: &Queue) -> String {
    queue.external_id.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn user_row(user: &User) -> Row {
    Row::from([
        ("sys_id", user.sys_id.to_string()),
        ("user_name", user.user_name.clone()),
        ("email", user.email.clone()),
        ("employee_number", user.employee_number.clone()),
        ("active", user.active.to_string()),
    ])
}

fn role_rows(user: &User) -> impl Iterator<Item = Row> {
    user.roles.iter().map(|role| {
        Row::from([
            ("sys_id", sys_id_of(&format!("{} has {role}", user.sys_id)).to_string()),
            ("user", user.sys_id.to_string()),
            ("user.user_name", user.user_name.clone()),
            ("user.email", user.email.clone()),
            ("user.employee_number", user.employee_number.clone()),
            ("user.active", user.active.to_string()),
            ("role.name", role.clone()),
            ("state", "active".to_owned()),
        ])
    })
}

/// ServiceNow's raw date and time: `yyyy-MM-dd HH:mm:ss`, UTC.
fn date_time(at: UnixMillis) -> String {
    let text = at.to_string();
    text.get(..19).unwrap_or_default().replace('T', " ")
}
