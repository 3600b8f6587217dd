mod signed;

use serde_json::json;

use super::super::fixture::{profile, request, spec};
use super::*;

const TOML: &str = "[request]\ndecode = \"json\"\n[options]\nchannel = \"\"\ntimeout_seconds = 0\n";

fn build(options: Value) -> Result<Source, Vec<Problem>> {
    let Value::Object(options) = options else { panic!() };
    let profile = profile(TOML, "{ignore: ($options | tojson)}").unwrap();
    Source::build(profile, SourceSpec { options, loopback: true, ..spec(&[]) })
}

#[test]
fn a_sources_options_go_over_the_profiles() {
    let source = build(json!({ "timeout_seconds": 20 })).unwrap();
    let Reading::Ignored { why, .. } = &source.read(&request(&[], "{}")).unwrap()[0] else {
        panic!()
    };
    assert_eq!(why.replace("\\\"", "\""), r#"{"channel":"","timeout_seconds":20}"#);
}

#[test]
fn unknown_options_and_other_types_are_told_with_the_sources_name() {
    let problems = build(json!({ "chanel": "voice", "timeout_seconds": "20" })).unwrap_err();
    let reported: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        reported,
        [
            "sources.demo.options.chanel: is none of test's options: channel, hand_over, rings, timeout_seconds",
            "sources.demo.options.timeout_seconds: is a string, but has to be a number",
        ]
    );
}

#[test]
fn a_body_in_another_language_is_refused_before_it_is_read() {
    let source = build(json!({})).unwrap();
    let form = request(&[("content-type", "application/x-www-form-urlencoded")], "{}");
    assert_eq!(source.read(&form), Err(Malformed::ContentType));
    assert!(matches!(source.read(&request(&[], "{")), Err(Malformed::Syntax(_))));
}

#[test]
fn debug_output_shows_neither_secrets_nor_bodies() {
    let profile = profile("[request]\ndecode = \"json\"", ".").unwrap();
    let verify = Some(json!({ "scheme": "bearer" }));
    let source = Source::build(profile, SourceSpec { verify, ..spec(&["s3cret"]) }).unwrap();
    let request = request(&[("authorization", "Bearer s3cret")], "+4915112345678");
    let shown = format!("{source:?} {request:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("4915"), "{shown}");
}
