//! The Table API: reads of the tables that a bridge asks, and changes of documents.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::switches::TableReads;
use super::columns::columns;
use super::options::text;
use super::query::{Query, compare};
use super::records::is_closed;
use super::rows::{Cell, Row};
use super::{Answer, ConsultState, SysId, UnixMillis, WorkItemState, World};
use crate::routing::{DocumentRef, TableName};

/// ServiceNow's own default of `sysparm_limit`.
const DEFAULT_LIMIT: usize = 10_000;

impl World {
    pub(super) fn read_table(&self, table: &str, parameters: &[(String, String)]) -> Answer {
        if let Some(answer) = self.refuse_read(table) {
            return answer;
        }
        let mut query = Query::parse(parameter(parameters, "sysparm_query"));
        for (name, value) in parameters.iter().filter(|(name, _)| !name.starts_with("sysparm_")) {
            let more = Query::parse(&format!("{name}={value}"));
            query.all.extend(more.all);
        }
        let rows = self.select(table, query);
        let offset = parameter(parameters, "sysparm_offset").parse().unwrap_or(0);
        let limit = parameter(parameters, "sysparm_limit").parse().unwrap_or(DEFAULT_LIMIT);
        let shown = rows.iter().skip(offset).take(limit);
        Answer::result(shown.map(|row| self.show(table, row, parameters)).collect())
    }

    pub(super) fn read_record(
        &self,
        table: &str,
        sys_id: &str,
        parameters: &[(String, String)],
    ) -> Answer {
        if let Some(answer) = self.refuse_read(table) {
            return answer;
        }
        let row = SysId::parse(sys_id).ok().and_then(|id| self.row(table, id));
        let hidden = self.switches.table_reads == TableReads::NoRows;
        match row.filter(|_| !hidden) {
            Some(row) => Answer::result(self.show(table, &row, parameters)),
            None => Answer::no_record(),
        }
    }

    pub(super) fn create_record(&mut self, table: &str, body: &Value, now: UnixMillis) -> Answer {
        let Some(name) = TableName::parse(table).ok().filter(|_| self.is_document_table(table))
        else {
            return invalid_table(table);
        };
        let sys_id = self.fresh_id();
        self.add_document(&DocumentRef { table: name, sys_id }, "new", now);
        Answer { status: 201, ..self.update_record(table, &sys_id.to_string(), body, now) }
    }

    /// Changes a document's columns; a closed state takes it from its channel, which cancels its open work items.
    pub(super) fn update_record(
        &mut self,
        table: &str,
        sys_id: &str,
        body: &Value,
        now: UnixMillis,
    ) -> Answer {
        if !self.is_document_table(table) {
            return invalid_table(table);
        }
        let Ok(id) = SysId::parse(sys_id) else {
            return Answer::no_record();
        };
        if self.switches.documents_appear
            && table == "interaction"
            && !self.documents.contains_key(&id)
        {
            self.add_interaction(id, now);
        }
        let document = self.documents.get_mut(&id).filter(|d| d.table.as_str() == table);
        let Some(document) = document else {
            return Answer::no_record();
        };
        let known = columns("interaction", true);
        for (column, value) in body.as_object().into_iter().flatten() {
            match column.as_str() {
                "state" => {
                    document.state = text(value);
                    document.active = !is_closed(&document.state);
                }
                "assigned_to" => document.assigned_to = SysId::parse(&text(value)).ok(),
                "sys_id" | "number" | "active" | "sys_class_name" => {}
                other if other.starts_with("sys_") => {}
                other if known.iter().any(|(name, _)| *name == other) => {
                    document.fields.insert(other.to_owned(), text(value));
                }
                // A column that the table does not have is ignored without a word.
                _ => {}
            }
        }
        document.updated = now;
        if !document.active {
            self.disqualify(id, now);
        }
        match self.row(table, id) {
            Some(row) => Answer::result(self.show(table, &row, &[])),
            None => Answer::no_record(),
        }
    }

    /// The customer has left: the document is closed as abandoned.
    pub(super) fn abandon(&mut self, id: SysId, now: UnixMillis) {
        if let Some(document) = self.documents.get_mut(&id) {
            "closed_abandoned".clone_into(&mut document.state);
            document.active = false;
            document.updated = now;
            self.disqualify(id, now);
        }
    }

    /// What becomes of a closed document's work items.
    pub(super) fn disqualify(&mut self, document: SysId, now: UnixMillis) {
        for id in self.items_by_document.get(&document).cloned().unwrap_or_default() {
            self.change(id, |item| {
                if !item.active {
                    return;
                }
                item.consult = item.consult.map(|consult| match consult {
                    ConsultState::Requested => ConsultState::Cancelled,
                    ConsultState::Accepted => ConsultState::Ended,
                    ended => ended,
                });
                match item.state {
                    WorkItemState::Queued | WorkItemState::PendingAccept => {
                        item.cancel("Disqualified from service channel", now);
                    }
                    WorkItemState::Accepted | WorkItemState::Canceled => {
                        item.active = false;
                        item.updated = now;
                    }
                }
            });
        }
    }

