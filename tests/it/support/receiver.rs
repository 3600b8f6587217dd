//! A receiver of settled events that answers as it is told, and looks at each signature with its own computation.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use awa_bridge::testing::clock;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::eventually;
use super::sign::standard_webhooks;

/// What signs unless a story says otherwise.
pub(crate) const SECRET: &str = "whsec_QXJyaXZpbmcgYXQgdGhlIHJvdXRlciwgMzIgYnl0ZXM=";

/// What the receiver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    Taken,
    /// The same, so late.
    Late(Duration),
    /// The same, with a body that does not end.
    Endless,
    /// A status with a header.
    Status(u16, &'static str),
    Nothing,
}

/// A push as it came.
#[derive(Debug, Clone)]
pub(crate) struct Push {
    pub(crate) at: Instant,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) is_taken: bool,
}

impl Push {
    /// A header, where there is one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub(crate) fn webhook_id(&self) -> &str {
        self.header("webhook-id").unwrap_or_else(|| panic!("no id: {}", self.head))
    }

    /// Whether it was signed with that secret, now.
    pub(crate) fn is_signed(&self, secret: &str) -> bool {
        let timestamp = self.header("webhook-timestamp").and_then(|text| text.parse().ok());
        let timestamp: i64 = timestamp.unwrap_or_else(|| panic!("no time: {}", self.head));
        let late = clock::now().0 / 1000 - timestamp;
        assert!((-5..=600).contains(&late), "signed {late} s ago");
        let expected = standard_webhooks(secret, self.webhook_id(), timestamp, &self.body);
        self.header("webhook-signature") == Some(&expected)
    }

    pub(crate) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn event_id(&self) -> String {
        self.event()["id"].as_str().expect("an id").to_owned()
    }
}

/// A receiver of pushes.
pub(crate) struct Receiver {
    pub(crate) url: String,
    answers: Arc<Mutex<Answers>>,
    pushes: Arc<Mutex<Vec<Push>>>,
    /// How many pushes had come when it began to answer as it does.
    earlier: AtomicUsize,
    serving: Option<JoinHandle<()>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let mut receiver = Self {
            url: String::new(),
            answers: Arc::new(Mutex::new(Answers::Taken)),
            pushes: Arc::default(),
            earlier: AtomicUsize::new(0),
            serving: None,
        };
        receiver.listen("127.0.0.1:0").await;
        receiver
    }

    async fn listen(&mut self, address: &str) {
        let listener = TcpListener::bind(address).await.expect("a free port");
        self.url = format!("http://{}/awa?key=k-1", listener.local_addr().expect("its address"));
        let (answers, pushes) = (Arc::clone(&self.answers), Arc::clone(&self.pushes));
        self.serving = Some(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(received(stream, Arc::clone(&answers), Arc::clone(&pushes)));
            }
        }));
    }

    fn address(&self) -> &str {
        let rest = self.url.strip_prefix("http://").expect("a URL");
        rest.split_once('/').expect("a path").0
    }

    /// Nobody listens any more.
    pub(crate) async fn go_away(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            drop(serving.await);
        }
    }

    pub(crate) async fn come_back(&mut self) {
        let address = self.address().to_owned();
        self.listen(&address).await;
    }

    pub(crate) fn now_answers(&self, answers: Answers) {
        let mut current = self.answers.lock().expect("no panic");
        self.earlier.store(self.pushes().len(), Ordering::Relaxed);
        *current = answers;
    }

    /// All that came, whatever was answered.
    pub(crate) fn pushes(&self) -> Vec<Push> {
        self.pushes.lock().expect("no panic").clone()
    }

    /// The ids of what it has taken, in order; what comes again is there once.
    pub(crate) fn taken(&self) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for push in self.pushes().into_iter().filter(|push| push.is_taken) {
            if !seen.iter().any(|id| id == push.webhook_id()) {
                seen.push(push.webhook_id().to_owned());
                ids.push(push.event_id());
            }
        }
        ids
    }

    /// Waits until it has taken so many.
    pub(crate) async fn takes(&self, count: usize) -> Vec<String> {
        eventually(&format!("{count} events to be taken"), async || {
            Some(self.taken()).filter(|taken| taken.len() >= count)
        })
        .await
    }

    /// Waits until something was pushed to it since it answers as it does.
    pub(crate) async fn is_tried(&self) {
        let earlier = self.earlier.load(Ordering::Relaxed);
        eventually("a push", async || (self.pushes().len() > earlier).then_some(())).await;
    }

    /// The section that names it.
    pub(crate) fn section(&self, more: &str) -> String {
        format!("[notify]\nurl = \"{}\"\nsecret = \"{SECRET}\"\n{more}\n", self.url)
    }
}

async fn received(
    mut stream: TcpStream,
    answers: Arc<Mutex<Answers>>,
    noted: Arc<Mutex<Vec<Push>>>,
) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut some = [0; 4_096];
        let count = stream.read(&mut some).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        bytes.extend_from_slice(&some[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = header(&head, "content-length").and_then(|length| length.parse().ok());
        if bytes.len() >= end + 4 + length.unwrap_or(0) {
            break (head, bytes[end + 4..].to_vec());
        }
    };
    let answers = *answers.lock().expect("no panic");
    if let Answers::Late(late) = answers {
        tokio::time::sleep(late).await;
    }
    let is_taken = matches!(answers, Answers::Taken | Answers::Late(_) | Answers::Endless);
    noted.lock().expect("no panic").push(Push { at: clock::instant(), head, body, is_taken });
    let answer = match answers {
        Answers::Taken | Answers::Late(_) => {
            "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned()
        }
        Answers::Endless => "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
        Answers::Status(status, header) => {
            format!(
                "HTTP/1.1 {status} X\r\n{header}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        }
        Answers::Nothing => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            String::new()
        }
    };
    let mut sent = stream.write_all(answer.as_bytes()).await;
    while answers == Answers::Endless && sent.is_ok() {
        sent = stream.write_all(&[b' '; 64]).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
