use super::*;
use crate::source::SourceSpec;

fn vendors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/vendors")
}

#[test]
fn every_shipped_profile_does_with_its_samples_what_they_say() {
    let mut problems = Vec::new();
    let mut profiles = 0;
    for entry in fs::read_dir(vendors()).unwrap() {
        let folder = entry.unwrap().path();
        profiles += 1;
        assert!(load(&folder).is_ok_and(|samples| samples.len() >= 7), "{}", folder.display());
        problems.extend(run(&folder));
    }
    let reported: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", reported.join("\n"));
    assert!(profiles >= 3);
}

#[test]
fn every_shipped_profile_has_the_three_common_options() {
    for profile in super::super::load_profiles(&vendors()).unwrap().values() {
        assert_eq!(profile.options["document_attribute"], "servicenow_document");
        assert!(profile.options["timeout_seconds"].is_u64(), "{}", profile.vendor());
        assert!(profile.options["channel"].is_string(), "{}", profile.vendor());
    }
}

#[test]
fn every_sample_that_can_be_signed_here_is_taken_for_its_vendors_and_forged_it_is_not() {
    for (vendor, profile) in super::super::load_profiles(&vendors()).unwrap() {
        let source = |secret: &str, options: &Map<String, Value>| {
            let spec = SourceSpec {
                name: "signed".into(),
                contact_center: "signed".into(),
                secrets: vec![secret.into()],
                verify: None,
                options: options.clone(),
                public_url: Some("https://bridge.example.com".to_owned()),
                loopback: false,
            };
            Source::build(Arc::clone(&profile), spec)
        };
        for sample in load(&vendors().join(&vendor)).unwrap() {
            // Base64, so that it is a key of every scheme; public keys are not.
            let Ok(signing) = source("c2VjcmV0", &sample.options) else { continue };
            let forging = source("b3RoZXIh", &sample.options).unwrap();
            let file = sample.file.display();
            let mut request = sample.request(&profile, "/webhooks/signed", RECEIVED_AT);
            if signing.sign(&mut request).is_err() || sample.is_handshake() {
                continue;
            }
            assert_eq!(signing.verify(&request), Ok(()), "{file}");
            assert!(forging.verify(&request).is_err(), "{file}");
            assert!(signing.read(&request).is_ok(), "{file}");
        }
    }
}

/// A profile folder with one sample.
fn folder(sample: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("vendor.toml"), "[request]\ndecode = \"json\"\n").unwrap();
    fs::write(folder.path().join("events.jq"), "if type == \"array\" then .[] else . end").unwrap();
    fs::create_dir(folder.path().join("samples")).unwrap();
    fs::write(folder.path().join("samples/01.json"), sample).unwrap();
    folder
}

fn reported(sample: Value) -> Vec<String> {
    let folder = folder(&sample.to_string());
    run(folder.path()).into_iter().map(|problem| problem.message).collect()
}

#[test]
fn a_sample_that_comes_out_differently_tells_every_difference() {
    let event = json!({"id": "e", "kind": "withdraw", "conversation": "c"});
    let fits = json!({"description": "d", "body": event, "expect": [{"kind": "withdraw", "segment": null}]});
    assert_eq!(reported(fits), Vec::<String>::new());
    let differs = json!({"description": "d", "body": event, "expect": [{"kind": "bind", "conversation": "d"}, {}]});
    assert_eq!(
        reported(differs),
        [
            "yields 1 (withdraw), not 2",
            "expect[0].conversation is \"c\", expected \"d\"",
            "expect[0].kind is \"withdraw\", expected \"bind\"",
        ]
    );
}

#[test]
fn two_different_events_under_one_id_are_a_mistake_of_the_profile() {
    let body = json!([{"id": "e", "kind": "withdraw", "conversation": "c"}, {"id": "e", "kind": "withdraw", "conversation": "d"}]);
    let reported = reported(json!({"description": "d", "body": body, "expect": [{}, {}]}));
    assert_eq!(reported, ["event 1 has the id of an earlier event of the same request"]);
}

#[test]
fn a_misspelt_key_of_an_event_is_a_mistake_of_the_profile() {
    let event = json!({"id": "e", "kind": "offer", "conversation": "c", "queue": "q", "agent": "a", "accepted": true,
        "assignment": {"allow_decline": false}});
    let reported = reported(json!({"description": "d", "body": event, "expect": [{}]}));
    assert_eq!(
        reported,
        ["event 0 has keys that no routing event has: `accepted`, `assignment.allow_decline`"]
    );
}

#[test]
fn times_are_filled_in() {
    let body = json!({"id": "{{now_s}}", "kind": "bind", "queue": "{{#now_ms}}", "conversation": "{{now_ms}}", "occurred_at": "{{now}}"});
    let expect = json!([{"id": "1795280401", "queue": "1795280401000", "occurred_at": "2026-11-21T17:00:01.000Z"}]);
    assert_eq!(
        reported(json!({"description": "d", "body": body, "expect": expect})),
        Vec::<String>::new()
    );
}

#[test]
fn base64_and_tokens_are_made_of_what_they_hold() {
    let body = json!({"id": {"{{base64}}": {"at": "{{#now_s}}"}}, "kind": "withdraw", "conversation": {"{{base64}}": "c"}});
    let expect = json!([{"id": "eyJhdCI6MTc5NTI4MDQwMX0=", "conversation": "Yw=="}]);
    let sample = json!({"description": "d", "body": body, "expect": expect});
    assert_eq!(reported(sample), Vec::<String>::new());
    let token = json!({"description": "d", "body": {"jwt": {"a": 1}}, "expect": []});
    let folder = folder(&token.to_string());
    let profile = Profile::load(folder.path()).unwrap();
    let request = load(folder.path()).unwrap()[0].request(&profile, "/", RECEIVED_AT);
    assert_eq!(&request.body[..], b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ.");
}

#[test]
fn a_file_that_is_no_sample_is_told_with_its_line() {
    let folder = folder("{\n\"descripion\": 1}");
    let problems = run(folder.path());
    assert_eq!(problems[0].line, Some(2));
    assert!(problems[0].to_string().contains("samples/01.json:2: unknown field `descripion`"));
}
