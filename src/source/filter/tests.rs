use super::super::decode::parse_json;
use super::super::fixture::{open_source, request};
use super::*;
use serde_json::{Value, json};

fn run(code: &str, input: Value) -> Vec<Result<String, String>> {
    let filter = Filter::compile(Path::new("events.jq"), code).unwrap();
    let empty = || parse_json(b"{}").unwrap();
    let options = json!({"document_attribute": "doc", "timeout_seconds": 20, "channel": ""});
    let bindings = Bindings {
        headers: empty(),
        query: empty(),
        options: serde_json::from_value(options).unwrap(),
        received_at: Val::from("2026-11-21T17:00:00.000Z".to_owned()),
    };
    let input = parse_json(input.to_string().as_bytes()).unwrap();
    let outputs = filter.run(&input, &bindings);
    outputs.into_iter().map(|output| output.map(|value| value.to_string())).collect()
}

fn value(code: &str, input: Value) -> String {
    let outputs = run(code, input);
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    outputs.into_iter().next().unwrap().unwrap()
}

fn error(code: &str, input: Value) -> String {
    let outputs = run(code, input);
    outputs.into_iter().find_map(Result::err).unwrap()
}

#[test]
fn a_compiled_filter_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Filter>();
    shared::<super::super::Source>();
}

#[test]
fn mistakes_in_a_filter_are_told_with_their_line() {
    let reported = |code| {
        let problems = Filter::compile(Path::new("events.jq"), code).err().unwrap();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        reported(".a\n| nosuch\n| $nothing"),
        [
            "events.jq:2: `nosuch` is not a filter that a profile can use",
            "events.jq:3: `$nothing` is not a variable that a profile can use"
        ]
    );
    assert!(
        reported(".a\n| (.b")[0].starts_with("events.jq:2: expected"),
        "{:?}",
        reported(".a\n| (.b")
    );
    assert!(reported(".a\n|\n| .b")[0].starts_with("events.jq:3: expected"));
    assert!(reported("import \"x\" as x; .")[0].contains("cannot import"));
    assert!(reported("$ENV")[0].contains("$ENV"));
    assert!(reported("input")[0].contains("`input`"));
}

#[test]
fn the_bound_variables_are_there() {
    let source = open_source(
        r#"{ignore: "\($headers["x-a"]) \($query.q) \($options | length) \($received_at)"}"#,
    );
    let mut request = request(&[("X-A", "h")], "{}");
    request.path_and_query = "/webhooks/demo?q=a%20b".to_owned();
    let readings = source.read(&request).unwrap();
    let why = "h a b 0 2026-11-21T17:00:00.000Z".to_owned();
    assert_eq!(readings, [super::super::Reading::Ignored { id: None, why }]);
}

#[test]
fn one_part_that_fails_leaves_the_others() {
    let outputs = run(".[] | tonumber", json!(["1", "x", "3"]));
    assert_eq!(outputs.len(), 3);
    assert!(outputs[0].is_ok() && outputs[1].is_err() && outputs[2].is_ok());
}

#[test]
fn a_filter_that_explodes_is_stopped() {
    let outputs = run("def again: 1, again; again", json!(null));
    assert_eq!(outputs.len(), MAX_OUTPUTS + 1);
    assert_eq!(outputs[MAX_OUTPUTS], Err("the filter yields more than 1000 values".to_owned()));
    let errors = run("def again: error(\"x\"), again; again", json!(null));
    assert_eq!(errors.len(), HOPELESS + 1);
}

#[test]
fn the_loops_of_jq_that_may_never_end_are_not_there() {
    for code in ["repeat(1)", "[.] | while(true; .)", "until(false; .)", "[[1]] | combinations"] {
        let problems = Filter::compile(Path::new("events.jq"), code).err().unwrap();
        assert!(problems[0].to_string().contains("is not a filter"), "{}", problems[0]);
    }
    assert_eq!(value("[limit(3; range(9))] | [..] | length", json!(null)), "4");
}

