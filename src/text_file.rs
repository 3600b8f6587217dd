//! Text files that people write, all read in one way: UTF-8 of a bounded size, without the mark that some editors put
//! first.
//!
//! It knows nothing of what a file says.

#![expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The byte order mark that some editors put before UTF-8.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// What UTF-16 begins with, in either order.
const UTF_16: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

/// The largest profile, sample, certificate or table that is read, in bytes.
pub(crate) const LARGEST: u64 = 268_435_456;

/// Why there is no text. Its words go on after the name of the file.
#[derive(Debug)]
pub(crate) enum Unread {
    Io(io::Error),
    /// It has more bytes than this.
    Larger(u64),
    NotUtf8,
    Utf16,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::Larger(most) => write!(f, "is larger than {most} bytes; is it the right file?"),
            Self::NotUtf8 => f.write_str("is not UTF-8"),
            Self::Utf16 => f.write_str("is UTF-16, not UTF-8; save it as UTF-8"),
        }
    }
}

impl std::error::Error for Unread {}

/// The bytes of a file of at most so many, which is a file and no pipe or device: those may have no end.
///
/// # Errors
/// See [`Unread`].
pub(crate) fn read_bytes(path: &Path, most: u64) -> Result<Vec<u8>, Unread> {
    // A pipe that nobody writes to would not even open.
    if !path.metadata().map_err(Unread::Io)?.is_file() {
        return Err(Unread::Io(io::Error::other("it is a folder, a pipe or a device, not a file")));
    }
    bytes(path, most)
}

/// The text of a file of at most so many bytes, without a byte order mark.
///
/// # Errors
/// See [`Unread`].
pub(crate) fn read(path: &Path, most: u64) -> Result<String, Unread> {
    let mut bytes = bytes(path, most)?;
    bytes.drain(..bytes.len() - without_mark(&bytes).len());
    String::from_utf8(bytes).map_err(|_| Unread::NotUtf8)
}

fn bytes(path: &Path, most: u64) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Unread::Io)?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(Unread::Io)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > most) {
        return Err(Unread::Larger(most));
    }
    if UTF_16.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(Unread::Utf16);
    }
    Ok(bytes)
}

/// Bytes without the byte order mark that they may begin with.
#[must_use]
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mark_is_cut_off_and_everything_else_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("text");
        for (bytes, text) in [
            (&b"\xEF\xBB\xBFa\n"[..], "a\n"),
            (b"a \r\nb", "a \r\nb"),
            (b"\xEF\xBB\xBF\xEF\xBB\xBFa", "\u{feff}a"),
            (b"", ""),
        ] {
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(read(&file, 100).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_text_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("text");
        assert!(matches!(read(&file, 3), Err(Unread::Io(_))));
        for (bytes, reported) in [
            (&b"\xFF\xFEa\0"[..], "is UTF-16, not UTF-8; save it as UTF-8"),
            (b"\xE4", "is not UTF-8"),
            (b"12345", "is larger than 4 bytes; is it the right file?"),
        ] {
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(read(&file, 4).unwrap_err().to_string(), reported);
        }
    }
}
