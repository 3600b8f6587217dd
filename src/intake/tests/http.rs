//! A running intake on a port of its own, and a client that writes bytes as they are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::fakes::{FakeEndpoint, FakeStore};
use crate::http::{Limits, Listener, serve};
use crate::intake::{BodyLimits, Sources, Webhooks};
use crate::shutdown::Shutdown;

pub(super) const MAX_CONNECTIONS: usize = 4;

pub(super) struct Intake {
    pub(super) address: SocketAddr,
    pub(super) endpoint: Arc<FakeEndpoint>,
    pub(super) store: Arc<FakeStore>,
    pub(super) sources: Sources<FakeEndpoint>,
    pub(super) shutdown: Shutdown,
    pub(super) served: JoinHandle<()>,
}

impl Intake {
    pub(super) async fn start(endpoint: FakeEndpoint) -> Self {
        Self::start_with(endpoint, Duration::from_millis(300)).await
    }

    pub(super) async fn start_with(endpoint: FakeEndpoint, body_timeout: Duration) -> Self {
        Self::start_limited(endpoint, body_timeout, MAX_CONNECTIONS).await
    }

    /// With so many connections at the same time.
    pub(super) async fn start_roomy(endpoint: FakeEndpoint, max_connections: usize) -> Self {
        Self::start_limited(endpoint, Duration::from_millis(300), max_connections).await
    }

    async fn start_limited(
        endpoint: FakeEndpoint,
        body_timeout: Duration,
        max_connections: usize,
    ) -> Self {
        let (endpoint, store, shutdown) = (Arc::new(endpoint), FakeStore::new(), Shutdown::new());
        let sources = Sources::new([("demo".to_owned(), Arc::clone(&endpoint))].into());
        let limits = BodyLimits { max: 128, timeout: body_timeout };
        let webhooks = Arc::new(Webhooks::new(sources.clone(), Arc::clone(&store), limits));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits {
            listener: Listener::Intake,
            max_connections,
            header_timeout: Duration::from_millis(300),
            idle_timeout: Duration::from_millis(300),
            grace: Duration::from_millis(500),
        };
        let served = tokio::spawn(serve(
            listener,
            None,
            limits,
            shutdown.clone(),
            || {},
            move |request| Arc::clone(&webhooks).take(request),
        ));
        Self { address, endpoint, store, sources, shutdown, served }
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
}

/// A signed POST.
pub(super) fn post(source: &str, body: &str) -> String {
    format!(
        "POST /webhooks/{source} HTTP/1.1\r\nhost: x\r\nx-secret: right\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A signed POST of one event.
pub(super) fn offer(id: &str) -> String {
    post("demo", &format!("event {id}"))
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