#[test]
fn keys_are_lowered_at_every_depth_and_one_of_several_is_found() {
    let input = json!({"A": [{"Bc": "Bc"}], "D": 1, "d": 2});
    assert_eq!(value("lower_keys", input), r#"{"a":[{"bc":"Bc"}],"d":2}"#);
    assert_eq!(value(r#"[.[] | IN("a", "b")]"#, json!(["a", "c"])), "[true,false]");
}

#[test]
fn a_filter_cannot_leave_its_cage() {
    for code in ["env", "now", "halt", "halt_error", "1 | localtime", "1 | strflocaltime(\"%Y\")"] {
        let problems = Filter::compile(Path::new("events.jq"), code).err().unwrap();
        assert!(problems[0].to_string().contains("is not a filter"), "{}", problems[0]);
    }
    assert_eq!(run("debug, stderr", json!(1)), [Ok("1".to_owned()), Ok("1".to_owned())]);
    let bomb = "[".repeat(100_000);
    assert!(error(".text | fromjson", json!({"text": bomb})).contains("a text is not JSON"));
}

#[test]
fn an_error_does_not_tell_the_senders_value() {
    let caller = json!({"caller": "+4915112345678", "name": "Erika Mustermann"});
    for code in [
        ".caller | .x",
        ".caller | .[0]",
        ". + 1",
        ".name | tonumber",
        "tonumber",
        ".caller | fromjson",
        "error(\"no queue for \\(.caller)\")",
        ".caller | strptime(\"%Y\")",
        "path(1)",
    ] {
        let reported = error(code, caller.clone());
        assert!(
            !reported.contains("15112345678") && !reported.contains("Mustermann"),
            "{code}: {reported}"
        );
        assert!(reported.starts_with("the filter "), "{code}: {reported}");
    }
    assert_eq!(error("error(\"no queue\")", caller), "the filter says: no queue");
}

#[test]
fn the_prelude_does_what_it_says() {
    assert_eq!(value("[.[] | text]", json!(["a", "", 7, null, {}])), r#"["a",null,"7",null,null]"#);
    assert_eq!(value("last_segment", json!("arn:x:instance/i/agent/a-1")), r#""a-1""#);
    assert_eq!(value("last_segment", json!(null)), "null");
    assert_eq!(
        value("document", json!({"doc": "incident:1a"})),
        r#"{"table":"incident","sys_id":"1a"}"#
    );
    assert_eq!(value("document", json!({"doc": "1a"})), r#"{"table":"interaction","sys_id":"1a"}"#);
    assert_eq!(value("document", json!({"other": "1a"})), "null");
    assert_eq!(value("document", json!("text")), "null");
    assert_eq!(value("time_or_null", json!("1970-01-01T00:00:00.001Z")), "null");
    assert_eq!(
        value("[.[] | from_epoch_s]", json!([1_795_280_400, "1795280400"])),
        r#"["2026-11-21T17:00:00.000Z","2026-11-21T17:00:00.000Z"]"#
    );
    assert_eq!(value("from_epoch_ms", json!("1795280400123")), r#""2026-11-21T17:00:00.123Z""#);
    assert_eq!(value("from_epoch_ms", json!("soon")), "null");
    let odd = json!(["inf", "nan", "soon", null, {}, "9999999999999999999"]);
    assert_eq!(value("[.[] | from_epoch_s | type] | unique", odd), r#"["null"]"#);
    assert_eq!(value("from_epoch_s", json!(1_795_280_400.5)), r#""2026-11-21T17:00:00.500Z""#);
    assert_eq!(value("from_epoch_ms | type", json!(i64::MAX)), r#""string""#);
    assert_eq!(value("ring_seconds", json!(null)), "20");
    assert_eq!(value("channel", json!("VOICE")), r#""voice""#);
    assert_eq!(value("channel", json!(null)), "null");
    assert_eq!(value("lower_keys", json!({"A": [{"B": "C"}]})), r#"{"a":[{"b":"C"}]}"#);
}

mod hostile;

#[test]
fn a_run_whose_first_values_are_all_errors_ends() {
    let errors = run("range(900) | error", json!(null));
    assert_eq!(errors.len(), 51);
    assert_eq!(
        errors[50].as_ref().unwrap_err(),
        "the first 50 values are errors; no more is asked for"
    );
    assert_eq!(run("1, (range(60) | error)", json!(null)).len(), 61);
}
