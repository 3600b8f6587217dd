//! The bound: a hyper server that verifies, parses, appends to a file, and answers after one fdatasync for the group;
//! for an event's whole life it then sends one request to AWA, over connections that stay open, and appends the answer.

use std::convert::Infallible;
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::daemon::IN_FLIGHT;
use super::load::{KEY, cpu_micros};

/// What is read of an event.
#[derive(Deserialize)]
struct Event {
    id: String,
    kind: String,
    conversation: String,
    segment: String,
    occurred_at: String,
}

/// The bound as a process.
pub(super) struct Bound {
    child: Child,
    pub(super) address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Bound {
    /// Of the intake alone.
    pub(super) fn start() -> Self {
        Self::calling(None)
    }

    /// Of the whole life of an event, with that AWA.
    pub(super) fn calling(awa: Option<SocketAddr>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--bound")
            .arg(directory.path().join("log"))
            .args(awa.map(|awa| awa.to_string()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        Self { child, address: line.trim().parse().unwrap(), _directory: directory }
    }
}

impl Bound {
    pub(super) fn cpu_micros(&self) -> f64 {
        cpu_micros(self.child.id())
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

type Entry = (Bytes, oneshot::Sender<()>);

/// Where an answered request's call goes, and the connections to there that are free.
struct Peer {
    awa: SocketAddr,
    free: Mutex<Vec<TcpStream>>,
    /// As many calls at a time as the daemon's `max_in_flight`.
    places: tokio::sync::Semaphore,
}

/// Serves for good.
pub(super) fn serve(file: &str, awa: Option<&str>) {
    let peer = awa.map(|awa| {
        Arc::new(Peer {
            awa: awa.parse().unwrap(),
            free: Mutex::default(),
            places: tokio::sync::Semaphore::new(IN_FLIGHT),
        })
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (log, entries) = mpsc::channel::<Entry>(4_096);
    let file = File::create(file).unwrap();
    std::thread::spawn(move || write(file, entries));
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (log, peer) = (log.clone(), peer.clone());
            tokio::spawn(async move {
                let service = service_fn(|request| take(request, log.clone(), peer.clone()));
                drop(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    });
}

async fn take(
    request: Request<Incoming>,
    log: mpsc::Sender<Entry>,
    peer: Option<Arc<Peer>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let header = |name: &str| head.headers.get(name).unwrap().to_str().unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    mac.update(header("webhook-id").as_bytes());
    mac.update(b".");
    mac.update(header("webhook-timestamp").as_bytes());
    mac.update(b".");
    mac.update(&body);
    let given = header("webhook-signature").strip_prefix("v1,").unwrap();
    let given = base64::engine::general_purpose::STANDARD.decode(given).unwrap();
    mac.verify_slice(&given).unwrap();
    let Event { id, kind, conversation, segment, occurred_at } =
        serde_json::from_slice(&body).unwrap();
    std::hint::black_box((kind, conversation, &segment, occurred_at));
    keep(&log, body).await;
    if let Some(peer) = peer {
        tokio::spawn(async move { keep(&log, peer.call(&segment).await).await });
    }
    let answer = format!("{{\"events\":[{{\"id\":\"{id}\",\"status\":\"accepted\"}}]}}");
    let answer = Response::builder()
        .status(202)
        .header("content-type", "application/json")
        .body(Full::new(answer.into()));
    Ok(answer.unwrap())
}

/// Returns when the bytes are on the disk.
async fn keep(log: &mpsc::Sender<Entry>, bytes: Bytes) {
    let (done, written) = oneshot::channel();
    log.send((bytes, done)).await.unwrap();
    written.await.unwrap();
}

impl Peer {
    /// Offers the segment's work; the answer.
    async fn call(&self, segment: &str) -> Bytes {
        let _place = self.places.acquire().await.unwrap();
        let free = self.free.lock().unwrap().pop();
        let mut stream = match free {
            Some(stream) => stream,
            None => TcpStream::connect(self.awa).await.unwrap(),
        };
        stream.set_nodelay(true).unwrap();
        let body = format!(
            "{{\"external_segment_id\":\"{segment}\",\"queue_id\":\"demo-support-voice\",\"assignment\":{{\
             \"agent_sys_id\":\"a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\",\"allowed_to_decline\":true,\"timeout\":3600}}}}"
        );
        let request = format!(
            "POST /api/now/awa/documents/interaction/0/offer HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
             authorization: Basic YnJpZGdlOmNoYW5nZS1tZQ==\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4_096];
        let mut filled = 0;
        while !is_whole(&answer[..filled]) {
            let read = stream.read(&mut answer[filled..]).await.unwrap();
            assert!(read > 0, "AWA hung up");
            filled += read;
        }
        answer.truncate(filled);
        self.free.lock().unwrap().push(stream);
        answer.into()
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let text = str::from_utf8(answer).unwrap();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.unwrap().parse().unwrap()
}

fn write(mut file: File, mut entries: mpsc::Receiver<Entry>) {
    let mut group = Vec::new();
    while entries.blocking_recv_many(&mut group, 512) > 0 {
        let mut bytes = Vec::new();
        for (body, _) in &group {
            bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
            bytes.extend(body);
        }
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
        for (_, done) in group.drain(..) {
            // Whoever hung up does not hear it.
            std::hint::black_box(done.send(()).is_err());
        }
    }
}
