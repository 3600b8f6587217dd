//! Senders: closed loop (as fast as answers come) and open loop (at a rate, whatever comes); each signs as it sends.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use awa_bridge::testing::clock;
use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::awa::Awa;

/// The key of the native source, and as its secret is written.
pub(super) const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
/// The header key of the Amazon Connect source.
pub(super) const CONNECT_KEY: &str = "bench-key-bench-key";
/// The work item of event 0, of which a number names another.
pub(super) const FIRST_ITEM: u64 = 0xa5_0000_0000;

/// Who sends: makes the request of each number.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    name: &'static str,
    /// Of native events.
    kind: &'static str,
    agent: &'static str,
    /// The conversation of all events; without it each event has its own.
    conversation: Option<&'static str>,
    /// The number of the first event.
    first: u64,
    native: bool,
}

impl Sender {
    pub(super) const fn native(name: &'static str) -> Self {
        Self::native_of(name, "offer")
    }

    /// Native events of that kind.
    pub(super) const fn native_of(name: &'static str, kind: &'static str) -> Self {
        Self { name, kind, agent: "anna", conversation: None, first: 0, native: true }
    }

    pub(super) const fn connect(name: &'static str) -> Self {
        Self { kind: "", native: false, ..Self::native(name) }
    }

    /// Numbers its events from `first`.
    pub(super) const fn from(self, first: u64) -> Self {
        Self { first, ..self }
    }

    /// Rings this agent.
    pub(super) const fn for_agent(self, agent: &'static str) -> Self {
        Self { agent, ..self }
    }

    /// All its events are of this conversation.
    pub(super) const fn in_conversation(self, conversation: &'static str) -> Self {
        Self { conversation: Some(conversation), ..self }
    }

    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    fn request(&self, number: u64) -> Vec<u8> {
        let number = self.first + number;
        if self.native { self.native_request(number) } else { self.connect_request(number) }
    }

