//! A vendor is files and nothing else: one is made up here and routes a call; those that are shipped keep their word.

use std::fs;
use std::path::{Path, PathBuf};

use awa_bridge::testing::sandbox::Endpoint;
use awa_bridge::testing::source::samples;
use reqwest::Response;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::bridge::{Bridge, Setup};
use super::support::program::{Home, run};
use super::support::sign::hmac_hex;
use super::support::{ADA, document, eventually};

const SECRET: &str = "acme-secret";

/// The request of each event, in its sender's own words.
const VENDOR_TOML: &str = r#"
[request]
decode = "json"
event_type = "/0/what"

[verify]
scheme = "hmac"
header = "x-acme-signature"
algorithm = "sha256"
encoding = "hex"
prefix = "sha256="
message = "{timestamp}.{body}"
timestamp = "x-acme-time"
unit = "s"

[[handshake]]
method = "GET"
verified = false
when.query = { echo = "*" }
answer = { status = 200, text = "{query:echo}" }

[answer]
accepted = 204
duplicate = 204
ignored = 204
deadline = "2s"

[options]
document_attribute = "servicenow_document"
timeout_seconds = 0
channel = ""
"#;

const EVENTS_JQ: &str = r#"
def base($kind):
  { id: .no, kind: $kind, conversation: .call, segment: .call, occurred_at: (.at | from_epoch_ms), agent: .who,
    document: (.notes | document), queue: .line, channel: (.medium | channel) };

.[]
| if .what == "ring" then base("offer") + { timeout_seconds: ring_seconds }
  elif .what == "pick_up" then base("accept")
  elif .what == "weather" then { ignore: "weather", id: .no }
  else { unknown: .what } end
"#;

/// The files of vendor `acme` and of its customer, beside the shipped profile that every test's source needs.
fn mappings() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let vendors = directory.path().join("vendors");
    let samples = vendors.join("acme/samples");
    let tables = directory.path().join("sources/acme");
    fs::create_dir_all(&samples).expect("a folder for the vendor");
    fs::create_dir_all(&tables).expect("a folder for the tables");
    std::os::unix::fs::symlink(shipped().join("native"), vendors.join("native")).expect("a link");
    let write = |file: PathBuf, text: &str| fs::write(file, text).expect("a file is written");
    write(vendors.join("acme/vendor.toml"), VENDOR_TOML);
    write(vendors.join("acme/events.jq"), EVENTS_JQ);
    write(samples.join("01-ring.json"), &sample("offer").to_string());
    write(tables.join("queues.csv"), "queue,channel,external_id\nline-1,,support-voice\n");
    write(tables.join("agents.csv"), &format!("agent,sys_id\n4711,{ADA}\n"));
    directory
}

fn sample(kind: &str) -> Value {
    json!({
        "description": "a phone rings",
        "options": { "timeout_seconds": 20 },
        "body": [ring("{{#now_ms}}".into()), { "what": "weather", "no": 2 }],
        "expect": [
            {
                "id": "1", "kind": kind, "conversation": "c-1", "agent": "4711", "queue": "line-1", "channel": "phone",
                "timeout_seconds": 20, "occurred_at": "{{now}}",
                "document": { "table": "interaction", "sys_id": document("c-1") },
            },
            { "ignore": true, "why": "weather" },
        ],
    })
}

fn ring(at: Value) -> Value {
    json!({
        "what": "ring", "no": 1, "call": "c-1", "at": at, "who": 4711, "line": "line-1", "medium": "PHONE",
        "notes": { "servicenow_document": format!("interaction:{}", document("c-1")) },
    })
}

fn shipped() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("mappings/vendors")
}

async fn post(bridge: &Bridge, body: &Value, secret: &str) -> Response {
    let timestamp = awa_bridge::testing::clock::now().0 / 1000;
    let body = body.to_string();
    let signature = hmac_hex(secret, format!("{timestamp}.{body}").as_bytes());
    bridge
        .http
        .post(format!("{}/webhooks/acme", bridge.intake))
        .header("content-type", "application/json")
        .header("x-acme-time", timestamp.to_string())
        .header("x-acme-signature", format!("sha256={signature}"))
        .body(body)
        .send()
        .await
        .expect("an answer")
}

/// The call of that kind, once the event that causes it is delivered.
async fn delivered(bridge: &Bridge, id: &str, endpoint: Endpoint) -> Value {
    eventually(&format!("event {id} to be delivered"), async || {
        let (_, event) = bridge.get(&format!("/v1/events/acme/{id}")).await;
        (event["state"] == "delivered").then_some(())
    })
    .await;
    let calls = bridge.calls(endpoint);
    assert_eq!(calls.len(), 1, "{calls:#?}");
    calls[0].body.clone().expect("a body")
}

