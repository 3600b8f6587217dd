//! JSON with lossless integers and limited nesting, and the looks into its tree.

use jaq_json::Val;
use serde::de::IgnoredAny;

use super::Malformed;

/// How deep arrays and objects may be nested.
const MAX_DEPTH: usize = 128;

/// How many digits may follow each other in a number: to read one takes the square of its length.
const MAX_DIGITS: usize = 1_000;

/// Reads exactly one JSON value; a byte order mark is passed over.
pub(in super::super) fn parse(bytes: &[u8]) -> Result<Val, Malformed> {
    let syntax = |what: &str| Malformed::Syntax(format!("JSON: {what}"));
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| syntax("it is not UTF-8"))?;
    let (depth, digits) = depth_and_digits(bytes);
    if depth > MAX_DEPTH {
        return Err(syntax("it is nested too deeply"));
    }
    if digits > MAX_DIGITS {
        return Err(syntax("a number is too long"));
    }
    // jaq reads more than JSON (comments, NaN, byte strings), so serde_json has to agree first.
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
        syntax(&format!("it breaks off or breaks the rules at {}:{}", error.line(), error.column()))
    })?;
    jaq_json::read::parse_single(bytes)
        .or_else(|_| jaq_json::read::parse_single(repaired(text).as_bytes()))
        .map_err(|_| syntax("a character is not written as it should be"))
}

/// How deep the brackets outside of strings are nested, and how many digits follow each other there at most.
fn depth_and_digits(bytes: &[u8]) -> (usize, usize) {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    let (mut digits, mut longest) = (0_usize, 0);
    for byte in bytes {
        digits = if !in_string && byte.is_ascii_digit() { digits + 1 } else { 0 };
        longest = longest.max(digits);
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            (true | false, _) => {}
        }
    }
    (deepest, longest)
}

/// Puts U+FFFD where half of a surrogate pair is escaped: senders cut texts in the middle of an emoji.
fn repaired(text: &str) -> String {
    let unit = |at: &str| {
        at.strip_prefix("\\u").and_then(|hex| u16::from_str_radix(hex.get(..4)?, 16).ok())
    };
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let taken = match unit(escape) {
            Some(0xD800..=0xDBFF) => match escape.get(6..).and_then(unit) {
                Some(0xDC00..=0xDFFF) => 12,
                Some(_) | None => 0,
            },
            Some(0xDC00..=0xDFFF) => 0,
            Some(_) => 6,
            None => escape.char_indices().nth(2).map_or(escape.len(), |(end, _)| end),
        };
        if taken == 0 {
            out.push('\u{FFFD}');
            rest = &escape[6..];
        } else {
            out.push_str(&escape[..taken]);
            rest = &escape[taken..];
        }
    }
    out.push_str(rest);
    out
}

/// The value at a JSON pointer (RFC 6901); the empty pointer is the value itself.
pub(in super::super) fn pointer<'a>(value: &'a Val, pointer: &str) -> Option<&'a Val> {
    let mut at = value;
    if pointer.is_empty() {
        return Some(at);
    }
    for token in pointer.strip_prefix('/')?.split('/') {
        let token = token.replace("~1", "/").replace("~0", "~");
        at = match at {
            Val::Obj(fields) => fields.get(&super::string_val(&token))?,
            Val::Arr(elements) => elements.get(token.parse::<usize>().ok()?)?,
            Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) => return None,
        };
    }
    Some(at)
}

/// A string as it is, a number digit for digit; nothing else.
pub(in super::super) fn string_of(value: &Val) -> Option<String> {
    match value {
        Val::TStr(text) => Some(String::from_utf8_lossy(text).into_owned()),
        Val::Num(number) => Some(number.to_string()),
        Val::Null | Val::Bool(_) | Val::BStr(_) | Val::Arr(_) | Val::Obj(_) => None,
    }
}