    fn native_request(&self, number: u64) -> Vec<u8> {
        let Self { name, kind, agent, conversation, first: _, native: _ } = self;
        let now = clock::now();
        let own = format!("{name}-c-{number}");
        let conversation = conversation.unwrap_or(&own);
        let document = if conversation == own { 0xbe_0000_0000 + number } else { 0xbd_0000_0000 };
        let item = if *kind == "assign" {
            format!("\"work_item\":\"{:032x}\",", FIRST_ITEM + number)
        } else {
            String::new()
        };
        let event = format!(
            "{{\"id\":\"{name}-e-{number}\",\"kind\":\"{kind}\",\"conversation\":\"{conversation}\",\
             \"segment\":\"{name}-{number}\",\"occurred_at\":\"{now}\",\"channel\":\"voice\",\"queue\":\"support\",\
             \"agent\":\"{agent}\",\"document\":{{\"table\":\"interaction\",\"sys_id\":\"{document:032x}\"}},{item}\"note\":\"",
        );
        let body = padded(event, "\"}");
        let id = format!("msg_{name}_{number}");
        let timestamp = now.0 / 1_000;
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body.as_bytes());
        let signature =
            base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        format!(
            "POST /webhooks/native HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nwebhook-id: {id}\r\n\
             webhook-timestamp: {timestamp}\r\nwebhook-signature: v1,{signature}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    fn connect_request(&self, number: u64) -> Vec<u8> {
        let now = clock::now();
        let name = self.name;
        let arn =
            "arn:aws:connect:us-east-1:111122223333:instance/aaaa1111-0000-4000-8000-000000000001";
        let event = format!(
            "{{\"version\":\"0\",\"id\":\"{name}-{number}\",\"detail-type\":\"Amazon Connect Contact Event\",\
             \"source\":\"aws.connect\",\"account\":\"111122223333\",\"time\":\"{now}\",\"region\":\"us-east-1\",\
             \"resources\":[\"{arn}\"],\"detail\":{{\"contactId\":\"{name}-c-{number}\",\"channel\":\"VOICE\",\
             \"initiationMethod\":\"INBOUND\",\"instanceArn\":\"{arn}\",\"initiationTimestamp\":\"{now}\",\
             \"queueInfo\":{{\"queueArn\":\"{arn}/queue/q0000000-0000-4000-8000-000000000001\",\
             \"queueType\":\"STANDARD\",\"enqueueTimestamp\":\"{now}\"}},\"tags\":{{\
             \"servicenow_document\":\"{:032x}\",\"note\":\"",
            0xcc_0000_0000_u64 + number
        );
        let body = padded(event, "\"},\"eventType\":\"QUEUED\"}}");
        format!(
            "POST /webhooks/connect HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
             x-api-key: {CONNECT_KEY}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

fn padded(mut body: String, end: &str) -> String {
    while body.len() + end.len() < 1_024 {
        body.push('x');
    }
    body + end
}

/// The processor time that a process has taken, in microseconds: what it costs whoever else uses the machine.
pub(super) fn cpu_micros(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name may hold blanks and ends in a bracket; ticks of 10 ms in user and system mode are fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 10_000.0
}

/// Microseconds of one clock for all.
pub(super) fn micros() -> u64 {
    u64::try_from(clock::monotonic().as_micros()).unwrap()
}

/// Sends as fast as answers come; accepted events a second, and how long an answer took.
pub(super) fn closed(
    address: SocketAddr,
    sender: &Sender,
    connections: usize,
    time: Duration,
) -> (f64, Latencies) {
    let next = Arc::new(AtomicU64::new(0));
    let until = micros() + u64::try_from(time.as_micros()).unwrap();
    let began = micros();
    let latencies: Vec<u64> = runtime().block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..connections {
            let (next, sender) = (Arc::clone(&next), sender.clone());
            tasks.spawn(async move {
                let mut stream = connect(address).await;
                let mut taken = Vec::new();
                while micros() < until {
                    let request = sender.request(next.fetch_add(1, Ordering::Relaxed));
                    let sent = micros();
                    exchange(&mut stream, &request).await;
                    taken.push(micros() - sent);
                }
                taken
            });
        }
        tasks.join_all().await.into_iter().flatten().collect()
    });
    #[expect(clippy::cast_precision_loss, reason = "counts of a bench")]
    let rate = latencies.len() as f64 / ((micros() - began) as f64 / 1e6);
    (rate, Latencies::new(latencies))
}

/// Sends each connection's next event when the call of the one before has reached AWA; ends after a time or a number of
/// events, whichever is first.
pub(super) fn lives(
    address: SocketAddr,
    sender: &Sender,
    awa: &Awa,
    connections: usize,
    (time, events): (Duration, u64),
) -> Sent {
    let next = Arc::new(AtomicU64::new(0));
    let until = micros() + u64::try_from(time.as_micros()).unwrap();
    runtime().block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..connections {
            let (next, sender, awa) = (Arc::clone(&next), sender.clone(), awa.clone());
            tasks.spawn(async move {
                let mut stream = connect(address).await;
                let mut times = Vec::new();
                while micros() < until {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= events {
                        break;
                    }
                    let request = sender.request(number);
                    let sent = micros();
                    exchange(&mut stream, &request).await;
                    times.push((number, sent, micros()));
                    awa.call_of(sender.first + number).await;
                }
                times
            });
        }
        Sent::new(tasks.join_all().await)
    })
}

/// What was sent, by number.
pub(super) struct Sent {
    pub(super) sent: Vec<u64>,
    answered: Vec<u64>,
}

impl Sent {
    /// Of each connection's numbers, moments of sending and of the answer.
    fn new(times: Vec<Vec<(u64, u64, u64)>>) -> Self {
        let mut times: Vec<_> = times.into_iter().flatten().collect();
        times.sort_unstable();
        Self {
            sent: times.iter().map(|time| time.1).collect(),
            answered: times.iter().map(|time| time.2).collect(),
        }
    }
}

impl Sent {
    pub(super) fn latencies(&self) -> Latencies {
        Latencies::between(&self.sent, &self.answered)
    }
}

