use std::path::Path;

use super::super::fixture::profile;
use super::*;
use hyper::StatusCode;

fn reported(toml: &str, jq: &str) -> Vec<String> {
    profile(toml, jq).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn every_mistake_of_both_files_is_told_at_once_with_its_line() {
    let toml = "[request]\ndecode = \"xml\"\n\n[answr]\n\n[answer]\naccepted = 500\ndeadline = \"5 parsecs\"\n\n[verify]\nscheme = \"hmac\"\n\n[[handshake]]\nanswer.text = \"x\"\n";
    let reported = reported(toml, "nosuch");
    let has = |start: &str, part: &str| {
        assert!(
            reported.iter().any(|line| line.starts_with(start) && line.contains(part)),
            "{start} … {part} not in {reported:#?}"
        );
    };
    has("test/vendor.toml:2: ", "expected one of `json`");
    has("test/vendor.toml:4: ", "`answr` is none of the sections");
    has("test/vendor.toml:8: ", "is not a duration");
    has("test/vendor.toml:1", "`header`");
    has("test/vendor.toml:13: ", "needs `when`");
    has("test/events.jq:1: ", "`nosuch`");
}

#[test]
fn an_answer_has_to_fit_its_situation() {
    let with =
        |answer: &str| reported(&format!("[request]\ndecode = \"json\"\n[answer]\n{answer}"), ".");
    assert_eq!(
        with("accepted = 404\nduplicate = { status = 204, body = \"x\" }\noverload = 200"),
        [
            "test/vendor.toml:3: `answer.accepted` has status 404, not 200 to 299",
            "test/vendor.toml:3: `answer.duplicate`: a 204 has no body",
            "test/vendor.toml:3: `answer.overload` has status 200, not 400 to 599",
        ]
    );
    assert!(with("accepted = { status = 200, boddy = \"x\" }")[0].contains("vendor.toml:4"));
    assert!(with("accepted = \"yes\"")[0].contains("expected a status"));
}

#[test]
fn a_whole_profile_is_read() {
    let toml = "[request]\ndecode = \"form\"\nmax_body = 1000\n[answer]\naccepted = 204\noverload = { status = 500, body = \"later\", content_type = \"text/plain\" }\ndeadline = \"3s\"\n[options]\nchannel = \"voice\"\n";
    let profile = profile(toml, ".").unwrap();
    let answer = profile.answer();
    assert_eq!(answer.accepted.as_ref().unwrap().status, StatusCode::NO_CONTENT);
    assert_eq!(answer.overload.as_ref().unwrap().body.as_deref(), Some("later"));
    assert_eq!(answer.deadline, Some(std::time::Duration::from_secs(3)));
    assert_eq!((profile.vendor(), profile.max_body()), ("test", Some(1000)));
    assert_eq!(profile.content_type(), "application/x-www-form-urlencoded");
    assert_eq!(answer.malformed, None);
}

#[test]
fn a_broken_toml_and_a_missing_request_are_told() {
    assert!(reported("[request\n", ".")[0].starts_with("test/vendor.toml:1: "));
    assert_eq!(reported("", "."), ["test/vendor.toml: `[request]` with `decode` is missing"]);
}

#[test]
fn a_folder_without_files_tells_both() {
    let folder = tempfile::tempdir().unwrap();
    let problems = Profile::load(folder.path()).unwrap_err();
    assert_eq!(problems.len(), 2);
    assert!(problems[0].to_string().contains("vendor.toml: cannot be read"));
    assert!(problems[1].to_string().contains("events.jq: cannot be read"));
    assert!(load_profiles(Path::new("/nonexistent")).is_err());
}

#[test]
fn what_an_editor_puts_before_a_text_is_passed_over() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/vendors/native");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("native");
    for part in ["", "samples", "flows"] {
        fs::create_dir_all(folder.join(part)).unwrap();
        for entry in fs::read_dir(shipped.join(part)).into_iter().flatten() {
            let file = entry.unwrap().path();
            if file.is_file() {
                let text = fs::read_to_string(&file).unwrap();
                let name = folder.join(part).join(file.file_name().unwrap());
                fs::write(name, format!("\u{feff}{text}")).unwrap();
            }
        }
    }
    Profile::load(&folder).unwrap();
    assert_eq!(crate::source::samples::run(&folder), []);
    crate::source::flows::load(&folder).unwrap();
}

/// The names that an error says would have been right.
fn expected<T: DeserializeOwned>(text: &str) -> Vec<String> {
    let Err(error) = toml::from_str::<T>(text) else { panic!("{text} is right") };
    let (_, known) = error.message().split_once(", expected ").unwrap_or_default();
    known.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

#[test]
fn the_readme_names_every_key_and_every_scheme() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/README.md");
    let text = fs::read_to_string(readme).unwrap();
    let schemes = expected::<VerifySpec>("scheme = \"no_such\"");
    assert!(schemes.len() >= 14, "{schemes:?}");
    let mut names = schemes.clone();
    let no_such = "no_such = 1";
    for scheme in &schemes {
        names.extend(expected::<VerifySpec>(&format!("scheme = \"{scheme}\"\n{no_such}")));
    }
    let request = expected::<RequestSpec>(no_such);
    let handshake = expected::<HandshakeToml>(no_such);
    assert!(request.len() >= 5 && handshake.len() >= 4, "{request:?} {handshake:?}");
    names.extend(request.into_iter().chain(handshake));
    names.extend(expected::<HandshakeToml>(&format!("answer = {{}}\n[when]\n{no_such}")));
    names.extend(expected::<HandshakeToml>(&format!("[answer]\n{no_such}")));
    names.extend(expected::<AnswerToml>(no_such));
    names.extend(["status", "body", "content_type", "rings", "hand_over"].map(ToOwned::to_owned));
    assert!(names.len() >= 60, "{names:?}");
    let named =
        |name: &String| text.contains(&format!("`{name}`")) || text.contains(&format!(".{name}`"));
    let unnamed: Vec<_> = names.iter().filter(|name| !named(name)).collect();
    assert!(unnamed.is_empty(), "mappings/README.md does not name {unnamed:?}");
    for section in SECTIONS {
        let heading = if section == "handshake" {
            "#### [[handshake]]".to_owned()
        } else {
            format!("#### [{section}]")
        };
        assert!(text.contains(&heading), "mappings/README.md has no {heading}");
    }
}
