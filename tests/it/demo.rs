//! What a stranger sees first: `demo` ends well, wherever it is started.

use super::support::program::{program, run};

#[test]
fn the_demonstration_ends_as_expected_anywhere() {
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let (code, shown, errors) = run(program().arg("demo").current_dir(elsewhere.path()));
    assert_eq!(code, 0, "{shown}\n{errors}");
    for word in ["delivered", "expired", "parked", "dead", "duplicate", "204", "no answer"] {
        assert!(shown.contains(word), "{word} is not shown:\n{shown}");
    }
    assert!(!shown.contains("NOT AS EXPECTED"), "{shown}");
    let left = std::fs::read_dir(elsewhere.path()).expect("the folder").count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[test]
fn every_run_of_the_demonstration_shows_the_same() {
    let shown = || {
        let (code, shown, errors) = run(program().arg("demo"));
        assert_eq!(code, 0, "{shown}\n{errors}");
        let lines = shown.lines().skip_while(|line| line.contains("http://127.0.0.1:"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let first = shown();
    for _ in 0..4 {
        assert_eq!(shown(), first);
    }
}
