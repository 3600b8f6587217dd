//! The characters of a body, whatever encoding a server or a gateway wrote them in.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Reads a body by its byte order mark, else by the charset of its content type. JSON is UTF-8 whatever a header says
/// of single bytes; what is not UTF-8 and names nothing is taken for windows-1252.
pub(super) fn decoded<'a>(body: &'a [u8], content_type: &str) -> Cow<'a, str> {
    let named = label(content_type).and_then(|label| Encoding::for_label(label.as_bytes()));
    let wide = [UTF_16LE, UTF_16BE];
    let encoding = match (named, zeros(body)) {
        (None, Some(wide)) => wide,
        (Some(named), Some(seen)) if wide.contains(&named) => seen,
        // Single bytes under the name of a wide encoding.
        (Some(named), None) if wide.contains(&named) && std::str::from_utf8(body).is_ok() => UTF_8,
        (Some(named), _) if named != WINDOWS_1252 && named != UTF_8 => named,
        (Some(_) | None, _) if std::str::from_utf8(body).is_ok() => UTF_8,
        (Some(_) | None, _) => WINDOWS_1252,
    };
    // A byte order mark goes before all of it, and does not become a character.
    encoding.decode(body).0
}

/// Which half of the first character is zero, as in UTF-16 of whatever starts with an ASCII character.
fn zeros(body: &[u8]) -> Option<&'static Encoding> {
    match body {
        [0, first, ..] if *first != 0 => Some(UTF_16BE),
        [first, 0, ..] if *first != 0 => Some(UTF_16LE),
        _ => None,
    }
}

/// The charset that a content type names.
fn label(content_type: &str) -> Option<&str> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|part| part.split_once('='));
    let (_, label) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(label.trim().trim_matches(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "{\"m\":\"nicht verfügbar\"}";

    fn utf16(mark: &[u8], unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        mark.iter().copied().chain(WORDS.encode_utf16().flat_map(unit)).collect()
    }

    #[test]
    fn a_body_is_read_by_its_charset() {
        let latin: Vec<u8> = WORDS.chars().map(|char| char as u8).collect();
        let marked: Vec<u8> = [b"\xef\xbb\xbf".as_slice(), WORDS.as_bytes()].concat();
        for (body, content_type) in [
            (WORDS.as_bytes().to_vec(), "application/json"),
            (WORDS.as_bytes().to_vec(), "application/json;charset=utf-8"),
            (WORDS.as_bytes().to_vec(), "application/json; charset=iso-8859-1"),
            (marked, "application/json"),
            (latin.clone(), "application/json; charset=ISO-8859-1"),
            (latin.clone(), "application/json; x=y; Charset=\"windows-1252\""),
            (latin.clone(), "application/json; charset=nothing-known"),
            (latin.clone(), "application/json; charset=utf-8"),
            (latin, "application/json"),
            (utf16(b"", u16::to_le_bytes), "application/json; charset=utf-16"),
            (utf16(b"", u16::to_be_bytes), "application/json; charset=utf-16"),
            (utf16(b"", u16::to_be_bytes), "application/json; charset=utf-16be"),
            (utf16(b"\xff\xfe", u16::to_le_bytes), "application/json"),
            (utf16(b"\xfe\xff", u16::to_be_bytes), "application/json; charset=utf-16"),
        ] {
            assert_eq!(decoded(&body, content_type), WORDS, "{content_type} {body:?}");
        }
        assert_eq!(decoded(b"", "text/html; charset=utf-16"), "");
    }
}
