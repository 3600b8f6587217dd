//! The three CSV tables: a header, `#` comments, no blanks, no duplicates.

#![expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]

use std::fs;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};

use crate::problem::Problem;
use crate::routing::{
    Channel, Directory, ExternalId, QueueRow, ReasonRow, SysId, VendorAgentId, VendorQueueId,
};
use crate::text_file::without_mark;

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
/// Lists every problem of all three tables.
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
            if reason.is_empty() || reject_reason.is_empty() {
                let blank = if reason.is_empty() { "reason" } else { "reject_reason" };
                return Err(format!("`{blank}` is empty"));
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

/// Hands every row's columns to `take`, in the order of `columns`, whatever their order in the file. `take` says whether
/// the row is the first with its key: all columns but the last.
fn each_row<const N: usize>(
    file: PathBuf,
    columns: [&str; N],
    problems: &mut Vec<Problem>,
    mut take: impl FnMut([&str; N]) -> Result<bool, String>,
) {
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            problems.push(Problem::in_file(&file, format!("cannot be read: {error}")));
            return;
        }
    };
    let bytes = without_mark(&bytes);
    let mut reader = ReaderBuilder::new().comment(Some(b'#')).flexible(true).from_reader(bytes);
    let Some(places) = header(&file, bytes, reader.headers(), columns, problems) else { return };
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                let line = error.position().map(|position| line_of(bytes, position));
                let utf8 = matches!(error.kind(), csv::ErrorKind::Utf8 { .. });
                let message = if utf8 { "is not UTF-8" } else { "is not CSV" };
                problems.push(Problem { line, ..Problem::in_file(&file, message) });
                continue;
            }
        }
        let message = if record.len() == N {
            let row = places.map(|place| record.get(place).unwrap_or_default().trim());
            match take(row) {
                Ok(true) => continue,
                Ok(false) => {
                    let key: Vec<&str> =
                        row[..N - 1].iter().copied().filter(|column| !column.is_empty()).collect();
                    format!("`{}` is in the table already", key.join(", "))
                }
                Err(message) => message,
            }
        } else {
            format!("has {} columns, not {N}", record.len())
        };
        let line = record.position().map(|position| line_of(bytes, position));
        problems.push(Problem { line, ..Problem::in_file(&file, message) });
    }
}

/// The line of a record: csv's own position lies before the comments and blank lines above it.
fn line_of(bytes: &[u8], position: &csv::Position) -> u64 {
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX).min(bytes.len());
    let above = bytes[start..]
        .split(|byte| *byte == b'\n')
        .take_while(|line| line.starts_with(b"#") || line.trim_ascii().is_empty());
    position.line() + above.count() as u64
}

/// Where the wanted columns are; the header has these and no others.
fn header<const N: usize>(
    file: &Path,
    bytes: &[u8],
    found: Result<&StringRecord, csv::Error>,
    columns: [&str; N],
    problems: &mut Vec<Problem>,
) -> Option<[usize; N]> {
    let found = found.cloned().unwrap_or_default();
    let place = |column: &str| found.iter().position(|name| name.trim() == column);
    if found.len() == N && columns.iter().all(|column| place(column).is_some()) {
        return Some(columns.map(|column| place(column).unwrap_or_default()));
    }
    let line = if found.is_empty() { None } else { found.position() };
    let line = line.map_or(1, |position| line_of(bytes, position));
    let message = format!("the header has to be `{}`", columns.join(","));
    problems.push(Problem::at_line(file, line, message));
    None
}