#[tokio::test]
async fn a_made_up_vendors_files_are_enough_to_offer_its_work() {
    let mappings = mappings();
    let config = format!(
        "[mappings]\ndirectory = \"{}\"\n[sources.acme]\nvendor = \"acme\"\nsecrets = [\"{SECRET}\"]\n\
         options = {{ timeout_seconds = 20 }}",
        mappings.path().display()
    );
    let bridge = Bridge::with(Setup { config, ..Setup::default() }).await;
    let rings = json!([ring(awa_bridge::testing::clock::now().0.into()), { "what": "weather", "no": 2 }, { "what": "?" }]);

    let refused = post(&bridge, &rings, "another secret").await;
    assert_eq!(refused.status(), 401);
    assert_eq!(post(&bridge, &rings, SECRET).await.status(), 204);
    let offer = delivered(&bridge, "1", Endpoint::Offer).await;
    assert_eq!(offer["queue_id"], "support-voice");
    assert_eq!(offer["external_segment_id"], "c-1");
    assert_eq!(offer["assignment"]["agent_sys_id"], ADA);
    assert_eq!(offer["assignment"]["timeout"], 20);

    assert_eq!(post(&bridge, &rings, SECRET).await.status(), 204, "a redelivery");
    let picked_up = json!([{ "what": "pick_up", "no": 3, "call": "c-1", "who": 4711 }]);
    assert_eq!(post(&bridge, &picked_up, SECRET).await.status(), 204);
    let accept = delivered(&bridge, "3", Endpoint::Accept).await;
    assert_eq!(accept["agent_id"], ADA);
    assert_eq!(bridge.calls(Endpoint::Offer).len(), 1);

    let unknown = json!([{ "what": "mystery" }, { "what": "riddle" }]);
    assert_eq!(post(&bridge, &unknown, SECRET).await.status(), 204);
    // The metrics are the process's, but no other story has a source of this name.
    let (_, page) = bridge.get("/metrics").await;
    let counted = unknown_of_acme(page.as_str().expect("the page"));
    assert_eq!(counted, 4, "one part of each of the two deliveries, and two alone");

    let test = bridge.http.get(format!("{}/webhooks/acme?echo=hello", bridge.intake)).send().await;
    assert_eq!(test.expect("an answer").text().await.expect("a text"), "hello");
}

/// `awa_bridge_unknown_events_total` of the made-up vendor's source.
fn unknown_of_acme(page: &str) -> u64 {
    let series = "awa_bridge_unknown_events_total{source=\"acme\"} ";
    let value = page.lines().find_map(|line| line.strip_prefix(series)).expect("the series");
    value.parse().expect("a number")
}

#[test]
fn a_misspelt_key_of_a_filter_is_named_by_check_and_by_explain() {
    let mappings = mappings();
    let filter = mappings.path().join("vendors/acme/events.jq");
    let misspelt = EVENTS_JQ.replace("base(\"offer\") + {", "base(\"offer\") + { accepted: true,");
    fs::write(&filter, misspelt).expect("the filter");
    let config = format!(
        "[mappings]\ndirectory = \"{}\"\n[sources.acme]\nvendor = \"acme\"\nsecrets = [\"{SECRET}\"]\n",
        mappings.path().display()
    );
    let home = Home::new("http://127.0.0.1:9", &Setup { config, ..Setup::default() });
    let (code, _, errors) = run(&mut home.command(&["check"]));
    assert_eq!(code, 64, "{errors}");
    let named = "01-ring.json: event 0 has keys that no routing event has: `accepted`";
    assert!(errors.contains(named), "{errors}");

    let sample = mappings.path().join("vendors/acme/samples/01-ring.json");
    let sample = sample.to_str().expect("a path");
    let (code, shown, errors) =
        run(&mut home.command(&["explain", "--source", "acme", "--json", sample]));
    assert_eq!(code, 0, "{errors}");
    let lines: Vec<Value> =
        shown.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(lines[0]["request"]["method"], "POST");
    assert_eq!(lines[0]["reason"], "nothing reads its keys `accepted`");
}

#[test]
fn a_made_up_vendors_samples_hold_it_to_its_word() {
    let mappings = mappings();
    let folder = mappings.path().join("vendors/acme");
    assert_eq!(problems(&folder), "");
    fs::write(folder.join("samples/02-wrong.json"), sample("assign").to_string()).expect("a file");
    let found = problems(&folder);
    assert!(found.contains("02-wrong.json") && found.contains("expect[0].kind"), "{found}");
}

#[test]
fn every_shipped_profile_has_its_options_its_readme_and_samples_of_what_matters() {
    for folder in shipped_profiles() {
        let name = folder.display();
        let read = |file: &str| {
            fs::read_to_string(folder.join(file))
                .unwrap_or_else(|error| panic!("{name}/{file}: {error}"))
        };
        let profile: toml::Table = read("vendor.toml").parse().expect("vendor.toml is TOML");
        for option in ["document_attribute", "timeout_seconds", "channel"] {
            assert!(profile["options"].get(option).is_some(), "{name} has no option {option}");
        }
        for file in ["vendor.toml", "events.jq", "README.md"] {
            assert!(read(file).starts_with('#'), "{name}/{file} does not begin with what it is");
        }
        let samples = samples::load(&folder).expect("the samples can be read");
        assert!(samples.len() >= 6, "{name} has only {} samples", samples.len());
    }
}

fn shipped_profiles() -> Vec<PathBuf> {
    let folders = fs::read_dir(shipped()).expect("the shipped profiles");
    let mut folders: Vec<PathBuf> =
        folders.map(|entry| entry.expect("a folder").path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// What the samples of a profile do not hold, a line each.
fn problems(folder: &Path) -> String {
    samples::run(folder).iter().map(|problem| format!("{problem}\n")).collect()
}
