//! Records as rows of the Table API: every value a text, references with the table that they point into.

use std::collections::BTreeMap;

use super::columns::columns;
use super::{
    Document, Queue, RejectReasonRecord, Rejection, SysId, UnixMillis, User, WorkItem,
    WorkItemState, World, sys_id_of,
};

/// A value: as stored, as shown, and what it points at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cell {
    pub(super) value: String,
    pub(super) display: String,
    pub(super) points_into: &'static str,
}

impl Cell {
    fn plain(value: impl Into<String>) -> Self {
        let value = value.into();
        Self { display: value.clone(), value, points_into: "" }
    }

    fn time(at: Option<UnixMillis>) -> Self {
        Self::plain(at.map(date_time).unwrap_or_default())
    }
}

/// A record by column.
pub(super) type Row = BTreeMap<String, Cell>;

impl World {
    /// The table has documents in it.
    pub(super) fn holds_documents(&self, table: &str) -> bool {
        self.document_tables.contains(table)
    }

    /// The table that a column points into; empty if it is no reference, none if there is no such column.
    pub(super) fn column(&self, table: &str, column: &str) -> Option<&'static str> {
        if self.switches.hidden_fields.iter().any(|hidden| is_column(hidden, table, column)) {
            return None;
        }
        let known = columns(table, self.holds_documents(table));
        known.iter().find(|(name, _)| *name == column).map(|(_, points_into)| *points_into)
    }

    /// The value at a column or a dot-walked path; none if there is no such path.
    pub(super) fn walk(&self, table: &str, row: &Row, path: &str) -> Option<Cell> {
        let Some((first, rest)) = path.split_once('.') else {
            self.column(table, path)?;
            return row.get(path).cloned();
        };
        let next = self.column(table, first).filter(|next| !next.is_empty())?;
        let there = SysId::parse(&row.get(first)?.value).ok().and_then(|id| self.row(next, id));
        match there {
            Some(there) => self.walk(next, &there, rest),
            None => self.is_path(next, rest).then(Cell::default),
        }
    }

    /// Whether a table has that column or dot-walked path.
    pub(super) fn is_path(&self, table: &str, path: &str) -> bool {
        match path.split_once('.') {
            None => self.column(table, path).is_some(),
            Some((first, rest)) => self
                .column(table, first)
                .is_some_and(|next| !next.is_empty() && self.is_path(next, rest)),
        }
    }

    /// One record as a row.
    pub(super) fn row(&self, table: &str, id: SysId) -> Option<Row> {
        match table {
            "awa_work_item" => self.work_items.get(&id).map(|item| self.work_item_row(item)),
            "awa_queue" => self.queues.get(&id).map(|queue| self.queue_row(queue)),
            "awa_service_channel" => self.channels.get(&id).map(|channel| {
                row([
                    ("sys_id", Cell::plain(id.to_string())),
                    ("name", Cell::plain(&channel.name)),
                    ("type", Cell::plain(&channel.kind)),
                    ("active", Cell::plain(channel.active.to_string())),
                ])
            }),
            "sys_user" => self.users.get(&id).map(user_row),
            "sys_user_role" => self.role_names.get(&id).map(|name| {
                row([("sys_id", Cell::plain(id.to_string())), ("name", Cell::plain(name))])
            }),
            "awa_reject_reason" => self.reject_reasons.get(&id).map(|r| self.reason_row(r)),
            "awa_presence_state" => self.presence_states.get(&id).map(|state| {
                row([
                    ("sys_id", Cell::plain(id.to_string())),
                    ("name", Cell::plain(&state.name)),
                    ("available", Cell::plain(state.available.to_string())),
                    ("order", Cell::plain(state.order.to_string())),
                ])
            }),
            "sys_user_has_role" => {
                let rows = self.users.values().flat_map(|user| self.role_rows(user));
                rows.into_iter().find(|row| row["sys_id"].value == id.to_string())
            }
            _ => self
                .documents
                .get(&id)
                .filter(|document| document.table.as_str() == table)
                .map(|document| self.document_row(document)),
        }
    }

    /// Every record of a table, or of those ids alone.
    pub(super) fn rows(&self, table: &str, ids: Option<Vec<SysId>>) -> Vec<Row> {
        let ids: Vec<SysId> = match (ids, table) {
            (Some(ids), _) => ids,
            (None, "awa_work_item") => self.work_items.keys().copied().collect(),
            (None, "awa_queue") => self.queues.keys().copied().collect(),
            (None, "awa_service_channel") => self.channels.keys().copied().collect(),
            (None, "sys_user") => self.users.keys().copied().collect(),
            (None, "sys_user_role") => self.role_names.keys().copied().collect(),
            (None, "awa_reject_reason") => self.reject_reasons.keys().copied().collect(),
            (None, "awa_presence_state") => self.presence_states.keys().copied().collect(),
            (None, "awa_work_item_rejection") => {
                return self.rejections.iter().enumerate().map(|r| self.rejection_row(r)).collect();
            }
            (None, _) => self.documents.keys().copied().collect(),
        };
        ids.into_iter().filter_map(|id| self.row(table, id)).collect()
    }

    /// The rows of `sys_user_has_role` of one user.
    pub(super) fn role_rows(&self, user: &User) -> Vec<Row> {
        let of_role = |role: &String| {
            row([
                (
                    "sys_id",
                    Cell::plain(sys_id_of(&format!("{} has {role}", user.sys_id)).to_string()),
                ),
                ("user", self.reference("sys_user", Some(user.sys_id))),
                ("role", self.reference("sys_user_role", Some(sys_id_of(&format!("role {role}"))))),
                ("state", Cell::plain("active")),
            ])
        };
        user.roles.iter().map(of_role).collect()
    }

    fn reference(&self, table: &'static str, id: Option<SysId>) -> Cell {
        let Some(id) = id else {
            return Cell { points_into: table, ..Cell::default() };
        };
        let display = match table {
            "sys_user" => self.users.get(&id).map(|user| user.name.clone()),
            "sys_user_role" => self.role_names.get(&id).cloned(),
            "awa_queue" => self.queues.get(&id).map(|queue| queue.name.clone()),
            "awa_service_channel" => self.channels.get(&id).map(|channel| channel.name.clone()),
            "awa_reject_reason" => self.reject_reasons.get(&id).map(|r| r.display_value.clone()),
            _ => None,
        };
        let value = id.to_string();
        Cell { display: display.unwrap_or_else(|| value.clone()), value, points_into: table }
    }

    fn work_item_row(&self, item: &WorkItem) -> Row {
        let (state, shown) = match item.state {
            WorkItemState::Queued => ("queued", "Queued"),
            WorkItemState::PendingAccept => ("pending_accept", "Pending Accept"),
            WorkItemState::Accepted => ("accepted", "Accepted"),
            WorkItemState::Canceled => (self.switches.canceled_spelling.as_str(), "Canceled"),
        };
        let channel = self.queues.get(&item.queue).map(|queue| queue.service_channel);
        let timeout = item.timeout_seconds.map(|seconds| seconds.to_string());
        let consult = item.consult.map(super::ConsultState::as_str);
        row([
            ("sys_id", Cell::plain(item.sys_id.to_string())),
            ("state", Cell { value: state.to_owned(), display: shown.to_owned(), points_into: "" }),
            ("active", Cell::plain(item.active.to_string())),
            ("assigned_to", self.reference("sys_user", item.assigned_to)),
            ("queue", self.reference("awa_queue", Some(item.queue))),
            ("service_channel", self.reference("awa_service_channel", channel)),
            ("document_id", Cell::plain(item.document.sys_id.to_string())),
            ("document_table", Cell::plain(item.document.table.as_str())),
            ("offered_on", Cell::time(item.offered_on)),
            ("timeout", Cell::plain(timeout.unwrap_or_default())),
            ("offer_count", Cell::plain(item.offer_count.to_string())),
            ("rejected", Cell::plain(item.rejected.to_string())),
            ("timed_out", Cell::plain(item.timed_out.to_string())),
            ("previous_work_item", self.reference("awa_work_item", item.previous_work_item)),
            ("external_segment_id", Cell::plain(item.external_segment_id.as_deref().unwrap_or(""))),
            ("consult_state", Cell::plain(consult.unwrap_or(""))),
            ("cancel_reason", Cell::plain(item.cancel_reason.unwrap_or(""))),
            ("state_changed_on", Cell::time(Some(item.state_changed))),
            ("sys_created_on", Cell::time(Some(item.created))),
            ("sys_updated_on", Cell::time(Some(item.updated))),
        ])
    }

    fn queue_row(&self, queue: &Queue) -> Row {
        let external_id = queue.external_id.as_ref().map_or("", |id| id.as_str());
        row([
            ("sys_id", Cell::plain(queue.sys_id.to_string())),
            ("name", Cell::plain(&queue.name)),
            ("external_id", Cell::plain(external_id)),
            ("service_channel", self.reference("awa_service_channel", Some(queue.service_channel))),
            ("active", Cell::plain(queue.active.to_string())),
            ("external", Cell::plain(queue.external.to_string())),
        ])
    }

    fn reason_row(&self, reason: &RejectReasonRecord) -> Row {
        row([
            ("sys_id", Cell::plain(reason.sys_id.to_string())),
            ("reason", Cell::plain(&reason.display_value)),
            ("display_value", Cell::plain(&reason.display_value)),
            ("value", Cell::plain(&reason.value)),
            ("order", Cell::plain(reason.order.to_string())),
            (
                "service_channel",
                self.reference("awa_service_channel", Some(reason.service_channel)),
            ),
            ("active", Cell::plain("true")),
        ])
    }

    fn rejection_row(&self, (index, rejection): (usize, &Rejection)) -> Row {
        row([
            ("sys_id", Cell::plain(sys_id_of(&format!("rejection {index}")).to_string())),
            ("work_item", self.reference("awa_work_item", Some(rejection.work_item))),
            ("user", self.reference("sys_user", Some(rejection.agent))),
            ("reason", self.reference("awa_reject_reason", Some(rejection.reason))),
            ("sys_created_on", Cell::time(Some(rejection.at))),
        ])
    }

    fn document_row(&self, document: &Document) -> Row {
        let known = columns("interaction", true).iter();
        let mut cells: Row = known
            .map(|(name, points_into)| {
                let value = document.fields.get(*name).cloned().unwrap_or_default();
                let cell = Cell { display: value.clone(), value, points_into };
                ((*name).to_owned(), cell)
            })
            .collect();
        cells.extend(row([
            ("sys_id", Cell::plain(document.sys_id.to_string())),
            ("number", Cell::plain(&document.number)),
            ("state", Cell::plain(&document.state)),
            ("active", Cell::plain(document.active.to_string())),
            ("assigned_to", self.reference("sys_user", document.assigned_to)),
            ("sys_class_name", Cell::plain(document.table.as_str())),
            ("sys_created_on", Cell::time(Some(document.created))),
            ("sys_updated_on", Cell::time(Some(document.updated))),
        ]));
        cells
    }
}

fn user_row(user: &User) -> Row {
    row([
        ("sys_id", Cell::plain(user.sys_id.to_string())),
        ("user_name", Cell::plain(&user.user_name)),
        ("name", Cell::plain(&user.name)),
        ("active", Cell::plain(user.active.to_string())),
    ])
}

fn row<const N: usize>(cells: [(&str, Cell); N]) -> Row {
    cells.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect()
}

fn is_column(full: &str, table: &str, column: &str) -> bool {
    full.split_once('.') == Some((table, column))
}

/// ServiceNow's raw date and time: `yyyy-MM-dd HH:mm:ss`, UTC.
fn date_time(at: UnixMillis) -> String {
    let text = at.to_string();
    text.get(..19).unwrap_or_default().replace('T', " ")
}
