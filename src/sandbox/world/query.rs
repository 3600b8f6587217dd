//! Encoded queries (`sysparm_query`) as a bridge writes them: `active=true^queueINa,b^ORDERBYDESCsys_created_on`.

use crate::routing::SysId;

/// A query: every condition must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Query {
    pub(super) conditions: Vec<Condition>,
    /// The column whose greatest value comes first.
    pub(super) order_by_desc: Option<String>,
    /// The column whose least value comes first.
    pub(super) order_by: Option<String>,
    /// Parts that could not be read.
    pub(super) unread: usize,
}

/// The column has one of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) column: String,
    pub(super) values: Vec<String>,
}

impl Query {
    /// Reads an encoded query; what cannot be read is counted and left out.
    pub(super) fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for part in text.split('^').filter(|part| !part.is_empty()) {
            if let Some(column) = part.strip_prefix("ORDERBYDESC") {
                query.order_by_desc = Some(column.to_owned());
            } else if let Some(column) = part.strip_prefix("ORDERBY") {
                query.order_by = Some(column.to_owned());
            } else if let Some(condition) = Condition::parse(part) {
                query.conditions.push(condition);
            } else {
                query.unread += 1;
            }
        }
        query
    }

    /// The ids that a column must have one of, if the query says so.
    pub(super) fn ids(&self, column: &str) -> Option<impl Iterator<Item = SysId>> {
        let condition = self.conditions.iter().find(|condition| condition.column == column)?;
        Some(condition.values.iter().filter_map(|value| SysId::parse(value).ok()))
    }
}

impl Condition {
    fn parse(part: &str) -> Option<Self> {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.');
        let end = part.bytes().position(|byte| !is_name(byte)).filter(|end| *end > 0)?;
        let (column, test) = part.split_at(end);
        let values = match (test.strip_prefix('='), test.strip_prefix("IN")) {
            (Some(value), _) => vec![value.to_owned()],
            (None, Some(values)) => values.split(',').map(str::to_owned).collect(),
            (None, None) => return None,
        };
        Some(Self { column: column.to_owned(), values })
    }
}