    fn refuse_read(&self, table: &str) -> Option<Answer> {
        let known = !columns(table, self.holds_documents(table)).is_empty();
        match self.switches.table_reads {
            _ if !known => Some(invalid_table(table)),
            TableReads::Forbidden => {
                let detail = "Insufficient rights to query records";
                Some(Answer::error(403, "User Not Authorized", detail))
            }
            TableReads::Allowed | TableReads::NoRows => None,
        }
    }

    fn is_document_table(&self, table: &str) -> bool {
        table == "interaction" || self.holds_documents(table)
    }

    fn select(&self, table: &str, mut query: Query) -> Vec<Row> {
        if self.switches.table_reads == TableReads::NoRows {
            return Vec::new();
        }
        let before = query.all.iter().map(Vec::len).sum::<usize>();
        for any in &mut query.all {
            any.retain(|condition| self.is_path(table, &condition.field));
        }
        let dropped = before - query.all.iter().map(Vec::len).sum::<usize>() + query.unread;
        if dropped > 0 && self.switches.invalid_query_returns_no_rows {
            return Vec::new();
        }
        query.all.retain(|any| !any.is_empty());
        let value = |row: &Row, path: &str| {
            self.walk(table, row, path).map_or_else(String::new, |cell| cell.value)
        };
        let mut rows = self.candidates(table, &query);
        rows.retain(|row| {
            let holds = |any: &Vec<super::query::Condition>| {
                any.iter().any(|condition| condition.test.passes(&value(row, &condition.field)))
            };
            query.all.iter().all(holds)
        });
        // Later keys first: each sort keeps the order of the one before where its own key is equal.
        for (column, descending) in query.order.iter().rev() {
            rows.sort_by(|left, right| {
                let order = compare(&value(left, column), &value(right, column));
                if *descending { order.reverse() } else { order }
            });
        }
        rows
    }

    /// The rows that the query can let through, by an index where there is one.
    fn candidates(&self, table: &str, query: &Query) -> Vec<Row> {
        let ids = |field: &str| -> Option<Vec<SysId>> {
            let values = query.only(field)?;
            Some(values.iter().filter_map(|value| SysId::parse(value).ok()).collect())
        };
        match table {
            "sys_user_has_role" => match ids("user") {
                Some(users) => {
                    let users = users.iter().filter_map(|id| self.users.get(id));
                    users.flat_map(|user| self.role_rows(user)).collect()
                }
                None => self.users.values().flat_map(|user| self.role_rows(user)).collect(),
            },
            "awa_work_item" => {
                let documents = ids("document_id").map(|documents| {
                    let items = documents.iter().filter_map(|id| self.items_by_document.get(id));
                    items.flatten().copied().collect()
                });
                self.rows(table, documents.or_else(|| ids("sys_id")))
            }
            "awa_queue" => {
                let external = query.only("external_id").and_then(|values| {
                    values.iter().map(|value| value.parse().ok()).collect::<Option<Vec<_>>>()
                });
                let queues = external.map(|external| {
                    let ids = external.iter().filter_map(|id| self.queues_by_external_id.get(id));
                    ids.flatten().copied().collect()
                });
                self.rows(table, queues.or_else(|| ids("sys_id")))
            }
            "awa_work_item_rejection" => self.rows(table, None),
            _ => self.rows(table, ids("sys_id")),
        }
    }

    fn show(&self, table: &str, row: &Row, parameters: &[(String, String)]) -> Value {
        let style = Style {
            display: parameter(parameters, "sysparm_display_value"),
            without_links: parameter(parameters, "sysparm_exclude_reference_link") == "true",
        };
        let fields = parameter(parameters, "sysparm_fields");
        let mut shown = Map::new();
        let names: Vec<&str> = if fields.is_empty() {
            row.keys().map(String::as_str).collect()
        } else {
            fields.split(',').map(str::trim).collect()
        };
        for name in names {
            if let Some(cell) = self.walk(table, row, name) {
                shown.insert(name.to_owned(), style.value(&cell));
            }
        }
        Value::Object(shown)
    }
}

/// How values are written.
struct Style<'a> {
    /// `true`, `false` or `all`.
    display: &'a str,
    without_links: bool,
}

impl Style<'_> {
    fn value(&self, cell: &Cell) -> Value {
        let shown = if self.display == "true" { &cell.display } else { &cell.value };
        let link = (!self.without_links && !cell.points_into.is_empty() && !cell.value.is_empty())
            .then(|| format!("/api/now/table/{}/{}", cell.points_into, cell.value));
        let mut object = match self.display {
            "all" => BTreeMap::from([("display_value", &cell.display), ("value", &cell.value)]),
            "true" => BTreeMap::from([("display_value", shown)]),
            _ => BTreeMap::from([("value", shown)]),
        };
        match (&link, self.display) {
            (Some(link), _) => {
                object.insert("link", link);
                json!(object)
            }
            (None, "all") => json!(object),
            (None, _) => json!(shown),
        }
    }
}

fn parameter<'a>(parameters: &'a [(String, String)], name: &str) -> &'a str {
    parameters.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

fn invalid_table(table: &str) -> Answer {
    Answer::error(400, &format!("Invalid table {table}"), Value::Null)
}
