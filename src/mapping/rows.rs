//! The rows of a CSV file, as every table is read: where each row is, its cells, and whether it is written as CSV is.

use std::ops::Range;
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder, StringRecord};

use crate::problem::Problem;

/// How many mistakes of one file are told one by one.
const MOST_TOLD: usize = 20;

/// The rows of a text, the header among them; without comments and empty lines.
pub(super) struct Rows<'b> {
    body: &'b [u8],
    reader: Reader<&'b [u8]>,
    record: ByteRecord,
    /// A place in the text, and the line that it is in.
    counted: (usize, u64),
}

/// One row.
pub(super) struct Row {
    /// Counted from 1.
    pub(super) line: u64,
    /// Its bytes, without the end of the line.
    pub(super) span: Range<usize>,
    /// Its cells, or what is wrong with the row as a whole.
    pub(super) cells: Result<StringRecord, &'static str>,
}

impl<'b> Rows<'b> {
    /// The rows of a text without a byte order mark.
    pub(super) fn of(body: &'b [u8]) -> Self {
        let mut builder = ReaderBuilder::new();
        let reader =
            builder.comment(Some(b'#')).flexible(true).has_headers(false).from_reader(body);
        Self { body, reader, record: ByteRecord::new(), counted: (0, 1) }
    }

    fn line_at(&mut self, place: usize) -> u64 {
        let (from, line) = self.counted;
        let between = self.body.get(from..place).unwrap_or_default();
        let breaks = between.iter().filter(|byte| **byte == b'\n').count();
        self.counted = (place.max(from), line + breaks as u64);
        self.counted.1
    }
}

impl Iterator for Rows<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        // What is in memory can be read, and rows of any length are taken.
        if !self.reader.read_byte_record(&mut self.record).unwrap_or(false) {
            return None;
        }
        let place = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(self.body.len());
        let to = place(self.reader.position().byte());
        let from = place(self.record.position().map_or(0, csv::Position::byte)).min(to);
        let from = after_comments(self.body, from, to);
        let is_kept = |byte: &u8| !matches!(byte, b'\r' | b'\n');
        let length = self.body[from..to].iter().rposition(is_kept).map_or(0, |last| last + 1);
        let span = from..from + length;
        let cells = match ill_quoted(&self.body[span.clone()]) {
            Some(problem) => Err(problem),
            None => StringRecord::from_byte_record(self.record.clone()).map_err(|_| "is not UTF-8"),
        };
        Some(Row { line: self.line_at(from), span, cells })
    }
}

/// Where the first line is that is neither a comment nor empty; csv's own position lies before those.
fn after_comments(body: &[u8], from: usize, to: usize) -> usize {
    let mut at = from;
    for line in body[from..to].split_inclusive(|byte| *byte == b'\n') {
        if !line.starts_with(b"#") && !line.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            break;
        }
        at += line.len();
    }
    at
}

/// What is wrong with the quotes of a row. csv takes them all.
fn ill_quoted(row: &[u8]) -> Option<&'static str> {
    #[derive(Clone, Copy, PartialEq)]
    enum At {
        /// The begin of a cell.
        Begin,
        Plain,
        Quoted,
        /// Behind a quote within quotes: it closes, or is the first of two.
        Quote,
        /// In the blanks behind a closing quote.
        Closed,
    }
    let mut at = At::Begin;
    for byte in row {
        at = match (at, byte) {
            (At::Quoted, b'"') => At::Quote,
            (At::Quoted, _) | (At::Begin | At::Quote, b'"') => At::Quoted,
            (_, b',') => At::Begin,
            (At::Quote | At::Closed, b' ' | b'\t' | b'\r') => At::Closed,
            (At::Quote | At::Closed, _) => {
                return Some(
                    "has text behind a closing quote; write a quote within quotes twice (\"\")",
                );
            }
            (At::Begin | At::Plain, _) => At::Plain,
        };
    }
    (at == At::Quoted)
        .then_some("has a quote that nothing closes; close it, or write it twice (\"\")")
}

/// The mistakes of one file: the first of them, and how many more there are.
pub(super) struct Mistakes {
    file: PathBuf,
    told: Vec<Problem>,
    /// How many are not told, and the line of the first of them.
    more: Option<(u64, u64)>,
}

impl Mistakes {
    pub(super) fn of(file: &Path) -> Self {
        Self { file: file.to_owned(), told: Vec::new(), more: None }
    }

    pub(super) fn add(&mut self, line: u64, message: impl Into<String>) {
        if self.told.len() < MOST_TOLD {
            self.told.push(Problem::at_line(&self.file, line, message));
        } else {
            self.more = self.more.map_or(Some((1, line)), |(more, first)| Some((more + 1, first)));
        }
    }

    /// A line for each, and one for all that are too many.
    pub(super) fn into_vec(mut self) -> Vec<Problem> {
        if let Some((more, line)) = self.more {
            let message = format!("… and {more} more from here on");
            self.told.push(Problem::at_line(&self.file, line, message));
        }
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_their_lines_and_no_row_is_taken_that_is_not_written_as_csv() {
        let text = b"a,b\r\n# c\r\n\r\n\"x\"\"y\" ,\"1\n2\"\n\n\"x\"tail,1\n,\xff\n   \n# d\nq\"r,s\n*,\"open\nz,1\n";
        let rows = Rows::of(text).map(|row| match row.cells {
            Ok(cells) => format!("{}: {}", row.line, cells.iter().collect::<Vec<_>>().join("|")),
            Err(problem) => format!("{}: {}", row.line, &problem[..12]),
        });
        assert_eq!(
            rows.collect::<Vec<_>>(),
            [
                "1: a|b",
                "4: x\"y |1\n2",
                "7: has text beh",
                "8: is not UTF-8",
                "9:    ",
                "11: q\"r|s",
                "12: has a quote ",
            ]
        );
    }
}
