//! The demonstration: a sandbox, a bridge over it with a store of its own, and vendors' requests played through both.
//!
//! Everything goes in as from outside: signed HTTP requests to the intake, questions to the admin address.

#![expect(clippy::disallowed_methods, reason = "the demonstration has the process to itself")]

mod script;

use std::path::Path;
use std::time::Duration;

use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::files::Files;
use super::{Bridge, Failure, Host, Listeners, sandbox_world, shipped};
use crate::base_url::BaseUrl;
use crate::clock;
use crate::config::Settings;
use crate::routing::SysId;
use crate::sandbox::{RecordedCall, Sandbox, Switches, World};
use crate::shutdown::Shutdown;
use crate::source::{Reading, Request, samples};
use script::{Origin, Step};

/// How long an event of the demonstration may take to get where it should.
const PATIENCE: Duration = Duration::from_secs(20);

/// What became of one step.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) number: usize,
    pub(crate) source: String,
    /// What came in.
    pub(crate) title: String,
    /// How the vendor was answered.
    pub(crate) answer: String,
    pub(crate) events: Vec<ShownEvent>,
    /// Each call to AWA that the step led to, with its answer.
    pub(crate) calls: Vec<String>,
    /// Whether everything was as expected.
    pub(crate) expected: bool,
}

/// What became of one event.
#[derive(Debug)]
pub(crate) struct ShownEvent {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) state: String,
    pub(crate) reason: String,
}

/// The sandbox, the bridge and what the demonstration needs while its steps run.
pub(crate) struct Demo {
    _directory: TempDir,
    sandbox: Sandbox,
    bridge: Bridge,
    files: Files,
    mappings: std::path::PathBuf,
    http: Client,
    /// Of the admin address.
    token: SecretString,
}

