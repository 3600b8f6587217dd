//! One thing that is wrong with what an operator has written: the file, the line where it is known, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

/// A mistake in a profile, a table or a setting; its text never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, empty where the mistake is not in a file of its own.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: Option<u64>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Problem {
    /// A mistake in a file as a whole.
    pub fn in_file(file: &Path, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, message: message.into() }
    }

    /// A mistake in one line of a file.
    pub fn at_line(file: &Path, line: u64, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: Some(line), message: message.into() }
    }

    /// A mistake that is in no file, or in one that only the caller knows.
    pub fn unplaced(message: impl Into<String>) -> Self {
        Self { file: PathBuf::new(), line: None, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_os_str().is_empty(), self.line) {
            (true, _) => f.write_str(&self.message),
            (false, None) => write!(f, "{}: {}", self.file.display(), self.message),
            (false, Some(line)) => write!(f, "{}:{line}: {}", self.file.display(), self.message),
        }
    }
}
