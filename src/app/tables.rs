//! A contact centre's tables from ServiceNow: what they would gain, what would change, and what of them is gone there;
//! written where that is wanted.
//!
//! Nothing is written that was not compared first, no row goes unasked, and what stands between the rows stays.

mod agents;
mod compare;
mod queues;
mod reasons;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::files::of_config;
use super::{Failure, instance};
use crate::awa::Client;
use crate::awa::records::Unreadable;
use crate::config::Settings;
use crate::mapping::{self, AgentKeys, Edit, Sheet};
use crate::problem::Problem;
use crate::routing::SysId;
use compare::Compared;

/// One of the three tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Table {
    Queues,
    Agents,
    RejectReasons,
}

impl Table {
    /// All of them, in the order in which they are pulled.
    pub(crate) const ALL: [Self; 3] = [Self::Queues, Self::Agents, Self::RejectReasons];

    const fn file_name(self) -> &'static str {
        match self {
            Self::Queues => "queues.csv",
            Self::Agents => "agents.csv",
            Self::RejectReasons => "reject_reasons.csv",
        }
    }

    /// The names of its columns.
    pub(crate) const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Queues => &mapping::QUEUES,
            Self::Agents => &mapping::AGENTS,
            Self::RejectReasons => &mapping::REASONS,
        }
    }
}

/// What is wanted of ServiceNow.
pub(crate) struct Wish<'a> {
    pub(crate) tables: &'a [Table],
    /// None: the only one that there is.
    pub(crate) contact_center: Option<&'a str>,
    /// The vendor's list of agents.
    pub(crate) agents: Option<&'a Path>,
    pub(crate) write: bool,
    pub(crate) remove_gone: bool,
}

/// One table as ServiceNow has it and as the file has it.
pub(crate) struct Pulled {
    pub(crate) table: Table,
    pub(crate) file: PathBuf,
    pub(crate) lines: Vec<Line>,
    /// Rows that ServiceNow has as the file has them.
    pub(crate) unchanged: usize,
    /// What else is worth knowing.
    pub(crate) notes: Vec<String>,
    /// Whether the file was written.
    pub(crate) written: bool,
}

impl Pulled {
    /// How many lines are of that sort.
    pub(crate) fn count(&self, found: Found) -> usize {
        self.lines.iter().filter(|line| line.found == found).count()
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) found: Found,
    /// The row's line in the file, where it is in it.
    pub(crate) line: Option<u64>,
    /// Its cells, in the order of the table's columns.
    pub(crate) row: Vec<String>,
    /// What the row leads to in the file, where that changes.
    pub(crate) before: Option<String>,
    /// Why.
    pub(crate) detail: String,
}

/// The sort of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Found {
    Added,
    Changed,
    /// What the row leads to is not on the instance any more, or not active.
    Gone,
    /// It is there, and will not work as it is.
    Unfit,
    /// ServiceNow has it, and no row can be made of it.
    LeftOut,
}

/// Reads the tables, compares them, and writes them where that is wanted. A table that could not be read stands in the
/// second list with the reason; the others are done.
///
/// # Errors
/// The configuration, the files or the vendor's list are wrong, or a file cannot be written.
#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
pub(crate) async fn pull(
    settings: &Settings,
    wish: &Wish<'_>,
) -> Result<(Vec<Pulled>, Vec<Unreadable>), Failure> {
    let contact_center = contact_center(settings, wish.contact_center)?;
    let folder = settings.mappings.join("sources").join(contact_center);
    let mut sheets = Vec::new();
    let mut problems = problems_of(settings, contact_center, &folder, wish.tables);
    for table in wish.tables {
        let file = folder.join(table.file_name());
        match Sheet::read(&file, table.columns()) {
            Ok(sheet) => sheets.push((*table, file, sheet)),
            Err(problem) if problems.is_empty() => problems.push(problem),
            Err(_) => {}
        }
    }
    let keys = match wish.agents.map(AgentKeys::read).transpose() {
        Ok(keys) => keys,
        Err(found) => {
            problems.extend(found);
            None
        }
    };
    if !problems.is_empty() {
        return Err(Failure::Configuration(problems));
    }
    let client = instance::client(settings)?;
    let list = wish.agents.zip(keys.as_ref());
    let (mut pulled, mut unread) = (Vec::new(), Vec::new());
    for (table, file, sheet) in sheets {
        match read(&client, settings, table, &sheet, list).await {
            Ok(compared) => pulled.push(done(table, file, &sheet, compared, wish)?),
            Err(why) => unread.push(why),
        }
    }
    Ok((pulled, unread))
}