impl Demo {
    /// Starts sandbox and bridge on free ports with a temporary store.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn start() -> Result<Self, Failure> {
        let broken =
            |what: &str, error: &dyn std::fmt::Display| Failure::Broken(format!("{what}: {error}"));
        let directory =
            tempfile::tempdir().map_err(|error| broken("no temporary directory", &error))?;
        let mappings = directory.path().join("mappings");
        std::fs::create_dir(&mappings)
            .and_then(|()| shipped::unpack(&mappings))
            .map_err(|error| broken("the profiles cannot be unpacked", &error))?;
        let listeners = Listeners { intake: free_port().await?, admin: free_port().await? };
        let intake = listeners.intake.local_addr().map_err(|error| broken("no address", &error))?;
        let mut settings = Settings::parse(&configuration(directory.path()), "demo.toml")
            .map_err(|problems| Failure::Broken(problems.to_string()))?;
        settings.intake.public_url = BaseUrl::parse(&format!("http://{intake}")).ok();
        let files = Files::load(&settings).map_err(Failure::Configuration)?;
        let mut world = sandbox_world(World::demo(), &files);
        if let Ok(away) = SysId::parse(script::AWAY) {
            world.set_available(away, false);
        }
        let sandbox = Sandbox::start(free_port().await?, world)
            .map_err(|error| broken("the sandbox cannot start", &error))?;
        sandbox.set_switches(Switches::permissive());
        settings
            .servicenow
            .point_to(&sandbox.url())
            .map_err(|error| broken("the sandbox has no address", &error))?;
        let token_file = settings.admin_token_file();
        // What is shown is the same on every machine.
        let host = Host { jitter: || 0.5, ..Host::nobody() };
        let bridge = super::start_on(host, settings, listeners, Shutdown::new()).await?;
        asked_at_start(&sandbox).await;
        let token = super::admin_token::of_file(&token_file)?;
        let http = super::local_client(PATIENCE)
            .build()
            .map_err(|error| broken("no HTTP client", &error))?;
        Ok(Self { _directory: directory, sandbox, bridge, files, mappings, http, token })
    }

    /// Where the sandbox and the bridge's two addresses are.
    #[must_use]
    pub(crate) fn addresses(&self) -> (String, String, String) {
        let Bridge { intake, admin, .. } = &self.bridge;
        (self.sandbox.url(), format!("http://{intake}"), format!("http://{admin}"))
    }

    /// Carries out all steps; `show` is called as each one ends.
    ///
    /// # Errors
    /// A step could not be carried out at all.
    pub(crate) async fn play(&self, mut show: impl FnMut(&Shown)) -> Result<Vec<Shown>, Failure> {
        let mut all = Vec::new();
        for (index, step) in script::steps().into_iter().enumerate() {
            let shown = self.step(index + 1, &step).await?;
            show(&shown);
            all.push(shown);
        }
        Ok(all)
    }

    /// Stops everything and removes the store.
    ///
    /// # Errors
    /// The bridge did not stop in order.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.bridge.stop().await?;
        self.sandbox.stop().await;
        Ok(())
    }

    async fn step(&self, number: usize, step: &Step) -> Result<Shown, Failure> {
        let request = self.request(step)?;
        let ids = self.event_ids(step, &request);
        if let Some(fault) = &step.fault {
            self.sandbox.inject(fault.clone());
        }
        let before = self.sandbox.calls().len();
        let (status, answer) = self.send(step, request).await?;
        let mut events = Vec::new();
        for (id, expected) in ids.iter().zip(step.expect) {
            events.push(self.follow(step.source, id, expected).await);
        }
        let calls = self.sandbox.calls().split_off(before.min(self.sandbox.calls().len()));
        let states = events.iter().map(|event| event.state.as_str());
        let expected = status == step.status
            && ids.len() == step.expect.len()
            && states.eq(step.expect.iter().copied())
            && calls.iter().filter(|call| is_write(call)).count() == step.writes;
        Ok(Shown {
            number,
            source: step.source.to_owned(),
            title: step.title.to_owned(),
            answer: format!("{status}{answer}"),
            events,
            calls: calls.iter().map(told).collect(),
            expected,
        })
    }

    fn request(&self, step: &Step) -> Result<Request, Failure> {
        let missing = || Failure::Broken(format!("the demonstration lacks {}", step.title));
        let source = self.files.sources.get(step.source).ok_or_else(missing)?;
        let path = format!("/webhooks/{}", step.source);
        let now = clock::now();
        let mut request = match &step.origin {
            Origin::Sample { vendor, file } => {
                let folder = self.mappings.join("vendors").join(vendor);
                let samples = samples::load(&folder).map_err(Failure::Configuration)?;
                let sample = samples
                    .into_iter()
                    .find(|sample| sample.file.ends_with(file))
                    .ok_or_else(missing)?;
                sample.request(source.profile(), &path, now)
            }
            // Past enough that a clock that is set right meanwhile does not put it ahead of ServiceNow's.
            Origin::Event(event) => {
                script::native(source.profile(), &path, event(now.minus(1_000)), now)
            }
        };
        source
            .sign(&mut request)
            .map_err(|error| Failure::Broken(format!("{}: {error}", step.source)))?;
        Ok(request)
    }

    /// The ids of the events that the profile reads out of the request.
    fn event_ids(&self, step: &Step, request: &Request) -> Vec<String> {
        let source = self.files.sources.get(step.source);
        let readings = source.and_then(|source| source.read(request).ok()).unwrap_or_default();
        readings
            .into_iter()
            .filter_map(|reading| match reading {
                Reading::Event(event) => Some(event.id.to_string()),
                Reading::Unreadable(one) => Some(one.id),
                Reading::Ignored { .. } | Reading::Unknown { .. } => None,
            })
            .collect()
    }

    async fn send(&self, step: &Step, request: Request) -> Result<(u16, String), Failure> {
        let url = format!("http://{}{}", self.bridge.intake, request.path_and_query);
        let response = self
            .http
            .request(request.method, url)
            .headers(request.headers)
            .body(request.body)
            .send()
            .await
            .map_err(|error| Failure::Broken(format!("{}: {}", step.title, error.without_url())))?;
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let statuses = body["events"].as_array().into_iter().flatten();
        let statuses: Vec<_> = statuses.filter_map(|event| event["status"].as_str()).collect();
        let statuses = statuses.join(", ");
        Ok((status, if statuses.is_empty() { statuses } else { format!(" {statuses}") }))
    }

    /// Waits until the event is where it should be, or has ended elsewhere.
    async fn follow(&self, source: &str, id: &str, expected: &str) -> ShownEvent {
        let id_in_path =
            percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
        let url = format!("http://{}/v1/events/{source}/{id_in_path}", self.bridge.admin);
        let deadline = clock::now().plus(clock::millis(PATIENCE));
        loop {
            let asked = self.http.get(&url).bearer_auth(self.token.expose_secret());
            let event = match asked.send().await {
                Ok(response) => response.bytes().await.ok(),
                Err(_) => None,
            };
            let event: Value =
                event.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
            let text = |member: &str| event[member].as_str().unwrap_or_default().to_owned();
            let there = event["settled_at"].is_string() || event["state"] == expected;
            if there || clock::now() > deadline {
                return ShownEvent {
                    id: id.to_owned(),
                    kind: text("kind"),
                    state: text("state"),
                    reason: match text("detail") {
                        detail if detail.is_empty() => text("reason"),
                        detail => format!("{}: {detail}", text("reason")),
                    },
                };
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Waits for the question that the daemon asks once, whether it may look up, so that no step is shown with it.
async fn asked_at_start(sandbox: &Sandbox) {
    let deadline = clock::now().plus(clock::millis(PATIENCE));
    let asked = || sandbox.calls().iter().any(|call| call.status.is_some());
    while !asked() && clock::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn free_port() -> Result<TcpListener, Failure> {
    TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| Failure::Broken(format!("no free port on 127.0.0.1: {error}")))
}

fn configuration(directory: &Path) -> String {
    let store = directory.join("state.sled");
    let mappings = directory.join("mappings");
    format!(
        "[rate_limit]\nper_second = 100\nburst = 20\n\
         [retry]\nagent_unavailable = [\"200ms\", \"400ms\"]\n\
         [store]\npath = {store:?}\n[mappings]\ndirectory = {mappings:?}\n{}",
        script::SOURCES
    )
}

fn is_write(call: &RecordedCall) -> bool {
    call.method != "GET"
}

/// A call and its answer in one line.
fn told(call: &RecordedCall) -> String {
    let answer = match (call.status, call.fault) {
        (Some(status), None) => status.to_string(),
        (Some(status), Some(fault)) => format!("{status} ({fault})"),
        (None, Some(fault)) => format!("no answer ({fault})"),
        (None, None) => "no answer".to_owned(),
    };
    format!("{} {} → {answer}", call.method, call.path)
}
