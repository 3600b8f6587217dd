//! Rows of a file beside the rows that ServiceNow's records make. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{Found, Line};
use crate::mapping::Sheet;
use crate::routing::SysId;

/// What is to be shown of a table.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(crate) lines: Vec<Line>,
    pub(crate) unchanged: usize,
    pub(crate) notes: Vec<String>,
    /// Whether ServiceNow hides some records.
    pub(crate) some_hidden: bool,
}

/// A row that a record of ServiceNow's makes.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// All cells but the last.
    pub(crate) key: Vec<String>,
    /// What they lead to.
    pub(crate) value: String,
    /// The records that it stands for.
    pub(crate) records: Vec<SysId>,
}

/// How what a row leads to stands on the instance.
#[derive(Debug, Clone)]
pub(super) enum Status {
    /// These records are there.
    There(Vec<SysId>),
    /// It is not there, or not active: why.
    Gone(String),
    /// It is there and will not work: why.
    Unfit(String),
}

/// How a table's rows are compared.
pub(super) struct Rules {
    /// Whether a record that some row leads to already needs no row of its own.
    pub(crate) one_row_is_enough: bool,
    /// Whether ServiceNow knows better than a row what its key leads to, as long as that is there.
    pub(crate) record_decides: bool,
}

/// Compares; `status` says how a row's last cell stands. The lines come in the order of the file, then what is new.
pub(super) fn compare(
    sheet: &Sheet,
    wanted: &[Wanted],
    status: impl Fn(&str) -> Status,
    rules: &Rules,
) -> (Vec<Line>, usize) {
    let by_key: BTreeMap<&[String], &Wanted> =
        wanted.iter().map(|wanted| (wanted.key.as_slice(), wanted)).collect();
    let (mut lines, mut unchanged) = (Vec::new(), 0);
    let mut named: BTreeSet<SysId> = BTreeSet::new();
    let mut keys: BTreeSet<&[String]> = BTreeSet::new();
    for row in sheet.rows() {
        let Some((value, key)) = row.cells.split_last() else { continue };
        keys.insert(key);
        let status = status(value);
        let line = |found, cells: &[String], before: Option<&String>, detail: String| Line {
            found,
            line: Some(row.line),
            row: cells.to_vec(),
            before: before.cloned(),
            detail,
        };
        let other = by_key.get(key).filter(|wanted| match &status {
            Status::There(records) => {
                rules.record_decides && !wanted.records.iter().any(|of| records.contains(of))
            }
            Status::Gone(_) => true,
            Status::Unfit(_) => rules.record_decides && wanted.value != *value,
        });
        if let Some(wanted) = other {
            named.extend(&wanted.records);
            let mut cells = key.to_vec();
            cells.push(wanted.value.clone());
            let detail = match status {
                Status::There(_) => String::new(),
                Status::Gone(why) | Status::Unfit(why) => why,
            };
            lines.push(line(Found::Changed, &cells, Some(value), detail));
            continue;
        }
        match status {
            Status::There(records) => {
                named.extend(records);
                unchanged += 1;
            }
            Status::Gone(why) => lines.push(line(Found::Gone, &row.cells, None, why)),
            Status::Unfit(why) => lines.push(line(Found::Unfit, &row.cells, None, why)),
        }
    }
    for wanted in wanted {
        let has_row = rules.one_row_is_enough && wanted.records.iter().any(|of| named.contains(of));
        if keys.contains(wanted.key.as_slice()) || has_row {
            continue;
        }
        let mut row = wanted.key.clone();
        row.push(wanted.value.clone());
        let (line, before, detail) = (None, None, String::new());
        lines.push(Line { found: Found::Added, line, row, before, detail });
    }
    (lines, unchanged)
}

/// A record of which no row can be made.
pub(super) fn left_out(row: Vec<String>, detail: String) -> Line {
    Line { found: Found::LeftOut, line: None, row, before: None, detail }
}
