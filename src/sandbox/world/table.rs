//! The Table API as far as a bridge uses it: reads by encoded query, and a document's state.

use serde_json::{Map, Value, json};

use super::super::switches::TableReads;
use super::options::text;
use super::query::Query;
use super::records::is_closed;
use super::rows::{REFERENCES, Row, is_table};
use super::{Answer, ConsultState, SysId, UnixMillis, WorkItemState, World};

/// ServiceNow's own default of `sysparm_limit`.
const DEFAULT_LIMIT: usize = 10_000;

impl World {
    pub(super) fn read_table(&self, table: &str, parameters: &[(String, String)]) -> Answer {
        if let Some(answer) = self.refuse_read(table) {
            return answer;
        }
        let rows = self.select(table, &Query::parse(parameter(parameters, "sysparm_query")));
        let number = |name: &str| parameter(parameters, name).parse().ok();
        let offset = number("sysparm_offset").unwrap_or(0);
        let limit = number("sysparm_limit").unwrap_or(DEFAULT_LIMIT);
        // An access rule hides rows of a page after it was counted off.
        let page = rows.iter().skip(offset).take(limit);
        let seen = page.filter(|row| !self.hides_row(table, row));
        let shown = seen.map(|row| self.show(table, row, parameters)).collect();
        Answer { total: Some(rows.len()), ..Answer::result(shown) }
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
        let rows = match self.switches.table_reads {
            TableReads::NoRows => Vec::new(),
            TableReads::Allowed | TableReads::Forbidden => {
                self.select(table, &Query::parse(&format!("sys_id={sys_id}")))
            }
        };
        rows.first()
            .map_or_else(Answer::no_record, |row| Answer::result(self.show(table, row, parameters)))
    }

    /// Sets a document's state; a closed one takes it from its channel, which cancels its open work items.
    pub(super) fn update_record(
        &mut self,
        table: &str,
        sys_id: &str,
        body: &Value,
        now: UnixMillis,
    ) -> Answer {
        if table != "interaction" && !self.document_tables.contains(table) {
            return invalid_table(table);
        }
        let Ok(id) = SysId::parse(sys_id) else {
            return Answer::no_record();
        };
        if self.switches.documents_appear
            && table == "interaction"
            && !self.documents.contains_key(&id)
        {
            self.add_interaction(id);
        }
        let document = self.documents.get_mut(&id).filter(|d| d.table.as_str() == table);
        let Some(document) = document else {
            return Answer::no_record();
        };
        let state = text(&body["state"]);
        if !state.is_empty() {
            document.active = !is_closed(&state);
            document.state = state;
        }
        let shown = json!({ "sys_id": id, "state": document.state });
        if !document.active {
            self.disqualify(id, now);
        }
        Answer::result(shown)
    }

    /// The customer has left: the document is closed as abandoned.
    pub(super) fn abandon(&mut self, id: SysId, now: UnixMillis) {
        if let Some(document) = self.documents.get_mut(&id) {
            "closed_abandoned".clone_into(&mut document.state);
            document.active = false;
            self.disqualify(id, now);
        }
    }

    /// What becomes of a closed document's work items.
    fn disqualify(&mut self, document: SysId, now: UnixMillis) {
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
        let switches = &self.switches;
        if !is_table(table) || switches.missing_tables.iter().any(|name| name == table) {
            return Some(invalid_table(table));
        }
        let detail = "Insufficient rights to query records";
        (switches.table_reads == TableReads::Forbidden
            || switches.closed_tables.iter().any(|name| name == table))
        .then(|| Answer::error(403, "User Not Authorized", detail))
    }

    fn hides_row(&self, table: &str, row: &Row) -> bool {
        if self.switches.table_reads == TableReads::NoRows {
            return true;
        }
        let is_it = |hidden: &String| {
            let (of, id) = hidden.split_once('/').unwrap_or_default();
            of == table && row.get("sys_id").is_some_and(|own| own == id)
        };
        self.switches.hidden_rows.iter().any(is_it)
    }

    /// The rows that a query lets through. A condition on a column that the table does not have is dropped, or lets
    /// nothing through, as the instance is set.
    fn select(&self, table: &str, query: &Query) -> Vec<Row> {
        let drops = !self.switches.invalid_query_returns_no_rows;
        if query.unread > 0 && !drops {
            return Vec::new();
        }
        let mut rows = self.rows(table, query);
        rows.retain(|row| {
            query.conditions.iter().all(|condition| match row.get(condition.column.as_str()) {
                Some(value) => condition.values.iter().any(|wanted| wanted == value),
                None => drops,
            })
        });
        if let Some(column) = &query.order_by {
            rows.sort_by(|left, right| left.get(column.as_str()).cmp(&right.get(column.as_str())));
        }
        if let Some(column) = &query.order_by_desc {
            rows.sort_by(|left, right| right.get(column.as_str()).cmp(&left.get(column.as_str())));
        }
        rows
    }

    /// A row as the request wants it: the named columns that the caller may read, references with a link unless that is
    /// left out, and what a person sees in place of or beside what is stored.
    fn show(&self, table: &str, row: &Row, parameters: &[(String, String)]) -> Value {
        let links = parameter(parameters, "sysparm_exclude_reference_link") != "true";
        let display = parameter(parameters, "sysparm_display_value");
        let fields = parameter(parameters, "sysparm_fields");
        let is_wanted = |name: &str| {
            let hidden = self.switches.hidden_fields.iter();
            let mut hidden = hidden.filter_map(|hidden| hidden.split_once('.'));
            (fields.is_empty() || fields.split(',').any(|field| field == name))
                && !hidden.any(|(of, field)| of == table && field == name)
        };
        let shown = |name: &str, value: &str| {
            let target = REFERENCES.iter().find(|(own, _)| *own == name).map(|(_, table)| *table);
            let as_seen = || match target {
                Some(target) => self.display_value(target, value),
                None => value.to_owned(),
            };
            let link = target.filter(|_| links && !value.is_empty());
            let link = link.map(|target| format!("/api/now/table/{target}/{value}"));
            match (display, link) {
                ("all", None) => json!({ "display_value": as_seen(), "value": value }),
                ("all", Some(link)) => {
                    json!({ "display_value": as_seen(), "link": link, "value": value })
                }
                ("true", None) => json!(as_seen()),
                ("true", Some(link)) => json!({ "display_value": as_seen(), "link": link }),
                (_, None) => json!(value),
                (_, Some(link)) => json!({ "link": link, "value": value }),
            }
        };
        let columns = row.iter().filter(|(name, _)| is_wanted(name));
        let columns: Map<String, Value> =
            columns.map(|(name, value)| ((*name).to_owned(), shown(name, value))).collect();
        Value::Object(columns)
    }
}

fn parameter<'a>(parameters: &'a [(String, String)], name: &str) -> &'a str {
    parameters.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

fn invalid_table(table: &str) -> Answer {
    Answer::error(400, &format!("Invalid table {table}"), Value::Null)
}
