//! The commands: what they print and how they exit.

use std::process::Stdio;

use serde_json::{Value, json};

use super::support::bridge::Setup;
use super::support::program::{Home, program, root, run};
use super::support::{ADA, BUSY, an_event, an_offer, document, with};

fn home(setup: &Setup) -> Home {
    Home::new("http://127.0.0.1:9", setup)
}

#[test]
fn wrong_words_on_the_command_line_exit_with_64() {
    for arguments in [vec!["frobnicate"], vec!["run", "--nothing"], vec![], vec!["explain"]] {
        let (code, _, errors) = run(program().args(&arguments));
        assert_eq!(code, 64, "{arguments:?}: {errors}");
        assert!(!errors.is_empty(), "{arguments:?}");
    }
    let (code, shown, _) = run(program().arg("--help"));
    assert_eq!(code, 0);
    assert!(shown.contains("explain"), "{shown}");
}

#[test]
fn the_shipped_configuration_holds_as_it_is() {
    let (code, shown, errors) = run(program().arg("check").current_dir(root()));
    assert_eq!(code, 0, "{errors}");
    assert!(shown.contains("profile native"), "{shown}");
}

#[test]
fn a_wrong_configuration_stops_run_with_64_and_names_every_problem() {
    let home = home(&Setup {
        config:
            "[servicenow]\nmax_in_flight = 0\n[intake]\nlisten = \"nowhere\"\n[nonsense]\nx = 1\n"
                .to_owned(),
        ..Setup::default()
    });
    let (code, _, errors) = run(&mut home.command(&["run"]));
    assert_eq!(code, 64, "{errors}");
    for part in ["servicenow.max_in_flight", "intake.listen", "nonsense", "config.toml"] {
        assert!(errors.contains(part), "{part} is not named: {errors}");
    }
}

#[test]
fn check_names_file_and_line_of_every_wrong_row() {
    let home = home(&Setup {
        queues: "queue,channel,external_id\na,,x\na,,y\n,,z\n".to_owned(),
        agents: format!("agent,sys_id\nada,{ADA}\nbob,nonsense\n"),
        ..Setup::default()
    });
    let (code, _, errors) = run(&mut home.command(&["check"]));
    assert_eq!(code, 64, "{errors}");
    for place in ["queues.csv:3", "queues.csv:4", "agents.csv:3"] {
        assert!(errors.contains(place), "{place} is not named: {errors}");
    }
}

#[test]
fn a_folder_of_tables_alone_is_enough_for_a_shipped_vendor() {
    let home = home(&Setup::default());
    std::fs::remove_dir_all(home.directory.path().join("mappings/vendors")).expect("the profiles");
    let (code, shown, errors) = run(&mut home.command(&["check"]));
    assert_eq!(code, 0, "{shown}{errors}");
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let (code, _, errors) = run(program().args(["--config", "/nowhere/at.toml", "check"]));
    assert_eq!(code, 64);
    assert!(errors.contains("/nowhere/at.toml"), "{errors}");
}

#[test]
fn explain_shows_the_request_and_stores_nothing() {
    let home = home(&Setup::default());
    let offer = with(an_offer("e-1", "c-1"), json!({ "timeout_seconds": 25 }));
    let accept = with(an_event("accept", "e-2", "c-1"), json!({ "agent": "ada" }));
    let unmapped = with(an_offer("e-3", "c-3"), json!({ "queue": "night" }));
    let broken = with(an_offer("e-4", "c-4"), json!({ "kind": "ring" }));
    let file = home.directory.path().join("events.json");
    std::fs::write(&file, json!([offer, accept, unmapped, broken]).to_string()).expect("a file");
    let file = file.to_str().expect("a path").to_owned();
    let (code, shown, errors) =
        run(&mut home.command(&["explain", "--source", "native", "--json", &file]));
    assert_eq!(code, 0, "{errors}");
    let lines: Vec<Value> =
        shown.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(lines.len(), 4, "{shown}");
    assert_eq!(lines[0]["event"]["id"], "e-1");
    assert_eq!(lines[0]["request"]["method"], "POST");
    let path = format!("/api/now/awa/documents/interaction/{}/offer", document("c-1"));
    assert_eq!(lines[0]["request"]["path"], path);
    assert_eq!(lines[0]["request"]["body"]["assignment"]["timeout"], 25);
    assert_eq!(lines[1]["request"]["path"], "/api/now/awa/inbox/actions/accept");
    assert_eq!(lines[2]["request"], Value::Null);
    assert!(lines[2]["reason"].as_str().is_some_and(|reason| reason.contains("night")), "{shown}");
    assert_eq!(lines[3]["request"], Value::Null);
    assert!(!home.directory.path().join("state.sled").exists(), "nothing is stored");
}

#[test]
fn explain_reads_stdin_and_names_an_unknown_source() {
    use std::io::Write;
    let home = home(&Setup::default());
    let (code, _, errors) = run(&mut home.command(&["explain", "--source", "nobody", "-"]));
    assert_eq!(code, 64);
    assert!(errors.contains("native"), "{errors}");
    let mut child = home
        .command(&["explain", "--source", "native", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("its stdin");
    stdin.write_all(an_offer("e-1", "c-1").to_string().as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let line: Value = serde_json::from_slice(&output.stdout).expect("a line of JSON");
    assert_eq!(line["request"]["body"]["queue_id"], "support-voice");
}

#[test]
fn check_notes_where_no_default_reason_lets_cards_stay() {
    for (row, stays) in [("*", false), ("busy", true)] {
        let reasons = format!("reason,reject_reason\n{row},{BUSY}\n");
        let home = home(&Setup { reasons, ..Setup::default() });
        let (code, reported, errors) = run(&mut home.command(&["check"]));
        assert_eq!(code, 0, "{errors}");
        let note = "note native: reject_reasons.csv has no default reason (row *)";
        assert_eq!(reported.contains(note), stays, "{reported}");
    }
}

#[test]
fn a_folder_of_others_is_no_store() {
    let home = home(&Setup::default());
    let store = home.directory.path().join("theirs");
    std::fs::create_dir(&store).expect("a folder");
    // What a file system of its own has from the start.
    std::fs::create_dir(store.join("lost+found")).expect("a folder");
    let config = std::fs::read_to_string(home.config()).expect("the configuration");
    let own = home.directory.path().join("state.sled").display().to_string();
    let config = config.replace(&own, &store.display().to_string());
    std::fs::write(home.config(), config).expect("the configuration");
    let (code, _, errors) = run(&mut home.command(&["check"]));
    assert_eq!(code, 0, "{errors}");
    std::fs::write(store.join("passwd"), "theirs").expect("a file");
    for command in ["check", "run"] {
        let (code, shown, errors) = run(&mut home.command(&[command]));
        assert_eq!(code, 64, "{command}: {shown}{errors}");
        let said = shown + &errors;
        assert!(said.contains("holds files and is no store"), "{command}: {said}");
    }
    let left = std::fs::read_dir(&store).expect("the folder").count();
    assert_eq!(left, 2, "nothing is made there");
}
