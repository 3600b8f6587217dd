//! `events sample`: requests that came in become samples and flows, without what is personal in them.

mod refused;

use std::fs;
use std::path::{Path, PathBuf};

use awa_bridge::testing::routing::UnixMillis;
use awa_bridge::testing::source::{load_profiles, samples};
use serde_json::{Value, json};

use super::support::bridge::{Setup, http_client, start_sandbox};
use super::support::program::{Daemon, Home, root, run};
use super::support::{an_offer, eventually, from_now, with};

/// What is planted, and parts of it in other spellings.
const PLANTED: [&str; 14] = [
    "4915198765432",
    "015198765432",
    "0151 98765432",
    "15198765432",
    "98765432",
    "Wilhelmine",
    "Zauberberg",
    "zauberberg",
    "firma-geheim",
    "93.184.216.77",
    "Kirschallee",
    "60311",
    "c2lnbmF0dXJlLW9mLXNvbWVib2R5",
    "1961-04-12",
];

/// A caller as an object of the vendor's might have one.
fn caller() -> Value {
    json!({
        "customer_name": "Wilhelmine Zauberberg",
        "contact": { "email": "w.zauberberg@firma-geheim.de", "phone": "+49 (151) 98765432",
                     "lastName": "Zauberberg", "born": "1961-04-12" },
        "from": "+4915198765432",
        "callback": "0151 98765432",
        "note": "Wilhelmine asks to be called under +4915198765432, Kirschallee 7, 60311 Frankfurt",
        "street": "Kirschallee 7",
        "zip": 60311,
        "clientIp": "93.184.216.77",
        "unheard_of": "Wilhelmine",
        "crm": "https://crm.firma-geheim.de/people/wilhelmine.zauberberg",
        "session": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJXaWxoZWxtaW5lIn0.c2lnbmF0dXJlLW9mLXNvbWVib2R5",
        "raw": "{\"who\":\"Wilhelmine Zauberberg\",\"deeper\":[\"w.zauberberg@firma-geheim.de\"]}",
    })
}

/// Plants the caller into every object that the vendor's values are in.
fn plant(value: &mut Value, inner: &[&str]) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|one| plant(one, inner)),
        Value::Object(members) => {
            let deeper = inner.iter().find(|name| members.contains_key(**name));
            match deeper {
                Some(name) => plant(members.get_mut(*name).expect("it is there"), inner),
                None => members.extend(caller().as_object().expect("an object").clone()),
            }
        }
        _ => {}
    }
}

/// Puts the planted number where the shipped requests have the callers'.
fn with_numbers(text: &str) -> String {
    text.replace("+15550100", "+4915198765432").replace("15550100", "4915198765432")
}

/// A daemon with a source of a vendor, whose profile is a copy that may be written to.
struct Story {
    home: Home,
    daemon: Daemon,
    vendor: String,
}

impl Story {
    async fn new(vendor: &str) -> Self {
        Self::with(vendor, "").await
    }

    async fn with(vendor: &str, config: &str) -> Self {
        let config = format!(
            "{config}\n[sources.phone]\nvendor = \"{vendor}\"\ncontact_center = \"native\"\n\
             verify = {{ scheme = \"none\" }}\n\
             [sources.native]\nverify = {{ scheme = \"none\" }}\n"
        );
        let sandbox = start_sandbox(Default::default()).await;
        let home = Home::new(&sandbox.url(), &Setup { config, ..Setup::default() });
        let vendors = home.directory.path().join("mappings/vendors");
        fs::remove_dir_all(&vendors).expect("the links to the profiles");
        for vendor in [vendor, "native"] {
            copy(&root().join("mappings/vendors").join(vendor), &vendors.join(vendor));
        }
        let daemon = home.start().await;
        Self { home, daemon, vendor: vendor.to_owned() }
    }

    fn folder(&self, folder: &str) -> PathBuf {
        self.home.directory.path().join("mappings/vendors").join(&self.vendor).join(folder)
    }

    /// Sends the steps of a shipped flow with the caller planted; returns the ids of its events.
    async fn call(&self, flow: &str, inner: &[&str]) -> Vec<String> {
        let text = fs::read_to_string(self.folder("flows").join(flow)).expect("a flow");
        let flow: Value = serde_json::from_str(&with_numbers(&text)).expect("JSON");
        for step in flow["steps"].as_array().expect("steps") {
            let Some(body) = step.get("body") else { continue };
            let source = step["source"].as_str().unwrap_or("phone");
            let mut body = body.clone();
            if source == "phone" {
                plant(&mut body, inner);
            }
            // Later than the request before it by more than its moment's resolution.
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            self.send(source, &step["headers"], &body).await;
        }
        let events = self.daemon.get("/v1/events?limit=500").await;
        let events = events["events"].as_array().expect("events").clone();
        let of_phone = events.iter().filter(|event| event["source"] == "phone").rev();
        of_phone.map(|event| event["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// Sends a request that is written as in a sample.
    async fn send(&self, source: &str, headers: &Value, body: &Value) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("samples")).expect("a folder");
        let mut sample = json!({ "description": "", "body": body });
        if headers.is_object() {
            sample["headers"] = headers.clone();
        }
        fs::write(folder.path().join("samples/1.json"), sample.to_string()).expect("a sample");
        let sample = samples::load(folder.path()).expect("a sample").pop().expect("one");
        let vendors = self.home.directory.path().join("mappings/vendors");
        let profiles = load_profiles(&vendors).expect("the profiles");
        let vendor = if source == "native" { "native" } else { &self.vendor };
        let now: UnixMillis = awa_bridge::testing::clock::now();
        let request = sample.request(&profiles[vendor], "/webhooks/any", now);
        let mut post = http_client().post(format!("{}/webhooks/{source}", self.daemon.intake));
        for (name, value) in &request.headers {
            post = post.header(name.as_str(), value.as_bytes());
        }
        let answer = post.body(request.body.to_vec()).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}: {body}", answer.status());
    }

    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = self.home.command(arguments);
        tokio::task::spawn_blocking(move || run(&mut command)).await.expect("it runs")
    }

    /// Writes the file and reads it.
    async fn sampled(&self, arguments: &[&str]) -> (PathBuf, String) {
        let (code, shown, errors) = self.run(&[&["events", "sample"], arguments].concat()).await;
        assert_eq!(code, 0, "{arguments:?}: {errors}");
        let file = PathBuf::from(shown.lines().next().expect("the file's name"));
        let text = fs::read_to_string(&file).expect("the file");
        (file, text)
    }

    async fn passes_the_check(&self) {
        let (code, shown, errors) = self.run(&["check"]).await;
        assert_eq!(code, 0, "{shown}{errors}");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}

