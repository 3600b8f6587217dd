//! Whoever takes connections and gives nothing for them: an authentic webhook is answered all the same, and so is an
//! operator.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Daemon, Home};
use super::support::{an_offer, eventually};

/// So many connections try to be open at the same time, for 16 places.
const GREEDY: usize = 200;

/// No deadline of the daemon's own ends a connection within the test.
pub(crate) const CONFIG: &str = "[intake]\nmax_connections = 16\nheader_timeout = \"600s\"\nbody_timeout = \"600s\"\n\
                      idle_timeout = \"1h\"\n";

/// What is done with one connection, again and again; false when it is over.
pub(crate) type Trick = fn(&mut TcpStream) -> bool;

/// Connections that are opened again as soon as they end, until this is dropped.
pub(crate) struct Crowd {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    pub(crate) fn gather(url: &str, trick: Trick) -> Self {
        let (over, connected) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let threads = (0..4).map(|_| {
            let (over, address) = (Arc::clone(&over), url.trim_start_matches("http://").to_owned());
            let connected = Arc::clone(&connected);
            std::thread::spawn(move || {
                let mut open: Vec<Option<TcpStream>> = (0..GREEDY / 4).map(|_| None).collect();
                while !over.load(Ordering::Relaxed) {
                    for place in &mut open {
                        let stream = place.get_or_insert_with(|| {
                            connected.fetch_add(1, Ordering::Relaxed);
                            connect(&address)
                        });
                        if !trick(stream) {
                            *place = None;
                        }
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            })
        });
        let threads: Vec<_> = threads.collect();
        while connected.load(Ordering::Relaxed) < GREEDY {
            assert!(!threads.iter().any(JoinHandle::is_finished), "a connection is refused");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { over, threads }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_nonblocking(true).expect("it does not block");
    stream
}

/// Whether the other side still holds the connection; reads what it has sent.
pub(crate) fn is_open(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 4096]) {
        Ok(read) => read > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

/// Writes what fits; false if the connection is over.
pub(crate) fn write(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    match stream.write(bytes) {
        Ok(written) => written > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

const TRICKS: [(&str, Trick); 9] = [
    ("nothing is said", is_open),
    ("what is not there is asked for over and over", |stream| {
        write(stream, b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n") && is_open(stream)
    }),
    ("the health is asked for and the connection kept", |stream| {
        write(stream, b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n") && is_open(stream)
    }),
    ("unsigned webhooks", |stream| {
        let head = b"POST /webhooks/native HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
        write(stream, head) && is_open(stream)
    }),
    ("a head byte by byte", |stream| write(stream, b"G") && is_open(stream)),
    ("a body byte by byte", |stream| {
        let head = b"POST /webhooks/native HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n";
        // Its time to live shows whether the head is written.
        let begun = stream.ttl().expect("a number") == 33;
        if begun {
            return write(stream, b" ") && is_open(stream);
        }
        stream.set_ttl(33).expect("it is set");
        write(stream, head)
    }),
    ("half a body", |stream| {
        let head = b"POST /webhooks/native HTTP/1.1\r\nhost: x\r\ncontent-length: 20\r\n\r\n{";
        let begun = stream.ttl().expect("a number") == 33;
        if begun {
            return is_open(stream);
        }
        stream.set_ttl(33).expect("it is set");
        write(stream, head)
    }),
    ("answers that nobody reads", |stream| {
        write(stream, &b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200))
    }),
    ("a flood of requests in one go", |stream| {
        write(stream, &b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50)) && is_open(stream)
    }),
];

async fn start(config: &str) -> (Home, Daemon) {
    let sandbox = start_sandbox(Setup::default().switches).await;
    let home = Home::new(&sandbox.url(), &Setup { config: config.to_owned(), ..Setup::default() });
    let daemon = home.start().await;
    (home, daemon)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_taken_whatever_one_address_does_with_its_connections() {
    let (_home, daemon) = start(CONFIG).await;
    for (number, (what, trick)) in TRICKS.into_iter().enumerate() {
        let crowd = Crowd::gather(&daemon.intake, trick);
        for round in 0..3 {
            let offer = an_offer(&format!("e-{number}-{round}"), &format!("c-{number}-{round}"));
            let posted = tokio::time::timeout(Duration::from_secs(60), daemon.post(&offer)).await;
            assert_eq!(posted.ok().flatten(), Some(202), "{what}\n{}", daemon.log());
        }
        drop(crowd);
    }
    let metrics = daemon.get("/metrics").await;
    let evicted = "awa_bridge_connections_evicted_total{listener=\"intake\"} ";
    let line =
        metrics.as_str().and_then(|page| page.lines().find(|line| line.starts_with(evicted)));
    assert!(line.is_some_and(|line| !line.ends_with(" 0")), "{line:?}");
    assert!(daemon.log().matches("All places for connections are taken").count() < 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_requests_to_the_admin_address_take_nothing_from_anybody() {
    let (home, daemon) = start(CONFIG).await;
    let trick = |stream: &mut TcpStream| write(stream, b"G") && is_open(stream);
    let crowd = Crowd::gather(&daemon.admin, trick);
    let pid = daemon.pid();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count();
    assert!(open < 120, "{open} descriptors are open");
    // A connection that was kept from the start gives way, perhaps as the question is sent over it.
    let answer = eventually("the admin address to answer", async || {
        let response = reqwest::get(format!("{}/livez", daemon.admin)).await.ok()?;
        response.text().await.ok()
    });
    assert_eq!(answer.await, "ok\n");
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    drop((crowd, home));
}
