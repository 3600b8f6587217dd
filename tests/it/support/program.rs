//! The built program as a process of its own: started, asked, killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;

use super::bridge::{Setup, admin_token, config, http_client, write_mappings};
use super::sign::{NATIVE_SECRET, standard_webhooks};
use super::{eventually, fresh_id};

/// How often the daemon is asked whether it listens, every 10 ms.
const PATIENCE: u32 = 6_000;

/// The program's command line.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_awa-bridge"));
    command.env_remove("RUST_LOG");
    command
}

/// A folder with a configuration, tables and a store, for the program to run in.
pub(crate) struct Home {
    pub(crate) directory: TempDir,
    intake: u16,
    admin: u16,
}

impl Home {
    /// A home whose daemon speaks to that instance.
    pub(crate) fn new(instance: &str, setup: &Setup) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        write_mappings(directory.path(), setup);
        let (intake, admin) = (free_port(), free_port());
        let ports = format!(
            "[intake]\nlisten = \"127.0.0.1:{intake}\"\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n{}",
            setup.config
        );
        let text = config(directory.path(), instance, &ports);
        std::fs::write(directory.path().join("config.toml"), text).expect("the configuration");
        Self { directory, intake, admin }
    }

    /// A profile of the story's own beside the shipped ones.
    pub(crate) fn own_vendor(&self, vendor: &str, toml: &str, jq: &str) {
        let vendors = self.directory.path().join("mappings/vendors");
        let folder = vendors.join(vendor);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("vendor.toml"), toml).expect("a profile");
        std::fs::write(folder.join("events.jq"), jq).expect("a filter");
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.directory.path().join("config.toml")
    }

    /// A command of the program with this home's configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command
            .arg("--config")
            .arg(self.config())
            .args(arguments)
            .current_dir(self.directory.path());
        command
    }

    /// Where webhooks go, unless a socket is handed over.
    pub(crate) fn intake(&self) -> String {
        format!("http://127.0.0.1:{}", self.intake)
    }

    /// Starts the daemon and waits until it listens.
    pub(crate) async fn start(&self) -> Daemon {
        self.started(self.command(&["run"])).await
    }

    /// The same, where no file may grow past so many KiB.
    pub(crate) async fn start_limited(&self, kib: u32) -> Daemon {
        let own = self.command(&["run"]);
        let mut command = Command::new("bash");
        command
            .args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &kib.to_string()])
            .arg(own.get_program())
            .args(own.get_args())
            .current_dir(self.directory.path())
            .env_remove("RUST_LOG");
        self.started(command).await
    }

    /// Starts the daemon by this command and waits until it listens.
    pub(crate) async fn started(&self, command: Command) -> Daemon {
        match self.tried(command).await {
            Ok(daemon) => daemon,
            Err((_, log)) => panic!("the daemon ended instead of listening:\n{log}"),
        }
    }

    /// Starts the daemon by this command; its exit code and its log if it ends instead of listening.
    pub(crate) async fn tried(&self, command: Command) -> Result<Daemon, (Option<i32>, String)> {
        self.listening(self.starting(command)).await
    }

    /// Starts the daemon by this command, and does not wait until it listens.
    pub(crate) fn starting(&self, mut command: Command) -> Daemon {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        let readers = vec![
            follow(child.stdout.take().expect("its stdout"), Arc::clone(&log)),
            follow(child.stderr.take().expect("its stderr"), Arc::clone(&log)),
        ];
        self.daemon(child, log, readers)
    }

    /// Starts the daemon with this stdout, which nobody follows, and waits until it listens.
    pub(crate) async fn unheard(&self, mut command: Command, stdout: impl Into<Stdio>) -> Daemon {
        let child = command.stdout(stdout).spawn().expect("the program starts");
        self.arrived(self.daemon(child, Arc::default(), Vec::new())).await
    }

    /// Waits until it listens.
    pub(crate) async fn arrived(&self, daemon: Daemon) -> Daemon {
        match self.listening(daemon).await {
            Ok(daemon) => daemon,
            Err((code, log)) => {
                panic!("the daemon ended with {code:?} instead of listening:\n{log}")
            }
        }
    }

    fn daemon(
        &self,
        child: Child,
        log: Arc<Mutex<String>>,
        readers: Vec<JoinHandle<()>>,
    ) -> Daemon {
        Daemon {
            child,
            log,
            readers,
            http: http_client(),
            intake: self.intake(),
            admin: format!("http://127.0.0.1:{}", self.admin),
            home: self.directory.path().to_owned(),
        }
    }

    async fn listening(&self, mut daemon: Daemon) -> Result<Daemon, (Option<i32>, String)> {
        for _ in 0..PATIENCE {
            if daemon.http.get(format!("{}/livez", daemon.admin)).send().await.is_ok() {
                return Ok(daemon);
            }
            if daemon.child.try_wait().expect("it can be waited for").is_some() {
                return Err((daemon.ended().await, daemon.log()));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the daemon does not listen:\n{}", daemon.log());
    }
}

/// The running daemon; killed when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    log: Arc<Mutex<String>>,
    /// They end with the daemon's output.
    readers: Vec<JoinHandle<()>>,
    http: Client,
    pub(crate) intake: String,
    pub(crate) admin: String,
    home: PathBuf,
}