fn nothing_is_left(text: &str) {
    for planted in PLANTED {
        assert!(!text.contains(planted), "{planted} is left:\n{text}");
    }
}

/// A sample of each event of a vendor's call, and the call as a flow.
async fn a_whole_call(vendor: &str, flow: &str, inner: &[&str]) {
    let story = Story::new(vendor).await;
    let ids = story.call(flow, inner).await;
    assert!(ids.len() >= 2, "{vendor}: {ids:?}");
    for id in &ids {
        let (file, text) = story.sampled(&[&format!("phone/{id}")]).await;
        assert!(file.starts_with(story.folder("samples")), "{}", file.display());
        nothing_is_left(&text);
        for stand_in in ["+49555", "person-1@example.com", "Example Street", "192.0.2."] {
            assert!(text.contains(stand_in), "{vendor}: {stand_in}: {text}");
        }
        assert!(text.contains("TO BE REVIEWED"), "{text}");
        let sample: Value = serde_json::from_str(&text).expect("JSON");
        assert!(sample["expect"][0].is_object(), "{text}");
    }
    let (file, text) = story.sampled(&[&format!("phone/{}", ids[0]), "--call"]).await;
    assert!(file.starts_with(story.folder("flows")), "{}", file.display());
    nothing_is_left(&text);
    let flow: Value = serde_json::from_str(&text).expect("JSON");
    let steps = flow["steps"].as_array().expect("steps");
    assert!(steps.len() >= 2 && steps[0]["at"] == "0ms", "{text}");
    let events = flow["expect"]["events"].as_object().expect("the events' states");
    assert!(events.len() >= ids.len(), "{vendor}: {ids:?} {events:?}");
    // One caller has one number, in whatever request and spelling.
    let numbers: std::collections::BTreeSet<&str> =
        text.match_indices("+49555").map(|(at, _)| &text[at..at + 14]).collect();
    assert_eq!(numbers.len(), 1, "{numbers:?}: {text}");
    story.passes_the_check().await;
}

#[tokio::test]
async fn a_form_of_twilio() {
    let story = "01-answered.json";
    a_whole_call("twilio-taskrouter", story, &["form"]).await;
}

#[tokio::test]
async fn a_jwt_of_dialpad() {
    a_whole_call("dialpad", "01-answered.json", &["jwt"]).await;
}

#[tokio::test]
async fn cloudevents_of_vonage() {
    a_whole_call("vonage", "01-answered.json", &["data"]).await;
}

#[tokio::test]
async fn cloudevents_of_twilio() {
    a_whole_call("twilio-event-streams", "01-answered.json", &["data", "payload"]).await;
}

#[tokio::test]
async fn json_of_zoom() {
    a_whole_call("zoom-cc", "01-answered.json", &["payload", "object"]).await;
}

#[tokio::test]
async fn json_of_genesys() {
    a_whole_call("genesys-cloud", "01-answered.json", &["detail", "eventBody"]).await;
}

#[tokio::test]
async fn json_of_webex_with_a_second_source() {
    a_whole_call("webex-cc", "01-answered.json", &["data"]).await;
}

#[tokio::test]
async fn a_dead_letter_becomes_the_test_of_tomorrow() {
    let story = Story::new("zoom-cc").await;
    let late = with(
        an_offer("late-1", "c-1"),
        json!({ "occurred_at": from_now(-1_000), "agent": "w.zauberberg@firma-geheim.de", "caller_number": "+4915198765432" }),
    );
    story.send("native", &Value::Null, &late).await;
    let unreadable =
        json!({ "id": "odd-1", "kind": "offer", "conversation": 7, "document": "Wilhelmine" });
    story.send("native", &Value::Null, &unreadable).await;
    eventually("the event that cannot be read", async || {
        let event = story.daemon.get("/v1/events/native/odd-1").await;
        (event["state"] == "dead").then_some(())
    })
    .await;

    let (file, text) = story.sampled(&["odd-1"]).await;
    assert!(file.ends_with("samples/") || file.to_string_lossy().contains("native/samples/"));
    nothing_is_left(&text);
    assert!(text.contains("\"unreadable\": true"), "{text}");

    let (_, text) = story.sampled(&["native/late-1"]).await;
    nothing_is_left(&text);
    let sample: Value = serde_json::from_str(&text).expect("JSON");
    let event = &sample["expect"][0];
    assert_eq!((&event["kind"], &event["queue"]), (&json!("offer"), &json!("support")), "{text}");
    assert_eq!(
        event["agent"], "person-1@example.com",
        "an id that is an address is replaced alike"
    );
    assert_eq!(sample["body"]["agent"], event["agent"]);
    assert!(
        sample["body"].get("caller_number").is_none(),
        "a key that no event has would fail the check"
    );
    story.passes_the_check().await;
}
