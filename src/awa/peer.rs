//! A peer for tests on a loopback socket: it answers each request with the bytes that the test wrote, and remembers
//! what was asked. It can misbehave, which an HTTP server library would not let it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::{Auth, Client, Settings};
use crate::base_url::BaseUrl;

/// What one request gets.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// These bytes; the connection stays open if they are a whole answer.
    Say(Vec<u8>),
    /// These bytes, then the connection closes.
    Cut(Vec<u8>),
    /// The request is read and not answered.
    Hang,
    /// These bytes, once they are let go.
    Late(Arc<Notify>, Vec<u8>),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Over which connection, from 1.
    pub(super) connection: usize,
    pub(super) line: String,
    pub(super) head: String,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

type Script = dyn Fn(usize, &Asked) -> Act + Send + Sync;

/// The running peer.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Peer {
    /// Starts a peer that answers by the script: the number of the request, from 0, and the request.
    pub(super) async fn start(
        script: impl Fn(usize, &Asked) -> Act + Send + Sync + 'static,
    ) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), script).await
    }

    /// The same, at this address.
    pub(super) async fn start_at(
        address: SocketAddr,
        script: impl Fn(usize, &Asked) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, log): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&asked));
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                connection += 1;
                tokio::spawn(converse(stream, connection, Arc::clone(&script), Arc::clone(&log)));
            }
        });
        Self { address, asked }
    }

    /// All requests so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The request lines so far, decoded, without the version.
    pub(super) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// Settings for this peer: basic authentication, and more time than a test takes.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            base_url: BaseUrl::parse(&format!("http://{}", self.address)).unwrap(),
            api_version: super::wire::ApiVersion::default(),
            request_timeout: Duration::from_secs(60),
            rate_limit: crate::awa::RateLimit::UNLIMITED,
            auth: Some(Auth::Basic { username: "bridge".into(), password: "hunter2".into() }),
            client_certificate: None,
            ca: None,
            proxy: None,
            resolver: None,
            connection_age: None,
            channels: std::collections::HashMap::new(),
        }
    }

    pub(super) fn client(&self) -> Client {
        Client::new(self.settings()).unwrap()
    }
}

/// A whole JSON answer.
pub(super) fn json(status: u16, body: &Value) -> Act {
    answer(status, "content-type: application/json\r\n", &body.to_string())
}

/// A whole answer with these header lines.
pub(super) fn answer(status: u16, headers: &str, body: &str) -> Act {
    let length = body.len();
    Act::Say(
        format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}")
            .into_bytes(),
    )
}

async fn converse(
    mut stream: TcpStream,
    connection: usize,
    script: Arc<Script>,
    log: Arc<Mutex<Vec<Asked>>>,
) {
    let mut buffer = Vec::new();
    while let Some(asked) = request(&mut stream, connection, &mut buffer).await {
        let act = {
            let mut log = log.lock().unwrap();
            log.push(asked.clone());
            script(log.len() - 1, &asked)
        };
        match act {
            Act::Say(bytes) => stream.write_all(&bytes).await.unwrap_or_default(),
            Act::Cut(bytes) => return stream.write_all(&bytes).await.unwrap_or_default(),
            Act::Hang => std::future::pending().await,
            Act::Late(let_go, bytes) => {
                let_go.notified().await;
                stream.write_all(&bytes).await.unwrap_or_default();
            }
        }
    }
}

async fn request(stream: &mut TcpStream, connection: usize, buffer: &mut Vec<u8>) -> Option<Asked> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let length = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, length)| length.parse().unwrap());
            if buffer.len() >= end + 4 + length {
                let body = String::from_utf8_lossy(&buffer[end + 4..end + 4 + length]).into_owned();
                buffer.drain(..end + 4 + length);
                let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1");
                let line = percent_encoding::percent_decode_str(&line.replace('+', " "))
                    .decode_utf8_lossy()
                    .into_owned();
                return Some(Asked { connection, line, head, body });
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