impl Daemon {
    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_none()
    }

    /// Sends a signal by name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// The exit code, once it has ended.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let child = Mutex::new(&mut self.child);
        let ended = eventually("the daemon to end", async || {
            child.lock().expect("no panic").try_wait().expect("it can be waited for")
        })
        .await;
        for reader in self.readers.drain(..) {
            reader.join().expect("no panic");
        }
        ended.code()
    }

    /// Waits until it has said this: what it writes takes a moment to come through the pipe.
    pub(crate) async fn says(&self, words: &str) -> String {
        eventually(&format!("the log to say {words:?}"), async || {
            let log = self.log();
            log.contains(words).then_some(log)
        })
        .await
    }

    /// Everything that it has said so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no panic").clone()
    }

    /// Posts an event to `native`; none if no answer came.
    pub(crate) async fn post(&self, body: &Value) -> Option<u16> {
        self.post_to("native", body).await
    }

    /// Posts an event to a source with the secret of `native`; none if no answer came.
    pub(crate) async fn post_to(&self, source: &str, body: &Value) -> Option<u16> {
        self.post_signed(source, body, NATIVE_SECRET).await
    }

    /// Posts an event to a source with any secret; none if no answer came.
    pub(crate) async fn post_signed(
        &self,
        source: &str,
        body: &Value,
        secret: &str,
    ) -> Option<u16> {
        let id = fresh_id();
        let timestamp = awa_bridge::testing::clock::now().0 / 1000;
        let body = body.to_string();
        let signature = standard_webhooks(secret, &id, timestamp, body.as_bytes());
        let response = self
            .http
            .post(format!("{}/webhooks/{source}", self.intake))
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .await
            .ok()?;
        Some(response.status().as_u16())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.admin)).bearer_auth(self.token());
        let response = request.send().await;
        let text = response.expect("the admin address answers").text().await.expect("an answer");
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    /// What the admin address asks for.
    pub(crate) fn token(&self) -> String {
        admin_token(&self.home)
    }

    /// POST to the admin address, with its status.
    pub(crate) async fn post_admin(&self, path: &str) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.admin)).bearer_auth(self.token());
        let response = request.send().await;
        let response = response.expect("the admin address answers");
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// The event once it has ended.
    pub(crate) async fn settled(&self, id: &str) -> Value {
        eventually(&format!("event {id} to be settled"), async || {
            let event = self.get(&format!("/v1/events/native/{id}")).await;
            event.get("settled_at").is_some_and(Value::is_string).then_some(event)
        })
        .await
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a command printed, and its exit code.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program prints text");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// Says that this test does not run on this machine, and why. With `CI=true` that is a failure: there everything runs.
pub(crate) fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{test} must run here: {why}");
    // Not `eprintln!`, whose lines are shown of failed tests only.
    let line = format!("SKIPPED: {test}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("the tests have a standard error");
}

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The shipped configuration without what is an example in it: the program's own defaults.
pub(crate) fn defaults() -> toml::Table {
    let mut shipped: toml::Table =
        toml::from_str(include_str!("../../../config.toml")).expect("it is TOML");
    shipped.remove("sources");
    let servicenow = shipped["servicenow"].as_table_mut().expect("a section");
    servicenow.retain(|key, value| !value.is_table() && key != "instance");
    shipped
}

fn free_port() -> u16 {
    let listener = awa_bridge::testing::sandbox::stable_port().expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn follow(stream: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut log = log.lock().expect("no panic");
            log.push_str(&line);
            log.push('\n');
        }
    })
}
