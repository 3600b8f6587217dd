//! A running intake on a port of its own with a source and a store, and a client that writes bytes as they are.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::clock;
use crate::http::{Limits, Listener, serve};
use crate::intake::{BodyLimits, Sources, Webhooks};
use crate::routing::{ContactCenter, Rules};
use crate::shutdown::Shutdown;
use crate::source::{Profile, Source, SourceSpec};
use crate::store::{RulesFor, Settings, Store};

pub(super) const MAX_CONNECTIONS: usize = 4;

/// A vendor whose events are routing events already, one or an array of them, and who asks for an echo.
const VENDOR: &str = r#"
[request]
decode = "json"
[verify]
scheme = "header"
header = "x-secret"
[[handshake]]
method = "GET"
verified = false
when.query = { challenge = "*" }
answer = { status = 200, text = "{query:challenge}" }
"#;
const EVENTS: &str = r#"if type == "array" then .[] else . end"#;

pub(super) struct Intake {
    pub(super) address: SocketAddr,
    pub(super) store: Store,
    /// Where the store waits with every event while it is shut.
    pub(super) gate: Arc<Gate>,
    pub(super) webhooks: Arc<Webhooks>,
    pub(super) shutdown: Shutdown,
    pub(super) served: JoinHandle<()>,
    sources: Sources,
    profile: Arc<Profile>,
    _directory: TempDir,
}

impl Intake {
    pub(super) async fn start() -> Self {
        Self::start_with(Duration::from_millis(300)).await
    }

    pub(super) async fn start_with(body_timeout: Duration) -> Self {
        let limits = BodyLimits { max: 1_024, timeout: body_timeout };
        Self::start_limited(limits, MAX_CONNECTIONS).await
    }

    pub(super) async fn start_limited(body: BodyLimits, max_connections: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let profile = Arc::new(profile_in(directory.path()));
        let gate = Arc::new(Gate::default());
        let settings = Settings {
            path: directory.path().join("state.sled"),
            free_space_floor: 0,
            ..Settings::default()
        };
        let store = Store::open(settings, Arc::clone(&gate) as _, clock::now).unwrap();
        let sources = Sources::new([("demo".to_owned(), source(&profile, "demo"))].into());
        let webhooks = Arc::new(Webhooks::new(sources.clone(), store.clone(), body));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits {
            listener: Listener::Intake,
            max_connections,
            header_timeout: Duration::from_millis(300),
            idle_timeout: Duration::from_millis(300),
            grace: Duration::from_millis(500),
        };
        let (shutdown, asked) = (Shutdown::new(), Arc::clone(&webhooks));
        let take = move |request| Arc::clone(&asked).take(request);
        let served = tokio::spawn(serve(listener, None, limits, shutdown.clone(), || {}, take));
        let _directory = directory;
        Self { address, store, gate, webhooks, shutdown, served, sources, profile, _directory }
    }

    /// Has sources of these names, and no others, from now on.
    pub(super) fn reload(&self, names: &[&str]) {
        let named = |name: &&str| ((*name).to_owned(), source(&self.profile, name));
        self.sources.replace(names.iter().map(named).collect());
    }

    /// Connects and writes.
    pub(super) async fn open(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }

    /// One request on a connection of its own, and its whole answer.
    pub(super) async fn send(&self, request: &str) -> String {
        head(self.open(request).await).await
    }

    /// How many events are stored.
    pub(super) fn stored(&self) -> usize {
        self.store.counts().remembered
    }
}

fn profile_in(directory: &Path) -> Profile {
    let folder = directory.join("vendor");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("vendor.toml"), VENDOR).unwrap();
    std::fs::write(folder.join("events.jq"), EVENTS).unwrap();
    Profile::load(&folder).unwrap()
}

fn source(profile: &Arc<Profile>, name: &str) -> Arc<Source> {
    let spec = SourceSpec {
        name: name.into(),
        contact_center: "cc".into(),
        secrets: vec!["right".into()],
        verify: None,
        options: serde_json::Map::new(),
        public_url: None,
        loopback: true,
    };
    Arc::new(Source::build(Arc::clone(profile), spec).unwrap())
}

/// Rules that are all defaults, and that nobody gets while it is shut.
#[derive(Default)]
pub(super) struct Gate {
    shut: Mutex<bool>,
    opened: Condvar,
    asked: Notify,
}

impl Gate {
    pub(super) fn shut(&self) {
        *self.shut.lock().unwrap() = true;
    }

    pub(super) fn open(&self) {
        *self.shut.lock().unwrap() = false;
        self.opened.notify_all();
    }

    /// Waits until somebody asks.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }
}

impl RulesFor for Gate {
    fn rules(&self, _: &ContactCenter) -> Arc<Rules> {
        self.asked.notify_one();
        drop(self.opened.wait_while(self.shut.lock().unwrap(), |shut| *shut).unwrap());
        Arc::default()
    }
}

/// A signed POST.
pub(super) fn post(source: &str, body: &str) -> String {
    format!(
        "POST /webhooks/{source} HTTP/1.1\r\nhost: x\r\nx-secret: right\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// An event that needs no table.
pub(super) fn event(id: &str) -> String {
    format!(r#"{{"id":"{id}","kind":"withdraw","conversation":"c-1"}}"#)
}

/// A signed POST of one event.
pub(super) fn offer(id: &str) -> String {
    post("demo", &event(id))
}

/// An answer's body.
pub(super) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

/// Reads one answer by its content length.
pub(super) async fn head(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text.into_owned();
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}

/// Reads until the other side closes.
pub(super) async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes).await {
        Ok(_) | Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}
