//! One table as its text: rows are added, changed and removed, and everything else stays as somebody wrote it.
//!
//! It reads no table that [`super::load`] would refuse; whoever edits one has it checked first.

#![expect(
    clippy::disallowed_methods,
    reason = "read by commands, which have the process to themselves"
)]

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;

use csv::WriterBuilder;

use super::rows::Rows;
use crate::problem::Problem;
use crate::text_file::{self, LARGEST, Unread, without_mark};

/// A table's text and where its rows are in it.
#[derive(Debug, Clone)]
pub(crate) struct Sheet {
    text: Vec<u8>,
    /// What a line ends with.
    ending: &'static str,
    /// Where each of the table's columns is in the file.
    places: Vec<usize>,
    rows: Vec<Row>,
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Counted from 1.
    pub(crate) line: u64,
    /// In the order of the table's columns, without blanks around.
    pub(crate) cells: Vec<String>,
    /// Its bytes, without the end of the line.
    span: Range<usize>,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Its cells, in the order of the table's columns.
    Replace(Vec<String>),
    Remove,
}

impl Sheet {
    /// Reads the table; where the file is missing, an empty one with a header.
    ///
    /// # Errors
    /// The file cannot be read, or is no table with these columns.
    pub(crate) fn read(file: &Path, columns: &[&str]) -> Result<Self, Problem> {
        match text_file::read_bytes(file, LARGEST) {
            Ok(text) => Self::parse(text, columns)
                .ok_or_else(|| Problem::in_file(file, "is not a table that can be edited")),
            Err(Unread::Io(error)) if error.kind() == ErrorKind::NotFound => {
                let text = format!("{}\n", columns.join(",")).into_bytes();
                let places = (0..columns.len()).collect();
                Ok(Self { text, ending: "\n", places, rows: Vec::new() })
            }
            Err(unread) => Err(Problem::in_file(file, unread.to_string())),
        }
    }

    fn parse(text: Vec<u8>, columns: &[&str]) -> Option<Self> {
        let body = without_mark(&text);
        let mark = text.len() - body.len();
        let mut found = Rows::of(body);
        let header = found.next()?.cells.ok()?;
        let place = |column: &&str| header.iter().position(|name| name.trim() == *column);
        let places: Vec<usize> = columns.iter().map(place).collect::<Option<_>>()?;
        let mut rows = Vec::new();
        for row in found {
            let record = row.cells.ok()?;
            let cell = |place: &usize| record.get(*place).map(|cell| cell.trim().to_owned());
            rows.push(Row {
                line: row.line,
                cells: places.iter().map(cell).collect::<Option<_>>()?,
                span: row.span.start + mark..row.span.end + mark,
            });
        }
        let first = body.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let ending = if first.ends_with(b"\r\n") { "\r\n" } else { "\n" };
        Some(Self { ending, places, rows, text })
    }

    /// The rows as they are.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The text with these rows changed, by their place among the rows, and others added at its end.
    pub(crate) fn edited(&self, edits: &BTreeMap<usize, Edit>, added: &[Vec<String>]) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.text.len());
        let mut copied = 0;
        for (number, edit) in edits {
            let Some(row) = self.rows.get(*number) else { continue };
            text.extend_from_slice(&self.text[copied..row.span.start]);
            match edit {
                Edit::Replace(cells) => {
                    text.extend_from_slice(self.written(cells).as_bytes());
                    copied = row.span.end;
                }
                Edit::Remove => {
                    let rest = &self.text[row.span.end..];
                    let line = rest.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
                    copied = row.span.end + line.unwrap_or(rest.len());
                }
            }
        }
        text.extend_from_slice(&self.text[copied..]);
        if !added.is_empty() && !text.is_empty() && !text.ends_with(b"\n") {
            text.extend_from_slice(self.ending.as_bytes());
        }
        for cells in added {
            text.extend_from_slice(self.written(cells).as_bytes());
            text.extend_from_slice(self.ending.as_bytes());
        }
        text
    }

    /// A row as it stands in the file, without the end of the line.
    fn written(&self, cells: &[String]) -> String {
        let mut ordered = vec![""; self.places.len()];
        for (cell, place) in cells.iter().zip(&self.places) {
            ordered[*place] = cell;
        }
        let mut writer = WriterBuilder::new().comment(Some(b'#')).from_writer(Vec::new());
        let written = writer.write_record(&ordered).ok().and_then(|()| writer.into_inner().ok());
        let line = String::from_utf8(written.unwrap_or_default()).unwrap_or_default();
        line.trim_end_matches('\n').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 2] = ["agent", "sys_id"];

    fn cells(cells: [&str; 2]) -> Vec<String> {
        cells.map(str::to_owned).to_vec()
    }

    #[test]
    fn what_is_not_edited_stays_byte_for_byte() {
        let text = "\u{feff}# ours\r\n\r\nsys_id,agent\r\n1, anna \r\n# two\r\n\"2\",\"b,\r\nela\"\r\n\r\n3,carl # no comment";
        let sheet = Sheet::parse(text.into(), &COLUMNS).unwrap();
        let rows: Vec<_> = sheet.rows().iter().map(|row| (row.line, row.cells.clone())).collect();
        let wanted = [
            (4, cells(["anna", "1"])),
            (6, cells(["b,\r\nela", "2"])),
            (9, cells(["carl # no comment", "3"])),
        ];
        assert_eq!(rows, wanted);
        assert_eq!(sheet.edited(&BTreeMap::new(), &[]), text.as_bytes());
        let edits = [(0, Edit::Replace(cells(["anna", "9"]))), (1, Edit::Remove)];
        let edited = sheet.edited(&edits.into(), &[cells(["#d", "4"]), cells(["e,f", "5"])]);
        assert_eq!(
            String::from_utf8(edited).unwrap(),
            "\u{feff}# ours\r\n\r\nsys_id,agent\r\n9,anna\r\n# two\r\n\r\n3,carl # no comment\r\n4,\"#d\"\r\n5,\"e,f\"\r\n"
        );
    }

    #[test]
    fn a_key_that_begins_like_a_comment_is_written_so_that_it_is_read_again() {
        let sheet = Sheet::parse(b"agent,sys_id\n".to_vec(), &COLUMNS).unwrap();
        let edited = sheet.edited(&BTreeMap::new(), &[cells(["#1", "a"]), cells(["q\"", "b"])]);
        let again = Sheet::parse(edited, &COLUMNS).unwrap();
        let read: Vec<_> = again.rows().iter().map(|row| row.cells.clone()).collect();
        assert_eq!(read, [cells(["#1", "a"]), cells(["q\"", "b"])]);
    }

    #[test]
    fn without_a_file_the_table_is_a_header() {
        let folder = tempfile::tempdir().unwrap();
        let sheet = Sheet::read(&folder.path().join("agents.csv"), &COLUMNS).unwrap();
        assert_eq!(sheet.edited(&BTreeMap::new(), &[cells(["a", "b"])]), b"agent,sys_id\na,b\n");
    }
}
