use std::path::Path;

use super::*;
use crate::config::Settings;

/// A caller, planted beside whatever a request has.
fn caller() -> Value {
    json!({
        "customer_name": "Wilhelmine Zauberberg", "caller_phone": "+4915198765432",
        "customer_email": "w.zauberberg@firma-geheim.de", "unheard_of": "Wilhelmine",
        "remark": "Wilhelmine asks to be called under +49 151 98765432",
    })
}

/// Which flows of a vendor are tried: each has some thirty, and all of them take minutes.
const EVERY: usize = 8;

const PLANTED: [&str; 5] = ["98765432", "Wilhelmine", "Zauberberg", "zauberberg", "geheim"];

/// Plants it into the object that all values are in, or into each of a list.
fn plant(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(plant),
        Value::Object(members) => {
            let wrapped = ["form", "jwt", "data", "payload", "detail"];
            let inner =
                wrapped.iter().find(|name| members.get(**name).is_some_and(Value::is_object));
            match inner {
                Some(name) => plant(&mut members[*name]),
                None => members.extend(caller().as_object().unwrap().clone()),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A source `phone` of the vendor, and one of each other vendor under its own name.
fn settings(vendor: &str, options: &Map<String, Value>) -> Settings {
    let mappings = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let mut text = format!("[mappings]\ndirectory = \"{}\"\n", mappings.display());
    let others = crate::source::profile_folders(&mappings.join("vendors")).unwrap();
    let others = others.iter().map(|folder| folder.file_name().unwrap().to_str().unwrap());
    for (name, vendor) in others.map(|vendor| (vendor, vendor)).chain([("phone", vendor)]) {
        text +=
            &format!("[sources.{name}]\nvendor = \"{vendor}\"\nverify = {{ scheme = \"none\" }}\n");
    }
    let mut settings = Settings::parse(&text, "test.toml").unwrap();
    settings.sources.get_mut("phone").unwrap().options = options.clone();
    settings
}

/// The requests of a flow's file as they would have come in, the caller planted into each.
fn requests(file: &Path, settings: &Settings) -> Vec<Recorded> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut json: Value = serde_json::from_str(&text).unwrap();
    for step in json["steps"].as_array_mut().unwrap() {
        if step.get("source").is_none() && step.get("body").is_some() {
            plant(&mut step["body"]);
        }
    }
    let flow = flows::parse(file, &json.to_string()).unwrap();
    let started = UnixMillis(RECEIVED_AT.0 + 777_777_777);
    let mut origins: BTreeMap<&str, Origin> = BTreeMap::new();
    let requests = flow.steps.iter().filter_map(|step| {
        let source = step.profile.as_deref().unwrap_or("phone");
        let origin = origins.entry(source).or_insert_with(|| Origin::of(settings, source).unwrap());
        let received_at = started.plus(step.at);
        let request = step.request(&origin.profile, "/webhooks/any", received_at)?;
        let body = request.body.to_vec();
        Some(Recorded { source: source.to_owned(), received_at, body, events: Vec::new() })
    });
    requests.collect()
}

/// Shipped flows, as if they had come in from a caller: each is a flow again, and nothing planted is left of it.
#[test]
fn every_shipped_call_can_be_recorded_without_its_caller() {
    let vendors = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/vendors");
    let mut problems = Vec::new();
    let mut recorded = 0;
    for folder in crate::source::profile_folders(&vendors).unwrap() {
        let vendor = folder.file_name().unwrap().to_string_lossy().into_owned();
        let mut files: Vec<_> = std::fs::read_dir(folder.join("flows")).unwrap().collect();
        files.sort_by_key(|entry| entry.as_ref().unwrap().path());
        for entry in files.into_iter().step_by(EVERY) {
            let file = entry.unwrap().path();
            let options = serde_json::from_str::<Value>(&std::fs::read_to_string(&file).unwrap());
            let options = options.unwrap()["options"].as_object().cloned().unwrap_or_default();
            let settings = settings(&vendor, &options);
            let requests = requests(&file, &settings);
            let name = format!("{vendor}/{}", file.file_name().unwrap().to_string_lossy());
            match flow(&settings, &requests, "phone", &[]) {
                Ok(made) => {
                    recorded += 1;
                    let left = PLANTED.iter().find(|planted| made.text.contains(**planted));
                    problems.extend(left.map(|left| format!("{name}: {left} is left")));
                }
                Err(why) => problems.push(format!("{name}: {why}")),
            }
        }
    }
    problems.dedup();
    assert!(problems.is_empty(), "{} of {recorded}:\n{}", problems.len(), problems.join("\n"));
}
