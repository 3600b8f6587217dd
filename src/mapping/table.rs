//! The three CSV tables: a header, `#` comments, no blanks, no duplicates.

#![expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use csv::StringRecord;

use super::rows::{Mistakes, Row, Rows};
use crate::problem::{Problem, counted};
use crate::routing::{
    Channel, Directory, ExternalId, QueueRow, ReasonRow, SysId, VendorAgentId, VendorQueueId,
    is_hidden,
};
use crate::text_file::{self, LARGEST, Unread, without_mark};

/// The longest reject reason, and the longest word of a vendor for one, in bytes.
const LONGEST_REASON: usize = 256;

/// The columns of `queues.csv`; the last one is what the others lead to, as in each table.
pub(crate) const QUEUES: [&str; 3] = ["queue", "channel", "external_id"];
/// The columns of `agents.csv`.
pub(crate) const AGENTS: [&str; 2] = ["agent", "sys_id"];
/// The columns of `reject_reasons.csv`.
pub(crate) const REASONS: [&str; 2] = ["reason", "reject_reason"];

/// Loads `sources/<contact_center>/{queues,agents,reject_reasons}.csv` below the mappings directory. A table whose file
/// is missing is empty. `pass_through` takes queue ids that are in no row as external ids.
///
/// # Errors
/// Lists the problems of all three tables: of each the first ones, and how many more there are.
pub(crate) fn load(
    directory: &Path,
    contact_center: &str,
    pass_through: bool,
) -> Result<Directory, Vec<Problem>> {
    let folder = directory.join("sources").join(contact_center);
    let mut tables = Directory::default();
    let mut problems = Vec::new();
    each_row(folder.join("queues.csv"), QUEUES, &mut problems, |[queue, channel, external_id]| {
        let row = QueueRow {
            queue: VendorQueueId::parse(queue).map_err(|error| format!("`queue` {error}"))?,
            channel: (!channel.is_empty())
                .then(|| Channel::parse(channel))
                .transpose()
                .map_err(|error| format!("`channel` {error}"))?,
            external_id: ExternalId::parse(external_id)
                .map_err(|error| format!("`external_id` {error}"))?,
        };
        Ok(tables.add_queue(row))
    });
    each_row(folder.join("agents.csv"), AGENTS, &mut problems, |[agent, sys_id]| {
        let id = VendorAgentId::parse(agent).map_err(|error| format!("`agent` {error}"))?;
        let sys_id = SysId::parse(sys_id).map_err(|error| format!("`sys_id` {error}"))?;
        Ok(tables.add_agent(id, sys_id))
    });
    each_row(
        folder.join("reject_reasons.csv"),
        REASONS,
        &mut problems,
        |[reason, reject_reason]| {
            for (column, text) in REASONS.into_iter().zip([reason, reject_reason]) {
                if let Err(why) = good_reason(text) {
                    return Err(format!("`{column}` {why}"));
                }
            }
            let row = SysId::parse(reject_reason).map_or_else(
                |_| ReasonRow::DisplayValue(reject_reason.to_owned()),
                ReasonRow::SysId,
            );
            Ok(tables.add_reason(reason.to_owned(), row))
        },
    );
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(if pass_through { tables.passing_queues_through() } else { tables })
}

/// Whether a text can be a reject reason or a vendor's word for one.
fn good_reason(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.len() > LONGEST_REASON {
        return Err(format!("is longer than {LONGEST_REASON} bytes"));
    }
    match text.chars().any(is_hidden) {
        true => Err("holds a control character or a mark of direction".to_owned()),
        false => Ok(()),
    }
}

/// Hands every row's columns to `take`, in the order of `columns`, whatever their order in the file. `take` says
/// whether the row is the first with its key: all columns but the last.
fn each_row<const N: usize>(
    file: PathBuf,
    columns: [&str; N],
    problems: &mut Vec<Problem>,
    mut take: impl FnMut([&str; N]) -> Result<bool, String>,
) {
    let bytes = match text_file::read_bytes(&file, LARGEST) {
        Ok(bytes) => bytes,
        Err(Unread::Io(error)) if error.kind() == ErrorKind::NotFound => return,
        Err(unread) => {
            problems.push(Problem::in_file(&file, unread.to_string()));
            return;
        }
    };
    let mut mistakes = Mistakes::of(&file);
    let mut rows = Rows::of(without_mark(&bytes));
    match places(rows.next(), columns) {
        Err((line, message)) => mistakes.add(line, message),
        Ok(places) => {
            for row in rows {
                if let Err(message) = taken(&row, places, &mut take) {
                    mistakes.add(row.line, message);
                }
            }
        }
    }
    problems.extend(mistakes.into_vec());
}

fn taken<const N: usize>(
    row: &Row,
    places: [usize; N],
    take: &mut impl FnMut([&str; N]) -> Result<bool, String>,
) -> Result<(), String> {
    let cells = row.cells.as_ref().map_err(|problem| (*problem).to_owned())?;
    if cells.len() != N {
        return Err(format!("has {}, not {N}", counted(cells.len() as u64, "column")));
    }
    let row = places.map(|place| cells.get(place).unwrap_or_default().trim());
    if take(row)? {
        return Ok(());
    }
    let key: Vec<&str> = row[..N - 1].iter().copied().filter(|column| !column.is_empty()).collect();
    Err(format!("`{}` is in the table already", key.join(", ")))
}

/// Where the wanted columns are; the header has these and no others.
///
/// # Errors
/// A line, and what is wrong with it.
fn places<const N: usize>(
    header: Option<Row>,
    columns: [&str; N],
) -> Result<[usize; N], (u64, String)> {
    let line = header.as_ref().map_or(1, |row| row.line);
    let found = header.map_or_else(|| Ok(StringRecord::new()), |row| row.cells);
    let found = found.map_err(|problem| (line, problem.to_owned()))?;
    let place = |column: &str| found.iter().position(|name| name.trim() == column);
    if found.len() == N && columns.iter().all(|column| place(column).is_some()) {
        return Ok(columns.map(|column| place(column).unwrap_or_default()));
    }
    Err((line, format!("the header has to be `{}`", columns.join(","))))
}
