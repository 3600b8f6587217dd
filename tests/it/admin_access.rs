//! Who may ask the admin address: loopback is no login.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;

use super::support::an_offer;
use super::support::bridge::{Bridge, Setup, admin_token, http_client, start_sandbox};
use super::support::program::{Home, run};

/// Sends a request as it is written and gives the status of its answer and all of the answer.
fn raw(admin: &str, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(admin.trim_start_matches("http://")).expect("it listens");
    stream.write_all(request.as_bytes()).expect("the request goes out");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status: {answer}")), answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_only_health_metrics_and_the_empty_page_are_told() {
    let bridge = Bridge::start().await;
    bridge.accept(&an_offer("e-1", "c-1")).await;
    bridge.ends("e-1", "delivered").await;

    for path in ["/livez", "/readyz", "/metrics", "/", "/page.js", "/page.css", "/icon.svg"] {
        let answer = bridge.http.get(format!("{}{path}", bridge.admin)).send().await;
        assert_eq!(answer.expect("an answer").status(), 200, "{path}");
    }
    let ready = bridge.http.get(format!("{}/readyz", bridge.admin)).send().await;
    let ready: Value = ready.expect("an answer").json().await.expect("JSON");
    assert_eq!(ready, serde_json::json!({ "ready": true }));
    assert!(bridge.get("/readyz").await.1["reasons"].is_array(), "with the token all is shown");

    let body = "/v1/events/native/e-1/body";
    for path in ["/v1/status", "/v1/events", "/v1/events/native/e-1", body, "/v1", "/v1/nothing"] {
        let answer = bridge.http.get(format!("{}{path}", bridge.admin)).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 401, "{path}");
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    }
    for path in
        ["hold", "resume", "reload", "events/native/e-1/replay", "events/native/e-1/discard"]
    {
        let url = format!("{}/v1/{path}", bridge.admin);
        let wrong = bridge.http.post(&url).bearer_auth(format!("{}0", bridge.token)).send().await;
        assert_eq!(wrong.expect("an answer").status(), 401, "{path}");
        let none = bridge.http.post(&url).send().await;
        assert_eq!(none.expect("an answer").status(), 401, "{path}");
    }
    assert_eq!(bridge.get("/readyz").await.1["held"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scheme_of_the_token_is_written_in_any_case() {
    let bridge = Bridge::start().await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = bridge.http.get(format!("{}/v1/status", bridge.admin));
        let request = request.header("authorization", format!("{scheme} {}", bridge.token));
        assert_eq!(request.send().await.expect("an answer").status(), 200, "{scheme}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_page_and_another_host_are_refused_even_with_the_token() {
    let bridge = Bridge::start().await;
    let at = bridge.admin.trim_start_matches("http://").to_owned();
    let port = at.rsplit(':').next().expect("a port");
    let ask = |head: &str| {
        let token = &bridge.token;
        let head = format!("{head}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
        raw(&bridge.admin, &head)
    };
    for headers in [
        "host: evil.example".to_owned(),
        format!("host: rebind.example:{port}"),
        format!("host: 192.0.2.1:{port}"),
        format!("host: 127.0.0.1.evil.example:{port}"),
        format!("host: {at}\r\nhost: evil.example"),
        format!("host: {at}\r\norigin: https://evil.example"),
        format!("host: {at}\r\norigin: null"),
        format!("host: {at}\r\norigin: http://127.0.0.1:1"),
        format!("host: {at}\r\nsec-fetch-site: cross-site"),
    ] {
        for request in ["POST /v1/hold", "GET /", "GET /page.js"] {
            let (status, answer) = ask(&format!("{request} HTTP/1.1\r\n{headers}"));
            assert_eq!(status, 403, "{request} {headers}: {answer}");
        }
    }
    for (path, status) in [("/v1/status", 403), ("/", 403), ("/livez", 200)] {
        let (given, answer) = ask(&format!("GET {path} HTTP/1.0"));
        assert_eq!(given, status, "without a Host, {path}: {answer}");
    }
    for (target, host, status) in [
        ("evil.example", at.as_str(), 403),
        (at.as_str(), "evil.example", 403),
        ("evil.example", "evil.example", 403),
        (at.as_str(), at.as_str(), 200),
    ] {
        let absolute = format!("GET http://{target}/v1/status HTTP/1.1\r\nhost: {host}");
        assert_eq!(ask(&absolute).0, status, "{absolute}");
    }
    assert_eq!(bridge.get("/v1/status").await.1["held"], Value::Null, "nothing was held");

    for headers in [
        format!("host: {at}\r\norigin: http://{at}"),
        format!("host: {at}\r\nsec-fetch-site: same-origin"),
        format!("host: localhost:{port}\r\norigin: http://localhost:{port}"),
        "host: [::1]".to_owned(),
    ] {
        let (status, answer) = ask(&format!("GET /v1/status HTTP/1.1\r\n{headers}"));
        assert_eq!(status, 200, "{headers}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_made_once_and_is_for_the_daemon_s_user_alone() {
    let mut bridge = Bridge::start().await;
    let file = bridge.directory.path().join("admin-token");
    let mode = || std::fs::symlink_metadata(&file).expect("the token").permissions().mode();
    assert_eq!(mode() & 0o7777, 0o600);
    let text = std::fs::read_to_string(&file).expect("the token");
    assert!(text.len() > 32 && text.ends_with('\n') && text.lines().count() == 1, "{text:?}");

    let first = bridge.token.clone();
    bridge.restart().await;
    assert_eq!(bridge.token, first, "a restart keeps it");

    // Whoever could read or write it may know it.
    bridge.stop().await;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    bridge.restart().await;
    assert_ne!(bridge.token, first);
    assert_eq!(mode() & 0o7777, 0o600);

    // A link is replaced, not followed.
    bridge.stop().await;
    let planted = bridge.directory.path().join("planted");
    std::fs::write(&planted, "0".repeat(64)).expect("a file");
    std::fs::set_permissions(&planted, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    std::fs::remove_file(&file).expect("the token was there");
    symlink(&planted, &file).expect("a link");
    bridge.restart().await;
    assert!(std::fs::symlink_metadata(&file).expect("the token").is_file());
    assert_eq!(std::fs::read_to_string(&planted).expect("the file").len(), 64);
    assert_ne!(bridge.token, "0".repeat(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_read_the_token_by_themselves() {
    let sandbox = start_sandbox(Setup::default().switches).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let daemon = home.start().await;
    let (code, out, errors) = run(&mut home.command(&["events", "list"]));
    assert_eq!(code, 0, "{out}{errors}");
    let (code, out, errors) = run(&mut home.command(&["hold"]));
    assert_eq!(code, 0, "{out}{errors}");

    // Another daemon's token, and one that may not be read.
    let file = home.directory.path().join("admin-token");
    let own = std::fs::read_to_string(&file).expect("the token");
    std::fs::write(&file, "0".repeat(64)).expect("a file");
    let (code, _, errors) = run(&mut home.command(&["events", "list"]));
    assert!(code == 1 && errors.contains("admin-token is of another daemon"), "{code} {errors}");
    std::fs::remove_file(&file).expect("the token was there");
    let (code, _, errors) = run(&mut home.command(&["events", "list"]));
    assert!(code == 1 && errors.contains("admin-token is not there"), "{code} {errors}");
    std::fs::create_dir(&file).expect("a folder in its place, which nobody can read as a file");
    let (code, _, errors) = run(&mut home.command(&["events", "list"]));
    assert!(code == 1 && errors.contains("cannot be read from"), "{code} {errors}");
    assert!(!errors.contains(own.trim_end()));
    assert!(!daemon.log().contains(own.trim_end()), "the log does not tell it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_the_token_can_be_elsewhere() {
    let sandbox = start_sandbox(Setup::default().switches).await;
    let config = "[admin]\ntoken_file = \"run/token\"\n".to_owned();
    let home = Home::new(&sandbox.url(), &Setup { config, ..Setup::default() });
    let (code, _, errors) = run(&mut home.command(&["run"]));
    assert!(code == 64 && errors.contains("admin.token_file"), "no such folder: {code} {errors}");
    std::fs::create_dir(home.directory.path().join("run")).expect("a folder");
    let daemon = home.start().await;
    assert_eq!(run(&mut home.command(&["events", "list"])).0, 0, "{}", daemon.log());
    assert_eq!(admin_token(home.directory.path()), "", "none beside the store");
    let unasked = http_client().get(format!("{}/v1/status", daemon.admin)).send().await;
    assert_eq!(unasked.expect("an answer").status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_s_group_finds_a_copy_in_the_runtime_directory() {
    let sandbox = start_sandbox(Setup::default().switches).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let runtime = home.directory.path().join("run");
    std::fs::create_dir(&runtime).expect("a folder");
    let mut command = home.command(&["run"]);
    command.env("RUNTIME_DIRECTORY", &runtime);
    let daemon = home.started(command).await;
    let copy = runtime.join("admin-token");
    let mode = |file: &std::path::Path| {
        std::fs::symlink_metadata(file).expect("the token").permissions().mode() & 0o7777
    };
    assert_eq!(mode(&copy), 0o640);
    assert_eq!(mode(&home.directory.path().join("admin-token")), 0o600);
    let text = std::fs::read_to_string(&copy).expect("the copy");
    assert_eq!(text.trim_end(), daemon.token());
}

#[test]
fn a_command_sends_no_file_but_a_token() {
    let home = Home::new("http://127.0.0.1:9", &Setup::default());
    let file = home.directory.path().join("admin-token");
    let secret = home.directory.path().join("secret");
    std::fs::write(&secret, "a password of another service\n").expect("a file");
    for linked in [true, false] {
        match linked {
            true => symlink(&secret, &file).expect("a link"),
            false => std::fs::copy(&secret, &file).map(drop).expect("a copy"),
        }
        let (code, _, errors) = run(&mut home.command(&["events", "list"]));
        assert!(code == 1 && errors.contains("cannot be read from"), "{code} {errors}");
        std::fs::remove_file(&file).expect("it was there");
    }
}
