//! A bridge in this process with its sandbox, and the questions that stories ask of both.

use std::path::{Path, PathBuf};
use std::time::Duration;

use awa_bridge::testing::Shutdown;
use awa_bridge::testing::app::{self, Listeners};
use awa_bridge::testing::config::Settings;
use awa_bridge::testing::sandbox::{Endpoint, RecordedCall, Sandbox, Switches, World};
use reqwest::{Client, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::sign::{NATIVE_SECRET, standard_webhooks};
use super::{ADA, BUSY, GRACE, eventually, fresh_id};

/// What a story may set before the bridge starts.
pub(crate) struct Setup {
    /// Added to the configuration.
    pub(crate) config: String,
    pub(crate) switches: Switches,
    /// `queues.csv`, `agents.csv`, `reject_reasons.csv` of contact centre `native`.
    pub(crate) queues: String,
    pub(crate) agents: String,
    pub(crate) reasons: String,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            config: String::new(),
            switches: Switches { documents_appear: true, ..Switches::default() },
            queues: "queue,channel,external_id\nsupport,,support-voice\nsales,,sales-voice\n"
                .to_owned(),
            agents: format!("agent,sys_id\nada,{ADA}\ngrace,{GRACE}\n"),
            reasons: format!("reason,reject_reason\nbusy,{BUSY}\n*,{BUSY}\n"),
        }
    }
}

/// A running bridge and its sandbox.
pub(crate) struct Bridge {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: Client,
    pub(crate) directory: TempDir,
    pub(crate) intake: String,
    pub(crate) admin: String,
    /// What the admin address asks for.
    pub(crate) token: String,
    running: Option<app::Bridge>,
    config: String,
}

impl Bridge {
    /// With the usual tables and nothing special.
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// With this added to the configuration.
    pub(crate) async fn configured(config: &str) -> Self {
        Self::with(Setup { config: config.to_owned(), ..Setup::default() }).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        write_mappings(directory.path(), &setup);
        let sandbox = start_sandbox(setup.switches).await;
        let config = config(directory.path(), &sandbox.url(), &setup.config);
        let http = http_client();
        let mut bridge = Self {
            sandbox,
            http,
            directory,
            intake: String::new(),
            admin: String::new(),
            token: String::new(),
            running: None,
            config,
        };
        bridge.run().await;
        bridge.sandbox.forget_calls();
        bridge
    }

    /// Starts the daemon over the store that is there, and waits until it has asked whether it may look up.
    async fn run(&mut self) {
        let settings =
            Settings::parse(&self.config, "test.toml").expect("the test's configuration");
        let bind = async || TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let listeners = Listeners { intake: bind().await, admin: bind().await };
        let running =
            app::start(settings, listeners, Shutdown::new()).await.expect("the bridge starts");
        self.intake = format!("http://{}", running.intake);
        self.admin = format!("http://{}", running.admin);
        self.token = admin_token(self.directory.path());
        self.running = Some(running);
        let reads = || self.sandbox.calls_to(Endpoint::TableRead);
        let before = reads().len();
        if before == 0 {
            // It is asked once: on a machine that is busy its time may be over before it is answered.
            let asked = eventually("the question whether look-ups are allowed", async || {
                reads().iter().any(|call| call.status.is_some()).then_some(())
            });
            _ = tokio::time::timeout(Duration::from_secs(10), asked).await;
        }
    }

    /// Stops the daemon in order and starts it again over the same store.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.run().await;
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await.expect("an orderly stop");
        }
    }

    /// Posts an event, or an array of them, to source `native`, signed; the `webhook-id` is a fresh one.
    pub(crate) async fn post(&self, body: &Value) -> (u16, Value) {
        let id = fresh_id();
        let response = self.deliver("native", &id, body.to_string().as_bytes()).await;
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// Posts and expects that it is stored.
    pub(crate) async fn accept(&self, body: &Value) {
        let (status, answer) = self.post(body).await;
        assert_eq!(status, 202, "{answer}");
    }

    /// Posts bytes to a source with a Standard Webhooks signature of now.
    pub(crate) async fn deliver(&self, source: &str, id: &str, body: &[u8]) -> Response {
        let timestamp = awa_bridge::testing::clock::now().0 / 1000;
        self.http
            .post(format!("{}/webhooks/{source}", self.intake))
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", standard_webhooks(NATIVE_SECRET, id, timestamp, body))
            .body(body.to_vec())
            .send()
            .await
            .expect("the intake answers")
    }

    /// What the admin address answers.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let response =
            self.http.get(format!("{}{path}", self.admin)).bearer_auth(&self.token).send().await;
        let response = response.expect("the admin address answers");
        let status = response.status().as_u16();
        let text = response.text().await.expect("an answer in full");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(crate) async fn post_admin(&self, path: &str) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.admin)).bearer_auth(&self.token);
        let response = request.send().await;
        let response = response.expect("the admin address answers");
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// The event once it has ended.
    pub(crate) async fn settled(&self, id: &str) -> Value {
        eventually(&format!("event {id} to be settled"), async || {
            let (_, event) = self.get(&format!("/v1/events/native/{id}")).await;
            event.get("settled_at").is_some_and(Value::is_string).then_some(event)
        })
        .await
    }

    /// Waits until the event has ended, and that it ended so.
    pub(crate) async fn ends(&self, id: &str, state: &str) -> Value {
        let event = self.settled(id).await;
        assert_eq!(event["state"], state, "{event:#}");
        event
    }

    /// Waits until the event is in a state that is not its last.
    pub(crate) async fn reaches(&self, id: &str, state: &str) -> Value {
        eventually(&format!("event {id} to be {state}"), async || {
            let (_, event) = self.get(&format!("/v1/events/native/{id}")).await;
            (event["state"] == state).then_some(event)
        })
        .await
    }

    /// The sandbox's calls of one kind.
    pub(crate) fn calls(&self, endpoint: Endpoint) -> Vec<RecordedCall> {
        self.sandbox.calls_to(endpoint)
    }

    /// All calls that change something, in order.
    pub(crate) fn writes(&self) -> Vec<RecordedCall> {
        let kind = |call: &RecordedCall| {
            !matches!(
                call.endpoint,
                Endpoint::TableRead | Endpoint::RejectReasons | Endpoint::Token
            )
        };
        self.sandbox.calls().into_iter().filter(kind).collect()
    }
}

