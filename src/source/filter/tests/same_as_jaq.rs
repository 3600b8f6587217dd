//! A metered value does what jaq's own does.

use jaq_core::data::JustLut;
use jaq_core::unwrap_valr;

use super::*;

const INPUTS: [&str; 14] = [
    "null",
    "true",
    "0",
    "-3",
    "2.5",
    "123456789012345678901234567890",
    "\"\"",
    "\"aä b,c ab\"",
    "[]",
    "[3, 1, [2], null, 1, \"x\", {\"a\": 1}]",
    "[0, 1, 2, 3, 4]",
    "{}",
    "{\"a\": {\"b\": [1, 2, {\"c\": \"d\"}]}, \"e\": null, \"start\": 1}",
    "[[\"k\", 1], [\"l\", 2]]",
];

const FILTERS: [&str; 128] = [
    ".",
    ".a",
    ".a?",
    ".a.b",
    ".[\"a\"]",
    ".[0]",
    ".[-1]",
    ".[99]",
    ".[1.5]",
    ".[null]",
    ".[[1]]",
    ".[[]]",
    ".[{}]",
    ".[{start: 1, end: 2}]",
    ".[1:3]",
    ".[-2:]",
    ".[:1]",
    ".[3:1]",
    ".[\"x\":]",
    ".[:null]",
    ".[]",
    ".[]?",
    "..",
    "[..] | length",
    "[paths]",
    "[path(..)]",
    "[path(.a[]?, .[1]?)]",
    "path(1)",
    "[path(first(.[]?), getpath([\"a\", \"b\"])?)]",
    "[paths(type == \"number\")]",
    "pick(.a)",
    "[leaf_paths?]",
    ".[] += 1",
    ".[]? |= empty",
    ".a = 5",
    ".a.b.c |= 7",
    ".a += 1",
    ".e //= 3",
    ".[0] = 9",
    ".[0] |= empty",
    ".[-1] |= 7",
    ".[-9] |= 7",
    ".[9] |= 7",
    ".[\"zz\"] |= empty",
    ".a |= empty",
    ".[1:2] = [7, 8, 9]",
    ".[1:2] |= map(.)",
    ".[:2] = []",
    ".[3:1] = [5]",
    ".[1:] |= empty",
    ".[1:2] = \"Q\"",
    ".[1:2] |= 5",
    ".[{start: 1, end: 2}] = [6]",
    ".. |= .",
    "map_values(.)",
    "map_values(empty)",
    "map(1, 2)",
    "walk(.)",
    "del(.a, .[0]?)",
    "delpaths([[\"a\"]])",
    "to_entries",
    "from_entries",
    "with_entries(.)",
    "keys",
    "keys_unsorted",
    "length",
    "utf8bytelength",
    "add",
    "any, all",
    "flatten",
    "sort",
    "sort_by(type)",
    "group_by(type)",
    "unique",
    "min, max",
    "reverse",
    "transpose",
    "first, last",
    "tojson",
    "tojson | fromjson",
    "tostring",
    "type",
    "explode | implode",
    "ascii_downcase, ascii_upcase",
    "ltrimstr(\"a\"), rtrimstr(\"b\")",
    "startswith(\"a\"), endswith(\"b\")",
    "split(\" \")",
    "split(\"\")",
    "split(\", *\"; null)",
    "test(\"A\"; \"i\")",
    "[match(\"a.\"; \"g\")]",
    "capture(\"(?<x>a)(?<y>.)\")",
    "[scan(\"[a-z]\")]",
    "gsub(\"a\"; \"<a>\")",
    "sub(\"(?<x>b)\"; \"\\(.x)!\")",
    "[splits(\" \")]",
    "join(\"-\")",
    "ascii?",
    "@base64, @uri, @html, @sh, @json, @text",
    "@base64d",
    "contains(\"a\"), contains([1]), contains({a: {}})",
    "inside([1, 2])",
    "has(\"a\")",
    "has(0)",
    "has(-1)",
    "indices(\"a\"), indices(1), indices([1, 2])",
    "indices(\"ä\")",
    "index(\"b\"), rindex(\"b\")",
    "bsearch(2), bsearch(9)",
    "tobytes",
    ". + .",
    ". - .",
    ". - [1]",
    ". * .",
    ". * 3",
    ". * 0",
    "3 * .",
    ". / .",
    ". / 0",
    ". % 2",
    ". % 0",
    "-.",
    ". == ., . < 1, . > \"a\", . <= [], . != null",
    "[range(3)], [range(3; 0; -1)], [range(0; 1; 0.25)], [range(2; 0)]",
    "[limit(2; .[]?)], [skip(1; .[]?)], [first(.[]?)]",
    "reduce .[]? as $x (0; . + 1), [foreach .[]? as $x (0; . + 1; [., $x])]",
    ". as [$a, $b] | [$a, $b], (. as {a: $x} | $x)",
    "{a: ., (\"b\", \"c\"): 1, \"d\\(1 + 1)\": [.]}, abs, floor, sqrt, not, isvalid(.)?",
];

/// What came, as text; what an error says is not compared.
type Outcome = Vec<Result<String, ()>>;

/// jaq itself; none for what it does not know.
fn jaq(code: &str) -> Option<jaq_core::Filter<JustLut<Val>>> {
    let arena = Arena::default();
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let modules = Loader::new(definitions).load(&arena, File { code, path: () }).ok()?;
    let natives = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    Compiler::default().with_funs(natives).compile(modules).ok()
}

fn jaqs(filter: &jaq_core::Filter<JustLut<Val>>, input: &Val) -> Outcome {
    let context = Ctx::<JustLut<Val>>::new(&filter.lut, Vars::new([]));
    let outputs = filter.id.run((context, input.clone())).map(unwrap_valr);
    let outputs = outputs.take(MAX_OUTPUTS);
    outputs.map(|output| output.map(|value| value.to_string()).map_err(drop)).collect()
}

fn ours(filter: &Filter, input: &Val) -> Outcome {
    let mut outputs = Vec::new();
    let variables = [Val::Null, Val::Null, Val::Null, Val::Null];
    filter.attempt(input, &variables, LARGE, &mut outputs).unwrap();
    let text = |output: Output| output.map(|value| value.to_string()).map_err(drop);
    outputs.into_iter().map(text).collect()
}

#[test]
fn filters_yield_what_they_yield_over_jaqs_own_values() {
    let (mut compared, mut different) = (0, Vec::new());
    for code in FILTERS {
        let Some(jaq) = jaq(code) else { continue };
        let filter = Filter::compile(Path::new("events.jq"), code).unwrap();
        for input in INPUTS.map(|text| parse_json(text.as_bytes()).unwrap()) {
            let (ours, expected) = (ours(&filter, &input), jaqs(&jaq, &input));
            compared += 1;
            if ours != expected {
                different.push(format!("{input} | {code}: {ours:?} instead of {expected:?}"));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(compared > 1_700, "{compared}");
}
