//! `tables pull`: a contact centre's tables beside ServiceNow's records.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::arguments::TablesCommand;
use super::{Exit, runtime, say};
use crate::app::Failure;
use crate::app::tables::{self, Found, Line, Pulled, Table, Wish};

pub(super) fn run(config: Option<&Path>, command: &TablesCommand) -> Exit {
    let TablesCommand::Pull { tables, contact_center, agents, write, remove_gone, json } = command;
    let settings = match super::load_settings(config) {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let asked: Vec<Table> = Table::ALL
        .into_iter()
        .filter(|table| tables.is_empty() || tables.iter().any(|name| name.table() == *table))
        .collect();
    let wish = Wish {
        tables: &asked,
        contact_center: contact_center.as_deref(),
        agents: agents.as_deref(),
        write: *write,
        remove_gone: *remove_gone,
    };
    let pulled = match runtime() {
        Ok(runtime) => runtime.block_on(tables::pull(&settings, &wish)),
        Err(exit) => return exit,
    };
    let (pulled, unread) = match pulled {
        Ok(pulled) => pulled,
        Err(failure @ Failure::Configuration(_)) => return Exit::Usage(failure.to_string()),
        Err(failure @ Failure::Broken(_)) => return Exit::Failed(failure.to_string()),
    };
    for pulled in &pulled {
        if *json { say_json(pulled) } else { say_text(pulled, &wish) }
    }
    if unread.is_empty() {
        return Exit::Done;
    }
    let why: Vec<_> = unread.iter().map(ToString::to_string).collect();
    Exit::Failed(why.join("\n"))
}

fn say_text(pulled: &Pulled, wish: &Wish<'_>) {
    say(&pulled.file.display().to_string());
    for line in &pulled.lines {
        say(&format!("  {}", text_of(line)));
    }
    for note in &pulled.notes {
        say(&format!("  note: {note}"));
    }
    let counted = |found, word| match pulled.count(found) {
        0 => None,
        count => Some(format!("{count} {word}")),
    };
    let mut counts: Vec<String> = [
        (Found::Added, "added"),
        (Found::Changed, "changed"),
        (Found::Gone, "gone"),
        (Found::Unfit, "unfit"),
        (Found::LeftOut, "left out"),
    ]
    .into_iter()
    .filter_map(|(found, word)| counted(found, word))
    .collect();
    counts.push(format!("{} unchanged", pulled.unchanged));
    let differs = pulled.count(Found::Added) + pulled.count(Found::Changed) > 0
        || (wish.remove_gone && pulled.count(Found::Gone) > 0);
    let end = match (pulled.written, differs) {
        (true, _) => "; written",
        (false, true) if !wish.write => "; nothing is written without --write",
        (false, _) => "",
    };
    say(&format!("  {}{end}\n", counts.join(", ")));
}

fn text_of(line: &Line) -> String {
    let word = match line.found {
        Found::Added => "add",
        Found::Changed => "change",
        Found::Gone => "gone",
        Found::Unfit => "unfit",
        Found::LeftOut => "left out",
    };
    let mut text = format!("{word:<8}  {}", line.row.join(","));
    if let Some(before) = &line.before {
        text += &format!(" (was {before})");
    }
    if let Some(number) = line.line {
        text += &format!("  line {number}");
    }
    if !line.detail.is_empty() {
        text += &format!(": {}", line.detail);
    }
    text
}

/// One line a difference, and one for the table.
fn say_json(pulled: &Pulled) {
    let columns = pulled.table.columns();
    for line in &pulled.lines {
        let cells = columns.iter().zip(&line.row);
        let row: Map<String, Value> =
            cells.map(|(column, cell)| ((*column).to_owned(), json!(cell))).collect();
        say(&json!({
            "table": pulled.table, "found": line.found, "line": line.line, "row": row,
            "before": line.before, "detail": line.detail,
        })
        .to_string());
    }
    say(&json!({
        "table": pulled.table, "file": pulled.file, "added": pulled.count(Found::Added),
        "changed": pulled.count(Found::Changed), "gone": pulled.count(Found::Gone),
        "unfit": pulled.count(Found::Unfit), "left_out": pulled.count(Found::LeftOut),
        "unchanged": pulled.unchanged, "notes": pulled.notes, "written": pulled.written,
    })
    .to_string());
}
