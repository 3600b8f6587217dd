//! Target `tables`: any bytes as the three CSV tables of a contact centre.

use std::fs;
use std::path::Path;

use super::difference::Difference;
use super::{diff, load};
use crate::text_file;

const TABLES: [&str; 3] = ["queues.csv", "agents.csv", "reject_reasons.csv"];

/// The tables one after the other, with a line `---` between them.
pub fn tables(data: &[u8]) {
    thread_local! {
        static DIRECTORY: tempfile::TempDir = tempfile::tempdir().expect("a temporary directory");
    }
    DIRECTORY.with(|directory| written(directory.path(), data));
}

fn written(directory: &Path, data: &[u8]) {
    let folder = directory.join("sources/fuzz");
    fs::create_dir_all(&folder).expect("a folder for the tables");
    let mut rest = data;
    for table in TABLES {
        let end = rest.windows(5).position(|line| line == b"\n---\n");
        let (this, next) = end.map_or((rest, &[][..]), |end| (&rest[..=end], &rest[end + 5..]));
        fs::write(folder.join(table), this).expect("a table is written");
        rest = next;
    }
    let lines = 1 + data.iter().filter(|byte| **byte == b'\n').count();
    match load(directory, "fuzz", false) {
        Ok(loaded) => {
            let same = diff(&loaded, &load(directory, "fuzz", false).expect("as before"));
            assert_eq!(same, Difference::default(), "a table differs from itself");
            assert!(loaded.agents().count() + loaded.reasons().count() <= lines);
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                let reported = problem.to_string();
                assert!(TABLES.iter().any(|table| reported.contains(table)), "{reported}");
                assert!(problem.line.is_none_or(|line| line <= lines as u64 + 1), "{reported}");
                // A file in the wrong encoding is wrong as a whole.
                let whole = reported.ends_with(&text_file::Unread::Utf16.to_string());
                assert!(problem.line.is_some() || whole, "{reported}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_tables_are_taken_or_told_what_is_wrong_with_them_and_where() {
        crate::fuzzing::replay("tables", 2_000, super::tables);
    }
}
