//! Filters that would loop for ever, or exhaust the stack.

use super::*;

/// Each uses up any number of steps; it is tried with few.
const ENDLESS: [&str; 26] = [
    "def f: f; f",
    "def f: [f, f]; f",
    "def f: 1 + f; f",
    "def f: f, f; first(f)",
    "def f: . as $x | [$x, f]; f",
    "def f(g): f(g | .); f(.)",
    "def f(n): if n > 1e9 then n else f(n + 1) end; f(0)",
    "def f: try f catch f; f",
    "def f: (f)?; f",
    "def f: f // f; f",
    "def f: f; f |= 1",
    "def f: (1, f) | .; last(f)",
    "label $out | def f: f; f, break $out",
    "def f: .a | f; path(f)",
    "def f: .[0:] | f; [1] | path(f)",
    "def until(c; u): def r: if c then . else u | r end; r; until(false; .)",
    "def repeat(f): def r: f, r; r; [limit(1e9; repeat(1))]",
    "reduce range(1e12) as $i (0; . + 1)",
    "foreach range(1e12) as $i (0; . + 1; empty)",
    "[range(1e9)]",
    "[range(1e9)] | length",
    "last(range(1e18))",
    "last(range(0; 1; 0))",
    "[skip(1e18; range(1e18))]",
    "isempty(range(1e18) | empty)",
    "reduce range(100) as $i ([1]; [., .])",
];

/// Each makes something so deep that to let go of it, or to yield it, is the danger.
const DEEP: [&str; 4] = [
    "def f(g): f(g | .); f(.)",
    "def f: .a | f; path(f)",
    "reduce range(1e6) as $i (null; [.])",
    "reduce range(1e5) as $i (null; [.])",
];

#[test]
fn a_filter_cannot_go_on_when_its_steps_are_used_up() {
    for code in ENDLESS {
        for code in [code.to_owned(), format!("[try ({code}) catch 1, ({code})?, (({code}) // 2)]")]
        {
            let filter = Filter::compile(Path::new("events.jq"), &code).unwrap();
            let mut outputs = Vec::new();
            let variables = [Val::Null, Val::Null, Val::Null, Val::Null];
            let end = filter.attempt(&Val::Null, &variables, SMALL, &mut outputs);
            assert!(end.is_err(), "{code}: {outputs:?}");
        }
    }
}

#[test]
fn what_grows_with_each_step_fits_on_the_stack_that_it_gets() {
    for code in DEEP {
        let reported = run(code, json!(null)).pop().unwrap().unwrap_err();
        let (steps, deep) = ("takes more than 1000000 steps", "makes a value that is too deep");
        assert!(reported.contains(steps) || reported.contains(deep), "{code}: {reported}");
    }
}

#[test]
fn what_came_before_the_end_stays() {
    let outputs = run("1, 2, (def f: f; f), 3", json!(null));
    let reported = "the filter takes more than 1000000 steps".to_owned();
    assert_eq!(outputs, [Ok("1".to_owned()), Ok("2".to_owned()), Err(reported)]);
}

#[test]
fn a_run_that_takes_more_than_usual_yields_what_it_would_have_yielded() {
    let many = "[range(20000)] | map(. + 1) | add";
    assert_eq!(value(many, json!(null)), "200010000");
    let outputs = run("range(900) | tostring * 100 | length", json!(null));
    assert_eq!(outputs.len(), 900);
    assert!(outputs.iter().all(Result::is_ok));
}

#[test]
fn every_run_begins_with_its_whole_allowance() {
    for _ in 0..3 {
        assert!(error("def f: f; f", json!(null)).contains("steps"));
        assert_eq!(value("[range(5000)] | length", json!(null)), "5000");
    }
}

#[test]
fn a_body_full_of_events_has_steps_enough() {
    let event =
        json!({ "id": 1, "kind": "ring", "at": 1_795_280_400_123_i64, "who": { "name": "anna" } });
    let body = json!({ "events": vec![event; 3_000] });
    let code = r#".events[:900][]
        | select(.kind | test("^[a-z]{4}$"))
        | { id: "\(.id)/x", at: (.at | from_epoch_ms), who: (.who.name // "nobody" | ascii_upcase) }"#;
    let outputs = run(code, body);
    assert_eq!(outputs.len(), 900);
    assert!(outputs.iter().all(Result::is_ok), "{:?}", outputs.last());
}

#[test]
fn a_defect_is_not_taken_for_a_limit() {
    let end = std::panic::catch_unwind(|| meter::within(SMALL, || panic!("a defect")));
    assert!(end.is_err());
}