/// Sends at a rate.
pub(super) fn open(
    address: SocketAddr,
    sender: &Sender,
    connections: usize,
    rate: usize,
    time: Duration,
) -> Sent {
    let total = rate * usize::try_from(time.as_secs()).unwrap();
    runtime().block_on(async {
        let began = micros() + 100_000;
        let mut tasks = tokio::task::JoinSet::new();
        for connection in 0..connections {
            let sender = sender.clone();
            tasks.spawn(async move {
                let mut stream = connect(address).await;
                let mut times = Vec::new();
                for number in (connection..total).step_by(connections) {
                    let number = u64::try_from(number).unwrap();
                    let request = sender.request(number);
                    let at = began + number * 1_000_000 / u64::try_from(rate).unwrap();
                    tokio::time::sleep(Duration::from_micros(at.saturating_sub(micros()))).await;
                    let sent = micros();
                    exchange(&mut stream, &request).await;
                    times.push((number, sent, micros()));
                }
                times
            });
        }
        Sent::new(tasks.join_all().await)
    })
}

/// For how long no event was taken, at most; each is sent until it is.
pub(super) fn longest_gap(address: SocketAddr, sender: &Sender, time: Duration) -> Duration {
    let until = micros() + u64::try_from(time.as_micros()).unwrap();
    runtime().block_on(async {
        let (mut number, mut last, mut longest) = (0, micros(), 0);
        while last < until {
            let mut stream = connect(address).await;
            if answer(&mut stream, &sender.request(number)).await.starts_with("HTTP/1.1 20") {
                number += 1;
                longest = longest.max(micros() - last);
                last = micros();
            }
        }
        Duration::from_micros(longest)
    })
}

/// Sends so many, as fast as answers come.
pub(super) fn all(address: SocketAddr, sender: &Sender, connections: usize, events: u64) {
    let (sent, full) = (Arc::default(), Arc::default());
    paced(address, sender, connections, events, &sent, &full);
}

/// Sends so many, as fast as answers come, and waits while `full` says so; counts what was answered.
pub(super) fn paced(
    address: SocketAddr,
    sender: &Sender,
    connections: usize,
    events: u64,
    sent: &Arc<AtomicU64>,
    full: &Arc<AtomicBool>,
) {
    let next = Arc::new(AtomicU64::new(0));
    runtime().block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..connections {
            let (next, sender) = (Arc::clone(&next), sender.clone());
            let (sent, full) = (Arc::clone(sent), Arc::clone(full));
            tasks.spawn(async move {
                let mut stream = connect(address).await;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= events {
                        return;
                    }
                    while full.load(Ordering::Relaxed) {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    exchange(&mut stream, &sender.request(number)).await;
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        tasks.join_all().await;
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) {
    let answer = answer(stream, request).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}

async fn answer(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let (mut answer, mut filled) = ([0; 4_096], 0);
    loop {
        let read = stream.read(&mut answer[filled..]).await.unwrap();
        assert!(read > 0, "the server hung up: {}", String::from_utf8_lossy(&answer[..filled]));
        filled += read;
        let text = std::str::from_utf8(&answer[..filled]).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text.to_owned();
        }
    }
}

/// Times in microseconds, sorted.
pub(super) struct Latencies(Vec<u64>);

impl Latencies {
    fn new(mut micros: Vec<u64>) -> Self {
        micros.sort_unstable();
        Self(micros)
    }

    /// From each beginning to its end; what has no end (0) counts as 10 s.
    pub(super) fn between(from: &[u64], to: &[u64]) -> Self {
        let ends = to.iter().copied().chain(std::iter::repeat(0));
        let taken = from
            .iter()
            .zip(ends)
            .map(|(from, to)| if to == 0 { 10_000_000 } else { to.saturating_sub(*from) });
        Self::new(taken.collect())
    }

    /// A percentile in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a bench")]
    pub(super) fn p(&self, percent: usize) -> f64 {
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).map_or(f64::NAN, |micros| *micros as f64 / 1_000.0)
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:>6.2} ms, p99 {:>6.2} ms", self.p(50), self.p(99))
    }
}