async fn read(
    client: &Client,
    settings: &Settings,
    table: Table,
    sheet: &Sheet,
    list: Option<(&Path, &AgentKeys)>,
) -> Result<Compared, Unreadable> {
    let channels = &settings.servicenow.channels;
    match table {
        Table::Queues => queues::compared(client, channels, sheet).await,
        Table::Agents => agents::compared(client, list, sheet).await,
        Table::RejectReasons => reasons::compared(client, channels, sheet).await,
    }
}

#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
fn done(
    table: Table,
    file: PathBuf,
    sheet: &Sheet,
    compared: Compared,
    wish: &Wish<'_>,
) -> Result<Pulled, Failure> {
    let Compared { lines, unchanged, mut notes, some_hidden } = compared;
    let removes = wish.remove_gone && !some_hidden;
    if some_hidden {
        notes.push(
            "an access rule hides some rows from the integration user: what is gone cannot be told for sure, and no row \
             is removed"
                .to_owned(),
        );
    }
    let mut written = false;
    if wish.write {
        let (edits, added) = edits(sheet, &lines, removes);
        if !(edits.is_empty() && added.is_empty()) {
            write::replace(&file, &sheet.edited(&edits, &added)).map_err(|error| {
                Failure::Broken(format!("{} cannot be written: {error}", file.display()))
            })?;
            written = true;
        }
    }
    Ok(Pulled { table, file, lines, unchanged, notes, written })
}

/// The lines as changes of the text.
fn edits(
    sheet: &Sheet,
    lines: &[Line],
    removes: bool,
) -> (BTreeMap<usize, Edit>, Vec<Vec<String>>) {
    let place = |line: &Line| sheet.rows().iter().position(|row| Some(row.line) == line.line);
    let (mut edits, mut added) = (BTreeMap::new(), Vec::new());
    for line in lines {
        match line.found {
            Found::Added => added.push(line.row.clone()),
            Found::Changed => {
                edits.extend(place(line).map(|row| (row, Edit::Replace(line.row.clone()))));
            }
            Found::Gone if removes => edits.extend(place(line).map(|row| (row, Edit::Remove))),
            Found::Gone | Found::Unfit | Found::LeftOut => {}
        }
    }
    (edits, added)
}

/// What is wrong with the files of the tables that are asked for.
#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
fn problems_of(
    settings: &Settings,
    contact_center: &str,
    folder: &Path,
    tables: &[Table],
) -> Vec<Problem> {
    let found = mapping::load(&settings.mappings, contact_center, false).err().unwrap_or_default();
    let asked = |problem: &Problem| {
        tables.iter().any(|table| problem.file == folder.join(table.file_name()))
    };
    found.into_iter().filter(asked).collect()
}

/// The contact centre that is meant.
fn contact_center<'a>(settings: &'a Settings, named: Option<&str>) -> Result<&'a str, Failure> {
    let known = settings.contact_centers();
    let wrong = |text: String| Failure::Configuration(vec![of_config(settings, text)]);
    let list = || known.iter().copied().collect::<Vec<_>>().join(", ");
    match named {
        Some(named) => known.get(named).copied().ok_or_else(|| {
            wrong(format!("no source is of a contact centre `{named}`; there are: {}", list()))
        }),
        None => match known.iter().copied().collect::<Vec<_>>().as_slice() {
            [only] => Ok(*only),
            [] => Err(wrong("no source is configured, so there is no contact centre".to_owned())),
            _ => Err(wrong(format!(
                "there are several contact centres: name one by --contact-center: {}",
                list()
            ))),
        },
    }
}

/// The rows of all contact centres by what they lead to: the contact centre's name of it, and file and line.
#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
pub(super) fn rows_that_name(
    settings: &Settings,
    table: Table,
) -> BTreeMap<String, Vec<(String, String)>> {
    let mut rows: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for contact_center in settings.contact_centers() {
        let file = settings.mappings.join("sources").join(contact_center).join(table.file_name());
        let Ok(sheet) = Sheet::read(&file, table.columns()) else { continue };
        for row in sheet.rows() {
            let Some((target, key)) = row.cells.split_last() else { continue };
            let key: Vec<_> = key.iter().map(String::as_str).filter(|k| !k.is_empty()).collect();
            let place = format!("{}:{}", file.display(), row.line);
            rows.entry(target.clone()).or_default().push((key.join(" "), place));
        }
    }
    rows
}

fn ids(list: &[SysId]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
