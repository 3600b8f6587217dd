//! Text of others is bounded, and nothing in it changes how the text around it is shown.

use super::*;
use crate::routing::text::MAX_CHARS;

#[test]
fn any_text_is_taken_cut_with_a_mark_and_without_hidden_characters() {
    let shown = |text: &str| ForeignText::of(text).to_string();
    assert_eq!(shown("busy, \"really\" 忙 🙂"), "busy, \"really\" 忙 🙂");
    assert_eq!(
        shown("a\u{1b}]0;x\u{7}\r\n\u{9b}\u{202e}\u{2028}b"),
        "a\u{fffd}]0;x\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}b"
    );
    assert_eq!(shown(&"ä".repeat(MAX_CHARS)), "ä".repeat(MAX_CHARS));
    let long = shown(&"ä".repeat(200_000));
    assert_eq!(long, "ä".repeat(MAX_CHARS - 1) + "…");
    assert_eq!(shown(&long), long, "once is enough");
}

#[test]
fn what_is_shown_escapes_as_json_does_and_leaves_all_else_alone() {
    let json = serde_json::json!({ "a": "x\u{202e}y\u{9b}\u{7f}" }).to_string();
    let shown = visible(&json);
    assert_eq!(shown, "{\"a\":\"x\\u202ey\\u009b\\u007f\"}");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&shown).unwrap()["a"],
        "x\u{202e}y\u{9b}\u{7f}"
    );
    assert_eq!(visible("a\tb\nc\r\u{1b}"), "a\tb\nc\\u000d\\u001b");
    assert_eq!(visible_line("a\tb\nc"), "a\\tb\\nc");
}

#[test]
fn no_id_holds_a_mark_of_direction() {
    assert_eq!(EventId::parse("a\u{85}b"), Err(IdError::Control));
    for hidden in ['\u{200f}', '\u{202e}', '\u{2066}', '\u{2028}', '\u{61c}'] {
        assert_eq!(EventId::parse(&format!("a{hidden}b")), Err(IdError::Direction), "{hidden:?}");
    }
    assert!(EventId::parse("e-1 é/忙").is_ok());
}
