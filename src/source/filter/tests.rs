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

mod dialect;
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

#[test]
fn what_can_never_work_is_refused_with_its_line() {
    let told = |code: &str| {
        let problems = Filter::compile(Path::new("events.jq"), code).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let cases = [
        ("test(\"^\\\\p{L}$\")", "`test` can never work with `^\\p{L}$`"),
        ("{a: [.b | match(\"(\"; \"g\")]}", "`match` can never work with `(`"),
        ("if .a then . as {b: $x} | capture(\"[\") else . end", "`capture` can never work"),
        ("def f: scan(\"a{2,1}\"); f", "`scan` can never work"),
        ("sub(\"*\"; \"x\")", "`sub` can never work"),
        ("gsub(\"a\"; \"b\"; \"q\")", "`gsub` can never work with `a`"),
        ("split(\"(\"; null)", "`split` can never work"),
        ("[splits(\"\\\\\")]", "`splits` can never work"),
        ("reduce .[] as $x (0; test(\"(\"))", "`test` can never work"),
        ("try test(\"(\") catch .", "`test` can never work"),
        (".a[test(\"(\")]", "`test` can never work"),
        ("\"\\(test(\"(\"))\"", "`test` can never work"),
        ("now", "`now` is not a filter"),
        ("env", "`env` is not a filter"),
        ("$ENV", "`$ENV` is not a variable"),
        ("input", "`input` is not a filter"),
        ("inputs", "`inputs` is not a filter"),
        ("halt", "`halt` is not a filter"),
        ("localtime", "`localtime` is not a filter"),
        ("input_filename", "`input_filename` is not a filter"),
        ("$__prog_args", "`$__prog_args` is not a variable"),
    ];
    for (code, wanted) in cases {
        let told = told(&format!(".\n| ({code})"));
        assert!(told.starts_with("events.jq:2: ") && told.contains(wanted), "{code}: {told}");
    }
    for good in [
        "test(\"^[A-Z]{2}$\"; \"ix\")",
        "test(.re)",
        "test(\"a\\(.re)\")",
        "split(\"(\")",
        "split(\", *\"; null)",
        "def test(f): f; test(\"(\")",
        "sub(\"(?<x>a)\"; \"\\(.x)\")",
    ] {
        assert_eq!(told(good), "", "{good}");
    }
}

#[test]
fn times_of_any_precision_have_a_difference_in_seconds() {
    let between = |from: Value, to: Value| value("seconds_between(.[0]; .[1])", json!([from, to]));
    let at = |text: &str| json!(format!("2026-11-21T17:00:{text}"));
    assert_eq!(between(at("00Z"), at("30Z")), "30");
    assert_eq!(between(at("00.1234567Z"), at("30.1234567Z")), "30");
    assert_eq!(between(at("00.1Z"), at("00.123456789Z")), "0.023456789");
    assert_eq!(between(at("00.0000000000001Z"), at("01.0000000000009Z")), "1");
    assert_eq!(between(at("00Z"), at("00+01:00")), "-3600");
    assert_eq!(between(at("30.5Z"), at("00Z")), "-30.5");
    assert_eq!(
        between(json!("1970-01-01T00:00:00Z"), json!("9999-12-30T00:00:00Z")),
        "253402128000"
    );
    for none in [
        json!(null),
        json!("soon"),
        json!(17),
        json!("2026-11-21"),
        json!("2026-11-21T17:00:00"),
        json!({}),
        json!("2026-11-21T17:00:00.Z.1"),
    ] {
        assert_eq!(between(none.clone(), at("00Z")), "null", "{none}");
        assert_eq!(between(at("00Z"), none), "null");
    }
    assert_eq!(
        value("[seconds_between(empty; .)] | length", json!(null)),
        "1",
        "nothing is no time"
    );
}

#[test]
fn an_id_of_parts_is_of_these_parts_alone() {
    let id = |parts: Value| value("stable_id(.[])", parts);
    let known = id(json!(["a", "bc"]));
    assert_eq!(known, "\"id-1b6cebcec07a53305d35b20d8de86348\"");
    let different = [
        json!(["ab", "c"]),
        json!(["abc"]),
        json!(["a", "bc", null]),
        json!([null, "a", "bc"]),
        json!(["a", null, "bc"]),
        json!(["a", "bc", ""]),
        json!(["bc", "a"]),
        json!(["a", "b", "c"]),
        json!(["a", "bc", "n"]),
    ];
    let ids: std::collections::BTreeSet<String> = different.iter().cloned().map(id).collect();
    assert_eq!(ids.len(), different.len());
    assert!(!ids.contains(&known));
    assert_eq!(id(json!([1, "2"])), id(json!(["1", 2])), "a number is its digits");
    assert_eq!(id(json!([12_345_678_901_234_567_i64])), id(json!(["12345678901234567"])));
    for none in
        [json!([]), json!([null, null]), json!(["a", {}]), json!(["a", [1]]), json!(["a", true])]
    {
        assert_eq!(id(none.clone()), "null", "{none}");
    }
    assert_eq!(value("stable_id(.a, .b)", json!({ "a": "a", "b": "bc" })), known);
}

#[test]
fn own_events_are_read_from_every_form_and_what_is_foreign_shows_its_type() {
    let document = json!({"table": "interaction", "sys_id": "7"});
    let cases = [
        (json!({"kind": "offer", "eventType": "x"}), json!([{"kind": "offer", "eventType": "x"}])),
        (json!({"id": 1, "eventType": "Other", "a": 2}), json!([{"id": 1, "kind": "Other"}])),
        (json!({"eventType": "Other"}), json!([{"id": null, "kind": "Other"}])),
        (json!({"ignore": "why", "eventType": "x"}), json!([{"ignore": "why", "eventType": "x"}])),
        (json!({"a": 2}), json!([{"a": 2}])),
        (json!(["no object", [1]]), json!(["no object", [1]])),
        (
            json!([{"eventType": "A"}, {"kind": "b"}]),
            json!([{"id": null, "kind": "A"}, {"kind": "b"}]),
        ),
        (
            json!({"specversion": "1.0", "id": "c", "type": "T", "time": "t", "data": {"a": 1}}),
            json!([{"id": "c", "kind": "T", "occurred_at": "t"}]),
        ),
        (
            json!({"specversion": "1.0", "id": "c", "type": "T", "time": "t", "data": {"kind": "bind"}}),
            json!([{"kind": "bind", "id": "c", "occurred_at": "t"}]),
        ),
        (json!({"specversion": "1.0", "type": "T", "data": "text"}), json!(["text"])),
        (
            json!({"kind": "bind", "document": "interaction:7"}),
            json!([{"kind": "bind", "document": document}]),
        ),
        (json!({"kind": "bind", "document": ""}), json!([{"kind": "bind", "document": null}])),
        (
            json!({"kind": "bind", "document": document}),
            json!([{"kind": "bind", "document": document}]),
        ),
    ];
    for (input, wanted) in cases {
        let found: Value = serde_json::from_str(&value("[own_events]", input.clone())).unwrap();
        assert_eq!(found, wanted, "{input}");
    }
}
