//! An AWA that says yes to everything at once and notes when each offer arrived.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::load::micros;

const SEGMENT: &str = "\"external_segment_id\":\"s-";

pub(super) struct Awa {
    pub(super) address: SocketAddr,
    arrivals: Arc<Mutex<Vec<u64>>>,
}

impl Awa {
    /// Serves on a thread of its own until the process ends.
    pub(super) fn start() -> Self {
        let arrivals = Arc::<Mutex<Vec<u64>>>::default();
        let (told, address) = std::sync::mpsc::channel();
        let noted = Arc::clone(&arrivals);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(serve(stream, Arc::clone(&noted)));
                }
            });
        });
        Self { address: address.recv().unwrap(), arrivals }
    }

    /// When the first call of each number arrived; 0 = never.
    pub(super) fn arrivals(&self) -> Vec<u64> {
        self.arrivals.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, arrivals: Arc<Mutex<Vec<u64>>>) {
    stream.set_nodelay(true).unwrap();
    let mut request = Vec::new();
    loop {
        let mut bytes = [0; 8_192];
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&bytes[..read]),
        }
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() < length.map_or(0, |length| length.parse().unwrap()) {
            continue;
        }
        if let Some(at) = body.find(SEGMENT) {
            let number = body[at + SEGMENT.len()..].split('"').next().unwrap();
            note(&arrivals, number.parse().unwrap());
        }
        request.clear();
        let answer = "{\"result\":{\"success\":true,\"message\":\"ok\",\
                      \"work_item\":{\"sys_id\":\"22222222222222222222222222222222\"}}}";
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn note(arrivals: &Mutex<Vec<u64>>, number: usize) {
    let now = micros();
    let mut arrivals = arrivals.lock().unwrap();
    if arrivals.len() <= number {
        arrivals.resize(number + 1, 0);
    }
    if arrivals[number] == 0 {
        arrivals[number] = now;
    }
}
