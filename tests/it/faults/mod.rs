//! Faults of the machine, on the built program: a disk, a clock, a network that fail. What the bridge does and says is
//! what docs/operating.md promises, and nothing that was acknowledged is lost.

mod clock;
mod descriptors;
mod disk;
mod machine;
mod network;
mod store_files;

use std::path::Path;
use std::process::Command;

use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour, Sandbox, Switches};
use serde_json::{Value, json};

use super::support::an_offer;
use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Daemon, Home};

/// A sandbox and a home whose events are not carried out before [`heal`].
async fn outage() -> (Sandbox, Home) {
    let switches = Switches { documents_appear: true, ..Switches::default() };
    let sandbox = start_sandbox(switches).await;
    let busy = Misbehaviour::Status { status: 503, body: json!({}), headers: Vec::new() };
    sandbox.inject(Fault::next(busy).times(100_000));
    let home = Home::new(&sandbox.url(), &Setup::default());
    (sandbox, home)
}

fn heal(sandbox: &Sandbox) {
    sandbox.clear_faults();
    sandbox.forget_calls();
}

/// Has so many offers acknowledged.
async fn acknowledged(daemon: &Daemon, count: usize) -> Vec<String> {
    acknowledged_after(daemon, Vec::new(), count).await
}

/// Has so many more acknowledged.
async fn acknowledged_after(daemon: &Daemon, mut ids: Vec<String>, count: usize) -> Vec<String> {
    for number in ids.len()..ids.len() + count {
        let id = format!("e-{number}");
        assert_eq!(daemon.post(&an_offer(&id, &format!("c-{number}"))).await, Some(202));
        ids.push(id);
    }
    ids
}

/// Every one of these offers reached ServiceNow, once.
async fn all_delivered_once(daemon: &Daemon, sandbox: &Sandbox, ids: &[String]) {
    for id in ids {
        let event = daemon.settled(id).await;
        assert_eq!(event["state"], "delivered", "{event:#}");
    }
    let done: Vec<_> = sandbox.calls_to(Endpoint::Offer);
    let done: Vec<_> = done.iter().filter(|call| call.performed == Some(200)).collect();
    assert_eq!(done.len(), ids.len(), "as many offers as events");
}

/// Runs a daemon that is expected not to come up; its exit code and what it said.
async fn refuses(mut command: Command) -> (i32, String) {
    let output = tokio::task::spawn_blocking(move || {
        command.stdin(std::process::Stdio::null());
        let mut child = Command::new("timeout");
        child.args(["--signal=KILL", "20"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => child.env(name, value),
                None => child.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            child.current_dir(directory);
        }
        child.output().expect("the program runs")
    });
    let output = output.await.expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

/// The lines of a log that hold these words.
fn lines(log: &str, words: &str) -> Vec<Value> {
    let said = log.lines().filter(|line| line.contains(words));
    said.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// A copy of a folder of files and folders.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
