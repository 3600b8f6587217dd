//! The built program under systemd's protocol: handed sockets, readiness, status, reload, watchdog, credentials, stop.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use awa_bridge::testing::sandbox::Switches;
use serde_json::json;

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Home, program, root, run, skipped};
use super::support::sign::NATIVE_SECRET;
use super::support::{an_offer, eventually, with};

/// A shell that puts its stdin in place of the first handed socket, and becomes the program.
const HANDING: &str = "exec 3<&0 0</dev/null; export LISTEN_PID=$$; exec \"$0\" \"$@\"";

/// The program as systemd starts it, with this listener handed over.
fn handed(home: &Home, listener: TcpListener) -> Command {
    let plain = home.command(&["run"]);
    let mut command = Command::new("sh");
    command.args(["-c", HANDING]).arg(plain.get_program()).args(plain.get_args());
    command
        .current_dir(home.directory.path())
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", "intake")
        .env_remove("RUST_LOG")
        .stdin(Stdio::from(OwnedFd::from(listener)));
    command
}

/// systemd's end of the notify socket.
pub(crate) struct Ear(pub(crate) UnixDatagram);

impl Ear {
    pub(crate) fn new(home: &Home) -> (Self, std::path::PathBuf) {
        let path = home.directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a notify socket");
        socket.set_nonblocking(true).expect("a socket that does not block");
        (Self(socket), path)
    }

    /// Waits for a message with this assignment; gives that message.
    pub(crate) async fn hears(&self, assignment: &str) -> String {
        eventually(assignment, async || {
            let mut buffer = [0; 4096];
            loop {
                match self.0.recv(&mut buffer) {
                    Ok(length) => {
                        let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
                        if message.lines().any(|line| line.starts_with(assignment)) {
                            return Some(message);
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                    Err(error) => panic!("{error}"),
                }
            }
        })
        .await
    }
}

#[tokio::test]
async fn systemd_hands_a_socket_and_a_credential_over_and_is_told_of_everything() {
    let sandbox = start_sandbox(Switches { documents_appear: true, ..Switches::default() }).await;
    let setup = Setup {
        config: "[sources.native]\nsecrets = [{ credential = \"native-secret\" }]\n".to_owned(),
        ..Setup::default()
    };
    let home = Home::new(&sandbox.url(), &setup);
    let credentials = home.directory.path().join("credentials");
    std::fs::create_dir(&credentials).expect("a folder");
    std::fs::write(credentials.join("native-secret"), NATIVE_SECRET).expect("a credential");
    let (ear, notify) = Ear::new(&home);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    let mut command = handed(&home, listener);
    command
        .env("NOTIFY_SOCKET", &notify)
        .env("CREDENTIALS_DIRECTORY", &credentials)
        .env("WATCHDOG_USEC", "200000");
    let mut daemon = home.started(command).await;
    daemon.intake = format!("http://{address}");

    ear.hears("EXTEND_TIMEOUT_USEC=").await;
    let ready = ear.hears("READY=1").await;
    assert!(ready.contains("STATUS=0 pending; breaker closed"), "{ready}");
    ear.hears("WATCHDOG=1").await;
    ear.hears("WATCHDOG=1").await;
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202), "{}", daemon.log());
    assert_eq!(daemon.settled("e-1").await["state"], "delivered");

    daemon.signal("HUP");
    assert!(ear.hears("RELOADING=1").await.contains("MONOTONIC_USEC="));
    ear.hears("READY=1").await;
    assert_eq!(daemon.post_admin("/v1/hold?by=ada").await.0, 200);
    let held = ear.hears("STATUS=0 pending; breaker closed; held").await;
    assert!(held.contains("held by an operator"), "{held}");

    daemon.signal("TERM");
    ear.hears("STOPPING=1").await;
    assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
}

#[tokio::test]
async fn callers_wait_in_the_handed_socket_while_the_daemon_restarts() {
    let sandbox = start_sandbox(Switches { documents_appear: true, ..Switches::default() }).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    let copy = || listener.try_clone().expect("a copy of the socket");
    let mut first = home.started(handed(&home, copy())).await;
    first.signal("TERM");
    assert_eq!(first.ended().await, Some(0));
    drop(first);
    let caller =
        std::net::TcpStream::connect(address).expect("nobody is refused between two daemons");
    let mut second = home.started(handed(&home, copy())).await;
    second.intake = format!("http://{address}");
    assert_eq!(second.post(&an_offer("e-1", "c-1")).await, Some(202));
    drop(caller);
}