/// The token that the daemon has made beside its store; empty where it made none.
pub(crate) fn admin_token(directory: &Path) -> String {
    let text = std::fs::read_to_string(directory.join("admin-token")).unwrap_or_default();
    text.trim_end().to_owned()
}

/// A client that trusts nothing but what it is given.
pub(crate) fn http_client() -> Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder().no_proxy().build().expect("a client")
}

/// A sandbox whose world has the queues, agents and reject reasons of the usual tables.
pub(crate) async fn start_sandbox(switches: Switches) -> Sandbox {
    let mut world = World::demo();
    let voice = awa_bridge::testing::sandbox::world::VOICE;
    let sales = awa_bridge::testing::sandbox::world::sys_id_of("queue sales");
    world.add_queue(sales, "Sales", Some("sales-voice"), voice);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let sandbox = Sandbox::start(listener, world).expect("the sandbox starts");
    sandbox.set_switches(switches);
    sandbox
}

/// The shipped profiles that the story names, since `check` tries all that are there, and its own tables.
pub(crate) fn write_mappings(directory: &Path, setup: &Setup) {
    let mappings = directory.join("mappings");
    let tables = mappings.join("sources/native");
    std::fs::create_dir_all(&tables).expect("a folder for the tables");
    let vendors = mappings.join("vendors");
    std::fs::create_dir(&vendors).expect("a folder for the profiles");
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("mappings/vendors");
    for shipped in std::fs::read_dir(shipped).expect("the shipped profiles") {
        let shipped = shipped.expect("an entry");
        let vendor = shipped.file_name().into_string().expect("a plain name");
        if vendor == "native" || setup.config.contains(&format!("\"{vendor}\"")) {
            std::os::unix::fs::symlink(shipped.path(), vendors.join(vendor)).expect("a link");
        }
    }
    for (file, text) in [
        ("queues.csv", &setup.queues),
        ("agents.csv", &setup.agents),
        ("reject_reasons.csv", &setup.reasons),
    ] {
        std::fs::write(tables.join(file), text).expect("a table is written");
    }
}

/// A configuration over the sandbox, fast enough for tests, with source `native`.
pub(crate) fn config(directory: &Path, instance: &str, more: &str) -> String {
    let mut sections: Vec<(&str, Vec<String>)> = vec![
        ("intake", vec!["listen = \"127.0.0.1:0\"".into()]),
        ("admin", vec!["listen = \"127.0.0.1:0\"".into()]),
        (
            "servicenow",
            vec![
                format!("instance = \"{instance}\""),
                "auth = { kind = \"basic\", username = \"bridge\", password = \"change-me\" }"
                    .into(),
                "request_timeout = \"2s\"".into(),
            ],
        ),
        ("rate_limit", vec!["per_second = 500".into(), "burst = 100".into()]),
        (
            "retry",
            vec![
                "initial = \"20ms\"".into(),
                "max = \"200ms\"".into(),
                "hold = \"300ms\"".into(),
                "agent_unavailable = [\"50ms\", \"100ms\"]".into(),
            ],
        ),
        ("store", store(directory)),
        ("mappings", vec![format!("directory = \"{}\"", directory.join("mappings").display())]),
        (
            "sources.native",
            vec!["vendor = \"native\"".into(), format!("secrets = [\"{NATIVE_SECRET}\"]")],
        ),
    ];
    if std::env::var_os(OVER).is_some() {
        sections.push(("store.postgres", over(directory)));
    }
    overlay(&mut sections, more)
}

/// Names the server over which all stories are told, each in a schema of its own; none: over files.
pub(crate) const OVER: &str = "STORIES_OVER";

fn store(directory: &Path) -> Vec<String> {
    let engine = if std::env::var_os(OVER).is_some() { "postgres" } else { "sled" };
    let path = directory.join("state.sled");
    vec![format!("engine = \"{engine}\""), format!("path = \"{}\"", path.display())]
}

fn over(directory: &Path) -> Vec<String> {
    let Ok(url) = std::env::var(OVER) else { return Vec::new() };
    let name = directory.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    vec![format!("url = \"{url}\""), format!("schema = \"s_{name}\"")]
}

/// Writes the sections out, with the lines of `more` in place of or beside those of the same section and key.
fn overlay<'a>(sections: &mut Vec<(&'a str, Vec<String>)>, more: &'a str) -> String {
    let mut current = 0;
    for line in more.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            current =
                sections.iter().position(|(section, _)| *section == name).unwrap_or_else(|| {
                    sections.push((name, Vec::new()));
                    sections.len() - 1
                });
        } else {
            let key = line.split('=').next().unwrap_or_default().trim().to_owned();
            let lines = &mut sections[current].1;
            lines.retain(|old| old.split('=').next().unwrap_or_default().trim() != key);
            lines.push(line.to_owned());
        }
    }
    let sections = sections.iter().map(|(name, lines)| format!("[{name}]\n{}\n", lines.join("\n")));
    sections.collect::<Vec<_>>().join("\n")
}
