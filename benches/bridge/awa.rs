//! An AWA that says yes to everything at once and notes when each offer arrived.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::load::{FIRST_ITEM, micros};

const SEGMENT: &str = "\"external_segment_id\":\"s-";

#[derive(Clone)]
pub(super) struct Awa {
    pub(super) address: SocketAddr,
    calls: Arc<Mutex<Calls>>,
}

/// The first call of each number.
#[derive(Default)]
struct Calls {
    /// When it arrived; 0 = not yet.
    arrivals: Vec<u64>,
    waiting: HashMap<usize, oneshot::Sender<()>>,
}

impl Awa {
    /// Serves on a thread of its own until the process ends.
    pub(super) fn start() -> Self {
        let calls = Arc::<Mutex<Calls>>::default();
        let (sender, address) = std::sync::mpsc::channel();
        let noted = Arc::clone(&calls);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(serve(stream, Arc::clone(&noted)));
                }
            });
        });
        Self { address: address.recv().unwrap(), calls }
    }

    /// When the first call of each number from `first` on arrived; 0 = never.
    pub(super) fn arrivals(&self, first: u64) -> Vec<u64> {
        let calls = self.calls.lock().unwrap();
        calls.arrivals.get(usize::try_from(first).unwrap()..).unwrap_or_default().to_vec()
    }

    /// Returns when the call of that number has arrived.
    pub(super) async fn call_of(&self, number: u64) {
        let number = usize::try_from(number).unwrap();
        let arrives = {
            let mut calls = self.calls.lock().unwrap();
            if calls.arrivals.get(number).is_some_and(|at| *at > 0) {
                return;
            }
            let (arrived, arrives) = oneshot::channel();
            calls.waiting.insert(number, arrived);
            arrives
        };
        arrives.await.unwrap();
    }
}

async fn serve(mut stream: TcpStream, calls: Arc<Mutex<Calls>>) {
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
        if let Some(number) = number_of(head, body) {
            calls.lock().unwrap().note(number);
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

/// The number of the event that a call is of: an offer says the segment, an assignment the work item.
fn number_of(head: &str, body: &str) -> Option<usize> {
    if let Some((_, rest)) = body.split_once(SEGMENT) {
        return rest.split('"').next()?.parse().ok();
    }
    let item = head.split_once("/workitems/")?.1.split('/').next()?;
    let number = u128::from_str_radix(item, 16).ok()?.checked_sub(FIRST_ITEM.into())?;
    usize::try_from(number).ok()
}

impl Calls {
    fn note(&mut self, number: usize) {
        if self.arrivals.len() <= number {
            self.arrivals.resize(number + 1, 0);
        }
        if self.arrivals[number] == 0 {
            self.arrivals[number] = micros();
        }
        if let Some(arrived) = self.waiting.remove(&number) {
            // Whoever waits no longer does not hear it.
            std::hint::black_box(arrived.send(()).is_err());
        }
    }
}
