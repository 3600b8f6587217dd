//! An HTTP/1.1 server for tests that keeps its connections, numbers them from 1, and answers as a function of the
//! connection and the request; every GET gets an empty result, every POST the documented success, where it has no
//! answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) connection: usize,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: String,
}

type Answer = dyn Fn(&Asked) -> Option<String> + Send + Sync;

/// The running server.
pub(crate) struct Raw {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Raw {
    /// Answers whole responses, or none for the usual one.
    pub(crate) async fn start(
        answer: impl Fn(&Asked) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answer, log): (Arc<Answer>, _) = (Arc::new(answer), Arc::clone(&asked));
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                connection += 1;
                tokio::spawn(serve(stream, connection, Arc::clone(&answer), Arc::clone(&log)));
            }
        });
        Self { url, asked }
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }

    /// The requests that offer work.
    pub(crate) fn offers(&self) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.path.ends_with("/offer")).collect()
    }
}

/// A whole response.
pub(crate) fn response(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

/// A whole response of JSON.
pub(crate) fn json(status: u16, body: &str) -> String {
    response(status, "content-type: application/json\r\n", body)
}

fn usual(asked: &Asked) -> String {
    static WORK_ITEMS: AtomicU64 = AtomicU64::new(1);
    match asked.method.as_str() {
        "GET" => json(200, "{\"result\":[]}"),
        _ => json(
            200,
            &format!(
                "{{\"result\":{{\"success\":true,\"message\":\"requested\",\"work_item\":{{\"sys_id\":\"{:032x}\"}}}}}}",
                WORK_ITEMS.fetch_add(1, Ordering::Relaxed)
            ),
        ),
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    answer: Arc<Answer>,
    log: Arc<Mutex<Vec<Asked>>>,
) {
    let mut buffer = Vec::new();
    while let Some(asked) = request(&mut stream, &mut buffer, connection).await {
        log.lock().expect("no panic").push(asked.clone());
        let bytes = answer(&asked).unwrap_or_else(|| usual(&asked));
        if stream.write_all(bytes.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>, connection: usize) -> Option<Asked> {
    loop {
        let text = String::from_utf8_lossy(buffer).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, length)| length.parse().expect("a length"));
            if rest.len() >= length {
                let body = rest[..length].to_owned();
                let mut words = head.split(' ');
                let mut word = || words.next().unwrap_or_default().to_owned();
                let (method, path) = (word(), word());
                let length = head.len() + 4 + length;
                buffer.drain(..length);
                return Some(Asked { connection, method, path, body });
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
