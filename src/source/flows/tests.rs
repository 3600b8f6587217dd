use serde_json::json;

use super::*;
use crate::source::samples::RECEIVED_AT;

const DOCUMENT: &str = "59616aba87bd5210be070d48dabb35e6";

fn read(text: &str) -> Result<Flow, String> {
    parse(Path::new("flows/a.json"), text).map_err(|problem| problem.to_string())
}

fn with(steps: &Value) -> Result<Flow, String> {
    read(&json!({"description": "d", "steps": steps, "expect": {"cards": []}}).to_string())
}

#[test]
fn a_flow_is_read_with_all_its_keys() {
    let text = json!({
        "description": "d", "source": "s", "options": {"channel": "chat"}, "settings": {"withdraw": {"action": "none"}},
        "needs": {"timed_out": "canceled"},
        "steps": [
            {"at": "0s", "headers": {"x-kind": "a"}, "query": "q=1", "method": "PUT", "body": {"form": {"a": "b c"}}},
            {"at": "1500ms", "source": "native", "body": "{{now_ms}}", "also": {"agent_accepts": "anna"}},
            {"at": "1m", "also": {"card_times_out": "anna"}},
            {"at": "2m"},
        ],
        "expect": {
            "cards": [{"document": DOCUMENT, "agent": "anna", "state": "pending_accept"}], "events": {"e": "delivered"}, "dead": 1
        },
    });
    let flow = read(&text.to_string()).unwrap();
    assert_eq!((flow.source.as_str(), flow.options["channel"].as_str()), ("s", Some("chat")));
    assert_eq!(flow.settings["withdraw"]["action"], "none");
    assert_eq!(flow.needs["timed_out"], "canceled");
    let at: Vec<u64> = flow.steps.iter().map(|step| step.at).collect();
    assert_eq!(at, [0, 1_500, 60_000, 120_000]);
    assert_eq!(flow.steps[1].profile.as_deref(), Some("native"));
    let anna = || VendorAgentId::parse("anna").unwrap();
    assert_eq!(flow.steps[1].also, Some(Also::AgentAccepts(anna())));
    assert_eq!(flow.steps[2].also, Some(Also::CardTimesOut(anna())));
    assert_eq!(flow.expect.cards[0].state, CardState::PendingAccept);
    assert_eq!((flow.expect.dead, flow.expect.events["e"].as_str()), (1, "delivered"));

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/vendors/native");
    let profile = Profile::load(&folder).unwrap();
    let request = |step: &Step| step.request(&profile, "/webhooks/s", RECEIVED_AT);
    let first = request(&flow.steps[0]).unwrap();
    assert_eq!(&first.body[..], b"a=b+c");
    assert_eq!((first.method.as_str(), first.path_and_query.as_str()), ("PUT", "/webhooks/s?q=1"));
    assert_eq!(first.header("x-kind"), Some("a"));
    assert_eq!(request(&flow.steps[1]).unwrap().body, RECEIVED_AT.0.to_string());
    assert!(request(&flow.steps[2]).is_none());
}

#[test]
fn what_is_not_said_is_the_default() {
    let flow = with(&json!([{"at": "0s", "body": {}}])).unwrap();
    assert_eq!((flow.source.as_str(), flow.expect.dead), ("flow", 0));
    assert!(flow.options.is_empty() && flow.settings.is_empty() && flow.needs.is_empty());
}

#[test]
fn a_key_that_is_none_is_named_with_file_and_line() {
    let cases = [
        ("{\"description\": \"d\",\n\"step\": []}", "flows/a.json:2: unknown field `step`"),
        (
            "{\"description\": \"d\",\n\"steps\": [\n{\"at\": \"0s\", \"bdy\": {}}]}",
            "flows/a.json:3: unknown field `bdy`",
        ),
        (
            "{\"steps\": [{\"at\": \"0s\",\n\"also\": {\"agent_acepts\": \"a\"}}]}",
            "flows/a.json:2: unknown variant `agent_acepts`",
        ),
        ("{\"expect\": {\"cards\": [],\n\"card\": []}}", "flows/a.json:2: unknown field `card`"),
        (
            "{\"expect\": {\"cards\": [\n{\"agnt\": \"a\"}]}}",
            "flows/a.json:2: unknown field `agnt`",
        ),
        ("{\"description\": \"d\"\n", "flows/a.json:2: EOF"),
    ];
    for (text, expected) in cases {
        let reported = read(text).unwrap_err();
        assert!(reported.starts_with(expected), "{reported}");
    }
}

#[test]
fn a_value_that_is_wrong_is_told_with_what_would_be_right() {
    let cases = [
        (json!([{"at": "soon"}]), "is not a duration"),
        (json!([]), "`steps` is empty"),
        (json!([{"at": "2s"}, {"at": "1s"}]), "`at` of step 2 lies before"),
        (json!([{"at": "0s", "source": "native"}]), "step 1: has a `source` and no request"),
        (
            json!([{"at": "0s", "body": {}, "method": "A B"}]),
            "step 1: `method` is not an HTTP method",
        ),
        (json!([{"at": "0s", "headers": {"a b": "c"}}]), "step 1: `a b` is no header"),
        (json!([{"at": "0s", "also": {"agent_accepts": ""}}]), "is empty"),
    ];
    for (steps, expected) in cases {
        let reported = with(&steps).unwrap_err();
        assert!(reported.contains(expected), "{reported}");
    }
    let card = json!({"document": "x", "agent": "a", "state": "accepted"});
    let text = json!({"description": "d", "steps": [{"at": "0s"}], "expect": {"cards": [card]}});
    assert!(read(&text.to_string()).unwrap_err().contains("is not a sys_id"));
}

#[test]
fn a_folder_without_flows_has_none_and_every_broken_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    assert!(load(folder.path()).unwrap().is_empty());
    fs::create_dir(folder.path().join("flows")).unwrap();
    for name in ["b.json", "a.json", "README.md"] {
        fs::write(folder.path().join("flows").join(name), "{").unwrap();
    }
    let problems = load(folder.path()).unwrap_err();
    let files: Vec<_> = problems.iter().map(|problem| problem.file.file_name().unwrap()).collect();
    assert_eq!(files, ["a.json", "b.json"]);
}

#[test]
fn a_flow_is_told_from_a_sample_and_from_a_body() {
    assert!(is_flow(&json!({"description": "d", "steps": [], "expect": {}})));
    assert!(!is_flow(&json!({"description": "d", "body": {}, "expect": []})));
    assert!(!is_flow(&json!({"steps": []})));
    assert!(!is_flow(&json!([])));
}