#[test]
fn a_socket_that_nobody_would_serve_exits_with_64() {
    let home = Home::new("http://127.0.0.1:9", &Setup::default());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut command = handed(&home, listener);
    command.env("LISTEN_FDNAMES", "web");
    let output = command.output().expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{errors}");
    assert!(errors.contains("`web`") && errors.contains("FileDescriptorName"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_needs_no_other_program() {
    let sandbox = start_sandbox(Setup::default().switches).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let daemon = home.start().await;
    let offer = with(an_offer("e-1", "c-1"), json!({ "queue": "night", "timeout_seconds": 60 }));
    assert_eq!(daemon.post(&offer).await, Some(202));
    let queues = "queue,channel,external_id\nnight,,support-voice\n";
    let tables = home.directory.path().join("mappings/sources/native");
    std::fs::write(tables.join("queues.csv"), queues).expect("the table");
    let unit =
        std::fs::read_to_string(root().join("systemd/awa-bridge.service")).expect("the unit");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecReload=/usr/bin/awa-bridge "));
    let line = line.expect("a reload by the program itself");
    let pid = daemon.pid().to_string();
    let words: Vec<_> = line.split(' ').map(|word| word.replace("$MAINPID", &pid)).collect();
    let (code, _, errors) = run(program().args(words).env_clear());
    assert_eq!(code, 0, "{errors}");
    assert_eq!(daemon.settled("e-1").await["state"], "delivered", "the table was read again");
}

#[test]
fn the_unit_never_gives_up() {
    let unit =
        std::fs::read_to_string(root().join("systemd/awa-bridge.service")).expect("the unit");
    let lines: Vec<_> = unit.lines().collect();
    for line in ["StartLimitIntervalSec=0", "RestartSteps=8", "RestartMaxDelaySec=1min"] {
        assert!(lines.contains(&line), "{line}");
    }
    assert!(!unit.contains("StartLimitBurst"));
    let socket =
        std::fs::read_to_string(root().join("systemd/awa-bridge.socket")).expect("the socket unit");
    for line in ["TriggerLimitIntervalSec=10s", "TriggerLimitBurst=10"] {
        assert!(
            socket.lines().any(|one| one == line),
            "{line}: more often than RestartSec= allows"
        );
    }
}

#[test]
fn the_unit_lets_the_service_s_group_give_orders() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).expect("a file");
    let unit = read("systemd/awa-bridge.service");
    for line in ["User=awa-bridge", "RuntimeDirectory=awa-bridge", "RuntimeDirectoryMode=0750"] {
        assert!(unit.lines().any(|one| one == line), "{line}");
    }
    assert!(read("systemd/awa-bridge.sysusers").contains("\nu awa-bridge "));
}

#[test]
fn an_open_admin_socket_without_a_token_exits_with_64() {
    let home = Home::new("http://127.0.0.1:9", &Setup::default());
    let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let mut command = handed(&home, listener);
    command.env("LISTEN_FDNAMES", "admin");
    let output = command.output().expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{errors}");
    assert!(errors.contains("admin.token"), "{errors}");
}

#[test]
fn a_credential_that_is_not_there_is_named_and_exits_with_64() {
    let setup = Setup {
        config: "[sources.native]\nsecrets = [{ credential = \"native-secret\" }]\n".to_owned(),
        ..Setup::default()
    };
    let home = Home::new("http://127.0.0.1:9", &setup);
    let (code, _, errors) = run(home.command(&["run"]).env_remove("CREDENTIALS_DIRECTORY"));
    assert_eq!(code, 64, "{errors}");
    assert!(
        errors.contains("native-secret") || errors.contains("CREDENTIALS_DIRECTORY"),
        "{errors}"
    );
}

#[test]
fn the_unit_is_hardened() {
    let unit = root().join("systemd/awa-bridge.service");
    let analyzed = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=15", "--no-pager"])
        .arg(&unit)
        .output();
    let Ok(output) = analyzed else {
        skipped("systemd-analyze is not installed");
        return;
    };
    let shown = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("unrecognized option") {
        skipped("this systemd-analyze knows no --offline");
        return;
    }
    assert!(output.status.success(), "{}\n{errors}", shown.lines().last().unwrap_or_default());
}

#[test]
fn the_unit_keeps_to_the_programs_exit_codes_and_times() {
    let unit =
        std::fs::read_to_string(root().join("systemd/awa-bridge.service")).expect("the unit");
    for line in [
        "Type=notify",
        "RestartPreventExitStatus=64",
        "WatchdogSec=30s",
        "TimeoutAbortSec=10s",
        "TimeoutStopSec=45s",
    ] {
        assert!(unit.lines().any(|one| one.starts_with(line)), "{line}");
    }
    let (code, _, _) = run(program().args(["run", "--frobnicate"]));
    assert_eq!(code, 64);
}
