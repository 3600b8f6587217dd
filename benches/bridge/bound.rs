//! The bound: a hyper server that verifies, parses, appends to a file, and answers after one fdatasync for the group.

use std::convert::Infallible;
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

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
use tokio::sync::{mpsc, oneshot};

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
    pub(super) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--bound")
            .arg(directory.path().join("log"))
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

/// Serves for good.
pub(super) fn serve(file: &str) {
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
            let log = log.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| take(request, log.clone()));
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
    std::hint::black_box((kind, conversation, segment, occurred_at));
    let (done, written) = oneshot::channel();
    log.send((body, done)).await.unwrap();
    written.await.unwrap();
    let answer = format!("{{\"events\":[{{\"id\":\"{id}\",\"status\":\"accepted\"}}]}}");
    let answer = Response::builder()
        .status(202)
        .header("content-type", "application/json")
        .body(Full::new(answer.into()));
    Ok(answer.unwrap())
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
